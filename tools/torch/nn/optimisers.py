#!/usr/bin/env python3
"""Writes what PyTorch's optimisers, schedules, averages and clipping do: ten steps of each, with all options.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/nn/optimisers.py crates/nn/tests/pytorch/optimisers.safetensors

The test in crates/nn/tests/pytorch reads the file and needs no PyTorch. PyTorch runs in f64; parameters and gradients begin as
f32. In a case of an optimiser, the parameters are `NAME.state.weight` and `NAME.state.bias`; step t has the gradients
`NAME.g0.weight`, `NAME.g1.weight`, …, which are given and not computed, so that the optimiser is compared alone; and the
parameters afterwards are `NAME.after.weight`, …, and what the optimiser keeps `NAME.kept.exp_avg.weight`, ….

Two of them are twins, written here from their papers. PyTorch has no Lion; and its Muon rounds the Newton-Schulz iteration to
bf16, which has 8 bits: the iteration is done in f64 in its place, and all else is PyTorch's own code.
"""

import sys

import numpy as np
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fixture import Fixture

F = Fixture()
STEPS = 10
SHAPES = {"weight": (5, 7), "bias": (11,)}


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                c = beta1 * m + (1 - beta1) * p.grad
                p -= group["lr"] * (torch.sign(c) + group["weight_decay"] * p)
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


def newton_schulz(g, coefficients, steps, eps):
    """Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/, in the dtype of g."""
    a, b, c = coefficients
    x = g / max(g.norm(), eps)
    x = x.T if g.size(0) > g.size(1) else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if g.size(0) > g.size(1) else x


torch.optim._muon._zeropower_via_newtonschulz = newton_schulz


def parameters(name, rng, shapes=SHAPES):
    """Parameters between -1 and 1."""
    params = {key: F.draw(rng, *shape, low=-1.0, high=1.0) for key, shape in shapes.items()}
    for key, p in params.items():
        F.keep(f"{name}.state.{key}", p)
        p.requires_grad_()
    return params


def give_gradients(name, rng, params, step):
    """Gradients of all sizes: a tenth of them is a hundred times smaller."""
    for key, p in params.items():
        g = F.draw(rng, *p.shape) * torch.tensor(np.where(rng.uniform(size=p.shape) < 0.1, 2.0**-7, 1.0))
        F.keep(f"{name}.g{step}.{key}", g)
        p.grad = g


def optimiser(kind, make, shapes=SHAPES, schedule=None, frozen=(), **options):
    """Ten steps. `make(params)` returns one optimiser or several; `schedule(step)` is called before each step."""
    name, rng = F.case(kind, **options)
    params = parameters(name, rng, shapes)
    optimisers = make(params)
    optimisers = optimisers if isinstance(optimisers, list) else [optimisers]
    for step in range(STEPS):
        give_gradients(name, rng, params, step)
        for key in frozen:
            params[key].grad = None
        if schedule:
            schedule(optimisers, step)
        for o in optimisers:
            o.step()
    for key, p in params.items():
        F.keep(f"{name}.after.{key}", p)
        for what, value in ((w, v) for o in optimisers for w, v in o.state.get(p, {}).items()):
            if torch.is_tensor(value) and value.shape == p.shape:
                F.keep(f"{name}.kept.{what}.{key}", value)


def sgd():
    variants = [{}, dict(momentum=0.9), dict(momentum=0.9, dampening=0.3), dict(momentum=0.9, nesterov=True)]
    for variant in variants:
        for weight_decay in (0.0, 0.1):
            options = dict(lr=0.05, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=weight_decay) | variant
            optimiser("sgd", lambda p: torch.optim.SGD(p.values(), **options), **options)


def adam():
    for betas, eps in (((0.9, 0.999), 1e-8), ((0.5, 0.9), 1e-3)):
        for weight_decay in (0.0, 0.1):
            for kind, make in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
                options = dict(lr=0.02, betas=betas, eps=eps, weight_decay=weight_decay)
                optimiser(kind, lambda p: make(p.values(), **options), **options)


def rmsprop():
    for momentum in (0.0, 0.9):
        for centered in (False, True):
            for weight_decay, alpha, eps in ((0.0, 0.99, 1e-8), (0.1, 0.8, 1e-3)):
                options = dict(lr=0.01, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered)
                optimiser("rmsprop", lambda p: torch.optim.RMSprop(p.values(), **options), **options)


def lion():
    for betas in ((0.9, 0.99), (0.5, 0.6)):
        for weight_decay in (0.0, 0.1):
            options = dict(lr=0.02, betas=betas, weight_decay=weight_decay)
            optimiser("lion", lambda p: Lion(p.values(), **options), **options)


def muon():
    scales = {"original": "original", "match_adamw": "match_rms_adamw"}
    for shape in ((5, 7), (9, 4), (6, 6)):
        for nesterov, scale, weight_decay in ((True, "original", 0.1), (False, "match_adamw", 0.0)):
            options = dict(lr=0.02, momentum=0.95, nesterov=nesterov, weight_decay=weight_decay)
            rest = dict(lr=0.003, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
            optimiser(
                "muon",
                lambda p: [
                    torch.optim.Muon([p["weight"]], adjust_lr_fn=scales[scale], **options),
                    torch.optim.AdamW([p["bias"]], **rest),
                ],
                shapes={"weight": shape, "bias": (11,)},
                scale=scale,
                adamw=rest["lr"],
                **options,
            )


def groups():
    """The bias has no weight decay and a tenth of the rate, while a schedule changes both."""
    scales = [0.9**step for step in range(STEPS)]

    def make(p):
        others = dict(params=[p["bias"]], weight_decay=0.0, lr=0.002)
        return torch.optim.AdamW([dict(params=[p["weight"]]), others], lr=0.02, weight_decay=0.1)

    def schedule(optimisers, step):
        for group, lr in zip(optimisers[0].param_groups, (0.02, 0.002)):
            group["lr"] = lr * scales[step]

    optimiser("groups", make, schedule=schedule, lr=0.02, weight_decay=0.1, decay_of_lr=0.9)


def frozen():
    """The bias is frozen: PyTorch leaves out what has no gradient."""
    optimiser("frozen", lambda p: torch.optim.SGD(p.values(), lr=0.05, momentum=0.9), frozen=["bias"], lr=0.05, momentum=0.9)


def schedules():
    """The learning rate of every step, and for one-cycle the momentum."""

    def rates(kind, lr, horizon, make, **options):
        name, _ = F.case("schedule", schedule=kind, lr=lr, **options)
        o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
        scheduler = make(o)
        lrs, momenta = [], []
        for _ in range(horizon):
            lrs.append(o.param_groups[0]["lr"])
            momenta.append(o.param_groups[0]["momentum"])
            o.step()
            try:
                scheduler.step()
            except ValueError:  # one-cycle's last step
                break
        # f32 would round small rates relative to themselves, which is what they are compared by
        F.keep(f"{name}.lr", np.array(lrs))
        F.keep(f"{name}.momentum", np.array(momenta))

    rates("constant", 0.1, 20, lambda o: lr_scheduler.ConstantLR(o, factor=1.0))
    for every, gamma in ((3, 0.5), (7, 0.1), (1, 0.9)):
        rates("step", 0.1, 40, lambda o: lr_scheduler.StepLR(o, every, gamma), every=every, gamma=gamma)
    for steps, low in ((40, 0.0), (17, 0.01)):
        cosine = lambda o: lr_scheduler.CosineAnnealingLR(o, steps, eta_min=low)
        rates("cosine", 0.1, steps + 1, cosine, steps=steps, min=low)
    for steps in (10, 40, 101):
        for anneal in ("cosine", "linear"):
            for three_phases in (False, True):
                options = dict(rise=0.3, div=25.0, final_div=1e4) if steps != 40 else dict(rise=0.45, div=10.0, final_div=100.0)
                make = lambda o: lr_scheduler.OneCycleLR(
                    o, max_lr=0.1, total_steps=steps, pct_start=options["rise"], anneal_strategy=anneal[:3] if anneal == "cosine" else anneal,
                    div_factor=options["div"], final_div_factor=options["final_div"], three_phase=three_phases,
                )  # fmt: skip
                rates("one_cycle", 0.1, steps, make, steps=steps, anneal=anneal, three_phases=three_phases, **options)

    def warmed_up(steps, then):
        def make(o):
            up = lr_scheduler.LinearLR(o, start_factor=1 / (steps + 1), total_iters=steps)
            return lr_scheduler.SequentialLR(o, [up, then(o)], milestones=[steps])

        return make

    for steps in (1, 5, 12):
        cosine = lambda o: lr_scheduler.CosineAnnealingLR(o, 30)
        rates("warm_cosine", 0.1, steps + 31, warmed_up(steps, cosine), warmup=steps, steps=30)
        step = lambda o: lr_scheduler.StepLR(o, 4, 0.5)
        rates("warm_step", 0.1, steps + 20, warmed_up(steps, step), warmup=steps, every=4, gamma=0.5)
        constant = lambda o: lr_scheduler.ConstantLR(o, factor=1.0)
        rates("warm_constant", 0.1, steps + 5, warmed_up(steps, constant), warmup=steps)


def ema():
    """A model with a buffer, whose values are given: `m0`, `m1`, … are the model's, `a0`, … the average's."""
    for decay in (0.9, 0.99):
        name, rng = F.case("ema", decay=decay)
        model = torch.nn.BatchNorm1d(5).double()
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        for step in range(STEPS):
            with torch.no_grad():
                for key, x in (("weight", model.weight), ("bias", model.bias), ("running_mean", model.running_mean)):
                    x.copy_(F.draw(rng, *x.shape))
                    F.keep(f"{name}.m{step}.{key}", x)
            average.update_parameters(model)
            for key in ("weight", "bias", "running_mean"):
                F.keep(f"{name}.a{step}.{key}", getattr(average.module, key))


def clipping():
    """The last is of gradients so small that the 1e-6 in the denominator counts."""
    for max_norm, scale in ((0.1, 1.0), (1.0, 1.0), (5.0, 1.0), (1e4, 1.0), (1e-6, 2.0**-20)):
        name, rng = F.case("clip", max_norm=max_norm, scale=scale)
        params = parameters(name, rng)
        give_gradients(name, rng, params, 0)
        for p in params.values():
            p.grad *= scale
        F.keep(f"{name}.norm", torch.nn.utils.clip_grad_norm_(params.values(), max_norm))
        for key, p in params.items():
            F.keep(f"{name}.clipped.{key}", p.grad)


def lbfgs():
    """Where a ridge logistic regression is least, which has no closed form."""
    name, rng = F.case("lbfgs", ridge=0.1)
    x, true = F.draw(rng, 40, 6), F.draw(rng, 6)
    y = (x @ true + F.draw(rng, 40) > 0).double()
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    o = torch.optim.LBFGS([w], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe")

    def closure():
        o.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y) + 0.1 * (w @ w) / 2
        loss.backward()
        return loss

    for _ in range(20):  # it stops early where f changes little; again from there
        o.step(closure)
    assert closure() is not None and w.grad.abs().max() < 1e-8, w.grad
    F.keep(f"{name}.x", x)
    F.keep(f"{name}.y", y)
    F.keep(f"{name}.w", w)
    F.keep(f"{name}.loss", closure())


for make in (sgd, adam, rmsprop, lion, muon, groups, frozen, schedules, ema, clipping, lbfgs):
    make()
F.save(sys.argv[1], "tools/torch/nn/optimisers.py")
