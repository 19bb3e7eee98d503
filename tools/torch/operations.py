#!/usr/bin/env python3
"""Writes what PyTorch computes for every operation: inputs, values and gradients, on odd sizes and with all options.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/operations.py crates/autograd/tests/pytorch/operations.safetensors

PyTorch runs in f64 on inputs that are f32, so its own rounding is not part of the comparison. The test in
crates/autograd/tests/pytorch reads the file and needs no PyTorch. In the file, case `NAME` has the inputs `NAME.x0`, `NAME.x1`, …,
indices `NAME.ids0`, …, the value `NAME.y`, weights `NAME.w`, and the gradients `NAME.dx0`, … of Σ w·y; the header's metadata
lists the cases with their options.
"""

import json
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

CASES, TENSORS = [], {}


class X:
    """An input: a shape, and a range that its values are drawn from (kept away from some points)."""

    def __init__(self, *shape, low=-2.0, high=2.0, away=(), constant=False, values=None):
        self.shape, self.low, self.high, self.away = shape, low, high, away
        self.constant, self.values = constant, values

    def draw(self, rng):
        if self.values is not None:
            return np.asarray(self.values, np.float32)
        x = rng.uniform(self.low, self.high, self.shape)
        for point in self.away:
            x = np.where(np.abs(x - point) < 0.05, point + 0.07, x)
        return np.asarray(x, np.float32)


def case(op, compute, inputs, ids=(), differentiable=True, **options):
    """Runs `compute(*inputs, *ids)` and keeps all that belongs to it. The options are what our method is called with."""
    name = f"{op}.{sum(c['op'] == op for c in CASES)}"
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = [x.draw(rng) for x in inputs]
    tensors = [torch.tensor(x, dtype=torch.float64) for x in drawn]
    wants = [differentiable and not x.constant for x in inputs]
    for t, want in zip(tensors, wants):
        t.requires_grad_(want)
    indices = [np.asarray(i, np.int64) for i in ids]
    y = compute(*tensors, *[torch.tensor(i) for i in indices])
    for i, x in enumerate(drawn):
        TENSORS[f"{name}.x{i}"] = x
    for i, x in enumerate(indices):
        TENSORS[f"{name}.ids{i}"] = x.astype(np.float32)
    if any(wants):
        w = np.asarray(rng.uniform(0.25, 1.25, tuple(y.shape)), np.float32)
        (y * torch.tensor(w, dtype=torch.float64)).sum().backward()
        TENSORS[f"{name}.w"] = w
        for i, (t, want) in enumerate(zip(tensors, wants)):
            if want:
                g = t.grad if t.grad is not None else torch.zeros_like(t)
                TENSORS[f"{name}.dx{i}"] = np.array(g.numpy(), np.float32, order="C")
    TENSORS[f"{name}.y"] = np.array(y.detach().numpy(), np.float32, order="C")
    CASES.append(dict(name=name, op=op, inputs=len(inputs), ids=len(ids), wants=wants, **options))


def elementwise():
    odd = (3, 37)
    simple = {
        "exp": torch.exp, "expm1": torch.expm1, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "erf": torch.erf,
        "ndtr": torch.special.ndtr, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "softplus": F.softplus,
        "sin": torch.sin, "cos": torch.cos, "neg": torch.neg, "square": torch.square,
    }  # fmt: skip
    for op, f in simple.items():
        case(op, f, [X(*odd, low=-6, high=6)])
    for op, f in {"ln": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt}.items():
        case(op, f, [X(*odd, low=0.05, high=50)])
    case("log1p", torch.log1p, [X(*odd, low=-0.9, high=20)])
    for op, f in {"relu": F.relu, "abs": torch.abs, "sign": torch.sign}.items():
        case(op, f, [X(*odd, away=(0.0,))])
    case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [X(*odd, away=(0.0,))], slope=0.2)
    case("elu", lambda x: F.elu(x, 1.5), [X(*odd, away=(0.0,))], alpha=1.5)
    case("clamp", lambda x: torch.clamp(x, -0.5, 1.25), [X(*odd, away=(-0.5, 1.25))], low=-0.5, high=1.25)
    case("affine", lambda x: 2.5 * x - 0.75, [X(*odd)], scale=2.5, shift=-0.75)
    for p in (2.0, -1.5, 0.5, 3.0):
        case("powf", lambda x: x**p, [X(*odd, low=0.1, high=4)], p=p)
    pairs = [((3, 5, 7), (7,)), ((5, 1), (4, 5, 9)), ((2, 3), (2, 3)), ((1,), (6, 2))]
    binary = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "maximum": torch.maximum, "minimum": torch.minimum}
    for op, f in binary.items():
        for a, b in pairs:
            case(op, f, [X(*a), X(*b)])
    case("maximum", torch.maximum, [X(values=[1.0, 2.0, -3.0]), X(values=[1.0, -2.0, -3.0])])  # ties
    case("minimum", torch.minimum, [X(values=[1.0, 2.0, -3.0]), X(values=[1.0, -2.0, -3.0])])
    for a, b in pairs:
        case("div", torch.div, [X(*a), X(*b, low=0.3, high=3)])
        case("pow", torch.pow, [X(*a, low=0.2, high=3), X(*b)])
    case("glu", lambda x: F.glu(x, -1), [X(5, 14)], axis=-1)
    case("glu", lambda x: F.glu(x, 1), [X(3, 6, 5)], axis=1)
    case("swiglu", lambda a, b: F.silu(a) * b, [X(5, 13), X(5, 13)])
    case("geglu", lambda a, b: F.gelu(a) * b, [X(5, 13), X(5, 13)])
    case("gated_tanh", lambda a, b: torch.tanh(a) * torch.sigmoid(b), [X(5, 13), X(5, 13)])


def shapes():
    case("reshape", lambda x: x.reshape(5, 12), [X(3, 4, 5)], shape=[5, 12])
    case("permute", lambda x: x.permute(2, 0, 1), [X(3, 4, 5)], axes=[2, 0, 1])
    case("transpose", lambda x: x.transpose(0, 2), [X(3, 4, 5)], a=0, b=2)
    case("expand", lambda x: x.expand(4, 3, 5), [X(3, 1)], shape=[4, 3, 5])
    case("narrow", lambda x: x.narrow(1, 2, 3), [X(3, 7, 2)], axis=1, start=2, len=3)
    case("select", lambda x: x.select(1, 4), [X(3, 7, 2)], axis=1, index=4)
    case("flip", lambda x: x.flip(0, 2), [X(3, 4, 5)], axes=[0, 2])
    case("unfold", lambda x: x.unfold(1, 3, 2), [X(2, 9, 3)], axis=1, size=3, step=2)
    case("unfold", lambda x: x.unfold(0, 4, 1), [X(11)], axis=0, size=4, step=1)
    fold = lambda x: F.fold(x.transpose(1, 2), (1, 9), (1, 3), stride=(1, 2)).reshape(2, 9)
    case("overlap_add", fold, [X(2, 4, 3)], axis=1, step=2, len=9)
    case("index", lambda x: x[1, :, 2:5], [X(3, 4, 7)])
    case("index_add", lambda x, s, i: x.index_add(1, i, s), [X(3, 7, 2), X(3, 4, 2)], [[6, 0, 0, 3]], axis=1)
    case("unsqueeze", lambda x: x.unsqueeze(-1), [X(3, 4)], axis=-1)
    case("squeeze", lambda x: x.squeeze(1), [X(3, 1, 4)], axis=1)
    case("cat", lambda *x: torch.cat(x, 1), [X(2, 3, 2), X(2, 1, 2), X(2, 4, 2)], axis=1)
    case("cat", lambda *x: torch.cat(x, -1), [X(5, i) for i in range(1, 8)], axis=-1)
    case("stack", lambda *x: torch.stack(x, 1), [X(2, 3), X(2, 3), X(2, 3)], axis=1)
    case("split", lambda x: x.split([2, 4, 1], 1)[1], [X(3, 7)], sizes=[2, 4, 1], axis=1, part=1)
    case("chunk", lambda x: x.chunk(3, 0)[2], [X(9, 3)], n=3, axis=0, part=2)
    case("pad", lambda x: F.pad(x, (1, 3, 2, 0), value=0.5), [X(2, 3, 5)], pads=[[2, 0], [1, 3]], mode="constant", value=0.5)
    case("pad", lambda x: F.pad(x, (1, 3, 2, 1), mode="reflect"), [X(2, 4, 5)], pads=[[2, 1], [1, 3]], mode="reflect")
    case("pad", lambda x: F.pad(x, (1, 3, 2, 4), mode="replicate"), [X(2, 3, 5)], pads=[[2, 4], [1, 3]], mode="edge")
    ids = np.random.default_rng(1).integers(0, 7, (3, 5, 2))
    case("gather", lambda x, i: x.gather(1, i), [X(3, 7, 2)], [ids], axis=1)
    case("scatter_add", lambda x, s, i: x.scatter_add(1, i, s), [X(3, 7, 2), X(3, 5, 2)], [ids], axis=1)
    case("index_select", lambda x, i: x.index_select(1, i), [X(3, 7, 2)], [[6, 0, 0, 3]], axis=1)
    case("embedding", lambda w, i: F.embedding(i, w), [X(11, 6)], [[[3, 3, 10], [0, 7, 3]]])
    case("one_hot", lambda i: F.one_hot(i, 5).double(), [], [[[3, 4, 0], [0, 1, 1]]], classes=5)
    mask = X(values=[[1, 0, 1, 1, 0]], constant=True)
    case("where_cond", lambda m, a, b: torch.where(m > 0, a, b), [mask, X(3, 5), X(3, 1)])
    for op in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
        torch_op = {"less": torch.lt, "less_equal": torch.le, "greater": torch.gt, "greater_equal": torch.ge,
                    "equal": torch.eq, "not_equal": torch.ne}[op]  # fmt: skip
        a, b = X(values=[[1, 2, 3], [4, -5, 6]]), X(values=[[1, 3, 2]])
        case("compare", lambda a, b: torch_op(a, b).double(), [a, b], differentiable=False, relation=op)
    case("sort", lambda x: x.sort(1)[0], [X(3, 17, 2)], axis=1, descending=False)
    case("sort", lambda x: x.sort(-1, descending=True)[0], [X(5, 9)], axis=-1, descending=True)
    case("argsort", lambda x: x.argsort(1).double(), [X(5, 9)], differentiable=False, axis=1, descending=False)
    case("topk", lambda x: x.topk(4, 1)[0], [X(3, 17, 2)], axis=1, k=4)
    case("cumsum", lambda x: x.cumsum(1), [X(3, 17, 2)], axis=1)
    case("cumsum", lambda x: x.cumsum(-1), [X(5, 33)], axis=-1)


def reductions():
    for axes, keep in (([0], False), ([1, -1], True), ([-1], False), ([0, 1, 2], False)):
        k = dict(dim=axes, keepdim=keep)
        o = dict(axes=axes, keepdim=keep)
        x = [X(5, 7, 11)]
        case("sum", lambda x: x.sum(**k), x, **o)
        case("mean", lambda x: x.mean(**k), x, **o)
        case("max", lambda x: x.amax(**k), x, **o)
        case("min", lambda x: x.amin(**k), x, **o)
        case("logsumexp", lambda x: x.logsumexp(**k), x, **o)
        for correction in (0, 1):
            case("var", lambda x: x.var(correction=correction, **k), x, correction=correction, **o)
            case("std", lambda x: x.std(correction=correction, **k), x, correction=correction, **o)
        for p in (1.0, 2.0, 3.0, float("inf")):
            norm = lambda x: torch.linalg.vector_norm(x, ord=p, **k)
            case("norm", norm, [X(5, 7, 11, away=(0.0,))], p="inf" if p == float("inf") else p, **o)
    case("max", lambda x: x.amax(dim=[1]), [X(values=[[1, 3, 3], [2, 2, 2]])], axes=[1], keepdim=False)  # ties
    for axis in (0, -1):
        case("argmax", lambda x: x.argmax(axis).double(), [X(5, 7)], differentiable=False, axis=axis, keepdim=False)
        case("argmin", lambda x: x.argmin(axis).double(), [X(5, 7)], differentiable=False, axis=axis, keepdim=False)
        case("softmax", lambda x: x.softmax(axis), [X(5, 7)], axis=axis)
        case("log_softmax", lambda x: x.log_softmax(axis), [X(5, 7)], axis=axis)


def norms():
    for shape in ([13], [5, 13]):
        n = len(shape)
        for affine in (True, False):
            wb = [X(*shape), X(*shape)] if affine else []
            layer = lambda x, *wb: F.layer_norm(x, shape, *wb, eps=1e-5)
            case("layer_norm", layer, [X(3, 5, 13), *wb], shape=shape, eps=1e-5)
            of_sum = lambda x, r, *wb: F.layer_norm(x + r, shape, *wb, eps=1e-5)
            case("add_layer_norm", of_sum, [X(3, 5, 13), X(3, 5, 13), *wb], shape=shape, eps=1e-5)
            case("rms_norm", lambda x, *w: F.rms_norm(x, shape, *w, eps=1e-6), [X(3, 5, 13), *wb[:1]], shape=shape, eps=1e-6)
    for groups in (1, 3, 6):
        case("group_norm", lambda x, w, b: F.group_norm(x, groups, w, b, 1e-5), [X(2, 6, 3, 5), X(6), X(6)], groups=groups, eps=1e-5)
    case("group_norm", lambda x: F.group_norm(x, 2, eps=1e-5), [X(3, 4, 7)], groups=2, eps=1e-5)
    case("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=1e-5), [X(2, 3, 4, 5), X(3), X(3)], eps=1e-5)
    for shape in ((7, 3), (4, 3, 5), (2, 3, 4, 5)):
        batch = lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-5)
        case("batch_norm", batch, [X(*shape), X(3), X(3)], eps=1e-5)
        evaluate = lambda x, w, b, mean, var: F.batch_norm(x, mean, var, w, b, training=False, eps=1e-5)
        given = [X(3, constant=True), X(3, low=0.5, high=2, constant=True)]
        case("batch_norm_with", evaluate, [X(*shape), X(3), X(3), *given], eps=1e-5)


def losses():
    targets = np.random.default_rng(2).integers(0, 9, (4, 5))
    targets[1, 2] = targets[3, 0] = 8
    for smoothing in (0.0, 0.1):
        for ignore in (None, 8):
            for reduction in ("mean", "sum", "none"):
                kw = dict(label_smoothing=smoothing, reduction=reduction)
                if ignore is not None:
                    kw["ignore_index"] = ignore
                f = lambda x, t: F.cross_entropy(x.movedim(-1, 1), t, **kw)
                case("cross_entropy", f, [X(4, 5, 9)], [targets], smoothing=smoothing, ignore=ignore, reduction=reduction)
    bce = lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none")
    case("bce_with_logits", bce, [X(5, 7, low=-6, high=6), X(5, 7, low=0, high=1)])
    kl = lambda mu, logvar: -0.5 * (1 + logvar - mu**2 - logvar.exp())
    case("gaussian_kl", kl, [X(5, 7), X(5, 7)])
    case("reparameterize", lambda mu, lv, eps: mu + (lv / 2).exp() * eps, [X(5, 7), X(5, 7), X(5, 7)])


def products():
    for a, b in (((5, 7), (7, 3)), ((2, 3, 5, 7), (3, 7, 4)), ((4, 1, 5, 2), (3, 2, 6)), ((1, 9), (9, 1))):
        case("matmul", torch.matmul, [X(*a), X(*b)])
    case("linear", F.linear, [X(4, 3, 7), X(5, 7), X(5)], relu=False)
    case("linear", lambda x, w: F.linear(x, w), [X(6, 7), X(5, 7)], relu=False)
    case("linear", lambda x, w, b: F.relu(F.linear(x, w, b)), [X(6, 7), X(5, 7), X(5)], relu=True)
    case("outer", torch.outer, [X(5), X(7)])
    sizes = dict(b=3, i=4, j=5, k=6, l=2)
    for spec in ("ij,jk->ik", "bij,bjk->bik", "bij,kj->bik", "ij,ij->", "i,j->ij", "bij,b->ij", "bil,bjl->lij", "ijk,k->j", "ij,ij->ij", "ji,jk->ki"):
        a, b = spec.split("->")[0].split(",")
        case("einsum", lambda x, y: torch.einsum(spec, x, y), [X(*(sizes[c] for c in a)), X(*(sizes[c] for c in b))], spec=spec)


def convolutions():
    def asymmetric(x, padding):  # PyTorch pads evenly; the rest is F.pad's
        flat = [p for pair in reversed(padding) for p in pair]
        return F.pad(x, flat)

    for stride, padding, dilation, groups, kernel in (
        ([1, 1], [[0, 0], [0, 0]], [1, 1], 1, (3, 3)),
        ([1, 1], [[1, 1], [1, 1]], [1, 1], 1, (3, 3)),
        ([2, 1], [[0, 1], [2, 0]], [1, 2], 2, (3, 2)),
        ([2, 2], [[1, 1], [1, 1]], [1, 1], 1, (4, 4)),
        ([1, 2], [[1, 0], [0, 3]], [2, 1], 4, (2, 3)),
        ([1, 1], [[0, 0], [0, 0]], [1, 1], 1, (1, 1)),
    ):
        o = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        f = lambda x, w, b=None: F.conv2d(asymmetric(x, padding), w, b, stride, 0, dilation, groups)
        case("conv2d", f, [X(2, 4, 9, 8), X(8, 4 // groups, *kernel), X(8)], **o)
    case("conv2d", lambda x, w: F.conv2d(x, w), [X(3, 2, 6, 7), X(5, 2, 3, 3)], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1], groups=1)
    for stride, padding, dilation, groups, kernel in ((1, [0, 0], 1, 1, 3), (1, [2, 0], 1, 1, 3), (1, [8, 0], 4, 1, 3), (2, [1, 2], 1, 2, 4)):
        f = lambda x, w, b: F.conv1d(F.pad(x, padding), w, b, stride, 0, dilation, groups)
        case("conv1d", f, [X(2, 4, 17), X(6, 4 // groups, kernel), X(6)], stride=stride, padding=padding, dilation=dilation, groups=groups)
    for stride, padding, output, dilation, groups, kernel in (
        ([1, 1], [0, 0], [0, 0], [1, 1], 1, (3, 3)),
        ([2, 2], [1, 1], [0, 0], [1, 1], 1, (4, 4)),
        ([2, 3], [1, 0], [1, 2], [1, 1], 2, (3, 3)),
        ([2, 1], [0, 1], [1, 0], [2, 1], 1, (2, 3)),
    ):
        o = dict(stride=stride, padding=padding, output_padding=output, dilation=dilation, groups=groups)
        f = lambda x, w, b: F.conv_transpose2d(x, w, b, stride, padding, output, groups, dilation)
        case("conv_transpose2d", f, [X(2, 4, 5, 6), X(4, 6 // groups, *kernel), X(6)], **o)
    for stride, padding, output, dilation, groups, kernel in ((1, 0, 0, 1, 1, 3), (2, 1, 1, 1, 2, 3), (3, 0, 0, 2, 1, 2)):
        o = dict(stride=stride, padding=padding, output_padding=output, dilation=dilation, groups=groups)
        f = lambda x, w, b: F.conv_transpose1d(x, w, b, stride, padding, output, groups, dilation)
        case("conv_transpose1d", f, [X(2, 4, 7), X(4, 6 // groups, kernel), X(6)], **o)
    for kernel, stride, padding in (([2, 2], [2, 2], [0, 0]), ([3, 2], [2, 1], [1, 1])):
        o = dict(kernel=kernel, stride=stride, padding=padding)
        case("max_pool2d", lambda x: F.max_pool2d(x, kernel, stride, padding), [X(2, 3, 7, 8)], **o)
        for count in (True, False):
            pool = lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=count)
            case("avg_pool2d", pool, [X(2, 3, 7, 8)], count_include_pad=count, **o)
    def adjoint(f, shape):  # of a linear map: what its gradient does to the gradient of its value
        def g(x):
            z = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
            return torch.autograd.grad(f(z), z, x, create_graph=True)[0]

        return g

    pool = adjoint(lambda z: F.avg_pool2d(z, [3, 2], [2, 1], [1, 1], count_include_pad=False), (2, 3, 7, 8))
    o = dict(kernel=[3, 2], stride=[2, 1], padding=[1, 1], size=[7, 8], count_include_pad=False)
    case("avg_pool2d_adjoint", pool, [X(2, 3, 4, 9)], **o)
    for corners in (False, True):
        grow = lambda z: F.interpolate(z, size=[8, 15], mode="bilinear", align_corners=corners)
        case("resample_adjoint", adjoint(grow, (2, 3, 4, 5)), [X(2, 3, 8, 15)], size=[4, 5], align_corners=corners)
    case("max_pool1d", lambda x: F.max_pool1d(x, 3, 2, 1), [X(2, 3, 9)], kernel=3, stride=2, padding=1)
    case("avg_pool1d", lambda x: F.avg_pool1d(x, 3, 2, 1), [X(2, 3, 9)], kernel=3, stride=2, padding=1, count_include_pad=True)
    for size in ([8, 15], [5, 3], [4, 5]):
        case("upsample_nearest", lambda x: F.interpolate(x, size=size, mode="nearest"), [X(2, 3, 4, 5)], size=size)
        for corners in (False, True):
            f = lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=corners)
            case("upsample_bilinear", f, [X(2, 3, 4, 5)], size=size, align_corners=corners)
    case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), [X(2, 12, 3, 5)], r=2)
    case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), [X(2, 3, 6, 10)], r=2)


def attention():
    def scaled(q, k, v, mask, causal, window, scale):
        heads, (t, s) = q.shape[1] // k.shape[1], (q.shape[2], k.shape[2])
        k, v = k.repeat_interleave(heads, 1), v.repeat_interleave(heads, 1)
        place = torch.arange(t)[:, None] + (s - t) - torch.arange(s)[None, :]
        hidden = torch.zeros(t, s, dtype=torch.bool)
        if causal:
            hidden |= place < 0
        if window is not None:
            hidden |= place >= window
        bias = torch.zeros(t, s, dtype=torch.float64).masked_fill(hidden, -float("inf"))
        if mask is not None:
            bias = bias + mask
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)

    for b, h, hkv, t, s, d, dv, causal, window, scale, masked in (
        (2, 3, 3, 7, 7, 5, 5, False, None, None, False),
        (2, 4, 2, 9, 9, 8, 8, True, None, None, False),
        (1, 4, 1, 5, 11, 3, 6, True, None, 0.3, False),
        (2, 2, 2, 13, 13, 4, 4, True, 4, None, False),
        (2, 2, 1, 6, 10, 4, 4, False, None, None, True),
        (1, 2, 2, 37, 37, 16, 16, True, None, None, False),
    ):
        mask = [X(b, 1, t, s, constant=True)] if masked else []
        f = lambda q, k, v, mask=None: scaled(q, k, v, mask, causal, window, scale)
        inputs = [X(b, h, t, d), X(b, hkv, s, d), X(b, hkv, s, dv), *mask]
        case("attention", f, inputs, causal=causal, window=window, scale=scale)

    def rotary(x, offset, base, interleaved):  # Su et al. 2021, equation 34
        d = x.shape[-1]
        angle = torch.outer(torch.arange(x.shape[-2], dtype=torch.float64) + offset, base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d))
        z = torch.polar(torch.ones_like(angle), angle)
        a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., : d // 2], x[..., d // 2 :])
        y = torch.complex(a, b) * z
        return torch.stack([y.real, y.imag], -1).flatten(-2) if interleaved else torch.cat([y.real, y.imag], -1)

    for interleaved in (True, False):
        f = lambda x: rotary(x, 3, 10000.0, interleaved)
        case("rotary", f, [X(2, 3, 7, 8)], offset=3, base=10000.0, interleaved=interleaved)


def main():
    for group in (elementwise, shapes, reductions, norms, losses, products, convolutions, attention):
        group()
    made_by = f"tools/torch/operations.py with PyTorch {torch.__version__.split('+')[0]} in f64"
    save_file(TENSORS, sys.argv[1], metadata={"cases": json.dumps(CASES), "made_by": made_by})
    print(f"{len(CASES)} cases of {len({c['op'] for c in CASES})} operations")


if __name__ == "__main__":
    main()
