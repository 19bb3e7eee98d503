#!/usr/bin/env python3
"""Loads what our layers saved into PyTorch's, strictly, and compares what ours computed in f32 with PyTorch's in f64.

    GLASSBOX_SAVE=FOLDER cargo test -p glassbox-nn --test pytorch -- --ignored save_for_pytorch
    VENV/bin/python tools/torch/nn/loads_ours.py FOLDER layers sequences

The words after the folder are the scripts beside this one whose cases are compared.
"""

import importlib
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

TOLERANCE = 1e-5


def compare(folder, fixture, name):
    """One case: PyTorch's module with our state, on the case's inputs."""
    module, call = fixture.made[name]
    module.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=True)
    case = next(case for case in fixture.cases if case["name"] == name)
    tensor = lambda what: torch.tensor(fixture.tensors[f"{name}.{what}"])
    inputs = [tensor(f"x{i}").double() for i in range(case["inputs"])] + [tensor(f"ids{i}").long() for i in range(case["ids"])]
    with torch.no_grad():
        y = call(module, *inputs)
    ours = load_file(folder / f"{name}.outputs.safetensors")
    theirs = [y] if isinstance(y, torch.Tensor) else list(y)
    assert len(ours) == len(theirs), (name, len(ours), len(theirs))
    for i, y in enumerate(theirs):
        apart = (ours[f"y{i}"].double() - y).abs()
        allowed = TOLERANCE * y.abs().clamp(min=y.square().mean().sqrt())
        assert ours[f"y{i}"].shape == y.shape and (apart <= allowed).all(), (name, i, apart.max())


def main():
    folder, scripts = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        for script in scripts:
            sys.argv = [script, f"{scratch}/{script}"]
            cases = importlib.import_module(script)
            cases.main()  # makes every module anew
            for name in cases.F.made:
                compare(folder, cases.F, name)
            print(f"{script}: {len(cases.F.made)} state dicts of ours load, and compute the same")


if __name__ == "__main__":
    main()
