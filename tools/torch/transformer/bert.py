#!/usr/bin/env python3
"""Writes bert.json for crates/transformer/tests: the logits of a tiny BERT by hand in PyTorch, in f64.

    pip install torch
    python bert.py

The parameters have the names of Hugging Face's BertForMaskedLM, and weights of one rule, so that they need not be kept: number i of
parameter k (both from 0, parameters in the order of their names) is 0.4·sin(12.9898·(i + 1) + 78.233·(k + 1)), rounded to f32; of the
scale of a normalisation, 1 more. The second text ends two tokens earlier than the first.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

WORDS, POSITIONS, TYPES, LAYERS, HEADS, WIDTH, HIDDEN, EPS = 11, 7, 2, 2, 2, 8, 12, 1e-12
IDS = [[3, 10, 0, 7, 7], [5, 1, 10, 0, 0]]
KINDS = [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]
PADDING = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]


def linear(name, outputs, inputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name):
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


shapes = {"bert.embeddings.word_embeddings.weight": (WORDS, WIDTH),
          "bert.embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
          "bert.embeddings.token_type_embeddings.weight": (TYPES, WIDTH),
          **norm("bert.embeddings.LayerNorm"),
          **linear("cls.predictions.transform.dense", WIDTH, WIDTH), **norm("cls.predictions.transform.LayerNorm"),
          "cls.predictions.bias": (WORDS,)}
for i in range(LAYERS):
    at = f"bert.encoder.layer.{i}"
    for part in ("query", "key", "value"):
        shapes |= linear(f"{at}.attention.self.{part}", WIDTH, WIDTH)
    shapes |= {**linear(f"{at}.attention.output.dense", WIDTH, WIDTH), **norm(f"{at}.attention.output.LayerNorm"),
               **linear(f"{at}.intermediate.dense", HIDDEN, WIDTH),
               **linear(f"{at}.output.dense", WIDTH, HIDDEN), **norm(f"{at}.output.LayerNorm")}
w = {}
for k, name in enumerate(sorted(shapes)):
    i = torch.arange(math.prod(shapes[name]), dtype=torch.float64)
    scale = "LayerNorm" in name and name.endswith("weight")
    w[name] = (0.4 * torch.sin(12.9898 * (i + 1) + 78.233 * (k + 1)) + scale).float().double().reshape(shapes[name])


def product(x, name):
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def normalised(x, name):
    return F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], EPS)


ids, kinds, padding = torch.tensor(IDS), torch.tensor(KINDS), torch.tensor(PADDING)
x = w["bert.embeddings.word_embeddings.weight"][ids] + w["bert.embeddings.token_type_embeddings.weight"][kinds]
x = normalised(x + w["bert.embeddings.position_embeddings.weight"][: ids.shape[1]], "bert.embeddings.LayerNorm")
for i in range(LAYERS):
    at = f"bert.encoder.layer.{i}"
    heads = [product(x, f"{at}.attention.self.{part}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
             for part in ("query", "key", "value")]
    seen = F.scaled_dot_product_attention(*heads, attn_mask=(padding == 0)[:, None, None]).transpose(1, 2).flatten(2)
    x = normalised(x + product(seen, f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
    hidden = F.gelu(product(x, f"{at}.intermediate.dense"))
    x = normalised(x + product(hidden, f"{at}.output.dense"), f"{at}.output.LayerNorm")
h = normalised(F.gelu(product(x, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm")
logits = h @ w["bert.embeddings.word_embeddings.weight"].T + w["cls.predictions.bias"]

path = pathlib.Path(__file__).parents[3] / "crates/transformer/tests/data/bert.json"
made_by = f"PyTorch {torch.__version__.split('+')[0]} in f64"
path.write_text(json.dumps({"made_by": made_by, "names": sorted(shapes), "logits": logits.tolist()}) + "\n")
