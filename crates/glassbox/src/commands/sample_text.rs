//! Text from a model that writes, trained here or elsewhere: it appears as it is written.

use super::probabilities::Probabilities;
use crate::cli::{Sample, Texts};
use crate::failure::Failure;
use crate::out_file::{DRAWING, TEXT, cannot_write, check};
use crate::output::{colours, print};
use glassbox_data::files::write_atomically;
use glassbox_train::{Piece, Sampling, Writer};
use std::io::{IsTerminal, stdout};
use std::path::Path;

/// Between texts, as nanoGPT has it. Lines stand below each other without it.
const RULE: &str = "---------------\n";

/// What is asked of a writer.
pub struct Job<'a> {
    /// How many texts.
    pub n: Option<usize>,
    /// What they follow from.
    pub seed: Option<u64>,
    /// How they are written.
    pub texts: &'a Texts,
    /// What they begin with, if that isn't the prompt.
    pub prefix: Option<&'a str>,
    /// What follows what is written; then the prefix stands before it.
    pub suffix: Option<&'a str>,
    /// Where to, if not here.
    pub out: Option<&'a Path>,
    /// Whether what is there may be replaced.
    pub force: bool,
}

impl Job<'_> {
    /// Refuses a --force that has nothing to replace.
    pub fn check_force(&self) -> Result<(), Failure> {
        match self.force && self.out.is_none() && self.texts.attention.is_none() {
            true => Err(Failure::mistake("--force replaces what --out names; give --out too, or leave --force out")),
            false => Ok(()),
        }
    }

    /// How text number `i` is written.
    fn sampling(&self, writer: &dyn Writer, i: u64) -> Sampling {
        let texts = self.texts;
        let usual = if texts.greedy || texts.beams.is_some() { Sampling::greedy() } else { writer.usual() };
        Sampling {
            tokens: texts.tokens.unwrap_or(usual.tokens),
            seed: self.seed.unwrap_or(usual.seed).wrapping_add(i),
            repetition_penalty: texts.repetition_penalty.unwrap_or(usual.repetition_penalty),
            temperature: texts.temperature.unwrap_or(usual.temperature),
            top_k: texts.top_k.or(usual.top_k),
            top_p: texts.top_p.unwrap_or(usual.top_p),
            min_p: texts.min_p.unwrap_or(usual.min_p),
            stop: texts.stop.clone(),
            beams: texts.beams.unwrap_or(usual.beams),
            length_penalty: texts.length_penalty.unwrap_or(usual.length_penalty),
        }
    }
}

/// Writes the texts that were asked for: to standard output as they come, or into a file. `name` is what the model is called.
pub fn write(writer: &dyn Writer, name: &str, job: &Job<'_>) -> Result<(), Failure> {
    let texts = job.texts;
    if let Some(out) = &texts.attention {
        return draw_attention(writer, name, texts.prompt.as_deref().unwrap_or_default(), out, job.force);
    }
    if let Some(out) = job.out {
        check("--out", out, &TEXT, job.force)?;
    }
    let prompt = texts.prompt.as_deref().or(job.prefix).unwrap_or_default();
    let mut file = String::new();
    let shown = job.out.is_none();
    // Whatever a model writes, it sends no commands to a terminal.
    let plain = shown && stdout().is_terminal();
    let shown_text = |text: &str| if plain { without_controls(text) } else { text.to_string() };
    let mut say = |text: &str| match shown {
        false => {
            file.push_str(text);
            Ok(())
        }
        true => print(text),
    };
    let mut rows = texts.show_probabilities.then(|| Probabilities::new(shown && colours()));
    let listed = rows.as_ref().is_some_and(|rows| !rows.coloured());
    for i in 0..job.n.unwrap_or(1) as u64 {
        if i > 0 && !writer.writes_lines() {
            say(RULE)?;
        }
        let sampling = job.sampling(writer, i);
        let (mut outcome, mut begun) = (Ok(()), listed);
        // The prompt comes with the first piece, so that a prompt which is refused says nothing.
        let mut hear = |piece: &Piece<'_>| {
            let text = shown_text(piece.text);
            let text = rows.as_mut().map_or(text.clone(), |rows| rows.say(piece, &text));
            let first = if begun { String::new() } else { shown_text(prompt) };
            if !text.is_empty() {
                begun = true;
                outcome = say(&format!("{first}{text}"));
            }
            outcome.is_ok()
        };
        match job.suffix {
            Some(suffix) => writer.fill_pieces([prompt, suffix], &sampling, &mut hear)?,
            None => writer.write_pieces(prompt, &sampling, &mut hear)?,
        }
        outcome?;
        if !begun {
            say(&shown_text(prompt))?;
        }
        if !listed {
            say(&shown_text(job.suffix.unwrap_or_default()))?;
            say("\n")?;
        }
    }
    if let Some(rows) = &rows {
        say(&rows.legend())?;
    }
    let Some(out) = job.out else { return Ok(()) };
    write_atomically(out, file.as_bytes()).map_err(|error| cannot_write("--out", &error))?;
    print(&format!("{}\n", out.display()))
}

/// Draws which tokens of the prompt look at which.
fn draw_attention(writer: &dyn Writer, name: &str, prompt: &str, out: &Path, force: bool) -> Result<(), Failure> {
    check("--attention", out, &DRAWING, force)?;
    let drawing = writer.attention(prompt)?;
    let drawing = drawing.ok_or_else(|| {
        Failure::mistake(format!("--attention is for models that have attention, and {name} has none; leave it out"))
    })?;
    write_atomically(out, drawing.as_bytes()).map_err(|error| cannot_write("--attention", &error))?;
    print(&format!("{}\n", out.display()))
}

/// Refuses the flags of text for a model that makes pictures.
pub fn refuse(preset: &str, options: &Sample) -> Result<(), Failure> {
    let texts = &options.texts;
    let given = [
        ("--prompt", texts.prompt.is_some()),
        ("--prefix", options.prefix.is_some()),
        ("--suffix", options.suffix.is_some()),
        ("--tokens", texts.tokens.is_some()),
        ("--temperature", texts.temperature.is_some()),
        ("--top-k", texts.top_k.is_some()),
        ("--top-p", texts.top_p.is_some()),
        ("--min-p", texts.min_p.is_some()),
        ("--repetition-penalty", texts.repetition_penalty.is_some()),
        ("--greedy", texts.greedy),
        ("--stop", !texts.stop.is_empty()),
        ("--beams", texts.beams.is_some()),
        ("--show-probabilities", texts.show_probabilities),
        ("--attention", texts.attention.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::mistake(format!(
            "{flag} is for models that write text, and {preset} makes pictures; leave it out"
        ))),
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
