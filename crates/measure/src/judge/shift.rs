//! Pictures moved by a few pixels: what a garment or a digit is does not depend on where in the frame it lies.

use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

/// Each picture of `x` (B, C, H, W) moved by whole pixels, from −`most` to `most` down and across, each drawn by the key; what
/// comes in from outside is black.
///
/// 10,000 pictures are few. Moved by at most 2 they are 25 times as many, and a network that has seen them looks for shapes, not
/// for places (Simard et al. 2003, Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis).
pub(super) fn shifted(x: &Tensor, most: usize, key: Key) -> Tensor {
    if most == 0 {
        return x.clone();
    }
    let &[_, c, h, w] = x.shape() else { unreachable!("a batch of pictures is (B, C, H, W)") };
    let from = x.to_vec();
    let mut moved = Tensor::zeros(x.shape());
    let draw = |position: usize| key.below(position as u64, 2 * most as u32 + 1) as usize;
    for (b, (to, from)) in moved.make_mut().chunks_exact_mut(c * h * w).zip(from.chunks_exact(c * h * w)).enumerate() {
        // Counted from −most: pixel y of the result is pixel y + down − most of the picture.
        let (down, across) = (draw(2 * b), draw(2 * b + 1));
        let columns = most.saturating_sub(across)..(w + most).saturating_sub(across).min(w);
        for (row, to) in to.chunks_exact_mut(w).enumerate() {
            let (plane, y) = (row / h * h, row % h + down);
            if (most..h + most).contains(&y) && !columns.is_empty() {
                let start = (plane + y - most) * w + columns.start + across - most;
                to[columns.clone()].copy_from_slice(&from[start..start + columns.len()]);
            }
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shift_occurs_and_is_the_one_of_the_definition() {
        let x = Tensor::rand([400, 2, 4, 3], Key::new(1));
        let moved = shifted(&x, 2, Key::new(2));
        let mut seen = [0; 25];
        for b in 0..400 {
            let is = |down: isize, across: isize| {
                (0..24).all(|i| {
                    let [c, y, x0] = [i / 12, i / 3 % 4, i % 3];
                    let (v, u) = (y as isize + down, x0 as isize + across);
                    let inside = (0..4).contains(&v) && (0..3).contains(&u);
                    let expected = if inside { x.at([b, c, v as usize, u as usize]) } else { 0.0 };
                    moved.at([b, c, y, x0]) == expected
                })
            };
            let of: Vec<usize> = (0..25).filter(|s| is(*s as isize / 5 - 2, *s as isize % 5 - 2)).collect();
            assert_eq!(of.len(), 1, "picture {b} is moved by one of the 25 shifts");
            seen[of[0]] += 1;
        }
        assert!(seen.iter().all(|&n| n > 2), "{seen:?}"); // 16 ± 4 of each
    }

    #[test]
    fn a_shift_beyond_the_picture_leaves_nothing_and_none_leaves_all() {
        let x = Tensor::rand([50, 1, 4, 4], Key::new(3));
        assert_eq!(shifted(&x, 0, Key::new(4)), x);
        let far = shifted(&x, 50, Key::new(4));
        assert!((0..50).any(|b| far.select(0, b).to_vec().iter().all(|&v| v == 0.0)));
    }
}
