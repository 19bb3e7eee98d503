//! PNG files from anyone: a picture as large as it says, or an error; and what was read survives writing.

use super::sentence;
use glassbox_data::image::{decode_png, encode_png};

pub fn check(bytes: &[u8]) {
    match decode_png("fuzz", bytes) {
        Ok(image) => {
            assert_eq!(image.data().len(), image.width() * image.height() * image.channels());
            assert_eq!(decode_png("written", &encode_png(&image)).expect("what we write, we read"), image);
        }
        Err(error) => sentence(error),
    }
}
