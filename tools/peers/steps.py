#!/usr/bin/env python3
"""Whole training steps in PyTorch: the twins of `benches/src/steps`, with the same architectures, losses and optimisers.

    python steps.py THREADS [NAME...]              every variant that works: prints name:variant,threads,median seconds,min
    python steps.py THREADS --serve                the protocol of rounds.py; a name is the fastest variant on this machine
    python steps.py THREADS --memory NAME          the peak resident memory of a process that takes steps, and how far it grew
    python steps.py THREADS --flops [NAME...]      the FLOPs of the products that a step can't do without, for rows.py

Names are step:vae, step:gpt_char, step:gpt_baby, step:dcgan, step:unet32, step:unet64, step:wavenet1, step:wavenet2 and
step:pixelcnn. The variants are the ways to run the same step: eager and torch.compile (which needs a C++ compiler; --eager
leaves it out), contiguous and channels_last where there are images, the optimiser's usual and its fused form. The peer is
the fastest of them, chosen once when a name is first asked for, and said on standard error.

Parameters are called as ours are, so that a state dict fits both; where one of theirs is several of ours, `called` says which.
"""

import argparse
import math
import resource
import statistics
import sys
import time
from typing import NamedTuple

import rounds


class Variant(NamedTuple):
    compiled: bool = False
    channels_last: bool = False
    fused: bool = False

    def __str__(self):
        words = ["compile" if self.compiled else "eager"]
        words += ["channels_last"] * self.channels_last + ["fused"] * self.fused
        return " ".join(words)


def define():
    """The models by name: {name: function of (batch size or None) -> model}. Imports torch, after rounds.prepare."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Model(nn.Module):
        """A model with its training: `batch()` draws what `loss` takes, `optimizers(fused)` and `clip` say how it learns."""

        clip = None
        images = False  # whether channels_last means something
        causal = False  # whether its attention sees the past alone

        def step(self, variant):
            if variant.channels_last:
                self.to(memory_format=torch.channels_last)
                self.x = self.x.to(memory_format=torch.channels_last)
            loss_of = torch.compile(self.loss) if variant.compiled else self.loss
            optimizer = self.optimizer(variant.fused)

            def step():
                loss = loss_of(*self.batch())
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if self.clip is not None:
                    nn.utils.clip_grad_norm_(self.parameters(), self.clip)
                optimizer.step()
                return loss.item()

            return step

        def optimizer(self, fused):
            return torch.optim.Adam(self.parameters(), lr=1e-3, fused=fused)

        def gradients(self, *batch):
            """The loss, and all gradients by name."""
            loss = self.loss(*batch)
            loss.backward()
            return loss.item(), {name: part(p.grad) for name, (p, part) in self.called().items()}

        def called(self):
            """Its parameters as ours are called: {name: (parameter, function that takes the part of it which has that name)}."""
            return {name: (p, lambda whole: whole) for name, p in self.named_parameters()}

    class Vae(Model):
        def __init__(self, batch=128):
            super().__init__()
            self.fc1 = nn.Linear(784, 400)
            self.fc21, self.fc22 = nn.Linear(400, 20), nn.Linear(400, 20)
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)
            self.x = torch.rand(batch, 784)

        def batch(self):
            return self.x, torch.randn(len(self.x), 20)

        def loss(self, x, eps):
            hidden = self.fc1(x).relu()
            mu, logvar = self.fc21(hidden), self.fc22(hidden)
            z = mu + (logvar / 2).exp() * eps
            logits = self.fc4(self.fc3(z).relu())
            kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
            return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl

    class TransformerBlock(nn.Module):
        """GPT-2's names, without its biases."""

        def __init__(self, dim, heads):
            super().__init__()
            linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
            self.heads = heads
            self.ln_1 = nn.LayerNorm(dim, bias=False)
            self.attn = nn.ModuleDict({"c_attn": linear(dim, 3 * dim), "c_proj": linear(dim, dim)})
            self.ln_2 = nn.LayerNorm(dim, bias=False)
            self.mlp = nn.ModuleDict({"c_fc": linear(dim, 4 * dim), "c_proj": linear(4 * dim, dim)})

        def forward(self, x):
            qkv = self.attn["c_attn"](self.ln_1(x)).chunk(3, -1)
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv)
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.attn["c_proj"](seen.transpose(1, 2).flatten(2))
            return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))

    class Gpt(Model):
        causal = True
        clip = 1.0

        def __init__(self, layers, heads, dim, context, batch, words=65):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(words, dim), nn.Embedding(context, dim)
            self.h = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(layers))
            self.ln_f = nn.LayerNorm(dim, bias=False)
            for p in self.parameters():
                if p.dim() == 2:
                    nn.init.normal_(p, std=0.02)
            self.x, self.y = torch.randint(words, (batch, context)), torch.randint(words, (batch, context))

        def batch(self):
            return self.x, self.y

        def loss(self, x, y):
            h = self.wte(x) + self.wpe.weight[: x.shape[1]]
            for block in self.h:
                h = block(h)
            logits = F.linear(self.ln_f(h), self.wte.weight)  # the head is the embedding
            return F.cross_entropy(logits.flatten(0, 1), y.flatten())

        def optimizer(self, fused):
            matrices = [p for p in self.parameters() if p.dim() == 2]
            vectors = [p for p in self.parameters() if p.dim() < 2]
            groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
            return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=fused)

    class Dcgan(Model):
        images = True

        def __init__(self, batch=64, code=100, width=64):
            super().__init__()
            up = lambda *channels: nn.ConvTranspose2d(*channels, 4, 2, 1, bias=False)
            down = lambda *channels: nn.Conv2d(*channels, 4, 2, 1, bias=False)
            norm, leaky = nn.BatchNorm2d, lambda: nn.LeakyReLU(0.2, inplace=True)
            relu = lambda: nn.ReLU(inplace=True)
            self.G = nn.Sequential(
                nn.ConvTranspose2d(code, 4 * width, 4, bias=False), norm(4 * width), relu(),
                up(4 * width, 2 * width), norm(2 * width), relu(), up(2 * width, width), norm(width), relu(),
                up(width, 1), nn.Tanh())
            self.D = nn.Sequential(
                down(1, width), leaky(), down(width, 2 * width), norm(2 * width), leaky(),
                down(2 * width, 4 * width), norm(4 * width), leaky(), nn.Conv2d(4 * width, 1, 4, bias=False), nn.Flatten(0))
            self.x = 2 * torch.rand(batch, 1, 32, 32) - 1

        def batch(self):
            return self.x, torch.randn(len(self.x), 100, 1, 1)

        @staticmethod
        def bce(logits, target):
            return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

        def loss(self, x, z):
            fake = self.G(z)
            return self.bce(self.D(x), 1.0) + self.bce(self.D(fake), 0.0) + self.bce(self.D(fake), 1.0)

        def step(self, variant):
            if variant.channels_last:
                self.to(memory_format=torch.channels_last)
                self.x = self.x.to(memory_format=torch.channels_last)
            G, D = (torch.compile(m) if variant.compiled else m for m in (self.G, self.D))
            adam_g, adam_d = self.adams(variant.fused)

            def step():
                x, z = self.batch()
                D.zero_grad(set_to_none=True)
                real = self.bce(D(x), 1.0)
                real.backward()
                fake = G(z)
                not_real = self.bce(D(fake.detach()), 0.0)
                not_real.backward()
                adam_d.step()
                G.zero_grad(set_to_none=True)
                D.requires_grad_(False)  # the generator's loss needs no gradients of these
                passes = self.bce(D(fake), 1.0)
                passes.backward()
                D.requires_grad_(True)
                adam_g.step()
                return real.item() + not_real.item() + passes.item()

            return step

        def adams(self, fused):
            adam = lambda m: torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=fused)
            return adam(self.G), adam(self.D)

        def gradients(self, x, z):
            """Of the discriminator, and of the generator after the discriminator's step."""
            real = self.bce(self.D(x), 1.0)
            fake = self.G(z)
            not_real = self.bce(self.D(fake.detach()), 0.0)
            (real + not_real).backward()
            found = {f"D.{name}": p.grad.clone() for name, p in self.D.named_parameters()}
            self.adams(False)[1].step()
            passes = self.bce(self.D(fake), 1.0)
            passes.backward()
            found |= {f"G.{name}": p.grad for name, p in self.G.named_parameters()}
            return real.item() + not_real.item() + passes.item(), found

    conv3 = lambda *channels, stride=1: nn.Conv2d(*channels, 3, stride=stride, padding=1)

    class Residual(nn.Module):
        def __init__(self, before, after, time):
            super().__init__()
            self.n1, self.c1, self.t = nn.GroupNorm(8, before), conv3(before, after), nn.Linear(time, after)
            self.n2, self.c2 = nn.GroupNorm(8, after), conv3(after, after)
            self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

        def forward(self, x, e):
            h = self.c1(F.silu(self.n1(x))) + self.t(F.silu(e)).unflatten(-1, (-1, 1, 1))
            return self.skip(x) + self.c2(F.silu(self.n2(h)))

    class PixelAttention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.n = nn.GroupNorm(8, channels)
            self.qkv, self.o = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)

        def forward(self, x):
            q, k, v = (part.flatten(2).transpose(1, 2).unsqueeze(1) for part in self.qkv(self.n(x)).chunk(3, 1))
            y = F.scaled_dot_product_attention(q, k, v)  # (N, 1, H·W, C)
            return x + self.o(y.squeeze(1).transpose(1, 2).reshape(x.shape))

    class UNet(Model):
        images = True

        def __init__(self, base, batch=32, multiples=(1, 2, 4), blocks=2):
            super().__init__()
            time, widths = 4 * base, [base * m for m in multiples]
            self.base = base
            self.t1, self.t2, self.inp = nn.Linear(base, time), nn.Linear(time, time), conv3(1, base)
            attention = lambda width: PixelAttention(width) if width == widths[-1] else nn.Identity()
            self.down, self.up = nn.ModuleList(), nn.ModuleList()
            now, kept = base, [base]
            for width in widths:
                for _ in range(blocks):
                    self.down.append(nn.ModuleList([Residual(now, width, time), attention(width)]))
                    now = width
                    kept.append(now)
                if width != widths[-1]:
                    self.down.append(nn.ModuleList([conv3(now, now, stride=2)]))
                    kept.append(now)
            self.m1, self.ma, self.m2 = Residual(now, now, time), PixelAttention(now), Residual(now, now, time)
            for width in reversed(widths):
                for _ in range(blocks + 1):
                    self.up.append(nn.ModuleList([Residual(now + kept.pop(), width, time), attention(width)]))
                    now = width
                if width != widths[0]:
                    self.up.append(nn.ModuleList([conv3(now, now)]))
            self.no, self.out = nn.GroupNorm(8, now), conv3(now, 1)
            beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
            self.alpha_bar = (1 - beta).cumprod(0)
            self.x = 2 * torch.rand(batch, 1, 28, 28) - 1

        def forward(self, x, t):
            rates = torch.exp(-math.log(10000) / (self.base // 2) * torch.arange(self.base // 2, dtype=x.dtype))
            angles = t.to(x.dtype).unsqueeze(1) * rates
            e = self.t2(F.silu(self.t1(torch.cat([angles.sin(), angles.cos()], 1))))
            h = self.inp(x)
            kept = [h]
            for stage in self.down:
                h = stage[0](h) if len(stage) == 1 else stage[1](stage[0](h, e))
                kept.append(h)
            h = self.m2(self.ma(self.m1(h, e)), e)
            for stage in self.up:
                if len(stage) == 1:
                    h = stage[0](F.interpolate(h, scale_factor=2, mode="nearest"))
                else:
                    h = stage[1](stage[0](torch.cat([h, kept.pop()], 1), e))
            return self.out(F.silu(self.no(h)))

        def called(self):
            """As in diffusers, where queries, keys and values have a matrix each, and attention's matrices are no convolutions."""
            found = {}

            def put(theirs, ours, part=lambda whole: whole):
                found.update({f"{ours}.{name}": (p, part) for name, p in theirs.named_parameters()})

            def matrix(which, parts):
                """Rows `which` of so many equal parts."""
                return lambda whole: whole.flatten(1).chunk(parts)[which] if whole.dim() > 1 else whole.chunk(parts)[which]

            def block(path, i, residual, attention):
                pairs = dict(n1="norm1", c1="conv1", t="time_emb_proj", n2="norm2", c2="conv2", skip="conv_shortcut")
                for theirs, ours in pairs.items():
                    put(getattr(residual, theirs), f"{path}.resnets.{i}.{ours}")
                if isinstance(attention, PixelAttention):
                    path = f"{path}.attentions.{i}"
                    put(attention.n, f"{path}.group_norm")
                    for which, name in enumerate(("to_q", "to_k", "to_v")):
                        put(attention.qkv, f"{path}.{name}", matrix(which, 3))
                    put(attention.o, f"{path}.to_out.0", matrix(0, 1))

            for way, resized in (("down", "downsamplers"), ("up", "upsamplers")):
                level, i = 0, 0
                for stage in getattr(self, way):
                    path = f"{way}_blocks.{level}"
                    if len(stage) == 1:
                        put(stage[0], f"{path}.{resized}.0.conv")
                        level, i = level + 1, 0
                    else:
                        block(path, i, *stage)
                        i += 1
            block("mid_block", 0, self.m1, self.ma)
            block("mid_block", 1, self.m2, None)
            ends = dict(t1="time_embedding.linear_1", t2="time_embedding.linear_2", inp="conv_in", no="conv_norm_out", out="conv_out")
            for theirs, ours in ends.items():
                put(getattr(self, theirs), ours)
            return found

        def batch(self):
            return self.x, torch.randn_like(self.x), torch.randint(1000, (len(self.x),))

        def loss(self, x, eps, t):
            alpha_bar = self.alpha_bar.to(x.dtype)[t].reshape(-1, 1, 1, 1)
            return F.mse_loss(self(alpha_bar.sqrt() * x + (1 - alpha_bar).sqrt() * eps, t), eps)

        def optimizer(self, fused):
            return torch.optim.AdamW(self.parameters(), lr=2e-4, fused=fused)

    class WaveNet(Model):
        def __init__(self, stacks, batch=4, samples=4000, layers=10, residual=32, skip=256, levels=256):
            super().__init__()
            self.dilations = [2**i for i in range(layers)] * stacks
            every = lambda make: nn.ModuleList(make(d) for d in self.dilations)
            self.emb, self.pre = nn.Embedding(levels, residual), nn.Conv1d(residual, residual, 2)
            self.fg = every(lambda d: nn.Conv1d(residual, 2 * residual, 2, dilation=d))
            self.res = every(lambda d: nn.Conv1d(residual, residual, 1))
            self.skip = every(lambda d: nn.Conv1d(residual, skip, 1))
            self.o1, self.o2 = nn.Conv1d(skip, skip, 1), nn.Conv1d(skip, levels, 1)
            self.x = torch.randint(levels, (batch, samples + 1))

        def batch(self):
            return self.x[:, :-1], self.x[:, 1:]

        def loss(self, x, y):
            h, total = self.pre(F.pad(self.emb(x).transpose(1, 2), (1, 0))), 0
            for i, d in enumerate(self.dilations):
                filter, gate = self.fg[i](F.pad(h, (d, 0))).chunk(2, 1)
                z = filter.tanh() * gate.sigmoid()
                total = total + self.skip[i](z)
                if i + 1 < len(self.dilations):
                    h = h + self.res[i](z)
            return F.cross_entropy(self.o2(self.o1(total.relu()).relu()), y)

    class MaskedConv(nn.Conv2d):
        def __init__(self, itself, *args):
            super().__init__(*args, padding=args[-1] // 2)
            k = args[-1]
            order = torch.arange(k * k).reshape(k, k)
            self.register_buffer("mask", (order < k * k // 2 + itself).to(self.weight), persistent=False)

        def forward(self, x):
            return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)

    class PixelCnn(Model):
        images = True

        def __init__(self, batch=32, channels=64, layers=7, levels=256):
            super().__init__()
            parts = [MaskedConv(False, 1, channels, 7), nn.ReLU()]
            for _ in range(layers):
                parts += [MaskedConv(True, channels, channels, 3), nn.ReLU()]
            parts += [nn.Conv2d(channels, levels, 1)]
            for i, part in enumerate(parts):
                self.add_module(str(i), part)
            self.ids = torch.randint(levels, (batch, 28, 28))
            self.x = self.ids.unsqueeze(1) / 255

        def batch(self):
            return self.x, self.ids

        def loss(self, x, ids):
            for part in self.children():
                x = part(x)
            return F.cross_entropy(x, ids)

    sized = lambda batch, usual: usual if batch is None else batch
    return {
        "step:vae": lambda batch=None: Vae(sized(batch, 128)),
        "step:gpt_char": lambda batch=None: Gpt(4, 4, 128, 64, sized(batch, 12)),
        "step:gpt_baby": lambda batch=None: Gpt(6, 6, 384, 256, sized(batch, 16)),
        "step:dcgan": lambda batch=None: Dcgan(sized(batch, 64)),
        "step:unet32": lambda batch=None: UNet(32, sized(batch, 32)),
        "step:unet64": lambda batch=None: UNet(64, sized(batch, 32)),
        "step:wavenet1": lambda batch=None: WaveNet(1, sized(batch, 4)),
        "step:wavenet2": lambda batch=None: WaveNet(2, sized(batch, 4)),
        "step:pixelcnn": lambda batch=None: PixelCnn(sized(batch, 32)),
    }


def variants(make, eager_only):
    """Yields (variant, step) of every variant that works here, with a model of its own, compiled as it goes."""
    import torch

    layouts = (False, True) if make().images else (False,)
    choices = [Variant(False, channels_last, fused) for channels_last in layouts for fused in (False, True)]
    if not eager_only:
        choices += [Variant(True, channels_last, True) for channels_last in layouts]
    for variant in choices:
        torch.manual_seed(0)
        try:
            step = make().step(variant)
            start = time.perf_counter()
            for _ in range(2 if variant.compiled else 1):
                step()
        except Exception as e:  # no compiler, an unsupported platform: whatever it is, the others remain
            print(f"# {variant} does not work here: {str(e).splitlines()[0]}", file=sys.stderr)
            continue
        if variant.compiled:
            print(f"# compiled in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        yield variant, step


def measure(step, seconds=3.0):
    """(median, least) of the seconds of a step, over what fits into `seconds`, at least 3 and at most 25."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 25):
        times.append(rounds.time_calls(step, 1))
    return statistics.median(times), min(times)


def grown_by(name, steps=5):
    """Prints how far resident memory grew beyond the import of PyTorch, in `steps` steps of eager with a fused optimiser."""
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    imported = peak()
    step = define()[name]().step(Variant(fused=True))
    for _ in range(steps):
        step()
    print(f"{name}: {peak():.0f} MB, {peak() - imported:.0f} MB beyond the import's {imported:.0f}")


def necessary_flops(model):
    """FLOPs of a step's products as PyTorch counts them, less a mask's zeros and the half of the scores that causal attention
    may not see."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    zeros = 0

    def see(module, inputs, out):
        nonlocal zeros
        dense = 2 * out.numel() * module.weight[0].numel()
        # forward, the weights' gradient, and the input's where somebody asks for it
        zeros += dense * (1 - module.mask.mean().item()) * (2 + inputs[0].requires_grad)

    for module in model.modules():
        if hasattr(module, "mask"):
            module.register_forward_hook(see)
    step = model.step(Variant())
    with FlopCounterMode(display=False) as counter:
        step()
    counts = counter.get_flop_counts()["Global"]
    unseen = sum(flops for op, flops in counts.items() if "scaled_dot_product" in str(op)) / 2 if model.causal else 0
    return sum(counts.values()) - zeros - unseen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("threads", type=int)
    parser.add_argument("names", nargs="*", help="all, if none is given")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--memory", metavar="NAME")
    parser.add_argument("--flops", action="store_true")
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out: it takes a minute to compile")
    parser.add_argument("--default-malloc", action="store_true", help="do not make malloc keep its memory")
    args = parser.parse_args()
    rounds.prepare(args.threads, keep_memory=not args.default_malloc)
    import torch

    torch.set_num_threads(args.threads)
    if args.memory:
        import torch._dynamo  # the optimisers import it: it is PyTorch's, not the step's

        return grown_by(args.memory)
    models = define()
    unknown = [name for name in args.names if name not in models]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(models)}")

    if args.flops:
        for name in args.names or models:
            print(f"{name}: {necessary_flops(models[name]()) / 1e9:.4g} GFLOP", flush=True)
        return

    def fastest(name):
        if name not in models:
            return None
        best = None
        for variant, step in variants(models[name], args.eager):
            seconds = measure(step)[0]
            if best is None or seconds < best[0]:
                best = seconds, variant, step  # of the others nothing is kept
        seconds, variant, step = best
        print(f"# {name} is {variant}: {seconds * 1e3:.2f} ms", file=sys.stderr, flush=True)
        return step

    if args.serve:
        return rounds.serve(fastest)
    for name in args.names or models:
        for variant, step in variants(models[name], args.eager):
            median, least = measure(step)
            print(f"{name}:{str(variant).replace(' ', '_')},{args.threads},{median:.6g},{least:.6g}", flush=True)


if __name__ == "__main__":
    main()
