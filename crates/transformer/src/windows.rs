//! Which parts of a text a step reads, and how a held-out text is gone through.

use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;

/// Windows of a text, each with the token after each of its own: x and y of (B, T), y one token later.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// What is read.
    pub x: Ids,
    /// What follows each token of it.
    pub y: Ids,
}

impl Windows {
    /// Those that begin at these places.
    fn at(tokens: &[u32], starts: impl Iterator<Item = usize> + Clone, len: usize) -> Windows {
        let part = |shift: usize| -> Vec<u32> {
            starts.clone().flat_map(|start| &tokens[start + shift..][..len]).copied().collect()
        };
        let (x, y) = (part(0), part(1));
        let shape = [x.len() / len, len];
        Windows { x: Ids::from_vec(x, shape), y: Ids::from_vec(y, shape) }
    }

    /// `batch` windows of `len` tokens, which begin anywhere: every place is as likely as any other. The same key gives the same.
    ///
    /// ```
    /// use glassbox_tensor::random::Key;
    /// use glassbox_transformer::Windows;
    /// let text: Vec<u32> = (0..100).collect();
    /// let windows = Windows::random(&text, 4, 8, Key::new(0));
    /// assert_eq!((windows.x.shape(), windows.y.at([2, 5])), (&[4, 8][..], windows.x.at([2, 5]) + 1));
    /// ```
    ///
    /// # Panics
    /// If the text has not more than `len` tokens.
    #[track_caller]
    pub fn random(tokens: &[u32], batch: usize, len: usize, key: Key) -> Windows {
        assert!(tokens.len() > len, "Windows::random: {} tokens have no window of {len} and one more", tokens.len());
        let places = u32::try_from(tokens.len() - len).expect("texts are shorter than 2^32");
        let starts: Vec<usize> = (0..batch as u64).map(|i| key.below(i, places) as usize).collect();
        Windows::at(tokens, starts.into_iter(), len)
    }

    /// The whole text in windows of `len` tokens one after the other, `batch` of them at a time, so that each token but the first is
    /// predicted once. The last window has what is left over, by itself.
    ///
    /// ```
    /// use glassbox_transformer::Windows;
    /// let text: Vec<u32> = (0..24).collect();
    /// let shapes: Vec<Vec<usize>> = Windows::consecutive(&text, 2, 5).map(|w| w.x.shape().to_vec()).collect();
    /// assert_eq!(shapes, [[2, 5], [2, 5], [1, 3]]); // 23 predictions
    /// ```
    pub fn consecutive(tokens: &[u32], batch: usize, len: usize) -> impl Iterator<Item = Windows> {
        let predicted = tokens.len().saturating_sub(1);
        let full = predicted / len;
        let whole = (0..full).step_by(batch.max(1)).map(move |first| {
            let last = (first + batch).min(full);
            Windows::at(tokens, (first..last).map(move |i| i * len), len)
        });
        let rest = predicted - full * len;
        whole.chain((rest > 0).then(|| Windows::at(tokens, std::iter::once(full * len), rest)))
    }

    /// How many tokens are predicted.
    ///
    /// ```
    /// # use glassbox_transformer::Windows;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Windows::random(&[1; 50], 4, 8, Key::new(0)).tokens(), 32);
    /// ```
    pub fn tokens(&self) -> usize {
        self.x.numel()
    }
}
