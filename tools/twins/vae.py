#!/usr/bin/env python3
"""The PyTorch twins of our presets `vae-mlp`, `ae`, `vae-conv` and `vae-binary`: the numbers that ours are held against.

`--model vae` is the network of github.com/pytorch/examples/tree/main/vae (Kingma & Welling 2013, appendix C):

    x (B, 784) -fc1, ReLU-> h (B, 400) -fc21-> mu (B, 20), -fc22-> logvar (B, 20)
    z = mu + exp(logvar / 2) * eps,  eps ~ N(0, I)
    z (B, 20) -fc3, ReLU-> (B, 400) -fc4-> logits (B, 784)

    loss = BCE(sigmoid(logits), x) summed over pixels  +  beta * KL(N(mu, exp(logvar)) || N(0, I)) summed over latents

in nats per image; what is minimised is the mean over the batch. The pixels are grey values in [0, 1], so the BCE is not a
likelihood, but it is the loss that the well-known example prints. `ae` has the same encoder and decoder with the code
z = fc21(h), no fc22, no noise and no KL. `conv` has two convolutions of stride 2 on each side and a code of two numbers.
`binary` (Burda et al. 2016, section 5) has two hidden layers of 200 tanh units on each side and a code of 50; its pixels
are drawn anew for every step, 1 with the probability that their grey value says, so its bounds are bounds of a
likelihood; held out: -L_1, -L_k with k = 64 draws, and the active units.

Default initialiser, Adam (1e-3, betas 0.9 and 0.999, eps 1e-8), batches of 128 (binary: 100) in a new order each epoch with the
last, smaller one kept. The data are those in crates/data/assets: the first 10,000 training and the first 2,000 test pictures of
Fashion-MNIST, or 7,996 and 2,004 digits of MNIST. The test loss draws eps (and the pixels) once, from a fixed seed.

    pip install torch numpy safetensors
    python vae.py [--model vae|ae|conv|binary] [--epochs N] [--beta 1] [--seeds 0 1 2] [--threads 2] [--json FILE] [DATA_FOLDER]
    python vae.py --fixture FILE.safetensors      100 steps to be replayed elsewhere: see write_fixture
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

ASSETS = os.path.join(os.path.dirname(__file__), "../../crates/data/assets")
LATENTS, LR = 20, 1e-3
EVAL_SEED = 12345


def read_images(path):
    """The pictures of an IDX file (gzip), as f32 in [0, 1] of shape (count, 784)."""
    with gzip.open(path, "rb") as f:
        magic, n, h, w = struct.unpack(">IIII", f.read(16))
        if magic != 0x803 or (h, w) != (28, 28):
            sys.exit(f"{path}: not an IDX file of pictures of 28 x 28")
        data = f.read(n * h * w)
    if len(data) != n * h * w:
        sys.exit(f"{path}: ends before picture {n}")
    return torch.from_numpy(np.frombuffer(data, np.uint8).astype(np.float32) / 255).view(n, h * w)


class Autoencoder(nn.Module):
    """`encode` gives (mu, logvar), or (z, None); `decode` gives logits."""

    latents, batch, epochs, binary, data = LATENTS, 128, 10, False, "fashion-mnist"

    def losses(self, x, eps):
        """(reconstruction, kl) in nats per image, each the mean over the batch."""
        mu, logvar = self.encode(x)
        z = mu if logvar is None else mu + torch.exp(0.5 * logvar) * eps
        reconstruction = F.binary_cross_entropy_with_logits(self.decode(z), x, reduction="sum")
        if logvar is None:
            return reconstruction / len(x), torch.zeros(())
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return reconstruction / len(x), kl / len(x)


class Vae(Autoencoder):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, LATENTS)
        self.fc22 = nn.Linear(400, LATENTS)
        self.fc3 = nn.Linear(LATENTS, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))


class Ae(Autoencoder):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, LATENTS)
        self.fc3 = nn.Linear(LATENTS, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x):
        return self.fc21(F.relu(self.fc1(x))), None

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))


class Conv(Autoencoder):
    latents = 2

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 4, stride=2, padding=1)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.fc21 = nn.Linear(128, self.latents)
        self.fc22 = nn.Linear(128, self.latents)
        self.fc3 = nn.Linear(self.latents, 128)
        self.fc4 = nn.Linear(128, 64 * 7 * 7)
        self.conv3 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.conv4 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)

    def encode(self, x):
        h = F.relu(self.conv2(F.relu(self.conv1(x.view(-1, 1, 28, 28)))))
        h = F.relu(self.fc1(h.flatten(1)))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        h = F.relu(self.fc4(F.relu(self.fc3(z)))).view(-1, 64, 7, 7)
        return self.conv4(F.relu(self.conv3(h))).flatten(1)


class Binary(Autoencoder):
    latents, batch, epochs, binary, data = 50, 100, 100, True, "digits"

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh())
        self.mu, self.logvar = nn.Linear(200, 50), nn.Linear(200, 50)
        self.decoder = nn.Sequential(nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784))

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.decoder(z)

    def bounds(self, x, draws, generator):
        """-L_1 is the loss; here are -L_k (Burda et al. 2016, equation 8) and the number of latents with Var_x(mu) > 0.01."""
        mu, logvar = self.encode(x)
        log_w = []
        for _ in range(draws):
            eps = torch.randn(mu.shape, generator=generator)
            z = mu + torch.exp(0.5 * logvar) * eps
            log_p = -F.binary_cross_entropy_with_logits(self.decode(z), x, reduction="none").sum(1)
            log_w.append(log_p + 0.5 * (eps.pow(2) + logvar - z.pow(2)).sum(1))
        bound = torch.logsumexp(torch.stack(log_w), 0) - np.log(draws)
        return -bound.mean().item(), int((mu.var(0) > 0.01).sum())


MODELS = {"vae": Vae, "ae": Ae, "conv": Conv, "binary": Binary}
DRAWS = 64


def step(model, optimizer, x, eps, beta=1.0):
    optimizer.zero_grad(set_to_none=True)
    reconstruction, kl = model.losses(x, eps)
    loss = reconstruction + beta * kl
    loss.backward()
    optimizer.step()
    return loss.item()


def run(kind, seed, epochs, train, test, beta=1.0):
    """One training run from `seed`: its losses in nats per image, and the seconds that training took."""
    torch.manual_seed(seed)
    model = MODELS[kind]()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    start = time.perf_counter()
    train_loss = float("nan")
    for _ in range(epochs):
        total = 0.0
        for index in torch.randperm(len(train)).split(model.batch):
            x = torch.bernoulli(train[index]) if model.binary else train[index]
            total += step(model, optimizer, x, torch.randn(len(index), model.latents), beta) * len(index)
        train_loss = total / len(train)  # as it went, over the whole epoch
    seconds = time.perf_counter() - start
    with torch.no_grad():
        generator = torch.Generator().manual_seed(EVAL_SEED)
        eps = torch.randn(len(test), model.latents, generator=generator)
        test = torch.bernoulli(test, generator=generator) if model.binary else test
        reconstruction, kl = (float(v) for v in model.losses(test, eps))
        more = {}
        if model.binary:
            nll_k, active = model.bounds(test, DRAWS, generator)
            more = {"nll_1": reconstruction + kl, "nll_k": nll_k, "active_units": active}
    return more | {"seed": seed, "train_loss": train_loss, "loss": reconstruction + beta * kl,
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
    orders = -(-steps * model.batch // len(train))
    order = torch.cat([torch.randperm(len(train)) for _ in range(orders)])
    indices = order[: steps * model.batch].view(steps, model.batch)
    eps = torch.randn(steps, model.batch, model.latents)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = [step(model, optimizer, train[i], e) for i, e in zip(indices, eps)]
    tensors |= {f"final.{name}": p.detach().clone() for name, p in model.named_parameters()}
    tensors |= {"indices": indices.to(torch.int32), "eps": eps, "losses": torch.tensor(losses)}
    save_file(tensors, path, metadata={"model": kind, "torch": torch.__version__, "lr": str(LR)})
    print(f"{path}: {steps} steps, loss {losses[0]:.4f} -> {losses[-1]:.4f} nats per image")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="folder of the four IDX gz files")
    parser.add_argument("--model", choices=MODELS, default="vae")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--beta", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="also write the results there")
    parser.add_argument("--fixture", metavar="FILE", help="write 100 recorded steps there, and do nothing else")
    args = parser.parse_args()
    model = MODELS[args.model]
    args.epochs = model.epochs if args.epochs is None else args.epochs
    if args.epochs < 1 or args.threads < 1:
        parser.error("--epochs and --threads must be at least 1")

    torch.set_num_threads(args.threads)
    folder = args.data or os.path.join(ASSETS, model.data)
    try:
        train = read_images(os.path.join(folder, "train-images-idx3-ubyte.gz"))
        test = read_images(os.path.join(folder, "t10k-images-idx3-ubyte.gz"))
    except (OSError, EOFError) as e:
        sys.exit(str(e))
    if args.fixture:
        return write_fixture(args.fixture, args.model, train)

    columns = ["train_loss", "loss", "reconstruction", "kl", "seconds"]
    columns += ["nll_1", "nll_k", "active_units"] if model.binary else []
    print(f"{args.model}: PyTorch {torch.__version__}, {args.threads} threads, {args.epochs} epochs, beta {args.beta:g}; nats per image")
    print(f"{'seed':>8}" + "".join(f"{c:>18}" for c in columns))
    runs = []
    for seed in args.seeds:
        runs.append(run(args.model, seed, args.epochs, train, test, args.beta))
        print(f"{seed:>8}" + "".join(f"{runs[-1][c]:>18.3f}" for c in columns), flush=True)
    summary = {}
    for c in columns:
        values = [r[c] for r in runs]
        summary[c] = {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else 0.0}
    print(f"{'mean±sd':>8}" + "".join(f"{summary[c]['mean']:>10.3f} ± {summary[c]['sd']:<5.3f}" for c in columns))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"model": args.model, "torch": torch.__version__, "threads": args.threads,
                       "epochs": args.epochs, "beta": args.beta, "runs": runs, "summary": summary}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
