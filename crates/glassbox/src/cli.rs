//! What can be asked for: the commands and their flags, and one sentence for what can't.

use crate::failure::Failure;
use crate::output;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Parser)]
#[command(
    name = "glassbox",
    version,
    about = "Generative AI from scratch, and all the way down to the SIMD instruction.",
    after_help = "Start with `glassbox train vae`, and read about a part of it with `glassbox explain softmax`.\n\
                  GLASSBOX_ISA=scalar|avx2|avx512 forces an instruction set."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One command with its flags.
#[derive(Subcommand)]
pub enum Command {
    /// Show the presets and the data sets, with what each costs to run
    List(List),
    /// Train a preset into a run directory, or go on with a run
    Train(Train),
    /// Draw pictures with a trained model
    Sample(Sample),
    /// Judge the last checkpoint of a run on pictures that it wasn't trained on
    Eval(Eval),
    /// Compare runs on one page, or write the report of one anew; or their metrics as CSV
    Report(Report),
    /// Explain an operation or a preset: formula, shapes, parameters, FLOPs, the graph
    Explain(Explain),
    /// Time every operation, against what this machine can do at best
    Bench(Bench),
    /// List the data sets, or check that one is whole
    #[command(subcommand)]
    Data(Data),
}

/// `glassbox list`
#[derive(Args)]
pub struct List {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `glassbox train`
#[derive(Args)]
pub struct Train {
    /// What to train; `glassbox list` shows what there is
    #[arg(required_unless_present = "resume")]
    pub preset: Option<String>,
    /// Go on with the run in this directory, from its last checkpoint
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["preset", "out", "minutes", "seed", "set", "data"])]
    pub resume: Option<PathBuf>,
    /// The run directory [default: runs/PRESET, or runs/PRESET-2, … if that exists]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The step to end at, counted from the start of the run
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = steps)]
    pub steps: Option<u64>,
    /// End after this many minutes, wherever the run is by then
    #[arg(long, value_name = "M", conflicts_with = "steps", allow_negative_numbers = true, value_parser = minutes)]
    pub minutes: Option<f64>,
    /// Everything random follows from this number [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seed)]
    pub seed: Option<u64>,
    /// Threads to compute with; the result doesn't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
    /// Checkpoints that are kept, the last ones; the best on held-out data is kept besides [default: 2]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = checkpoints)]
    pub keep: Option<usize>,
    /// Change one key of the configuration; `glassbox explain PRESET` shows the keys
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The data set: a name that `glassbox data list` shows, or a folder with IDX files
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
}

/// `glassbox sample`
#[derive(Args)]
pub struct Sample {
    /// A run directory
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// How many samples [default: 64]
    #[arg(short, value_name = "N", allow_negative_numbers = true, value_parser = pictures, conflicts_with = "kind")]
    pub n: Option<usize>,
    /// What the noise of the samples follows from [default: 0]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seed, conflicts_with = "kind")]
    pub seed: Option<u64>,
    /// Another picture of the model instead of samples, such as reconstructions or interpolations
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// The PNG file to write [default: KIND.png, or samples-seed-S.png, in DIR/samples]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Threads to compute with; the picture doesn't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox eval`
#[derive(Args)]
pub struct Eval {
    /// A run directory
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Threads to compute with; the numbers don't depend on it [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox report`
#[derive(Args)]
pub struct Report {
    /// Run directories
    #[arg(value_name = "DIR", required = true)]
    pub runs: Vec<PathBuf>,
    /// The page to write [default: report.html in DIR, and comparison.html here for several]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
    /// Write the metrics as a table instead of the page; - is standard output
    #[arg(long, value_name = "FILE.csv", conflicts_with = "out")]
    pub csv: Option<PathBuf>,
}

/// `glassbox explain`
#[derive(Args)]
pub struct Explain {
    /// An operation such as softmax, or a preset such as vae-mlp
    #[arg(value_name = "OP|PRESET")]
    pub subject: String,
    /// Of an operation: a small example with all numbers, forward and backward
    #[arg(long)]
    pub numbers: bool,
    /// Of a preset: the graph of its loss and nothing else, as text, dot or svg
    #[arg(long, value_name = "FORMAT", conflicts_with = "numbers", value_parser = picture)]
    pub graph: Option<Picture>,
}

/// How a graph is shown.
#[derive(Clone, Copy)]
pub enum Picture {
    /// One line for each node.
    Text,
    /// In the language of Graphviz.
    Dot,
    /// As a picture.
    Svg,
}

/// `glassbox bench`
#[derive(Args)]
pub struct Bench {
    /// Only operations with this in their names
    pub filter: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Threads to compute with [default: all processors]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads)]
    pub threads: Option<usize>,
}

/// `glassbox data`
#[derive(Subcommand)]
pub enum Data {
    /// Show the data sets: what they hold, where they come from, whether they are installed
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say how a data set gets onto this machine
    Fetch {
        /// A name that `glassbox data list` shows
        name: String,
    },
    /// Read all of a data set and compare it with the published checksums
    Verify {
        /// A name that `glassbox data list` shows, or a folder with IDX files
        #[arg(value_name = "NAME|DIR")]
        spec: String,
    },
}

/// Reads the command line. `None` if it asked for help or the version, which then stand on standard output.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Command>, Failure> {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(Some(cli.command)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            output::print(&error.render().to_string())?;
            Ok(None)
        }
        Err(error) => Err(Failure::Mistake(sentence(&error))),
    }
}

/// One sentence for what clap would say in a paragraph: what is wrong, and the nearest right thing.
fn sentence(error: &clap::Error) -> String {
    let get = |kind| match error.get(kind) {
        Some(ContextValue::String(s)) => Some(s.clone()),
        Some(ContextValue::Strings(all)) if !all.is_empty() => Some(all.join(", ")),
        _ => None,
    };
    let argument = get(ContextKind::InvalidArg).unwrap_or_default();
    // A flag comes as `--seed <S>`; what the user typed is its first word.
    let flag = argument.split(' ').next().unwrap_or_default().trim_matches(['[', ']']);
    let value = get(ContextKind::InvalidValue).unwrap_or_default();
    let suggested = |kind| get(kind).and_then(|s| s.split(", ").next().map(|s| format!("did you mean {s}?")));
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = get(ContextKind::InvalidSubcommand).unwrap_or_default();
            let remedy = suggested(ContextKind::SuggestedSubcommand).unwrap_or_else(|| HELP.into());
            format!("there is no command {typed:?}; {remedy}")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let remedy = suggested(ContextKind::SuggestedArg).unwrap_or_else(|| HELP.into());
            format!("there is no flag {argument} here; {remedy}")
        }
        ErrorKind::UnknownArgument => format!("{argument:?} is one argument too many; {HELP}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{flag} needs a value; {HELP}"),
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(|s| s.to_string()).unwrap_or_default();
            format!("{flag} can't be {value:?}: {reason}")
        }
        ErrorKind::MissingRequiredArgument if argument.contains("<PRESET>") => {
            "train what? Name a preset, such as `glassbox train vae`, or a run to go on with, `--resume DIR`".into()
        }
        ErrorKind::TooManyValues => format!("{flag} takes no value, and got {value:?}"),
        ErrorKind::MissingRequiredArgument => format!("{} is missing; {HELP}", argument.trim_matches(['<', '>', '.'])),
        ErrorKind::ArgumentConflict => {
            let prior = get(ContextKind::PriorArg).unwrap_or_default();
            let prior: Vec<&str> = prior.split(", ").filter_map(|p| p.split(' ').next()).collect();
            if prior == [flag] {
                format!("{flag} is there twice; give it once")
            } else {
                format!("{flag} can't go together with {}; leave one of them out", prior.join(", "))
            }
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("what shall it do? For example `glassbox list` or `glassbox train vae`; {HELP}")
        }
        ErrorKind::InvalidUtf8 => format!("an argument is not valid UTF-8; {HELP}"),
        _ => error.render().to_string(),
    }
}

const HELP: &str = "add --help to see what there is";

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(m) if m > 0.0 && m.is_finite() => Ok(m),
        _ => Err("give a number of minutes above 0, such as 1.5".to_string()),
    }
}

/// More threads than this are a typing mistake; each costs a stack.
const MOST_THREADS: u64 = 1024;
/// More pictures than this are no longer looked at, and one PNG of them would be 50 MB.
const MOST_PICTURES: u64 = 4096;
/// More checkpoints than this are more than any run writes.
const MOST_CHECKPOINTS: u64 = 1_000_000;

fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_THREADS).map(|n| n as usize)
}

fn checkpoints(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_CHECKPOINTS).map(|n| n as usize)
}

fn pictures(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_PICTURES).map(|n| n as usize)
}

fn picture(text: &str) -> Result<Picture, String> {
    match text {
        "text" => Ok(Picture::Text),
        "dot" => Ok(Picture::Dot),
        "svg" => Ok(Picture::Svg),
        _ => Err("give text, dot or svg".to_string()),
    }
}

fn steps(text: &str) -> Result<u64, String> {
    whole(text, 1, u64::MAX)
}

fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ if most == u64::MAX => Err(format!("give a whole number, at least {least}")),
        _ => Err(format!("give a whole number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_mistake_is_one_sentence_with_a_way_out() {
        for (line, expected) in [
            ("trian vae", "there is no command \"trian\"; did you mean train?"),
            ("frobnicate", "there is no command \"frobnicate\"; add --help to see what there is"),
            ("train vae --stpes 3", "there is no flag --stpes here; did you mean --steps?"),
            ("train vae extra", "\"extra\" is one argument too many; add --help to see what there is"),
            ("train vae --steps", "--steps needs a value; add --help to see what there is"),
            ("train vae --seed 1 --seed 2", "--seed is there twice; give it once"),
            ("train vae --threads 0", "--threads can't be \"0\": give a whole number from 1 to 1024"),
            ("train vae --keep 0", "--keep can't be \"0\": give a whole number from 1 to 1000000"),
            ("train vae --steps -3", "--steps can't be \"-3\": give a whole number, at least 1"),
            ("train vae --resume runs/x", "PRESET can't go together with --resume; leave one of them out"),
            ("bench --json=3", "--json takes no value, and got \"3\""),
            ("train vae --steps 5 --minutes 1", "--steps can't go together with --minutes; leave one of them out"),
            ("sample runs/x --kind reconstructions -n 3", "--kind can't go together with -n; leave one of them out"),
            ("sample", "DIR is missing; add --help to see what there is"),
            ("explain ae --graph png", "--graph can't be \"png\": give text, dot or svg"),
            ("explain ae --graph svg --numbers", "--graph can't go together with --numbers; leave one of them out"),
        ] {
            let arguments = std::iter::once("glassbox").chain(line.split(' ')).map(OsString::from);
            let Err(Failure::Mistake(sentence)) = parse(arguments) else { panic!("{line} was accepted") };
            assert_eq!(sentence, expected, "{line}");
        }
    }
}
