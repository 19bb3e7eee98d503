//! `glassbox man`: the manual, made from the definition of the command line.

use crate::cli::{Cli, Man};
use crate::failure::Failure;
use crate::out_file::check_free;
use crate::output::print;
use anyhow::Context;
use clap::{Command, CommandFactory};
use glassbox_data::files::write_atomically;
use std::fs;
use std::path::Path;

/// Runs `glassbox man`.
pub fn run(options: &Man) -> Result<(), Failure> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build(); // gives every command its full name, such as glassbox-data-list
    match &options.out {
        None => print(&page(&program)?.1),
        Some(folder) => write_all(&program, folder, options.force),
    }
}

/// One file for each command. Nothing is written if one of them is there and must not be replaced.
fn write_all(program: &Command, folder: &Path, force: bool) -> Result<(), Failure> {
    let cannot =
        |error| Failure::mistake(format!("--out {}: cannot make this folder: {error}; name another", folder.display()));
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut pages = Vec::new();
    collect(program, &mut pages)?;
    let paths: Vec<_> = pages.iter().map(|(name, _)| folder.join(name)).collect();
    paths.iter().try_for_each(|path| check_free("--out", path, force))?;
    for ((_, text), path) in pages.iter().zip(&paths) {
        write_atomically(path, text.as_bytes()).context("can't write the manual")?;
    }
    paths.iter().try_for_each(|path| print(&format!("{}\n", path.display())))
}

/// The page of a command and those of the commands below it.
fn collect(command: &Command, pages: &mut Vec<(String, String)>) -> Result<(), Failure> {
    pages.push(page(command)?);
    command.get_subcommands().try_for_each(|below| collect(below, pages))
}

/// The name of a page's file, and its text.
fn page(command: &Command) -> Result<(String, String), Failure> {
    let man = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text).context("can't make the manual page")?;
    Ok((man.get_filename(), String::from_utf8_lossy(&text).into_owned()))
}
