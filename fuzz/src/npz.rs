//! NPZ archives from anyone: each array that the directory names can be read or is refused.

use super::{sentence, volume};
use glassbox_data::npz::Npz;

pub fn check(bytes: &[u8]) {
    let archive = match Npz::open("fuzz", bytes) {
        Ok(archive) => archive,
        Err(error) => return sentence(error),
    };
    for name in archive.names() {
        match archive.array(name) {
            Ok(array) => assert_eq!(volume(&array.shape), array.values.len()),
            Err(error) => sentence(error),
        }
    }
}
