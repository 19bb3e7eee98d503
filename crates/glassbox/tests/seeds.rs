//! Every file that the fuzzers begin with and every case that they found, through the parser that it is for: `fuzz/seeds/`.

#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

fn names(folder: &Path, end: &str) -> BTreeSet<String> {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(end).unwrap_or_else(|| panic!("{name} has no place here")).to_string()).collect()
}

#[test]
fn every_target_has_a_file_and_seeds() {
    let listed: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names(&folder("fuzz_targets"), ".rs"), listed);
    assert_eq!(names(&folder("seeds"), ""), listed);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &listed {
        assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
}

#[test]
fn no_seed_and_no_case_that_was_found_breaks_a_parser() {
    for (name, check) in fuzz::TARGETS {
        let seeds = names(&folder("seeds").join(name), "");
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let path = folder("seeds").join(name).join(seed);
            println!("{}", path.display()); // shown if the check panics
            check(&fs::read(&path).unwrap());
        }
    }
}
