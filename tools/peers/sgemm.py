#!/usr/bin/env python3
"""PyTorch's single-precision matrix product, C (M, N) = A (M, K) B (K, N), all row-major and C given.

    python sgemm.py THREADS SIZE...      SIZE is N for squares or MxNxK; prints name,threads,median seconds,min,GFLOP/s
    python sgemm.py THREADS --serve      the protocol of rounds.py, with names like sgemm:512 and sgemm:128x400x784
"""

import argparse

import rounds


def shape(size):
    """'512' -> (512, 512, 512); 'MxNxK' -> (M, N, K)."""
    parts = [int(p) for p in size.split("x")]
    if len(parts) not in (1, 3) or min(parts) < 1:
        raise ValueError(f"{size!r} is neither N nor MxNxK")
    return tuple(parts * 3 if len(parts) == 1 else parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("threads", type=int)
    parser.add_argument("sizes", nargs="*", default=["512", "1024"])
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    rounds.prepare(args.threads)
    import torch

    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)

    def product(m, n, k):
        a, b, c = torch.rand(m, k) - 0.5, torch.rand(k, n) - 0.5, torch.empty(m, n)
        return lambda: torch.mm(a, b, out=c)

    def make(name):
        kind, _, size = name.partition(":")
        try:
            return product(*shape(size)) if kind == "sgemm" else None
        except ValueError:
            return None

    if args.serve:
        return rounds.serve(make)
    for size in args.sizes:
        m, n, k = shape(size)
        median, least = rounds.measure(product(m, n, k))
        print(f"sgemm:{size},{args.threads},{median:.6g},{least:.6g},{2 * m * n * k / median / 1e9:.1f}", flush=True)


if __name__ == "__main__":
    main()
