//! Every function against f64, and at the ends of its domain.

use super::*;
use crate::simd::{Isa, Kernel, Lanes, map_lanes};
use crate::testing;
use rayon::prelude::*;

/// One function under test, with what f64 says of it and the error that its documentation admits.
struct Case {
    name: &'static str,
    run: fn(Isa, &[f32], &mut [f32]),
    exact: fn(f64) -> f64,
    /// Bound in ULP: fused, scalar.
    bound: [f64; 2],
    /// Larger |x| are outside the domain.
    domain: f32,
}

/// `name(s, x) = call; fused, scalar bound; exact(x); domain` of each function: a list of cases, and for each an exhaustive
/// test of its name.
macro_rules! cases {
    ($($name:ident($s:ident, $x:ident) = $call:expr; $fused:literal, $scalar:literal; $exact:expr; $domain:expr)*) => {
        fn cases() -> Vec<Case> {
            vec![$({
                struct F;
                impl Lanes<1> for F {
                    #[inline(always)]
                    fn lanes<S: Simd>(&self, $s: S, [$x]: [S::F; 1]) -> S::F {
                        $call
                    }
                }
                Case {
                    name: stringify!($name),
                    run: |isa, x, out| isa.dispatch(Map(&F, x, out)),
                    exact: $exact,
                    bound: [$fused, $scalar],
                    domain: $domain,
                }
            }),*]
        }

        /// All 2³² inputs, one function at a time on all cores: `cargo test --release -- --ignored exhaustive::erf`.
        mod exhaustive {
            $(
                #[test]
                #[ignore = "exhaustive: 2^32 inputs on every instruction set, minutes on two cores in release"]
                fn $name() {
                    super::check_all_inputs(stringify!($name));
                }
            )*
        }
    };
}

struct Map<'a, F>(&'a F, &'a [f32], &'a mut [f32]);
impl<F: Lanes<1>> Kernel for Map<'_, F> {
    type Out = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        map_lanes(s, self.0, [self.1], self.2);
    }
}

const ALL: f32 = f32::INFINITY;

cases! {
    exp(s, x) = exp(s, x); 1.0, 1.0; f64::exp; ALL
    expm1(s, x) = expm1(s, x); 1.5, 1.5; f64::exp_m1; ALL
    ln(s, x) = ln(s, x); 0.9, 0.9; f64::ln; ALL
    ln_1p(s, x) = ln_1p(s, x); 1.0, 1.0; f64::ln_1p; ALL
    tanh(s, x) = tanh(s, x); 2.5, 2.5; f64::tanh; ALL
    sigmoid(s, x) = sigmoid(s, x); 2.5, 2.5; |x| 1.0 / (1.0 + (-x).exp()); ALL
    log1p_exp_neg(s, x) = log1p_exp_neg(s, x); 1.8, 1.8; |x| (-x.abs()).exp().ln_1p(); ALL
    softplus(s, x) = softplus(s, x); 1.8, 1.8; |x| x.max(0.0) + (-x.abs()).exp().ln_1p(); ALL
    erf(s, x) = erf(s, x); 1.5, 1.5; testing::erf; ALL
    ndtr(s, x) = ndtr(s, x); 5.0, 5.0; testing::ndtr; ALL
    gelu(s, x) = gelu(s, x); 5.5, 5.5; |x| x.max(0.0) - x.abs().min(99.0) * testing::ndtr(-x.abs()); ALL
    sin(s, x) = sin(s, x); 1.2, 1.5; f64::sin; ALL
    cos(s, x) = cos(s, x); 1.2, 1.5; f64::cos; ALL
    rsqrt(s, x) = rsqrt(s, x); 1.5, 1.5; |x| 1.0 / x.sqrt(); ALL
    pow_third(s, x) = pow(s, x, s.splat(1.0 / 3.0)); 1.0, 1.0; |x| x.powf(f64::from(1.0f32 / 3.0)); ALL
    two_to_the(s, x) = pow(s, s.splat(2.0), x); 1.0, 1.0; f64::exp2; ALL
    sin_turns(s, x) = sin_cos_turns(s, x).0; 1.1, 1.7; |t| sin_quarter(t, 0.0); 1_048_576.0
    cos_turns(s, x) = sin_cos_turns(s, x).1; 1.1, 1.7; |t| sin_quarter(t, 1.0); 1_048_576.0
}

/// sin(2πt + quarters · π/2): the angle is reduced before it is multiplied by π, which f64 does not hold exactly.
fn sin_quarter(t: f64, quarters: f64) -> f64 {
    let k = (4.0 * t).round_ties_even();
    let r = std::f64::consts::TAU * (t - k / 4.0);
    match (k + quarters).rem_euclid(4.0) {
        0.0 => r.sin(),
        1.0 => r.cos(),
        2.0 => -r.sin(),
        3.0 => -r.cos(),
        _ => f64::NAN,
    }
}

/// What an f32 can be compared with: the exact value, and one over the unit in the last place that an f32 near it has. ∞
/// counts as 2¹²⁸, the next float if there were one.
#[derive(Clone, Copy)]
struct Exact {
    value: f64,
    per_ulp: f64,
}

const END: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0; // 2¹²⁸

impl Exact {
    fn new(value: f64) -> Exact {
        let value = value.clamp(-END, END);
        let exponent = ((value.abs().to_bits() >> 52) as i64 - 1023).clamp(-126, 127);
        Exact { value, per_ulp: f64::from_bits(((1023 + 23 - exponent) as u64) << 52) }
    }

    /// |y − exact| in ULP; ∞ where one of them alone is NaN.
    fn error(self, y: f32) -> f64 {
        let error = (f64::from(y).clamp(-END, END) - self.value).abs() * self.per_ulp;
        match (error.is_nan(), y.is_nan() && self.value.is_nan()) {
            (false, _) => error,
            (true, true) => 0.0,
            (true, false) => f64::INFINITY,
        }
    }
}

/// The largest error over `x` on each of `isas`, with its input.
fn worst(case: &Case, isas: &[Isa], x: &[f32]) -> Vec<(f64, f32)> {
    let x: Vec<f32> = x.iter().copied().filter(|x| x.is_nan() || x.abs() <= case.domain).collect();
    let exact: Vec<Exact> = x.iter().map(|&x| Exact::new((case.exact)(f64::from(x)))).collect();
    let mut y = vec![0.0; x.len()];
    let mut on = |isa| {
        (case.run)(isa, &x, &mut y);
        let errors = exact.iter().zip(&y).map(|(exact, &y)| exact.error(y));
        errors.zip(&x).fold((0.0, 0.0), |worst, (error, &x)| if error > worst.0 { (error, x) } else { worst })
    };
    isas.iter().map(|&isa| on(isa)).collect()
}

fn bound(case: &Case, isa: Isa) -> f64 {
    case.bound[usize::from(isa == Isa::Scalar)]
}

#[test]
fn errors_stay_within_the_documented_ulp() {
    let isas = Isa::available();
    // Every 8191st of all bit patterns, and an even grid over where most of the curves happen.
    let mut x: Vec<f32> = (0..1 << 19).map(|i: u32| f32::from_bits(i.wrapping_mul(8191))).collect();
    x.extend((-65_536..65_536).map(|i| i as f32 * (1.0 / 3001.0)));
    cases().par_iter().for_each(|case| {
        for (isa, (error, at)) in isas.iter().zip(worst(case, &isas, &x)) {
            assert!(error <= bound(case, *isa), "{}({at:e}) on {}: {error:.3} ULP", case.name, isa.name());
        }
    });
}

fn check_all_inputs(name: &str) {
    let isas = Isa::available();
    let case = case(name);
    let chunk = |i: u32| {
        let x: Vec<f32> = (0..1 << 16).map(|low| f32::from_bits(i << 16 | low)).collect();
        assert_the_fused_agree(&case, &x);
        worst(&case, &isas, &x)
    };
    let larger = |a: Vec<(f64, f32)>, b: Vec<(f64, f32)>| {
        a.into_iter().zip(b).map(|(a, b)| if b.0 > a.0 { b } else { a }).collect()
    };
    let errors = (0..1 << 16).into_par_iter().map(chunk).reduce(|| vec![(0.0, 0.0); isas.len()], larger);
    for (isa, (error, at)) in isas.iter().zip(&errors) {
        println!("{} on {}: {error:.3} ULP at {at:e}", case.name, isa.name());
    }
    for (isa, (error, at)) in isas.iter().zip(errors) {
        assert!(error <= bound(&case, *isa), "{}({at:e}) on {}: {error} ULP", case.name, isa.name());
    }
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).expect("a function of the list")
}

/// AVX2 and AVX-512 do the same operations with the same roundings.
fn assert_the_fused_agree(case: &Case, x: &[f32]) {
    let fused = Isa::available().into_iter().filter(|&isa| isa != Isa::Scalar);
    let x: Vec<f32> = x.iter().copied().filter(|x| x.abs() <= case.domain).collect();
    let results: Vec<Vec<f32>> = fused
        .map(|isa| {
            let mut y = vec![0.0; x.len()];
            (case.run)(isa, &x, &mut y);
            y
        })
        .collect();
    for pair in results.windows(2) {
        for ((a, b), x) in pair[0].iter().zip(&pair[1]).zip(&x) {
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{}({x:e}): {a:e}, {b:e}", case.name);
        }
    }
}

#[test]
fn the_fused_instruction_sets_agree_bit_for_bit() {
    let x: Vec<f32> = (0..1 << 18).map(|i: u32| f32::from_bits(i.wrapping_mul(16_381))).collect();
    cases().iter().for_each(|case| assert_the_fused_agree(case, &x));
}

/// The value at one point, where every instruction set must agree; zeros with their sign.
fn at(name: &str, x: f32) -> f32 {
    let case = case(name);
    let values = Isa::available().into_iter().map(|isa| {
        let mut y = [0.0; 3];
        (case.run)(isa, &[x; 3], &mut y);
        y[0]
    });
    let values: Vec<f32> = values.collect();
    for v in &values {
        assert!(v.to_bits() == values[0].to_bits() || v.is_nan() && values[0].is_nan(), "{name}({x:e}): {values:?}");
    }
    values[0]
}

#[test]
fn nan_gives_nan() {
    for case in cases() {
        assert!(at(case.name, f32::NAN).is_nan(), "{}", case.name);
        assert!(at(case.name, -f32::NAN).is_nan(), "{}", case.name);
    }
}

#[test]
fn values_at_the_ends_are_the_limits() {
    const INF: f32 = f32::INFINITY;
    let tiny = f32::from_bits(1); // 2⁻¹⁴⁹
    for (name, x, y) in [
        ("exp", 0.0, 1.0),
        ("exp", -0.0, 1.0),
        ("exp", INF, INF),
        ("exp", -INF, 0.0),
        ("exp", 88.722_84, INF),
        ("exp", -103.972_1, 0.0),
        ("exp", -103.972, tiny),
        ("exp", f32::MAX, INF),
        ("exp", f32::MIN, 0.0),
        ("ln", 1.0, 0.0),
        ("ln", 0.0, -INF),
        ("ln", -0.0, -INF),
        ("ln", INF, INF),
        ("ln", tiny, -103.278_93),
        ("ln_1p", 0.0, 0.0),
        ("ln_1p", -0.0, -0.0),
        ("ln_1p", -1.0, -INF),
        ("ln_1p", INF, INF),
        ("ln_1p", tiny, tiny),
        ("ln_1p", -tiny, -tiny),
        ("tanh", 0.0, 0.0),
        ("tanh", -0.0, -0.0),
        ("tanh", INF, 1.0),
        ("tanh", -INF, -1.0),
        ("tanh", 9.1, 1.0),
        ("tanh", tiny, tiny),
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", INF, 1.0),
        ("sigmoid", -INF, 0.0),
        ("sigmoid", f32::MIN, 0.0),
        ("sigmoid", -103.972, tiny),
        ("log1p_exp_neg", 0.0, std::f32::consts::LN_2),
        ("log1p_exp_neg", INF, 0.0),
        ("log1p_exp_neg", -INF, 0.0),
        ("expm1", 0.0, 0.0),
        ("expm1", -0.0, -0.0),
        ("expm1", tiny, tiny),
        ("expm1", -tiny, -tiny),
        ("expm1", INF, INF),
        ("expm1", -INF, -1.0),
        ("expm1", 88.722_84, INF),
        ("erf", 0.0, 0.0),
        ("erf", -0.0, -0.0),
        ("erf", tiny, tiny),
        ("erf", INF, 1.0),
        ("erf", -INF, -1.0),
        ("ndtr", 0.0, 0.5),
        ("ndtr", -0.0, 0.5),
        ("ndtr", INF, 1.0),
        ("ndtr", -INF, 0.0),
        ("gelu", 0.0, 0.0),
        ("gelu", -0.0, -0.0),
        ("gelu", INF, INF),
        ("gelu", -INF, -0.0),
        ("gelu", f32::MAX, f32::MAX),
        ("gelu", f32::MIN, -0.0),
        ("sin", 0.0, 0.0),
        ("sin", -0.0, -0.0),
        ("sin", tiny, tiny),
        ("sin", -tiny, -tiny),
        ("cos", 0.0, 1.0),
        ("cos", -0.0, 1.0),
        ("cos", tiny, 1.0),
        ("rsqrt", 0.0, INF),
        ("rsqrt", -0.0, -INF),
        ("rsqrt", INF, 0.0),
        ("rsqrt", 4.0, 0.5),
        ("softplus", INF, INF),
        ("softplus", -INF, 0.0),
        ("softplus", f32::MAX, f32::MAX),
        ("sin_turns", 0.5, -0.0),
        ("cos_turns", -0.5, -1.0),
    ] {
        let got = at(name, x);
        assert!(
            got.to_bits() == y.to_bits() || got == 0.0 && y == 0.0 && name == "sin_turns",
            "{name}({x:e}) = {got:e}, not {y:e}"
        );
    }
    for (name, x) in [
        ("ln", -tiny),
        ("ln", -1.0),
        ("ln", -INF),
        ("ln_1p", -1.000_000_1),
        ("ln_1p", -INF),
        ("sin", INF),
        ("sin", -INF),
        ("cos", INF),
        ("cos", -INF),
        ("rsqrt", -tiny),
        ("rsqrt", -INF),
    ] {
        assert!(at(name, x).is_nan(), "{name}({x:e})");
    }
    assert!(at("exp", 88.722_83) < INF && at("expm1", 88.722_83) < INF);
}

#[test]
fn saturation_begins_where_the_documentation_says() {
    for i in 0..500 {
        let more = i as f32 * 0.01;
        assert_eq!(at("tanh", 9.011 + more), 1.0);
        assert_eq!(at("sigmoid", 16.636 + more), 1.0);
        assert_eq!(at("softplus", 14.557 + more), 14.557 + more);
        assert_eq!(at("exp", -103.9721 - more), 0.0);
        assert!(at("exp", -103.972 + more) > 0.0);
        assert_eq!(at("expm1", -17.33 - more), -1.0);
        assert_eq!(at("erf", -3.9193 - more), -1.0);
        assert_eq!((at("ndtr", 5.42 + more), at("ndtr", -14.1702 - more)), (1.0, 0.0));
        assert_eq!((at("gelu", 5.35 + more), at("gelu", -14.357 - more)), (5.35 + more, 0.0));
    }
    assert!(at("ndtr", -14.17) > 0.0);
    assert!(at("exp", -87.3365) >= f32::MIN_POSITIVE && at("exp", -87.3366) < f32::MIN_POSITIVE);
}

#[test]
fn symmetries_are_exact() {
    for i in 0..2000 {
        let x = i as f32 * 0.0123;
        assert_eq!(at_scalar(tanh, -x), -at_scalar(tanh, x));
        assert_eq!(at_scalar(log1p_exp_neg, -x), at_scalar(log1p_exp_neg, x));
        assert_eq!(at_scalar(erf, -x), -at_scalar(erf, x));
        assert_eq!(at_scalar(sin, -x), -at_scalar(sin, x));
        assert_eq!(at_scalar(cos, -x), at_scalar(cos, x));
    }
}

fn at_scalar(f: fn(crate::simd::Scalar, f32) -> f32, x: f32) -> f32 {
    f(crate::simd::Scalar, x)
}

/// xʸ on an instruction set.
fn powers(isa: Isa, x: &[f32], y: &[f32]) -> Vec<f32> {
    struct Pow<'a>(&'a [f32], &'a [f32], &'a mut [f32]);
    struct F;
    impl Lanes<2> for F {
        #[inline(always)]
        fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
            pow(s, x, y)
        }
    }
    impl Kernel for Pow<'_> {
        type Out = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            map_lanes(s, &F, [self.0, self.1], self.2);
        }
    }
    let mut out = vec![0.0; x.len()];
    isa.dispatch(Pow(x, y, &mut out));
    out
}

#[test]
fn powers_of_special_numbers_are_those_of_c() {
    let tiny = f32::from_bits(1);
    let positive = [0.0, tiny, 1e-40, 1e-20, 0.5, 0.999_999_94, 1.0, 1.000_000_1, 1.5, 2.0, 3.0, 4.0, 5.5];
    let large = [16_777_215.0, 16_777_216.0, 16_777_218.0, 1e20, f32::MAX, f32::INFINITY, f32::NAN];
    let all: Vec<f32> = positive.iter().chain(&large).flat_map(|&x| [x, -x]).collect();
    let (x, y): (Vec<f32>, Vec<f32>) = all.iter().flat_map(|&x| all.iter().map(move |&y| (x, y))).unzip();
    for isa in Isa::available() {
        for (i, power) in powers(isa, &x, &y).into_iter().enumerate() {
            let exact = f64::from(x[i]).powf(f64::from(y[i]));
            let error = Exact::new(exact).error(power);
            assert!(error <= 1.0, "{:e}^{:e} on {isa:?}: {power:e}, not {exact:e}", x[i], y[i]);
            assert!(power.is_nan() || power.is_sign_negative() == exact.is_sign_negative(), "{:e}^{:e}", x[i], y[i]);
        }
    }
}

#[test]
fn powers_stay_within_the_documented_ulp() {
    check_powers(1 << 18);
}

#[test]
#[ignore = "2^32 random pairs on every instruction set, minutes on two cores in release"]
fn exhaustive_powers_stay_within_the_documented_ulp() {
    check_powers(1 << 32);
}

/// `n` random pairs whose power is a number, over all sizes of x and of the power.
fn check_powers(n: u64) {
    let key = crate::random::Key::new(7);
    (0..n >> 16).into_par_iter().for_each(|block| {
        let pair = |i: u64| {
            let at = 2 * (block << 16 | i);
            let x = f32::from_bits(key.bits(at) % f32::INFINITY.to_bits()); // each exponent equally often
            let exponent = 193.0 * f64::from(key.uniform(at + 1)) - 104.0; // of the power, to the base e
            let ln = f64::from(x).ln();
            (x, if ln == 0.0 || x == 0.0 { 1.0 } else { (exponent / ln) as f32 })
        };
        let (x, y): (Vec<f32>, Vec<f32>) = (0..1 << 16).map(pair).unzip();
        let exact: Vec<Exact> = x.iter().zip(&y).map(|(&x, &y)| Exact::new(f64::from(x).powf(f64::from(y)))).collect();
        for isa in Isa::available() {
            for (i, power) in powers(isa, &x, &y).into_iter().enumerate() {
                let error = exact[i].error(power);
                assert!(error <= 1.0, "{:e}^{:e} on {isa:?}: {error:.3} ULP", x[i], y[i]);
            }
        }
    });
}
