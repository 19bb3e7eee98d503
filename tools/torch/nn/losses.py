#!/usr/bin/env python3
"""Writes what PyTorch computes for every loss, and by which numbers its initialisers draw.

    python3 -m venv VENV && VENV/bin/pip install torch numpy safetensors
    VENV/bin/python tools/torch/nn/losses.py crates/nn/tests/pytorch/losses.safetensors

See fixture.py. A loss has the inputs x0, x1, …, the value y0, its weights w0 (one number where the loss is reduced), and the
gradients dx0, …; an input without a gradient is a target or a weight. Elements are on kinks where PyTorch's choice there is to be
seen. Initialisers are compared by the bounds and standard deviations that PyTorch hands to its generator.
"""

import itertools
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from fixture import Fixture

FIXTURE = Fixture()
warnings.filterwarnings("ignore", "reduction: 'mean' divides")  # kl_div; it is one of the cases
REDUCTIONS = ("sum", "mean", "batchmean", "none")
SHAPES = [(7, 5), (1, 3), (3, 5, 7), (2, 3, 1, 5)]
# Every reduction on one shape, and every shape with some.
EACH = [(SHAPES[0], r) for r in REDUCTIONS] + [(SHAPES[1], "mean"), (SHAPES[2], "batchmean"), (SHAPES[3], "none")]


def loss(kind, compute, inputs, ids=None, reduction="mean", wants=None, **options):
    """`compute(*inputs, *ids, reduction)`, with the gradients of the inputs that `wants` names (all, unless told).

    Inputs are functions of the random generator, shapes, or lists of numbers. PyTorch has `batchmean` for kl_div alone; for the
    others it is the sum divided by the batch size.
    """
    name, rng = FIXTURE.case(kind, reduction=reduction, **options)
    draw = lambda i: i(rng) if callable(i) else FIXTURE.draw(rng, *i) if isinstance(i, tuple) else torch.tensor(i, dtype=torch.float64)
    x = [draw(i) for i in inputs]
    wants = [True] * len(x) if wants is None else wants
    for t, want in zip(x, wants):
        t.requires_grad_(want)
    indices = [] if ids is None else [torch.tensor(np.asarray(ids, np.int64))]
    if reduction == "batchmean" and kind != "kl_div":
        y = compute(*x, *indices, "sum") / x[0].shape[0]
    else:
        y = compute(*x, *indices, reduction)
    w = FIXTURE.draw(rng, *y.shape, low=0.25, high=1.25)
    (y * w).sum().backward()
    for i, (t, want) in enumerate(zip(x, wants)):
        FIXTURE.keep(f"{name}.x{i}", t)
        if want:
            FIXTURE.keep(f"{name}.dx{i}", t.grad)
    for t in indices:
        FIXTURE.keep(f"{name}.ids0", t)
    FIXTURE.keep(f"{name}.y0", y)
    FIXTURE.keep(f"{name}.w0", w)


def between(low, high, *shape):
    return lambda rng: FIXTURE.draw(rng, *shape, low=low, high=high)


def signs(*shape):
    return lambda rng: torch.tensor(rng.choice([-1.0, 1.0], shape))


def probabilities(axis, *shape):
    def draw(rng):
        p = torch.softmax(FIXTURE.draw(rng, *shape), axis)
        return p.float().double()

    return draw


def log_probabilities(axis, *shape):
    return lambda rng: torch.log(probabilities(axis, *shape)(rng)).float().double()


def regression():
    for shape, r in EACH:
        loss("mse", lambda x, t, r: F.mse_loss(x, t, reduction=r), [shape, shape], reduction=r)
        loss("l1", lambda x, t, r: F.l1_loss(x, t, reduction=r), [shape, shape], reduction=r)
        for delta in (0.5, 1.0):
            huber(delta, r, [shape, shape])
        for beta in (0.0, 0.75):
            smooth_l1(beta, r, [shape, shape])
    # At the kinks: no error, exactly the threshold to both sides, and far beyond.
    x, t = [1.0, 2.0, -2.0, 2.25, -1.75, 1e20, -1e20], [1.0, 1.0, -1.0, 0.25, 0.25, 0.0, 0.0]
    loss("l1", lambda x, t, r: F.l1_loss(x, t, reduction=r), [x[:5], t[:5]], reduction="none")
    for threshold in (1.0, 2.0):
        huber(threshold, "none", [x[:5], t[:5]])
        huber(threshold, "none", [x[5:], t[5:]])
        smooth_l1(threshold, "none", [x[:5], t[:5]])
        smooth_l1(threshold, "none", [x[5:], t[5:]])


def huber(delta, r, inputs):
    loss("huber", lambda x, t, r: F.huber_loss(x, t, reduction=r, delta=delta), inputs, reduction=r, delta=delta)


def smooth_l1(beta, r, inputs):
    loss("smooth_l1", lambda x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=beta), inputs, reduction=r, beta=beta)


def binary():
    for shape, r in EACH:
        # Weights that broadcast: of the last axis, of the batch, of every element.
        of_batch = (shape[0],) + (1,) * (len(shape) - 1)
        for weight, pos_weight in [(None, None), (shape[-1:], None), (None, shape[-1:]), (of_batch, shape)]:
            bce([between(-6, 6, *shape), between(0, 1, *shape)], r, weight, pos_weight)
    extreme = [[100.0, -100.0, 0.0, 0.0, 20.0, -20.0], [1.0, 1.0, 0.0, 1.0, 0.0, 0.5]]
    bce(extreme, "none", None, None)
    bce(extreme, "none", None, (1,))


def bce(inputs, r, weight, pos_weight):
    """With weights of these shapes, if any."""
    weights = [between(0.1, 3, *shape) for shape in (weight, pos_weight) if shape is not None]

    def compute(z, t, *rest):
        *given, r = rest
        given = list(given)
        w = given.pop(0) if weight is not None else None
        p = given.pop(0) if pos_weight is not None else None
        return F.binary_cross_entropy_with_logits(z, t, weight=w, pos_weight=p, reduction=r)

    options = dict(weight=weight is not None, pos_weight=pos_weight is not None)
    loss("bce", compute, [*inputs, *weights], None, r, [True, True] + [False] * len(weights), **options)


def classes():
    rng = np.random.default_rng(0)
    several = itertools.cycle(("mean", *REDUCTIONS))  # five, so that each option meets each
    for shape in [(1, 2), (7, 5), (5, 3, 4), (2, 4, 3, 2), (3,)]:
        axis = min(1, len(shape) - 1)
        n, places = shape[axis], shape[:axis] + shape[axis + 1 :]
        smoothings = (0.0, 0.1, 1.0) if len(shape) == 2 else (0.0, 0.1)
        for smoothing, weighted, ignored in itertools.product(smoothings, (False, True), (None, n - 1, n)):
            ids = rng.integers(0, n, places)
            if ignored is not None and ids.size > 1:
                ids.flat[::3] = ignored
            ids = np.zeros_like(ids) if np.all(ids == ignored) else ids
            r = next(several)
            cross_entropy(shape, ids, "mean" if r == "batchmean" and not places else r, smoothing, weighted, ignored, n)
        for r in REDUCTIONS if places else ("sum", "mean", "none"):
            soft = lambda x, q, r: F.cross_entropy(x, q, reduction=r)
            loss("cross_entropy_soft", soft, [between(-4, 4, *shape), probabilities(axis, *shape)], reduction=r)
    for shape in [(1, 2), (7, 5)]:
        for squared, margin, weighted in itertools.product((False, True), (1.0, 0.3), (False, True)):
            multi_margin([shape], rng.integers(0, shape[1], shape[:1]), next(several), squared, margin, weighted, shape[1])
    kinks = [[2.0, 1.0, 0.5], [0.0, 0.0, -1.0]]
    multi_margin([kinks], [0, 1], "none", False, 1.0, False, 3)


def cross_entropy(shape, ids, r, smoothing, weighted, ignored, n):
    options = dict(ignore_index=-100 if ignored is None else ignored, label_smoothing=smoothing)

    def compute(x, *rest):
        *w, ids, r = rest
        return F.cross_entropy(x, ids, weight=w[0] if w else None, reduction=r, **options)

    inputs = [between(-2, 2, *shape), between(0.1, 3, n)][: 1 + weighted]
    wants = [True, False][: 1 + weighted]
    loss("cross_entropy", compute, inputs, ids, r, wants, smoothing=smoothing, ignored=ignored, weight=weighted)


def multi_margin(inputs, ids, r, squared, margin, weighted, n):
    def compute(x, *rest):
        *w, ids, r = rest
        return F.multi_margin_loss(x, ids, p=1 + squared, margin=margin, weight=w[0] if w else None, reduction=r)

    inputs = [*inputs, between(0.1, 3, n)][: 1 + weighted]
    wants = [True, False][: 1 + weighted]
    loss("multi_margin", compute, inputs, ids, r, wants, margin=margin, squared=squared, weight=weighted)


def reduced(y, r):
    return {"sum": y.sum, "mean": y.mean, "none": lambda: y}[r]()


def hinges():
    for shape, r in EACH:
        hinge([shape, signs(*shape)], r)
        hinge_embedding([shape, signs(*shape)], r, 0.4)
        hinge_discriminator([shape, shape], r)
        loss("hinge_generator", lambda fake, r: reduced(-fake, r), [shape], reduction=r)
    hinge_discriminator([(5, 1), (3, 1)], "mean")  # more real ones than generated
    # At the kinks.
    x, t = [1.0, 1.0, -1.0, -1.0, 0.0, 0.4], [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
    hinge([x, t], "none")
    hinge_embedding([x, t], "none", 1.0)
    hinge_discriminator([x, t], "none")


def hinge(inputs, r):
    compute = lambda x, t, r: F.margin_ranking_loss(x, torch.zeros_like(x), t, margin=1.0, reduction=r)
    loss("hinge", compute, inputs, reduction=r, wants=[True, False])


def hinge_embedding(inputs, r, margin):
    compute = lambda x, t, r: F.hinge_embedding_loss(x, t, margin=margin, reduction=r)
    loss("hinge_embedding", compute, inputs, reduction=r, wants=[True, False], margin=margin)


def hinge_discriminator(inputs, r):
    compute = lambda real, fake, r: reduced(F.relu(1 - real), r) + reduced(F.relu(1 + fake), r)
    loss("hinge_discriminator", compute, inputs, reduction=r)


def gaussians():
    several = itertools.cycle([(False, 1e-6), (True, 0.3), (True, 1e-6), (False, 0.3), (True, 0.3)])  # 0.3: some lie below
    for shape, r in EACH:
        for last in (shape[-1], 1):
            full, eps = next(several)
            nll = lambda m, t, v, r: F.gaussian_nll_loss(m, t, v, full=full, eps=eps, reduction=r)
            inputs = [shape, shape, between(0.05, 3, *shape[:-1], last)]
            loss("gaussian_nll", nll, inputs, reduction=r, full=full, eps=eps)
        loss("gaussian_kl_between", kl_of_normals, [shape] * 4, reduction=r)
        to_standard = lambda m, a, r: kl_of_normals(m, a, torch.zeros_like(m), torch.zeros_like(a), r)
        loss("gaussian_kl", to_standard, [shape] * 2, reduction=r)
        log_q, p = log_probabilities(1, *shape), probabilities(1, *shape)
        kl_div([log_q, p], r, False)
        kl_div([log_q, log_probabilities(1, *shape)], r, True)
    zeros = [[[-0.5, -1.0, -2.0], [-3.0, -0.25, -0.125]], [[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]]]
    kl_div(zeros, "batchmean", False, wants=[True, False])


def kl_of_normals(m, a, n, b, r):
    normal = lambda mu, logvar: torch.distributions.Normal(mu, (0.5 * logvar).exp())
    return reduced(torch.distributions.kl_divergence(normal(m, a), normal(n, b)), r)


def kl_div(inputs, r, log_target, wants=None):
    compute = lambda q, p, r: F.kl_div(q, p, reduction=r, log_target=log_target)
    loss("kl_div", compute, inputs, reduction=r, wants=wants, log_target=log_target)


class Recorder(torch.Tensor):
    """A tensor that remembers by which numbers it was to be drawn."""

    def uniform_(self, low, high, generator=None):
        self.drawn = dict(bound=high, symmetric=low == -high)
        return self

    def normal_(self, mean, std, generator=None):
        self.drawn = dict(bound=std, symmetric=mean == 0)
        return self


def initialisers():
    """For every shape and nonlinearity: the fans, the gain, and what each initialiser draws by."""
    init = torch.nn.init
    nonlinearities = [("linear", 0), ("sigmoid", 0), ("tanh", 0), ("relu", 0), ("leaky_relu", 0.2), ("leaky_relu", 5**0.5), ("selu", 0)]
    for shape in [(1, 1), (5, 7), (400, 784), (8, 3, 5), (16, 4, 3, 3), (2, 3, 1, 2, 4)]:
        fan_in, fan_out = init._calculate_fan_in_and_fan_out(torch.empty(shape))
        for nonlinearity, slope in nonlinearities:
            gain = init.calculate_gain(nonlinearity, slope)
            number = lambda draw, **options: recorded(draw, shape, **options)
            kaiming = dict(a=slope, nonlinearity=nonlinearity)
            FIXTURE.case(
                "init",
                shape=shape,
                nonlinearity=nonlinearity,
                slope=slope,
                fan_in=fan_in,
                fan_out=fan_out,
                gain=gain,
                kaiming_uniform_in=number(init.kaiming_uniform_, mode="fan_in", **kaiming),
                kaiming_uniform_out=number(init.kaiming_uniform_, mode="fan_out", **kaiming),
                kaiming_normal_in=number(init.kaiming_normal_, mode="fan_in", **kaiming),
                kaiming_normal_out=number(init.kaiming_normal_, mode="fan_out", **kaiming),
                xavier_uniform=number(init.xavier_uniform_, gain=gain),
                xavier_normal=number(init.xavier_normal_, gain=gain),
            )


class Recorder(torch.Tensor):
    """A tensor that remembers by which number it was to be drawn: U[-x, x], or N(0, x^2)."""

    def uniform_(self, low, high, generator=None):
        assert low == -high
        self.number = high
        return self

    def normal_(self, mean, std, generator=None):
        assert mean == 0
        self.number = std
        return self


def recorded(draw, shape, **options):
    w = torch.empty(shape).as_subclass(Recorder)
    draw(w, **options)
    return w.number


def main():
    for group in (regression, binary, classes, hinges, gaussians, initialisers):
        group()
    FIXTURE.save(sys.argv[1], "tools/torch/nn/losses.py")


if __name__ == "__main__":
    main()
