//! The grid of a batch against torchvision's `make_grid` and `save_image`.

use glassbox_data::image::{from_tensor, grid};
use glassbox_tensor::Tensor;
use proptest::prelude::*;

/// `torchvision.utils.make_grid` (0.20) line by line, over a plain array: (N, C, H, W) to (C, height, width).
fn make_grid(x: &[f32], [n, c, h, w]: [usize; 4], nrow: usize, padding: usize) -> (Vec<f32>, usize, usize) {
    if n == 1 {
        return (x.to_vec(), h, w);
    }
    let nmaps = n;
    let xmaps = nrow.min(nmaps);
    let ymaps = (nmaps as f64 / xmaps as f64).ceil() as usize;
    let (height, width) = (h + padding, w + padding);
    let (gh, gw) = (height * ymaps + padding, width * xmaps + padding);
    let mut grid = vec![0.0; c * gh * gw];
    let mut k = 0;
    for y in 0..ymaps {
        for x_ in 0..xmaps {
            if k >= nmaps {
                break;
            }
            for ch in 0..c {
                for i in 0..h {
                    for j in 0..w {
                        let (row, col) = (y * height + padding + i, x_ * width + padding + j);
                        grid[(ch * gh + row) * gw + col] = x[((k * c + ch) * h + i) * w + j];
                    }
                }
            }
            k += 1;
        }
    }
    (grid, gh, gw)
}

proptest! {
    #[test]
    fn the_layout_is_torchvisions(n in 1usize..12, rgb: bool, h in 1usize..5, w in 1usize..5,
                                  columns in 1usize..6, padding in 0usize..4) {
        let c = if rgb { 3 } else { 1 };
        let x: Vec<f32> = (0..n * c * h * w).map(|i| (i * 89 % 256) as f32 / 255.0).collect();
        let (expected, gh, gw) = make_grid(&x, [n, c, h, w], columns, padding);
        let image = grid(&Tensor::from_vec(x, [n, c, h, w]), columns, padding);
        prop_assert_eq!((image.height(), image.width(), image.channels()), (gh, gw, c));
        for y in 0..gh {
            for x in 0..gw {
                let pixel: Vec<u8> =
                    (0..c).map(|ch| (expected[(ch * gh + y) * gw + x] * 255.0).round() as u8).collect();
                prop_assert_eq!(image.pixel(x, y), pixel);
            }
        }
    }
}

#[test]
fn values_are_rounded_and_clamped_as_save_image_does() {
    let x = vec![0.0, 1.0, -3.0, 7.0, 0.5, 0.4999 / 255.0, 0.5 / 255.0, 254.6 / 255.0, f32::NAN, f32::INFINITY];
    let image = grid(&Tensor::from_vec(x, [1, 1, 2, 5]), 1, 0);
    assert_eq!(image.data(), [0, 255, 0, 255, 128, 0, 1, 255, 0, 255]);
}

#[test]
fn all_bytes_come_back_from_0_to_1() {
    let bytes: Vec<u8> = (0..=255).collect();
    let x = bytes.iter().map(|&b| f32::from(b) / 255.0).collect();
    let images = from_tensor(&Tensor::from_vec(x, [4, 1, 8, 8]));
    assert_eq!(images.len(), 4);
    assert_eq!(images.iter().flat_map(|i| i.data().to_vec()).collect::<Vec<u8>>(), bytes);
}

#[test]
#[should_panic(expected = "grid: images is [2, 784]; (N, 1, H, W) or (N, 3, H, W) is drawn")]
fn flat_pictures_are_a_mistake_in_the_code() {
    grid(&Tensor::full([2, 784], 0.0), 8, 2);
}
