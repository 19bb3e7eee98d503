//! The first operation that makes a NaN is named, and the line that called it.

use glassbox_autograd::{Var, checkpoint, detect_anomaly, grad};
use glassbox_tensor::{Tensor, tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `f` is stopped with.
fn anomaly(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| detect_anomaly(f))).expect_err("an anomaly");
    payload.downcast_ref::<String>().expect("a sentence").clone()
}

/// The line after the one that calls this, as a sentence names it.
#[track_caller]
fn next_line() -> String {
    let here = std::panic::Location::caller();
    format!("{}:{}:", here.file(), here.line() + 1)
}

#[test]
fn a_nan_on_the_way_forward() {
    let x = Var::input(tensor![[1.0, -2.0], [0.5, -3.0]]).named("encoder.weight");
    let mut line = String::new();
    let sentence = anomaly(|| {
        line = next_line();
        let h = x.ln();
        let _ = h.exp().sum_all();
    });
    let start = "ln: 2 of 4 elements of its value [2, 2] are NaN, the first at [0, 1], out of inputs without NaN: \
                 encoder.weight [2, 2] from -3.0 to 1.0; called at ";
    assert!(sentence.starts_with(&format!("{start}{line}")), "{sentence}");
}

#[test]
fn an_infinity_of_two_inputs() {
    let (a, b) = (Var::input(tensor![1.0, 2.0]), Var::constant(tensor![0.0, 1.0]));
    let sentence = anomaly(|| drop(&a / &b));
    let start = "div: 1 of 2 elements of its value [2] is infinite, the first at [0], out of inputs that are finite: \
                 input 0 [2] from 1.0 to 2.0, input 1 [2] from 0.0 to 1.0; called at ";
    assert!(sentence.starts_with(start), "{sentence}");
}

#[test]
fn constants_are_looked_at_too_and_inside_a_checkpoint() {
    assert!(anomaly(|| drop(Var::constant(tensor![-1.0]).ln())).starts_with("ln: 1 of 1 element"));
    let x = Var::input(tensor![-1.0]);
    assert!(anomaly(|| drop(checkpoint(|| x.ln()))).starts_with("ln: 1 of 1 element"));
}

#[test]
fn an_infinity_on_the_way_back_names_the_line_forward() {
    let x = Var::input(tensor![0.0, 1.0]);
    let mut line = String::new();
    let sentence = anomaly(|| {
        line = next_line();
        let h = (&x.square() + 1e-45).ln(); // finite at x = 0, unlike its derivative
        drop(h.sum_all().backward());
    });
    assert!(
        sentence.starts_with("ln, backward: 1 of 2 elements of the gradient of input 0 [2] is infinite"),
        "{sentence}"
    );
    assert!(sentence.contains(&line), "{sentence} lacks {line}");
}

#[test]
fn an_infinite_gradient_of_a_finite_value_in_both_kinds_of_sweep() {
    // 1/1e-30 is finite in f32; the gradient −1/x² is not
    let (one, x) = (Var::constant(tensor![1.0]), Var::input(tensor![1e-30]).named("x"));
    let expected = "div, backward: 1 of 1 element of the gradient of x [1] is infinite, the first at [0], out of inputs \
                    that are finite: dy [1] (";
    let back = anomaly(|| drop((&one / &x).sum_all().backward()));
    assert!(back.starts_with(expected), "{back}");
    assert!(back.contains("div was called at ") && back.ends_with("with input 0 [1], x [1]"), "{back}");
    let graph = anomaly(|| drop(grad(&(&one / &x).sum_all(), &[&x])));
    assert_eq!(graph.split("called at").next(), back.split("called at").next());
}

#[test]
fn gradients_that_overflow_where_they_meet() {
    let x = Var::input(tensor![1.0]).named("x");
    let y = &(&x * 3e38) + &(&x * 3e38); // infinite already forward
    let sentence = anomaly(|| drop(y.sum_all().backward()));
    assert!(sentence.starts_with("a leaf x, made at "), "{sentence}");
    assert!(sentence.contains("the sum of the gradients of its uses, [1] is infinite"), "{sentence}");
}

#[test]
fn infinities_that_come_in_are_nobodys_fault_and_what_becomes_nan_of_them_is() {
    let mask = Var::constant(tensor![0.0, f32::NEG_INFINITY]);
    let x = Var::input(tensor![1.0, 2.0]);
    let p = detect_anomaly(|| (&x + &mask).softmax(-1));
    assert_eq!(p.value(), &tensor![1.0, 0.0]);
    let sentence = anomaly(|| drop(&mask - &mask));
    assert!(sentence.starts_with("sub: 1 of 2 elements of its value [2] is NaN"), "{sentence}");
}

#[test]
fn a_sound_step_is_left_alone_and_the_mode_ends_with_its_function() {
    let x = Var::input(Tensor::ones([3]));
    let grads = detect_anomaly(|| x.exp().sum_all().backward());
    assert!(grads.of(&x).to_vec().iter().all(|g| (g - 1f32.exp()).abs() < 1e-6));
    assert!(anomaly(|| drop(Var::constant(tensor![-1.0]).ln())).starts_with("ln"));
    assert!(Var::constant(tensor![-1.0]).ln().item().is_nan(), "outside of the mode nobody looks");
}

/// A report names the line of the program and not one of this crate, if every method on the way passes its caller on.
#[test]
fn every_method_of_a_variable_passes_its_caller_on() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops");
    let mut silent = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let (mut of_a_variable, mut tracked) = (false, false);
        for line in text.lines() {
            let code = line.trim_start();
            match code {
                _ if code.starts_with("impl") && code.ends_with('{') => {
                    of_a_variable = code.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Var");
                }
                _ if line == "}" => of_a_variable = false,
                "#[track_caller]" => tracked = true,
                _ if code.starts_with("fn ") || code.starts_with("pub fn ") => {
                    if of_a_variable && !tracked {
                        silent.push(format!("{}: {code}", file.file_name().unwrap().to_string_lossy()));
                    }
                    tracked = false;
                }
                _ => {}
            }
        }
    }
    assert!(silent.is_empty(), "#[track_caller] is missing before\n{}", silent.join("\n"));
}
