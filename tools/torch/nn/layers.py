#!/usr/bin/env python3
"""Writes what PyTorch's layers compute, on odd sizes, several batch sizes and with all options.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/nn/layers.py crates/nn/tests/pytorch/layers.safetensors
"""

import sys

from fixture import Fixture
from torch import nn

F = Fixture()


def linear():
    for bias in (True, False):
        for batch in ((1,), (5,), (2, 3)):
            options = {"in": 7, "out": 3, "bias": bias}
            F.layer("linear", nn.Linear(7, 3, bias=bias), [(*batch, 7)], **options)


def main():
    for group in (linear,):
        group()
    F.save(sys.argv[1], "tools/torch/nn/layers.py")


if __name__ == "__main__":
    main()
