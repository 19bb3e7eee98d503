use super::*;
use crate::parallel::with_serial_threshold;
use crate::random::Key;
use crate::{Attention, Rotary, RotaryLayout, RowNorm, Sight, Tensor, assert_close};

fn random(n: usize, key: u64) -> Vec<f32> {
    Tensor::randn([n], Key::new(key)).to_vec()
}

/// Φ(x), by Simpson's rule from 0 on.
fn normal(x: f64) -> f64 {
    let (n, density) = (400, |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt());
    let at =
        |i: usize| density(x * i as f64 / n as f64) * if i == 0 || i == n { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
    0.5 + x / (3 * n) as f64 * (0..=n).map(at).sum::<f64>()
}

fn span(start: usize, len: usize) -> Span {
    Span { buffer: 0, start, len }
}

#[test]
fn a_product_is_that_of_two_matrices_whatever_follows_it() {
    for [k, n] in [[1, 1], [3, 5], [64, 130], [37, 700], [513, 9]] {
        let (x, w, b, old) = (random(k, 1), random(n * k, 2), random(n, 3), random(n, 4));
        let plain = Tensor::from_vec(x.clone(), [1, k]).matmul(&Tensor::from_vec(w.clone(), [n, k]).t());
        for add in [false, true] {
            for then in [Then::Nothing, Then::Gelu, Then::GeluTanh] {
                let mut buffer = [&x[..], &old].concat();
                let (x, y) = (span(0, k), span(k, n));
                let linear = Step::Linear { x, y, weight: &w, bias: Some(&b), add, then };
                run(&mut [&mut buffer], &[vec![linear]]);
                let expected = |(i, x): (usize, &f32)| {
                    let x = f64::from(*x) + f64::from(b[i]) + if add { f64::from(old[i]) } else { 0.0 };
                    let z = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                    (match then {
                        Then::Nothing => x,
                        Then::Gelu => x * normal(x),
                        Then::GeluTanh => 0.5 * x * (1.0 + z.tanh()),
                    }) as f32
                };
                let expected = plain.to_vec().iter().enumerate().map(expected).collect();
                let got = Tensor::from_vec(buffer[k..].to_vec(), [n]);
                assert_close!(got, Tensor::from_vec(expected, [n]), 1e-4, 1e-4);
            }
        }
    }
}

#[test]
fn a_normalisation_has_the_bits_of_the_layers() {
    for n in [1, 5, 64, 700] {
        let (x, w, b) = (random(n, 1), random(n, 2), random(n, 3));
        for (centered, weight, bias) in [(true, Some(&w), Some(&b)), (true, Some(&w), None), (false, Some(&w), None)] {
            let mut buffer = [&x[..], &vec![f32::NAN; n]].concat();
            let (weight_of, bias_of) = (weight.map(|w| &w[..]), bias.map(|b| &b[..]));
            let (x, y) = (span(0, n), span(n, n));
            let step = Step::Norm { x, y, weight: weight_of, bias: bias_of, centered, eps: 1e-5 };
            run(&mut [&mut buffer], &[vec![step]]);
            let norm = RowNorm { rows: 1, groups: 1, channels: n, inner: 1, centered, eps: 1e-5 };
            let [w, b] = [weight, bias].map(|p| p.map(|p| Tensor::from_vec(p.clone(), [n])));
            let (expected, ..) = norm.forward(&Tensor::from_vec(buffer[..n].to_vec(), [1, n]), w.as_ref(), b.as_ref());
            assert_eq!(buffer[n..], expected.to_vec());
        }
    }
}

#[test]
fn one_query_attends_as_the_last_of_many() {
    for [heads, kv_heads, d, seen] in [[1, 1, 2, 1], [4, 2, 8, 5], [6, 6, 64, 257], [8, 1, 12, 40]] {
        let (stride, n) = (kv_heads * d, heads * d);
        let (q, keys, values) = (random(n, 1), random(seen * stride, 2), random(seen * stride, 3));
        let mut buffer = [&q[..], &vec![f32::NAN; n]].concat();
        let (mut k, mut v) = (keys.clone(), values.clone());
        let all = |buffer| Span { buffer, start: 0, len: seen * stride };
        let (q, y) = (span(0, n), span(n, n));
        let step = Step::Attend { q, keys: all(1), values: all(2), y, heads, kv_heads };
        run(&mut [&mut buffer, &mut k, &mut v], &[vec![step]]);
        let of = |x: &[f32], heads: usize, rows: usize| {
            Tensor::from_vec(x.to_vec(), [1, rows, heads, d]).permute(&[0, 2, 1, 3])
        };
        let (q, k, v) = (of(&buffer[..n], heads, 1), of(&keys, kv_heads, seen), of(&values, kv_heads, seen));
        let scale = 1.0 / (d as f32).sqrt();
        let (expected, _) = Attention { q: &q, k: &k, v: &v, mask: None, sight: Sight::ALL, scale }.forward();
        assert_close!(Tensor::from_vec(buffer[n..].to_vec(), [n]), expected.reshape([n]), 1e-5, 1e-5);
    }
}

#[test]
fn heads_are_turned_as_by_the_table_of_angles() {
    let (table, x) = (Rotary::new(9, 8, 10000.0, RotaryLayout::Halves), random(24, 1));
    let (cos, sin) = table.cos_sin(7);
    let mut buffer = x.clone();
    run(&mut [&mut buffer], &[vec![Step::Rotate { y: span(0, 24), cos, sin }]]);
    let expected = Tensor::from_vec(x, [3, 1, 8]).rotary(&table, 7);
    assert_close!(Tensor::from_vec(buffer, [3, 1, 8]), expected, 1e-6, 1e-6);
}

#[test]
fn a_gate_is_silu_times_what_goes_through() {
    let (a, b) = (random(37, 1), random(37, 2));
    let mut buffer = [&a[..], &b, &[f32::NAN; 37]].concat();
    run(&mut [&mut buffer], &[vec![Step::Gate { a: span(0, 37), b: span(37, 37), y: span(74, 37) }]]);
    for i in 0..37 {
        let expected = a[i] / (1.0 + (-a[i]).exp()) * b[i];
        assert!((buffer[74 + i] - expected).abs() < 1e-5);
    }
}

/// Stages that wait for one another, on 1, 2, 3 and 7 threads, in tasks and without.
#[test]
fn stages_follow_one_another_with_the_same_bits_on_any_number_of_threads() {
    let n = 300;
    let weights: Vec<Vec<f32>> = (0..4).map(|i| random(n * n, i).iter().map(|w| w / 20.0).collect()).collect();
    let x = random(n, 9);
    let through = |threshold| {
        let mut buffer = [&x[..], &vec![f32::NAN; 3 * n]].concat();
        let [a, b, c, d] = [0, n, 2 * n, 3 * n].map(|start| span(start, n));
        let linear =
            |x, y, i: usize, add| Step::Linear { x, y, weight: &weights[i], bias: None, add, then: Then::Nothing };
        let norm = |x, y| Step::Norm { x, y, weight: None, bias: None, centered: true, eps: 1e-5 };
        let attend = Step::Attend { q: b, keys: c, values: d, y: a, heads: 10, kv_heads: 10 };
        let once = vec![vec![norm(a, b)], vec![linear(b, c, 0, false), linear(b, d, 1, false)], vec![attend]];
        let stages = [once.clone(), once, vec![vec![norm(a, b)], vec![linear(b, a, 2, true)]]].concat();
        with_serial_threshold(threshold, || run(&mut [&mut buffer], &stages));
        buffer
    };
    let expected = through(usize::MAX);
    assert!(expected.iter().all(|x| x.is_finite()));
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| through(0)) == expected, "{threads} threads");
    }
}

#[test]
fn what_would_race_or_leave_its_buffer_is_refused() {
    let weight = [0.0; 4];
    let linear = |x, y| Step::Linear { x, y, weight: &weight, bias: None, add: false, then: Then::Nothing };
    let said = |stage: Vec<Step<'_>>| {
        let run = || run(&mut [&mut [0.0; 8]], &[stage]);
        *std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err().downcast::<String>().unwrap()
    };
    for (stage, part) in [
        (vec![linear(span(0, 2), span(7, 2))], "is not inside of the buffers"),
        (vec![linear(span(0, 2), span(usize::MAX, 2))], "is not inside of the buffers"),
        (vec![linear(span(0, 2), Span { buffer: 1, start: 0, len: 2 })], "is not inside of the buffers"),
        (vec![linear(span(0, 2), span(1, 2))], "is written, and a step of the same stage needs"),
        (vec![linear(span(0, 2), span(2, 2)), linear(span(0, 2), span(3, 2))], "is written, and a step of the same"),
        (vec![linear(span(0, 2), span(2, 2)), linear(span(3, 2), span(5, 2))], "is written, and a step of the same"),
        (vec![linear(span(0, 2), span(2, 3))], "don't fit together"),
        (vec![Step::Gate { a: span(0, 2), b: span(2, 2), y: span(4, 3) }], "don't fit together"),
    ] {
        let said = said(stage);
        assert!(said.contains(part), "{said}");
    }
}
