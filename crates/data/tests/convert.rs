//! Pictures resized, turned grey and read from JPEG files, as Pillow does it (tools/data/fixtures.py).

use glassbox_data::image::{Image, JPEG_MAX_RATIO, JpegProblem, decode_jpeg, decode_png};
use proptest::prelude::*;

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn png(name: &str) -> Image {
    decode_png(name, &bytes(name)).unwrap()
}

/// The largest difference of two samples, and the mean of all.
#[track_caller]
fn difference(a: &Image, b: &Image) -> (u8, f64) {
    assert_eq!((a.width(), a.height(), a.channels()), (b.width(), b.height(), b.channels()));
    let differences: Vec<u8> = a.data().iter().zip(b.data()).map(|(&a, &b)| a.abs_diff(b)).collect();
    let sum: f64 = differences.iter().map(|&d| f64::from(d)).sum();
    (differences.iter().copied().max().unwrap_or(0), sum / differences.len() as f64)
}

#[test]
fn resizing_is_pillows_bilinear() {
    let image = png("picture.png");
    for (width, height) in [(8, 8), (16, 23), (74, 60), (5, 40), (1, 1)] {
        let expected = png(&format!("picture-{width}x{height}.png"));
        // Pillow rounds to bytes between rows and columns, and computes with 22 bits.
        let (most, _) = difference(&image.resize(width, height), &expected);
        assert!(most <= 1, "{width} × {height}: {most} of 255");
    }
}

#[test]
fn a_constant_stays_constant_at_every_size() {
    for shade in [0, 1, 127, 254, 255] {
        for (w, h) in [(1, 1), (3, 50), (64, 2), (7, 7)] {
            assert_eq!(Image::filled(5, 9, 3, shade).resize(w, h), Image::filled(w, h, 3, shade));
        }
    }
}

#[test]
fn shrinking_by_whole_numbers_averages_and_skips_nothing() {
    // One white pixel anywhere in 12 × 12 is seen in 3 × 3, and least of all in a corner: its weights are there
    // 0.625 / 3.5 in each direction, and 255 · 0.1786² = 8.1.
    for place in 0..144 {
        let mut data = vec![0; 144];
        data[place] = 255;
        let small = Image::new(12, 12, 1, data).resize(3, 3);
        assert!(small.data().iter().map(|&v| u32::from(v)).sum::<u32>() >= 8, "{place}: {:?}", small.data());
    }
}

#[test]
fn grey_is_pillows_luma() {
    assert_eq!(png("picture.png").to_grey(), png("picture-grey.png"));
    let grey = png("picture-grey.png");
    assert_eq!((grey.to_grey(), grey.to_rgb().to_grey()), (grey.clone(), grey));
}

#[test]
fn planes_and_pixels_are_the_same_samples() {
    let image = png("picture.png");
    let planes = image.planes();
    assert_eq!(planes[37 * 23 + 5 * 37 + 7], image.pixel(7, 5)[1]);
    assert_eq!(Image::from_planes(37, 23, 3, &planes), image);
    let part = image.crop(30, 20, 7, 3);
    assert_eq!((part.width(), part.height(), part.pixel(6, 2)), (7, 3, image.pixel(36, 22)));
}

#[test]
fn jpeg_files_are_what_pillow_reads() {
    // Decoders may differ by a level or two in the cosine transform, and by more where colours of half the size are enlarged.
    for (name, most, mean) in
        [("grey", 2, 0.3), ("444", 4, 0.5), ("progressive", 4, 0.5), ("restarts", 4, 0.5), ("420", 48, 2.0)]
    {
        let image = decode_jpeg(name, &bytes(&format!("{name}.jpg"))).unwrap();
        let (largest, average) = difference(&image, &png(&format!("{name}-jpg.png")));
        assert!(largest <= most && average <= mean, "{name}: {largest}, on average {average}");
    }
}

#[test]
fn every_truncation_of_a_jpeg_is_refused() {
    for name in ["grey", "444", "420", "progressive", "restarts"] {
        let whole = bytes(&format!("{name}.jpg"));
        // Without its end mark, the last two bytes, the picture is still whole.
        let accepted: Vec<usize> =
            (0..whole.len() - 2).filter(|&end| decode_jpeg("file", &whole[..end]).is_ok()).collect();
        assert!(accepted.is_empty(), "{name}: {accepted:?} of {} bytes", whole.len());
    }
}

/// `444.jpg` with another size in its frame header.
fn with_size(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = bytes("444.jpg");
    let frame = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_reserved() {
    let problem = |bytes: &[u8]| decode_jpeg("file", bytes).unwrap_err().problem;
    assert!(decode_jpeg("file", &with_size(37, 23)).is_ok(), "the helper itself is right");
    let n = with_size(1, 1).len();
    assert_eq!(problem(&with_size(65535, 65535)), JpegProblem::TooLarge { width: 65535, height: 65535 });
    let impossible = JpegProblem::Impossible { width: 8192, height: 8192, bytes: n };
    assert!(8192 * 8192 > n * JPEG_MAX_RATIO);
    assert_eq!(problem(&with_size(8192, 8192)), impossible);
    assert!(matches!(problem(&with_size(0, 23)), JpegProblem::Damaged(_)));
    assert_eq!(problem(b"GIF89a"), JpegProblem::NotJpeg);
    assert_eq!(problem(&bytes("cmyk.jpg")), JpegProblem::Components { components: 4 });
}

#[test]
fn errors_name_the_file_and_the_remedy() {
    let text = |bytes: &[u8]| decode_jpeg("dir/a.jpg", bytes).unwrap_err().to_string();
    assert_eq!(text(b"GIF89a"), "dir/a.jpg: not a JPEG file; fetch it again, or save it as JPEG");
    assert_eq!(
        text(&bytes("cmyk.jpg")),
        "dir/a.jpg: 4 components; grey (1) and colour (3) are read, so convert the picture"
    );
    assert_eq!(text(&bytes("444.jpg")[..700]), "dir/a.jpg: the JPEG file ends before its picture does; fetch it again");
    let flat = text(&with_size(0, 23));
    assert!(flat.starts_with("dir/a.jpg: the JPEG file is damaged or of a rare kind ("), "{flat}");
}

proptest! {
    #[test]
    fn no_damage_panics(at in prop::collection::vec((0usize..2000, any::<u8>()), 1..8), which in 0usize..5) {
        let mut bytes = bytes(["grey.jpg", "444.jpg", "420.jpg", "progressive.jpg", "restarts.jpg"][which]);
        for (i, value) in at {
            let n = bytes.len();
            bytes[i % n] = value;
        }
        if let Ok(image) = decode_jpeg("file", &bytes) {
            prop_assert_eq!(image.data().len(), image.width() * image.height() * image.channels());
        }
    }

    #[test]
    fn a_resized_picture_stays_between_its_extremes(w in 1usize..30, h in 1usize..30, seed in 1usize..1000) {
        let image = Image::new(9, 7, 1, (0..63).map(|i| (50 + (i * seed) % 100) as u8).collect());
        let (least, most) = (*image.data().iter().min().unwrap(), *image.data().iter().max().unwrap());
        prop_assert!(image.resize(w, h).data().iter().all(|v| (least..=most).contains(v)));
    }
}
