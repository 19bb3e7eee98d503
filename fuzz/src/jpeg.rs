//! JPEG files from anyone: a picture as large as it says, the same each time, or an error; and resizing takes any picture.

use super::sentence;
use glassbox_data::image::decode_jpeg;

pub fn check(bytes: &[u8]) {
    match decode_jpeg("fuzz", bytes) {
        Ok(image) => {
            assert_eq!(image.data().len(), image.width() * image.height() * image.channels());
            assert_eq!(decode_jpeg("again", bytes).expect("it was read before"), image);
            let small = image.resize(7, 5).to_grey();
            assert_eq!((small.width(), small.height(), small.channels()), (7, 5, 1));
        }
        Err(error) => sentence(error),
    }
}
