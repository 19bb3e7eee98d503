//! `glassbox completions`: what makes a shell complete commands, flags and names.

use crate::cli::{Cli, Completions};
use crate::failure::Failure;
use crate::output::print;
use clap::CommandFactory;

/// Runs `glassbox completions`.
pub fn run(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "glassbox", &mut script);
    print(&String::from_utf8_lossy(&script))
}
