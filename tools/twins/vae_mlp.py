#!/usr/bin/env python3
"""The PyTorch twin of our presets `vae-mlp` and `ae`: the numbers that ours are held against.

The network is that of github.com/pytorch/examples/tree/main/vae (Kingma & Welling 2013, appendix C):

    x (B, 784) -fc1, ReLU-> h (B, 400) -fc21-> mu (B, 20), -fc22-> logvar (B, 20)
    z = mu + exp(logvar / 2) * eps,  eps ~ N(0, I)
    z (B, 20) -fc3, ReLU-> (B, 400) -fc4-> logits (B, 784)

    loss = BCE(sigmoid(logits), x) summed over pixels  +  KL(N(mu, exp(logvar)) || N(0, I)) summed over latents

in nats per image; what is minimised is the mean over the batch. The pixels are grey values in [0, 1], so the
BCE is not a likelihood, but it is the loss that the well-known example prints. `--model ae` has the same
encoder and decoder with the code z = fc21(h), no fc22, no noise and no KL.

Default initialiser, Adam (1e-3, betas 0.9 and 0.999, eps 1e-8), batches of 128 in a new order each epoch with
the last, smaller one kept; the first 10,000 training pictures and the first 2,000 test pictures of
Fashion-MNIST. The test loss draws eps once, from a fixed seed.

    pip install torch numpy safetensors
    python vae_mlp.py [--model vae|ae] [--epochs 10] [--seeds 0 1 2] [--threads 2] [--json FILE] [DATA_FOLDER]
    python vae_mlp.py --fixture FILE.safetensors      100 steps to be replayed elsewhere: see write_fixture
"""

import argparse
import gzip
import json
import os
import statistics
import struct
import sys
import time

# Set on some machines for the sake of old OpenBLAS builds; they slow a current numpy.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"  # apt-get install dataset-fashion-mnist
TRAIN, TEST, BATCH, LATENTS, LR = 10_000, 2_000, 128, 20, 1e-3
EVAL_SEED = 12345


def read_images(path, count):
    """The first `count` pictures of an IDX file (gzip), as f32 in [0, 1] of shape (count, 784)."""
    with gzip.open(path, "rb") as f:
        magic, n, h, w = struct.unpack(">IIII", f.read(16))
        if magic != 0x803 or (h, w) != (28, 28) or n < count:
            sys.exit(f"{path}: not an IDX file of at least {count} pictures of 28 x 28")
        data = f.read(count * h * w)
    if len(data) != count * h * w:
        sys.exit(f"{path}: ends before picture {count}")
    return torch.from_numpy(np.frombuffer(data, np.uint8).astype(np.float32) / 255).view(count, h * w)


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, LATENTS)
        self.fc22 = nn.Linear(400, LATENTS)
        self.fc3 = nn.Linear(LATENTS, 400)
        self.fc4 = nn.Linear(400, 784)

    def losses(self, x, eps):
        """(reconstruction, kl) in nats per image, each the mean over the batch."""
        h = F.relu(self.fc1(x))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * eps
        logits = self.fc4(F.relu(self.fc3(z)))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return reconstruction / len(x), kl / len(x)


class Ae(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, LATENTS)
        self.fc3 = nn.Linear(LATENTS, 400)
        self.fc4 = nn.Linear(400, 784)

    def losses(self, x, _eps):
        """(reconstruction, 0): an autoencoder's code is a point, and nothing pulls it anywhere."""
        z = self.fc21(F.relu(self.fc1(x)))
        logits = self.fc4(F.relu(self.fc3(z)))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return reconstruction / len(x), torch.zeros(())


MODELS = {"vae": Vae, "ae": Ae}


def step(model, optimizer, x, eps):
    optimizer.zero_grad(set_to_none=True)
    reconstruction, kl = model.losses(x, eps)
    loss = reconstruction + kl
    loss.backward()
    optimizer.step()
    return loss.item()


def run(kind, seed, epochs, train, test):
    """One training run from `seed`: its losses in nats per image, and the seconds that training took."""
    torch.manual_seed(seed)
    model = MODELS[kind]()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    start = time.perf_counter()
    train_loss = float("nan")
    for _ in range(epochs):
        total = 0.0
        for index in torch.randperm(len(train)).split(BATCH):
            total += step(model, optimizer, train[index], torch.randn(len(index), LATENTS)) * len(index)
        train_loss = total / len(train)  # as it went, over the whole epoch
    seconds = time.perf_counter() - start
    with torch.no_grad():
        eps = torch.randn(len(test), LATENTS, generator=torch.Generator().manual_seed(EVAL_SEED))
        reconstruction, kl = (float(v) for v in model.losses(test, eps))
    return {"seed": seed, "train_loss": train_loss, "loss": reconstruction + kl,
            "reconstruction": reconstruction, "kl": kl, "seconds": seconds}


def write_fixture(path, kind, train, steps=100):
    """Everything that another engine needs to take the same 100 steps, and the losses it must find:

    init.NAME      the parameters before the first step, by their dotted names
    indices        (100, 128) i32: the pictures of each batch (whole batches; orders follow each other)
    eps            (100, 128, 20) f32: the noise of each step
    losses         (100,) f32: the loss of each step, before its update, in nats per image
    final.NAME     the parameters after the last step
    """
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = MODELS[kind]()
    tensors = {f"init.{name}": p.detach().clone() for name, p in model.named_parameters()}
    orders = -(-steps * BATCH // len(train))
    order = torch.cat([torch.randperm(len(train)) for _ in range(orders)])
    indices = order[: steps * BATCH].view(steps, BATCH)
    eps = torch.randn(steps, BATCH, LATENTS)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = [step(model, optimizer, train[i], e) for i, e in zip(indices, eps)]
    tensors |= {f"final.{name}": p.detach().clone() for name, p in model.named_parameters()}
    tensors |= {"indices": indices.to(torch.int32), "eps": eps, "losses": torch.tensor(losses)}
    save_file(tensors, path, metadata={"model": kind, "torch": torch.__version__, "lr": str(LR)})
    print(f"{path}: {steps} steps, loss {losses[0]:.4f} -> {losses[-1]:.4f} nats per image")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=DEBIAN_FOLDER, help="folder of the four IDX gz files")
    parser.add_argument("--model", choices=MODELS, default="vae")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="also write the results there")
    parser.add_argument("--fixture", metavar="FILE", help="write 100 recorded steps there, and do nothing else")
    args = parser.parse_args()
    if args.epochs < 1 or args.threads < 1:
        parser.error("--epochs and --threads must be at least 1")

    torch.set_num_threads(args.threads)
    try:
        train = read_images(os.path.join(args.data, "train-images-idx3-ubyte.gz"), TRAIN)
        test = read_images(os.path.join(args.data, "t10k-images-idx3-ubyte.gz"), TEST)
    except (OSError, EOFError) as e:
        sys.exit(f"{e} (Debian's package dataset-fashion-mnist installs {DEBIAN_FOLDER})")
    if args.fixture:
        return write_fixture(args.fixture, args.model, train)

    columns = ["train_loss", "loss", "reconstruction", "kl", "seconds"]
    print(f"{args.model}: PyTorch {torch.__version__}, {args.threads} threads, {args.epochs} epochs; nats per image")
    print(f"{'seed':>8}" + "".join(f"{c:>18}" for c in columns))
    runs = []
    for seed in args.seeds:
        runs.append(run(args.model, seed, args.epochs, train, test))
        print(f"{seed:>8}" + "".join(f"{runs[-1][c]:>18.3f}" for c in columns), flush=True)
    summary = {}
    for c in columns:
        values = [r[c] for r in runs]
        summary[c] = {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else 0.0}
    print(f"{'mean±sd':>8}" + "".join(f"{summary[c]['mean']:>10.3f} ± {summary[c]['sd']:<5.3f}" for c in columns))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"model": args.model, "torch": torch.__version__, "threads": args.threads,
                       "epochs": args.epochs, "runs": runs, "summary": summary}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
