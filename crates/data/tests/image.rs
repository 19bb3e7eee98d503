//! Pictures put together, and the PNG border.

use glassbox_data::image::{
    Image, MAX_PIXELS, PngProblem, decode_png, encode_png, hstack, read_png, vstack, write_png,
};
use png::{BitDepth, ColorType};
use proptest::prelude::*;

/// A picture whose samples are all different from their neighbours.
fn pattern(width: usize, height: usize, channels: usize) -> Image {
    let data = (0..width * height * channels).map(|i| (i * 37 + i / 7) as u8).collect();
    Image::new(width, height, channels, data)
}

/// A PNG file written by the png crate itself, of any kind.
fn png_file(w: u32, h: u32, color: ColorType, depth: BitDepth, palette: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, w, h);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    out
}

#[test]
fn every_kind_of_png_becomes_grey_or_rgb() {
    let cases: [(Vec<u8>, Image); 6] = [
        (png_file(2, 1, ColorType::Grayscale, BitDepth::Eight, &[], &[7, 9]), Image::new(2, 1, 1, vec![7, 9])),
        (
            // Eight pixels of one bit.
            png_file(8, 1, ColorType::Grayscale, BitDepth::One, &[], &[0b1010_0001]),
            Image::new(8, 1, 1, vec![255, 0, 255, 0, 0, 0, 0, 255]),
        ),
        (png_file(1, 1, ColorType::Grayscale, BitDepth::Sixteen, &[], &[0x12, 0xff]), Image::new(1, 1, 1, vec![0x12])),
        (
            png_file(2, 1, ColorType::Indexed, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], &[1, 0]),
            Image::new(2, 1, 3, vec![4, 5, 6, 1, 2, 3]),
        ),
        (
            // Opaque, half transparent, gone.
            png_file(3, 1, ColorType::GrayscaleAlpha, BitDepth::Eight, &[], &[0, 255, 0, 128, 0, 0]),
            Image::new(3, 1, 1, vec![0, 127, 255]),
        ),
        (
            png_file(2, 1, ColorType::Rgba, BitDepth::Eight, &[], &[10, 20, 30, 255, 10, 20, 30, 0]),
            Image::new(2, 1, 3, vec![10, 20, 30, 255, 255, 255]),
        ),
    ];
    for (file, image) in cases {
        assert_eq!(decode_png("file", &file).unwrap(), image);
    }
}

#[test]
fn files_are_written_whole_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    for channels in [1, 3] {
        write_png(&path, &pattern(19, 5, channels)).unwrap();
        assert_eq!(read_png(&path).unwrap(), pattern(19, 5, channels));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    let error = write_png(&dir.path().join("no/a.png"), &pattern(1, 1, 1)).unwrap_err().to_string();
    assert!(error.contains("no/a.png: cannot write: "), "{error}");
}

#[test]
fn every_truncation_is_refused() {
    let whole = encode_png(&pattern(9, 7, 3));
    for end in 0..whole.len() {
        assert!(decode_png("file", &whole[..end]).is_err(), "the first {end} of {} bytes", whole.len());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = encode_png(&pattern(9, 7, 3));
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(decode_png("file", &bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

/// A PNG whose header says another size, with the right checksum.
fn with_size(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode_png(&pattern(9, 7, 1));
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_reserved() {
    let problem = |bytes: &[u8]| decode_png("file", bytes).unwrap_err().problem;
    let n = with_size(9, 7).len();
    assert!(decode_png("file", &with_size(9, 7)).is_ok(), "the helper itself is right");
    let most = 0x7fff_ffff;
    assert_eq!(problem(&with_size(most, most)), PngProblem::TooLarge { width: most, height: most });
    let side = 1 << 13;
    assert_eq!(side as usize * side as usize, MAX_PIXELS);
    let impossible = PngProblem::Impossible { width: side, height: side, bytes: n };
    assert_eq!(problem(&with_size(side, side)), impossible);
    assert!(matches!(problem(&with_size(9, 8)), PngProblem::Damaged(_)));
    assert!(matches!(problem(&with_size(0, 7)), PngProblem::Damaged(_)));
}

#[test]
fn errors_name_the_file_the_place_and_the_remedy() {
    let text = |bytes: &[u8]| decode_png("dir/a.png", bytes).unwrap_err().to_string();
    assert_eq!(text(b"GIF89a, and so on"), "dir/a.png: at byte 0: not a PNG file; fetch it again, or save it as PNG");
    assert_eq!(text(b""), "dir/a.png: at byte 0: not a PNG file; fetch it again, or save it as PNG");
    let whole = encode_png(&pattern(9, 7, 1));
    assert_eq!(text(&whole[..50]), "dir/a.png: at byte 50: the PNG file ends before its picture does; fetch it again");
}

#[test]
fn one_row_of_a_million_pixels_is_a_picture() {
    let image = pattern(1 << 20, 1, 3);
    assert_eq!(decode_png("file", &encode_png(&image)).unwrap(), image);
}

#[test]
fn scaling_repeats_every_pixel() {
    let image = pattern(5, 3, 3);
    let large = image.scale(4);
    assert_eq!((large.width(), large.height(), large.channels()), (20, 12, 3));
    for y in 0..12 {
        for x in 0..20 {
            assert_eq!(large.pixel(x, y), image.pixel(x / 4, y / 4));
        }
    }
    assert_eq!(image.scale(1), image);
}

#[test]
fn stacks_keep_their_pictures_and_fill_the_rest() {
    let (a, b) = (pattern(4, 2, 1), pattern(3, 5, 3));
    for (out, bx, by) in [(hstack(&[a.clone(), b.clone()], 2, 9), 6, 0), (vstack(&[a.clone(), b.clone()], 2, 9), 0, 4)]
    {
        for y in 0..out.height() {
            for x in 0..out.width() {
                let expected = if x < 4 && y < 2 {
                    [a.pixel(x, y)[0]; 3].to_vec()
                } else if (bx..bx + 3).contains(&x) && (by..by + 5).contains(&y) {
                    b.pixel(x - bx, y - by).to_vec()
                } else {
                    vec![9; 3]
                };
                assert_eq!(out.pixel(x, y), expected, "({x}, {y})");
            }
        }
    }
    assert_eq!(hstack(&[pattern(4, 2, 1), pattern(3, 5, 1)], 2, 0).channels(), 1);
    assert_eq!(vstack(&[pattern(4, 2, 1)], 2, 0), pattern(4, 2, 1));
}

#[test]
#[should_panic(expected = "Image::paste: 3 × 3 at (2, 0) does not fit in 4 × 4")]
fn pasting_beyond_the_edge_is_a_mistake_in_the_code() {
    pattern(4, 4, 1).paste(&pattern(3, 3, 1), 2, 0);
}

proptest! {
    #[test]
    fn what_is_written_is_read(w in 1usize..40, h in 1usize..40, rgb: bool, seed in 1usize..1000) {
        let c = if rgb { 3 } else { 1 };
        let image = Image::new(w, h, c, (0..w * h * c).map(|i| ((i * seed) >> 3) as u8).collect());
        prop_assert_eq!(decode_png("file", &encode_png(&image)).unwrap(), image);
    }

    #[test]
    fn no_damage_panics(at in prop::collection::vec((0usize..200, any::<u8>()), 1..8), cut in 0usize..200) {
        let mut bytes = encode_png(&pattern(9, 7, 3));
        for (i, value) in at {
            let n = bytes.len();
            bytes[i % n] = value;
        }
        let _ = decode_png("file", &bytes);
        let _ = decode_png("file", &bytes[..cut.min(bytes.len())]);
    }

    #[test]
    fn no_bytes_after_the_signature_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_png("file", &[b"\x89PNG\r\n\x1a\n", &bytes[..]].concat());
    }
}
