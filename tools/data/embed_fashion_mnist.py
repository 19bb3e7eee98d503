#!/usr/bin/env python3
"""Make the embedded Fashion-MNIST sample under crates/data/assets/fashion-mnist/.

Takes the four files of Debian's package dataset-fashion-mnist, checks their content by SHA-256, keeps the
first 10,000 training and the first 2,000 test examples, and writes them as IDX files again, gzip level 9.
The assets are ordinary IDX files: the parser that reads the full set reads them too. (Measured on the
test pictures: zopfli saves 1.6%, Paeth-filtered PNG 8%; neither is worth a slow tool or a second format.)

Data set: Fashion-MNIST, https://github.com/zalandoresearch/fashion-mnist, Copyright 2017 Zalando SE,
MIT licence. Sizes: 31 MB installed by the package, 5.2 MB written by this script.

Usage:  apt-get install dataset-fashion-mnist
        python3 tools/data/embed_fashion_mnist.py [PACKAGE_FOLDER]

Needs Python 3.9 or later and nothing beyond its standard library. All SHA-256 sums are of unpacked
content, since another zlib packs the same content into other bytes; `glassbox data verify` compares them.
"""

import gzip
import hashlib
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "crates" / "data" / "assets" / "fashion-mnist"
PACKAGE = Path("/usr/share/datasets/fashion-mnist")

# (file of the package, the SHA-256 of its unpacked content, how many examples are kept)
SOURCES = [
    ("train-images-idx3-ubyte.gz", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 10_000),
    ("train-labels-idx1-ubyte.gz", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 10_000),
    ("t10k-images-idx3-ubyte.gz", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 2_000),
    ("t10k-labels-idx1-ubyte.gz", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 2_000),
]


def first(idx: bytes, count: int) -> bytes:
    """The IDX file of u8 values `idx`, cut to its first `count` items."""
    zero, kind, rank = struct.unpack(">HBB", idx[:4])
    dims = struct.unpack(f">{rank}I", idx[4 : 4 + 4 * rank])
    assert (zero, kind) == (0, 0x08), "not an IDX file of u8 values"
    assert dims[0] >= count, f"holds {dims[0]} items, {count} wanted"
    item = 1
    for d in dims[1:]:
        item *= d
    start = 4 + 4 * rank
    assert len(idx) == start + dims[0] * item, "length differs from what the header says"
    return struct.pack(f">HBB{rank}I", 0, 0x08, rank, count, *dims[1:]) + idx[start : start + count * item]


def deflate(data: bytes) -> bytes:
    """gzip at level 9 with the largest match memory, with no name and no time in the header."""
    z = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    body = z.compress(data) + z.flush()
    head = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255])  # deflate, mtime 0, best compression, OS unknown
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


def check(content: bytes, sha256: str, what: str) -> None:
    """Ends the script unless the content is what it was written for."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        sys.exit(f"{what}: SHA-256 is {found}, expected {sha256}: not the file this script knows")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    ASSETS.mkdir(parents=True, exist_ok=True)
    total = 0
    for name, sha256, count in SOURCES:
        source = folder / name
        if not source.is_file():
            sys.exit(f"{source}: no such file; `apt-get install dataset-fashion-mnist` installs it")
        content = gzip.decompress(source.read_bytes())
        check(content, sha256, f"{source}, unpacked")
        kept = first(content, count)
        out = deflate(kept)
        assert gzip.decompress(out) == kept
        (ASSETS / name).write_bytes(out)
        total += len(out)
        print(f"{name}: {len(out):,} bytes")
        print(f"    unpacked: {len(kept):,} bytes, sha256 {hashlib.sha256(kept).hexdigest()}")
        if "labels" in name:
            print(f"    items of classes 0..9: {[n for _, n in sorted(Counter(kept[8:]).items())]}")
    print(f"total {total:,} bytes in {ASSETS}")
    print("Fashion-MNIST: Copyright 2017 Zalando SE, MIT licence")


if __name__ == "__main__":
    main()
