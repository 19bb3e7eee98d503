//! Which of our methods a case of PyTorch's is.

use crate::fixture::Case;
use glassbox_autograd::Var;
use glassbox_tensor::Ids;

/// The registered operation behind a case: some methods are another one's.
pub fn operation(case: &str) -> &str {
    case
}

pub fn call(c: &Case, x: &[Var], _ids: &[Ids]) -> Var {
    match c.op.as_str() {
        "add" => &x[0] + &x[1],
        "affine" => x[0].affine(c.f("scale"), c.f("shift")),
        "bce_with_logits" => x[0].bce_with_logits(&x[1]),
        "div" => &x[0] / &x[1],
        "exp" => x[0].exp(),
        "expand" => x[0].expand(&c.sizes("shape")),
        "gaussian_kl" => x[0].gaussian_kl(&x[1]),
        "linear" if c.flag("relu") => x[0].linear_relu(&x[1], x.get(2)),
        "linear" => x[0].linear(&x[1], x.get(2)),
        "ln" => x[0].ln(),
        "matmul" => x[0].matmul(&x[1]),
        "mul" => &x[0] * &x[1],
        "neg" => -&x[0],
        "permute" => x[0].permute(&c.sizes("axes")),
        "relu" => x[0].relu(),
        "reparameterize" => x[0].reparameterize(&x[1], &x[2]),
        "reshape" => x[0].reshape(c.sizes("shape")),
        "sigmoid" => x[0].sigmoid(),
        "silu" => x[0].silu(),
        "softmax" => x[0].softmax(c.axis("axis")),
        "softplus" => x[0].softplus(),
        "square" => x[0].square(),
        "sub" => &x[0] - &x[1],
        "sum" => x[0].sum(&c.axes("axes"), c.flag("keepdim")),
        "tanh" => x[0].tanh(),
        other => panic!("{other}: no call for this operation"),
    }
}
