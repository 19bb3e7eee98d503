#!/usr/bin/env python3
"""Writes a text that is hard on tokenizers: the same bytes for the same seed and size, on any machine.

    tools/data/hard_text.py 12000000 0 hard.txt

It has every character of Unicode, assigned or not; words of thirty scripts, with marks on them; emoji with all that joins
and colours them; control characters; every white space there is, in runs and beside everything; contractions that are some and
such that are none; code, numbers, addresses; runs of one character; words without an end; pieces of special tokens; and bytes that
are no UTF-8. Needs Python 3.9 or later and nothing beyond its standard library.
"""

import hashlib
import sys

# First and last code point of what a word of the script is made of, in the order of the alphabet's English name.
SCRIPTS = {
    "arabic": (0x620, 0x64A), "armenian": (0x531, 0x587), "bengali": (0x985, 0x9CD), "bopomofo": (0x3105, 0x312F),
    "cherokee": (0x13A0, 0x13F5), "cyrillic": (0x400, 0x45F), "devanagari": (0x904, 0x94D), "ethiopic": (0x1200, 0x1357),
    "georgian": (0x10D0, 0x10FA), "gothic": (0x10330, 0x1034A), "greek": (0x386, 0x3CE), "han": (0x4E00, 0x9FA5),
    "han_extended": (0x20000, 0x2A6DF), "hangul": (0xAC00, 0xD7A3), "hebrew": (0x5D0, 0x5EA), "hiragana": (0x3041, 0x3096),
    "katakana": (0x30A1, 0x30FA), "khmer": (0x1780, 0x17D3), "lao": (0xE81, 0xEC4), "latin": (0x61, 0x7A),
    "latin_extended": (0xC0, 0x24F), "malayalam": (0xD05, 0xD4D), "mathematical": (0x1D400, 0x1D7FF),
    "mongolian": (0x1820, 0x1878), "myanmar": (0x1000, 0x104F), "runic": (0x16A0, 0x16EA), "tamil": (0xB83, 0xBCD),
    "telugu": (0xC05, 0xC4D), "thai": (0xE01, 0xE5B), "tibetan": (0xF40, 0xFBC), "vai": (0xA500, 0xA62B),
}
DIGITS = [0x30, 0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0x1D7CE, 0x2160, 0x2460, 0xBC, 0x2070, 0x3021]
SPACES = [0x9, 0xA, 0xB, 0xC, 0xD, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x180E, 0x2000, 0x2003, 0x200A, 0x200B, 0x2028,
          0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF]
EMOJI = ["\U0001F600", "\U0001F44D\U0001F3FD", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\u2764\uFE0F", "1\uFE0F\u20E3",
         "\U0001F1E9\U0001F1EA", "\U0001F3F4\U000E0067\U000E0062\U000E007F", "\u263A", "\U0001FAE8", "\U0001F9D1\u200D\U0001F4BB"]
WORDS = ("the of and to in that was his he it with is for as had you not be her on at by which have or from this him but all she they "
         "were my are me one their so an said them we who would been will no when there if more out up into do any your what has "
         "man could other than our some very time upon about may its only now like little then can made should did us such "
         "great before must two these see know over much down after first good men own never most old shall day where those "
         "came come himself way work life without go make well through being long say might how am too part every thought "
         "O'Clock don't I'll we've they're it's I'm he'd 'tis rock'n'roll DON'T I'LL WE'VE it’s ''s '' 'S 's't're").split()
CODE = ["    if (x_1 != 0xFF) {\n", "\t\treturn self.value[i+1];\r\n", "// ------------------------------\n", "#!/bin/sh -e\n", "\n\n\n\n",
        "def f(x: int = 3, *args, **kwargs) -> None:\n        pass\n", "https://example.org/a/b?c=d&e=%20f#g ", "<td class=\"x\">&nbsp;</td>",
        "3.14159e-10, 1,234,567.89 ", "user@example.org ", "C:\\Windows\\System32 ", "${HOME}/.config ", "a\\u0041\\n ", "{{\"k\": [1,2,3]}}"]
BROKEN = [b"\x80", b"\xbf\xbf", b"\xc0\x80", b"\xc3", b"\xe2\x82", b"\xe2\x28\xa1", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf0\x80\x80\x80",
          b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe", b"\xfe", b"\xf0\x9f\x98\xc3\xa9", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]
SPECIAL = ["<|endoftext|>", "<|endoftext|", "|endoftext|>", " <|endoftext|>\n", "<|endoftext|><|endoftext|>", "<|", "<|endof text|>"]


class Draws:
    """Numbers from SHA-256 in counter mode."""

    def __init__(self, seed):
        self.seed, self.block, self.bytes = seed, 0, b""

    def below(self, n):
        if len(self.bytes) < 4:
            self.bytes = hashlib.sha256(f"{self.seed} {self.block}".encode()).digest()
            self.block += 1
        number, self.bytes = int.from_bytes(self.bytes[:4], "little"), self.bytes[4:]
        return number * n >> 32

    def of(self, values):
        return values[self.below(len(values))]


def word(draws):
    first, last = draws.of(list(SCRIPTS.values()))
    letters = "".join(chr(first + draws.below(last - first + 1)) for _ in range(1 + draws.below(9)))
    if draws.below(6) == 0:  # marks that combine
        letters = "".join(c + chr(0x300 + draws.below(0x70)) * draws.below(3) for c in letters)
    return letters if draws.below(5) else letters.upper()


def space(draws):
    if draws.below(4):
        return " "
    return "".join(chr(draws.of(SPACES)) for _ in range(1 + draws.below(4)))


def number(draws):
    zero = draws.of(DIGITS)
    return "".join(chr(zero + draws.below(10)) for _ in range(1 + draws.below(6)))


def run(draws):
    """One character many times, or a word without an end."""
    if draws.below(2):
        return draws.of([" ", "\n", "a", "-", "=", "\u3000", "é", "\U0001F600", "0", "'", "\r\n", "ab", "\u0301"]) * (1 << draws.below(11))
    return "".join(chr(97 + draws.below(26)) for _ in range(1 << draws.below(12)))


def piece(draws):
    """A piece of the text, as bytes."""
    kind = draws.below(100)
    if kind < 45:
        return " ".join(draws.of(WORDS) for _ in range(1 + draws.below(12))).encode() + draws.of([b" ", b", ", b".\n", b"; ", b"?! ", b""])
    if kind < 75:
        return (word(draws) + space(draws)).encode("utf8", "replace")
    if kind < 80:
        return (draws.of(EMOJI) * (1 + draws.below(3)) + space(draws)).encode()
    if kind < 85:
        return (number(draws) + space(draws)).encode()
    if kind < 90:
        return draws.of(CODE).encode()
    if kind < 93:
        return bytes(draws.below(33) if draws.below(2) else 127 for _ in range(1 + draws.below(5)))
    if kind < 97:
        return draws.of(BROKEN)
    if kind < 98:
        return draws.of(SPECIAL).encode()
    if kind < 99:
        return b"".join(chr(draws.below(0xD800)).encode() for _ in range(1 + draws.below(20)))
    return run(draws).encode() if draws.below(8) == 0 else b"\n"


def every_character(draws):
    """All of Unicode in an order of its own: each beside a letter, a digit, a space or whatever came before."""
    codes = [*range(0xD800), *range(0xE000, 0x110000)]
    for i in range(len(codes) - 1, 0, -1):
        j = draws.below(i + 1)
        codes[i], codes[j] = codes[j], codes[i]
    for code in codes:
        yield (chr(code) + draws.of(["", "", "", "", "", "a", " ", "1", ".", "'", "\n"])).encode()


def hard_text(size, seed):
    draws = Draws(seed)
    text = bytearray()
    if size > 6_000_000:
        text += b"".join(every_character(draws))
    while len(text) < size:
        text += piece(draws)
    return bytes(text)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    size, seed, out = sys.argv[1:]
    text = hard_text(int(size), int(seed))
    with open(out, "wb") as file:
        file.write(text)
    print(f"{len(text)} bytes, SHA-256 {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main()
