//! One small trait between the kernels and the processor.
//!
//! A kernel is written once, generic over [`Simd`], and compiled once for each instruction set. Three ideas carry it:
//!
//! 1. **The token is the proof.** A value of type [`Avx2`](x86::Avx2) can only be made where AVX2 and FMA were
//!    detected, so whoever holds one may use its instructions: the methods of [`Simd`] that touch no memory are safe.
//!    Vectors come only from a token, so `x * y + z` on them is safe too.
//! 2. **One choice for each call.** [`Isa::current`] is read once by the operation, never in an inner loop.
//! 3. **Features are entered, not inherited.** Code that uses vectors must be inlined into a function which carries
//!    `#[target_feature]`; [`Simd::enter`] is that function. A closure handed to another thread does *not* have its
//!    creator's features: its intrinsics would become calls, still right but 10 to 50 times slower. So a parallel kernel
//!    passes the token by value into each task, and each task calls `enter` again.
//!
//! ```
//! use glassbox_tensor::simd::{Isa, Kernel, Simd};
//!
//! /// Σ xᵢ², the vectors first and the tail after them.
//! struct SumOfSquares<'a>(&'a [f32]);
//!
//! impl Kernel for SumOfSquares<'_> {
//!     type Out = f32;
//!     #[inline(always)]
//!     fn run<S: Simd>(self, s: S) -> f32 {
//!         let mut acc = s.splat(0.0);
//!         let mut chunks = self.0.chunks_exact(S::LANES);
//!         for chunk in &mut chunks {
//!             let x = s.load(chunk);
//!             acc = s.mul_add(x, x, acc);
//!         }
//!         let x = s.load_part(chunks.remainder()); // the missing lanes read as zero
//!         s.sum(s.mul_add(x, x, acc))
//!     }
//! }
//!
//! let x: Vec<f32> = (0..100).map(|i| i as f32).collect();
//! assert_eq!(Isa::current().dispatch(SumOfSquares(&x)), 328350.0);
//! ```

#[cfg(target_arch = "aarch64")]
pub mod aarch64;
mod isa;
mod lanes;
pub mod math;
mod scalar;
mod sums;
#[cfg(target_arch = "x86_64")]
pub mod x86;

pub use isa::{Isa, IsaError};
pub(crate) use lanes::stream_lanes;
pub use lanes::{Lanes, UpdateLanes, map_lanes, update_lanes};
pub use scalar::Scalar;
pub use sums::{SUM_DEPTH, SumLanes, sum_lanes};

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A computation that is generic over the instruction set; what [`Isa::dispatch`] and [`Simd::enter`] run.
///
/// ```
/// use glassbox_tensor::simd::{Isa, Kernel, Simd};
/// /// x + x + …, once for each lane: its inputs are fields, its result is `Out`.
/// struct Total(f32);
/// impl Kernel for Total {
///     type Out = f32;
///     #[inline(always)]
///     fn run<S: Simd>(self, s: S) -> f32 {
///         s.sum(s.splat(self.0))
///     }
/// }
/// for isa in Isa::available() {
///     assert_eq!(isa.dispatch(Total(0.5)), 0.5 * isa.lanes() as f32);
/// }
/// ```
pub trait Kernel {
    /// What the kernel returns.
    type Out;
    /// The computation. Mark it `#[inline(always)]`: it must become part of the function that enables the features.
    fn run<S: Simd>(self, s: S) -> Self::Out;
}

/// A vector of f32 lanes with the arithmetic that reads like the formula.
///
/// ```
/// use glassbox_tensor::simd::Vector;
/// fn length_squared<V: Vector>(x: V, y: V) -> V {
///     x * x + y * y
/// }
/// assert_eq!(length_squared(3f32, 4f32), 25.0); // f32 is the scalar token's vector, of one lane
/// ```
pub trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
}

impl<V> Vector for V where
    V: Copy + Add<Output = V> + Sub<Output = V> + Mul<Output = V> + Div<Output = V> + Neg<Output = V>
{
}

/// The token of an instruction set: what kernels may ask of the processor.
///
/// Comparison with NaN is false. [`min`](Self::min) and [`max`](Self::max) return their *second* argument when either
/// one is NaN, as the x86 instructions do; the other tokens do the same, so every instruction set agrees.
///
/// ```
/// use glassbox_tensor::simd::{Isa, Kernel, Simd};
/// /// x where it is positive and x/2 elsewhere, in place.
/// struct Leaky<'a>(&'a mut [f32]);
/// impl Kernel for Leaky<'_> {
///     type Out = ();
///     #[inline(always)]
///     fn run<S: Simd>(self, s: S) {
///         for part in self.0.chunks_mut(S::LANES) {
///             let x = s.load_part(part); // the last part may be shorter than a vector
///             s.store_part(part, s.select(s.gt(x, s.splat(0.0)), x, x * s.splat(0.5)));
///         }
///     }
/// }
/// let mut x = [-2., 0., 3.];
/// Isa::current().dispatch(Leaky(&mut x));
/// assert_eq!(x, [-1., 0., 3.]);
/// ```
pub trait Simd: Copy + Send + Sync + 'static {
    /// Which instruction set this is.
    const ISA: Isa;
    /// How many f32 lie in a vector.
    const LANES: usize;
    /// A vector of `LANES` f32.
    type F: Vector;
    /// A vector of `LANES` i32, for work on the bits of floats.
    type I: Copy;
    /// One truth value a lane.
    type M: Copy;

    /// Runs `kernel` inside a function compiled with this instruction set's features.
    fn enter<K: Kernel>(self, kernel: K) -> K::Out;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::F;
    /// The first `LANES` of `x`.
    ///
    /// # Panics
    /// When `x` is shorter than a vector.
    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F {
        assert!(x.len() >= Self::LANES, "load: {} floats in a slice, {} in a vector", x.len(), Self::LANES);
        // SAFETY: the line above checked that LANES floats can be read.
        unsafe { self.load_ptr(x.as_ptr()) }
    }
    /// Writes the lanes to the first `LANES` of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than a vector.
    #[inline(always)]
    fn store(self, out: &mut [f32], x: Self::F) {
        assert!(out.len() >= Self::LANES, "store: {} floats in a slice, {} in a vector", out.len(), Self::LANES);
        // SAFETY: the line above checked that LANES floats can be written.
        unsafe { self.store_ptr(out.as_mut_ptr(), x) }
    }
    /// Up to `LANES` floats; the lanes beyond `x` are zero.
    #[inline(always)]
    fn load_part(self, x: &[f32]) -> Self::F {
        let mut padded = [0.0f32; MAX_LANES];
        let n = x.len().min(Self::LANES);
        padded[..n].copy_from_slice(&x[..n]);
        self.load(&padded)
    }
    /// Writes the first `out.len()` lanes (at most `LANES`).
    #[inline(always)]
    fn store_part(self, out: &mut [f32], x: Self::F) {
        let mut padded = [0.0f32; MAX_LANES];
        self.store(&mut padded, x);
        let n = out.len().min(Self::LANES);
        out[..n].copy_from_slice(&padded[..n]);
    }
    /// The `LANES` floats at `x`, at any alignment.
    ///
    /// # Safety
    /// `x` is valid for reading `LANES` floats.
    unsafe fn load_ptr(self, x: *const f32) -> Self::F;
    /// Writes the lanes to `out`, at any alignment.
    ///
    /// # Safety
    /// `out` is valid for writing `LANES` floats.
    unsafe fn store_ptr(self, out: *mut f32, x: Self::F);
    /// Writes the lanes to `out` past the caches, where the processor can: what is written once and not read soon then costs
    /// no reading of the line that it replaces, and displaces nothing. A plain store on the scalar and the NEON token.
    ///
    /// # Safety
    /// `out` is valid for writing `LANES` floats and lies at a multiple of a vector's size. Before anyone, this thread too,
    /// touches what was written, this thread calls [`stream_end`](Self::stream_end).
    #[inline(always)]
    unsafe fn stream_ptr(self, out: *mut f32, x: Self::F) {
        // SAFETY: the caller promises more than `store_ptr` asks for.
        unsafe { self.store_ptr(out, x) }
    }
    /// Waits until all that this thread has streamed can be seen, by itself and by others.
    #[inline(always)]
    fn stream_end(self) {}

    /// Transposes the `LANES` × `LANES` matrix whose rows are `rows`, in registers.
    ///
    /// # Panics
    /// When `rows` does not hold exactly `LANES` vectors.
    fn transpose(self, rows: &mut [Self::F]);

    /// The lanes of `a` and `b` in turn, a₀ b₀ a₁ b₁ …, in two vectors.
    #[inline(always)]
    fn zip(self, a: Self::F, b: Self::F) -> (Self::F, Self::F) {
        let (mut pairs, mut lanes) = ([0.0f32; 2 * MAX_LANES], [[0.0f32; MAX_LANES]; 2]);
        self.store(&mut lanes[0], a);
        self.store(&mut lanes[1], b);
        for l in 0..Self::LANES {
            (pairs[2 * l], pairs[2 * l + 1]) = (lanes[0][l], lanes[1][l]);
        }
        (self.load(&pairs), self.load(&pairs[Self::LANES..]))
    }
    /// Every second lane of `a`, then of `b`: the first of each pair.
    #[inline(always)]
    fn firsts(self, a: Self::F, b: Self::F) -> Self::F {
        let (mut pairs, mut firsts) = ([0.0f32; 2 * MAX_LANES], [0.0f32; MAX_LANES]);
        self.store(&mut pairs, a);
        self.store(&mut pairs[Self::LANES..], b);
        for l in 0..Self::LANES {
            firsts[l] = pairs[2 * l];
        }
        self.load(&firsts)
    }

    /// a·b + c: one rounding where the processor fuses, two on the scalar token.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The smaller; `b` when either is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The larger; `b` when either is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// √x, correctly rounded.
    fn sqrt(self, x: Self::F) -> Self::F;
    /// |x|.
    fn abs(self, x: Self::F) -> Self::F;
    /// |`magnitude`| with the sign bit of `sign`.
    fn copysign(self, magnitude: Self::F, sign: Self::F) -> Self::F;
    /// The nearest integer, ties to even.
    fn round(self, x: Self::F) -> Self::F;

    /// a < b.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// a ≤ b.
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// a = b.
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// a > b.
    #[inline(always)]
    fn gt(self, a: Self::F, b: Self::F) -> Self::M {
        self.lt(b, a)
    }
    /// a ≥ b.
    #[inline(always)]
    fn ge(self, a: Self::F, b: Self::F) -> Self::M {
        self.le(b, a)
    }
    /// x is NaN.
    fn is_nan(self, x: Self::F) -> Self::M;
    /// Whether the mask holds in any lane.
    fn any(self, mask: Self::M) -> bool;
    /// Lane by lane, `a` where the mask holds and `b` elsewhere.
    fn select(self, mask: Self::M, a: Self::F, b: Self::F) -> Self::F;

    /// All lanes `x`.
    fn i_splat(self, x: i32) -> Self::I;
    /// Wrapping a + b.
    fn i_add(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping a − b.
    fn i_sub(self, a: Self::I, b: Self::I) -> Self::I;
    /// a & b.
    fn i_and(self, a: Self::I, b: Self::I) -> Self::I;
    /// a | b.
    fn i_or(self, a: Self::I, b: Self::I) -> Self::I;
    /// a ^ b.
    fn i_xor(self, a: Self::I, b: Self::I) -> Self::I;
    /// The lower and the upper halves of the 64-bit products a·b, of lanes without a sign.
    fn i_mul_wide(self, a: Self::I, b: Self::I) -> [Self::I; 2];
    /// a << N.
    fn i_shl<const N: u32>(self, a: Self::I) -> Self::I;
    /// a >> N, keeping the sign.
    fn i_shr<const N: u32>(self, a: Self::I) -> Self::I;
    /// The bits of each lane.
    fn bits(self, x: Self::F) -> Self::I;
    /// The floats with these bits.
    fn float_of_bits(self, x: Self::I) -> Self::F;
    /// The nearest integer, ties to even; defined for |x| < 2³¹.
    fn to_int(self, x: Self::F) -> Self::I;
    /// The float of each integer.
    fn to_float(self, x: Self::I) -> Self::F;

    /// x·2ⁿ for whole n, −252 ≤ n ≤ 254, in two factors, since one float doesn't hold every such 2ⁿ: where x is near 1, only the last
    /// product rounds, to a subnormal number or ∞. One instruction where the processor has it, with the same result.
    #[inline(always)]
    fn scale(self, x: Self::F, n: Self::F) -> Self::F {
        let power = |n| self.float_of_bits(self.i_shl::<23>(self.i_add(n, self.i_splat(127))));
        let n = self.to_int(n);
        let half = self.i_shr::<1>(n);
        x * power(half) * power(self.i_sub(n, half))
    }

    /// The sum of the lanes, in a fixed order: halves are added until one is left.
    fn sum(self, x: Self::F) -> f32;
    /// The largest lane (NaN lanes may be passed over).
    fn max_lane(self, x: Self::F) -> f32;
}

/// The widest vector of any instruction set, for buffers on the stack.
pub const MAX_LANES: usize = 16;
