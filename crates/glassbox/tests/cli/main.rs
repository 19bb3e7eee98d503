//! The built binary, as its user meets it.

mod bad_input;
mod commands;
mod damage;
mod full_disk;
mod killed;
mod place;
mod two_processes;
