"""The polynomial coefficients of crates/tensor/src/simd/math, and their errors.

For each function a polynomial p is fitted to g on [a, b] such that the largest weighted error |w(t) (p(t) - g(t))| is as
small as a polynomial of that degree can make it (the exchange algorithm of Remez). The weight turns p's error into the
relative error of the function that p is part of. Coefficients are then rounded to f32.

Needs mpmath. Prints coefficients from the highest degree down, as Horner's scheme wants them, and log2 of the error.
"""

import itertools
import math
import struct
from mpmath import mp, mpf, atanh, erf, erfc, exp, expm1, log, log1p, sqrt, sin, cos, pi, matrix, lu_solve

mp.dps = 40


def f32(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def value(c, t):
    y = 0
    for a in reversed(c):
        y = y * t + a
    return y


def remez(g, w, a, b, degree):
    grid = [a + (b - a) * (1 - cos(pi * (i + mpf(1) / 2) / 600)) / 2 for i in range(600)]
    goal = [g(t) for t in grid]
    weight = [abs(w(t)) for t in grid]
    n = degree + 1
    points = [round(i * 599 / n) for i in range(n + 1)]
    for _ in range(40):
        # The polynomial whose weighted errors at the points are equal, with alternating signs.
        system, right = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for i, at in enumerate(points):
            for k in range(n):
                system[i, k] = grid[at] ** k
            system[i, n] = (-1) ** i / weight[at]
            right[i] = goal[at]
        c = list(lu_solve(system, right))[:n]
        error = [v * (value(c, t) - y) for t, y, v in zip(grid, goal, weight)]
        # The new points: the largest error of every run of one sign; of too many, the outer smaller one goes.
        peaks = []
        for i, e in enumerate(error):
            if peaks and error[peaks[-1]] * e > 0:
                if abs(e) > abs(error[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n + 1:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        assert len(peaks) == n + 1, "the error does not alternate"
        if peaks == points:
            return c
        points = peaks
    return c


def moved(c, steps):
    """The f32 that is so many units in the last place away."""
    return struct.unpack("f", struct.pack("i", struct.unpack("i", struct.pack("f", c))[0] + steps))[0]


def polish(c, g, w, a, b):
    nodes = [a + (b - a) * (1 - cos(pi * (i + mpf(1) / 2) / 150)) / 2 for i in range(150)]
    rows = [(float(t), float(g(t)), float(w(t))) for t in nodes]
    return polish_with(c, lambda c: max(abs((value(c, t) - y) * v) for t, y, v in rows))[1]


def polish_with(c, worst):
    """Moves coefficients, one or two at a time, by one or two units in the last place while the largest error falls: where
    they are rounded to f32 apart from each other, their errors add up to more than they must."""
    moves = [(i, d) for i in range(len(c)) for d in (-2, -1, 1, 2)]
    moves = [[m] for m in moves] + [list(p) for p in itertools.combinations(moves, 2) if p[0][0] != p[1][0]]
    c = [float(x) for x in c]
    best, improved = worst(c), True
    while improved:
        improved = False
        for move in moves:
            other = list(c)
            for i, d in move:
                other[i] = moved(other[i], d)
            error = worst(other)
            if error < best * 0.999:
                best, c, improved = error, other, True
    return best, [mpf(x) for x in c]


def fit(name, g, w, a, b, degree, polished=False):
    a, b = mpf(a), mpf(b)
    c = [f32(x) for x in remez(g, w, a, b, degree)]
    if polished:
        c = polish(c, g, w, a, b)
    grid = [a + (b - a) * (i + mpf(1) / 3) / 4000 for i in range(4000)]
    worst = max(abs(w(t) * (value(c, t) - g(t))) for t in grid)
    print(f"{name}: degree {degree}, error 2^{float(log(worst, 2)):.1f}")
    for x in reversed(c):
        print(f"    {float(x):.9e}")


def fit_quotient(name, x, y, slope, degree):
    """p / (slope t p + q) with p and q of one degree, q(0) = 1, and the smallest largest relative error at the nodes x: least squares
    whose weights grow where the error is large (Lawson), of p - y (slope t p + q) over the denominator of the round before."""
    weight, below = [mpf(1)] * len(x), [mpf(1)] * len(x)
    best, n = None, degree + 1
    for _ in range(40):
        system, right = matrix(2 * n - 1, 2 * n - 1), matrix(2 * n - 1, 1)
        for t, g, v, d in zip(x, y, weight, below):
            row = [t**j * (1 - g * slope * t) / (g * d) for j in range(n)] + [-(t**j) / d for j in range(1, n)]
            for i, a in enumerate(row):
                right[i] += v * a / d
                for j, b in enumerate(row):
                    system[i, j] += v * a * b
        c = list(lu_solve(system, right))
        c.insert(n, mpf(1))
        below = [slope * t * value(c[:n], t) + value(c[n:], t) for t in x]
        error = [abs(value(c[:n], t) / d / g - 1) for t, g, d in zip(x, y, below)]
        if best is None or max(error) < best[0]:
            best = max(error), c
        weight = [v * e for v, e in zip(weight, error)]
        weight = [v / sum(weight) * len(x) for v in weight]
    rows = [(float(t), float(g)) for t, g in zip(x, y)]

    def worst(c):
        top = 0.0
        for t, g in rows:
            p = value(c[:n], t)
            top = max(top, abs(p / (float(slope) * t * p + value(c[n:], t)) / g - 1))
        return top

    error, c = polish_with([f32(a) for a in best[1]], worst)
    print(f"{name}: degree {degree}, error 2^{math.log2(error):.1f}, the denominator below the numerator")
    for a in [*reversed(c[:n]), *reversed(c[n:])]:
        print(f"    {float(a):.9e}")


half_ln2 = log(2) / 2 * mpf("1.001")
# exp(r) = 1 + r + r^2 p(r)
fit("exp", lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / exp(r), -half_ln2, half_ln2, 4, polished=True)
# exp(r) - 1 = r + r^2 p(r)
for degree in (4, 5):
    fit("expm1", lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / expm1(r), -half_ln2, half_ln2, degree)
# ln(1 + f) = f - f^2 / 2 + f^3 p(f)
for degree in (7, 8):
    fit(
        "ln",
        lambda f: (log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / log1p(f),
        sqrt(mpf(1) / 2) - 1,
        sqrt(mpf(2)) - 1,
        degree,
    )
# sin(2 pi r) = r (2 pi + r^2 p(r^2)) and cos(2 pi r) = 1 + r^2 p(r^2), |r| <= 1/8; t = r^2
tau = 2 * pi
fit("sin", lambda t: (sin(tau * sqrt(t)) / sqrt(t) - tau) / t, lambda t: t * sqrt(t) / sin(tau * sqrt(t)), "1e-9", mpf(1) / 64, 2)
fit("cos", lambda t: (cos(tau * sqrt(t)) - 1) / t, lambda t: t / cos(tau * sqrt(t)), "1e-9", mpf(1) / 64, 3)
# sin r = r + r^3 p(r^2) and cos r = 1 - r^2 / 2 + r^4 q(r^2), |r| <= 0.8; t = r^2
fit("sin", lambda t: (sin(sqrt(t)) / sqrt(t) - 1) / t, lambda t: t * sqrt(t) / sin(sqrt(t)), "1e-9", mpf("0.8") ** 2, 2)
fit("cos", lambda t: (cos(sqrt(t)) - 1 + t / 2) / t**2, lambda t: t**2 / cos(sqrt(t)), "1e-9", mpf("0.8") ** 2, 2)
# atanh t = t + t^3 / 3 + t^5 q(t^2), t <= (sqrt 2 - 1) / (sqrt 2 + 1); u = t^2
largest = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.001")
fit(
    "atanh",
    lambda u: (atanh(sqrt(u)) / sqrt(u) - 1 - u / 3) / u**2,
    lambda u: u**2 * sqrt(u) / atanh(sqrt(u)),
    "1e-9",
    largest,
    2,
)
# erf x = x + x p(x^2), |x| <= 1; t = x^2
fit("erf", lambda t: erf(sqrt(t)) / sqrt(t) - 1, lambda t: sqrt(t) / erf(sqrt(t)), "1e-9", 1, 6)
# Q(a) = exp(a^2 / 2) Phi(-a) = p(a) / (sqrt(2 pi) a p(a) + q(a)), a <= 14.36, on nodes that crowd where Q bends
k, farthest = mpf("1.5"), mpf("14.36")
end = (farthest - k) / (farthest + k)
nodes = [-1 + (end + 1) * (1 - cos(pi * (i + mpf(1) / 2) / 100)) / 2 for i in range(100)]
nodes = [k * (1 + t) / (1 - t) for t in nodes]
fit_quotient("Q", nodes, [exp(a**2 / 2) * erfc(a / sqrt(mpf(2))) / 2 for a in nodes], f32(sqrt(tau)), 4)
mp.dps = 100
print(f"2 / pi: {int(2 / pi * mpf(2) ** 256):#066x} / 2^256")
for name, x in (("pi / 2", pi / 2), ("1 / 3", mpf(1) / 3), ("1 / sqrt(2 pi)", 1 / sqrt(tau))):
    parts = [f32(x), f32(x - f32(x)), f32(x - f32(x) - f32(x - f32(x)))]
    print(f"{name}: " + " + ".join(f"{float(part):.9e}" for part in parts))
for name, x in (("ln 2", log(2)), ("2 pi", tau)):
    high = f32(x)
    print(f"{name}: {float(high):.9e} + {float(f32(x - high)):.9e}")
short = mpf(round(log(2) * 2**15)) / 2**15
print(f"ln 2 in 15 bits: {float(short)!r} = {int(short * 2**15)} / 2^15, rest {float(f32(log(2) - short)):.9e}")
print(f"1 / ln 2: {float(f32(1 / log(2))):.9e}")
