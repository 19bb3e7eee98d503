"""What the fixtures of layers, losses and optimisers have in common: the cases, their tensors, and the file.

PyTorch computes in f64 from weights and inputs that are f32, so its own rounding is no part of a comparison. In a file, the
header's metadata lists the cases (`name`, `kind`, and the options that ours is made with), and case NAME has the tensors

    NAME.x0, NAME.x1, …         inputs; NAME.ids0, … are indices
    NAME.state.weight, …        the state dict before the call
    NAME.y0, …                  outputs
    NAME.w0, …                  weights of the loss Σ w·y whose gradients these are:
    NAME.dx0, …                 of the inputs
    NAME.grad.weight, …         of the parameters
    NAME.after.running_mean, …  buffers after the call, where it changed them
"""

import json
import zlib

import numpy as np
import torch
from safetensors.numpy import save_file


class Fixture:
    def __init__(self):
        self.cases, self.tensors = [], {}
        self.made = {}  # by case: the module, and how it is called

    def case(self, kind, **options):
        """Begins a case: its name, and random numbers that depend on the name alone."""
        name = f"{kind}.{sum(c['kind'] == kind for c in self.cases)}"
        self.cases.append(dict(name=name, kind=kind, **options))
        return name, np.random.default_rng(zlib.crc32(name.encode()))

    def keep(self, name, x):
        """Keeps a tensor, rounded once to f32."""
        x = x.detach().numpy() if isinstance(x, torch.Tensor) else x
        self.tensors[name] = np.array(x, np.float32, order="C")

    def draw(self, rng, *shape, low=-2.0, high=2.0):
        """Numbers that f32 holds, as f64."""
        return torch.tensor(np.asarray(rng.uniform(low, high, shape), np.float32), dtype=torch.float64)

    def layer(self, kind, module, inputs, call=None, ids=(), training=True, scale=0.5, prepare=None, **options):
        """A module in f64: its state dict, outputs, all gradients and the buffers that the call changed.

        `inputs` are functions of the random generator or shapes. `call(module, *inputs, *ids)` returns one output or several;
        the default calls the module. Weights are drawn anew, in ±`scale`, so that none is 0 or 1 by its initialiser, as are all
        buffers but the counters of batches; `prepare(module)` can then set what must not be any number.
        """
        name, rng = self.case(kind, training=training, inputs=len(inputs), ids=len(ids), **options)
        module = module.double().train(training)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(self.draw(rng, *parameter.shape, low=-scale, high=scale))
            for key, buffer in module.named_buffers():
                if buffer.is_floating_point():
                    low, high = (0.5, 2.0) if "var" in key else (-1.0, 1.0)
                    buffer.copy_(self.draw(rng, *buffer.shape, low=low, high=high))
            if prepare:
                prepare(module)
        before = {key: value.clone() for key, value in module.state_dict().items()}
        x = [i(rng) if callable(i) else self.draw(rng, *i) for i in inputs]
        leaves = [t.requires_grad_() for t in x]
        indices = [torch.tensor(np.asarray(i, np.int64)) for i in ids]
        call = call or (lambda m, *a: m(*a))
        self.made[name] = module, call
        y = call(module, *leaves, *indices)
        y = [y] if isinstance(y, torch.Tensor) else list(y)
        w = [self.draw(rng, *t.shape, low=0.25, high=1.25) for t in y]
        sum((a * b).sum() for a, b in zip(w, y)).backward()
        for key, value in before.items():
            self.keep(f"{name}.state.{key}", value)
        for i, t in enumerate(x):
            self.keep(f"{name}.x{i}", t)
            self.keep(f"{name}.dx{i}", t.grad if t.grad is not None else torch.zeros_like(t))
        for i, t in enumerate(indices):
            self.keep(f"{name}.ids{i}", t)
        for i, (t, weights) in enumerate(zip(y, w)):
            self.keep(f"{name}.y{i}", t)
            self.keep(f"{name}.w{i}", weights)
        for key, parameter in module.named_parameters():
            self.keep(f"{name}.grad.{key}", parameter.grad)
        for key, value in module.state_dict().items():
            if key not in dict(module.named_parameters()) and not torch.equal(value, before[key]):
                self.keep(f"{name}.after.{key}", value)

    def save(self, path, made_by):
        metadata = {"cases": json.dumps(self.cases), "made_by": f"{made_by} with PyTorch {torch.__version__.split('+')[0]} in f64"}
        save_file(self.tensors, path, metadata=metadata)
        size = sum(4 * t.size for t in self.tensors.values())
        print(f"{len(self.cases)} cases of {len({c['kind'] for c in self.cases})} kinds, {size / 1e6:.2f} MB")
