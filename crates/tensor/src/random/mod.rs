//! Random numbers that are functions: of a [`Key`] and a position, of nothing else.
//!
//! There is no generator whose state everybody advances. The number at position `p` of key `k` is
//! [`k.uniform(p)`](Key::uniform), whoever asks, in whatever order, on however many threads: so a fill is parallel and
//! still the same bit for bit, a fill of n is the beginning of every longer one, and a run that is resumed at step s
//! draws what it would have drawn.
//!
//! What another place must draw independently gets a key of its own by [`fold`](Key::fold):
//!
//! ```
//! use glassbox_tensor::random::{Key, uniform_fill};
//!
//! let run = Key::new(42);
//! let dropout = run.fold(1).fold(1000); // the stream of "dropout" (1) at step 1000
//!
//! let mut mask = [0.0; 100];
//! uniform_fill(dropout, &mut mask);
//! assert_eq!(mask[37], dropout.uniform(37));
//! assert_ne!(mask[37], run.fold(1).fold(1001).uniform(37));
//! ```
//!
//! # Which bits lie where
//!
//! A key of 64 bits names a stream of 2⁶⁴ positions. Philox makes four words from one counter, and vectors hold up to 16
//! lanes, so 64 positions form a *tile* of 16 counters: position p is word ⌊p / 16⌋ mod 4 of the counter
//! 16·⌊p / 64⌋ + p mod 16. Then each word of 16 neighbouring counters is stored as it is computed, without a transpose.
//!
//! The bits of every number are the same on every instruction set and on every number of threads.

mod distribution;
mod fill;
mod philox;

pub use fill::{gumbel_fill, logistic_fill, normal_fill, uniform_fill};

use crate::simd::Scalar;
use distribution::{Distribution, Gumbel, Logistic, Normal, Uniform};
use philox::philox;

/// The last counter word says what the bits are for, so that no stream of numbers contains another one's key.
const NUMBERS: u32 = 0;
const KEYS: u32 = 1;

/// Which block holds the word of `position`, and which of the block's four words it is.
#[inline]
fn place(position: u64) -> (u64, usize) {
    (position / 64 * 16 + position % 16, (position / 16 % 4) as usize)
}

/// The name of a stream of random numbers.
///
/// A plain value: copy it, store it, send it. Equal keys are equal streams.
///
/// ```
/// use glassbox_tensor::random::Key;
/// let key = Key::new(42);
/// let (first, _) = (key.uniform(0), key.uniform(1));
/// assert_eq!(key.uniform(0), first); // nothing was advanced
/// assert_ne!(key.fold(1).uniform(0), key.fold(2).uniform(0)); // keys of their own for independent numbers
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of a seed. Different seeds give different streams, neighbouring seeds too.
    ///
    /// ```
    /// use glassbox_tensor::random::Key;
    /// assert_eq!(Key::new(7).uniform(3), Key::new(7).uniform(3)); // a function of key and position, whoever asks, and when
    /// ```
    pub const fn new(seed: u64) -> Key {
        Key(seed)
    }

    /// The key numbered `index` among the 2⁶⁴ substreams of this one.
    ///
    /// Drawn by Philox itself: 64 bits of the block (index, 0, 1) under this key, where the numbers of this key use the
    /// blocks (·, ·, 0). Of n keys made so, two are equal with probability n² / 2⁶⁵: one in 37 million for a million keys.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// let key = Key::new(1);
    /// assert_eq!(key.fold(7), key.fold(7));
    /// assert_ne!(key.fold(7), key.fold(8));
    /// assert_ne!(key.fold(7).fold(8), key.fold(8).fold(7));
    /// ```
    #[must_use]
    pub fn fold(self, index: u64) -> Key {
        let [low, high, ..] = self.block(index, 0, KEYS);
        Key(u64::from(high) << 32 | u64::from(low))
    }

    /// 32 random bits: the words that every other function of this key is made from.
    ///
    /// ```
    /// use glassbox_tensor::random::Key;
    /// assert_ne!(Key::new(7).bits(0), Key::new(7).bits(1));
    /// ```
    #[inline]
    pub fn bits(self, position: u64) -> u32 {
        self.attempt(position, 0)
    }

    /// A number of [0, 1), a multiple of 2⁻²⁴: the upper 24 of [`bits`](Self::bits), all that f32 resolves below 1.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// let key = Key::new(0);
    /// let mean = (0..10_000).map(|p| key.uniform(p)).sum::<f32>() / 10_000.0;
    /// assert!((mean - 0.5).abs() < 0.01);
    /// ```
    #[inline]
    pub fn uniform(self, position: u64) -> f32 {
        self.number(position, Uniform)
    }

    /// A number of the normal distribution N(0, 1), by Box and Muller's formula.
    ///
    /// ```text
    /// density e^(−x²/2) / √(2π),   mean 0,   variance 1
    /// ```
    ///
    /// |x| ≤ 6.66, beyond which lie 2.7 · 10⁻¹¹ of the distribution.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// use glassbox_tensor::random::Key;
    /// assert_eq!(Tensor::randn([4], Key::new(1)).at([2]), Key::new(1).normal(2)); // number 2 of any tensor of this key
    /// ```
    #[inline]
    pub fn normal(self, position: u64) -> f32 {
        self.number(position, Normal)
    }

    /// A number of Gumbel's distribution: −ln(−ln u) of a uniform u.
    ///
    /// ```text
    /// P(X ≤ x) = exp(−e⁻ˣ),   mean γ = 0.5772,   variance π²/6
    /// ```
    ///
    /// From −2.81 to 22.18, outside of which lie 6 · 10⁻⁸ and 2.3 · 10⁻¹⁰ of the distribution.
    ///
    /// ```
    /// assert!(glassbox_tensor::random::Key::new(1).gumbel(0) > -2.9);
    /// ```
    #[inline]
    pub fn gumbel(self, position: u64) -> f32 {
        self.number(position, Gumbel)
    }

    /// A number of the logistic distribution: ln(u / (1 − u)) of a uniform u.
    ///
    /// ```text
    /// P(X ≤ x) = σ(x) = 1 / (1 + e⁻ˣ),   mean 0,   variance π²/3
    /// ```
    ///
    /// |x| ≤ 22.88, beyond which lie 2.3 · 10⁻¹⁰ of the distribution.
    ///
    /// ```
    /// assert!(glassbox_tensor::random::Key::new(1).logistic(0).abs() < 22.9);
    /// ```
    #[inline]
    pub fn logistic(self, position: u64) -> f32 {
        self.number(position, Logistic)
    }

    /// A number of 0, 1, …, n − 1, each exactly equally likely.
    ///
    /// ⌊bits · n / 2³²⌋ would favour some numbers by up to n / 2³²; as in Lemire (*Fast Random Integer Generation in an
    /// Interval*, 2019), the few products whose lower half is below 2³² mod n are drawn again, from further blocks of
    /// the same position.
    ///
    /// # Panics
    /// When `n` is 0.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// let dice: Vec<u32> = (0..6).map(|p| 1 + Key::new(3).below(p, 6)).collect();
    /// assert!(dice.iter().all(|eyes| (1..=6).contains(eyes)));
    /// ```
    #[track_caller]
    pub fn below(self, position: u64, n: u32) -> u32 {
        assert!(n > 0, "Key::below: there is no number below 0; n must be at least 1");
        let unfair = n.wrapping_neg() % n; // 2³² mod n
        let mut attempt = 0;
        loop {
            let product = u64::from(self.attempt(position, attempt)) * u64::from(n);
            if product as u32 >= unfair {
                return (product >> 32) as u32;
            }
            attempt += 1;
        }
    }

    /// The numbers 0, 1, …, n − 1 in random order, each order equally likely.
    ///
    /// Fisher and Yates's shuffle as Durstenfeld wrote it (1964): for i from n − 1 down to 1, swap i with
    /// [`below(i, i + 1)`](Self::below).
    ///
    /// # Panics
    /// When `n` is more than 2³² − 1.
    ///
    /// ```
    /// # use glassbox_tensor::random::Key;
    /// let mut order = Key::new(5).permutation(4);
    /// order.sort();
    /// assert_eq!(order, [0, 1, 2, 3]);
    /// ```
    #[track_caller]
    pub fn permutation(self, n: usize) -> Vec<u32> {
        let n = u32::try_from(n).unwrap_or_else(|_| panic!("Key::permutation: {n} numbers, more than u32 can count"));
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i as usize, self.below(u64::from(i), i + 1) as usize);
        }
        order
    }

    /// The number of `position` as the fills compute it, from the scalar token.
    #[inline]
    fn number(self, position: u64, distribution: impl Distribution) -> f32 {
        let (block, word) = place(position);
        distribution.numbers(Scalar, self.block(block, 0, NUMBERS).map(|word| word as i32))[word]
    }

    /// The word of `position` in the numbers' stream; attempts after the first are other words for the same position.
    #[inline]
    fn attempt(self, position: u64, attempt: u32) -> u32 {
        let (block, word) = place(position);
        self.block(block, attempt, NUMBERS)[word]
    }

    /// One Philox block.
    #[inline]
    fn block(self, index: u64, attempt: u32, purpose: u32) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, attempt, purpose];
        philox(Scalar, counter.map(|word| word as i32), self.words()).map(|word| word as u32)
    }

    /// The key as Philox takes it.
    #[inline]
    fn words(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }
}

#[cfg(test)]
mod tests;
