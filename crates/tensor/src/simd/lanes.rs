//! Elementwise kernels over slices: whole vectors first, then a tail through the same vector function, so that an
//! element's bits don't depend on where in the slice it stands.

use super::{Kernel, Simd};

/// An elementwise function of N inputs, written once for every instruction set.
///
/// It is what a closure over vectors would be, if closures could be generic; its captures are the fields.
///
/// ```
/// use glassbox_tensor::simd::{Lanes, Simd};
/// /// a·x + y
/// struct Axpy { a: f32 }
/// impl Lanes<2> for Axpy {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
///         s.mul_add(s.splat(self.a), x, y)
///     }
/// }
/// let (x, y) = (glassbox_tensor::Tensor::ones([2, 2]), glassbox_tensor::Tensor::ones([2]));
/// assert_eq!(glassbox_tensor::map_n(&Axpy { a: 2.0 }, [&x, &y]).to_vec(), [3.0; 4]); // y is broadcast
/// ```
pub trait Lanes<const N: usize>: Sync {
    /// The function of one vector of each input. Mark it `#[inline(always)]`.
    fn lanes<S: Simd>(&self, s: S, x: [S::F; N]) -> S::F;
}

/// An elementwise step that reads and writes M arrays in place, beside N that it only reads: an optimiser's step.
///
/// ```
/// use glassbox_tensor::simd::{Scalar, Simd, UpdateLanes, update_lanes};
/// /// m ← m/2 + g, w ← w − m
/// struct Momentum;
/// impl UpdateLanes<2, 1> for Momentum {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, s: S, [w, m]: [S::F; 2], [g]: [S::F; 1]) -> [S::F; 2] {
///         let m = s.mul_add(s.splat(0.5), m, g);
///         [w - m, m]
///     }
/// }
/// let (mut w, mut m) = ([1.0, 2.0], [4.0, 0.0]);
/// update_lanes(Scalar, &Momentum, [&mut w, &mut m], [&[1.0, 1.0]]);
/// assert_eq!((w, m), ([-2.0, 1.0], [3.0, 1.0]));
/// ```
pub trait UpdateLanes<const M: usize, const N: usize>: Sync {
    /// The new values of the M arrays. Mark it `#[inline(always)]`.
    fn lanes<S: Simd>(&self, s: S, state: [S::F; M], x: [S::F; N]) -> [S::F; M];
}

/// `out[i] = f(x[0][i], …, x[N−1][i])` on one thread with the token's vectors.
///
/// ```
/// use glassbox_tensor::simd::{Lanes, Scalar, Simd, map_lanes};
/// /// x + y
/// struct Plus;
/// impl Lanes<2> for Plus {
///     #[inline(always)]
///     fn lanes<S: Simd>(&self, _: S, [x, y]: [S::F; 2]) -> S::F {
///         x + y
///     }
/// }
/// let mut sums = [0.0; 2];
/// map_lanes(Scalar, &Plus, [&[1.0, 2.0], &[10.0, 20.0]], &mut sums);
/// assert_eq!(sums, [11.0, 22.0]);
/// ```
///
/// # Panics
/// When an input is shorter than `out`.
#[inline]
pub fn map_lanes<S: Simd, const N: usize>(s: S, f: &impl Lanes<N>, x: [&[f32]; N], out: &mut [f32]) {
    s.enter(Run::<_, N, false>(f, x, out));
}

/// As [`map_lanes`], but what is written goes past the caches: for outputs that are larger than these, of which nothing would be
/// left there when it is asked for, and whose lines needn't be read before they are overwritten. The same bits.
///
/// # Panics
/// When an input is shorter than `out`.
#[inline]
pub(crate) fn stream_lanes<S: Simd, const N: usize>(s: S, f: &impl Lanes<N>, x: [&[f32]; N], out: &mut [f32]) {
    let vector = S::LANES * size_of::<f32>();
    let before = out.as_ptr().addr().wrapping_neg() % vector / size_of::<f32>(); // the first address that is aligned
    let (head, body) = out.split_at_mut(before.min(out.len()));
    if !head.is_empty() {
        map_lanes(s, f, x, head);
    }
    if !body.is_empty() {
        s.enter(Run::<_, N, true>(f, x.map(|x| &x[head.len()..]), body));
    }
}

struct Run<'a, F, const N: usize, const STREAM: bool>(&'a F, [&'a [f32]; N], &'a mut [f32]);

impl<F: Lanes<N>, const N: usize, const STREAM: bool> Kernel for Run<'_, F, N, STREAM> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Run(f, x, out) = self;
        let n = out.len();
        for input in x {
            assert!(input.len() >= n, "map_lanes: an input has {} elements, the output {n}", input.len());
        }
        assert!(!STREAM || out.as_ptr().addr().is_multiple_of(S::LANES * size_of::<f32>()), "map_lanes: not aligned");
        let body = n - n % S::LANES;
        // Filled by loops and not by `map`: its closure may be compiled apart, without the token's features.
        let mut v = [s.splat(0.0); N];
        let mut i = 0;
        while i < body {
            // SAFETY: i + LANES ≤ body ≤ n, and the loop above checked that every slice holds n elements. What streams is
            // aligned, as was checked too, and i is a multiple of LANES; `stream_end` is called below.
            unsafe {
                for (v, input) in v.iter_mut().zip(x) {
                    *v = s.load_ptr(input.as_ptr().add(i));
                }
                let y = f.lanes(s, v);
                if STREAM {
                    s.stream_ptr(out.as_mut_ptr().add(i), y);
                } else {
                    s.store_ptr(out.as_mut_ptr().add(i), y);
                }
            }
            i += S::LANES;
        }
        if STREAM {
            s.stream_end();
        }
        if body < n {
            for (v, input) in v.iter_mut().zip(x) {
                *v = s.load_part(&input[body..n]);
            }
            s.store_part(&mut out[body..], f.lanes(s, v));
        }
    }
}

/// `(a[0][i], …) = f(a[0][i], …; x[0][i], …)` in place, on one thread with the token's vectors.
///
/// # Panics
/// When the slices differ in length.
#[inline]
pub fn update_lanes<S: Simd, const M: usize, const N: usize>(
    s: S,
    f: &impl UpdateLanes<M, N>,
    state: [&mut [f32]; M],
    x: [&[f32]; N],
) {
    struct Run<'a, F, const M: usize, const N: usize>(&'a F, [&'a mut [f32]; M], [&'a [f32]; N]);
    impl<F: UpdateLanes<M, N>, const M: usize, const N: usize> Kernel for Run<'_, F, M, N> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Run(f, state, x) = self;
            let n = if M > 0 { state[0].len() } else { 0 };
            let lengths = state.iter().map(|a| a.len()).chain(x.iter().map(|a| a.len()));
            for len in lengths {
                assert_eq!(len, n, "update_lanes: slices of different lengths");
            }
            let body = n - n % S::LANES;
            let (mut v, mut y) = ([s.splat(0.0); M], [s.splat(0.0); N]); // filled by loops, as in `map_lanes`
            let mut i = 0;
            while i < body {
                // SAFETY: i + LANES ≤ body ≤ n, and the loop above checked that every slice holds n elements.
                unsafe {
                    for (v, array) in v.iter_mut().zip(&state) {
                        *v = s.load_ptr(array.as_ptr().add(i));
                    }
                    for (y, input) in y.iter_mut().zip(x) {
                        *y = s.load_ptr(input.as_ptr().add(i));
                    }
                    let new = f.lanes(s, v, y);
                    for j in 0..M {
                        s.store_ptr(state[j].as_mut_ptr().add(i), new[j]);
                    }
                }
                i += S::LANES;
            }
            if body < n {
                for (v, array) in v.iter_mut().zip(&state) {
                    *v = s.load_part(&array[body..]);
                }
                for (y, input) in y.iter_mut().zip(x) {
                    *y = s.load_part(&input[body..]);
                }
                let new = f.lanes(s, v, y);
                for j in 0..M {
                    s.store_part(&mut state[j][body..], new[j]);
                }
            }
        }
    }
    s.enter(Run(f, state, x));
}
