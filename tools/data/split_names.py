#!/usr/bin/env python3
"""Write crates/transformer/tests/names-split.txt: which of 32,033 names are learned from, judged by, and left for a last test.

The split of the lectures of nn-zero-to-hero, which Python's own generator draws: `random.seed(42); random.shuffle(words)`, then
80 %, 10 % and 10 %. It is made of the number of names alone, so the names aren't needed. A letter stands for each name, in the
order of names.txt: t(rain), v(alidation) or T(est), 100 to a line. A test holds the split that the crate draws itself to it.

Usage:  python3 tools/data/split_names.py

Needs Python 3.9 or later and nothing beyond its standard library.
"""

import random
from pathlib import Path

NAMES = 32033
OUT = Path(__file__).resolve().parents[2] / "crates" / "transformer" / "tests" / "names-split.txt"


def main() -> None:
    order = list(range(NAMES))
    random.seed(42)
    random.shuffle(order)
    part = ["t"] * NAMES
    for i in order[int(0.8 * NAMES) : int(0.9 * NAMES)]:
        part[i] = "v"
    for i in order[int(0.9 * NAMES) :]:
        part[i] = "T"
    letters = "".join(part)
    OUT.write_text("\n".join(letters[i : i + 100] for i in range(0, NAMES, 100)) + "\n")
    print(f"{OUT.name}: " + ", ".join(f"{letters.count(letter)} {letter}" for letter in "tvT"))


if __name__ == "__main__":
    main()
