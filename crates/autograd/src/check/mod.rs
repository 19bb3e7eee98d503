//! The harness: what every registered operation is tested for, with no further work by its author.
//!
//! [`check_op!`](crate::check_op) generates these as named tests, in this crate from the list of operations and in any
//! other crate by hand. The author chooses formulas and ranges; the shapes, layouts, instruction sets, threads and special
//! values are the harness' own, and so is the verdict whether a tolerance is honest.

mod draws;
mod gradient;
mod robust;
mod value;

pub use gradient::{backward_agrees_with_itself, gradient, second_derivative};
pub use robust::{bits_do_not_depend_on_threads, error_texts, nonfinite_values, tells_what_it_is};
pub use value::{forward, forward_on_every_isa, layouts, tolerance_is_tight};

/// Generates an operation's tests in a module of that name: `check_op!(bump, INFO);` in a test module gives
/// `bump::forward`, `bump::gradient` and so on, for the entry `static INFO: OpInfo<Bump>`.
///
/// ```
/// use glassbox_autograd::ops::exp;
/// glassbox_autograd::check_op!(my_exp, glassbox_autograd::ops::exp::INFO);
/// glassbox_autograd::check::forward(&exp::INFO); // what one of the generated tests does
/// ```
///
/// `examples/custom_op.rs` holds a whole operation with its tests.
#[macro_export]
macro_rules! check_op {
    ($name:ident, $info:expr) => {
        mod $name {
            #[allow(unused_imports)] // the entry may be named by a path, or by what stands around the macro
            use super::*;

            #[test]
            fn forward() {
                $crate::check::forward(&$info);
            }
            #[test]
            fn forward_on_every_isa() {
                $crate::check::forward_on_every_isa(&$info);
            }
            #[test]
            fn layouts() {
                $crate::check::layouts(&$info);
            }
            #[test]
            fn tolerance_is_tight() {
                $crate::check::tolerance_is_tight(&$info);
            }
            #[test]
            fn bits_do_not_depend_on_threads() {
                $crate::check::bits_do_not_depend_on_threads(&$info);
            }
            #[test]
            fn gradient() {
                $crate::check::gradient(&$info);
            }
            #[test]
            fn second_derivative() {
                $crate::check::second_derivative(&$info);
            }
            #[test]
            fn backward_agrees_with_itself() {
                $crate::check::backward_agrees_with_itself(&$info);
            }
            #[test]
            fn error_texts() {
                $crate::check::error_texts(&$info);
            }
            #[test]
            fn nonfinite_values() {
                $crate::check::nonfinite_values(&$info);
            }
            #[test]
            fn tells_what_it_is() {
                $crate::check::tells_what_it_is(&$info);
            }
        }
    };
}
