//! A model as a table: what it holds, and what a forward pass costs.

mod forward;

pub use forward::{ForwardSummary, ModuleCost, summary_of};

use crate::module::{Module, Slot};
use crate::name::Name;
use std::fmt::Write;

/// A row for every parameter and buffer, with its dotted name, its shape and how many numbers it holds, and a last row
/// with the sum of what is learned.
///
/// ```
/// use glassbox_nn::{Linear, Module, summary};
/// use glassbox_tensor::random::Key;
///
/// #[derive(Module)]
/// struct Mlp {
///     fc1: Linear,
///     fc2: Linear,
/// }
/// let mut mlp = Mlp { fc1: Linear::new(784, 400, Key::new(0)), fc2: Linear::new(400, 10, Key::new(1)) };
/// mlp.fc2.bias.freeze();
/// assert_eq!(summary(&mlp), "\
/// fc1.weight  [400, 784]  313_600
/// fc1.bias    [400]           400
/// fc2.weight  [10, 400]     4_000
/// fc2.bias    [10]             10  frozen
/// learned                 318_000  1.27 MB as f32
/// ");
/// ```
pub fn summary(module: &(impl Module + ?Sized)) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut learned = 0;
    module.visit(Name::root(), &mut |name, slot| {
        let value = slot.value();
        let remark = match slot {
            Slot::Buffer(_) => "buffer",
            Slot::Param(param) if param.is_frozen() => "frozen",
            Slot::Param(_) => {
                learned += value.numel();
                ""
            }
        };
        rows.push([name.to_string(), format!("{:?}", value.shape()), grouped(value.numel()), remark.into()]);
    });
    let megabytes = (learned * size_of::<f32>()) as f64 / 1e6;
    rows.push(["learned".into(), String::new(), grouped(learned), format!("{megabytes:.2} MB as f32")]);
    table(&rows, [false, false, true, false])
}

/// Rows in columns as wide as their widest entry; those of the columns in `right` stand at the right.
fn table<const N: usize>(rows: &[[String; N]], right: [bool; N]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, entry) in row.iter().enumerate() {
            let width = width(column);
            let padded = if right[column] { format!("{entry:>width$}") } else { format!("{entry:<width$}") };
            line.push_str(if column > 0 { "  " } else { "" });
            line.push_str(&padded);
        }
        let _ = writeln!(text, "{}", line.trim_end()); // writing to a String can't fail
    }
    text
}

/// 1234567 as `1_234_567`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
