//! Which parts of a text a step reads, and how a held-out text is gone through.

use crate::corpus::Part;
use crate::model::IGNORED;
use glassbox_tensor::Ids;
use glassbox_tensor::random::Key;
use std::ops::Range;

/// Windows of a text, each with the token after each of its own: x and y of (B, T), y one token later.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// What is read.
    pub x: Ids,
    /// What follows each token of it, or [`IGNORED`].
    pub y: Ids,
}

impl Windows {
    /// Those that read these parts of a text, each from its first column on. Where a part is over, x has any token and y has
    /// [`IGNORED`].
    pub(crate) fn padded(tokens: &[u32], read: &[Range<usize>]) -> Windows {
        let len = read.iter().map(Range::len).max().unwrap_or(0);
        let shape = [read.len(), len];
        let mut x = vec![0; read.len() * len];
        let mut y = vec![IGNORED; read.len() * len];
        for (i, read) in read.iter().enumerate() {
            x[i * len..][..read.len()].copy_from_slice(&tokens[read.clone()]);
            y[i * len..][..read.len()].copy_from_slice(&tokens[read.start + 1..][..read.len()]);
        }
        Windows { x: Ids::from_vec(x, shape), y: Ids::from_vec(y, shape) }
    }

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
        Windows::at(tokens, Windows::places(tokens, batch, len, key).into_iter(), len)
    }

    /// Where those windows begin.
    #[track_caller]
    pub(crate) fn places(tokens: &[u32], batch: usize, len: usize, key: Key) -> Vec<usize> {
        assert!(tokens.len() > len, "Windows::random: {} tokens have no window of {len} and one more", tokens.len());
        let places = u32::try_from(tokens.len() - len).expect("texts are shorter than 2^32");
        (0..batch as u64).map(|i| key.below(i, places) as usize).collect()
    }

    /// Those of rows that have one token more, all alike in length.
    pub(crate) fn of_rows(rows: &[Vec<u32>]) -> Windows {
        let part = |shift: usize| rows.iter().flat_map(|row| &row[shift..row.len() - 1 + shift]).copied().collect();
        let shape = [rows.len(), rows[0].len() - 1];
        Windows { x: Ids::from_vec(part(0), shape), y: Ids::from_vec(part(1), shape) }
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

    /// The same in so many parts of as many windows each, one after the other.
    ///
    /// ```
    /// # use glassbox_transformer::Windows;
    /// # use glassbox_tensor::random::Key;
    /// let text: Vec<u32> = (0..100).collect();
    /// let windows = Windows::random(&text, 6, 8, Key::new(0));
    /// let parts: Vec<Windows> = windows.parts(3).collect();
    /// assert_eq!((parts.len(), parts[2].x.shape()), (3, &[2, 8][..]));
    /// assert_eq!(parts[2].x.as_slice(), &windows.x.as_slice()[32..]);
    /// ```
    ///
    /// # Panics
    /// If the windows can't be parted so.
    #[track_caller]
    pub fn parts(&self, n: usize) -> impl Iterator<Item = Windows> {
        let &[batch, len] = self.x.shape() else { unreachable!("(B, T)") };
        assert!(n > 0 && batch.is_multiple_of(n), "Windows::parts: {batch} windows can't be parted into {n} alike");
        let part = move |ids: &Ids, i: usize| {
            Ids::from_slice(&ids.as_slice()[i * (batch / n) * len..][..batch / n * len], [batch / n, len])
        };
        (0..n).map(move |i| Windows { x: part(&self.x, i), y: part(&self.y, i) })
    }

    /// `batch` windows of `len` tokens, each of which begins where a document does: any of them, as likely as any other. The next
    /// documents follow in it, the first after the last.
    pub(crate) fn of_documents(part: &Part, batch: usize, len: usize, key: Key) -> Windows {
        let n = part.tokens.len();
        let starts = (0..batch as u64).map(|i| part.begins[key.below(i, part.begins.len() as u32) as usize]);
        let rows = |tokens: &[u32], shift: usize| -> Vec<u32> {
            starts.clone().flat_map(|start| (0..len).map(move |i| (start + shift + i) % n)).map(|i| tokens[i]).collect()
        };
        let (x, y) = (rows(&part.tokens, 0), rows(part.told(), 1));
        Windows { x: Ids::from_vec(x, [batch, len]), y: Ids::from_vec(y, [batch, len]) }
    }

    /// Each document by itself, as far as a window of `len` tokens reaches.
    pub(crate) fn each_document(part: &Part, len: usize) -> impl Iterator<Item = Windows> {
        let ends = part.begins.iter().skip(1).copied().chain([part.tokens.len()]);
        part.begins.iter().zip(ends).filter(|(start, end)| end - *start > 1).map(move |(&start, end)| {
            let n = (end - start - 1).min(len);
            let ids = |tokens: &[u32], from: usize| Ids::from_slice(&tokens[from..from + n], [1, n]);
            Windows { x: ids(&part.tokens, start), y: ids(part.told(), start + 1) }
        })
    }

    /// How many tokens are predicted.
    ///
    /// ```
    /// # use glassbox_transformer::Windows;
    /// # use glassbox_tensor::random::Key;
    /// assert_eq!(Windows::random(&[1; 50], 4, 8, Key::new(0)).tokens(), 32);
    /// ```
    pub fn tokens(&self) -> usize {
        self.y.as_slice().iter().filter(|&&token| token != IGNORED).count()
    }
}
