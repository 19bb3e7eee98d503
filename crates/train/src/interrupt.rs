//! Ctrl-C: the first finishes the step and saves, the second kills.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that SIGINT killed, as shells count it: 128 + 2.
const KILLED: i32 = 130;

/// Takes over Ctrl-C for the rest of the program, and returns the flag that it raises, for [`Limits`](crate::Limits).
///
/// # Errors
/// If the operating system refuses, or if something else in the program took it over before.
pub fn catch_interrupts() -> io::Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED);
        }
        let _ = writeln!(io::stderr(), "\nFinishing this step and saving; Ctrl-C again stops at once.");
    })
    .map_err(io::Error::other)?;
    Ok(&REQUESTED)
}
