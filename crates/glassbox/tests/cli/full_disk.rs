//! Disks that are full or read-only: one sentence, and a run that goes on once there is room.

use crate::place::Place;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const START: &str =
    "train vae-mlp --out run --steps 6 --set hidden=8 --set latents=2 --set batch=16 --set checkpoint_every=2";

/// What the run has learned after ten steps.
fn weights(place: &Place) -> [Vec<u8>; 2] {
    ["model", "optimizer"].map(|name| place.read(&format!("run/checkpoints/step-10/{name}.safetensors")))
}

/// What ten steps come to when nothing is in the way.
fn undisturbed() -> [Vec<u8>; 2] {
    let place = Place::new();
    succeeds(&place, START);
    succeeds(&place, "train --resume run --steps 10");
    weights(&place)
}

#[track_caller]
fn succeeds(place: &Place, line: &str) {
    let output = place.glassbox(line.split(' '));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A sitting that could not write: exit code 1 and a sentence with each of these parts, after the progress.
#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sentence = said.lines().last().unwrap_or_default();
    assert!(sentence.starts_with("glassbox: ") && !sentence.contains("bug"), "{said}");
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in {said}");
    }
}

/// A file system of its own below a place; it goes when this does.
struct Mounted(PathBuf);

impl Mounted {
    /// One in memory with so much room, or `None`, with a message, where that isn't allowed.
    fn new(folder: PathBuf, size: &str) -> Option<Mounted> {
        fs::create_dir_all(&folder).unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        match mount {
            Ok(output) if output.status.success() => Some(Mounted(folder)),
            _ => {
                eprintln!("left out: this user may not mount a file system (it is for root on Linux)");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// No file may become longer than `kib`: the system refuses to write beyond.
#[cfg(unix)]
fn limited(place: &Place, kib: u64, line: &str) -> Output {
    // The signal that would end the process is ignored, so that the write fails as it does on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib);
    let mut command = Command::new("sh");
    command.current_dir(place.path("")).args(["-c", &script, env!("CARGO_BIN_EXE_glassbox")]).args(line.split(' '));
    command.output().expect("a shell")
}

#[cfg(unix)]
#[test]
fn a_write_that_fails_is_named_and_the_run_goes_on_afterwards() {
    let expected = undisturbed();
    let place = Place::new();
    // Not even the untrained model can be written: the same command starts again.
    fails(&limited(&place, 16, START), &["safetensors", "File too large"]);
    succeeds(&place, START);
    // The model fits, the optimiser doesn't.
    for kib in [16, 64] {
        fails(&limited(&place, kib, "train --resume run --steps 10"), &["safetensors", "File too large"]);
        assert!(place.path("run/checkpoints/step-4").is_dir() && place.path("run/checkpoints/step-6").is_dir());
        assert!(fs::read_dir(place.path("run/checkpoints")).unwrap().all(|e| !is_temporary(&e.unwrap())), "{kib}");
    }
    // Nothing at all can be written.
    fails(&limited(&place, 0, "train --resume run --steps 10"), &["cannot write", "File too large"]);
    succeeds(&place, "train --resume run --steps 10");
    assert!(weights(&place) == expected);
}

fn is_temporary(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_str().unwrap().ends_with(".tmp")
}

#[test]
fn a_disk_that_is_full_at_any_moment_loses_nothing() {
    let place = Place::new();
    let Some(_mounted) = Mounted::new(place.path("run"), "4m") else { return };
    let expected = undisturbed();
    succeeds(&place, START);
    let mut refused = 0;
    // From no room at all to enough for all that ten steps write, in steps of some pages.
    for room in (0..1000).step_by(40) {
        fill(&place, room);
        let output = place.glassbox("train --resume run --steps 10".split(' '));
        if output.status.success() {
            break;
        }
        fails(&output, &["cannot write", "No space left on device"]);
        refused += 1;
        // What can be read is what it was.
        let read = place.glassbox(["eval", "run"]);
        assert!(read.status.success(), "{room} KiB: {}", String::from_utf8_lossy(&read.stderr));
    }
    assert!(refused > 2, "the disk was never full");
    fs::remove_file(place.path("run/filler")).unwrap();
    let _ = place.glassbox("train --resume run --steps 10".split(' ')); // unless it is done
    assert!(weights(&place) == expected);
}

/// Leaves so many KiB free on the disk of the run.
fn fill(place: &Place, room: usize) {
    let path = place.path("run/filler");
    let _ = fs::remove_file(&path);
    let df = Command::new("df").args(["--output=avail", "-k"]).arg(place.path("run")).output().unwrap();
    let free: usize = String::from_utf8(df.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap();
    fs::write(path, vec![1; 1024 * free.saturating_sub(room)]).unwrap();
}

#[test]
fn a_read_only_run_can_be_read_and_not_trained() {
    let place = Place::new();
    let Some(mounted) = Mounted::new(place.path("run"), "4m") else { return };
    succeeds(&place, START);
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&mounted.0).status().unwrap().success());
    };
    remount("ro");
    fails(
        &place.glassbox("train --resume run --steps 10".split(' ')),
        &["run/lock: cannot write: ", "Read-only file system"],
    );
    succeeds(&place, "eval run");
    succeeds(&place, "sample run -n 1 --out x.png");
    remount("rw");
    succeeds(&place, "train --resume run --steps 10");
    assert!(weights(&place) == undisturbed());
}

/// As above, for a user to whom permissions mean something: root writes to any folder.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_to_write_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_run();
    let permit = |mode| {
        for path in ["run/checkpoints", "run/samples", "run"] {
            fs::set_permissions(place.path(path), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    permit(0o555);
    if fs::write(place.path("run/probe"), "").is_ok() {
        permit(0o755);
        eprintln!("left out: this user may write to any folder (it is root)");
        return;
    }
    let output = place.glassbox("train --resume run --steps 5".split(' '));
    let read = place.glassbox(["eval", "run"]);
    permit(0o755);
    fails(&output, &["run/checkpoints", "cannot write", "Permission denied"]);
    assert!(read.status.success());
    succeeds(&place, "train --resume run --steps 5");
}
