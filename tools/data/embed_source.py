#!/usr/bin/env python3
"""Make the embedded source of Glassbox under crates/data/assets/source/.

Takes every Rust file below the src of autograd and of nn, and of examples/, that git knows: operations, layers and the course, a third of
all, for everything would be a megabyte of the binary. Packs them into one text by gzip level 9, a form feed after each. They come in the order of the SHA-256 of their paths, so
that the last tenth, which is held out, is of all folders. What is embedded is the source as it was when this ran: it needn't be made
again when the source changes, and what has been measured on it stays comparable.

Usage:  python3 tools/data/embed_source.py

Needs Python 3.9 or later, git, and nothing beyond the standard library.
"""

import hashlib
import subprocess
from pathlib import Path

from embed_fashion_mnist import deflate

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "crates" / "data" / "assets" / "source"
FILES = ("crates/autograd/src/*.rs", "crates/nn/src/*.rs", "examples/*.rs")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    paths = git("ls-files", *FILES).splitlines()
    paths.sort(key=lambda path: hashlib.sha256(path.encode()).digest())
    files = [(ROOT / path).read_text("utf-8") for path in paths]
    assert not any("\f" in file for file in files)
    text = "\f".join(files)
    out = deflate(text.encode("utf-8"))
    ASSETS.mkdir(parents=True, exist_ok=True)
    (ASSETS / "source.txt.gz").write_bytes(out)
    print(f"source.txt.gz: {len(out):,} bytes, of commit {git('rev-parse', '--short', 'HEAD').strip()}")
    print(f"    unpacked: {len(text.encode('utf-8')):,} bytes of {len(files)} files, "
          f"sha256 {hashlib.sha256(text.encode('utf-8')).hexdigest()}")
    cut, before, train = sum(map(len, files)) * 9 // 10, 0, 0
    for file in files:
        if before >= cut:
            break
        before, train = before + len(file), train + 1
    print(f"    to learn from: {train} files of {before:,} characters; "
          f"held out: {len(files) - train} of {sum(map(len, files)) - before:,}")


if __name__ == "__main__":
    main()
