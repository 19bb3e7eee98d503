//! IDX files from anyone: an array that is as large as its dimensions say, or an error; and what was read is written
//! back to the same array.
#![no_main]

use glassbox_data::idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = idx::parse("fuzz", bytes) {
        assert_eq!(array.dims().iter().product::<usize>(), array.data().len());
        assert_eq!(idx::parse("written", &array.to_bytes()).expect("what we write, we read"), array);
    }
});
