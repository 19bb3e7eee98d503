//! Which keys a query sees, and which queries see a key: the geometry of causal and windowed attention.

use std::ops::Range;

/// Which keys a query sees by its position alone. With T queries and S keys the two are aligned at their ends, so query
/// i stands at key i + S − T: the queries are the newest, and the keys may begin with a past that was cached.
///
/// This is how FlashAttention aligns them (from version 2.1 on). PyTorch's `is_causal` aligns them at the beginning,
/// which is the same where T = S.
///
/// ```
/// use glassbox_tensor::Sight;
/// assert_eq!(Sight::CAUSAL.keys(0, 5, 5), 0..1); // the first of five sees itself
/// assert_eq!(Sight::CAUSAL.keys(0, 1, 5), 0..5); // one new query, after four keys that were cached
/// assert_eq!(Sight { window: Some(3), ..Sight::CAUSAL }.keys(0, 1, 5), 2..5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Only keys up to the query's own position.
    pub causal: bool,
    /// Of these only the last `window`, the query's own among them (Child et al. 2019; Mistral's sliding window). Needs
    /// `causal`.
    pub window: Option<usize>,
}

impl Sight {
    /// Every key.
    pub const ALL: Sight = Sight { causal: false, window: None };
    /// The keys up to the query's own position.
    pub const CAUSAL: Sight = Sight { causal: true, window: None };

    /// The keys that query `i` of `t` sees, of `s` keys. Start and end grow with i.
    ///
    /// ```
    /// use glassbox_tensor::Sight;
    /// let last_two = Sight { causal: true, window: Some(2) };
    /// let seen: Vec<_> = (0..3).map(|i| last_two.keys(i, 3, 4)).collect();
    /// assert_eq!(seen, [0..2, 1..3, 2..4]); // the first of three queries stands at the second of four keys
    /// ```
    pub fn keys(&self, i: usize, t: usize, s: usize) -> Range<usize> {
        if !self.causal {
            return 0..s;
        }
        let end = (i + 1 + s).saturating_sub(t).min(s);
        self.window.map_or(0, |w| end.saturating_sub(w))..end
    }

    /// The keys that one of the queries `i` sees.
    pub(super) fn keys_of_all(&self, i: &Range<usize>, t: usize, s: usize) -> Range<usize> {
        if i.is_empty() {
            return 0..0;
        }
        self.keys(i.start, t, s).start..self.keys(i.end - 1, t, s).end
    }

    /// The queries that see one of the keys `j`.
    pub(super) fn queries_of_all(&self, j: &Range<usize>, t: usize, s: usize) -> Range<usize> {
        if !self.causal || j.is_empty() {
            return 0..if j.is_empty() { 0 } else { t };
        }
        // end(i) = i + 1 + s − t > j.start, and end(i) − w < j.end
        let first = (j.start + t).saturating_sub(s);
        let after = self.window.map_or(t, |w| w.saturating_add(j.end + t).saturating_sub(s + 1).min(t));
        first.min(after)..after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_keys_see_each_other() {
        let sights = [None, Some(None), Some(Some(1)), Some(Some(3)), Some(Some(50))]
            .map(|causal| Sight { causal: causal.is_some(), window: causal.flatten() });
        for sight in sights {
            for (t, s) in [(1, 1), (5, 5), (3, 8), (8, 3), (1, 6), (6, 1), (0, 4), (4, 0)] {
                let sees = |i: usize, j: usize| sight.keys(i, t, s).contains(&j);
                for i in 0..t {
                    for j in 0..s {
                        let (query, key) = (i + s, j + t); // both counted from t keys before the first
                        let expected = !sight.causal || key <= query && sight.window.is_none_or(|w| query < key + w);
                        assert_eq!(sees(i, j), expected, "{sight:?}: query {i} of {t}, key {j} of {s}");
                    }
                }
                for (from, to) in (0..=s).flat_map(|a| (a..=s).map(move |b| (a, b))) {
                    let found = sight.queries_of_all(&(from..to), t, s);
                    let expected = (0..t).filter(|&i| (from..to).any(|j| sees(i, j)));
                    assert!(expected.clone().eq(found.clone()), "{sight:?} {t} {s}: keys {from}..{to}: {found:?}");
                }
            }
        }
    }
}
