#!/usr/bin/env python3
"""How many tokens PyTorch writes in a second with keys and values kept, and how many of a prompt it reads: what
`cargo run --release -p glassbox-benches --example decode` says of us, on the same sizes.

    pip install torch numpy
    python tools/peers/decode.py [--threads 2] [--compile] [--against target/release/examples/decode] [char|baby|gpt2|prefill ...]

--against takes turns with our program, row by row, and prints both and their ratio, so that both meet the same state of the machine.
Keys and values lie in tensors for the whole context and are written in place. Tokens are drawn from the softmax.
"""

import argparse
import re
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

# Name: layers, heads, width, context, words; tokens of the prompt, tokens that are written, how often.
ROWS = {
    "char": ((4, 4, 128, 64, 65), 1, 63, 11),
    "baby": ((6, 6, 384, 256, 65), 1, 255, 5),
    "gpt2": ((12, 12, 768, 1024, 50257), 16, 64, 3),
    "prefill": ((12, 12, 768, 1024, 50257), 512, 0, 5),
}


class Layer(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        plain = lambda n, m: nn.Linear(n, m, bias=False)
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, bias=False) for _ in range(2))
        self.attn, self.proj = plain(width, 3 * width), plain(width, width)
        self.up, self.down = plain(width, 4 * width), plain(4 * width, width)

    def forward(self, x, keys, values, at):
        n = x.shape[1]
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attn(self.norms[0](x)).chunk(3, -1))
        keys[:, :, at : at + n], values[:, :, at : at + n] = k, v
        seen = F.scaled_dot_product_attention(q, keys[:, :, : at + n], values[:, :, : at + n], is_causal=n > 1)
        x = x + self.proj(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, context, words):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(context, width)
        self.layers = nn.ModuleList(Layer(heads, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
        self.room = lambda: [torch.zeros(2, 1, heads, context, width // heads) for _ in range(layers)]

    def forward(self, ids, cache, at):
        x = self.words(ids) + self.places.weight[at : at + ids.shape[1]]
        for layer, (keys, values) in zip(self.layers, cache):
            x = layer(x, keys, values, at)
        return F.linear(self.norm(x[:, -1]), self.words.weight)


@torch.no_grad()
def rate(model, step, prompt, new):
    """Of the prompt, if nothing is written after it; otherwise of what is."""
    cache, ids = model.room(), torch.randint(model.words.num_embeddings, (1, prompt))
    start = time.perf_counter()
    logits = model(ids, cache, 0)
    if not new:
        return prompt / (time.perf_counter() - start)
    start = time.perf_counter()
    for at in range(prompt, prompt + new):
        logits = step(torch.multinomial(torch.softmax(logits, -1), 1), cache, at)
    return new / (time.perf_counter() - start)


def ours(program, name, threads):
    """The rates of single texts that our program prints."""
    out = subprocess.run([program, name, "--threads", str(threads), "--times", "3"], capture_output=True, text=True, check=True)
    return float(re.search(r": ([0-9.]+) tokens/s", out.stdout)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="rows, all if none is named")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--against", help="our program, to take turns with")
    parser.add_argument("--rounds", type=int, help="how often, where it is to differ from the table")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    for name in asked.names or ROWS:
        sizes, prompt, new, times = ROWS[name]
        model = Gpt(*sizes).eval()
        step = torch.compile(model, dynamic=True) if asked.compile else model
        rate(model, step, prompt, min(new, 20))
        theirs, our = [], []
        for _ in range(asked.rounds or times):
            theirs.append(rate(model, step, prompt, new))
            if asked.against:
                our.append(ours(asked.against, name, asked.threads))
        show = lambda rates: f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"
        line = f"{name}: PyTorch {show(theirs)} tokens/s"
        if our:
            ratios = [a / b for a, b in zip(our, theirs)]
            line += f", ours {show(our)}, ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line, flush=True)


main()
