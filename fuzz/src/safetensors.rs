//! Safetensors files from anyone, whose header is JSON: every tensor that the header names can be read or is refused, and has
//! the shape that was said.

use super::sentence;
use glassbox_nn::checkpoint::SafetensorsFile;

pub fn check(bytes: &[u8]) {
    // The parser reads from a file, tensor by tensor; one file for each process of the fuzzer.
    let path = std::env::temp_dir().join(format!("glassbox-fuzz-{}.safetensors", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder can be written");
    match SafetensorsFile::open(&path) {
        Ok(file) => file.names().for_each(|name| match file.read(name) {
            Ok(tensor) => assert_eq!(Some(tensor.shape()), file.shape(name)),
            Err(error) => sentence(error),
        }),
        Err(error) => sentence(error),
    }
    let _ = std::fs::remove_file(&path);
}
