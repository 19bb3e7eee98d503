//! The normal distribution with its tails cut off.

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use glassbox_tensor::testing::ndtr;
use std::ops::Range;

/// Draws from N(mean, std²), given that the number lies in `bounds`: element i is a function of (`key`, i) alone. PyTorch's
/// `trunc_normal_`, whose default bounds −2…2 are numbers too, not multiples of std.
///
/// ```text
/// x = mean + std · Φ⁻¹(p),  p uniform between Φ((a − mean) / std) and Φ((b − mean) / std),  bounds a…b
/// ```
///
/// The inverse of the distribution function Φ takes every uniform number to one of the result, so none is drawn in vain. Bounds above
/// the mean are mirrored to below it, where Φ is near 0 and not near 1, and keeps its digits.
///
/// ```
/// use glassbox_nn::init;
/// use glassbox_tensor::random::Key;
///
/// let x = init::trunc_normal([1000], 0.0, 0.02, -0.04..0.04, Key::new(0)); // two standard deviations to each side
/// assert!(x.to_vec().iter().all(|x| x.abs() <= 0.04));
/// ```
///
/// # Panics
/// If std is not positive, the bounds are not in order, a value is NaN, or the bounds lie so far out (37 standard deviations)
/// that nothing of the distribution is between them.
#[track_caller]
pub fn trunc_normal(shape: impl AsRef<[usize]>, mean: f32, std: f32, bounds: Range<f32>, key: Key) -> Tensor {
    let Range { start: a, end: b } = bounds;
    assert!(mean.is_finite() && std.is_finite(), "init::trunc_normal: mean {mean} and std {std}; both must be finite");
    assert!(std > 0.0, "init::trunc_normal: std is {std}; it must be positive");
    assert!(a < b, "init::trunc_normal: the bounds {a}..{b} are not in order");
    let standard = |x: f32| (f64::from(x) - f64::from(mean)) / f64::from(std);
    let above = a > mean; // then the mirror image is drawn
    let (low, high) = if above { (-standard(b), -standard(a)) } else { (standard(a), standard(b)) };
    let (p_low, p_high) = (cdf(low), cdf(high));
    assert!(
        p_low < p_high,
        "init::trunc_normal: nothing of N({mean}, {std}²) lies in {a}..{b}; use bounds nearer to it"
    );
    let mut x = Tensor::rand(shape, key); // multiples of 2⁻²⁴ in [0, 1)
    for x in x.make_mut() {
        let u = f64::from(*x) + 0.5 / f64::from(1 << 24); // the middle of its step
        let z = quantile(p_low + (p_high - p_low) * u);
        let z = if above { -z } else { z };
        *x = ((f64::from(mean) + f64::from(std) * z) as f32).clamp(a, b);
    }
    x
}

/// Φ, also of ±∞.
fn cdf(z: f64) -> f64 {
    if z.is_finite() { ndtr(z) } else { f64::from(z > 0.0) }
}

/// Φ⁻¹(p) for 0 < p < 1, to 10⁻¹⁵: three quotients of polynomials, around the middle and for two pieces of the tails
/// (Wichura 1988, algorithm AS 241, PPND16).
fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * quotient(0.180625 - q * q, &MIDDLE);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let z = if r <= 5.0 { quotient(r - 1.6, &TAIL) } else { quotient(r - 5.0, &FAR_TAIL) };
    z.copysign(q)
}

/// numerator(x) / denominator(x), coefficients from the highest power down.
fn quotient(x: f64, [above, below]: &[[f64; 8]; 2]) -> f64 {
    let polynomial = |coefficients: &[f64; 8]| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    polynomial(above) / polynomial(below)
}

const MIDDLE: [[f64; 8]; 2] = [
    [
        2.509_080_928_730_122_7e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];
const TAIL: [[f64; 8]; 2] = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];
const FAR_TAIL: [[f64; 8]; 2] = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_7e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_inverse_of_the_distribution_function() {
        for i in -3700..=800 {
            let z = f64::from(i) / 100.0; // above 8, 1 − Φ has no digits left
            let (back, slope) = (quantile(ndtr(z)), (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt());
            // What the rounding of Φ(z), near 1 for z > 0, leaves open.
            let open = if z > 0.0 { 2e-16 / slope } else { 0.0 };
            assert!((back - z).abs() <= 1e-13 * z.abs().max(1.0) + open, "{z}: {back}");
        }
    }

    #[test]
    fn the_quantile_has_the_published_values() {
        // Wichura 1988 gives these as a check.
        assert!((quantile(0.25) + 0.674_489_750_196_081_7).abs() < 1e-15);
        assert!((quantile(0.001) + 3.090_232_306_167_814).abs() < 1e-14);
        assert!((quantile(1e-20) + 9.262_340_089_798_408).abs() < 1e-14);
    }
}
