//! Two halves of an array along an axis, each computed from both: what backward of a unit does whose gate and value lie in one
//! tensor.

use crate::parallel::{CHUNK, for_each_chunk};
use crate::shape::axis_index;
use crate::simd::{Isa, Kernel, Simd, UpdateLanes, update_lanes};
use crate::tensor::Tensor;
use crate::update_n;

/// `(out₁[i], out₂[i]) = f(x₁[i], x₂[i], y[i])`, where the halves of `out` and of `x` along `axis` are meant, and `y` has the
/// shape of a half. The state that `f` is handed means nothing; it must not be read.
///
/// ```
/// use glassbox_tensor::simd::{Simd, UpdateLanes};
/// use glassbox_tensor::{map_halves, tensor};
/// /// The gradients of a product.
/// struct Product;
/// impl UpdateLanes<2, 3> for Product {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, _: S, _: [S::F; 2], [a, b, dy]: [S::F; 3]) -> [S::F; 2] {
///         [dy * b, dy * a]
///     }
/// }
/// let x = tensor![[1., 2., 3., 4.]]; // the halves [1 2] and [3 4]
/// assert_eq!(map_halves(&Product, &x, &tensor![[1., 10.]], -1), tensor![[3., 40., 1., 20.]]);
/// ```
///
/// # Panics
/// When the axis doesn't exist or has an odd length, or `y` is not a half.
#[track_caller]
pub fn map_halves(f: &impl UpdateLanes<2, 3>, x: &Tensor, y: &Tensor, axis: isize) -> Tensor {
    let at = axis_index("map_halves", axis, x.rank());
    let half = x.shape()[at] / 2;
    let mut expected = x.shape().to_vec();
    expected[at] = half;
    let (have, whole) = (y.shape(), x.shape());
    assert!(
        whole[at] == 2 * half && have == expected,
        "map_halves: {have:?} is no half of {whole:?} along axis {axis}; it would be {expected:?}, of an even length"
    );
    let inner = half * x.shape()[at + 1..].iter().product::<usize>();
    let mut out = Tensor::for_overwrite(x.shape());
    if out.numel() > 0 {
        let (x, y) = (x.contiguous(), y.contiguous());
        let (x, y) = (x.as_slice().expect("contiguous"), y.as_slice().expect("contiguous"));
        let out = out.make_mut();
        if 2 * inner > CHUNK {
            // Few large pairs: each is cut into tasks by itself.
            let pairs = out.chunks_exact_mut(2 * inner).zip(x.chunks_exact(2 * inner)).zip(y.chunks_exact(inner));
            for ((out, x), y) in pairs {
                update_n(f, out.split_at_mut(inner).into(), [&x[..inner], &x[inner..], y]);
            }
        } else {
            Isa::current().dispatch(Pairs { f, x, y, inner, out });
        }
    }
    out
}

/// Many small pairs of halves, `inner` long each, one after the other.
struct Pairs<'a, F> {
    f: &'a F,
    x: &'a [f32],
    y: &'a [f32],
    inner: usize,
    out: &'a mut [f32],
}

impl<F: UpdateLanes<2, 3>> Kernel for Pairs<'_, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Pairs { f, x, y, inner, out } = self;
        let chunk = 2 * inner * (CHUNK / 4).div_ceil(2 * inner); // whole pairs, at least 16 KiB
        let work = 4 * out.len();
        for_each_chunk(out, chunk, work, |i, part| {
            for (r, out) in part.chunks_exact_mut(2 * inner).enumerate() {
                let at = i * chunk + r * 2 * inner;
                let x = &x[at..][..2 * inner];
                update_lanes(s, f, out.split_at_mut(inner).into(), [&x[..inner], &x[inner..], &y[at / 2..][..inner]]);
            }
        });
    }
}
