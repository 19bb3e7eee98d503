//! Elementwise arithmetic on tensors: each operation is its function of vectors, and `map_n` does the rest.

use crate::map::map_n;
use crate::shape::{broadcast, broadcast_or_panic};
use crate::simd::{Lanes, Simd, math};
use crate::tensor::Tensor;

/// Elementwise kernels: `name(x, …) = formula`, with the fields as constants. A list, so a macro; each line is one kernel.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* } |$s:ident, [$($x:ident),+]: $n:literal| $body:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name { $(pub(crate) $field: f32),* }
        impl Lanes<$n> for $name {
            #[inline(always)]
            fn lanes<S: Simd>(&self, $s: S, [$($x),+]: [S::F; $n]) -> S::F {
                $(let $field = $s.splat(self.$field);)*
                $body
            }
        }
    )+};
}

kernels! {
    Add {} |_s, [a, b]: 2| a + b;
    Sub {} |_s, [a, b]: 2| a - b;
    Mul {} |_s, [a, b]: 2| a * b;
    Div {} |_s, [a, b]: 2| a / b;
    Neg {} |_s, [a]: 1| -a;
    Scale { c } |_s, [a]: 1| a * c;
    DivideBy { c } |_s, [a]: 1| a / c;
    DivideInto { c } |_s, [a]: 1| c / a;
    /// scale·x + shift
    Affine { scale, shift } |s, [a]: 1| s.mul_add(scale, a, shift);
    Exp {} |s, [a]: 1| math::exp(s, a);
    Expm1 {} |s, [a]: 1| math::expm1(s, a);
    Ln {} |s, [a]: 1| math::ln(s, a);
    Log1p {} |s, [a]: 1| math::ln_1p(s, a);
    Sqrt {} |s, [a]: 1| s.sqrt(a);
    Rsqrt {} |s, [a]: 1| math::rsqrt(s, a);
    Tanh {} |s, [a]: 1| math::tanh(s, a);
    Sigmoid {} |s, [a]: 1| math::sigmoid(s, a);
    Erf {} |s, [a]: 1| math::erf(s, a);
    Ndtr {} |s, [a]: 1| math::ndtr(s, a);
    Sin {} |s, [a]: 1| math::sin(s, a);
    Cos {} |s, [a]: 1| math::cos(s, a);
    Pow {} |s, [a, b]: 2| math::pow(s, a, b);
    PowBy { p } |s, [a]: 1| math::pow(s, a, p);
    /// max(x, 0); the order of the arguments lets NaN through
    Relu {} |s, [a]: 1| s.max(s.splat(0.0), a);
    Abs {} |s, [a]: 1| s.abs(a);
    /// x > 0 less x < 0, which NaN is neither of
    Sign {} |s, [a]: 1| {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        s.select(s.gt(a, zero), one, zero) - s.select(s.lt(a, zero), one, zero)
    };
    Round {} |s, [a]: 1| s.round(a);
    /// the order of the arguments lets NaN through
    Clamp { low, high } |s, [a]: 1| s.min(high, s.max(low, a));
    /// NaN where either is NaN: `min` would return b where a is
    Minimum {} |s, [a, b]: 2| s.select(s.is_nan(a), a, s.min(a, b));
    Maximum {} |s, [a, b]: 2| s.select(s.is_nan(a), a, s.max(a, b));
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident = $kernel:expr;)+) => {
        impl Tensor {$(
            $(#[$doc])*
            pub fn $name(&self) -> Tensor {
                map_n(&$kernel, [self])
            }
        )+}
    };
}

unary! {
    /// eˣ, within 1 ULP.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1.].exp(), tensor![1., 2.7182817]);
    /// ```
    exp = Exp {};
    /// eˣ − 1, within 1.5 ULP, exact to the last digits where x is tiny too.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1e-10].expm1(), tensor![0., 1e-10], 1e-6, 0.0);
    /// ```
    expm1 = Expm1 {};
    /// ln x, within 0.9 ULP; −∞ at 0, NaN below.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![1., 2.].ln(), tensor![0., 0.6931472]);
    /// ```
    ln = Ln {};
    /// ln(1 + x), within 1 ULP, exact to the last digits where x is tiny too; −∞ at −1, NaN below.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1e-10].log1p(), tensor![0., 1e-10], 1e-6, 0.0);
    /// ```
    log1p = Log1p {};
    /// √x, correctly rounded; NaN below 0.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![0., 9.].sqrt(), tensor![0., 3.]);
    /// ```
    sqrt = Sqrt {};
    /// 1 / √x, within 1.5 ULP; ∞ at 0, NaN below.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![4., 0.].rsqrt(), tensor![0.5, f32::INFINITY]);
    /// ```
    rsqrt = Rsqrt {};
    /// tanh x, within 2.5 ULP.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1.].tanh(), tensor![0., 0.7615942]);
    /// ```
    tanh = Tanh {};
    /// σ(x) = 1 / (1 + e⁻ˣ), within 2.5 ULP.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1.].sigmoid(), tensor![0.5, 0.7310586]);
    /// ```
    sigmoid = Sigmoid {};
    /// erf x = 2/√π ∫₀ˣ e^(−t²) dt, within 1.5 ULP.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1.].erf(), tensor![0., 0.8427008]);
    /// ```
    erf = Erf {};
    /// Φ(x) = ½ (1 + erf(x / √2)), the distribution function of the standard normal distribution, within 5 ULP in both tails.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., -10.].ndtr(), tensor![0.5, 7.619853e-24], 1e-6, 0.0);
    /// ```
    ndtr = Ndtr {};
    /// sin x, within 1.2 ULP (1.5 on the scalar token) for every finite x.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1e10].sin(), tensor![0., -0.48750602]);
    /// ```
    sin = Sin {};
    /// cos x, within 1.2 ULP (1.5 on the scalar token) for every finite x.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![0., 1e10].cos(), tensor![1., 0.8731196]);
    /// ```
    cos = Cos {};
    /// max(x, 0); NaN stays NaN.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![-1., 2.].relu(), tensor![0., 2.]);
    /// ```
    relu = Relu {};
    /// |x|.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![-1., 2.].abs(), tensor![1., 2.]);
    /// ```
    abs = Abs {};
    /// −1, 0 or 1 by the sign of x; 0 for NaN, as in PyTorch.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![-3., 0., 2.].sign(), tensor![-1., 0., 1.]);
    /// ```
    sign = Sign {};
    /// The nearest whole number; halves go to the even one.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_eq!(tensor![0.5, 1.5, -1.2].round(), tensor![0., 2., -1.]);
    /// ```
    round = Round {};
}

impl Tensor {
    /// scale·x + shift, in one pass.
    ///
    /// ```
    /// # use glassbox_tensor::tensor;
    /// assert_eq!(tensor![1., 2.].affine(3.0, -1.0), tensor![2., 5.]);
    /// ```
    pub fn affine(&self, scale: f32, shift: f32) -> Tensor {
        map_n(&Affine { scale, shift }, [self])
    }

    /// max(low, min(x, high)): x, but for what lies outside of `low`…`high`. NaN stays NaN.
    ///
    /// ```
    /// # use glassbox_tensor::tensor;
    /// assert_eq!(tensor![-3., 0.5, 3.].clamp(-1.0, 1.0), tensor![-1., 0.5, 1.]);
    /// ```
    ///
    /// # Panics
    /// When `low` is greater than `high`, or one of them is NaN.
    #[track_caller]
    pub fn clamp(&self, low: f32, high: f32) -> Tensor {
        assert!(
            low <= high,
            "clamp: the bounds {low} and {high} hold no number between them; the smaller one comes first"
        );
        map_n(&Clamp { low, high }, [self])
    }

    /// xᵖ for a constant p, within 1 ULP; 0⁰ = 1, NaN for a negative x unless p is a whole number.
    ///
    /// ```
    /// # use glassbox_tensor::{assert_close, tensor};
    /// assert_close!(tensor![2., 4.].powf(1.5), tensor![2.828427, 8.]);
    /// assert_eq!(tensor![-2., 3.].powf(2.0), tensor![4., 9.]);
    /// ```
    pub fn powf(&self, p: f32) -> Tensor {
        match p {
            1.0 => self.clone(),
            2.0 => self * self,
            0.5 => self.sqrt(), // and not a power, at −0 and −∞, where the two differ: as PyTorch has it
            -1.0 => 1.0 / self,
            p => map_n(&PowBy { p }, [self]),
        }
    }
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident = $kernel:expr;)+) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// When the shapes don't broadcast.
            #[track_caller]
            pub fn $name(&self, other: &Tensor) -> Tensor {
                broadcast_or_panic(stringify!($name), self.shape(), other.shape());
                map_n(&$kernel, [self, other])
            }
        )+}
    };
}

binary! {
    /// xʸ, element by element with broadcasting, within 1 ULP. Special cases as in C: x⁰ = 1ʸ = 1, NaN for a negative x unless y is
    /// a whole number.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, assert_close, tensor};
    /// assert_close!(tensor![2., 9.].pow(&tensor![3., 0.5]), tensor![8., 3.]);
    /// ```
    pow = Pow {};
    /// The smaller, element by element with broadcasting; NaN where either is NaN.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(tensor![1., 5.].minimum(&Tensor::scalar(3.0)), tensor![1., 3.]);
    /// ```
    minimum = Minimum {};
    /// The larger, element by element with broadcasting; NaN where either is NaN.
    ///
    /// ```
    /// # use glassbox_tensor::{Tensor, tensor};
    /// assert_eq!(tensor![1., 5.].maximum(&Tensor::scalar(3.0)), tensor![3., 5.]);
    /// ```
    maximum = Maximum {};
}

macro_rules! operators {
    ($($trait:ident $method:ident $kernel:ident $name:literal, $scalar_right:expr, $scalar_left:expr;)+) => {$(
        impl std::ops::$trait for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                broadcast_or_panic($name, self.shape(), other.shape());
                map_n(&$kernel {}, [self, other])
            }
        }
        impl std::ops::$trait<f32> for &Tensor {
            type Output = Tensor;
            fn $method(self, c: f32) -> Tensor {
                ($scalar_right)(self, c)
            }
        }
        impl std::ops::$trait<&Tensor> for f32 {
            type Output = Tensor;
            fn $method(self, x: &Tensor) -> Tensor {
                ($scalar_left)(self, x)
            }
        }
    )+};
}

operators! {
    Add add Add "add", |x: &Tensor, c: f32| x.affine(1.0, c), |c: f32, x: &Tensor| x.affine(1.0, c);
    Sub sub Sub "sub", |x: &Tensor, c: f32| x.affine(1.0, -c), |c: f32, x: &Tensor| x.affine(-1.0, c);
    Mul mul Mul "mul", |x: &Tensor, c: f32| map_n(&Scale { c }, [x]), |c: f32, x: &Tensor| x * c;
    Div div Div "div", |x: &Tensor, c: f32| map_n(&DivideBy { c }, [x]), |c: f32, x| map_n(&DivideInto { c }, [x]);
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        map_n(&Neg {}, [self])
    }
}

/// Adds `other`, broadcast to this tensor's shape: in place when nobody shares the memory.
impl std::ops::AddAssign<&Tensor> for Tensor {
    #[track_caller]
    fn add_assign(&mut self, other: &Tensor) {
        let (shape, from) = (self.shape(), other.shape());
        let fits = broadcast(shape, from).is_some_and(|both| *both == *shape);
        assert!(fits, "add_assign: {from:?} can't be repeated to the shape {shape:?} of what is added to");
        struct Accumulate;
        impl crate::simd::UpdateLanes<1, 1> for Accumulate {
            #[inline(always)]
            fn lanes<S: Simd>(&self, _: S, [a]: [S::F; 1], [b]: [S::F; 1]) -> [S::F; 1] {
                [a + b]
            }
        }
        if self.is_unique_and_contiguous() {
            crate::map::map_inplace(&Accumulate, self, [other]);
        } else {
            *self = &*self + other;
        }
    }
}

impl Tensor {
    /// The sum with another tensor of its shape, in the memory of whichever of the two nobody else reads.
    ///
    /// ```
    /// use glassbox_tensor::tensor;
    /// let (a, b) = (tensor![1., 2.], tensor![10., 20.]);
    /// let shared = a.clone();
    /// assert_eq!(a.plus(b), tensor![11., 22.]); // in b's memory
    /// assert_eq!(shared, tensor![1., 2.]);
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn plus(mut self, mut other: Tensor) -> Tensor {
        let (a, b) = (self.shape(), other.shape());
        assert!(a == b, "plus: shapes {a:?} and {b:?} differ; use + to repeat one of them");
        if !self.is_unique_and_contiguous() && other.is_unique_and_contiguous() {
            std::mem::swap(&mut self, &mut other); // a + b = b + a, bit for bit
        }
        self += &other;
        self
    }
}

/// Scales every element: in place when nobody shares the memory.
///
/// ```
/// use glassbox_tensor::tensor;
/// let mut x = tensor![1., 2.];
/// x *= 2.0;
/// assert_eq!(x, tensor![2., 4.]);
/// ```
impl std::ops::MulAssign<f32> for Tensor {
    fn mul_assign(&mut self, c: f32) {
        struct Scaled(f32);
        impl crate::simd::UpdateLanes<1, 0> for Scaled {
            #[inline(always)]
            fn lanes<S: Simd>(&self, s: S, [a]: [S::F; 1], _: [S::F; 0]) -> [S::F; 1] {
                [a * s.splat(self.0)]
            }
        }
        if self.is_unique_and_contiguous() {
            crate::map::map_inplace(&Scaled(c), self, []);
        } else {
            *self = &*self * c;
        }
    }
}
