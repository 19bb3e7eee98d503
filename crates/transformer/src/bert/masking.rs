//! The objective: which tokens are hidden, and what stands there instead.

use crate::model::IGNORED;
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;

/// Texts in which some tokens are to be said: x and y of (B, T).
#[derive(Debug, Clone, PartialEq)]
pub struct Masked {
    /// What is read.
    pub x: Ids,
    /// What stood there, where it is asked, and elsewhere [`IGNORED`].
    pub y: Ids,
}

/// Hides tokens as BERT does: each is asked about with probability `share`. Of those, 80% are replaced by the word `mask`, 10% by any
/// of the words below it, and 10% stay, so that the model can't trust what it sees either (Devlin et al. 2019, section 3.1).
///
/// ```
/// use glassbox_tensor::{Ids, random::Key};
/// use glassbox_transformer::hide;
/// let ids = Ids::from([[5, 6, 7, 8], [9, 5, 6, 7]]);
/// let masked = hide(&ids, 0.5, 10, Key::new(1));
/// for (i, (&x, &y)) in masked.x.as_slice().iter().zip(masked.y.as_slice()).enumerate() {
///     assert!(y == u32::MAX && x == ids.as_slice()[i] || y == ids.as_slice()[i]); // what isn't asked about stands as it was
/// }
/// ```
pub fn hide(ids: &Ids, share: f64, mask: u32, key: Key) -> Masked {
    let [asked, how, other] = [0, 1, 2].map(|stream| key.fold(stream));
    let (mut x, mut y) = (ids.as_slice().to_vec(), vec![IGNORED; ids.numel()]);
    for (i, (x, y)) in x.iter_mut().zip(&mut y).enumerate() {
        let i = i as u64;
        if f64::from(asked.uniform(i)) >= share {
            continue;
        }
        *y = *x;
        match how.below(i, 10) {
            0..8 => *x = mask,
            8 => *x = other.below(i, mask),
            _ => {}
        }
    }
    Masked { x: Ids::from_vec(x, ids.shape()), y: Ids::from_vec(y, ids.shape()) }
}

impl Masked {
    /// How many tokens are asked about.
    pub fn asked(&self) -> usize {
        self.y.as_slice().iter().filter(|&&y| y != IGNORED).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_in_a_hundred_are_asked_about_eight_of_ten_by_the_mask() {
        let n = 200_000;
        let ids = Ids::randint(30, [n / 100, 100], Key::new(0));
        let masked = hide(&ids, 0.15, 30, Key::new(1));
        let (mut hidden, mut changed, mut kept) = (0, 0, 0);
        for ((&was, &x), &y) in ids.as_slice().iter().zip(masked.x.as_slice()).zip(masked.y.as_slice()) {
            match (y != IGNORED, x) {
                (false, x) => assert_eq!(x, was),
                (true, 30) => hidden += 1,
                (true, x) if x == was => kept += 1,
                (true, _) => changed += 1,
            }
        }
        let asked = masked.asked();
        assert_eq!(asked, hidden + changed + kept);
        // Within five standard deviations of a share p of n: √(p·(1 − p)/n).
        let near = |count: usize, n: usize, p: f64| {
            let is = count as f64 / n as f64;
            assert!((is - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "{count} of {n}, not {p}");
        };
        near(asked, n, 0.15);
        near(hidden, asked, 0.8);
        near(changed, asked, 0.1 * 29.0 / 30.0); // another word is the same once in 30
        near(kept, asked, 0.1 + 0.1 / 30.0);
    }
}
