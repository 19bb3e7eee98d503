//! Where unsafe code is: ARCHITECTURE.md lists the files with their reasons, and this test holds the list to the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Every file below `folder` that has an unsafe block, function or impl, relative to the crate.
fn unsafe_files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            unsafe_files(&path, found);
            continue;
        }
        if path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
        if code.into_iter().any(|line| ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| line.contains(word)))
        {
            found.insert(path.strip_prefix(CRATE).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
}

#[test]
fn the_map_lists_every_file_with_unsafe_code() {
    let mut found = BTreeSet::new();
    unsafe_files(&Path::new(CRATE).join("src"), &mut found);
    let map = fs::read_to_string(Path::new(CRATE).join("../../ARCHITECTURE.md")).unwrap();
    let section = map.split("## Unsafe code").nth(1).expect("a section on unsafe code").split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next());
    let listed: BTreeSet<String> = rows.map(|name| format!("src/{name}")).collect();
    assert_eq!(listed, found, "ARCHITECTURE.md lists other files than those of crates/tensor that have unsafe code");
}

#[test]
fn the_other_crates_forbid_it() {
    for entry in fs::read_dir(Path::new(CRATE).join("..")).unwrap().map(Result::unwrap) {
        let source = entry.path().join("src");
        let root = ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().find(|path| path.exists());
        let root = root.unwrap_or_else(|| panic!("{} has neither lib.rs nor main.rs", source.display()));
        let forbids = fs::read_to_string(&root).unwrap().contains("#![forbid(unsafe_code)]");
        assert_eq!(forbids, entry.file_name() != "tensor", "{}", root.display());
    }
}
