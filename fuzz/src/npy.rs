//! NPY files from anyone: as many values as the shape says, or an error.

use super::{sentence, volume};
use glassbox_data::npy;

pub fn check(bytes: &[u8]) {
    match npy::parse("fuzz", bytes) {
        Ok(array) => assert_eq!(volume(&array.shape), array.values.len()),
        Err(error) => sentence(error),
    }
}
