#!/usr/bin/env python3
"""Writes what PyTorch makes of one training step of each model, for benches/tests/steps.rs:

    VENV/bin/python tools/torch/steps.py benches/tests/steps.json

The models are those of tools/peers/steps.py. Weights and batches follow the rule of benches/src/steps/rule.rs, whose
arithmetic both sides can do, so that no weights need to be kept. PyTorch computes in f64. For each model the file has

    parameters      how many there are
    batch           a small batch's size, with its
    loss            loss, and the
    norms           norm of each parameter's gradient before clipping, or null where the loss does not reach it
    full            the loss of the usual batch
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
import steps

BATCHES = {"step:vae": 4, "step:gpt_char": 2, "step:gpt_baby": 1, "step:dcgan": 4, "step:unet32": 2, "step:unet64": 1,
           "step:wavenet1": 1, "step:wavenet2": 1, "step:pixelcnn": 1}


def hashes(name, numel):
    s = 2166136261
    for byte in name.encode():
        s = ((s ^ byte) * 16777619) % 2**32
    h = np.uint32(s) + np.arange(numel, dtype=np.uint32) * np.uint32(2654435769)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def f32(x):
    """Rounded to f32, as f64."""
    return torch.tensor(np.asarray(x, np.float32).astype(np.float64))


def uniform(name, *shape):
    return (hashes(name, math.prod(shape)) >> np.uint32(8)).reshape(shape) / 2.0**23 - 1


def noise(name, *shape):
    return f32(uniform(name, *shape).astype(np.float32) * np.float32(math.sqrt(3)))


def ids(name, below, *shape):
    return torch.tensor((hashes(name, math.prod(shape)) % np.uint32(below)).reshape(shape).astype(np.int64))


def fill(model):
    with torch.no_grad():
        for name, (whole, part) in model.called().items():
            p = part(whole)
            u = uniform(name, *p.shape).astype(np.float32)
            if p.dim() >= 2:
                u = u * np.float32(math.sqrt(3 * p.shape[0] / p.numel()))
            else:
                u = u * np.float32(0.1) + np.float32(1 if name.endswith("weight") else 0)
            p.copy_(f32(u))


def batch_of(name, model, size):
    """What `loss` takes, by the rule."""
    match name.split(":")[1]:
        case "vae":
            return f32(uniform("x", size, 784) * 0.5 + 0.5), noise("eps", size, 20)
        case "gpt_char" | "gpt_baby":
            return tuple(ids(which, 65, *model.x.shape) for which in ("x", "y"))
        case "dcgan":
            return f32(uniform("x", size, 1, 32, 32)), noise("z", size, 100).reshape(size, 100, 1, 1)
        case "unet32" | "unet64":
            return f32(uniform("x0", size, 1, 28, 28)), noise("eps", size, 1, 28, 28), ids("t", 1000, size)
        case "wavenet1" | "wavenet2":
            sound = ids("x", 256, size, 4001)
            return sound[:, :-1], sound[:, 1:]
        case "pixelcnn":
            pixels = ids("x", 256, size, 28, 28)
            return f32(pixels.unsqueeze(1).numpy() / 255), pixels


def record(name, make):
    model = make(BATCHES[name]).double()
    fill(model)
    batch = batch_of(name, model, BATCHES[name])
    loss, grads = model.gradients(*batch)
    norms = {key: None if g is None else g.norm().item() for key, g in grads.items()}
    del model
    model = make().double()
    fill(model)
    with torch.no_grad():
        full = model.loss(*batch_of(name, model, len(model.x))).item()
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{name}: {parameters} parameters, loss {loss:.6f}, of the usual batch {full:.6f}", flush=True)
    return {"parameters": parameters, "batch": BATCHES[name], "loss": loss, "full": full, "norms": norms}


def main():
    recorded = {name: record(name, make) for name, make in steps.define().items()}
    made_by = f"tools/torch/steps.py with PyTorch {torch.__version__.split('+')[0]} in f64"
    Path(sys.argv[1]).write_text(json.dumps({"made_by": made_by, "steps": recorded}, indent=1) + "\n")


if __name__ == "__main__":
    main()
