//! What `glassbox bench` writes down of the build: the compiler, and the commit if this is a checkout.

use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_string());
    let rustc = output(&compiler, &["--version"]).unwrap_or_else(|| "unknown".to_string());
    println!("cargo:rustc-env=GLASSBOX_RUSTC={rustc}");
    println!("cargo:rustc-env=GLASSBOX_COMMIT={}", commit().unwrap_or_else(|| "unknown".to_string()));
    println!("cargo:rerun-if-changed=build.rs");
    // Whether the sources are those of the commit changes when one of them does.
    for entry in fs::read_dir("..").into_iter().flatten().flatten() {
        let source = entry.path().join("src");
        if source.is_dir() {
            println!("cargo:rerun-if-changed={}", source.display());
        }
    }
}

/// The commit that these sources are of, with `-dirty` if they were changed since. `None` outside of a checkout, or where there is
/// no git; a checkout of something else, into which these sources were copied, doesn't know this file.
fn commit() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".."])?;
    Some(if changed.is_empty() { head } else { format!("{head}-dirty") })
}

fn git(arguments: &[&str]) -> Option<String> {
    output("git", arguments)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
