//! Every elementwise operation, on every layout, against plain f64 arithmetic over ndarray.

mod layouts;

use glassbox_tensor::simd::{Isa, Lanes, Simd, UpdateLanes};
use glassbox_tensor::{Tensor, copied_bytes, map_inplace, map_n, tensor, testing, update_n};
use layouts::{Layout, assert_within_ulp, for_each_isa, layouts, shapes, values};
use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;

/// Name, operation, the same in f64, and its documented bound in ULP.
type Unary = (&'static str, fn(&Tensor) -> Tensor, fn(f64) -> f64, f64);

/// Rounding once from f64 is exact for f32's own operations, so their bound is half a ULP.
const ROUNDED: f64 = 0.5;

const UNARY: [Unary; 33] = [
    ("neg", |x| -x, |x| -x, 0.0),
    ("exp", Tensor::exp, f64::exp, 2.0),
    ("ln", Tensor::ln, f64::ln, 2.0),
    ("tanh", Tensor::tanh, f64::tanh, 3.0),
    ("sigmoid", Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 3.0),
    ("relu", Tensor::relu, |x| if x <= 0.0 { 0.0 } else { x }, 0.0),
    ("expm1", Tensor::expm1, f64::exp_m1, 1.5),
    ("log1p", Tensor::log1p, f64::ln_1p, 1.0),
    ("sqrt", Tensor::sqrt, f64::sqrt, ROUNDED),
    ("rsqrt", Tensor::rsqrt, |x| 1.0 / x.sqrt(), 1.5),
    ("erf", Tensor::erf, testing::erf, 1.5),
    ("ndtr", Tensor::ndtr, testing::ndtr, 5.0),
    ("sin", Tensor::sin, f64::sin, 1.5),
    ("cos", Tensor::cos, f64::cos, 1.5),
    ("abs", Tensor::abs, f64::abs, 0.0),
    ("sign", Tensor::sign, |x| f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)), 0.0),
    ("round", Tensor::round, f64::round_ties_even, 0.0),
    ("clamp", |x| x.clamp(-0.5, 1.25), |x| if x.is_nan() { x } else { x.clamp(-0.5, 1.25) }, 0.0),
    ("x^1.7", |x| x.powf(1.7), |x| x.powf(f64::from(1.7f32)), 1.0),
    ("x^2", |x| x.powf(2.0), |x| x * x, ROUNDED),
    ("x^0.5", |x| x.powf(0.5), f64::sqrt, ROUNDED),
    ("x^-1", |x| x.powf(-1.0), |x| 1.0 / x, ROUNDED),
    ("x + c", |x| x + 1.5, |x| x + 1.5, ROUNDED),
    ("c + x", |x| 1.5 + x, |x| 1.5 + x, ROUNDED),
    ("x - c", |x| x - 1.5, |x| x - 1.5, ROUNDED),
    ("c - x", |x| 1.5 - x, |x| 1.5 - x, ROUNDED),
    ("x * c", |x| x * 1.7, |x| x * f64::from(1.7f32), ROUNDED),
    ("c * x", |x| 1.7 * x, |x| f64::from(1.7f32) * x, ROUNDED),
    ("x / c", |x| x / 1.7, |x| x / f64::from(1.7f32), ROUNDED),
    ("c / x", |x| 1.7 / x, |x| f64::from(1.7f32) / x, ROUNDED),
    ("affine, a power of two", |x| x.affine(-2.0, 3.0), |x| -2.0 * x + 3.0, ROUNDED),
    ("x + x, shared memory", |x| x + x, |x| x + x, ROUNDED),
    ("x * x, shared memory", |x| x * x, |x| x * x, ROUNDED),
];

type Binary = (&'static str, fn(&Tensor, &Tensor) -> Tensor, fn(f64, f64) -> f64);

const BINARY: [Binary; 6] = [
    ("add", |a, b| a + b, |a, b| a + b),
    ("sub", |a, b| a - b, |a, b| a - b),
    ("mul", |a, b| a * b, |a, b| a * b),
    ("div", |a, b| a / b, |a, b| a / b),
    ("minimum", Tensor::minimum, |a, b| if a < b { a } else { b }),
    ("maximum", Tensor::maximum, |a, b| if a > b { a } else { b }),
];

/// a where a < b, else b − c: exact comparisons and one rounding, so that the reference is exact on every machine.
struct Choose;

fn choose(a: f64, b: f64, c: f64) -> f64 {
    if a < b { a } else { b - c }
}

impl Lanes<3> for Choose {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b, c]: [S::F; 3]) -> S::F {
        s.select(s.lt(a, b), a, b - c)
    }
}

/// |a|.
struct Abs;

impl Lanes<1> for Abs {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a]: [S::F; 1]) -> S::F {
        s.abs(a)
    }
}

/// The larger.
struct Larger;

impl Lanes<2> for Larger {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [a, b]: [S::F; 2]) -> S::F {
        s.select(s.lt(a, b), b, a)
    }
}

/// m = m/2 + g; x = x − m/4, with powers of two: each element is rounded three times, in either library alike.
struct Momentum;

impl UpdateLanes<2, 1> for Momentum {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, m]: [S::F; 2], [g]: [S::F; 1]) -> [S::F; 2] {
        let m = m * s.splat(0.5) + g;
        [x - m * s.splat(0.25), m]
    }
}

fn momentum(x: f32, m: f32, g: f32) -> [f32; 2] {
    let m = m * 0.5 + g;
    [x - m * 0.25, m]
}

/// x = x·a + b.
struct ScaleShift;

impl UpdateLanes<1, 2> for ScaleShift {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [x]: [S::F; 1], [a, b]: [S::F; 2]) -> [S::F; 1] {
        [x * a + b]
    }
}

fn f64s(x: &Tensor) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(x.shape()), x.to_vec().into_iter().map(f64::from).collect()).unwrap()
}

/// A shape, and one that broadcasts with it: some axes become 1, some leading ones vanish.
fn broadcast_shapes() -> impl Strategy<Value = [Vec<usize>; 3]> {
    (shapes(), any::<[u8; 3]>(), 0usize..3).prop_map(|(shape, masks, missing)| {
        let mut all = masks.map(|mask| {
            shape.iter().enumerate().map(|(i, &d)| if mask >> i & 1 == 1 { 1 } else { d }).collect::<Vec<_>>()
        });
        all[1].drain(..missing.min(shape.len()));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn unary_operations_on_every_layout(shape in shapes(), layout in layouts(), seed in any::<u64>()) {
        for (name, op, reference, ulp) in UNARY {
            let range = if name == "ln" { (1e-6, 100.0) } else { (-10.0, 10.0) };
            let x = layout.tensor(&shape, range, seed);
            let want = f64s(&x).mapv(reference);
            for_each_isa(|isa| assert_within_ulp(&op(&x), &want, ulp, &format!("{name}, {layout:?}, {isa:?}")));
        }
    }

    #[test]
    fn binary_operations_broadcast(shapes in broadcast_shapes(), la in layouts(), lb in layouts(), seed in any::<u64>()) {
        let (a, b) = (la.tensor(&shapes[0], (-10.0, 10.0), seed), lb.tensor(&shapes[1], (0.5, 3.0), !seed));
        for (name, op, reference) in BINARY {
            let want = layouts::broadcast2(&f64s(&a), &f64s(&b), reference);
            for_each_isa(|isa| assert_within_ulp(&op(&a, &b), &want, ROUNDED, &format!("{name}, {isa:?}")));
            let flipped = layouts::broadcast2(&f64s(&b), &f64s(&a), reference);
            if name != "div" {
                assert_within_ulp(&op(&b, &a), &flipped, ROUNDED, name);
            }
        }
    }

    #[test]
    fn map_n_takes_one_two_or_three_inputs(shapes in broadcast_shapes(), la in layouts(), lb in layouts(), lc in layouts(), seed in any::<u64>()) {
        let [a, b, c] = [(&shapes[0], la, seed), (&shapes[1], lb, seed ^ 1), (&shapes[2], lc, seed ^ 2)]
            .map(|(shape, layout, seed)| layout.tensor(shape, (-1.0, 1.0), seed));
        let [fa, fb, fc] = [&a, &b, &c].map(f64s);
        for_each_isa(|isa| {
            assert_within_ulp(&map_n(&Abs, [&a]), &fa.mapv(f64::abs), 0.0, &format!("{isa:?}"));
            let larger = layouts::broadcast2(&fa, &fb, |a, b| if a < b { b } else { a });
            assert_within_ulp(&map_n(&Larger, [&a, &b]), &larger, 0.0, &format!("{isa:?}"));
            // Three inputs in two steps: pairs (a, b) as whole numbers would lose digits, so broadcast by hand.
            let ones = layouts::broadcast2(&layouts::broadcast2(&fa, &fb, |_, _| 0.0), &fc, |_, _| 0.0);
            let [fa, fb, fc] = [&fa, &fb, &fc].map(|x| layouts::broadcast2(x, &ones, |x, _| x));
            let want = ndarray::Zip::from(&fa).and(&fb).and(&fc).map_collect(|&a, &b, &c| choose(a, b, c));
            assert_within_ulp(&map_n(&Choose, [&a, &b, &c]), &want, ROUNDED, &format!("{isa:?}"));
        });
    }

    #[test]
    fn map_inplace_is_map_n_written_over_its_first_input(shapes in broadcast_shapes(), l in layouts(), lb in layouts(), seed in any::<u64>(), shared in any::<bool>()) {
        let x = l.tensor(&layouts::union(&shapes), (-10.0, 10.0), seed);
        let (a, b) = (lb.tensor(&shapes[1], (-2.0, 2.0), seed ^ 1), l.tensor(&shapes[2], (-2.0, 2.0), seed ^ 2));
        let want = &(&x * &a) + &b;
        let before = x.to_vec();
        let (mut y, other) = if shared { (x.clone(), Some(x)) } else { (x, None) };
        map_inplace(&ScaleShift, &mut y, [&a, &b]);
        prop_assert_eq!(bits(&y), bits(&want));
        if let Some(x) = other {
            prop_assert_eq!(x.to_vec(), before);
        }
    }

    #[test]
    fn adding_in_place_is_adding(shapes in broadcast_shapes(), l in layouts(), lb in layouts(), seed in any::<u64>(), shared in any::<bool>()) {
        let mut x = l.tensor(&layouts::union(&shapes), (-10.0, 10.0), seed);
        let y = lb.tensor(&shapes[1], (-2.0, 2.0), !seed);
        let (want, before) = (&x + &y, x.to_vec());
        let other = shared.then(|| x.clone());
        x += &y;
        prop_assert_eq!(bits(&x), bits(&want));
        if let Some(other) = other {
            prop_assert_eq!(other.to_vec(), before);
        }
    }

    #[test]
    fn update_n_is_its_step_element_by_element(n in 0usize..200, seed in any::<u64>()) {
        let [x, m, g] = [0, 1, 2].map(|i| values(n, (-1.0, 1.0), seed ^ i));
        for_each_isa(|isa| {
            let (mut x2, mut m2) = (x.clone(), m.clone());
            update_n(&Momentum, [&mut x2, &mut m2], [&g]);
            for i in 0..n {
                assert_eq!([x2[i], m2[i]], momentum(x[i], m[i], g[i]), "element {i}, {isa:?}");
            }
        });
    }
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec().into_iter().map(f32::to_bits).collect()
}

/// An element's bits depend on its inputs alone: not on where it stands, on its neighbours, on the layout or the length.
#[test]
fn tails_are_bit_equal_to_bodies() {
    let all = values(70, (-5.0, 5.0), 7);
    for_each_isa(|isa| {
        for (name, op, ..) in UNARY {
            let alone: Vec<u32> = all.iter().map(|&x| op(&Tensor::scalar(x)).item().to_bits()).collect();
            let eq = |x: &Tensor, want: &[u32], how: &str| {
                // ln of a negative number is NaN, whose sign and payload are nobody's business.
                let nan =
                    |x: &[u32]| x.iter().map(|&x| if f32::from_bits(x).is_nan() { !0 } else { x }).collect::<Vec<_>>();
                assert_eq!(nan(&bits(&op(x))), nan(want), "{name}, {how}, {isa:?}");
            };
            for n in 0..=all.len() {
                eq(&Tensor::from_slice(&all[..n], [n]), &alone[..n], "a prefix");
                eq(&Tensor::from_slice(&all, [70]).narrow(0, n, 70 - n), &alone[n..], "an unaligned suffix");
            }
            let columns = Tensor::from_slice(&all, [2, 35]);
            let order: Vec<u32> = (0..35).flat_map(|i| [alone[i], alone[35 + i]]).collect();
            eq(&columns.t(), &order, "transposed");
            let repeated: Vec<u32> = (0..70).flat_map(|i| [alone[i]; 19]).collect();
            eq(&Tensor::from_slice(&all, [70, 1]).expand([70, 19]), &repeated, "broadcast");
        }
    });
}

/// Beyond one task and beyond what one gather holds, in every kind of layout.
#[test]
fn large_inputs_agree_with_small_ones() {
    for layout in Layout::ALL {
        let x = layout.tensor(&[37, 1100], (-10.0, 10.0), 3);
        for (name, op, reference, ulp) in UNARY.into_iter().filter(|(name, ..)| *name != "ln") {
            assert_within_ulp(&op(&x), &f64s(&x).mapv(reference), ulp, &format!("{name}, {layout:?}"));
        }
        let column = layout.tensor(&[37, 1], (0.5, 2.0), 4);
        let row = layout.tensor(&[1100], (0.5, 2.0), 5);
        let one = layout.tensor(&[1], (0.5, 2.0), 6);
        for (name, op, reference) in BINARY {
            for y in [&column, &row, &one] {
                let want = layouts::broadcast2(&f64s(&x), &f64s(y), reference);
                assert_within_ulp(&op(&x, y), &want, ROUNDED, &format!("{name}, {layout:?}"));
            }
        }
    }
    // Short rows are gathered several at a time; tasks begin in the middle of a row.
    for layout in Layout::ALL {
        let x = layout.tensor(&[5000, 7], (-10.0, 10.0), 6);
        for shape in [&[7][..], &[5000, 1], &[1]] {
            let y = layout.tensor(shape, (0.5, 2.0), 7);
            for (name, op, reference) in BINARY {
                let want = layouts::broadcast2(&f64s(&x), &f64s(&y), reference);
                assert_within_ulp(&op(&x, &y), &want, ROUNDED, &format!("{name}, {shape:?}, {layout:?}"));
            }
        }
    }
    let n = 100_001;
    let [x, m, g] = [0, 1, 2].map(|i| values(n, (-1.0, 1.0), i));
    let (mut x2, mut m2) = (x.clone(), m.clone());
    update_n(&Momentum, [&mut x2, &mut m2], [&g]);
    assert!((0..n).all(|i| [x2[i], m2[i]] == momentum(x[i], m[i], g[i])));
}

#[test]
fn unique_memory_is_added_to_in_place_and_shared_memory_is_left_alone() {
    let mut x = Tensor::zeros([1000]);
    let address = |x: &Tensor| x.as_slice().unwrap().as_ptr();
    let (before, place) = (copied_bytes(), address(&x));
    x += &tensor![1.0];
    assert_eq!((copied_bytes() - before, address(&x)), (0, place));
    let shared = x.clone();
    x += &shared;
    assert_eq!((x.at([0]), shared.at([0])), (2.0, 1.0));
    assert_ne!(address(&x), place);
}

/// Results at the edges of f32, the same on every instruction set: IEEE 754 for the operators, the limits for functions.
#[test]
fn nan_infinity_and_zero() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = tensor![nan, inf, -inf, 0.0, -0.0, 200.0, -200.0];
    type Case = (&'static str, fn(&Tensor) -> Tensor, [f32; 7]);
    let cases: [Case; 10] = [
        ("exp", Tensor::exp, [nan, inf, 0.0, 1.0, 1.0, inf, 0.0]),
        ("ln", Tensor::ln, [nan, inf, nan, -inf, -inf, 5.298_317_4, nan]),
        ("tanh", Tensor::tanh, [nan, 1.0, -1.0, 0.0, -0.0, 1.0, -1.0]),
        ("sigmoid", Tensor::sigmoid, [nan, 1.0, 0.0, 0.5, 0.5, 1.0, 0.0]),
        ("relu", Tensor::relu, [nan, inf, 0.0, 0.0, 0.0, 200.0, 0.0]),
        ("sign", Tensor::sign, [0.0, 1.0, -1.0, 0.0, 0.0, 1.0, -1.0]),
        ("clamp", |x| x.clamp(-3.0, 4.0), [nan, 4.0, -3.0, 0.0, 0.0, 4.0, -3.0]),
        ("sqrt", Tensor::sqrt, [nan, inf, nan, 0.0, 0.0, 14.142_136, nan]),
        ("x^0", |x| x.powf(0.0), [1.0; 7]),
        ("1 / x", |x| 1.0 / x, [nan, 0.0, -0.0, inf, -inf, 0.005, -0.005]),
    ];
    let same = |a: f32, b: f32| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * b.abs() || a == b;
    for_each_isa(|isa| {
        for (name, op, want) in cases {
            let have = op(&x).to_vec();
            assert!(have.iter().zip(want).all(|(&a, b)| same(a, b)), "{name}, {isa:?}: {have:?}, not {want:?}");
        }
        let y = tensor![inf, nan, -inf, 0.0, 3e38];
        let z = tensor![-inf, 1.0, -inf, 0.0, 3e38];
        let tables = [
            (&y + &z, [nan, nan, -inf, 0.0, inf]),
            (&y - &z, [inf, nan, nan, 0.0, 0.0]),
            (&y * &z, [-inf, nan, inf, 0.0, inf]),
            (&y / &z, [nan, nan, nan, nan, 1.0]),
            (y.minimum(&z), [-inf, nan, -inf, 0.0, 3e38]),
            (y.maximum(&z), [inf, nan, -inf, 0.0, 3e38]),
            (z.minimum(&y), [-inf, nan, -inf, 0.0, 3e38]),
            (z.maximum(&y), [inf, nan, -inf, 0.0, 3e38]),
            (y.pow(&z), [0.0, nan, 0.0, 1.0, inf]),
        ];
        for (have, want) in tables {
            assert!(have.to_vec().iter().zip(want).all(|(&a, b)| same(a, b)), "{isa:?}: {have}, not {want:?}");
        }
    });
}

#[test]
fn the_sign_of_zero_is_ieee() {
    let zeros = tensor![0.0, -0.0];
    let signs = |x: Tensor| x.to_vec().iter().map(|x| x.is_sign_negative()).collect::<Vec<_>>();
    for_each_isa(|isa| {
        assert_eq!(signs(-&zeros), [true, false], "{isa:?}");
        assert_eq!(signs(&zeros + 0.0), [false, false], "{isa:?}");
        assert_eq!(signs(&zeros - 0.0), [false, true], "{isa:?}");
        assert_eq!(signs(0.0 - &zeros), [false, false], "{isa:?}");
        assert_eq!(signs(&zeros * -1.0), [true, false], "{isa:?}");
        assert_eq!(signs(&zeros + &zeros), [false, true], "{isa:?}");
    });
}

#[test]
fn the_named_instruction_set_is_the_one_that_runs() {
    struct Name;
    impl Lanes<1> for Name {
        #[inline(always)]
        fn lanes<S: Simd>(&self, s: S, [_]: [S::F; 1]) -> S::F {
            s.splat(S::LANES as f32)
        }
    }
    for_each_isa(|isa| assert_eq!(map_n(&Name, [&Tensor::scalar(0.0)]).item(), isa.lanes() as f32));
    assert!(Isa::available().contains(&Isa::current()));
}
