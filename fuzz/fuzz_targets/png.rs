//! PNG files from anyone: a picture as large as it says, or an error; and what was read survives writing.
#![no_main]

use glassbox_data::image::{decode_png, encode_png};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = decode_png("fuzz", bytes) {
        assert_eq!(image.data().len(), image.width() * image.height() * image.channels());
        assert_eq!(decode_png("written", &encode_png(&image)).expect("what we write, we read"), image);
    }
});
