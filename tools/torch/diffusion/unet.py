#!/usr/bin/env python3
"""Writes what diffusers makes of small UNets, for crates/unet-diffusion/tests/unet:

    VENV/bin/python tools/torch/diffusion/unet.py crates/unet-diffusion/tests/data/unet

For each case a folder with config.json as diffusers writes it, and expected.safetensors with

    x, t            the inputs, and class for those that are told one
    y               the output
    gradients       of sum(y * probe), of all parameters in the order of their sorted names: for each its norm, its product with
                    another probe, and at most 16 of its numbers, evenly spaced

and the names in its metadata. Weights and probes follow the rule of tests/unet/rule.rs, whose arithmetic both sides can do, so that none
need to be kept; the case `saved` has the file that save_pretrained wrote. diffusers computes in f64, but for the waves of the time,
which it always computes in f32. With a second argument, a folder that our UNet2d saved, it says whether diffusers reads the same
network from it as from the case `saved`.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

SAMPLES = 16


def uniform(name, *shape):
    s = 2166136261
    for byte in name.encode():
        s = ((s ^ byte) * 16777619) % 2**32
    h = np.uint32(s) + np.arange(math.prod(shape), dtype=np.uint32) * np.uint32(2654435769)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    h = h ^ (h >> np.uint32(16))
    return ((h >> np.uint32(8)) / 2.0**23 - 1).astype(np.float32).reshape(shape)


def fill(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            u = uniform(name, *p.shape)
            if p.dim() >= 2:
                u = u * np.float32(math.sqrt(3 * p.shape[0] / p.numel()))
            else:
                u = u * np.float32(0.1) + np.float32(1 if name.endswith("weight") else 0)
            p.copy_(torch.tensor(u))


def levels(*kinds):
    """down_block_types, and as many up."""
    up = {"DownBlock2D": "UpBlock2D", "ResnetDownsampleBlock2D": "ResnetUpsampleBlock2D"}
    mirrored = lambda kind: up.get(kind, kind.replace("Down", "Up"))
    return dict(down_block_types=kinds, up_block_types=tuple(mirrored(kind) for kind in reversed(kinds)))


PLAIN, ATTN, RESNET = "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"
SMALL = dict(in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=2)

# name: (settings, height, width, times, class)
CASES = {
    "saved": (SMALL | levels(PLAIN, ATTN) | dict(block_out_channels=(4, 8), attention_head_dim=4, sample_size=8), 8, 8, (3, 999), None),
    "attention_everywhere": (
        SMALL | levels(ATTN, ATTN, ATTN)
        | dict(in_channels=3, out_channels=6, block_out_channels=(8, 8, 16), attention_head_dim=None, sample_size=(12, 20)),
        12, 20, (0, 731), None),
    "deep": (
        SMALL | levels(PLAIN, PLAIN, ATTN, PLAIN)
        | dict(block_out_channels=(4, 6, 8, 8), layers_per_block=2, add_attention=False, downsample_padding=0, freq_shift=1,
               flip_sin_to_cos=False, norm_eps=1e-6),
        16, 8, (17, 400), None),
    "odd_one_level": (SMALL | levels(PLAIN) | dict(block_out_channels=(9,), norm_num_groups=3, attention_head_dim=3), 7, 5, (5, 50), None),
    "odd_below": (SMALL | levels(PLAIN, ATTN) | dict(block_out_channels=(6, 12), attention_head_dim=6), 14, 6, (1, 998), None),
    "class_scale_shift": (
        SMALL | levels(PLAIN, ATTN)
        | dict(block_out_channels=(8, 8), num_class_embeds=5, resnet_time_scale_shift="scale_shift", dropout=0.1),
        8, 8, (12, 250), "ids"),
    "class_timestep": (
        SMALL | levels(ATTN, PLAIN)
        | dict(block_out_channels=(8, 8), class_embed_type="timestep", act_fn="mish", attn_norm_num_groups=4,
               resnet_time_scale_shift="scale_shift"),
        8, 8, (12, 250), "numbers"),
    "class_identity": (
        SMALL | levels(PLAIN, PLAIN)
        | dict(block_out_channels=(8, 8), class_embed_type="identity", center_input_sample=True, time_embedding_dim=24, act_fn="relu"),
        8, 8, (12, 250), "vectors"),
    "fourier": (
        SMALL | levels(PLAIN, ATTN) | dict(block_out_channels=(8, 8), time_embedding_type="fourier", mid_block_scale_factor=math.sqrt(2)),
        8, 8, (0.3, 4.0), None),
    "resnet": (
        SMALL | levels(RESNET, ATTN, PLAIN)
        | dict(block_out_channels=(8, 8, 8), downsample_type="resnet", upsample_type="resnet", attention_head_dim=2),
        8, 12, (12, 250), None),
    "learned": (
        SMALL | levels(PLAIN, PLAIN) | dict(block_out_channels=(6, 8), time_embedding_type="learned", num_train_timesteps=20, act_fn="swish"),
        4, 4, (0, 19), None),
    "skips": (
        SMALL | levels("SkipDownBlock2D", "AttnSkipDownBlock2D", "SkipDownBlock2D")
        | dict(in_channels=3, out_channels=3, block_out_channels=(32, 32, 32), norm_num_groups=None, attention_head_dim=None,
               time_embedding_type="fourier", mid_block_scale_factor=math.sqrt(2), norm_eps=1e-6),
        8, 8, (0.3, 4.0), None),
    "no_middle": (
        SMALL | levels(PLAIN, ATTN) | dict(block_out_channels=(8, 12), mid_block_type=None, attention_head_dim=8, act_fn="gelu"),
        4, 8, (12, 250), None),
}


def class_of(kind, model):
    match kind:
        case None:
            return None
        case "ids":
            return torch.tensor([3, 0])
        case "numbers":
            return torch.tensor([40.0, 7.0]).double()
        case "vectors":
            return torch.tensor(uniform("class", 2, model.time_embedding.linear_2.out_features)).double()


def write(name, folder):
    settings, height, width, times, kind = CASES[name]
    torch.manual_seed(0)
    model = UNet2DModel(**settings).eval()
    folder.mkdir(parents=True, exist_ok=True)
    if name == "saved":
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.05)  # biases and scales must not be 0 and 1
        model.save_pretrained(folder)
    else:
        fill(model)
        model.save_config(folder)
    model = model.double()
    x = torch.tensor(uniform("x", 2, model.config.in_channels, height, width)).double()
    t = torch.tensor(times)
    t = t.double() if model.config.time_embedding_type == "fourier" else t
    told = class_of(kind, model)
    if kind == "numbers":  # their waves are f32, too, and are widened for the time alone
        model.class_embedding.register_forward_pre_hook(lambda _, given: (given[0].double(),))
    y = model(x, t, class_labels=told).sample
    (y * torch.tensor(uniform("y", *y.shape)).double()).sum().backward()
    gradients, names = [], []
    for key, p in sorted(model.named_parameters()):
        names.append(key)
        if p.requires_grad:
            g = p.grad.flatten()
            probe = torch.tensor(uniform("probe " + key, len(g))).double()
            gradients += [g.norm()[None], (g @ probe)[None], g[:: math.ceil(len(g) / SAMPLES)]]
    tensors = {"x": x, "t": t, "y": y.detach(), "gradients": torch.cat(gradients)}
    if told is not None:
        tensors["class"] = told
    tensors = {key: value.float().contiguous() for key, value in tensors.items()}
    save_file(tensors, folder / "expected.safetensors", {"names": " ".join(names)})
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, y up to {y.abs().max():.3f}")


def compare(theirs, ours):
    a, b = (UNet2DModel.from_pretrained(folder).eval() for folder in (theirs, ours))
    x, t = torch.tensor(uniform("x", 2, 1, 8, 8)), torch.tensor([3, 999])
    print("diffusers reads the same network:", torch.equal(a(x, t).sample, b(x, t).sample))


def main():
    root = Path(sys.argv[1])
    if len(sys.argv) > 2:
        return compare(root / "saved", sys.argv[2])
    for name in CASES:
        write(name, root / name)


if __name__ == "__main__":
    main()
