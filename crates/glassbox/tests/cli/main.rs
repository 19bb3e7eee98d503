//! The built binary, as its user meets it.

mod bench;
mod commands;
mod damage;
mod data;
mod diffusion;
mod force;
mod full_disk;
mod judge;
mod killed;
mod mistakes;
mod place;
mod profile;
mod report;
mod repro;
mod settings;
mod shells;
mod streams;
mod text;
mod two_processes;
mod watching;
mod written;
