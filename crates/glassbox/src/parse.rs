//! Reads the command line, and says in one sentence what is wrong with it.

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, CommandFactory, Parser};
use glassbox_data::names::nearest;
use std::ffi::OsString;

/// Reads the command line. `None` if it asked for help or the version, which then stand on standard output.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Command>, Failure> {
    let arguments: Vec<OsString> = arguments.collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => Ok(Some(cli.command)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            output::print_styled(&error.render())?;
            Ok(None)
        }
        Err(error) => Err(Failure::Mistake(sentence(&error, &arguments))),
    }
}

/// One sentence for what clap would say in a paragraph: what is wrong, and the nearest right thing.
fn sentence(error: &clap::Error, arguments: &[OsString]) -> String {
    let get = |kind| match error.get(kind) {
        Some(ContextValue::String(s)) => Some(s.clone()),
        Some(ContextValue::Strings(all)) if !all.is_empty() => Some(all.join(", ")),
        _ => None,
    };
    let argument = get(ContextKind::InvalidArg).unwrap_or_default();
    let flag = name_of(&argument);
    let value = get(ContextKind::InvalidValue).unwrap_or_default();
    let suggested = |kind| get(kind).and_then(|s| s.split(", ").next().map(|s| format!("did you mean {s}?")));
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = get(ContextKind::InvalidSubcommand).unwrap_or_default();
            let program = Cli::command();
            let nearest =
                nearest(&typed.to_lowercase(), chosen(&program, arguments).get_subcommands().map(|c| c.get_name()));
            let remedy = nearest.map_or_else(|| HELP.to_string(), |nearest| format!("did you mean {nearest}?"));
            format!("there is no command {typed:?}; {remedy}")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let remedy = suggested(ContextKind::SuggestedArg).unwrap_or_else(|| HELP.into());
            format!("there is no flag {argument} here; {remedy}")
        }
        ErrorKind::UnknownArgument => format!("{argument:?} is one argument too many; {HELP}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{flag} needs a value; {HELP}"),
        ErrorKind::InvalidValue => {
            let valid = get(ContextKind::ValidValue).unwrap_or_default();
            let valid: Vec<&str> = valid.split(", ").collect();
            match nearest(&value.to_lowercase(), valid.iter().copied()) {
                Some(nearest) => format!("{flag} can't be {value:?}; did you mean {nearest}?"),
                None => format!("{flag} can't be {value:?}; there are {}", valid.join(", ")),
            }
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(|s| s.to_string()).unwrap_or_default();
            format!("{flag} can't be {value:?}: {reason}")
        }
        ErrorKind::MissingRequiredArgument if argument.contains("PRESET|FILE") => {
            "train what? Name a preset, such as `glassbox train vae`, or a run to go on with, `--resume DIR`".into()
        }
        // What needs another flag is --force, and nothing else.
        ErrorKind::MissingRequiredArgument if flag == "--out" => {
            "--force replaces what --out names; give --out too, or leave --force out".into()
        }
        ErrorKind::WrongNumberOfValues => {
            let number = |kind| match error.get(kind) {
                Some(ContextValue::Number(n)) => *n,
                _ => 0,
            };
            let (wanted, got) = (number(ContextKind::ExpectedNumValues), number(ContextKind::ActualNumValues));
            format!("{flag} takes {wanted} values, and got {got}; {HELP}")
        }
        ErrorKind::TooManyValues => format!("{flag} takes no value, and got {value:?}"),
        ErrorKind::MissingRequiredArgument => {
            let program = Cli::command();
            let command = chosen(&program, arguments);
            let is_it = |a: &&Arg| a.get_value_names().unwrap_or_default().iter().any(|name| name == flag);
            let about = command.get_arguments().find(is_it).and_then(Arg::get_help).map(|help| {
                let help = help.to_string();
                let (first, rest) = help.split_at(help.chars().next().map_or(0, char::len_utf8));
                format!(" ({}{rest})", first.to_lowercase())
            });
            format!("{flag} is missing{}; {HELP}", about.unwrap_or_default())
        }
        ErrorKind::ArgumentConflict => {
            let prior = get(ContextKind::PriorArg).unwrap_or_default();
            let prior: Vec<&str> = prior.split(", ").map(name_of).collect();
            if prior == [flag] {
                format!("{flag} is there twice; give it once")
            } else {
                format!("{flag} can't go together with {}; leave one of them out", prior.join(", "))
            }
        }
        ErrorKind::MissingSubcommand if get(ContextKind::InvalidSubcommand).is_some_and(|name| name != "glassbox") => {
            let (name, valid) = (get(ContextKind::InvalidSubcommand), get(ContextKind::ValidSubcommand));
            let valid = valid.unwrap_or_default().replace(", help", "");
            format!("what shall `{}` do? There are {valid}", name.unwrap_or_default())
        }
        ErrorKind::MissingSubcommand => {
            format!("what shall it do? For example `glassbox list` or `glassbox train vae`; {HELP}")
        }
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8, as names and settings are; type it anew".into(),
        _ => error.render().to_string(),
    }
}

/// The command that the arguments lead to. `glassbox help X` is about the commands of the program.
fn chosen<'a>(program: &'a clap::Command, arguments: &[OsString]) -> &'a clap::Command {
    let words = arguments.iter().skip(1).map_while(|argument| argument.to_str());
    let mut command = program;
    for word in words {
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None => break,
        }
    }
    command
}

/// A flag comes as `--seed <S>` and an argument as `<DIR>`; what the user calls it is its first word.
fn name_of(argument: &str) -> &str {
    argument.split(' ').next().unwrap_or_default().trim_matches(['[', ']', '<', '>', '.'])
}

const HELP: &str = "add --help to see what there is";
