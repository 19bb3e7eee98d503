#!/usr/bin/env python3
"""Writes pytorch.json: a tiny GPT's 200 steps as PyTorch takes them in f64, with AdamW, clipping, warm-up and a cosine.

    pip install torch
    python pytorch.py

Both sides begin with weights of one rule and read the same window in every step, so that neither has to be kept: number i of
parameter k (both from 0, in the model's order) is 0.4·sin(12.9898·(i + 1) + 78.233·(k + 1)), rounded to f32; of the scale of a
normalisation, 1 more.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

WORDS, CONTEXT, LAYERS, HEADS, WIDTH = 5, 8, 2, 2, 8
STEPS, LR, MIN_LR, WARMUP, BETA2, DECAY, CLIP = 200, 3e-3, 3e-4, 20, 0.99, 0.1, 0.5
TEXT = "abcadbebcae"
ids = [sorted(set(TEXT)).index(c) for c in TEXT]
x, y = torch.tensor([ids[:CONTEXT]]), torch.tensor([ids[1 : CONTEXT + 1]])

shapes = {"wte.weight": (WORDS, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
for i in range(LAYERS):
    shapes |= {f"h.{i}.ln_1.weight": (WIDTH,), f"h.{i}.attn.c_attn.weight": (3 * WIDTH, WIDTH),
               f"h.{i}.attn.c_proj.weight": (WIDTH, WIDTH), f"h.{i}.ln_2.weight": (WIDTH,),
               f"h.{i}.mlp.c_fc.weight": (4 * WIDTH, WIDTH), f"h.{i}.mlp.c_proj.weight": (WIDTH, 4 * WIDTH)}
shapes["ln_f.weight"] = (WIDTH,)
p = {}
for k, (name, shape) in enumerate(shapes.items()):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    w = 0.4 * torch.sin(12.9898 * (i + 1) + 78.233 * (k + 1)) + ("ln_" in name)
    p[name] = w.float().double().reshape(shape).requires_grad_()


def loss():
    norm = lambda h, name: F.layer_norm(h, (WIDTH,), p[name])
    heads = lambda h: h.unflatten(-1, (HEADS, -1)).transpose(1, 2)
    h = F.embedding(x, p["wte.weight"]) + p["wpe.weight"]
    for i in range(LAYERS):
        q, k, v = map(heads, F.linear(norm(h, f"h.{i}.ln_1.weight"), p[f"h.{i}.attn.c_attn.weight"]).chunk(3, -1))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        h = h + F.linear(seen, p[f"h.{i}.attn.c_proj.weight"])
        between = F.gelu(F.linear(norm(h, f"h.{i}.ln_2.weight"), p[f"h.{i}.mlp.c_fc.weight"]), approximate="tanh")
        h = h + F.linear(between, p[f"h.{i}.mlp.c_proj.weight"])
    logits = F.linear(norm(h, "ln_f.weight"), p["wte.weight"])
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def rate(step):
    if step < WARMUP:
        return LR * (step + 1) / (WARMUP + 1)
    return MIN_LR + 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) * (LR - MIN_LR)


groups = [{"params": [w for w in p.values() if w.dim() >= 2], "weight_decay": DECAY},
          {"params": [w for w in p.values() if w.dim() < 2], "weight_decay": 0.0}]
adamw = torch.optim.AdamW(groups, lr=LR, betas=(0.9, BETA2), eps=1e-8)
steps = []
for step in range(STEPS):
    for group in adamw.param_groups:
        group["lr"] = rate(step)
    adamw.zero_grad()
    l = loss()
    l.backward()
    norm = torch.nn.utils.clip_grad_norm_(p.values(), CLIP)
    adamw.step()
    steps.append([l.item(), rate(step), norm.item()])
out = {"made_by": f"PyTorch {torch.__version__.split('+')[0]} in f64", "steps": steps,
       "final": {name: w.norm().item() for name, w in p.items()}}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
