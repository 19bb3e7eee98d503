//! Every contestant of every family keeps the family's bound at sizes that don't fit anybody's tiles; and the bounds refuse what
//! they are there to refuse.

use glassbox_benches::kernels::case::{Case, numbers};
use glassbox_benches::kernels::layer_norm::LayerNorm;
use glassbox_benches::kernels::{
    FAMILIES, Family, attention, conv2d, fill, gemm, layer_norm, plot, softmax, sum, table,
};
use glassbox_tensor::gemm::MatRef;
use glassbox_tensor::parallel::with_serial_threshold;
use glassbox_tensor::{Conv2dOptions, Tensor};

/// Holds all of a case's contestants to the bound, and names the one that breaks it.
fn hold(family: &Family, case: &Case) {
    for (i, run) in case.runs.iter().enumerate() {
        let verdict = case.verdict(i);
        let (name, label, contestant) = (family.name, &case.label, &run.name);
        assert!(verdict.share <= 1.0, "{name}, {label}: {contestant} breaks the bound: {}", verdict.worst);
    }
}

#[test]
fn every_contestant_keeps_the_bound_at_awkward_sizes() {
    for family in FAMILIES {
        for size in family.awkward {
            hold(family, &(family.case)(size));
        }
    }
}

#[test]
fn every_contestant_keeps_the_bound_when_even_the_smallest_work_is_handed_to_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| {
        for family in FAMILIES {
            for size in family.awkward {
                with_serial_threshold(0, || hold(family, &(family.case)(size)));
            }
        }
    });
}

/// The share of a contestant that is wrong in one way.
fn share(case: Case) -> f64 {
    case.verdict(0).share
}

/// Forgets the last k.
struct Short;
/// Rounds its operands to 16 bits.
struct Halved;

impl gemm::Gemm for Short {
    fn name(&self) -> &str {
        "short"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        for (at, c) in c.iter_mut().enumerate() {
            *c = (0..a.cols() - 1).map(|k| a.at(at / b.cols(), k) * b.at(k, at % b.cols())).sum();
        }
    }
}

impl gemm::Gemm for Halved {
    fn name(&self) -> &str {
        "bf16"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        let half = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
        for (at, c) in c.iter_mut().enumerate() {
            *c = (0..a.cols()).map(|k| half(a.at(at / b.cols(), k)) * half(b.at(k, at % b.cols()))).sum();
        }
    }
}

#[test]
fn a_product_that_forgets_a_term_or_rounds_its_operands_is_refused() {
    for size in [[5, 7, 30, 0], [1, 1, 3, 0], [40, 33, 100, 3]] {
        assert!(share(gemm::case_of(&[&Short], &size)) > 1.0, "{size:?}");
        assert!(share(gemm::case_of(&[&Halved], &size)) > 1.0, "{size:?}");
    }
}

/// mean(x²) − mean(x)².
struct Textbook;

impl LayerNorm for Textbook {
    fn name(&self) -> &str {
        "textbook"
    }
    fn layer_norm(&self, x: &Tensor, w: &Tensor, b: &Tensor, eps: f32, y: &mut Tensor) {
        let n = x.shape()[1];
        for (x, y) in numbers(x).chunks(n).zip(y.make_mut().chunks_mut(n)) {
            let mean = x.iter().sum::<f32>() / n as f32;
            let var = x.iter().map(|x| x * x).sum::<f32>() / n as f32 - mean * mean;
            for (((y, x), w), b) in y.iter_mut().zip(x).zip(numbers(w)).zip(numbers(b)) {
                *y = (x - mean) / (var + eps).sqrt() * w + b;
            }
        }
    }
}

#[test]
fn the_variance_of_the_textbook_is_refused_where_the_mean_is_large() {
    assert!(share(layer_norm::case_of(&[&Textbook], &[5, 16, 0])) <= 1.0);
    assert!(share(layer_norm::case_of(&[&Textbook], &[5, 16, 1000])) > 1.0);
}

/// One contestant of four families, each wrong in one way.
struct Wrong;

impl softmax::Softmax for Wrong {
    fn name(&self) -> &str {
        "an exponential of few digits"
    }
    fn softmax(&self, x: &Tensor, y: &mut Tensor) {
        // (1 + x/4096)^4096: off by x²/8192
        let n = x.shape()[1];
        for (x, y) in numbers(x).chunks(n).zip(y.make_mut().chunks_mut(n)) {
            let max = x.iter().fold(f32::MIN, |m, &x| m.max(x));
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (1.0 + (x - max) / 4096.0).powi(4096));
            let sum: f32 = y.iter().sum();
            y.iter_mut().for_each(|y| *y /= sum);
        }
    }
}

impl conv2d::Conv2d for Wrong {
    fn name(&self) -> &str {
        "the kernel upside down"
    }
    fn conv2d(&self, x: &Tensor, w: &Tensor, options: &Conv2dOptions, y: &mut Tensor) {
        *y = x.conv2d(&w.flip(&[2]), None, *options);
    }
}

impl attention::Attention for Wrong {
    fn name(&self) -> &str {
        "sees the future"
    }
    fn attention(&self, qkv: [&Tensor; 3], _: bool, y: &mut Tensor) {
        attention::Attention::attention(&attention::Top, qkv, false, y);
    }
}

impl sum::Sum for Wrong {
    fn name(&self) -> &str {
        "forgets the tail"
    }
    fn sum(&self, x: &Tensor) -> f32 {
        let x = numbers(x);
        x[..x.len() / 8 * 8].iter().sum()
    }
}

impl fill::NormalFill for Wrong {
    fn name(&self) -> &str {
        "twelve uniform numbers, added up"
    }
    fn fill(&self, seed: u64, out: &mut [f32]) {
        let key = glassbox_tensor::random::Key::new(seed);
        for (i, out) in (0..).zip(out) {
            *out = (0..12).map(|j| key.uniform(12 * i + j)).sum::<f32>() - 6.0;
        }
    }
}

#[test]
fn each_family_refuses_a_kernel_that_is_nearly_right() {
    assert!(share(softmax::case_of(&[&Wrong], &[3, 17])) > 1.0);
    assert!(share(conv2d::case_of(&[&Wrong], &[1, 2, 5, 5, 2, 3, 1, 1, 1])) > 1.0);
    assert!(share(attention::case_of(&[&Wrong], &[1, 1, 9, 4, 1])) > 1.0);
    assert!(share(attention::case_of(&[&Wrong], &[1, 1, 9, 4, 0])) <= 1.0);
    assert!(share(sum::case_of(&[&Wrong], &[100])) > 1.0);
    assert!(share(sum::case_of(&[&Wrong], &[96])) <= 1.0);
    // The sum of twelve is close to normal: its tails end at 6, its fourth moment is 2.9. A million numbers tell.
    assert!(share(fill::case_of(&[&Wrong], &[2_000_000])) > 1.0);
}

#[test]
fn what_a_kernel_leaves_unwritten_is_seen() {
    struct Lazy;
    impl fill::NormalFill for Lazy {
        fn name(&self) -> &str {
            "lazy"
        }
        fn fill(&self, _: u64, _: &mut [f32]) {}
    }
    assert_eq!(share(fill::case_of(&[&Lazy], &[10])), f64::INFINITY);
}

#[test]
fn a_table_has_a_figure_for_everybody_and_none_for_a_wrong_answer() {
    let case = gemm::case_of(&[&gemm::Top, &Short, &Halved], &[16, 16, 16, 0]);
    let family = gemm::FAMILY;
    let mut table = table::Table { family, unit: "", sizes: Vec::new(), rows: Vec::new(), wrong: Vec::new() };
    table.add(&case, 2);
    table.add(&gemm::case_of(&[&gemm::Top, &Short, &Halved], &[32, 32, 32, 0]), 2);
    assert!(table.rows[0].1.iter().all(|cell| cell.is_some_and(|cell| cell.median > 0.0)));
    assert!(table.rows[1].1.iter().chain(&table.rows[2].1).all(Option::is_none));
    assert!(table.wrong[0].starts_with("gemm, 16 square, short: element "), "{}", table.wrong[0]);
    let text = table.markdown();
    assert!(text.starts_with("| GFLOP/s | 16 square | 32 square |\n| --- | ---: | ---: |\n| 5 Glassbox | "), "{text}");
    assert_eq!(text.lines().count(), 5);
    let svg = plot::svg(&table, "a title").expect("two squares");
    assert!(svg.contains("5 Glassbox") && svg.contains("a title") && !svg.contains("bf16"));
}
