#!/usr/bin/env python3
"""One training step of the VAE of 784-400-20-400-784 in PyTorch, batch 128: sample eps, forward, loss, backward, Adam.

    python train_step.py THREADS              every variant: prints name,threads,median seconds,min
    python train_step.py THREADS --serve      the protocol of rounds.py; vae_step is the fastest variant of this machine

The variants are the ways to say the same step: BCE on logits or a sigmoid followed by BCE; Adam's loop, foreach and
fused forms; eager and torch.compile (which needs a C++ compiler; --eager leaves it out). The peer is the fastest.
"""

import argparse
import itertools
import sys
import time

import rounds

BATCH = 128


def make_step(torch, bce, adam, compiled):
    """A callable that takes one step, and returns its loss as a number."""
    import torch.nn as nn
    import torch.nn.functional as F

    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x):
            h = F.relu(self.fc1(x))
            mu, logvar = self.fc21(h), self.fc22(h)
            z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
            logits = self.fc4(F.relu(self.fc3(z)))
            if bce == "logits":
                reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            else:
                reconstruction = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum")
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            return (reconstruction + kl) / len(x)

    torch.manual_seed(0)
    model, x = Vae(), torch.rand(BATCH, 784)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, foreach=adam == "foreach", fused=adam == "fused")
    loss_of = torch.compile(model) if compiled else model

    def step():
        loss = loss_of(x)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def variants(torch, eager_only):
    """Yields (name, step) of every variant that works here; compiles as it goes."""
    for bce, adam in itertools.product(("logits", "sigmoid"), ("loop", "foreach", "fused")):
        yield f"eager,{bce},{adam}", make_step(torch, bce, adam, False)
    if eager_only:
        return
    for bce in ("logits", "sigmoid"):
        step = make_step(torch, bce, "fused", True)
        start = time.perf_counter()
        try:
            for _ in range(3):
                step()
        except Exception as e:  # no compiler, an unsupported platform: whatever it is, eager remains
            print(f"# torch.compile does not work here: {str(e).splitlines()[0]}", file=sys.stderr)
            return
        print(f"# compiled in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        yield f"compile,{bce},fused", step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("threads", type=int)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out")
    parser.add_argument("--default-malloc", action="store_true", help="do not make malloc keep its memory")
    args = parser.parse_args()
    rounds.prepare(args.threads, keep_memory=not args.default_malloc)
    import torch

    torch.set_num_threads(args.threads)

    def fastest():
        timed = [(rounds.measure(step)[0], name, step) for name, step in variants(torch, args.eager)]
        seconds, name, step = min(timed, key=lambda t: t[0])
        print(f"# vae_step is {name.replace(',', ' ')}: {seconds * 1e3:.2f} ms", file=sys.stderr, flush=True)
        return step

    if args.serve:
        return rounds.serve(lambda name: fastest() if name == "vae_step" else None)
    for name, step in variants(torch, args.eager):
        median, least = rounds.measure(step)
        print(f"vae_step:{name.replace(',', '_')},{args.threads},{median:.6g},{least:.6g}", flush=True)


if __name__ == "__main__":
    main()
