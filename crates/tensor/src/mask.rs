//! Masks: tensors of 0 and 1, made by comparing, read by choosing.

use crate::map::map_n;
use crate::shape::broadcast_or_panic;
use crate::simd::{Lanes, Simd};
use crate::tensor::Tensor;

/// How two numbers are compared. A comparison with NaN doesn't hold, but for `NotEqual`, which does.
///
/// ```
/// use glassbox_tensor::{Comparison, tensor};
/// let x = tensor![1., f32::NAN];
/// assert_eq!(x.compare(Comparison::Equal, &x), tensor![1., 0.]);
/// assert_eq!(x.compare(Comparison::NotEqual, &x), tensor![0., 1.]); // how to find NaN
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
    /// a = b
    Equal,
    /// a ≠ b
    NotEqual,
}

impl Comparison {
    /// The name of the method.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::Comparison::LessEqual.name(), "less_equal");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Comparison::Less => "less",
            Comparison::LessEqual => "less_equal",
            Comparison::Greater => "greater",
            Comparison::GreaterEqual => "greater_equal",
            Comparison::Equal => "equal",
            Comparison::NotEqual => "not_equal",
        }
    }
}

struct Less;
impl Lanes<2> for Less {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        s.select(s.lt(a, b), s.splat(1.0), s.splat(0.0))
    }
}

struct LessEqual;
impl Lanes<2> for LessEqual {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        s.select(s.le(a, b), s.splat(1.0), s.splat(0.0))
    }
}

struct Equal {
    yes: f32,
    no: f32,
}
impl Lanes<2> for Equal {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        s.select(s.eq(a, b), s.splat(self.yes), s.splat(self.no))
    }
}

/// a where the mask is not 0, b elsewhere
struct Choose;
impl Lanes<3> for Choose {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [mask, a, b]: [S::F; 3]) -> S::F {
        s.select(s.eq(mask, s.splat(0.0)), b, a)
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident = $comparison:ident, $answers:literal;)+) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// ```
            /// use glassbox_tensor::tensor;
            /// let x = tensor![1., 2., 3.];
            #[doc = concat!("assert_eq!(x.", stringify!($name), "(&tensor![2.]), tensor!", $answers, ");")]
            /// ```
            ///
            /// # Panics
            /// When the shapes don't broadcast.
            #[track_caller]
            pub fn $name(&self, other: &Tensor) -> Tensor {
                self.compare(Comparison::$comparison, other)
            }
        )+}
    };
}

comparisons! {
    /// 1 where this is less than `other`, 0 elsewhere; NaN is not.
    less = Less, "[1., 0., 0.]";
    /// 1 where this is at most `other`, 0 elsewhere; NaN is not.
    less_equal = LessEqual, "[1., 1., 0.]";
    /// 1 where this is greater than `other`, 0 elsewhere; NaN is not.
    greater = Greater, "[0., 0., 1.]";
    /// 1 where this is at least `other`, 0 elsewhere; NaN is not.
    greater_equal = GreaterEqual, "[0., 1., 1.]";
    /// 1 where this equals `other`, 0 elsewhere; NaN equals nothing.
    equal = Equal, "[0., 1., 0.]";
    /// 1 where this differs from `other`, 0 elsewhere; NaN differs from everything.
    not_equal = NotEqual, "[1., 0., 1.]";
}

impl Tensor {
    /// 1 where the comparison with `other` holds, 0 elsewhere, with broadcasting.
    ///
    /// ```
    /// use glassbox_tensor::{Comparison, Tensor, tensor};
    /// let x = tensor![1., 2., 3.];
    /// assert_eq!(x.compare(Comparison::Less, &Tensor::scalar(2.)), tensor![1., 0., 0.]);
    /// assert_eq!(x.greater_equal(&tensor![[2.], [9.]]), tensor![[0., 1., 1.], [0., 0., 0.]]);
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn compare(&self, how: Comparison, other: &Tensor) -> Tensor {
        broadcast_or_panic(how.name(), self.shape(), other.shape());
        match how {
            Comparison::Less => map_n(&Less, [self, other]),
            Comparison::LessEqual => map_n(&LessEqual, [self, other]),
            Comparison::Greater => map_n(&Less, [other, self]),
            Comparison::GreaterEqual => map_n(&LessEqual, [other, self]),
            Comparison::Equal => map_n(&Equal { yes: 1.0, no: 0.0 }, [self, other]),
            Comparison::NotEqual => map_n(&Equal { yes: 0.0, no: 1.0 }, [self, other]),
        }
    }

    /// `a` where the mask is not 0, `b` elsewhere, all three broadcast against each other. What is not chosen may be
    /// NaN.
    ///
    /// ```
    /// use glassbox_tensor::{Tensor, tensor};
    /// let (mask, a) = (tensor![1., 0., 1.], tensor![[1., 2., 3.], [4., 5., 6.]]);
    /// assert_eq!(Tensor::where_cond(&mask, &a, &Tensor::scalar(0.)), tensor![[1., 0., 3.], [4., 0., 6.]]);
    /// ```
    ///
    /// # Panics
    /// When the shapes don't broadcast.
    #[track_caller]
    pub fn where_cond(mask: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
        let shape = broadcast_or_panic("where_cond", mask.shape(), a.shape());
        broadcast_or_panic("where_cond", &shape, b.shape());
        map_n(&Choose, [mask, a, b])
    }
}
