#!/usr/bin/env python3
"""The PyTorch twin of our preset `gpt`: the numbers that ours are held against.

GPT-2's transformer at nanoGPT's setting for a processor: 4 pre-norm blocks of 4 heads, 128 wide, without biases, learned positions,
GELU in GPT-2's tanh form, the embedding as the head; weights from N(0, 0.02^2), those of both c_proj from N(0, (0.02 / sqrt(8))^2).
2,000 steps on 12 random windows of 64 characters; AdamW with betas (0.9, 0.99) and a decay of 0.1 for matrices; a rate that rises for
100 steps to 1e-3 and falls along a cosine to 1e-4; gradients clipped to a norm of 1.

The first nine tenths of the text are learned from. The loss is the mean over the whole last tenth, in consecutive windows of 64, each
prediction counted once, in nats for each character.

    pip install torch
    python gpt.py [--seeds 0 1 2] [--threads 2] [TEXT]      the embedded plays, if no text is given
"""

import argparse
import gzip
import math
import os
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

PLAYS = os.path.join(os.path.dirname(__file__), "../../crates/data/assets/shakespeare/shakespeare.txt.gz")
LAYERS, HEADS, WIDTH, CONTEXT, BATCH, STEPS = 4, 4, 128, 64, 12, 2000
LR, MIN_LR, WARMUP = 1e-3, 1e-4, 100


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.attn = nn.ModuleDict({"c_attn": linear(WIDTH, 3 * WIDTH), "c_proj": linear(WIDTH, WIDTH)})
        self.mlp = nn.ModuleDict({"c_fc": linear(WIDTH, 4 * WIDTH), "c_proj": linear(4 * WIDTH, WIDTH)})

    def forward(self, x):
        heads = lambda y: y.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        q, k, v = map(heads, self.attn["c_attn"](self.ln_1(x)).chunk(3, -1))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.attn["c_proj"](seen)
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList(Block() for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * LAYERS) if "c_proj" in name else 0.02)

    def loss(self, x, y):
        h = self.wte(x) + self.wpe.weight[: x.shape[1]]
        for block in self.h:
            h = block(h)
        logits = F.linear(self.ln_f(h), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def rate(step):
    if step < WARMUP:
        return LR * (step + 1) / (WARMUP + 1)
    return MIN_LR + 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) * (LR - MIN_LR)


def held_out(model, tokens):
    """The mean over all tokens but the first."""
    total = 0.0
    with torch.no_grad():
        whole = (len(tokens) - 1) // CONTEXT
        x = tokens[: whole * CONTEXT].view(-1, CONTEXT)
        y = tokens[1 : whole * CONTEXT + 1].view(-1, CONTEXT)
        for xs, ys in zip(x.split(64), y.split(64)):
            total += model.loss(xs, ys).item() * ys.numel()
        rest = tokens[whole * CONTEXT :]
        if len(rest) > 1:
            total += model.loss(rest[None, :-1], rest[None, 1:]).item() * (len(rest) - 1)
    return total / (len(tokens) - 1)


def train(seed, tokens, words):
    torch.manual_seed(seed)
    model, cut = Gpt(words), len(tokens) * 9 // 10
    data = tokens[:cut]
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.99), fused=True)
    start = time.perf_counter()
    for step in range(STEPS):
        for group in adamw.param_groups:
            group["lr"] = rate(step)
        places = torch.randint(len(data) - CONTEXT, (BATCH,))
        x = torch.stack([data[i : i + CONTEXT] for i in places])
        y = torch.stack([data[i + 1 : i + 1 + CONTEXT] for i in places])
        adamw.zero_grad(set_to_none=True)
        model.loss(x, y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()
    seconds = time.perf_counter() - start
    return held_out(model, tokens[cut:]), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    text = open(args.text, encoding="utf-8").read() if args.text else gzip.open(PLAYS, "rt", encoding="ascii").read()
    characters = sorted(set(text))
    place = {c: i for i, c in enumerate(characters)}
    tokens = torch.tensor([place[c] for c in text])
    losses = []
    for seed in args.seeds:
        loss, seconds = train(seed, tokens, len(characters))
        losses.append(loss)
        print(f"seed {seed}: held out {loss:.4f} after {STEPS} steps, {seconds:.1f} s", flush=True)
    if len(losses) > 1:
        print(f"mean {statistics.mean(losses):.4f}, standard deviation {statistics.stdev(losses):.4f}")


if __name__ == "__main__":
    main()
