//! Streams that unpack to a thousand times their size: an IDX header of the fuzzer's, then runs of one byte whose lengths it
//! chooses, up to 4 MiB in all. Whatever the header claims, no more is unpacked than one byte beyond it, and what is
//! read is as large as it says.
//!
//! ```text
//! byte 0          n, the length of the header that follows, at most 36
//! n bytes         the header
//! then pairs      (value, k): 2^(k mod 20) bytes of this value
//! ```

use super::{sentence, volume};
use flate2::{Compression, write::GzEncoder};
use glassbox_data::idx;
use std::io::Write;

const MOST: usize = 1 << 22;

pub fn check(bytes: &[u8]) {
    let Some((&n, rest)) = bytes.split_first() else { return };
    let Some((header, runs)) = rest.split_at_checked(usize::from(n).min(36)) else { return };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(header).expect("a vector takes all bytes");
    let mut content = header.len();
    for pair in runs.chunks_exact(2) {
        let length = 1usize << (pair[1] % 20);
        if content + length > MOST {
            break;
        }
        content += length;
        encoder.write_all(&vec![pair[0]; length]).expect("a vector takes all bytes");
    }
    let packed = encoder.finish().expect("a vector takes all bytes");
    match idx::parse("fuzz", &packed) {
        Ok(array) => {
            let claimed = volume(array.dims());
            assert_eq!((claimed, array.data().len()), (content - 4 - 4 * array.dims().len(), claimed));
        }
        Err(error) => sentence(error),
    }
}
