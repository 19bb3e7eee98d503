#!/usr/bin/env python3
"""Writes crates/data/tests/data/: small files of every format that glassbox-data reads, made by other programs' writers
(Pillow, NumPy, Python's wave and zipfile), with what those programs read back from them.

Needs Pillow and NumPy. Run it from anywhere; the files are committed, and the tests need nothing of this.
"""

import struct
import wave
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parent.parent.parent / "crates/data/tests/data"


def picture(width, height):
    """Smooth colours with an edge: red grows to the right, green downwards, blue is a disc."""
    y, x = np.mgrid[0:height, 0:width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2
    rgb = np.stack([255 * x / (width - 1), 255 * y / (height - 1), np.where(disc, 200, 30)], axis=2)
    return Image.fromarray(rgb.round().astype(np.uint8))


def pictures():
    image = picture(37, 23)
    image.save(OUT / "picture.png")
    image.convert("L").save(OUT / "picture-grey.png")
    for width, height in [(8, 8), (16, 23), (74, 60), (5, 40), (1, 1)]:
        image.resize((width, height), Image.Resampling.BILINEAR).save(OUT / f"picture-{width}x{height}.png")
    kinds = {
        "grey": (image.convert("L"), {}),
        "444": (image, {"subsampling": 0}),
        "420": (image, {"subsampling": 2}),
        "progressive": (image, {"subsampling": 0, "progressive": True}),
        "restarts": (image, {"subsampling": 0, "restart_marker_rows": 1}),
    }
    for name, (source, options) in kinds.items():
        source.save(OUT / f"{name}.jpg", quality=85, **options)
        Image.open(OUT / f"{name}.jpg").save(OUT / f"{name}-jpg.png")
    picture(24, 24).convert("CMYK").save(OUT / "cmyk.jpg")


def arrays():
    values = np.arange(24).reshape(2, 3, 4) * 5 - 7  # -7, -2, 3, ...
    for dtype in ["i1", "<i2", ">i2", "<i4", "<i8", "<u2", "<u4", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8"]:
        numbers = values + 7 if "u" in dtype else values
        name = dtype.replace("<", "little-").replace(">", "big-")
        np.save(OUT / f"{name}.npy", numbers.astype(dtype))
    np.save(OUT / "fortran.npy", np.asfortranarray(values.astype("<i4")))
    np.save(OUT / "bool.npy", values % 2 == 0)
    np.save(OUT / "scalar.npy", np.float64(2.5))
    np.save(OUT / "complex.npy", np.zeros(2, dtype="c8"))
    np.save(OUT / "record.npy", np.zeros(2, dtype=[("a", "<f4")]))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, size=(7, 4, 5, 3), dtype=np.uint8)
    sets = {"x_train": pixels[:5], "y_train": np.array([0, 1, 2, 1, 0]), "x_test": pixels[5:], "y_test": np.array([2, 0])}
    np.savez(OUT / "set.npz", **sets)
    first = {"x_train": (pixels[:5] / 255).transpose(0, 3, 1, 2), "x_test": (pixels[5:] / 255).transpose(0, 3, 1, 2)}
    np.savez_compressed(OUT / "set-packed.npz", **{**sets, **first})


def recordings():
    left = [0, 1, -1, 100, -100, 127, -128, 64]
    for bits in [8, 16, 24, 32]:
        shift = bits - 8
        with wave.open(str(OUT / f"mono-{bits}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(bits // 8)
            file.setframerate(8000)
            data = b""
            for value in left:
                # WAV of 8 bits is unsigned, all others are signed.
                number = value + 128 if bits == 8 else value << shift
                data += number.to_bytes(bits // 8, "little", signed=bits != 8)
            file.writeframes(data)
    with wave.open(str(OUT / "stereo-16.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(b"".join(struct.pack("<hh", v << 8, -(v << 7)) for v in left[:6]))
    # Python's wave writes no floats: format 3, one channel, 32 bits.
    data = struct.pack("<8f", *[v / 128 for v in left])
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32,
                       b"data", len(data))
    (OUT / "float-32.wav").write_bytes(head + data)


OUT.mkdir(parents=True, exist_ok=True)
pictures()
arrays()
recordings()
print(sum(file.stat().st_size for file in OUT.iterdir()), "bytes in", OUT)
