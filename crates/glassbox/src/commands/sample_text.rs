//! `glassbox sample` of a model that writes: the text appears as it is written.

use crate::cli::Sample;
use crate::failure::Failure;
use crate::out_file::{TEXT, cannot_write, check};
use crate::output::print;
use glassbox_data::files::write_atomically;
use glassbox_train::{Sampling, Writer};
use std::io::{IsTerminal, stdout};

/// Between texts, as nanoGPT has it. Lines stand below each other without it.
const RULE: &str = "---------------\n";

/// Writes the texts that were asked for: to standard output as they come, or into a file.
pub fn write(writer: &dyn Writer, preset: &str, options: &Sample) -> Result<(), Failure> {
    if let Some(kind) = &options.kind {
        return Err(Failure::mistake(format!(
            "--kind {kind} is for models that make pictures, and {preset} writes text; leave it out"
        )));
    }
    if let Some(out) = &options.out {
        check("--out", out, &TEXT, options.force)?;
    }
    let prompt = options.prompt.as_ref().or(options.prefix.as_ref()).map_or("", String::as_str);
    let suffix = options.suffix.as_deref().or(options.prefix.as_ref().map(|_| ""));
    let mut file = String::new();
    let shown = options.out.is_none();
    // Whatever a model writes, it sends no commands to a terminal.
    let plain = shown && stdout().is_terminal();
    let mut say = |piece: &str| match (shown, plain) {
        (false, _) => {
            file.push_str(piece);
            Ok(())
        }
        (true, false) => print(piece),
        (true, true) => print(&without_controls(piece)),
    };
    for i in 0..options.n.unwrap_or(1) as u64 {
        if i > 0 && !writer.writes_lines() {
            say(RULE)?;
        }
        let sampling = sampling(options, i);
        let (mut outcome, mut begun) = (Ok(()), false);
        // The prompt comes with the first piece, so that a prompt which is refused says nothing.
        let mut hear = |piece: &str| {
            let first = if begun { "" } else { prompt };
            begun = true;
            outcome = say(&format!("{first}{piece}"));
            outcome.is_ok()
        };
        match suffix {
            Some(suffix) => writer.fill([prompt, suffix], &sampling, &mut hear)?,
            None => writer.write(prompt, &sampling, &mut hear)?,
        }
        outcome?;
        if !begun {
            say(prompt)?;
        }
        say(suffix.unwrap_or_default())?;
        say("\n")?;
    }
    let Some(out) = &options.out else { return Ok(()) };
    write_atomically(out, file.as_bytes()).map_err(|error| cannot_write("--out", &error))?;
    print(&format!("{}\n", out.display()))
}

/// Refuses the flags of text for a model that makes pictures.
pub fn refuse(preset: &str, options: &Sample) -> Result<(), Failure> {
    let given = [
        ("--prompt", options.prompt.is_some()),
        ("--prefix", options.prefix.is_some()),
        ("--suffix", options.suffix.is_some()),
        ("--tokens", options.tokens.is_some()),
        ("--temperature", options.temperature.is_some()),
        ("--top-k", options.top_k.is_some()),
        ("--top-p", options.top_p.is_some()),
        ("--min-p", options.min_p.is_some()),
        ("--repetition-penalty", options.repetition_penalty.is_some()),
        ("--greedy", options.greedy),
        ("--stop", !options.stop.is_empty()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::mistake(format!(
            "{flag} is for models that write text, and {preset} makes pictures; leave it out"
        ))),
    }
}

/// How text number `i` is written.
fn sampling(options: &Sample, i: u64) -> Sampling {
    let usual = if options.greedy { Sampling::greedy() } else { Sampling::default() };
    Sampling {
        tokens: options.tokens.unwrap_or(usual.tokens),
        seed: options.seed.unwrap_or(usual.seed).wrapping_add(i),
        repetition_penalty: options.repetition_penalty.unwrap_or(usual.repetition_penalty),
        temperature: options.temperature.unwrap_or(usual.temperature),
        top_k: options.top_k.or(usual.top_k),
        top_p: options.top_p.unwrap_or(usual.top_p),
        min_p: options.min_p.unwrap_or(usual.min_p),
        stop: options.stop.clone(),
    }
}

/// The text with the replacement character for controls other than line breaks and tabs.
fn without_controls(text: &str) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(without_controls("a\tb\nc\x1b[2Jd\r"), "a\tb\nc\u{fffd}[2Jd\u{fffd}");
    }
}
