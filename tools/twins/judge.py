#!/usr/bin/env python3
"""The PyTorch twin of our presets `judge` and `judge-digits`: the accuracy that ours is held against.

    a = pool(relu(conv 3x3 of x))           16 channels; pool takes the largest of 2 x 2
    b = pool(relu(conv 3x3 of a))           32 channels
    features = relu(W1 dropout(b) + b1)     1568 -> 64
    logits = W2 features + b2               64 -> 10

Default initialiser, cross-entropy, Adam whose learning rate falls to 0 along a cosine over all steps, batches of 100 in a new order
each epoch; every training picture is moved by up to `shift` pixels down and across, with black coming in.

    pip install torch numpy
    python judge.py [--model judge|judge-digits] [--epochs 20] [--seeds 0 1 2] [--threads 2] [--json FILE]
"""

import argparse
import gzip
import json
import math
import os
import statistics
import time

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

ASSETS = os.path.join(os.path.dirname(__file__), "../../crates/data/assets")
MODELS = {"judge": ("fashion-mnist", 3e-3, 0.2, 1), "judge-digits": ("digits", 2e-3, 0.3, 2)}  # data, lr, dropout, shift
BATCH = 100


def read(folder, part, kind, header):
    with gzip.open(os.path.join(folder, f"{part}-{kind}-ubyte.gz"), "rb") as f:
        return np.frombuffer(f.read(), np.uint8)[header:]


def load(folder, part):
    """Pictures (N, 1, 28, 28) in [0, 1], and classes (N)."""
    x = read(folder, part, "images-idx3", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return torch.from_numpy(x), torch.from_numpy(read(folder, part, "labels-idx1", 8).astype(np.int64))


def moved(x, most):
    """Each picture by its own whole pixels, from -most to most."""
    padded = F.pad(x, (most,) * 4)
    rows, columns = torch.randint(0, 2 * most + 1, (2, len(x)))
    return torch.stack([p[:, r : r + 28, c : c + 28] for p, r, c in zip(padded, rows.tolist(), columns.tolist())])


def run(model, seed, epochs):
    data, lr, dropout, shift = MODELS[model]
    (x, y), (test_x, test_y) = (load(os.path.join(ASSETS, data), part) for part in ("train", "t10k"))
    torch.manual_seed(seed)
    judge = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )
    adam = torch.optim.Adam(judge.parameters(), lr=lr)
    steps, step, start = epochs * math.ceil(len(x) / BATCH), 0, time.perf_counter()
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            adam.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            adam.zero_grad(set_to_none=True)
            F.cross_entropy(judge(moved(x[index], shift)), y[index]).backward()
            adam.step()
            step += 1
    seconds = time.perf_counter() - start
    judge.eval()
    with torch.no_grad():
        logits = judge(test_x)
    return {"seed": seed, "loss": F.cross_entropy(logits, test_y).item(),
            "accuracy": (logits.argmax(1) == test_y).float().mean().item(), "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="judge")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="also write the results there")
    args = parser.parse_args()
    if args.epochs < 1 or args.threads < 1:
        parser.error("--epochs and --threads must be at least 1")
    torch.set_num_threads(args.threads)
    print(f"{args.model}: PyTorch {torch.__version__}, {args.threads} threads, {args.epochs} epochs")
    runs = []
    for seed in args.seeds:
        runs.append(run(args.model, seed, args.epochs))
        print(f"  seed {seed}: loss {runs[-1]['loss']:.4f}, accuracy {runs[-1]['accuracy']:.4f}, {runs[-1]['seconds']:.1f} s", flush=True)
    if len(runs) > 1:
        accuracies = [r["accuracy"] for r in runs]
        print(f"  accuracy {statistics.mean(accuracies):.4f} ± {statistics.stdev(accuracies):.4f}")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"model": args.model, "torch": torch.__version__, "epochs": args.epochs, "runs": runs}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
