#!/usr/bin/env python3
"""Reads what `glassbox train --tensorboard` wrote with TensorBoard's own reader, and compares it with the run.

    pip install tensorboard
    tools/check-tensorboard.py RUN…

Every number of metrics.jsonl must be a scalar of its name at its step, as f32, and every image the PNG file of its step; nothing
else may be there.
"""

import glob
import json
import os
import struct
import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit("check-tensorboard: needs TensorBoard; install it with: pip install tensorboard")


def as_f32(x):
    """The f32 nearest to x, as a Python float."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def check(run):
    """Compares one run; how many scalars and images there are."""
    folder = os.path.join(run, "tensorboard")
    reader = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    reader.Reload()
    found = {(e.step, tag): e.value for tag in reader.Tags()["scalars"] for e in reader.Scalars(tag)}
    count = sum(len(reader.Scalars(tag)) for tag in reader.Tags()["scalars"])
    expected = {}
    with open(os.path.join(run, "metrics.jsonl")) as lines:
        for line in lines:
            record = json.loads(line)
            for name in record.keys() - {"step", "seconds", "examples"}:
                expected[record["step"], name] = as_f32(record[name])
    if found != expected or count != len(expected):
        differing = sorted(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))
        sys.exit(f"check-tensorboard: {run}: {count} scalars, {len(expected)} in metrics.jsonl; they differ at {differing[:5]}")
    images = reader.Images("samples") if "samples" in reader.Tags()["images"] else []
    if reader.Tags()["images"] not in ([], ["samples"]) or len({i.step for i in images}) != len(images):
        sys.exit(f"check-tensorboard: {run}: unexpected images {[(i.step) for i in images]}")
    for image in images:
        with open(os.path.join(run, "samples", f"step-{image.step}.png"), "rb") as png:
            if png.read() != image.encoded_image_string:
                sys.exit(f"check-tensorboard: {run}: the image of step {image.step} is not samples/step-{image.step}.png")
    drawn = len(glob.glob(os.path.join(glob.escape(run), "samples", "step-*.png")))
    if len(images) != drawn:
        sys.exit(f"check-tensorboard: {run}: {len(images)} images, and {drawn} drawings of samples in the run")
    return len(expected), len(images)


def main():
    runs = sys.argv[1:]
    if not runs or "--help" in runs:
        sys.exit(__doc__.strip())
    for run in runs:
        scalars, images = check(run)
        print(f"{run}: {scalars} scalars and {images} images, as the run has them")


if __name__ == "__main__":
    main()
