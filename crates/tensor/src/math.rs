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
    Ln {} |s, [a]: 1| math::ln(s, a);
    Tanh {} |s, [a]: 1| math::tanh(s, a);
    Sigmoid {} |s, [a]: 1| math::sigmoid(s, a);
    /// max(x, 0); the order of the arguments lets NaN through
    Relu {} |s, [a]: 1| s.max(s.splat(0.0), a);
    /// 1 where x > 0
    IsPositive {} |s, [a]: 1| s.select(s.gt(a, s.splat(0.0)), s.splat(1.0), s.splat(0.0));
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
    /// eˣ, within 2 ULP.
    exp = Exp {};
    /// ln x, within 2 ULP; −∞ at 0, NaN below.
    ln = Ln {};
    /// tanh x, within 3 ULP.
    tanh = Tanh {};
    /// σ(x) = 1 / (1 + e⁻ˣ), within 3 ULP.
    sigmoid = Sigmoid {};
    /// max(x, 0); NaN stays NaN.
    relu = Relu {};
    /// 1 where x > 0, 0 elsewhere (NaN gives 0): the derivative of [`relu`](Self::relu).
    is_positive = IsPositive {};
}

impl Tensor {
    /// scale·x + shift, in one pass.
    pub fn affine(&self, scale: f32, shift: f32) -> Tensor {
        map_n(&Affine { scale, shift }, [self])
    }
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
