//! What must hold whoever calls, on however many threads, with whatever values.

use super::draws::{LARGE, case, for_drawn_cases};
use crate::info::{Cost, Derivatives};
use crate::registry::OpEntry;
use crate::var::Var;
use glassbox_tensor::Tensor;
use glassbox_tensor::parallel::{probe, with_serial_threshold};
use glassbox_tensor::random::Key;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Value and gradients have the same bits on 1, 2, 3 and 7 threads, with even the smallest work handed out; and on several
/// threads more than one worker took a task.
///
/// ```
/// glassbox_autograd::check::bits_do_not_depend_on_threads(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn bits_do_not_depend_on_threads(op: &dyn OpEntry) {
    let mut most_workers = 0;
    let mut has_work = false;
    for dims in LARGE {
        has_work |= case(op, dims, 4).cost() != Cost::VIEW;
        // A graph lives on one thread, so the case is made again on the pool's.
        let run = || {
            let case = case(op, dims, 4);
            let (y, workers) = probe(|| case.run());
            let mut bits = vec![bits_of(&y)];
            if !matches!(op.derivatives(), Derivatives::Never(_)) {
                let leaves: Vec<Var> = case.x.iter().map(|x| Var::input(x.clone())).collect();
                let grads = case.op.apply(&leaves.iter().collect::<Vec<_>>()).sum_all().backward();
                bits.extend(leaves.iter().map(|x| bits_of(grads.of(x))));
            }
            (bits, workers)
        };
        let mut first = None;
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("a few threads can be had");
            let (bits, workers) = pool.install(|| with_serial_threshold(0, run));
            assert!(*first.get_or_insert_with(|| bits.clone()) == bits, "{}: {threads} threads change bits", op.name());
            most_workers = most_workers.max(workers);
        }
    }
    assert!(!has_work || most_workers > 1, "{}: no task ever went to a second worker", op.name());
}

fn bits_of(x: &Tensor) -> Vec<u32> {
    x.to_vec().iter().map(|v| v.to_bits()).collect()
}

thread_local! {
    static CAUGHT_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The sentence and the file of a panic.
fn caught(call: fn()) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let at = info.location().map(|l| l.file().replace('\\', "/"));
            CAUGHT_AT.set(at);
            before(info);
        }));
    });
    let payload = panic::catch_unwind(AssertUnwindSafe(call)).expect_err("a wrong call must panic");
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().unwrap_or(&"not a text").to_string(),
    };
    (text, CAUGHT_AT.take().unwrap_or_default())
}

/// Each wrong call panics with its sentence, at the caller's line: not inside the engine.
///
/// ```
/// glassbox_autograd::check::error_texts(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn error_texts(op: &dyn OpEntry) {
    for wrong in op.wrong() {
        let (text, at) = caught(wrong.call);
        assert_eq!(text, wrong.says, "{}: another sentence than the registered one", op.name());
        assert!(
            at.ends_with(&format!("{}.rs", op.name())) || !at.contains("crates/"),
            "{}: the panic names {at}, not the caller's file; #[track_caller] is missing on the way",
            op.name()
        );
    }
}

/// NaN and the infinities come out where the reference has them.
///
/// ```
/// glassbox_autograd::check::nonfinite_values(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn nonfinite_values(op: &dyn OpEntry) {
    for_drawn_cases(op, 12, 1..=5, |case| {
        for i in 0..case.x.len() {
            for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = case.x.clone();
                let data = x[i].make_mut();
                data[data.len() / 2] = special;
                let y = case.run_on(&x);
                let r = case.op.reference(&x.iter().map(Tensor::to_f64).collect::<Vec<_>>());
                for (at, (&y, &r)) in y.to_vec().iter().zip(&r).enumerate() {
                    let r = r as f32;
                    let same = if r.is_finite() { y.is_finite() } else { y == r || (y.is_nan() && r.is_nan()) };
                    if !same {
                        let case = case.describe();
                        return Err(format!("{case}: {special} in input {i} gives {y} at {at}, the reference {r}"));
                    }
                }
            }
        }
        Ok(())
    });
}

/// Name, formulas, source and costs are there, and the standard problem can be run.
///
/// ```
/// glassbox_autograd::check::tells_what_it_is(&glassbox_autograd::ops::tanh::INFO);
/// ```
pub fn tells_what_it_is(op: &dyn OpEntry) {
    for (what, text) in [("formula", op.formula()), ("gradient", op.gradient()), ("source", op.source())] {
        assert!(!text.trim().is_empty(), "{}: the {what} is missing", op.name());
    }
    let standard = op.standard(Key::new(0));
    let (shapes, cost) = (standard.x.iter().map(Tensor::shape).collect::<Vec<_>>(), standard.cost());
    let inputs: usize = standard.x.iter().map(Tensor::numel).sum();
    let elements = if inputs > 0 { inputs } else { standard.run().numel() };
    assert!(cost == Cost::VIEW || cost.bytes as usize >= elements, "{}: {cost:?} for {shapes:?}", op.name());
    assert!(elements >= 1 << 16, "{}: the standard problem has {elements} elements; time at least 65536", op.name());
}
