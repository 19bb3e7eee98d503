#!/usr/bin/env python3
"""Writes encoder_decoder.json for crates/transformer/tests: logits and 100 steps of torch.nn.Transformer in f64.

    pip install torch
    python encoder_decoder.py

Around it stand what the paper has and PyTorch leaves to its user: one embedding for source, target and head, times the root of the
width; sines and cosines; smoothed targets; Adam at the rate of equation 3. Both sides begin with weights of one rule, so that they
need not be kept: number i of parameter k (both from 0, parameters in the order of their names) is 0.4·sin(12.9898·(i + 1) +
78.233·(k + 1)), rounded to f32; of the scale of a normalisation, 1 more. Once with normalisation after each sum, as in the paper,
and once before each branch.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

WORDS, WIDTH, HEADS, LAYERS, HIDDEN, POSITIONS = 9, 8, 2, 2, 12, 6
STEPS, RATE, WARMUP, SMOOTHING, CLIP = 100, 0.025, 20, 0.1, 1.0
PAD, BEGIN, END = 0, 1, 2
PROBLEMS = [([3, 4, 5, 6], [6, 5, 4, 3]), ([7, 8], [8, 7]), ([5, 5, 3], [3, 5, 5])]

torch.set_default_dtype(torch.float64)


def filled(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


source = filled([s for s, _ in PROBLEMS])
read = filled([[BEGIN] + t for _, t in PROBLEMS])
written = filled([t + [END] for _, t in PROBLEMS])
position, pair = torch.arange(POSITIONS)[:, None], torch.arange(0, WIDTH, 2)[None]
angle = position * 10000.0 ** (-pair / WIDTH)
positions = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


class Model(torch.nn.Module):
    def __init__(self, norm_first):
        super().__init__()
        self.embedding = torch.nn.Embedding(WORDS, WIDTH)
        self.transformer = torch.nn.Transformer(
            WIDTH, HEADS, LAYERS, LAYERS, HIDDEN, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        for k, (name, w) in enumerate(sorted(self.named_parameters())):
            i = torch.arange(w.numel())
            numbers = 0.4 * torch.sin(12.9898 * (i + 1.0) + 78.233 * (k + 1.0)) + ("norm" in name and "weight" in name)
            w.data = numbers.float().double().reshape(w.shape)

    def forward(self):
        x, y = (self.embedding(ids) * math.sqrt(WIDTH) + positions[: ids.shape[1]] for ids in (source, read))
        padding = source == PAD
        causal = torch.ones(read.shape[1], read.shape[1], dtype=torch.bool).triu(1)
        y = self.transformer(
            x, y, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding,
            tgt_key_padding_mask=read == PAD,
        )
        return y @ self.embedding.weight.T


out = {"made_by": f"PyTorch {torch.__version__.split('+')[0]} in f64"}
for name, norm_first in [("post", False), ("pre", True)]:
    model = Model(norm_first)
    logits = model()
    adam = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    steps = []
    for step in range(1, STEPS + 1):
        rate = RATE * WIDTH**-0.5 * min(step**-0.5, step * WARMUP**-1.5)
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        loss = F.cross_entropy(model().flatten(0, 1), written.flatten(), ignore_index=PAD, label_smoothing=SMOOTHING)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
        steps.append([loss.item(), rate, norm.item()])
    out[name] = {
        "names": sorted(name for name, _ in model.named_parameters()),
        # Rows of padding are not compared: PyTorch hides padding in the target, and nothing that counts depends on it.
        "logits": [[row.tolist() for row, word in zip(rows, words) if word != PAD] for rows, words in zip(logits, read)],
        "steps": steps,
        "final": {name: w.norm().item() for name, w in sorted(model.named_parameters())},
    }
path = pathlib.Path(__file__).parents[3] / "crates/transformer/tests/data/encoder_decoder.json"
path.write_text(json.dumps(out) + "\n")
