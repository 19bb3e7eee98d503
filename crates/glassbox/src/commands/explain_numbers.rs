//! `glassbox explain OP --numbers`: a small example of an operation with every number of both passes.

use super::explain::derivatives;
use glassbox_autograd::{Derivatives, Drawn, OpEntry, Var, side_by_side, trace_from};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// The page of an operation.
pub fn page(op: &dyn OpEntry) -> String {
    let Drawn { op: applied, x } = example(op);
    let x: Vec<Tensor> = x.iter().map(legible).collect();
    let names = input_names(op, x.len());
    let mut text = format!("{}: {applied:?}\n\nforward\n\n", op.name());
    text.push_str(&formulas(op.formula()));
    let titled = |name: &str, x: &Tensor| (format!("{name} {:?}", x.shape()), x.to_string());
    let mut columns: Vec<(String, String)> = names.iter().zip(&x).map(|(name, x)| titled(name, x)).collect();

    if let Derivatives::Never(_) = op.derivatives() {
        let y = applied.forward(&x.iter().collect::<Vec<_>>());
        columns.push(titled("y", &y));
        text.push_str(&block(&columns));
        text.push_str(&format!("\nbackward\n\n    {}\n", derivatives(op.derivatives())));
        return text;
    }
    let leaves: Vec<Var> = x.into_iter().map(Var::input).collect();
    let y = applied.apply(&leaves.iter().collect::<Vec<_>>());
    columns.push(titled("y", y.value()));
    text.push_str(&block(&columns));

    let dy = upstream(y.shape());
    let steps = trace_from(&y, &dy).steps;
    text.push_str("\nbackward\n\n");
    text.push_str(&formulas(op.gradient()));
    let mut columns = vec![titled("dy", &dy)];
    // The sweep goes from y down: the last input, which was made last, comes first.
    columns
        .extend(names.iter().zip(steps.iter().rev()).map(|(name, step)| titled(&format!("d{name}"), &step.gradient)));
    text.push_str(&block(&columns));
    text
}

/// The sample to show: of all that few small dimensions give, one whose first input is 2 × 3, with all inputs that the
/// operation can have and no more elements than one takes in at a glance.
fn example(op: &dyn OpEntry) -> Drawn {
    let mut best: Option<(i64, Drawn)> = None;
    for variant in 0..256u32 {
        let more = (0..4).map(|place| 1 + (variant / 4u32.pow(place) % 4) as usize);
        let dims: Vec<usize> = [2, 3].into_iter().chain(more).collect();
        let drawn = op.sample(&mut glassbox_autograd::Draw::new(dims), Key::new(0));
        let elements: usize = drawn.x.iter().map(Tensor::numel).sum();
        let two_by_three = drawn.x.first().is_some_and(|x| x.shape() == [2, 3]);
        let same = drawn.x.iter().filter(|x| x.shape() == [2, 3]).count();
        let beyond_two: usize = drawn.x.iter().map(|x| x.rank().saturating_sub(2)).sum();
        let ones = drawn.x.iter().flat_map(|x| x.shape()).filter(|dim| **dim == 1).count();
        let good = 8 * two_by_three as usize + 4 * drawn.x.len() + same;
        let score = good as i64 - (elements / 8 + 3 * beyond_two + ones) as i64;
        if best.as_ref().is_none_or(|(most, _)| score > *most) {
            best = Some((score, drawn));
        }
    }
    best.expect("there is a variant").1
}

/// With two digits after the point, where that leaves anything of it. A sample stays 0.05 away from a kink, which two digits
/// don't cross.
fn legible(x: &Tensor) -> Tensor {
    let values = x.to_vec();
    if values.iter().all(|v| v.abs() < 0.5) {
        return x.clone();
    }
    Tensor::from_vec(values.iter().map(|v| (v * 100.0).round() / 100.0).collect(), x.shape())
}

/// A gradient with numbers that are easy to follow.
fn upstream(shape: &[usize]) -> Tensor {
    const CYCLE: [f32; 5] = [1.0, -1.0, 2.0, 0.5, -2.0];
    let n: usize = shape.iter().product();
    Tensor::from_vec((0..n).map(|i| CYCLE[i % CYCLE.len()]).collect(), shape)
}

/// What the formulas call the inputs: `da = …, db = …` tells of a and b. Where that isn't clear, their numbers.
fn input_names(op: &dyn OpEntry, count: usize) -> Vec<String> {
    let is_letter = |c: char| c.is_alphabetic() || c.is_ascii_digit() || c == '_'; // and not the ² of mu²
    let words = |text: &str| text.split(|c| !is_letter(c)).map(str::to_string).collect::<Vec<_>>();
    let formula = words(op.formula());
    let mut names = Vec::new();
    let ends = op.gradient().match_indices('=').map(|(at, _)| at);
    for left in ends.map(|at| op.gradient()[..at].trim_end()) {
        let start =
            left.rfind(|c| !is_letter(c)).map_or(0, |at| at + left[at..].chars().next().map_or(1, char::len_utf8));
        if let Some(name) = left[start..].strip_prefix('d').map(str::to_string)
            && formula.contains(&name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    match count {
        _ if names.len() == count => names,
        1 => vec!["x".to_string()],
        _ => (0..count).map(|i| format!("input {i}")).collect(),
    }
}

fn formulas(text: &str) -> String {
    text.lines().map(|line| format!("    {}\n", line.trim())).collect::<String>() + "\n"
}

fn block(columns: &[(String, String)]) -> String {
    side_by_side(columns).lines().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_autograd::ops::registry;

    fn op(name: &str) -> &'static dyn OpEntry {
        *registry().iter().find(|op| op.name() == name).expect("registered")
    }

    #[test]
    fn every_operation_has_numbers() {
        for op in registry() {
            let page = page(*op);
            assert!(page.contains("forward") && page.contains("backward"), "{page}");
            assert!(page.lines().count() < 120, "{} is no small example:\n{page}", op.name());
            let (_, numbers) = page.split_once("forward").expect("asserted above"); // a field may be infinite: clamp's bound
            let mut words = numbers.split([' ', '[', ']', '\n']);
            assert!(!words.any(|word| ["nan", "inf", "-inf"].contains(&word)), "{page}");
        }
    }

    #[test]
    fn inputs_are_called_as_in_the_formulas() {
        assert_eq!(input_names(op("mul"), 2), ["a", "b"]);
        assert_eq!(input_names(op("linear"), 3), ["x", "w", "b"]);
        assert_eq!(input_names(op("linear"), 2), ["input 0", "input 1"]);
        assert_eq!(input_names(op("gaussian_kl"), 2), ["mu", "logvar"]);
        assert_eq!(input_names(op("exp"), 1), ["x"]);
    }
}
