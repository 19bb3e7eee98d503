//! What every instruction set must agree on to the bit, signs of zero and NaN included: the scalar token is the specification.

use glassbox_tensor::simd::{Isa, Kernel, MAX_LANES, Simd};

/// A function of two vectors, on the first lanes of two arrays.
struct Two<'a, F>(&'a F, [f32; 2]);

trait Function {
    fn call<S: Simd>(&self, s: S, a: S::F, b: S::F) -> S::F;
}

impl<F: Function> Kernel for Two<'_, F> {
    type Out = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut out = [f32::NAN; MAX_LANES];
        s.store(&mut out, self.0.call(s, s.splat(self.1[0]), s.splat(self.1[1])));
        assert!(out[..S::LANES].iter().all(|x| x.to_bits() == out[0].to_bits()), "{:?}: lanes differ", S::ISA);
        out[0]
    }
}

macro_rules! functions {
    ($($name:ident = |$s:ident, $a:ident, $b:ident| $body:expr;)+) => {$(
        struct $name;
        impl Function for $name {
            #[inline(always)]
            fn call<S: Simd>(&self, $s: S, $a: S::F, $b: S::F) -> S::F {
                $body
            }
        }
    )+};
}

functions! {
    Min = |s, a, b| s.min(a, b);
    Max = |s, a, b| s.max(a, b);
    Less = |s, a, b| s.select(s.lt(a, b), s.splat(1.0), s.splat(0.0));
    LessEqual = |s, a, b| s.select(s.le(a, b), s.splat(1.0), s.splat(0.0));
    Equal = |s, a, b| s.select(s.eq(a, b), s.splat(1.0), s.splat(0.0));
    Copysign = |s, a, b| s.copysign(a, b);
    Round = |s, a, _b| s.round(a);
    Abs = |s, a, _b| s.abs(a);
    Negated = |_s, a, _b| -a;
    IsNan = |s, a, _b| s.select(s.is_nan(a), s.splat(1.0), s.splat(0.0));
}

const VALUES: [f32; 14] =
    [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 1e-45, -1e-45, 3e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

fn agree<F: Function>(f: F, expected: impl Fn(f32, f32) -> f32) {
    for isa in Isa::available() {
        for a in VALUES {
            for b in VALUES {
                let (y, r) = (isa.dispatch(Two(&f, [a, b])), expected(a, b));
                let same = y.to_bits() == r.to_bits() || (y.is_nan() && r.is_nan());
                assert!(same, "{}: ({a:?}, {b:?}) gives {y:?}, not {r:?}", isa.name());
            }
        }
    }
}

/// The second argument wins when one is NaN, and when the two are equal: zeros of different sign show it.
#[test]
fn min_and_max_return_the_second_unless_the_first_is_beyond_it() {
    agree(Min, |a, b| if a < b { a } else { b });
    agree(Max, |a, b| if a > b { a } else { b });
}

#[test]
fn comparisons_are_those_of_ieee_754() {
    let mask = |holds: bool| holds as u8 as f32;
    agree(Less, |a, b| mask(a < b));
    agree(LessEqual, |a, b| mask(a <= b));
    agree(Equal, |a, b| mask(a == b));
    agree(IsNan, |a, _| mask(a.is_nan()));
}

#[test]
fn signs_and_rounding_are_those_of_the_standard_library() {
    agree(Copysign, f32::copysign);
    agree(Round, |a, _| a.round_ties_even());
    agree(Abs, |a, _| a.abs());
    agree(Negated, |a, _| -a);
}

/// Two vectors into the lanes of two, and back.
struct Pairs;

impl Kernel for Pairs {
    type Out = ([f32; 2 * MAX_LANES], [f32; MAX_LANES]);
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Out {
        let (mut pairs, mut firsts) = ([0.0; 2 * MAX_LANES], [0.0; MAX_LANES]);
        let count: [f32; 2 * MAX_LANES] = std::array::from_fn(|i| i as f32);
        let (a, b) = (s.load(&count), s.load(&count[MAX_LANES..]));
        let (low, high) = s.zip(a, b);
        s.store(&mut pairs, low);
        s.store(&mut pairs[S::LANES..], high);
        s.store(&mut firsts, s.firsts(low, high));
        (pairs, firsts)
    }
}

#[test]
fn vectors_are_zipped_lane_by_lane_and_taken_apart_again() {
    for isa in Isa::available() {
        let (pairs, firsts) = isa.dispatch(Pairs);
        for l in 0..isa.lanes() {
            assert_eq!(pairs[2 * l..][..2], [l as f32, (MAX_LANES + l) as f32], "{isa:?}");
            assert_eq!(firsts[l], l as f32, "{isa:?}");
        }
    }
}
