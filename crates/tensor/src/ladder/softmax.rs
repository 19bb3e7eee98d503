//! Softmax of each row: yᵢ = e^(xᵢ − m) / Σⱼ e^(xⱼ − m), with m = max x. The quotient is the same for every m; with the
//! largest x taken away no exponential overflows.
//!
//! A row of n needs n exponentials, 2n additions and n multiplications; 4n bytes come in and 4n go out. The rungs differ in how
//! often they pass over the row and in how many exponentials are under way at once.
//!
//! All rungs: `x` and `y` hold rows of `len` elements. They panic when x and y differ in length or `len` doesn't divide it.

use crate::simd::{Isa, Kernel, Simd, math};

/// Rung 1, the definition: a pass for the maximum, one for the exponentials and their sum (in f64), one for the quotient.
///
/// The standard library's exponential is a call for each element, some 10 to 20 cycles in which nothing else goes on.
///
/// ```
/// use glassbox_tensor::ladder::softmax;
/// let mut y = [0.0; 4];
/// softmax::three_passes(&[0.0, 0.0, 0.0, 200.0], 2, &mut y); // two rows of two
/// assert_eq!(y, [0.5, 0.5, 0.0, 1.0]);
/// ```
#[track_caller]
pub fn three_passes(x: &[f32], len: usize, y: &mut [f32]) {
    for (x, y) in rows(x, len, y) {
        let max = x.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
        let mut sum = 0.0f64;
        for (x, y) in x.iter().zip(&mut *y) {
            *y = (x - max).exp();
            sum += f64::from(*y);
        }
        y.iter_mut().for_each(|y| *y = (f64::from(*y) / sum) as f32);
    }
}

/// Rung 2: the maximum and the sum in one pass (Milakov and Gimelshein 2018).
///
/// What differs from [`three_passes`]:
/// 1. Beside the largest element m so far runs the sum of e^(x − m). Where an element raises m to m', the sum so far is
///    multiplied by e^(m − m'). So the row is read twice and written once, where the first rung reads it three times and writes it
///    twice.
/// 2. The price is a second exponential for each element, since those of the first pass were of another m. Where a cache holds the
///    row the pass that it saves is cheap, and the exponential isn't. It is the right one where a row can't be kept: that is attention,
///    whose tiles pass once and never come back ([`tiled`](super::attention::tiled)).
///
/// ```
/// use glassbox_tensor::ladder::softmax;
/// let mut y = [0.0; 2];
/// softmax::online(&[-1000.0, -1000.0], 2, &mut y);
/// assert_eq!(y, [0.5, 0.5]);
/// ```
#[track_caller]
pub fn online(x: &[f32], len: usize, y: &mut [f32]) {
    for (x, y) in rows(x, len, y) {
        let (mut max, mut sum) = (f32::NEG_INFINITY, 0.0f32);
        for &x in x {
            if x > max {
                sum *= (max - x).exp(); // e^−∞ = 0 for the first
                max = x;
            }
            sum += (x - max).exp();
        }
        for (x, y) in x.iter().zip(y) {
            *y = (x - max).exp() / sum;
        }
    }
}

/// Rung 3: three passes again, with vectors.
///
/// What differs from [`three_passes`]:
/// 1. The exponential is a polynomial of the token's own operations ([`math::exp`], 1 ULP): 8 or 16 of them at once, without a
///    call, and as many vectors under way as the processor has room for.
/// 2. The row lies in the first-level cache after the first pass, so the other two cost arithmetic only.
/// 3. One division for each row, and a multiplication for each element.
///
/// What still differs from [`Tensor::softmax`](crate::Tensor::softmax), the top: that hands rows to threads, and adds up in f64
/// what no more than 32 additions in f32 have made, so that long rows keep their digits.
///
/// ```
/// use glassbox_tensor::ladder::softmax;
/// use glassbox_tensor::simd::Isa;
/// let mut y = [0.0; 40];
/// softmax::simd(Isa::current(), &[3.0; 40], 20, &mut y);
/// assert!(y.iter().all(|y| (y - 0.05).abs() < 1e-8));
/// ```
#[track_caller]
pub fn simd(isa: Isa, x: &[f32], len: usize, y: &mut [f32]) {
    struct Rows<'a>(&'a [f32], usize, &'a mut [f32]);
    impl Kernel for Rows<'_> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for (x, y) in rows(self.0, self.1, self.2) {
                row(s, x, y);
            }
        }
    }
    isa.dispatch(Rows(x, len, y));
}

#[inline(always)]
fn row<S: Simd>(s: S, x: &[f32], y: &mut [f32]) {
    let body = x.len() - x.len() % S::LANES;
    let (x, x_tail) = x.split_at(body);
    let (y, y_tail) = y.split_at_mut(body);
    let mut top = s.splat(f32::NEG_INFINITY);
    for x in x.chunks_exact(S::LANES) {
        top = s.max(s.load(x), top);
    }
    let max = x_tail.iter().fold(s.max_lane(top), |m, &x| m.max(x));
    let shift = s.splat(max);
    let mut sums = s.splat(0.0);
    for (x, y) in x.chunks_exact(S::LANES).zip(y.chunks_exact_mut(S::LANES)) {
        let e = math::exp(s, s.load(x) - shift);
        s.store(y, e);
        sums = sums + e;
    }
    s.store_part(y_tail, math::exp(s, s.load_part(x_tail) - shift));
    let scale = 1.0 / y_tail.iter().fold(s.sum(sums), |sum, e| sum + e);
    for y in y.chunks_exact_mut(S::LANES) {
        let scaled = s.load(y) * s.splat(scale);
        s.store(y, scaled);
    }
    y_tail.iter_mut().for_each(|y| *y *= scale);
}

/// The rows of x and y, side by side.
#[track_caller]
fn rows<'a>(x: &'a [f32], len: usize, y: &'a mut [f32]) -> impl Iterator<Item = (&'a [f32], &'a mut [f32])> {
    assert!(x.len() == y.len(), "softmax: {} elements into {}", x.len(), y.len());
    assert!(len > 0 && x.len().is_multiple_of(len), "softmax: {} elements are no rows of {len}", x.len());
    x.chunks_exact(len).zip(y.chunks_exact_mut(len))
}
