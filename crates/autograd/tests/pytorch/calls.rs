//! Which of our methods a case of PyTorch's is.

use crate::fixture::Case;
use glassbox_autograd::{AttentionOptions, CrossEntropyOptions, Reduction, Var};
use glassbox_tensor::{
    Conv1dOptions, Conv2dOptions, ConvTranspose1dOptions, ConvTranspose2dOptions, Ids, Padding, Pool2d, Resampling,
    Rotary, RotaryLayout, Tensor,
};

/// The registered operation behind a case: some methods are another one's.
pub fn operation(case: &str) -> &str {
    match case {
        "avg_pool1d" => "avg_pool2d",
        "conv1d" => "conv2d",
        "conv_transpose1d" => "conv_transpose2d",
        "max_pool1d" => "max_pool2d",
        "transpose" => "permute",
        "select" | "index" | "split" | "chunk" => "narrow",
        "unsqueeze" | "squeeze" => "reshape",
        "stack" => "cat",
        "instance_norm" => "group_norm",
        "batch_norm_with" => "batch_norm",
        "upsample_bilinear" | "upsample_nearest" => "resample",
        own => own,
    }
}

fn refs(x: &[Var]) -> Vec<&Var> {
    x.iter().collect()
}

fn padding(c: &Case) -> Padding {
    match c.text("mode") {
        "constant" => Padding::Constant(c.f("value")),
        "reflect" => Padding::Reflect,
        _ => Padding::Edge,
    }
}

fn as_tensor(ids: Ids) -> Var {
    Var::constant(ids.to_tensor())
}

fn relation(c: &Case, a: &Var, b: &Var) -> Tensor {
    match c.text("relation") {
        "less" => a.less(b),
        "less_equal" => a.less_equal(b),
        "greater" => a.greater(b),
        "greater_equal" => a.greater_equal(b),
        "equal" => a.equal(b),
        _ => a.not_equal(b),
    }
}

/// Padding is read for a convolution; a transposed one has its own.
fn conv2d(c: &Case) -> Conv2dOptions {
    let padding = match c.op.as_str() {
        "conv2d" => c.pairs("padding").try_into().expect("two axes"),
        _ => [(0, 0); 2],
    };
    Conv2dOptions { stride: c.two("stride"), padding, dilation: c.two("dilation"), groups: c.n("groups"), taps: None }
}

fn conv1d(c: &Case) -> Conv1dOptions {
    let padding = match c.op.as_str() {
        "conv1d" => c.two("padding").into(),
        _ => (0, 0),
    };
    Conv1dOptions { stride: c.n("stride"), padding, dilation: c.n("dilation"), groups: c.n("groups") }
}

fn pool(c: &Case) -> Pool2d {
    Pool2d { kernel: c.two("kernel"), stride: c.two("stride"), padding: c.two("padding") }
}

pub fn call(c: &Case, x: &[Var], ids: &[Ids]) -> Var {
    match c.op.as_str() {
        "abs" => x[0].abs(),
        "add" => &x[0] + &x[1],
        "affine" => x[0].affine(c.f("scale"), c.f("shift")),
        "argmax" => as_tensor(x[0].argmax(c.axis("axis"), c.flag("keepdim"))),
        "argmin" => as_tensor(x[0].argmin(c.axis("axis"), c.flag("keepdim"))),
        "argsort" => as_tensor(x[0].value().argsort(c.axis("axis"), c.flag("descending"))),
        "attention" => {
            let n = |name: &str| (!c.is_null(name)).then(|| c.n(name));
            let scale = (!c.is_null("scale")).then(|| c.f("scale"));
            let options = AttentionOptions { causal: c.flag("causal"), window: n("window"), scale, mask: x.get(3) };
            x[0].attention(&x[1], &x[2], options)
        }
        "avg_pool1d" => x[0].avg_pool1d(c.n("kernel"), c.n("stride"), c.n("padding"), c.flag("count_include_pad")),
        "avg_pool2d" => x[0].avg_pool2d(&pool(c), c.flag("count_include_pad")),
        "avg_pool2d_adjoint" => x[0].avg_pool2d_adjoint(&pool(c), c.two("size"), c.flag("count_include_pad")),
        "batch_norm" => x[0].batch_norm(x.get(1), x.get(2), c.f("eps")).0,
        "batch_norm_with" => x[0].batch_norm_with(x[3].value(), x[4].value(), x.get(1), x.get(2), c.f("eps")),
        "bce_with_logits" => x[0].bce_with_logits(&x[1]),
        "cat" => Var::cat(&refs(x), c.axis("axis")),
        "chunk" => x[0].chunk(c.n("n"), c.axis("axis")).remove(c.n("part")),
        "clamp" => x[0].clamp(c.f("low"), c.f("high")),
        "compare" => Var::constant(relation(c, &x[0], &x[1])),
        "conv1d" => x[0].conv1d(&x[1], x.get(2), conv1d(c)),
        "conv2d" => x[0].conv2d(&x[1], x.get(2), conv2d(c)),
        "conv_transpose1d" => {
            let Conv1dOptions { stride, dilation, groups, .. } = conv1d(c);
            let (padding, output_padding) = ((c.n("padding"), c.n("padding")), c.n("output_padding"));
            let options = ConvTranspose1dOptions { stride, padding, output_padding, dilation, groups };
            x[0].conv_transpose1d(&x[1], x.get(2), options)
        }
        "conv_transpose2d" => {
            let Conv2dOptions { stride, dilation, groups, .. } = conv2d(c);
            let padding = c.two("padding").map(|p| (p, p));
            let options = ConvTranspose2dOptions {
                stride,
                padding,
                output_padding: c.two("output_padding"),
                dilation,
                groups,
                taps: None,
            };
            x[0].conv_transpose2d(&x[1], x.get(2), options)
        }
        "cos" => x[0].cos(),
        "cumsum" => x[0].cumsum(c.axis("axis")),
        "cross_entropy" => {
            let reduction = match c.text("reduction") {
                "mean" => Reduction::Mean,
                "sum" => Reduction::Sum,
                _ => Reduction::None,
            };
            let ignore_index = (!c.is_null("ignore")).then(|| c.n("ignore") as u32);
            let options = CrossEntropyOptions { label_smoothing: c.f("smoothing"), ignore_index, reduction };
            x[0].cross_entropy(&ids[0], options)
        }
        "div" => &x[0] / &x[1],
        "einsum" => Var::einsum(c.text("spec"), &x[0], &x[1]),
        "elu" => x[0].elu(c.f("alpha")),
        "embedding" => x[0].embedding(&ids[0]),
        "erf" => x[0].erf(),
        "exp" => x[0].exp(),
        "expand" => x[0].expand(c.sizes("shape")),
        "expm1" => x[0].expm1(),
        "flip" => x[0].flip(&c.axes("axes")),
        "gated_tanh" => x[0].gated_tanh(&x[1]),
        "gather" => x[0].gather(c.axis("axis"), &ids[0]),
        "gaussian_kl" => x[0].gaussian_kl(&x[1]),
        "geglu" => x[0].geglu(&x[1]),
        "gelu" => x[0].gelu(),
        "gelu_tanh" => x[0].gelu_tanh(),
        "glu" => x[0].glu(c.axis("axis")),
        "group_norm" => x[0].group_norm(c.n("groups"), x.get(1), x.get(2), c.f("eps")),
        "index" => x[0].index((1, .., 2..5)),
        "index_add" => x[0].index_add(c.axis("axis"), &ids[0], &x[1]),
        "index_select" => x[0].index_select(c.axis("axis"), &ids[0]),
        "instance_norm" => x[0].instance_norm(x.get(1), x.get(2), c.f("eps")),
        "add_layer_norm" => x[0].add_layer_norm(&x[1], &c.sizes("shape"), x.get(2), x.get(3), c.f("eps")),
        "layer_norm" => x[0].layer_norm(&c.sizes("shape"), x.get(1), x.get(2), c.f("eps")),
        "leaky_relu" => x[0].leaky_relu(c.f("slope")),
        "linear" if c.flag("relu") => x[0].linear_relu(&x[1], x.get(2)),
        "linear" => x[0].linear(&x[1], x.get(2)),
        "ln" => x[0].ln(),
        "log1p" => x[0].log1p(),
        "log_softmax" => x[0].log_softmax(c.axis("axis")),
        "logsumexp" => x[0].logsumexp(&c.axes("axes"), c.flag("keepdim")),
        "matmul" => x[0].matmul(&x[1]),
        "max" => x[0].max(&c.axes("axes"), c.flag("keepdim")),
        "max_pool1d" => x[0].max_pool1d(c.n("kernel"), c.n("stride"), c.n("padding")),
        "max_pool2d" => x[0].max_pool2d(&pool(c)),
        "maximum" => x[0].maximum(&x[1]),
        "mean" => x[0].mean(&c.axes("axes"), c.flag("keepdim")),
        "min" => x[0].min(&c.axes("axes"), c.flag("keepdim")),
        "minimum" => x[0].minimum(&x[1]),
        "mul" => &x[0] * &x[1],
        "narrow" => x[0].narrow(c.axis("axis"), c.n("start"), c.n("len")),
        "ndtr" => x[0].ndtr(),
        "neg" => -&x[0],
        "norm" => x[0].norm(c.p(), &c.axes("axes"), c.flag("keepdim")),
        "one_hot" => Var::one_hot(&ids[0], c.n("classes")),
        "outer" => x[0].outer(&x[1]),
        "overlap_add" => x[0].overlap_add(c.axis("axis"), c.n("step"), c.n("len")),
        "pad" => x[0].pad(&c.pairs("pads"), padding(c)),
        "permute" => x[0].permute(&c.sizes("axes")),
        "pixel_shuffle" => x[0].pixel_shuffle(c.n("r")),
        "pixel_unshuffle" => x[0].pixel_unshuffle(c.n("r")),
        "pow" => x[0].pow(&x[1]),
        "powf" => x[0].powf(c.f("p")),
        "relu" => x[0].relu(),
        "reparameterize" => x[0].reparameterize(&x[1], &x[2]),
        "resample_adjoint" => {
            let how = if c.flag("align_corners") { Resampling::BilinearCorners } else { Resampling::Bilinear };
            x[0].resample_adjoint(c.two("size"), how)
        }
        "reshape" => x[0].reshape(c.sizes("shape")),
        "rms_norm" => x[0].rms_norm(&c.sizes("shape"), x.get(1), c.f("eps")),
        "rotary" => {
            let layout = if c.flag("interleaved") { RotaryLayout::Interleaved } else { RotaryLayout::Halves };
            x[0].rotary(&Rotary::new(16, 8, c.f("base"), layout), c.n("offset"))
        }
        "rsqrt" => x[0].rsqrt(),
        "scatter_add" => x[0].scatter_add(c.axis("axis"), &ids[0], &x[1]),
        "select" => x[0].select(c.axis("axis"), c.n("index")),
        "sigmoid" => x[0].sigmoid(),
        "sign" => x[0].sign(),
        "silu" => x[0].silu(),
        "sin" => x[0].sin(),
        "softmax" => x[0].softmax(c.axis("axis")),
        "softplus" => x[0].softplus(),
        "sort" => x[0].sort(c.axis("axis"), c.flag("descending")).0,
        "split" => x[0].split(&c.sizes("sizes"), c.axis("axis")).remove(c.n("part")),
        "sqrt" => x[0].sqrt(),
        "square" => x[0].square(),
        "squeeze" => x[0].squeeze(c.axis("axis")),
        "stack" => Var::stack(&refs(x), c.axis("axis")),
        "std" => x[0].std(&c.axes("axes"), c.n("correction"), c.flag("keepdim")),
        "sub" => &x[0] - &x[1],
        "sum" => x[0].sum(&c.axes("axes"), c.flag("keepdim")),
        "swiglu" => x[0].swiglu(&x[1]),
        "tanh" => x[0].tanh(),
        "topk" => x[0].topk(c.n("k"), c.axis("axis")).0,
        "transpose" => x[0].transpose(c.axis("a"), c.axis("b")),
        "unfold" => x[0].unfold(c.axis("axis"), c.n("size"), c.n("step")),
        "unsqueeze" => x[0].unsqueeze(c.axis("axis")),
        "upsample_bilinear" => x[0].upsample_bilinear(c.two("size"), c.flag("align_corners")),
        "upsample_nearest" => x[0].upsample_nearest(c.two("size")),
        "var" => x[0].var(&c.axes("axes"), c.n("correction"), c.flag("keepdim")),
        "where_cond" => Var::where_cond(x[0].value(), &x[1], &x[2]),
        other => panic!("{other}: no call for this operation"),
    }
}
