#!/usr/bin/env python3
"""Writes what diffusers makes of a small DiT, for crates/unet-diffusion/tests/dit.rs:

    VENV/bin/python tools/torch/diffusion/dit.py crates/unet-diffusion/tests/data/dit.safetensors

with the inputs x, t and class, the output y, and the gradient of sum(y * probe) for x and, as norms, for all parameters in the order of
their sorted names. Weights follow the rule of unet.py under the names of the paper's code, from which diffusers' own differ. Its time has
waves that are spaced by another half step than the paper's, and each of its blocks embeds time and class anew; here all have one
embedding, and the paper's waves.
"""

import sys

import torch
from diffusers import DiTTransformer2DModel
from safetensors.torch import save_file

from unet import uniform

DEPTH, DIM = 2, 16


def scaled(name, p):
    u = torch.tensor(uniform(name, *p.shape))
    return u * (3 * p.shape[0] / p.numel()) ** 0.5 if p.dim() >= 2 else u * 0.1


def called(model):
    """{name in the paper's code: the parameters of diffusers that are its rows, in their order}"""
    found = {}

    def put(name, *parts):
        for kind in ("weight", "bias"):
            if getattr(parts[0], kind, None) is not None:
                found[f"{name}.{kind}"] = [getattr(part, kind) for part in parts]

    put("x_embedder.proj", model.pos_embed.proj)
    for i, block in enumerate(model.transformer_blocks):
        put(f"blocks.{i}.attn.qkv", block.attn1.to_q, block.attn1.to_k, block.attn1.to_v)
        put(f"blocks.{i}.attn.proj", block.attn1.to_out[0])
        put(f"blocks.{i}.mlp.fc1", block.ff.net[0].proj)
        put(f"blocks.{i}.mlp.fc2", block.ff.net[2])
        put(f"blocks.{i}.adaLN_modulation.1", block.norm1.linear)
    put("final_layer.adaLN_modulation.1", model.proj_out_1)
    put("final_layer.linear", model.proj_out_2)
    embedding = model.transformer_blocks[0].norm1.emb
    put("t_embedder.mlp.0", embedding.timestep_embedder.linear_1)
    put("t_embedder.mlp.2", embedding.timestep_embedder.linear_2)
    put("y_embedder.embedding_table", embedding.class_embedder.embedding_table)
    return found


def main():
    model = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=DIM // 2, in_channels=2, out_channels=3, num_layers=DEPTH, sample_size=6,
        patch_size=2, num_embeds_ada_norm=5, norm_eps=1e-6,
    ).eval()
    embedding = model.transformer_blocks[0].norm1.emb
    embedding.time_proj.downscale_freq_shift = 0
    for block in model.transformer_blocks:
        block.norm1.emb = embedding
    parameters = called(model)
    with torch.no_grad():
        for name, parts in parameters.items():
            whole = torch.cat(parts)
            for part, value in zip(parts, scaled(name, whole).chunk(len(parts))):
                part.copy_(value)
    assert {id(p) for parts in parameters.values() for p in parts} == {id(p) for p in model.parameters()}
    model = model.double()
    embedding.timestep_embedder.register_forward_pre_hook(lambda _, given: (given[0].double(), *given[1:]))
    x = torch.tensor(uniform("x", 2, 2, 6, 6)).double().requires_grad_()
    t, classes = torch.tensor([3, 999]), torch.tensor([4, 5])
    y = model(x, timestep=t, class_labels=classes).sample
    (y * torch.tensor(uniform("y", *y.shape)).double()).sum().backward()
    norms = [torch.cat([part.grad for part in parts]).norm() for _, parts in sorted(parameters.items())]
    tensors = {"x": x.detach(), "t": t, "class": classes, "y": y.detach(), "dx": x.grad, "norms": torch.stack(norms)}
    save_file({name: value.float().contiguous() for name, value in tensors.items()}, sys.argv[1])
    print(f"y up to {y.abs().max():.3f}, {len(norms)} parameters")


if __name__ == "__main__":
    main()
