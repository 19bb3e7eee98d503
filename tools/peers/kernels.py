#!/usr/bin/env python3
"""PyTorch's side of `compare.py`: the protocol of rounds.py for the names of benches/src/served/.

    python kernels.py THREADS [--eager] < names
    python kernels.py THREADS --once NAME...      prints every variant of each name: name,variant,threads,median seconds,min

A name says the whole problem: `conv2d:16x64x32x32:64:3:1:1:both` is a convolution of (16, 64, 32, 32) to 64 channels, kernel
3, stride 1, padding 1, forward and backward. A peer counts at its best, so each name has variants (contiguous and
channels_last, eager and torch.compile, the forms of an optimiser), and the fastest on this machine is served. Forward passes run
without gradients; "both" asks for the gradients of all inputs from a given dy.
"""

import argparse
import itertools
import sys
import time

import rounds


def sizes(text):
    return [int(p) for p in text.split("x")]


class Kernels:
    def __init__(self, torch, eager):
        self.torch, self.F, self.eager = torch, torch.nn.functional, eager

    def randn(self, *shape):
        return self.torch.randn(*shape)

    def run(self, mode, inputs, f, compiled=True):
        """Yields (variant, call) of f over `inputs`: forward alone, or with all gradients."""
        torch = self.torch
        functions = [("eager", f)]
        if compiled and not self.eager:
            functions.append(("compile", torch.compile(f, dynamic=False)))
        for label, f in functions:
            if mode == "forward":
                x = [t.detach() for t in inputs]

                def call(f=f, x=x):
                    with torch.no_grad():
                        f(*x)
            else:
                x = [t.detach().clone(memory_format=torch.preserve_format).requires_grad_() for t in inputs]
                dy = torch.randn_like(f(*x))

                def call(f=f, x=x, dy=dy):
                    torch.autograd.grad(f(*x), x, dy)
            yield label, call

    def into(self, f, out, *x):
        """A call that writes into a given tensor: no allocation."""
        def call():
            with self.torch.no_grad():
                f(*x, out=out)
        return call

    def layouts(self, mode, x, w, b, f):
        """A convolution, contiguous and channels_last."""
        torch = self.torch
        for label, memory in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
            inputs = [x.contiguous(memory_format=memory), w.contiguous(memory_format=memory), b]
            for variant, call in self.run(mode, inputs, f, compiled=False):
                yield f"{variant} {label}", call

    def variants(self, name):
        """Yields (variant, call); nothing for a name that is not known here."""
        torch, F, randn = self.torch, self.F, self.randn
        kind, *rest = name.split(":")
        if kind in ("nn", "tn", "nt"):
            m, n, k = sizes(rest[0])
            a = randn(k, m).t() if kind == "tn" else randn(m, k)
            b = randn(n, k).t() if kind == "nt" else randn(k, n)
            yield "mm", self.into(torch.mm, torch.empty(m, n), a, b)
        elif kind == "batch":
            count, m, n, k = sizes(rest[0])
            yield "bmm", self.into(torch.bmm, torch.empty(count, m, n), randn(count, m, k), randn(count, k, n))
        elif kind == "conv2d":
            x, (o, k, s, p), mode = sizes(rest[0]), map(int, rest[1:5]), rest[5]
            yield from self.layouts(mode, randn(*x), randn(o, x[1], k, k), randn(o),
                                    lambda x, w, b: F.conv2d(x, w, b, stride=s, padding=p))
        elif kind == "conv_transpose2d":
            x, (o, k, s, p), mode = sizes(rest[0]), map(int, rest[1:5]), rest[5]
            yield from self.layouts(mode, randn(*x), randn(x[1], o, k, k), randn(o),
                                    lambda x, w, b: F.conv_transpose2d(x, w, b, stride=s, padding=p))
        elif kind == "causal_conv1d":
            x, (o, k, d), mode = sizes(rest[0]), map(int, rest[1:4]), rest[4]
            yield from self.run(mode, [randn(*x), randn(o, x[1], k), randn(o)],
                                lambda x, w, b: F.conv1d(F.pad(x, ((k - 1) * d, 0)), w, b, dilation=d), compiled=False)
            # The same as a convolution of height 1, which may be channels_last.
            yield from self.layouts(mode, randn(*x).unsqueeze(2), randn(o, x[1], 1, k), randn(o),
                                    lambda x, w, b: F.conv2d(F.pad(x, ((k - 1) * d, 0)), w, b, dilation=(1, d)))
        elif kind == "attention":
            x, mode = sizes(rest[0]), rest[1]
            yield from self.run(mode, [randn(*x) for _ in range(3)],
                                lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), compiled=False)
        elif kind == "softmax":
            yield from self.run(rest[1], [randn(*sizes(rest[0]))], lambda x: torch.softmax(x, 1))
        elif kind == "layer_norm":
            (rows, n), mode = sizes(rest[0]), rest[1]
            yield from self.run(mode, [randn(rows, n), randn(n), randn(n)],
                                lambda x, w, b: F.layer_norm(x, (n,), w, b))
        elif kind == "rms_norm":
            (rows, n), mode = sizes(rest[0]), rest[1]
            yield from self.run(mode, [randn(rows, n), randn(n)], lambda x, w: F.rms_norm(x, (n,), w, 1e-5))
        elif kind == "group_norm":
            x, groups, mode = sizes(rest[0]), int(rest[1]), rest[2]
            yield from self.run(mode, [randn(*x), randn(x[1]), randn(x[1])],
                                lambda x, w, b: F.group_norm(x, groups, w, b))
        elif kind in ("gelu", "gelu_tanh", "silu"):
            f = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu}[kind]
            yield from self.run(rest[1], [randn(int(rest[0]))], f)
        elif kind == "cross_entropy":
            rows, classes = sizes(rest[0])
            ids, x = torch.randint(classes, (rows,)), randn(rows, classes).requires_grad_()
            functions = [("eager", F.cross_entropy)]
            if not self.eager:
                functions.append(("compile", torch.compile(F.cross_entropy, dynamic=False)))
            for label, f in functions:
                yield label, lambda f=f: torch.autograd.grad(f(x, ids), x)
        elif kind == "elementwise":
            n = int(rest[1])
            x, y, out = randn(n), randn(n), torch.empty(n)
            if rest[0] in ("add", "mul"):
                f = getattr(torch, rest[0])
                yield "out", self.into(f, out, x, y)
                yield from self.run("forward", [x, y], f)
            elif rest[0] == "relu":
                yield "clamp out", self.into(lambda x, out: torch.clamp(x, min=0, out=out), out, x)
                yield from self.run("forward", [x], F.relu)
            else:
                f = getattr(torch, "log" if rest[0] == "ln" else rest[0])
                x = x.abs() + 1e-3 if rest[0] == "ln" else x
                yield "out", self.into(f, out, x)
                yield from self.run("forward", [x], f)
        elif kind == "reduce":
            f = {"sum": lambda x: x.sum(), "sum_rows": lambda x: x.sum(1), "sum_columns": lambda x: x.sum(0),
                 "max_rows": lambda x: x.amax(1)}[rest[0]]
            yield from self.run("forward", [randn(*sizes(rest[1]))], f)
        elif kind == "transposed_copy":
            rows, cols = sizes(rest[0])
            x, out = randn(rows, cols), torch.empty(cols, rows)
            yield "copy_", lambda: out.copy_(x.t())
            yield "contiguous", lambda: x.t().contiguous()
        elif kind == "permuted_copy":
            x = randn(*sizes(rest[0]))
            yield "contiguous", lambda: x.transpose(1, 2).contiguous()
        elif kind == "normal_fill":
            out = torch.empty(int(rest[0]))
            yield "normal_", lambda: out.normal_()
        elif kind == "adamw":
            yield from self.adamw(*sizes(rest[0]), rest[1])
        elif kind == "tiny_add":
            a = randn(8)

            def add():
                with torch.no_grad():
                    return a + 1
            yield "eager", add
        elif kind == "tiny_chain":
            a, n = randn(8).requires_grad_(), int(rest[0])

            def chain():
                t = a
                for _ in range(n):
                    t = t * 1.01
                t.sum().backward()
            yield "eager", chain

    def adamw(self, count, rows, cols, extra):
        """AdamW over so many parameters; "clip_ema": with clipping by the norm before and an average behind it."""
        torch = self.torch
        for form in ("loop", "foreach", "fused"):
            p = [torch.nn.Parameter(self.randn(rows, cols)) for _ in range(count)]
            average = [q.detach().clone() for q in p]
            for q in p:
                q.grad = torch.randn_like(q)
            adam = torch.optim.AdamW(p, 1e-6, foreach=form == "foreach", fused=form == "fused")

            def step(p=p, average=average, adam=adam):
                torch.nn.utils.clip_grad_norm_(p, 1.0, foreach=True)
                adam.step()
                with torch.no_grad():
                    torch._foreach_lerp_(average, p, 0.001)
            yield form, (step if extra == "clip_ema" else adam.step)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("threads", type=int)
    parser.add_argument("--once", nargs="+", metavar="NAME")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out")
    parser.add_argument("--default-malloc", action="store_true", help="do not make malloc keep its memory")
    args = parser.parse_args()
    rounds.prepare(args.threads, keep_memory=not args.default_malloc)
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    kernels = Kernels(torch, args.eager)

    def timed(name):
        variants = kernels.variants(name)
        for i in itertools.count():
            try:
                label, call = next(variants)
                yield rounds.measure(call, 5), label, call
            except StopIteration:
                return
            except Exception as e:  # no compiler, an operation that it lacks: whatever it is, the others remain
                if i == 0:
                    raise
                print(f"# {name}: a variant does not work here: {str(e).splitlines()[0]}", file=sys.stderr)
                return

    def fastest(name):
        best = min(timed(name), key=lambda t: t[0][0], default=None)
        if best is None:
            return None
        (median, _), label, call = best
        print(f"# {name} is {label}: {median * 1e3:.3f} ms", file=sys.stderr, flush=True)
        return call

    if args.once is None:
        return rounds.serve(fastest)
    for name in args.once:
        start = time.perf_counter()
        for (median, least), label, _ in timed(name):
            print(f"{name},{label},{args.threads},{median:.6g},{least:.6g}", flush=True)
        print(f"# {name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
