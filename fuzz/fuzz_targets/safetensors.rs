//! Safetensors files from anyone: every tensor that the header names can be read or is refused, and has the shape that was
//! said.
#![no_main]

use glassbox_nn::checkpoint::SafetensorsFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The parser reads from a file, tensor by tensor; one file for each process of the fuzzer.
    let path = std::env::temp_dir().join(format!("glassbox-fuzz-{}.safetensors", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder can be written");
    if let Ok(file) = SafetensorsFile::open(&path) {
        for name in file.names() {
            if let Ok(tensor) = file.read(name) {
                assert_eq!(Some(tensor.shape()), file.shape(name));
            }
        }
    }
});
