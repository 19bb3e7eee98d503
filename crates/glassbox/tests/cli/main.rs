//! The built binary, as its user meets it.

mod bad_input;
mod commands;
mod damage;
mod full_disk;
mod killed;
mod place;
mod report;
mod two_processes;
