//! Gzipped IDX files. The fuzzer's bytes are packed before they are parsed, since it would never find a valid checksum
//! by itself; the last byte says how many bytes the stream is cut by.

use flate2::{Compression, write::GzEncoder};
use glassbox_data::idx;
use std::io::Write;

pub fn check(bytes: &[u8]) {
    let Some((&cut, content)) = bytes.split_last() else { return };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("a vector takes all bytes");
    let mut packed = encoder.finish().expect("a vector takes all bytes");
    packed.truncate(packed.len() - usize::from(cut).min(packed.len()));
    let unpacked = idx::parse("packed", &packed);
    match cut {
        0 => assert_eq!(unpacked.ok(), idx::parse("plain", content).ok()),
        _ => assert!(unpacked.is_err(), "a stream that lacks its last {cut} bytes was accepted"),
    }
}
