//! A batch of a model's pictures, as one picture to look at.

use super::Image;
use glassbox_tensor::Tensor;

/// The batch `images` (N, C, H, W), values in 0..1, as one picture: `columns` in a row, from left to right
/// and top to bottom, with `padding` black pixels around each.
///
/// The layout is that of torchvision's `make_grid` (`nrow = columns`): fewer pictures than columns make a
/// narrower grid, and a single picture has no padding. Values become bytes as in its `save_image`:
/// `floor(255 · v + 0.5)`, clamped to 0..255; NaN becomes 0. Grey stays grey, where torchvision makes it RGB.
///
/// Source: <https://github.com/pytorch/vision/blob/main/torchvision/utils.py>.
///
/// ```
/// use glassbox_data::image::grid;
/// use glassbox_tensor::Tensor;
/// let six = Tensor::full([6, 1, 28, 28], 1.0);
/// let image = grid(&six, 4, 2); // rows of 4 and 2
/// assert_eq!((image.width(), image.height()), (4 * 30 + 2, 2 * 30 + 2));
/// assert_eq!([image.pixel(1, 1), image.pixel(2, 2), image.pixel(121, 40)], [[0], [255], [0]]);
/// ```
///
/// # Panics
/// If `images` is not (N, 1, H, W) or (N, 3, H, W) with pixels in it, or `columns` is 0.
#[track_caller]
pub fn grid(images: &Tensor, columns: usize, padding: usize) -> Image {
    assert!(columns > 0, "grid: columns is 0; 8 is usual");
    let tiles = from_tensor(images);
    if let [only] = &tiles[..] {
        return only.clone();
    }
    let (tile_w, tile_h) = (tiles[0].width + padding, tiles[0].height + padding);
    let across = columns.min(tiles.len());
    let down = tiles.len().div_ceil(across);
    let (width, height) = (across * tile_w + padding, down * tile_h + padding);
    let mut out = Image::filled(width, height, tiles[0].channels, 0);
    for (i, tile) in tiles.iter().enumerate() {
        out.paste(tile, padding + i % across * tile_w, padding + i / across * tile_h);
    }
    out
}

/// The pictures of a batch (N, C, H, W), values in 0..1, one by one, made bytes as [`grid`] does.
///
/// # Panics
/// If `images` is not (N, 1, H, W) or (N, 3, H, W) with pixels in it.
#[track_caller]
pub fn from_tensor(images: &Tensor) -> Vec<Image> {
    let &[n, c @ (1 | 3), h, w] = images.shape() else {
        panic!("grid: images is {:?}; (N, 1, H, W) or (N, 3, H, W) is drawn", images.shape());
    };
    assert!(n * h * w > 0, "grid: images is {:?}, which has no pixel", images.shape());
    let values = images.to_vec();
    let planes = values.chunks_exact(c * h * w);
    planes.map(|chw| Image { width: w, height: h, channels: c, data: interleave(chw, c) }).collect()
}

/// (C, H, W) in 0..1 to (H, W, C) in 0..255.
fn interleave(chw: &[f32], channels: usize) -> Vec<u8> {
    let plane = chw.len() / channels;
    let sample = |i: usize, c: usize| (chw[c * plane + i] * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
    (0..plane).flat_map(|i| (0..channels).map(move |c| sample(i, c))).collect()
}
