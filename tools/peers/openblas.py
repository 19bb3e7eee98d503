#!/usr/bin/env python3
"""OpenBLAS's side of `compare.py`, through NumPy: products `nn:MxNxK`, `tn:…`, `nt:…` and `batch:PxMxNxK`.

    python openblas.py THREADS < names
"""

import os
import sys

import rounds


def main():
    threads = sys.argv[1]
    os.environ["OPENBLAS_NUM_THREADS"] = threads
    rounds.prepare(int(threads))
    import numpy as np

    rng = np.random.default_rng(0)

    def randn(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    def make(name):
        kind, _, size = name.partition(":")
        if kind == "batch":
            count, m, n, k = map(int, size.split("x"))
            a, b, c = randn(count, m, k), randn(count, k, n), np.empty((count, m, n), np.float32)
        elif kind in ("nn", "tn", "nt"):
            m, n, k = map(int, size.split("x"))
            a = randn(k, m).T if kind == "tn" else randn(m, k)
            b = randn(n, k).T if kind == "nt" else randn(k, n)
            c = np.empty((m, n), np.float32)
        else:
            return None
        return lambda: np.matmul(a, b, out=c)

    rounds.serve(make)


if __name__ == "__main__":
    main()
