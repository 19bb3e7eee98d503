//! The border between the program and its user: every error becomes one sentence on standard error and an exit code.

use glassbox_data::DataError;
use glassbox_train::TrainError;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something about what was asked for: an argument, or a file that an argument names. Exit code 2.
    Mistake(String),
    /// Something went wrong on the way. Exit code 1.
    Failed(anyhow::Error),
    /// Whoever reads our output has had enough (`glassbox list | head -1`). Nothing to complain about.
    OutputClosed,
}

impl Failure {
    /// A mistake of the user's, in one sentence that says the way out.
    pub fn mistake(sentence: impl Display) -> Failure {
        Failure::Mistake(sentence.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        // What is read was named on the command line, by itself or through the run that it is a part of.
        let reading = matches!(
            error,
            TrainError::Io { doing: "read", .. } | TrainError::Data(DataError::Io { doing: "read", .. })
        );
        // Its text says its cause already, which {:#} would say again.
        let sentence = error.to_string();
        if error.is_mistake() || reading {
            Failure::Mistake(sentence)
        } else {
            Failure::Failed(anyhow::Error::msg(sentence))
        }
    }
}

/// Runs the program; reports what went wrong, panics included.
///
/// The engine panics for wrong code, such as shapes that don't fit, and no input may lead there. If one does, the user
/// reads one sentence with the place in it and not a backtrace.
pub fn at_the_border(program: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    static FIRST_PANIC: Mutex<Option<String>> = Mutex::new(None);
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map_or(String::new(), |l| format!(" (at {}:{})", l.file(), l.line()));
        if let Ok(mut first) = FIRST_PANIC.lock() {
            first.get_or_insert(format!("{message}{place}"));
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(program)) {
        Ok(Ok(()) | Err(Failure::OutputClosed)) => ExitCode::SUCCESS,
        Ok(Err(Failure::Mistake(sentence))) => report(&sentence, 2),
        Ok(Err(Failure::Failed(error))) => report(&format!("{error:#}"), 1),
        Err(_) => {
            let first = FIRST_PANIC.lock().ok().and_then(|mut first| first.take()).unwrap_or_default();
            report(&format!("this is a bug in glassbox, please report it: {first}"), 1)
        }
    }
}

fn report(sentence: &str, code: u8) -> ExitCode {
    use std::io::Write;
    // If standard error is closed too there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "glassbox: {}", one_line(sentence));
    ExitCode::from(code)
}

/// Errors of other libraries come with line breaks (a TOML error draws its line); here they become one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_many_lines_becomes_one() {
        assert_eq!(one_line("TOML parse error\n  |\n1 | a = \n  |     ^\n"), "TOML parse error | 1 | a = | ^");
    }
}
