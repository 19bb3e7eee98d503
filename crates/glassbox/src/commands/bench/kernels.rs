//! The kernels that are measured at several sizes, and how a size is written.

use glassbox_autograd::ops::attention::Attention;
use glassbox_autograd::ops::conv_transpose2d::ConvTranspose2d;
use glassbox_autograd::ops::conv2d::Conv2d;
use glassbox_autograd::ops::layer_norm::{LayerNorm, Parameters};
use glassbox_autograd::ops::matmul::MatMul;
use glassbox_autograd::ops::softmax::Softmax;
use glassbox_autograd::{Drawn, Input, Sample};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv1dOptions, Conv2dOptions, ConvTranspose2dOptions, Sight};

/// A kernel with the ways to write its sizes.
pub struct Kernel {
    /// The name on the command line.
    pub name: &'static str,
    /// How a size is written.
    pub grammar: &'static str,
    /// The sizes that are measured when none are asked for.
    pub usual: &'static [&'static str],
    /// Whether the gradients are measured too.
    pub gradient: bool,
    /// What draws the inputs of a size; `None` if the text is no size.
    pub draw: fn(&str) -> Option<Ready>,
}

/// The work of a size, whose inputs are drawn when its turn comes.
pub type Ready = Box<dyn FnOnce() -> Drawn>;

/// All of them.
pub static KERNELS: [Kernel; 9] = [
    Kernel {
        name: "gemm",
        grammar: "N or MxNxK, with :tn, :nt or :tt where A, B or both lie transposed",
        // squares, a VAE's layer, a transformer's forward and both its gradients, a row
        usual: &[
            "16",
            "32",
            "64",
            "128",
            "256",
            "512",
            "1024",
            "2048",
            "128x400x784",
            "4096x1152x384:nt",
            "4096x384x1152",
            "1152x384x4096:tn",
            "1x4096x4096",
        ],
        gradient: false,
        draw: gemm,
    },
    Kernel {
        name: "batch",
        grammar: "BxMxNxK, with :tn, :nt or :tt",
        usual: &["256x16x16x16", "48x256x256x64:nt"],
        gradient: false,
        draw: batch,
    },
    Kernel { name: "matvec", grammar: "MxK", usual: &["4096x4096", "50257x384"], gradient: false, draw: matvec },
    Kernel {
        name: "conv2d",
        grammar: "BxCxHxW/OxKxK, with /sD for a stride and /pD for padding, the kernel no larger than the padded image",
        usual: &["32x64x28x28/64x3x3/p1", "32x128x14x14/128x1x1", "64x64x32x32/128x4x4/s2/p1", "128x1x28x28/32x3x3/p1"],
        gradient: true,
        draw: conv2d,
    },
    Kernel {
        name: "conv_transpose2d",
        grammar: "BxCxHxW/OxKxK, with /sD for a stride and /pD for padding",
        usual: &["64x128x8x8/64x4x4/s2/p1"],
        gradient: true,
        draw: conv_transpose2d,
    },
    Kernel {
        name: "conv1d",
        grammar: "BxCxT/OxK, with /dD for a dilation",
        usual: &["4x64x4000/64x2/d8"],
        gradient: true,
        draw: conv1d,
    },
    Kernel {
        name: "attention",
        grammar: "BxHxTxD, with /full for all keys",
        usual: &["8x6x64x64", "1x8x1024x64", "8x6x256x64/full"],
        gradient: true,
        draw: attention,
    },
    Kernel { name: "softmax", grammar: "ROWSxCOLUMNS", usual: &["64x50257"], gradient: true, draw: softmax },
    Kernel { name: "layer_norm", grammar: "ROWSxCOLUMNS", usual: &["4096x384"], gradient: true, draw: layer_norm },
];

/// More floats than this in one array are a typing mistake: 2 GiB.
pub const MOST_FLOATS: usize = 1 << 29;

/// Whole numbers with × between them; none is 0, and together they are no array that is too large.
fn dims<const N: usize>(text: &str) -> Option<[usize; N]> {
    let dims: Option<Vec<usize>> = text.split('x').map(|n| n.parse().ok().filter(|&n| n > 0)).collect();
    dims?.try_into().ok()
}

fn draw<O: glassbox_autograd::Op>(op: O, shapes: Vec<Vec<usize>>) -> Option<Ready> {
    let floats = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    let fits = |shape: &Vec<usize>| floats(shape).is_some_and(|n| n <= MOST_FLOATS);
    let inputs: Vec<Input> = shapes.iter().all(fits).then(|| shapes.iter().map(Input::new).collect())?;
    Some(Box::new(|| Drawn::new(Sample::new(op, inputs), Key::new(0))))
}

/// The products of `batch` matrices (M, K) × (K, N).
fn product(batch: &[usize], [m, n, k]: [usize; 3], layout: &str) -> Option<Ready> {
    let (left, right) = match layout {
        "" | "nn" => (false, false),
        "tn" => (true, false),
        "nt" => (false, true),
        "tt" => (true, true),
        _ => return None,
    };
    let of = |a: usize, b: usize, transposed: bool| {
        let matrix = if transposed { [b, a] } else { [a, b] };
        batch.iter().copied().chain(matrix).collect::<Vec<_>>()
    };
    let result = of(m, n, false).iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    result.filter(|&n| n <= MOST_FLOATS)?;
    let plain = draw(MatMul, vec![of(m, k, left), of(k, n, right)])?;
    Some(Box::new(move || {
        let mut drawn = plain();
        for (x, _) in drawn.x.iter_mut().zip([left, right]).filter(|(_, transposed)| *transposed) {
            *x = x.t();
        }
        drawn
    }))
}

fn gemm(text: &str) -> Option<Ready> {
    let (size, layout) = text.split_once(':').unwrap_or((text, ""));
    let mnk = dims::<3>(size).or_else(|| dims::<1>(size).map(|[n]| [n; 3]))?;
    product(&[], mnk, layout)
}

fn batch(text: &str) -> Option<Ready> {
    let (size, layout) = text.split_once(':').unwrap_or((text, ""));
    let [b, m, n, k] = dims(size)?;
    product(&[b], [m, n, k], layout)
}

fn matvec(text: &str) -> Option<Ready> {
    let [m, k] = dims(text)?;
    product(&[], [1, m, k], "nt")
}

/// The options after a size, such as `/s2/p1`, each once and each one of `letters`; those that are not there have a default.
fn options<const N: usize>(text: Option<&str>, letters: [(char, usize); N]) -> Option<[usize; N]> {
    let mut values: [Option<usize>; N] = [None; N];
    for option in text.map(|text| text.split('/')).into_iter().flatten() {
        let place = letters.iter().position(|(letter, _)| option.starts_with(*letter))?;
        let value = option[1..].parse().ok().filter(|&n| n <= 1 << 16)?;
        if values[place].replace(value).is_some() {
            return None;
        }
    }
    Some(std::array::from_fn(|i| values[i].unwrap_or(letters[i].1)))
}

/// An image, and outputs with a square or oblong kernel; then the options.
fn image(text: &str) -> Option<([usize; 4], [usize; 3], [usize; 2])> {
    let mut parts = text.splitn(3, '/');
    let (x, w) = (dims(parts.next()?)?, dims(parts.next()?)?);
    let [stride, padding] = options(parts.next(), [('s', 1), ('p', 0)])?;
    (stride > 0).then_some((x, w, [stride, padding]))
}

fn conv2d(text: &str) -> Option<Ready> {
    let ([b, c, h, w], [o, kh, kw], [stride, padding]) = image(text)?;
    let fits = kh <= h + 2 * padding && kw <= w + 2 * padding;
    let options = Conv2dOptions { stride: [stride; 2], ..Conv2dOptions::padded(padding) };
    let shapes = || vec![vec![b, c, h, w], vec![o, c, kh, kw], vec![o]];
    fits.then(|| draw(Conv2d { options }, shapes())).flatten()
}

fn conv_transpose2d(text: &str) -> Option<Ready> {
    let ([b, c, h, w], [o, kh, kw], [stride, padding]) = image(text)?;
    let left = |n: usize, k: usize| ((n - 1) * stride + k).checked_sub(2 * padding).is_some_and(|n| n > 0);
    let options =
        ConvTranspose2dOptions { stride: [stride; 2], padding: [(padding, padding); 2], ..Default::default() };
    let shapes = || vec![vec![b, c, h, w], vec![c, o, kh, kw], vec![o]];
    (left(h, kh) && left(w, kw)).then(|| draw(ConvTranspose2d { options }, shapes())).flatten()
}

fn conv1d(text: &str) -> Option<Ready> {
    let mut parts = text.splitn(3, '/');
    let ([b, c, t], [o, k]) = (dims(parts.next()?)?, dims(parts.next()?)?);
    let [dilation] = options(parts.next(), [('d', 1)])?;
    let op = Conv2d { options: Conv1dOptions::causal(k, dilation.max(1)).as_2d() };
    (dilation > 0).then(|| draw(op, vec![vec![b, c, 1, t], vec![o, c, 1, k], vec![o]])).flatten()
}

fn attention(text: &str) -> Option<Ready> {
    let (size, full) = text.strip_suffix("/full").map_or((text, false), |size| (size, true));
    let dims: [usize; 4] = dims(size)?;
    let sight = Sight { causal: !full, window: None };
    draw(Attention { sight, scale: None }, vec![dims.to_vec(); 3])
}

fn softmax(text: &str) -> Option<Ready> {
    let dims: [usize; 2] = dims(text)?;
    draw(Softmax { axis: -1 }, vec![dims.to_vec()])
}

fn layer_norm(text: &str) -> Option<Ready> {
    let [rows, columns] = dims(text)?;
    let op =
        LayerNorm { normalized_shape: vec![columns], parameters: Parameters { weight: true, bias: true }, eps: 1e-5 };
    draw(op, vec![vec![rows, columns], vec![columns], vec![columns]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> &'static Kernel {
        KERNELS.iter().find(|kernel| kernel.name == name).unwrap()
    }

    #[test]
    fn sizes_give_the_shapes_and_the_work_that_they_say() {
        for (name, size, shapes, flops) in [
            ("gemm", "4", "[[4, 4], [4, 4]]", 2 * 4 * 4 * 4),
            ("gemm", "2x3x5", "[[2, 5], [5, 3]]", 2 * 2 * 3 * 5),
            ("gemm", "2x3x5:tt", "[[2, 5], [5, 3]]", 2 * 2 * 3 * 5),
            ("batch", "7x2x3x5:nt", "[[7, 2, 5], [7, 5, 3]]", 7 * 2 * 2 * 3 * 5),
            ("matvec", "3x5", "[[1, 5], [5, 3]]", 2 * 3 * 5),
            // 2 images, 3 outputs, 16 pixels, 18 products for each; a bias comes on top
            ("conv2d", "2x2x4x4/3x3x3/p1", "[[2, 2, 4, 4], [3, 2, 3, 3], [3]]", 2 * 3 * 16 * (2 * 18)),
            ("conv1d", "2x3x8/4x2/d4", "[[2, 3, 1, 8], [4, 3, 1, 2], [4]]", 2 * 4 * 8 * (2 * 6)),
        ] {
            let drawn = (of(name).draw)(size).unwrap_or_else(|| panic!("{name} {size}"))();
            let found: Vec<&[usize]> = drawn.x.iter().map(|x| x.shape()).collect();
            assert_eq!(format!("{found:?}"), shapes, "{name} {size}");
            // A bias may add one operation for each output.
            let extra = drawn.cost().flops as i64 - flops as i64;
            assert!(
                (0..=drawn.run().numel() as i64).contains(&extra),
                "{name} {size}: {} for {flops}",
                drawn.cost().flops
            );
        }
        let transposed = (of("gemm").draw)("2x3x5:tn").unwrap()();
        assert!(!transposed.x[0].is_contiguous() && transposed.x[1].is_contiguous());
        assert_eq!(transposed.x[0].shape(), [2, 5]);
    }

    #[test]
    fn what_is_no_size_is_none() {
        for (name, sizes) in [
            ("gemm", "0 -1 x 3x 3x4 3x4x5x6 3x4x5:xy 99999999 1e3 99999999999999999999"),
            ("batch", "3x4x5 3"),
            ("matvec", "3 3x4x5"),
            ("conv2d", "2x2x4x4 2x2x4x4/3x5x5 2x2x4x4/3x3x3/q1 2x2x4x4/3x3x3/s0 2x2x4x4/3x3x3/p1/p1 2x2x4x4/3x3x3/p"),
            ("conv_transpose2d", "1x1x1x1/1x2x2/p1"),
            ("conv1d", "2x3x8/4x2/d0 2x3x8"),
            ("attention", "8x6x256 8x6x256x64/ful"),
            ("softmax", "3 3x4x5"),
        ] {
            for size in sizes.split(' ') {
                assert!((of(name).draw)(size).is_none(), "{name} {size}");
            }
        }
        assert!((of("gemm").draw)("").is_none());
    }

    #[test]
    fn names_are_there_once() {
        for (i, kernel) in KERNELS.iter().enumerate() {
            assert!(KERNELS[..i].iter().all(|other| other.name != kernel.name), "{}", kernel.name);
            assert!(!kernel.usual.is_empty() && !kernel.grammar.is_empty());
        }
    }
}
