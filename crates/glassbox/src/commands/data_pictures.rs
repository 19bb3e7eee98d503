//! The pictures of `glassbox data show`: samples of each class, and waves of sound.

use glassbox_data::ImageSet;
use glassbox_data::image::{Image, hstack, vstack};

/// The longest side of a sample as it is drawn, in pixels.
const SIDE: usize = 96;
/// Classes that are drawn, and samples of each.
const CLASSES: usize = 16;
const EACH: usize = 10;
/// A wave, in pixels.
const WAVE: (usize, usize) = (800, 96);

/// The first pictures of each of the first classes, a class in a row; of one class alone, more rows of it.
pub fn samples(set: &ImageSet) -> Image {
    let of_class = |class: usize| (0..set.len()).filter(move |&i| usize::from(set.labels()[i]) == class);
    let rows: Vec<Vec<usize>> = match set.classes().len() {
        1 => (0..set.len().min(8 * EACH)).collect::<Vec<_>>().chunks(EACH).map(<[usize]>::to_vec).collect(),
        k => (0..k).map(|class| of_class(class).take(EACH).collect::<Vec<_>>()).filter(|row| !row.is_empty()).collect(),
    };
    let row = |numbers: &Vec<usize>| hstack(&numbers.iter().map(|&i| thumbnail(set, i)).collect::<Vec<_>>(), 2, 0);
    vstack(&rows.iter().take(CLASSES).map(row).collect::<Vec<_>>(), 2, 0)
}

/// A picture, small ones with pixels that can be seen and large ones shrunk.
fn thumbnail(set: &ImageSet, i: usize) -> Image {
    let [c, h, w] = set.image_shape();
    let image = Image::from_planes(w, h, c, set.image(i));
    let longest = h.max(w);
    if longest <= SIDE {
        return image.scale((2 * SIDE / 3 / longest).clamp(1, 8));
    }
    image.resize((w * SIDE / longest).max(1), (h * SIDE / longest).max(1))
}

/// Recordings from left to right, one below the other, all to one scale of loudness: in each column of pixels the range of
/// the samples that fall into it. The middle line is silence.
pub fn waves(recordings: &[&[f32]]) -> Image {
    let (width, height) = WAVE;
    let loudest =
        recordings.iter().flat_map(|r| r.iter()).fold(0.0f32, |peak, s| peak.max(s.abs())).max(f32::MIN_POSITIVE);
    let longest = recordings.iter().map(|r| r.len()).max().unwrap_or(1).max(1);
    let wave = |samples: &&[f32]| {
        let mut data = vec![255u8; width * height];
        for x in 0..width {
            let part = |x: usize| (x * longest / width).min(samples.len());
            // At least one sample, where there are fewer of them than pixels.
            let column = &samples[part(x)..part(x + 1).max((part(x) + 1).min(samples.len()))];
            let (least, most) = column.iter().fold((f32::MAX, f32::MIN), |(a, b), &s| (a.min(s), b.max(s)));
            let y = |s: f32| ((1.0 - s / loudest) / 2.0 * (height - 1) as f32).round() as usize;
            let silence = height / 2;
            let (top, bottom) = if column.is_empty() { (silence, silence) } else { (y(most), y(least)) };
            let shade = if column.is_empty() { 200 } else { 40 };
            (top.min(height - 1)..=bottom.min(height - 1)).for_each(|y| data[y * width + x] = shade);
        }
        Image::new(width, height, 1, data)
    };
    vstack(&recordings.iter().map(wave).collect::<Vec<_>>(), 4, 255)
}
