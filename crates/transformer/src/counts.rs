//! How often each token followed each: all that a text of pairs is, and the likeliest table of it without a gradient.

use glassbox_tensor::Tensor;

/// The pairs of a text, counted.
///
/// ```
/// use glassbox_transformer::PairCounts;
/// let counts = PairCounts::of([&[0, 1, 0, 1, 0, 2][..]], 3); // after 0 comes 1 twice and 2 once, after 1 comes 0 twice
/// assert_eq!(counts.total(), 5);
/// assert!((counts.nats(&counts, 0.0) - 3.0 / 5.0 * (3f64.ln() - 2.0 / 3.0 * 2f64.ln())).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCounts {
    words: usize,
    /// (V, V): how often the column's token followed the row's.
    counts: Vec<u64>,
}

impl PairCounts {
    /// Of texts of so many words; no pair reaches from one into the next.
    ///
    /// # Panics
    /// If a token is no word.
    #[track_caller]
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [u32]>, words: usize) -> Self {
        let mut all = Self { words, counts: vec![0; words * words] };
        for text in texts {
            text.windows(2).for_each(|pair| all.add(pair[0], pair[1]));
        }
        all
    }

    /// Of what windows read and predict.
    ///
    /// # Panics
    /// If a token is no word.
    #[track_caller]
    pub fn of_windows(windows: impl Iterator<Item = crate::Windows>, words: usize) -> Self {
        let mut all = Self::of([], words);
        for windows in windows {
            let pairs = windows.x.as_slice().iter().zip(windows.y.as_slice());
            pairs.filter(|&(_, &next)| next != crate::IGNORED).for_each(|(&token, &next)| all.add(token, next));
        }
        all
    }

    #[track_caller]
    fn add(&mut self, token: u32, next: u32) {
        let [row, column] = [token, next].map(|token| token as usize);
        assert!(row.max(column) < self.words, "PairCounts: token {} is no word of {}", row.max(column), self.words);
        self.counts[row * self.words + column] += 1;
    }

    /// V: how many words there are.
    pub fn words(&self) -> usize {
        self.words
    }

    /// How many pairs there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The mean of −ln p over the pairs of another text (or of this one), in nats, in f64:
    ///
    /// ```text
    /// p(j | i) = (n(i, j) + s) / (n(i) + s·V)
    /// ```
    ///
    /// With s = 0 that is the share of j among what followed i, the likeliest table for this text; of another it says ∞ if that
    /// has a pair which this one lacks. s = 1 is Laplace's rule of succession.
    pub fn nats(&self, judged: &PairCounts, smoothing: f64) -> f64 {
        let words = self.words;
        let rows = self.counts.chunks(words).zip(judged.counts.chunks(words));
        let sum: f64 = rows
            .map(|(own, judged)| {
                let all = own.iter().sum::<u64>() as f64 + smoothing * words as f64;
                let pairs = own.iter().zip(judged).filter(|&(_, &times)| times > 0);
                pairs.map(|(&n, &times)| -((n as f64 + smoothing) / all).ln() * times as f64).sum::<f64>()
            })
            .sum();
        sum / judged.total() as f64
    }

    /// The logits of that table, (V, V): ln(n + s). What never followed has −∞ if s is 0; after a token that nothing followed, all
    /// are as likely.
    pub fn logits(&self, smoothing: f64) -> Tensor {
        let row = |row: &[u64]| -> Vec<f32> {
            let unseen = row.iter().all(|&n| n == 0);
            row.iter().map(|&n| if unseen { 0.0 } else { (n as f64 + smoothing).ln() as f32 }).collect()
        };
        Tensor::from_vec(self.counts.chunks(self.words).flat_map(row).collect(), [self.words, self.words])
    }
}
