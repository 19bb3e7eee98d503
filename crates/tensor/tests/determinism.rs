//! The same bits on any number of threads, and the same answer, within rounding, on every instruction set.

mod layouts;

use glassbox_tensor::gemm::{Activation, Epilogue};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Isa, Simd, UpdateLanes};
use glassbox_tensor::{Ids, Padding, Tensor, assert_close, map_inplace, parallel, update_n};
use layouts::{Layout, values};

/// An operation on inputs of its own.
struct Case {
    name: String,
    run: Box<dyn Fn() -> Tensor + Sync>,
}

/// m = m/2 + g; x = x − m/4.
struct Momentum;

impl UpdateLanes<2, 1> for Momentum {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [x, m]: [S::F; 2], [g]: [S::F; 1]) -> [S::F; 2] {
        let m = m * s.splat(0.5) + g;
        [x - m * s.splat(0.25), m]
    }
}

/// x = x + y.
struct Accumulate;

impl UpdateLanes<1, 1> for Accumulate {
    #[inline(always)]
    fn lanes<S: Simd>(&self, _: S, [x]: [S::F; 1], [y]: [S::F; 1]) -> [S::F; 1] {
        [x + y]
    }
}

fn case(name: impl Into<String>, run: impl Fn() -> Tensor + Sync + 'static) -> Case {
    Case { name: name.into(), run: Box::new(run) }
}

/// Every operation at a size that makes several tasks.
fn cases() -> Vec<Case> {
    [elementwise(), reductions(), products(), updates(), copies(), named(), ordered()].into_iter().flatten().collect()
}

fn elementwise() -> Vec<Case> {
    type Op = (&'static str, fn(&Tensor, &Tensor, &Tensor) -> Tensor);
    const OPS: [Op; 13] = [
        ("add", |x, row, _| x + row),
        ("sub", |x, _, column| x - column),
        ("mul", |x, row, _| row * x),
        ("div", |x, _, column| column / x),
        ("neg", |x, _, _| -x),
        ("exp", |x, _, _| x.exp()),
        ("ln", |x, _, _| x.ln()),
        ("tanh", |x, _, _| x.tanh()),
        ("sigmoid", |x, _, _| x.sigmoid()),
        ("relu", |x, _, _| (x - 1.0).relu()),
        ("softmax 1", |x, _, _| x.softmax(1)),
        ("softmax 0", |x, _, _| x.softmax(0)),
        ("short rows", |x, _, column| &x.t() - &column.t().reshape([61])),
    ];
    let mut cases = Vec::new();
    for layout in Layout::ALL {
        let x = layout.tensor(&[61, 1027], (0.1, 4.0), 1);
        let row = layout.tensor(&[1027], (0.5, 2.0), 2);
        let column = layout.tensor(&[61, 1], (0.5, 2.0), 3);
        for (name, op) in OPS {
            let (x, row, column) = (x.clone(), row.clone(), column.clone());
            cases.push(case(format!("{name}, {layout:?}"), move || op(&x, &row, &column)));
        }
    }
    let x = Layout::Plain.tensor(&[300, 301], (-1.0, 1.0), 10);
    cases.push(case("a copy of a transposed matrix", move || x.t().contiguous()));
    cases
}

/// Long rows, short rows, columns within and beyond one task, and groups of axes apart from each other.
fn reductions() -> Vec<Case> {
    const SHAPES: [(&[usize], &[isize]); 9] = [
        (&[70_000], &[0]),
        (&[20_000, 7], &[1]),
        (&[20_000, 7], &[0]),
        (&[3, 50_000], &[1]),
        (&[600, 1025], &[0]),
        (&[20, 4097], &[0]),
        (&[4000, 5, 6], &[1]),
        (&[40, 30, 50], &[0, 2]),
        (&[4, 600, 70], &[1]),
    ];
    type Reduction = (&'static str, fn(&Tensor, &[isize]) -> Tensor);
    const OPS: [Reduction; 3] = [
        ("sum", |x, axes| x.sum(axes, false)),
        ("max", |x, axes| x.max(axes, false)),
        ("mean", |x, axes| x.mean(axes, true)),
    ];
    let mut cases = Vec::new();
    for (shape, axes) in SHAPES {
        let x = Layout::Plain.tensor(shape, (-1.0, 1.0), 4);
        for (name, op) in OPS {
            let x = x.clone();
            cases.push(case(format!("{name} of {shape:?} over {axes:?}"), move || op(&x, axes)));
        }
    }
    cases
}

fn products() -> Vec<Case> {
    const SHAPES: [(&[usize], &[usize]); 7] = [
        (&[150, 300], &[300, 130]),
        (&[1, 3000], &[3000, 2500]),
        (&[2500, 3000], &[3000, 1]),
        (&[90, 5000], &[5000, 70]),
        (&[30, 50, 40], &[40, 30]),
        (&[30, 50, 40], &[30, 40, 30]),
        (&[2, 1, 90, 80], &[3, 80, 70]),
    ];
    let mut cases = Vec::new();
    for (left, right) in SHAPES {
        for (la, lb) in [(Layout::Plain, Layout::Plain), (Layout::Transposed, Layout::Narrowed)] {
            let (a, b) = (la.tensor(left, (-1.0, 1.0), 5), lb.tensor(right, (-1.0, 1.0), 6));
            cases.push(case(format!("matmul of {left:?} and {right:?}, {la:?}"), move || a.matmul(&b)));
        }
    }
    let a = Layout::Plain.tensor(&[64, 784], (-1.0, 1.0), 7);
    let b = Layout::Transposed.tensor(&[784, 400], (-0.1, 0.1), 8);
    let bias = values(400, (-1.0, 1.0), 9);
    cases.push(case("matmul with bias and relu", move || {
        a.matmul_with(&b, &Epilogue { bias: Some(&bias), activation: Activation::Relu, ..Epilogue::default() })
    }));
    cases
}

fn updates() -> Vec<Case> {
    let x = Layout::Plain.tensor(&[300, 301], (-1.0, 1.0), 10);
    let row = x.narrow(0, 0, 1).contiguous();
    let in_place = case("map_inplace", move || {
        let mut x = x.clone();
        map_inplace(&Accumulate, &mut x, [&row]);
        x += &row;
        x
    });
    let update = case("update_n", || {
        let [mut x, mut m, g] = [0, 1, 2].map(|i| values(70_001, (-1.0, 1.0), i));
        update_n(&Momentum, [&mut x, &mut m], [&g]);
        x.append(&mut m);
        Tensor::from_vec(x, [140_002])
    });
    vec![in_place, update]
}

fn copies() -> Vec<Case> {
    let x = Layout::Plain.tensor(&[30, 40, 50], (-1.0, 1.0), 11);
    let line = Layout::Plain.tensor(&[70_000], (-1.0, 1.0), 12);
    let [a, b, c, d, e] = [(); 5].map(|()| x.clone());
    let (f, g, h) = (line.clone(), line.clone(), x.less(&Tensor::scalar(0.0)));
    vec![
        case("flip", move || a.flip(&[0, 2])),
        case("flip a long row", move || f.flip(&[0])),
        case("pad", move || b.pad(&[(3, 2), (0, 1)], Padding::Reflect)),
        case("cat", move || Tensor::cat(&[&c, &c.flip(&[0])], 1)),
        case("stack", move || Tensor::stack(&[&d, &d], -1)),
        case("overlap_add", move || g.unfold(0, 5, 2).overlap_add(0, 2, 70_000)),
        case("where_cond", move || Tensor::where_cond(&h, &e, &Tensor::scalar(0.5))),
    ]
}

/// In each way that a shape can make them take.
fn named() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, axis, m) in [
        (&[20, 300, 4][..], 1, 400), // whole blocks
        (&[100], 0, 70_000),         // a long list for few places
        (&[3, 40, 7], 1, 2000),      // as well
        (&[2000, 33], 0, 5000),      // sorted
        (&[30_000], 0, 100_000),     // sorted, and many terms for each place
        (&[50, 1000], 0, 60),        // columns
    ] {
        let x = Layout::Plain.tensor(shape, (-1.0, 1.0), 13);
        let n = shape[axis] as u32;
        let mut beside = shape.to_vec();
        beside[axis] = m;
        let src = Layout::Plain.tensor(&beside, (-1.0, 1.0), 14);
        // every third id is the same one
        let list: Vec<u32> = (0..m as u64).map(|i| if i % 3 == 0 { n / 2 } else { Key::new(15).below(i, n) }).collect();
        let (list, beside) = (Ids::from_vec(list, [m]), Ids::randint(n, &beside, Key::new(16)));
        let axis = axis as isize;
        let [a, b, c, d] = [(); 4].map(|()| (x.clone(), src.clone(), list.clone(), beside.clone()));
        let name = |op: &str| format!("{op} on axis {axis} of {shape:?}");
        cases.push(case(name("index_add"), move || a.0.index_add(axis, &a.2, &a.1)));
        if shape.len() != 2 || shape[1] > 100 {
            // few narrow columns stay on one thread
            cases.push(case(name("scatter_add"), move || b.0.scatter_add(axis, &b.3, &b.1)));
        }
        cases.push(case(name("index_select"), move || c.0.index_select(axis, &c.2)));
        cases.push(case(name("gather"), move || d.0.gather(axis, &d.3)));
    }
    let ids = Ids::randint(60, [50, 30], Key::new(17));
    cases.push(case("one_hot", move || ids.one_hot(60)));
    cases
}

fn ordered() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, axis) in
        [(&[40, 900, 3][..], 1), (&[100_003], 0), (&[2, 9000, 5], 1), (&[3, 50, 1100], 1), (&[17, 2000], 0)]
    {
        let x = Layout::Plain.tensor(shape, (-1.0, 1.0), 18);
        let back = x.clone();
        cases.push(case(format!("cumsum on axis {axis} of {shape:?}"), move || x.cumsum(axis)));
        cases.push(case(format!("cumsum_reversed on axis {axis} of {shape:?}"), move || back.cumsum_reversed(axis)));
    }
    let x = Layout::Plain.tensor(&[60, 1000], (-1.0, 1.0), 19);
    let y = x.clone();
    cases.push(case("sort", move || x.sort(1, true).0));
    cases.push(case("topk", move || y.topk(10, 1).1.to_tensor()));
    cases
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec().into_iter().map(f32::to_bits).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// In pools of one, of two, of an odd number and of a prime that divides nothing.
#[test]
fn the_number_of_threads_does_not_show_in_the_bits() {
    let (one, pools) = (pool(1), [1, 2, 3, 7].map(|threads| (threads, pool(threads))));
    for Case { name, run } in cases() {
        for isa in Isa::available() {
            let alone = one.install(|| isa.with(&run));
            for (threads, pool) in &pools {
                let (many, workers) =
                    pool.install(|| isa.with(|| parallel::with_serial_threshold(0, || parallel::probe(&run))));
                assert_eq!(bits(&many), bits(&alone), "{name}, {threads} threads, {isa:?}");
                let wanted = if *threads == 1 { 0..=0 } else { 2..=*threads };
                assert!(wanted.contains(&workers), "{name}: {workers} of {threads} workers took a task, {isa:?}");
            }
        }
    }
}

#[test]
fn random_tensors_are_functions_of_key_and_position() {
    for shape in [&[70_000][..], &[3], &[250, 280]] {
        let draw = || (Tensor::rand(shape, Key::new(9)), Tensor::randn(shape, Key::new(9)));
        let want = draw();
        for threads in [1, 2, 3, 7] {
            let have = pool(threads).install(|| parallel::with_serial_threshold(0, draw));
            assert_eq!((bits(&have.0), bits(&have.1)), (bits(&want.0), bits(&want.1)), "{threads} threads");
        }
        for isa in Isa::available() {
            assert_eq!(bits(&isa.with(draw).0), bits(&want.0), "{isa:?}");
        }
    }
}

/// Recycled buffers hold old numbers, of which nothing may be seen.
#[test]
fn repeating_an_operation_repeats_its_bits() {
    for Case { name, run } in cases().into_iter().step_by(5) {
        let first = bits(&run());
        drop(Tensor::full([100_000], f32::NAN));
        assert_eq!(bits(&run()), first, "{name}");
    }
}

/// Sums are added in another order and products are rounded once or twice; more than that must not differ.
#[test]
fn instruction_sets_agree_within_rounding() {
    for Case { name, run } in cases() {
        let scalar = Isa::Scalar.with(&run);
        let size = scalar.to_vec().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        for isa in Isa::available() {
            println!("{name}, {isa:?}"); // shown when the assertion below fails
            assert_close!(isa.with(&run), scalar, 2e-6, 2e-5 * size);
        }
    }
}

/// Elementwise operations give the same bits for any layout, reductions too, since they put their input in order first.
#[test]
fn a_view_gives_the_bits_of_its_copy() {
    type Op = fn(&Tensor) -> Tensor;
    const OPS: [Op; 6] = [
        |x| x.exp(),
        |x| x * 1.7,
        |x| x + &x.sum(&[0], true),
        |x| x.max(&[1], true),
        |x| x.softmax(0),
        Tensor::sum_all,
    ];
    for layout in Layout::ALL {
        let x = layout.tensor(&[61, 1027], (0.1, 4.0), 1);
        let copy = Tensor::from_vec(x.to_vec(), x.shape());
        for op in OPS {
            assert_eq!(bits(&op(&x)), bits(&op(&copy)), "{layout:?}");
        }
    }
}
