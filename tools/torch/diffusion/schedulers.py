#!/usr/bin/env python3
"""Writes schedulers.json for crates/unet-diffusion/tests: whole trajectories of diffusers' schedulers.

    pip install torch diffusers
    python schedulers.py ../../../crates/unet-diffusion/tests/data/schedulers.json

The model is a smooth function of what it is shown and of the timestep; its answers are kept, so that whoever walks the same
trajectory sees the same ones, rounded once to f32. A case has

    kind, steps, betas, spacing, prediction, …   what ours is made with
    timesteps      what the model is told, one for each answer
    x              the beginning
    outputs        the model's answers
    noise          what was drawn, for each step that draws
    xs             x after each step

and `alpha_bar` holds, for each schedule of 1000 betas, what is left of x0 at a few timesteps.
"""

import json
import pathlib
import sys

import diffusers
import numpy as np
import torch
from diffusers.schedulers import scheduling_ddpm

SHAPE = (2, 1, 1, 3)
BETAS = {
    "linear": dict(beta_schedule="linear", beta_start=1e-4, beta_end=0.02),
    "scaled_linear": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
    "squaredcos_cap_v2": dict(beta_schedule="squaredcos_cap_v2"),
    "sigmoid": dict(beta_schedule="sigmoid", beta_start=1e-4, beta_end=0.02),
}


def numbers(x):
    """f32 in the fewest digits that are read as the same number."""
    return [float(str(v)) for v in np.asarray(x, np.float32).flatten()]


def model(x, t, channels=1):
    answers = [0.8 * torch.sin((1.3 + 0.4 * k) * x + 0.003 * t + k) + 0.2 * torch.cos(0.7 * x - 0.01 * t)
               for k in range(channels)]
    return torch.cat(answers, 1)


def walk(case, scheduler, ancestral=False, wide=False, **step_options):
    """One trajectory, in f64 if wide. Heun asks twice for a step: `xs` holds where its steps end."""
    generator = torch.Generator().manual_seed(case["steps"])
    draw = lambda: torch.randn(SHAPE, generator=generator)
    scheduler.set_timesteps(case["steps"])
    x = draw() * scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") else draw()
    noise = [draw() for _ in range(case["steps"])]
    case |= dict(timesteps=[], x=numbers(x), outputs=[], xs=[])
    random = ancestral or step_options.get("eta", 0) > 0
    if random:
        case["noise"] = [numbers(z) for z in noise]
    calls = list(scheduler.timesteps)
    x = x.double() if wide else x
    for i, t in enumerate(calls):
        shown = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = model(shown, float(t), 2 if case.get("variance") == "learned_range" else 1)
        output = output.float().to(x.dtype)
        case["timesteps"].append(float(t))
        case["outputs"].append(numbers(output))
        if ancestral:
            scheduling_ddpm.randn_tensor = lambda *_, z=noise[i], **__: z
        elif random:
            step_options["variance_noise"] = noise[i]
        x = scheduler.step(output, t, x, **step_options).prev_sample
        if case["kind"] != "heun" or i % 2 == 1 or i + 1 == len(calls):
            case["xs"].append(numbers(x))
        assert x.isfinite().all(), case
    return case


def common(kind, steps, betas="linear", spacing="leading", prediction="epsilon", **more):
    return dict(kind=kind, steps=steps, betas=betas, spacing=spacing, prediction=prediction, **more)


def options(case):
    return dict(BETAS[case["betas"]], timestep_spacing=case["spacing"], prediction_type=case["prediction"])


def ddpm(steps, variance="fixed_small", clip=0.0, **more):
    case = common("ddpm", steps, variance=variance, clip=clip, **more)
    limit = dict(clip_sample=clip > 0, clip_sample_range=clip or 1.0)
    return walk(case, diffusers.DDPMScheduler(**options(case), **limit, variance_type=variance), ancestral=True)


def ddim(steps, eta=0.0, clip=0.0, end="clean", **more):
    case = common("ddim", steps, eta=eta, clip=clip, end=end, **more)
    limit = dict(clip_sample=clip > 0, clip_sample_range=clip or 1.0, set_alpha_to_one=end == "clean")
    return walk(case, diffusers.DDIMScheduler(**options(case), **limit), eta=eta)


def last(end):
    return dict(final_sigmas_type="zero" if end == "clean" else "sigma_min")


def euler(steps, end="clean", karras=False, **more):
    case = common("euler", steps, end=end, karras=karras, **more)
    return walk(case, diffusers.EulerDiscreteScheduler(**options(case), **last(end), use_karras_sigmas=karras))


def heun(steps, karras=False, wide=False, **more):
    """Wide where σ begins at 20,000: in f32 diffusers' difference of two such numbers is off by more than is allowed here."""
    case = common("heun", steps, karras=karras, end="clean", **more)
    return walk(case, diffusers.HeunDiscreteScheduler(**options(case), use_karras_sigmas=karras), wide=wide)


def dpm(steps, order=2, rule="midpoint", end="clean", karras=False, lower_order_final=True, **more):
    case = common("dpm_solver", steps, order=order, rule=rule, end=end, karras=karras,
                  lower_order_final=lower_order_final, **more)
    return walk(case, diffusers.DPMSolverMultistepScheduler(
        **options(case), **last(end), solver_order=order, solver_type=rule, use_karras_sigmas=karras,
        lower_order_final=lower_order_final))


def unipc(steps, order=2, factor="bh2", end="clean", lower_order_final=True, corrector=True, **more):
    case = common("uni_pc", steps, order=order, factor=factor, end=end, karras=False,
                  lower_order_final=lower_order_final, corrector=corrector, **more)
    return walk(case, diffusers.UniPCMultistepScheduler(
        **options(case), **last(end), solver_order=order, solver_type=factor, lower_order_final=lower_order_final,
        disable_corrector=[] if corrector else list(range(steps))))


def flow(steps, shift):
    case = dict(kind="flow", steps=steps, shift=shift)
    return walk(case, diffusers.FlowMatchEulerDiscreteScheduler(shift=shift))


cases = []
for prediction in ["epsilon", "sample", "v_prediction"]:
    of = dict(prediction=prediction)
    cases += [ddpm(10, **of), ddpm(7, clip=1.0, spacing="trailing", betas="squaredcos_cap_v2", **of),
              ddim(10, **of), ddim(12, eta=0.6, spacing="trailing", clip=0.9, **of),
              euler(10, spacing="linspace", **of), heun(8, spacing="linspace", **of),
              dpm(10, spacing="linspace", **of), unipc(10, spacing="linspace", **of)]
cases += [
    ddpm(10, variance="fixed_large", betas="sigmoid"), ddpm(9, variance="learned_range", betas="squaredcos_cap_v2"),
    ddpm(9, variance="learned_range", spacing="linspace", clip=1.5), ddpm(6, variance="fixed_large", spacing="trailing"),
    ddpm(40, betas="scaled_linear"),
    ddim(20, eta=1.0, betas="scaled_linear"), ddim(10, end="first"), ddim(13, betas="squaredcos_cap_v2"),
    ddim(50), ddim(9, spacing="linspace"), ddim(8, eta=0.3, spacing="linspace"),
    euler(10), euler(12, spacing="trailing", betas="scaled_linear"), euler(15, karras=True, spacing="linspace"),
    euler(11, end="first", betas="squaredcos_cap_v2", spacing="linspace"), euler(50, spacing="trailing"),
    heun(9), heun(7, spacing="trailing", betas="squaredcos_cap_v2", wide=True), heun(10, karras=True, spacing="linspace"),
    dpm(20, spacing="linspace"), dpm(20, rule="heun", spacing="trailing"), dpm(8, rule="heun", betas="squaredcos_cap_v2"),
    dpm(16, end="first", spacing="linspace"), dpm(9, end="first", lower_order_final=False),
    dpm(10, order=1, spacing="trailing"), dpm(18, karras=True, spacing="linspace"), dpm(24, karras=True, betas="scaled_linear"),
    # bh1 has -inf·0 in diffusers where the end is clean
    *(unipc(n, order=order, factor=factor, spacing=spacing, end="first" if factor == "bh1" else "clean")
      for order, n, spacing in [(1, 7, "linspace"), (2, 20, "trailing"), (3, 12, "linspace")] for factor in ["bh1", "bh2"]),
    unipc(10, order=3, end="first", spacing="linspace", lower_order_final=False),
    unipc(9, order=3, end="first", spacing="leading"), unipc(8, order=2, spacing="linspace", corrector=False),
    unipc(11, order=3, spacing="trailing", betas="squaredcos_cap_v2"),
    flow(1, 1.0), flow(10, 1.0), flow(12, 3.0),
]

left = {}
for name, betas in BETAS.items():
    bar = diffusers.DDPMScheduler(**betas).alphas_cumprod
    left[name] = [[t, *numbers(bar[t])] for t in [0, 1, 10, 100, 500, 900, 998, 999]]

file = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "schedulers.json")
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
about = json.dumps({"diffusers": diffusers.__version__, "alpha_bar": left}, separators=(",", ":"))
file.write_text(f'{about[:-1]},"cases":[\n{lines}\n]}}\n')
print(len(cases), "cases,", file.stat().st_size, "bytes")
