//! IDX files from anyone: an array that is as large as its dimensions say, or an error; and what was read is written
//! back to the same array.

use super::{sentence, volume};
use glassbox_data::idx;

pub fn check(bytes: &[u8]) {
    match idx::parse("fuzz", bytes) {
        Ok(array) => {
            assert_eq!(volume(array.dims()), array.data().len());
            assert_eq!(idx::parse("written", &array.to_bytes()).expect("what we write, we read"), array);
        }
        Err(error) => sentence(error),
    }
}
