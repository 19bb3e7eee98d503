#!/usr/bin/env python3
"""The protocol of `glassbox eval --judge` in PyTorch and NumPy, in f64: what our floor is held against.

The committed weights see the first 2,000 test pictures and the first 2,000 training pictures, once also those of the other data
set. On their features are computed, each by its definition and with other algorithms than ours: the Fréchet distance by the eigenvalues of the product of the covariances, which is
not symmetric; the unbiased kernel distance from whole matrices; precision and recall by sorting all distances; the sliced Wasserstein
distance over 4,096 directions of NumPy's own, so that it agrees only up to their scatter.

    pip install torch numpy safetensors
    python protocol.py
"""

import gzip
import os

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

ROOT = os.path.join(os.path.dirname(__file__), "../..")
N, K = 2000, 3


def pictures(data, part):
    with gzip.open(os.path.join(ROOT, f"crates/data/assets/{data}/{part}-images-idx3-ubyte.gz"), "rb") as f:
        x = np.frombuffer(f.read(), np.uint8)[16:].reshape(-1, 1, 28, 28)
    return torch.from_numpy(x.astype(np.float32) / 255).double()


def features(w, x):
    a = F.max_pool2d(F.relu(F.conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=1)), 2)
    b = F.max_pool2d(F.relu(F.conv2d(a, w["conv2.weight"], w["conv2.bias"], padding=1)), 2)
    return F.relu(F.linear(b.flatten(1), w["fc1.weight"], w["fc1.bias"])).numpy()


def frechet(x, y):
    (p, q), means = (np.cov(v, rowvar=False) for v in (x, y)), np.sum((x.mean(0) - y.mean(0)) ** 2)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(p @ q).real, 0))
    return means + np.trace(p) + np.trace(q) - 2 * roots.sum()


def kernel(x, y):
    k = lambda a, b: (a @ b.T / x.shape[1] + 1) ** 3
    within = lambda m: (m.sum() - np.trace(m)) / (len(m) * (len(m) - 1))
    return within(k(x, x)) + within(k(y, y)) - 2 * k(x, y).mean()


def precision_recall(real, made):
    distance = lambda a, b: torch.cdist(torch.from_numpy(a), torch.from_numpy(b), compute_mode="donot_use_mm_for_euclid_dist").numpy()
    reach = lambda v: np.sort(distance(v, v), axis=1)[:, K]  # the 0th is the point itself
    between = distance(real, made)
    return (between <= reach(real)[:, None]).any(0).mean(), (between <= reach(made)[None, :]).any(1).mean()


def sliced(x, y, directions=4096):
    theta = np.random.default_rng(0).normal(size=(x.shape[1], directions))
    theta /= np.linalg.norm(theta, axis=0)
    return np.sqrt(np.mean((np.sort(x @ theta, axis=0) - np.sort(y @ theta, axis=0)) ** 2))


def main():
    torch.set_num_threads(1)
    for judge, made in (("fashion-mnist", "fashion-mnist"), ("digits", "digits"), ("fashion-mnist", "digits")):
        w = {name: v.double() for name, v in load_file(os.path.join(ROOT, f"crates/measure/assets/judge/{judge}.safetensors")).items()}
        with torch.no_grad():
            test, train = features(w, pictures(judge, "t10k")[:N]), features(w, pictures(made, "train")[:N])
        precision, recall = precision_recall(test, train)
        print(f"training pictures of {made} judged as {judge}: frechet {frechet(test, train):.6f}, kernel {kernel(test, train):.6f}, "
              f"precision {precision}, recall {recall}, sliced {sliced(test, train):.4f}")


if __name__ == "__main__":
    main()
