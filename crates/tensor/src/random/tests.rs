//! What holds for every stream of numbers: where they stand, that they are independent, that integers are fair.

mod distributions;

use super::*;
use crate::simd::Isa;

/// Σ (observed − expected)² / expected for equally likely cells: about χ² with cells − 1 degrees of freedom, whose mean
/// is cells − 1 and whose standard deviation is √(2 (cells − 1)).
fn chi_square(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum()
}

/// Five standard deviations above χ²'s mean.
fn chi_square_limit(cells: usize) -> f64 {
    let freedom = (cells - 1) as f64;
    freedom + 5.0 * (2.0 * freedom).sqrt()
}

type Fill = (&'static str, fn(Key, &mut [f32]), fn(Key, u64) -> f32);
/// Every fill, with the function of one position that it must agree with.
const FILLS: [Fill; 4] = [
    ("uniform", uniform_fill, Key::uniform),
    ("normal", normal_fill, Key::normal),
    ("gumbel", gumbel_fill, Key::gumbel),
    ("logistic", logistic_fill, Key::logistic),
];

fn filled(fill: fn(Key, &mut [f32]), key: Key, n: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; n];
    fill(key, &mut out);
    out
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The correlation of two uniform or standardised samples, given each one's mean and variance.
fn correlation(a: &[f32], b: &[f32], mean: f64, variance: f64) -> f64 {
    let centred = |x: f32| f64::from(x) - mean;
    a.iter().zip(b).map(|(&a, &b)| centred(a) * centred(b)).sum::<f64>() / (a.len() as f64 * variance)
}

#[test]
fn a_fill_is_the_function_of_the_position_on_every_instruction_set() {
    for (name, fill, at) in FILLS {
        let key = Key::new(11).fold(5);
        for isa in Isa::available() {
            let x = isa.with(|| filled(fill, key, 50_001));
            for p in (0..200).chain(16_300..16_500).chain(49_900..50_001) {
                assert_eq!(x[p].to_bits(), at(key, p as u64).to_bits(), "{name}({p}) on {}", isa.name());
            }
        }
    }
}

#[test]
fn a_fill_is_a_prefix_of_every_longer_fill() {
    for (name, fill, _) in FILLS {
        let long = bits(&filled(fill, Key::new(3), 40_000));
        for n in [0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 16_383, 16_384, 16_385, 39_999] {
            assert_eq!(bits(&filled(fill, Key::new(3), n)), long[..n], "{name}: {n}");
        }
    }
}

#[test]
fn threads_cannot_be_seen_in_the_bits() {
    for (name, fill, _) in FILLS {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            bits(&pool.install(|| filled(fill, Key::new(9), 200_000)))
        };
        let one = draw(1);
        for threads in [2, 3, 7] {
            assert_eq!(draw(threads), one, "{name}: {threads} threads");
        }
    }
}

#[test]
fn no_two_positions_share_a_word() {
    let key = Key::new(0);
    let mut words: Vec<u32> = (0..20_000).map(|p| key.bits(p)).collect();
    words.sort_unstable();
    let repeats = words.windows(2).filter(|w| w[0] == w[1]).count();
    assert!(repeats <= 3, "{repeats} repeats, 0.05 expected"); // 20 000² / 2³³
}

#[test]
fn positions_beyond_32_bits_are_their_own() {
    let key = Key::new(0);
    for shift in [32, 34, 35, 63] {
        assert_ne!(key.bits(5), key.bits(5 + (1 << shift)), "2^{shift}");
    }
}

#[test]
fn uniform_numbers_fill_the_unit_interval_evenly() {
    let x = filled(uniform_fill, Key::new(2024), 1 << 20);
    assert!(x.iter().all(|x| (0.0..1.0).contains(x)));
    let mut counts = [0; 256];
    for x in &x {
        counts[(x * 256.0) as usize] += 1;
    }
    assert!(chi_square(&counts) < chi_square_limit(256), "{}", chi_square(&counts));
    // The lowest of the 24 bits is as random as the highest.
    let odd = x.iter().filter(|&&x| (x * 16_777_216.0) as u32 % 2 == 1).count() as u32;
    assert!(chi_square(&[odd, (1 << 20) - odd]) < chi_square_limit(2));
}

#[test]
fn neighbours_and_substreams_are_uncorrelated() {
    let n = 1 << 18;
    let limit = 5.0 / (n as f64).sqrt();
    let correlation = |a: &[f32], b: &[f32]| correlation(a, b, 0.5, 1.0 / 12.0);
    let draw = |key| filled(uniform_fill, key, n);
    let key = Key::new(1);
    let x = draw(key);
    for lag in [1, 2, 15, 16, 17, 48, 63, 64, 65] {
        let r = correlation(&x[lag..], &x);
        assert!(r.abs() < limit, "lag {lag}: {r}");
    }
    for (name, other) in [
        ("fold(0)", key.fold(0)),
        ("fold(1)", key.fold(1)),
        ("fold(2^40)", key.fold(1 << 40)),
        ("fold(0).fold(0)", key.fold(0).fold(0)),
        ("the next seed", Key::new(2)),
        ("a high bit of the seed", Key::new(1 | 1 << 63)),
    ] {
        let r = correlation(&x, &draw(other));
        assert!(r.abs() < limit, "{name}: {r}");
    }
    let r = correlation(&draw(key.fold(0)), &draw(key.fold(1)));
    assert!(r.abs() < limit, "fold(0) against fold(1): {r}");
}

#[test]
fn folded_keys_are_distinct() {
    let root = Key::new(0);
    let mut keys: Vec<u64> = (0..10_000).map(|i| root.fold(i).0).collect();
    keys.extend((0..10_000).map(|i| root.fold(0).fold(i).0));
    keys.push(root.0);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 20_001);
}

#[test]
fn below_is_uniform_and_redraws_what_would_be_unfair() {
    for n in [1, 2, 3, 6, 10, 255] {
        let mut counts = vec![0; n as usize];
        for p in 0..60_000 {
            counts[Key::new(7).below(p, n) as usize] += 1;
        }
        assert!(n == 1 || chi_square(&counts) < chi_square_limit(n as usize), "n = {n}");
    }
    // With n = 3·2³⁰ a quarter of the words must be drawn again; without that, every third number would be twice as
    // likely as the others.
    let n = 3 << 30;
    let mut counts = [0; 3];
    for p in 0..60_000 {
        let x = Key::new(8).below(p, n);
        assert!(x < n);
        counts[x as usize % 3] += 1;
    }
    assert!(chi_square(&counts) < chi_square_limit(3), "{counts:?}");
}

#[test]
#[should_panic(expected = "Key::below: there is no number below 0")]
fn below_zero_panics() {
    Key::new(0).below(0, 0);
}

#[test]
fn a_permutation_is_one_and_every_order_is_equally_likely() {
    for n in [0, 1, 2, 1000] {
        let mut order = Key::new(4).permutation(n);
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..n as u32));
    }
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..24_000 {
        *counts.entry(Key::new(12).fold(seed).permutation(4)).or_insert(0) += 1;
    }
    let counts: Vec<u32> = counts.into_values().collect();
    assert_eq!(counts.len(), 24);
    assert!(chi_square(&counts) < chi_square_limit(24), "{}", chi_square(&counts));
}
