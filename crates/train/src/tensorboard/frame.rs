//! How an event lies in its file: TFRecord, which lets a reader notice what is torn or damaged.
//!
//! ```text
//! u64 length | u32 masked CRC of the length | the event | u32 masked CRC of the event      little-endian
//! ```
//!
//! The CRC is CRC-32C (Castagnoli), rotated and shifted by a constant, for a CRC over bytes that contain a CRC tells little
//! (<https://www.tensorflow.org/tutorials/load_data/tfrecord>).

use crc::{CRC_32_ISCSI, Crc, Table};
use std::io::{self, Write};

/// CRC-32C is what iSCSI uses (RFC 3720).
static CRC_32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Writes one event.
pub(super) fn write(out: &mut impl Write, event: &[u8]) -> io::Result<()> {
    let length = (event.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(event)?;
    out.write_all(&masked_crc(event).to_le_bytes())
}

fn masked_crc(bytes: &[u8]) -> u32 {
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn the_crc_is_that_of_the_rfc() {
        let ascending: Vec<u8> = (0..32).collect();
        for (bytes, crc) in [(&[0; 32][..], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&ascending, 0x46dd_794e)] {
            assert_eq!(CRC_32C.checksum(bytes), crc);
        }
        assert_eq!(CRC_32C.checksum(b"123456789"), 0xe306_9283);
    }
}
