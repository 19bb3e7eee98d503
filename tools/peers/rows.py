"""The rows of the comparison: what is timed, against whom, what it must cost at least, and what is aimed at.

A name is what every server understands (benches/src/served/, kernels.py). FLOPs count a multiply-add as two; a causal attention
counts the scores that it may see; bytes are what must be read and written, 4 a number, each once.
"""

import dataclasses
import math

PRODUCTS = ("gemm", "matrixmultiply", "OpenBLAS", "PyTorch")


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    target: float | None = None  # the best peer's time / ours
    of_bandwidth: float | None = None  # or this share of the bandwidth limit
    of_peak: float | None = None  # and this share of the FMA peak
    seconds: float | None = None  # or this time
    peers: tuple = ("PyTorch",)


def cost(name):
    """(FLOPs, bytes read, bytes written) of one call."""
    kind, *rest = name.split(":")
    if kind == "step":
        return STEP_FLOPS[rest[0]], 0, 0
    both = bool(rest) and rest[-1] == "both"

    def sizes(text):
        return [int(p) for p in text.split("x")]

    def bytes_of(read, written):
        return 4 * read, 4 * written

    if kind in ("nn", "tn", "nt", "batch"):
        count, m, n, k = [1] * (kind != "batch") + sizes(rest[0])
        return 2 * count * m * n * k, *bytes_of(count * (m * k + k * n), count * m * n)
    if kind in ("conv2d", "conv_transpose2d", "causal_conv1d"):
        if kind == "causal_conv1d":
            (b, c, length), (o, k) = sizes(rest[0]), map(int, rest[1:3])
            w, taps, x, y = o * c * k, b * length, b * c * length, b * o * length
        else:
            (b, c, h, width), (o, k, s, p) = sizes(rest[0]), map(int, rest[1:5])
            out = [(n + 2 * p - k) // s + 1 if kind == "conv2d" else (n - 1) * s - 2 * p + k for n in (h, width)]
            # Taps that fall on padding are no necessary multiplications, but every library counts them.
            w, taps = o * c * k * k, b * (math.prod(out) if kind == "conv2d" else h * width)
            x, y = b * c * h * width, b * o * math.prod(out)
        if both:  # dy·wᵀ and dyᵀ·x besides; x, w and dy are read, y, dx, dw and db are written
            return 6 * w * taps, *bytes_of(x + w + o + y, y + x + w + o)
        return 2 * w * taps, *bytes_of(x + w + o, y)
    if kind == "attention":
        b, h, t, d = sizes(rest[0])
        pairs, n = b * h * t * (t + 1) // 2, b * h * t * d
        # forward: scores and weighted values; backward: scores again, dv, dweights, dq, dk
        return (14 * pairs * d, *bytes_of(4 * n, 4 * n)) if both else (4 * pairs * d, *bytes_of(3 * n, n))
    if kind == "adamw":
        count, rows, cols = sizes(rest[0])
        n = count * rows * cols
        # p, m, v and g; with clipping the norm reads g once before, and the average is read and written
        return 0, *(bytes_of(6 * n, 4 * n) if rest[1] == "clip_ema" else bytes_of(4 * n, 3 * n))
    if kind == "cross_entropy":
        n = math.prod(sizes(rest[0]))  # read for the loss, and again for the gradient
        return 0, *bytes_of(2 * n, n)
    if kind in ("tiny_add", "tiny_chain"):
        return 0, 0, 0
    if kind == "elementwise":
        n = int(rest[1])
        return 0, *bytes_of(n * (2 if rest[0] in ("add", "mul") else 1), n)
    if kind == "reduce":
        rows, cols = sizes(rest[1])
        return 0, *bytes_of(rows * cols, {"sum": 1, "sum_columns": cols}.get(rest[0], rows))
    if kind == "normal_fill":
        return 0, *bytes_of(0, int(rest[0]))
    n = math.prod(sizes(rest[0]))
    # a function of each element or row: forward reads x and writes y; backward reads x and dy, and writes dx
    return 0, *(bytes_of(3 * n, 2 * n) if both else bytes_of(n, n))


def both(name, *args, **kwargs):
    """A row forward, and one with the gradients."""
    return [Row(f"{name}:forward", *args, **kwargs), Row(f"{name}:both", *args, **kwargs)]


# What a step can't do without, by `steps.py 1 --flops`: its products, where a mask's zeros aren't multiplied, causal attention
# counts by half, and neither the first layer's input nor the frozen weights of a generator's step have gradients.
STEP_FLOPS = {
    "vae": 0.4198e9, "gpt_char": 3.838e9, "gpt_baby": 278.4e9, "dcgan": 24.03e9, "unet32": 79.04e9, "unet64": 314.6e9,
    "wavenet1": 25.46e9, "wavenet2": 38.24e9, "pixelcnn": 24.20e9,
}
M4 = 4 << 20
GROUPS = {
    "sgemm": [
        *[Row(f"nn:{n}x{n}x{n}", 1.0, peers=PRODUCTS, of_peak=0.93 if n >= 512 else None) for n in (256, 512, 1024, 2048)],
        *[Row(f"{kind}:{size}", 1.0, peers=PRODUCTS) for kind, size in (
            ("nn", "1024x384x384"), ("nn", "1024x1536x384"), ("nn", "1024x384x1536"), ("nn", "768x384x128"),
            ("tn", "512x512x512"), ("tn", "1024x384x1536"), ("tn", "384x1536x1024"),
            ("nt", "512x512x512"), ("nt", "1024x384x1536"), ("nt", "384x1536x1024"), ("nt", "128x400x784"), ("nn", "128x784x400"))],
    ],
    "small sgemm": [
        Row("nn:16x16x16", 1.2, peers=PRODUCTS),
        *[Row(f"nn:{n}x{n}x{n}", 1.0, peers=PRODUCTS) for n in (32, 64, 128)],
        Row("batch:48x256x256x64", 1.0, peers=PRODUCTS), Row("batch:256x32x32x32", 1.0, peers=PRODUCTS),
    ],
    "matrix-vector": [
        Row(f"{kind}:{size}", 1.0, of_bandwidth=0.9, peers=("gemm", "OpenBLAS", "PyTorch"))
        for kind, size in (("nn", "1x4096x4096"), ("nt", "1x4096x4096"), ("nt", "1x1152x384"), ("nt", "1x50257x768"))
    ],
    "convolution 3×3": [
        row for size in ("16x64x32x32:64", "16x128x16x16:128", "1x64x28x28:64")
        for row in (Row(f"conv2d:{size}:3:1:1:forward", 1.0), Row(f"conv2d:{size}:3:1:1:both", 1.05))
    ],
    "other convolutions": [
        *both("conv2d:32x128x14x14:128:1:1:0", 1.2), *both("conv2d:64x64x14x14:128:4:2:1", 1.2),
        *both("conv_transpose2d:64x128x7x7:64:4:2:1", 1.2), *both("causal_conv1d:4x32x4000:64:2:64", 1.2),
    ],
    "one input channel": [*both("conv2d:32x1x28x28:32:3:1:1", 1.5), *both("conv2d:64x1x32x32:64:4:2:1", 1.5)],
    "passes far from the peers": [
        Row("softmax:4096x1024:forward", 1.8), Row("elementwise:tanh:" + str(M4), 3.0), Row(f"gelu_tanh:{M4}:forward", 3.0),
        Row("transposed_copy:2048x2048", 3.0), Row(f"normal_fill:{M4}", 5.0), Row("cross_entropy:1024x50257:both", 4.0),
    ],
    "norms and gated passes": [
        row for name in ("layer_norm:4096x384", "group_norm:32x128x16x16:32", "rms_norm:4096x384", f"gelu:{M4}", f"silu:{M4}")
        for row in both(name, 1.3, of_bandwidth=0.85)
    ],
    "elementwise and reductions": [
        *[Row(f"elementwise:{name}:{M4}", 1.0, of_bandwidth=0.85) for name in ("add", "mul", "relu", "exp", "ln", "sigmoid")],
        *[Row(f"reduce:{name}:4096x1024", 1.0, of_bandwidth=0.85) for name in ("sum", "sum_rows", "sum_columns", "max_rows")],
    ],
    "attention": [Row("attention:8x6x256x64:forward", 1.7), Row("attention:8x6x256x64:both", 1.5)],
    "overhead": [Row("tiny_add", seconds=0.5e-6), Row("tiny_chain:100", seconds=100 * 1.5e-6)],
    "training steps": [
        Row(f"step:{name}", target) for name, target in (
            ("vae", 1.8), ("gpt_char", 1.5), ("dcgan", 1.2), ("unet32", 1.25), ("wavenet1", 1.6), ("wavenet2", 1.8),
            ("pixelcnn", 1.7), ("unet64", 1.15), ("gpt_baby", 1.12))
    ],
    "AdamW": [Row("adamw:72x384x384:plain", of_bandwidth=0.9), Row("adamw:72x384x384:clip_ema", of_bandwidth=0.9)],
}
