//! # glassbox: the house's front door
//!
//! The command line: it reads the arguments, calls the floors below and turns what they return into text. Nothing is
//! computed here. [`cli`] says what can be asked for and [`parse`] what is wrong with what was, [`commands`] has one file for each command, [`failure`] is the
//! border at which every error becomes one sentence and an exit code.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod failure;
mod out_file;
mod output;
mod parse;
mod tui;
mod values;
mod words;

use glassbox_tensor::CountingAllocator;
use std::process::ExitCode;

/// So that `train --profile` can say how often memory is asked for; counting costs a few nanoseconds each time.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    failure::at_the_border(|| {
        let Some(command) = parse::parse(std::env::args_os())? else { return Ok(()) };
        commands::run(command)
    })
}
