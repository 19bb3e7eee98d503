"""The polynomial coefficients of crates/tensor/src/simd/math, and their errors.

For each function a polynomial p is fitted to g on [a, b] such that the largest weighted error |w(t) (p(t) - g(t))| is as
small as a polynomial of that degree can make it (the exchange algorithm of Remez). The weight turns p's error into the
relative error of the function that p is part of. Coefficients are then rounded to f32.

Needs mpmath. Prints coefficients from the highest degree down, as Horner's scheme wants them, and log2 of the error.
"""

import struct
from mpmath import mp, mpf, exp, expm1, log, log1p, sqrt, sin, cos, pi, matrix, lu_solve

mp.dps = 40


def f32(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def value(c, t):
    return sum(a * t**k for k, a in enumerate(c))


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


def fit(name, g, w, a, b, degree):
    a, b = mpf(a), mpf(b)
    c = [f32(x) for x in remez(g, w, a, b, degree)]
    grid = [a + (b - a) * (i + mpf(1) / 3) / 4000 for i in range(4000)]
    worst = max(abs(w(t) * (value(c, t) - g(t))) for t in grid)
    print(f"{name}: degree {degree}, error 2^{float(log(worst, 2)):.1f}")
    for x in reversed(c):
        print(f"    {float(x):.9e}")


half_ln2 = log(2) / 2 * mpf("1.001")
# exp(r) - 1 = r + r^2 p(r)
for degree in (4, 5):
    fit("exp", lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / expm1(r), -half_ln2, half_ln2, degree)
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
for name, x in (("ln 2", log(2)), ("2 pi", tau)):
    high = f32(x)
    print(f"{name}: {float(high):.9e} + {float(f32(x - high)):.9e}")
short = mpf(round(log(2) * 2**15)) / 2**15
print(f"ln 2 in 15 bits: {float(short)!r} = {int(short * 2**15)} / 2^15, rest {float(f32(log(2) - short)):.9e}")
print(f"1 / ln 2: {float(f32(1 / log(2))):.9e}")
