#!/usr/bin/env python3
"""Loads what our layers saved into PyTorch's, strictly, and compares what the two compute in f32.

    GLASSBOX_SAVE=FOLDER cargo test -p glassbox-nn --test pytorch -- --ignored save_for_pytorch
    VENV/bin/python tools/torch/nn/loads_ours.py FOLDER crates/nn/tests/pytorch/layers.safetensors
"""

import json
import sys
from pathlib import Path

import torch
from layers import MAKE, call_of
from safetensors import safe_open
from safetensors.torch import load_file


def main():
    folder, fixture = Path(sys.argv[1]), safe_open(sys.argv[2], "pt")
    cases = [case for case in json.loads(fixture.metadata()["cases"]) if case["kind"] in MAKE]
    for case in cases:
        name = case["name"]
        module = MAKE[case["kind"]](case).train(case["training"])
        module.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=True)
        x = [fixture.get_tensor(f"{name}.x{i}") for i in range(case["inputs"])]
        x += [fixture.get_tensor(f"{name}.ids{i}").long() for i in range(case["ids"])]
        with torch.no_grad():
            y = (call_of(case["kind"], case) or (lambda m, *a: m(*a)))(module, *x)
        for i, y in enumerate([y] if isinstance(y, torch.Tensor) else y):
            ours = load_file(folder / f"{name}.outputs.safetensors")[f"y{i}"]
            assert ours.shape == y.shape, (name, ours.shape, y.shape)
            torch.testing.assert_close(ours, y, rtol=1e-5, atol=1e-5 * y.square().mean().sqrt().item(), msg=lambda m: f"{name}: {m}")
    print(f"{len(cases)} state dicts of {len({case['kind'] for case in cases})} kinds load, and compute the same")


if __name__ == "__main__":
    main()
