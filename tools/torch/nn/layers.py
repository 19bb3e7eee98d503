#!/usr/bin/env python3
"""Writes what PyTorch's layers compute, on odd sizes, several batch sizes and with all options.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/nn/layers.py crates/nn/tests/pytorch/layers.safetensors
"""

import itertools
import sys

import torch
from fixture import Fixture
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

F = Fixture()


class ResnetBlock(nn.Module):
    """The block of Ho et al. 2020 under the names that diffusers gives its parts, written from the formula."""

    def __init__(self, o):
        super().__init__()
        c, out, time = o["in"], o["out"], o["time"]
        self.scale_shift = o["scale_shift"]
        self.norm1 = nn.GroupNorm(o["groups"], c, eps=o["eps"])
        self.conv1 = nn.Conv2d(c, out, 3, padding=1)
        if time:
            self.time_emb_proj = nn.Linear(time, 2 * out if self.scale_shift else out)
        self.norm2 = nn.GroupNorm(o["groups"], out, eps=o["eps"])
        self.dropout = nn.Dropout(o["dropout"])
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        if c != out:
            self.conv_shortcut = nn.Conv2d(c, out, 1)

    def forward(self, x, t=None):
        h = self.conv1(functional.silu(self.norm1(x)))
        t = None if t is None else self.time_emb_proj(functional.silu(t))[:, :, None, None]
        if t is not None and not self.scale_shift:
            h = h + t
        h = self.norm2(h)
        if t is not None and self.scale_shift:
            scale, shift = t.chunk(2, dim=1)
            h = h * (1 + scale) + shift
        h = self.conv2(self.dropout(functional.silu(h)))
        return (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x) + h


class BasicBlock(nn.Module):
    """The block of He et al. 2015 under the names that torchvision gives its parts, written from the formula."""

    def __init__(self, o):
        super().__init__()
        c, out, stride = o["in"], o["out"], o["stride"]
        self.conv1 = nn.Conv2d(c, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        if c != out or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        h = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu((self.downsample(x) if hasattr(self, "downsample") else x) + h)


def convolution(module):
    def make(o):
        even = all(a == b for a, b in o["padding"])  # otherwise `padded` does it before
        options = dict(stride=o["stride"], padding=[a if even else 0 for a, _ in o["padding"]], dilation=o["dilation"])
        if "output_padding" in o:
            options["output_padding"] = o["output_padding"]
        return module(o["in"], o["out"], o["kernel"], groups=o["groups"], bias=o["bias"], **options)

    return make


def padded(module, o, x):
    if any(a != b for a, b in o["padding"]):
        x = functional.pad(x, [n for pair in reversed(o["padding"]) for n in pair])
    return module(x)


def batch_norm(o):
    of_rank = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[o["rank"]]
    return of_rank(o["channels"], o["eps"], o["momentum"], o["affine"], o["track"])


def instance_norm(o):
    of_rank = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d}[o["rank"]]
    return of_rank(o["channels"], o["eps"], o["momentum"], o["affine"], o["track"])


def spectral_norm(o):
    return parametrizations.spectral_norm(MAKE[o["layer"]](o), n_power_iterations=o["steps"], eps=o["eps"], dim=o["dim"])


# The module of each kind, from the case's options.
MAKE = {
    "linear": lambda o: nn.Linear(o["in"], o["out"], bias=o["bias"]),
    "conv1d": convolution(nn.Conv1d),
    "conv2d": convolution(nn.Conv2d),
    "conv_transpose1d": convolution(nn.ConvTranspose1d),
    "conv_transpose2d": convolution(nn.ConvTranspose2d),
    "layer_norm": lambda o: nn.LayerNorm(o["shape"], o["eps"], elementwise_affine=o["affine"], bias=o["bias"]),
    "rms_norm": lambda o: nn.RMSNorm(o["shape"], o["eps"], elementwise_affine=o["affine"]),
    "group_norm": lambda o: nn.GroupNorm(o["groups"], o["channels"], o["eps"], affine=o["affine"]),
    "instance_norm": instance_norm,
    "batch_norm": batch_norm,
    "embedding": lambda o: nn.Embedding(o["rows"], o["features"], padding_idx=o["padding"]),
    "dropout": lambda o: nn.Dropout(o["p"]),
    "dropout2d": lambda o: nn.Dropout2d(o["p"]),
    "spectral_norm": spectral_norm,
    "weight_norm": lambda o: parametrizations.weight_norm(MAKE[o["layer"]](o), dim=o["dim"]),
    "resnet_block": ResnetBlock,
    "basic_block": BasicBlock,
}


def case(kind, inputs, options, **how):
    call = (lambda module, x: padded(module, options, x)) if kind in ("conv1d", "conv2d") else None
    F.layer(kind, MAKE[kind](options), inputs, call, **how, **options)


def linear():
    for bias in (True, False):
        for batch in ((1,), (5,), (2, 3)):
            case("linear", [(*batch, 7)], {"in": 7, "out": 3, "bias": bias})


def conv_options(c, out, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True, output_padding=None):
    """With numbers for all axes, as tuples of the kernel's length."""
    n = len(kernel)
    each = lambda x: list(x) if isinstance(x, (tuple, list)) else [x] * n
    options = {"in": c, "out": out, "kernel": list(kernel), "stride": each(stride), "dilation": each(dilation)}
    options["padding"] = [list(p) if isinstance(p, (tuple, list)) else [p, p] for p in each(padding)]
    if output_padding is not None:
        options["output_padding"] = each(output_padding)
    return {**options, "groups": groups, "bias": bias}


def convolutions():
    for batch, length, options in (
        (1, 9, conv_options(3, 5, (1,))),
        (2, 11, conv_options(3, 5, (3,), padding=1)),
        (5, 13, conv_options(2, 7, (4,), stride=2, bias=False)),
        (3, 17, conv_options(4, 6, (3,), stride=3, padding=2, dilation=2, groups=2)),
        (2, 12, conv_options(6, 6, (5,), padding=2, groups=6)),
        (2, 12, conv_options(3, 9, (3,), groups=3, bias=False)),
        (2, 10, conv_options(3, 4, (4,), padding=[(1, 2)])),  # what PyTorch calls "same"
        (3, 15, conv_options(2, 3, (2,), padding=[(4, 0)], dilation=4)),  # causal
    ):
        case("conv1d", [(batch, options["in"], length)], options)
    for batch, image, options in (
        (1, (5, 7), conv_options(3, 5, (1, 1))),
        (2, (7, 5), conv_options(3, 5, (3, 3), padding=1)),
        (5, (9, 6), conv_options(2, 3, (4, 4), stride=2, padding=1, bias=False)),
        (3, (8, 9), conv_options(2, 4, (3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1), groups=2)),
        (2, (6, 7), conv_options(5, 5, (3, 3), padding=1, groups=5)),
        (2, (5, 6), conv_options(2, 6, (1, 3), padding=(0, 1), groups=2, bias=False)),
        (2, (6, 5), conv_options(3, 2, (2, 4), padding=[(0, 1), (1, 2)])),
        (1, (5, 8), conv_options(2, 3, (3, 3), padding=[(4, 0), (1, 3)], dilation=(2, 1), stride=(1, 2))),
    ):
        case("conv2d", [(batch, options["in"], *image)], options)
    for batch, length, options in (
        (1, 9, conv_options(3, 5, (1,), output_padding=0)),
        (2, 7, conv_options(3, 5, (4,), stride=2, padding=1, output_padding=0)),
        (5, 6, conv_options(2, 3, (3,), stride=2, padding=1, output_padding=1, bias=False)),
        (3, 5, conv_options(4, 6, (3,), stride=3, padding=2, dilation=2, groups=2, output_padding=2)),
        (2, 8, conv_options(6, 6, (5,), padding=2, groups=6, output_padding=0)),
    ):
        case("conv_transpose1d", [(batch, options["in"], length)], options)
    for batch, image, options in (
        (1, (5, 3), conv_options(3, 5, (1, 1), output_padding=0)),
        (2, (3, 4), conv_options(3, 5, (4, 4), stride=2, padding=1, output_padding=0)),
        (5, (3, 2), conv_options(2, 3, (3, 3), stride=2, padding=1, output_padding=1, bias=False)),
        (3, (4, 3), conv_options(2, 4, (3, 2), stride=(3, 2), padding=(1, 0), dilation=(1, 2), groups=2, output_padding=(2, 1))),
        (2, (4, 5), conv_options(5, 5, (3, 3), padding=1, groups=5, output_padding=0)),
    ):
        case("conv_transpose2d", [(batch, options["in"], *image)], options)


def norms_of_rows():
    for affine, bias, eps in ((True, True, 1e-5), (True, False, 1e-5), (False, False, 1e-3)):
        for x, n in (((1, 7), 1), ((5, 9), 1), ((2, 3, 5), 1), ((3, 4, 5), 2), ((2, 3, 4, 5), 3)):
            case("layer_norm", [x], {"shape": x[-n:], "eps": eps, "affine": affine, "bias": bias})
    for affine, eps in ((True, 2.0**-23), (True, 1e-5), (False, 1e-3)):
        for x, n in (((1, 7), 1), ((5, 9), 1), ((2, 3, 5), 1), ((3, 4, 5), 2)):
            case("rms_norm", [x], {"shape": x[-n:], "eps": eps, "affine": affine})


def norms_of_channels():
    for affine, eps in ((True, 1e-5), (False, 1e-3)):
        for groups, x in ((1, (1, 3, 5)), (3, (2, 6, 7)), (2, (5, 6)), (2, (3, 4, 5, 3)), (5, (2, 5, 3, 4))):
            case("group_norm", [x], {"groups": groups, "channels": x[1], "eps": eps, "affine": affine})
    shapes = ((2, 3, 7), (1, 3, 5), (3, 5, 4, 3))
    for affine, track, training in itertools.product((True, False), repeat=3):
        for x, eps, momentum in zip(shapes, (1e-5, 1e-3, 1e-5), (0.1, 0.3, 0.1)):
            options = {"rank": len(x), "channels": x[1], "eps": eps, "momentum": momentum, "affine": affine, "track": track}
            case("instance_norm", [x], options, training=training)
    shapes = ((5, 3), (2, 3, 7), (3, 5, 4, 3), (1, 3, 5))
    for affine, track, training in itertools.product((True, False), repeat=3):
        for x, eps, momentum in zip(shapes, (1e-5, 1e-3, 1e-5, 1e-5), (0.1, 0.3, None, 0.1)):
            options = {"rank": len(x), "channels": x[1], "eps": eps, "momentum": momentum, "affine": affine, "track": track}
            some_batches = lambda m: m.num_batches_tracked.fill_(3) if m.num_batches_tracked is not None else None
            case("batch_norm", [x], options, training=training, prepare=some_batches)


def embeddings():
    for padding in (None, 0, 3):
        for ids in ([4], [[0, 3, 3], [1, 0, 4]], [[[2, 3], [3, 0]]]):
            case("embedding", [], {"rows": 5, "features": 3, "padding": padding}, ids=[ids])


def dropouts():  # what is dropped in training is not PyTorch's choice
    for p in (0.0, 0.3, 1.0):
        case("dropout", [(3, 5)], {"p": p}, training=False)
        case("dropout2d", [(2, 3, 5, 4)], {"p": p}, training=False)


def few_steps(module):
    """Unit vectors on their way to the singular ones, in f32."""
    norm = module.parametrizations.weight[0]
    norm._power_method(norm._reshape_weight_to_matrix(module.parametrizations.weight.original), 2)
    for vector in (norm._u, norm._v):
        vector.copy_(vector.float().double())


def parametrised():
    layers = (
        ("linear", (5, 7), {"in": 7, "out": 3, "bias": True}),
        ("conv1d", (2, 4, 9), conv_options(4, 6, (3,), padding=1, groups=2)),
        ("conv2d", (2, 3, 6, 5), conv_options(3, 5, (3, 2), stride=(2, 1), bias=False)),
        ("conv_transpose1d", (2, 4, 5), conv_options(4, 6, (3,), stride=2, groups=2, output_padding=1)),
        ("conv_transpose2d", (1, 3, 4, 3), conv_options(3, 5, (2, 3), stride=(2, 1), output_padding=0, bias=False)),
    )
    for layer, x, options in layers:
        for training in (True, False):
            for steps, eps, dim in ((1, 1e-12, None), (3, 1e-4, 1)):
                options = {**options, "layer": layer, "steps": steps, "eps": eps, "dim": dim}
                case("spectral_norm", [x], options, training=training, prepare=few_steps)
        for dim in (0, 1, None):
            case("weight_norm", [x], {**options, "layer": layer, "dim": dim})


def blocks():
    for c, out, time, scale_shift, batch in ((4, 6, 5, False, 2), (6, 6, 3, True, 1), (4, 4, None, False, 3), (2, 4, 5, True, 2)):
        for dropout, training in ((0.0, True), (0.3, False)):
            options = {"in": c, "out": out, "time": time, "scale_shift": scale_shift, "groups": 2, "eps": 1e-6, "dropout": dropout}
            case("resnet_block", [(batch, c, 5, 3)] + ([(batch, time)] if time else []), options, training=training)
    for c, out, stride, batch in ((3, 3, 1, 2), (3, 5, 1, 1), (3, 4, 2, 3)):
        for training in (True, False):
            case("basic_block", [(batch, c, 6, 5)], {"in": c, "out": out, "stride": stride}, training=training)


def main():
    for group in (linear, convolutions, norms_of_rows, norms_of_channels, embeddings, dropouts, parametrised, blocks):
        group()
    F.save(sys.argv[1], "tools/torch/nn/layers.py")


if __name__ == "__main__":
    main()
