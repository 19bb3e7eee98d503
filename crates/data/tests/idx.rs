//! The IDX border: what is written is read, and nothing else is.

use glassbox_data::idx::{self, DEFLATE_MAX_RATIO, IdxArray, IdxProblem, MAX_VALUES};
use proptest::prelude::*;
use std::path::Path;

/// A small image file: two pictures of 2 × 3.
fn sample() -> IdxArray {
    IdxArray::new(&[2, 2, 3], (1..=12).collect())
}

fn problem(bytes: &[u8]) -> IdxProblem {
    idx::parse("file", bytes).expect_err("these bytes are not an IDX file").problem
}

fn message(bytes: &[u8]) -> String {
    idx::parse("dir/file", bytes).expect_err("these bytes are not an IDX file").to_string()
}

/// An IDX header alone.
fn header(kind: u8, dims: &[u32]) -> Vec<u8> {
    let mut out = vec![0, 0, kind, dims.len() as u8];
    out.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    out
}

/// A gzip file of these bytes, made by hand in stored blocks: no code is shared with the writer under test.
fn stored_gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let n = u16::try_from(content.len()).expect("a small sample");
    out.push(1); // the last block, stored
    out.extend(n.to_le_bytes());
    out.extend((!n).to_le_bytes());
    out.extend(content);
    let mut crc = !0u32;
    for &byte in content {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    out.extend((!crc).to_le_bytes());
    out.extend(u32::from(n).to_le_bytes());
    out
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut expected = header(8, &[2, 2, 3]);
    expected.extend(1..=12u8);
    assert_eq!(sample().to_bytes(), expected);
    assert_eq!(idx::parse("file", &expected).unwrap(), sample());
    assert_eq!(idx::parse("file", &stored_gzip(&expected)).unwrap(), sample());
}

#[test]
fn the_name_decides_how_a_file_is_written_and_its_bytes_how_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("a-idx3-ubyte"), dir.path().join("a-idx3-ubyte.gz"));
    idx::write(&plain, &sample()).unwrap();
    idx::write(&packed, &sample()).unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), sample().to_bytes());
    assert!(std::fs::read(&packed).unwrap().starts_with(&[0x1f, 0x8b]));
    std::fs::rename(&packed, dir.path().join("misnamed")).unwrap();
    for name in ["a-idx3-ubyte", "misnamed"] {
        assert_eq!(idx::read(&dir.path().join(name)).unwrap(), sample());
    }
    let missing = idx::read(Path::new("no/such/file")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file: cannot read: "), "{missing}");
}

#[test]
fn arrays_without_values_are_arrays() {
    for dims in [&[0usize][..], &[0, 28, 28], &[5, 0], &[u32::MAX as usize, u32::MAX as usize, 9, 0]] {
        let empty = IdxArray::new(dims, vec![]);
        assert_eq!(idx::parse("file", &empty.to_bytes()).unwrap(), empty);
        assert_eq!(idx::parse("file", &empty.to_gzip()).unwrap(), empty);
    }
}

#[test]
fn every_truncation_is_refused() {
    for whole in [sample().to_bytes(), sample().to_gzip(), stored_gzip(&sample().to_bytes())] {
        for end in 0..whole.len() {
            assert!(idx::parse("file", &whole[..end]).is_err(), "the first {end} of {} bytes", whole.len());
        }
    }
}

#[test]
fn every_flipped_bit_of_a_packed_file_is_noticed_or_harmless() {
    let whole = sample().to_gzip();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            // Some bits carry no values: the time in the gzip header, the padding of the last deflate block.
            if let Ok(array) = idx::parse("file", &bytes) {
                assert_eq!(array, sample(), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn every_trailing_byte_is_refused() {
    let with = |mut bytes: Vec<u8>, extra: &[u8]| {
        bytes.extend(extra);
        bytes
    };
    let trailing = IdxProblem::Trailing { dims: vec![2, 2, 3] };
    assert_eq!(problem(&with(sample().to_bytes(), &[0])), trailing);
    assert_eq!(problem(&stored_gzip(&with(sample().to_bytes(), &[0]))), trailing);
    assert_eq!(problem(&with(sample().to_gzip(), b"abc")), IdxProblem::AfterGzip { bytes: 3 });
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_reserved() {
    // 64 GiB, 2^64 and more: had any of it been reserved, this test would not pass on most machines.
    let cases: [&[u32]; 3] = [&[1 << 18, 1 << 9, 1 << 9], &[u32::MAX, u32::MAX], &[u32::MAX; 8]];
    for dims in cases {
        let large = IdxProblem::TooLarge { dims: dims.iter().map(|&d| d as usize).collect() };
        assert_eq!(problem(&header(8, dims)), large);
        assert_eq!(problem(&stored_gzip(&header(8, dims))), large);
    }
    // Below the absolute limit it is the file's own size which says that the header lies.
    let dims = vec![MAX_VALUES];
    assert_eq!(problem(&header(8, &[MAX_VALUES as u32])), IdxProblem::Truncated { dims: dims.clone(), have: 0 });
    let packed = stored_gzip(&header(8, &[MAX_VALUES as u32]));
    assert!(packed.len() * DEFLATE_MAX_RATIO < MAX_VALUES);
    assert_eq!(problem(&packed), IdxProblem::Impossible { dims, packed_bytes: packed.len() });
}

#[test]
fn a_gzip_bomb_is_unpacked_only_as_far_as_its_header_says() {
    // 64 MiB of zeros after a header that says 4 values.
    let mut bomb = header(8, &[4]);
    bomb.resize(64 << 20, 0);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &bomb).unwrap();
    let packed = gz.finish().unwrap();
    // Unpacking all of it takes tens of milliseconds; a few bytes of it, microseconds. The shortest of
    // several tries counts, since the machine may be busy.
    let shortest = (0..5).map(|_| {
        let start = std::time::Instant::now();
        assert_eq!(problem(&packed), IdxProblem::Trailing { dims: vec![4] });
        start.elapsed()
    });
    let shortest = shortest.min().unwrap();
    assert!(shortest.as_millis() < 5, "took {shortest:?}");
}

#[test]
fn the_ratio_of_deflate_is_an_upper_bound() {
    // Zeros are what packs best.
    let zeros = IdxArray::new(&[1 << 22], vec![0; 1 << 22]);
    let packed = zeros.to_gzip();
    assert!(zeros.data().len() / packed.len() > 900, "packed to {} bytes", packed.len());
    assert_eq!(idx::parse("zeros", &packed).unwrap(), zeros);
}

#[test]
fn errors_name_the_file_the_place_and_the_remedy() {
    let mut long = sample().to_bytes();
    long.push(0);
    let cases: [(&[u8], &str); 11] = [
        (b"", "dir/file: at byte 0: the file ends within its header; fetch it again"),
        (&header(8, &[2, 2, 3])[..9], "dir/file: at byte 9: the file ends within its header; fetch it again"),
        (
            b"\x89PNG\r\n",
            "dir/file: at byte 0: not an IDX file: it begins with [89, 50, 4e, 47], not with two zero bytes; give one in \
             the format of MNIST",
        ),
        (
            &header(0x0d, &[1]),
            "dir/file: at byte 2: values of type 0x0d (f32); only u8 values (0x08) are read: convert it",
        ),
        (
            &header(0x77, &[1]),
            "dir/file: at byte 2: values of type 0x77 (no type of the format); only u8 values (0x08) are read: convert it",
        ),
        (&header(8, &[]), "dir/file: at byte 3: 0 dimensions; 1 to 8 are read: reshape it"),
        (&header(8, &[1; 9]), "dir/file: at byte 3: 9 dimensions; 1 to 8 are read: reshape it"),
        (
            &sample().to_bytes()[..20],
            "dir/file: at byte 20: the file ends after 4 values of the 12 that its header [2, 2, 3] says; \
             fetch it again",
        ),
        (
            &long,
            "dir/file: at byte 28: the file goes on after the 12 values that its header [2, 2, 3] says; \
             fetch it again",
        ),
        (
            &stored_gzip(&sample().to_bytes()[..20]),
            "dir/file: at byte 20 of the unpacked stream: the file ends after 4 values of the 12 that its \
             header [2, 2, 3] says; fetch it again",
        ),
        (
            &[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 255],
            "dir/file: at byte 0 of the unpacked stream: the gzip stream is damaged (invalid gzip header); \
             fetch the file again",
        ),
    ];
    for (bytes, text) in cases {
        assert_eq!(message(bytes), text);
    }
}

#[test]
#[should_panic(expected = "dims [2, 2] do not describe 3 values")]
fn an_array_of_the_wrong_size_is_a_mistake_in_the_code() {
    IdxArray::new(&[2, 2], vec![0; 3]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(dims in prop::collection::vec(0usize..6, 1..=5), seed: u8) {
        let n: usize = dims.iter().product();
        let array = IdxArray::new(&dims, (0..n).map(|i| (i as u8).wrapping_mul(37) ^ seed).collect());
        prop_assert_eq!(&idx::parse("file", &array.to_bytes()).unwrap(), &array);
        prop_assert_eq!(&idx::parse("file", &array.to_gzip()).unwrap(), &array);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = idx::parse("file", &bytes);
    }

    #[test]
    fn no_header_panics(kind: u8, dims in prop::collection::vec(any::<u32>(), 0..10),
                        values in prop::collection::vec(any::<u8>(), 0..50)) {
        let mut bytes = header(kind, &dims);
        bytes.extend(values);
        for bytes in [stored_gzip(&bytes), bytes] {
            if let Ok(array) = idx::parse("file", &bytes) {
                prop_assert_eq!(array.dims().iter().product::<usize>(), array.data().len());
            }
        }
    }

    #[test]
    fn no_damage_panics(at in prop::collection::vec((0usize..60, any::<u8>()), 1..8)) {
        let mut bytes = sample().to_gzip();
        for (i, value) in at {
            let n = bytes.len();
            bytes[i % n] = value;
        }
        let _ = idx::parse("file", &bytes);
    }
}

#[test]
fn a_zero_among_dimensions_beyond_counting_is_no_values() {
    let most = u32::MAX;
    let mut bytes = header(0x08, &[most, most, most, 0]);
    assert!(idx::parse("file", &bytes).unwrap().data().is_empty());
    bytes.push(7);
    assert!(message(&bytes).contains("goes on after the 0 values"), "{}", message(&bytes));
}
