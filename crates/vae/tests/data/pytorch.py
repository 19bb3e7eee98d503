#!/usr/bin/env python3
"""Writes pytorch.json: a tiny VAE's 25 steps of Adam as PyTorch takes them in f64.

    pip install torch
    python pytorch.py
"""

import json
import pathlib

import torch
import torch.nn.functional as F

D, H, L, B, STEPS, LR = 20, 12, 4, 6, 25, 1e-2
LAYERS = {"fc1": (H, D), "fc21": (L, H), "fc22": (L, H), "fc3": (H, L), "fc4": (D, H)}

torch.manual_seed(0)
# Drawn in f32, so that both sides begin with the same numbers.
p = {}
for name, (out, inputs) in LAYERS.items():
    bound = inputs**-0.5
    p[f"{name}.weight"] = torch.empty(out, inputs).uniform_(-bound, bound)
    p[f"{name}.bias"] = torch.empty(out).uniform_(-bound, bound)
x, eps = torch.rand(B, D), torch.randn(STEPS, B, L)
out = {"lr": LR, "init": {k: v.flatten().tolist() for k, v in p.items()},
       "x": x.flatten().tolist(), "eps": [e.flatten().tolist() for e in eps]}

p = {k: v.double().requires_grad_() for k, v in p.items()}
x, eps = x.double(), eps.double()
linear = lambda name, v: F.linear(v, p[f"{name}.weight"], p[f"{name}.bias"])
optimizer = torch.optim.Adam(p.values(), lr=LR)
losses = []
for e in eps:
    h = F.relu(linear("fc1", x))
    mu, logvar = linear("fc21", h), linear("fc22", h)
    logits = linear("fc4", F.relu(linear("fc3", mu + torch.exp(0.5 * logvar) * e)))
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / B
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / B
    optimizer.zero_grad()
    (reconstruction + kl).backward()
    optimizer.step()
    losses.append([reconstruction.item(), kl.item()])
out |= {"losses": losses, "final": {k: v.detach().flatten().tolist() for k, v in p.items()}}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out) + "\n")
