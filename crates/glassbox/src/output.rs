//! Standard output: text for people and JSON for programs, without the panic of `println!` when the reader has gone.

use crate::failure::Failure;
use clap::builder::StyledStr;
use std::io::{self, IsTerminal, Write};

/// Writes `text` to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => {
            Err(anyhow::anyhow!("can't write to standard output: {error}; send it to a place with room for it").into())
        }
    }
}

/// Writes a text with the styles that clap gave it, where they are wanted.
pub fn print_styled(text: &StyledStr) -> Result<(), Failure> {
    print(&if colours() { text.ansi().to_string() } else { text.to_string() })
}

/// Whether standard output is to have colours.
pub fn colours() -> bool {
    colours_of(io::stdout().is_terminal(), |name| std::env::var(name).unwrap_or_default())
}

/// Whether to write colours: on a terminal that knows them, and unless they are not wanted. `NO_COLOR` (<https://no-color.org>)
/// comes before `CLICOLOR_FORCE` and `CLICOLOR` (<https://bixense.com/clicolors>).
fn colours_of(terminal: bool, variable: impl Fn(&str) -> String) -> bool {
    let is_on = |name: &str| !["", "0"].contains(&variable(name).as_str());
    match () {
        () if !variable("NO_COLOR").is_empty() => false,
        () if is_on("CLICOLOR_FORCE") => true,
        () => terminal && variable("CLICOLOR") != "0" && variable("TERM") != "dumb",
    }
}

/// Writes `document` and nothing else, as one JSON document with a line break at its end.
pub fn print_json(document: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{document:#}\n"))
}

/// Writes a sentence to standard error, beside what the command does.
pub fn note(sentence: &str) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "glassbox: {sentence}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_for_those_who_want_them() {
        for (terminal, variables, expected) in [
            (true, "TERM=xterm", true),
            (false, "TERM=xterm", false),
            (true, "TERM=dumb", false),
            (true, "NO_COLOR=1", false),
            (true, "NO_COLOR=", true),   // empty is not set: no-color.org
            (true, "NO_COLOR=0", false), // and anything else is
            (true, "CLICOLOR=0", false),
            (true, "CLICOLOR=1", true),
            (false, "CLICOLOR_FORCE=1", true),
            (false, "CLICOLOR_FORCE=0", false),
            (true, "CLICOLOR_FORCE=1 NO_COLOR=1", false),
            (false, "CLICOLOR_FORCE=1 CLICOLOR=0", true),
        ] {
            let set = |name: &str| {
                let mut all = variables.split(' ').filter_map(|variable| variable.split_once('='));
                all.find(|(key, _)| *key == name).map_or(String::new(), |(_, value)| value.to_string())
            };
            assert_eq!(colours_of(terminal, set), expected, "{terminal} {variables}");
        }
    }
}
