#!/usr/bin/env python3
"""Writes what PyTorch's layers for sequences compute: recurrent layers, attention, transformer blocks, positions.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/nn/sequences.py crates/nn/tests/pytorch/sequences.safetensors

Where PyTorch has no such layer, its twin here is written from the formulas of the source that it names.
"""

import math
import sys

import numpy as np
import torch
from fixture import Fixture
from torch import nn

F = Fixture()


class Added(nn.Module):
    """x + table[offset:offset + T], where the table is a parameter called weight, or a constant."""

    def __init__(self, table, learned, offset):
        super().__init__()
        self.weight = nn.Parameter(table) if learned else None
        self.table, self.offset = table, offset

    def forward(self, x):
        table = self.table if self.weight is None else self.weight
        return x + table[self.offset : self.offset + x.shape[1]].to(x.dtype)


class Rotated(nn.Module):
    """Su et al. 2021, RoFormer, equation 34, as complex numbers: a pair times e^(i·position·frequency)."""

    def __init__(self, base, interleaved, offset):
        super().__init__()
        self.base, self.interleaved, self.offset = base, interleaved, offset

    def forward(self, x):
        t, d = x.shape[-2:]
        a, b = (x[..., 0::2], x[..., 1::2]) if self.interleaved else (x[..., : d // 2], x[..., d // 2 :])
        position, pair = torch.arange(self.offset, self.offset + t).double(), torch.arange(d // 2).double()
        theta = position[:, None] * self.base ** (-2.0 * pair / d)
        turned = torch.complex(a, b) * torch.polar(torch.ones_like(theta), theta)
        y = torch.stack([turned.real, turned.imag], -1)
        return (y if self.interleaved else y.transpose(-1, -2)).flatten(-2).to(x.dtype)


def sinusoidal(positions, dim):
    """Vaswani et al. 2017, section 3.5."""
    p, j = np.arange(positions)[:, None], np.arange(dim)[None]
    angle = p / 10000 ** (2 * (j // 2) / dim)
    return torch.tensor(np.where(j % 2 == 0, np.sin(angle), np.cos(angle)))


class GroupedQueryAttention(nn.Module):
    """Ainslie et al. 2023, with rotary positions whose pairs are halves; named as in Llama's files."""

    def __init__(self, dim, heads, kv_heads, head_dim, base):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim, self.base = heads, kv_heads, head_dim, base
        self.q_proj = nn.Linear(dim, heads * head_dim, bias=False)
        self.k_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(dim, kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(heads * head_dim, dim, bias=False)

    def forward(self, x, is_causal):
        b, t, _ = x.shape
        split = lambda x, heads: x.view(b, t, heads, self.head_dim).transpose(1, 2)
        turn = Rotated(self.base, False, 0)
        q, k = turn(split(self.q_proj(x), self.heads)), turn(split(self.k_proj(x), self.kv_heads))
        k, v = (y.repeat_interleave(self.heads // self.kv_heads, 1) for y in (k, split(self.v_proj(x), self.kv_heads)))
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
        if is_causal:
            scores = scores.masked_fill(causal(t, t), -math.inf)
        return self.o_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, -1))


class SwigluMlp(nn.Module):
    """Shazeer 2020."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(dim, hidden, bias=False)
        self.up_proj = nn.Linear(dim, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dim, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class TransformerBlock(nn.Module):
    """Touvron et al. 2023, LLaMA, section 2.2; named as in its files at Hugging Face."""

    def __init__(self, dim, feed_forward, *attention):
        super().__init__()
        self.self_attn = GroupedQueryAttention(dim, *attention)
        self.mlp = SwigluMlp(dim, feed_forward)
        self.input_layernorm = nn.RMSNorm(dim, eps=1e-5)
        self.post_attention_layernorm = nn.RMSNorm(dim, eps=1e-5)

    def forward(self, x, is_causal):
        x = x + self.self_attn(self.input_layernorm(x), is_causal)
        return x + self.mlp(self.post_attention_layernorm(x))


def causal(t, s):
    """True where a query does not see a key; the last query stands at the last key."""
    return torch.ones(t, s, dtype=torch.bool).triu(1 + s - t)


def hiding(hidden, dtype):
    """What is added to the scores: −∞ where True."""
    return torch.zeros(hidden.shape, dtype=dtype).masked_fill(hidden, -math.inf)


def recurrent(layer):
    def make(o):
        how = dict(bias=o["bias"], batch_first=True, dropout=o["dropout"], bidirectional=o["bidirectional"])
        return layer(o["in"], o["hidden"], o["layers"], **how)

    return make


def call_lstm(m, o, x, *state):
    y, (h, c) = m(x, state or None)
    return y, h, c


def call_gru(m, o, x, *state):
    return m(x, *state)


def make_attention(o):
    return nn.MultiheadAttention(o["dim"], o["heads"], bias=o["bias"], kdim=o["kdim"], vdim=o["vdim"], batch_first=True)


def call_attention(m, o, query, *rest):
    rest = list(rest)
    padding = rest.pop() != 0 if o["padded"] else None
    added = rest.pop() if o["masked"] else None
    key, value = rest if o["cross"] else (query, query)
    (b, t, _), s = query.shape, key.shape[1]
    if o["causal"]:
        hidden = hiding(causal(t, s), query.dtype)
        added = hidden if added is None else added + hidden
    if added is not None and added.dim() == 4:  # PyTorch's heads are rows of the batch
        added = added.expand(b, o["heads"], t, s).reshape(b * o["heads"], t, s)
    if added is not None and padding is not None:  # PyTorch wants both of one type
        padding = hiding(padding, query.dtype)
    return m(query, key, value, key_padding_mask=padding, attn_mask=added, need_weights=False)[0]


def transformer(layer):
    def make(o):
        how = {name: o[name] for name in ("dropout", "activation", "norm_first", "bias")}
        return layer(o["dim"], o["heads"], o["feed_forward"], layer_norm_eps=o["eps"], batch_first=True, **how)

    return make


def call_encoder(m, o, x, *ids):
    mask = causal(x.shape[1], x.shape[1]) if o["causal"] else None
    return m(x, src_mask=mask, src_key_padding_mask=ids[0] != 0 if ids else None)


def call_decoder(m, o, x, memory, *ids):
    mask = causal(x.shape[1], x.shape[1]) if o["causal"] else None
    return m(x, memory, tgt_mask=mask, memory_key_padding_mask=ids[0] != 0 if ids else None)


def make_block(o):
    return TransformerBlock(o["dim"], o["feed_forward"], o["heads"], o["kv_heads"], o["head_dim"], o["base"])


# The module of each kind, from the case's options.
MAKE = {
    "rnn": recurrent(nn.RNN),
    "lstm": recurrent(nn.LSTM),
    "gru": recurrent(nn.GRU),
    "multi_head_attention": make_attention,
    "sinusoidal": lambda o: Added(sinusoidal(o["positions"], o["dim"]), False, o["offset"]),
    "learned": lambda o: Added(torch.zeros(o["positions"], o["dim"]), True, o["offset"]),
    "rotary": lambda o: Rotated(o["base"], o["interleaved"], o["offset"]),
    "transformer_encoder_layer": transformer(nn.TransformerEncoderLayer),
    "transformer_decoder_layer": transformer(nn.TransformerDecoderLayer),
    "transformer_block": make_block,
}

# How it is called, where that is not module(*inputs).
CALL = {
    "lstm": call_lstm,
    "gru": call_gru,
    "rnn": call_gru,
    "multi_head_attention": call_attention,
    "transformer_encoder_layer": call_encoder,
    "transformer_decoder_layer": call_decoder,
    "transformer_block": lambda m, o, x: m(x, o["causal"]),
}


def call_of(kind, options):
    call = CALL.get(kind)
    return call and (lambda module, *inputs: call(module, options, *inputs))


def case(kind, inputs, options, ids=(), **how):
    F.layer(kind, MAKE[kind](options), inputs, call_of(kind, options), ids, **how, **options)


def recurrent_layers():
    """All options, one and several layers, with and without a state to begin with."""
    plain = dict(layers=1, bidirectional=False, bias=True, dropout=0.0)
    both = dict(plain, bidirectional=True)
    cases = [
        # B, T, with a state, options, training
        (1, 1, False, plain, True),
        (3, 4, True, plain, True),
        (2, 7, False, dict(plain, bias=False), True),
        (3, 4, True, both, True),
        (1, 5, False, dict(both, bias=False), False),
        (2, 3, True, dict(plain, layers=3), True),
        (5, 2, True, dict(both, layers=2), True),
        (2, 3, False, dict(both, layers=2, dropout=0.5), False),
        (2, 3, True, dict(plain, layers=2, bias=False, dropout=0.25), False),
    ]
    for kind in ("lstm", "gru", "rnn"):
        for b, t, given, o, training in cases:
            state = (o["layers"] * (2 if o["bidirectional"] else 1), b, 5)
            states = [state] * (2 if kind == "lstm" else 1) if given else []
            case(kind, [(b, t, 3), *states], {"in": 3, "hidden": 5, **o}, training=training)


def padding(b, s):
    """Sequences of different lengths: the last keys of all but the first are padding."""
    return np.array([[int(j >= s - i % s) for j in range(s)] for i in range(b)])


def attention():
    plain = dict(bias=True, kdim=None, vdim=None)
    cases = [
        # B, T, S (None: of itself), causal, padded, mask, options
        (1, 1, None, False, False, None, plain),
        (3, 5, None, False, False, None, plain),
        (2, 7, None, True, False, None, dict(plain, bias=False)),
        (3, 4, None, True, True, None, plain),
        (2, 5, None, False, True, (5, 5), plain),
        (2, 3, None, True, False, (2, 3, 3, 3), plain),
        (2, 3, 5, False, False, None, plain),
        (3, 4, 6, False, True, None, dict(plain, bias=False)),
        (2, 3, 5, False, False, None, dict(plain, kdim=7, vdim=4)),
        (1, 2, 5, True, False, (2, 5), dict(plain, bias=False, vdim=5)),
    ]
    dim = 6
    for b, t, s, is_causal, padded, mask, o in cases:
        memory = [(b, s, o["kdim"] or dim), (b, s, o["vdim"] or dim)] if s else []
        own = dict(dim=dim, heads=3, cross=s is not None, causal=is_causal, padded=padded, masked=mask is not None)
        ids = [padding(b, s or t)] if padded else []
        case("multi_head_attention", [(b, t, dim), *memory, *([mask] if mask else [])], {**own, **o}, ids)


def positions():
    for b, t, dim, offset in ((1, 1, 6, 0), (3, 5, 6, 4), (2, 7, 5, 20)):
        for kind in ("sinusoidal", "learned"):
            case(kind, [(b, t, dim)], dict(positions=30, dim=dim, offset=offset))
    for interleaved in (True, False):
        for base, offset in ((10000.0, 0), (100.0, 9)):
            case("rotary", [(2, 3, 5, 6)], dict(dim=6, base=base, offset=offset, interleaved=interleaved))


def timesteps():
    """diffusers, models/embeddings.py: get_timestep_embedding, in its order of steps."""
    for dim, cos_first, shift, period in ((8, False, 1, 10000), (7, True, 0, 10000), (6, False, 0.5, 100), (2, True, 0, 10000)):
        name, _ = F.case("timestep", dim=dim, cos_first=cos_first, shift=shift, max_period=period)
        t, half = torch.tensor([0.0, 1.0, 17.0, 999.0, 0.5], dtype=torch.float64), dim // 2
        exponent = -math.log(period) * torch.arange(half).double() / (half - shift)
        angle = t[:, None] * torch.exp(exponent)[None]
        y = torch.cat([torch.sin(angle), torch.cos(angle)], -1)
        y = torch.cat([y[:, half:], y[:, :half]], -1) if cos_first else y
        F.keep(f"{name}.x0", t)
        F.keep(f"{name}.y0", nn.functional.pad(y, (0, dim % 2)))


def transformers():
    plain = dict(dim=6, heads=3, feed_forward=9, activation="relu", norm_first=False, bias=True, eps=1e-5, dropout=0.0)
    cases = [
        # B, T, causal, padded, training, options
        (1, 1, False, False, True, plain),
        (3, 5, False, True, True, plain),
        (2, 4, True, False, True, dict(plain, norm_first=True)),
        (2, 3, True, True, False, dict(plain, norm_first=True, activation="gelu", dropout=0.5)),
        (2, 5, False, False, False, dict(plain, activation="gelu", bias=False, dropout=0.1)),
        (3, 2, True, False, True, dict(plain, norm_first=True, bias=False, eps=1e-3)),
    ]
    for b, t, is_causal, padded, training, o in cases:
        s, o = t + 2, dict(o, causal=is_causal, padded=padded)
        ids = lambda keys: [padding(b, keys)] if padded else []
        case("transformer_encoder_layer", [(b, t, 6)], o, ids(t), training=training)
        case("transformer_decoder_layer", [(b, t, 6), (b, s, 6)], o, ids(s), training=training)
    for b, t, is_causal, heads, kv_heads, head_dim, base in (
        (1, 2, True, 2, 2, 4, 10000.0),
        (3, 5, True, 6, 2, 2, 10000.0),
        (2, 7, False, 3, 1, 4, 100.0),
    ):
        sizes = dict(dim=6, heads=heads, kv_heads=kv_heads, head_dim=head_dim, feed_forward=11)
        case("transformer_block", [(b, t, 6)], dict(sizes, base=base, causal=is_causal))


def main():
    for group in (recurrent_layers, attention, positions, timesteps, transformers):
        group()
    F.save(sys.argv[1], "tools/torch/nn/sequences.py")


if __name__ == "__main__":
    main()
