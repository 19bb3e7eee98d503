#!/usr/bin/env python3
"""Writes crates/transformer/src/tokenizer/class_table.rs: which characters are letters, numbers and white space.

GPT-2's splitting rule asks of every character whether it is \\p{L}, \\p{N} or \\s. Rust's own `char` methods answer for the
version of Unicode that the compiler happens to have, and have no \\p{L} at all (`is_alphabetic` is a wider property), so a table is
kept, of the version that the libraries `tokenizers` 0.23 and `tiktoken` 0.14 have. Needs the package unicodedata2, whose version
is that of its data:

    pip install unicodedata2==16.0.0
    tools/data/unicode_classes.py
"""

import sys
from pathlib import Path

import unicodedata2

VERSION = "16.0.0"
# The property White_Space has been the same since Unicode 6.3.
SPACES = [(0x9, 0xD), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
          (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)]
TABLE = Path(__file__).resolve().parents[2] / "crates/transformer/src/tokenizer/class_table.rs"


def ranges(category):
    """The first and last code points of every run whose general category begins with the letter."""
    found, first = [], None
    for code in range(0x110001):
        inside = code < 0x110000 and unicodedata2.category(chr(code))[0] == category
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            found.append((first, code - 1))
            first = None
    return found


def array(name, what, pairs):
    lines, line = [], "   "
    for first, last in pairs:
        item = f" (0x{first:x}, 0x{last:x}),"
        if len(line) + len(item) > 118:
            lines.append(line)
            line = "   "
        line += item
    text = "\n".join([*lines, line])
    return f"/// {what}: {len(pairs)} ranges, first and last code point.\n#[rustfmt::skip]\n" \
           f"pub(super) const {name}: &[(u32, u32)] = &[\n{text}\n];\n"


def main():
    if unicodedata2.unidata_version != VERSION:
        sys.exit(f"unicode_classes: the data are of Unicode {unicodedata2.unidata_version}, not {VERSION}; "
                 f"pip install unicodedata2=={VERSION}")
    letters, numbers = ranges("L"), ranges("N")
    TABLE.write_text("\n".join([
        f"//! The classes of Unicode {VERSION}, written by `tools/data/unicode_classes.py`; not to be edited.\n",
        array("LETTERS", "General categories Lu, Ll, Lt, Lm and Lo", letters),
        array("NUMBERS", "General categories Nd, Nl and No", numbers),
        array("SPACES", "The property White_Space", SPACES),
    ]))


if __name__ == "__main__":
    main()
