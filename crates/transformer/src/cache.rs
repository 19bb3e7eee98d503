//! The KV cache: keys and values of the tokens that were read, so that a new token is all that has to be computed.

use glassbox_tensor::Tensor;
use glassbox_tensor::relay::{Span, Step, run};

/// The keys and values of one layer, in room for the whole context.
#[derive(Debug, Clone)]
pub struct Layer {
    /// (P, H·D), of which the first `len` rows are filled.
    keys: Tensor,
    values: Tensor,
    len: usize,
    heads: usize,
}

/// What a transformer keeps of the text that it has read: a key and a value of each token in each layer.
///
/// The room for all positions is there from the beginning and is written in place, so that a token costs its own key and value
/// and nothing of those before it.
///
/// ```
/// use glassbox_transformer::{Gpt, GptSizes, LanguageModel};
/// use glassbox_tensor::random::Key;
/// let gpt = Gpt::new(GptSizes::CHAR, Key::new(0));
/// let mut cache = gpt.begin();
/// gpt.read(&mut cache, &[1, 2, 3]);
/// gpt.read(&mut cache, &[4]);
/// assert_eq!(cache.len(), 4);
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    layers: Vec<Layer>,
    /// What the steps of a single token hand on.
    row: Vec<f32>,
}

impl Cache {
    /// Room for P positions of H heads of D numbers in each layer, given as (H, P, D).
    pub(crate) fn new(layers: usize, [heads, positions, dim]: [usize; 3]) -> Cache {
        let room = || Tensor::zeros([positions, heads * dim]);
        let layer = |_| Layer { keys: room(), values: room(), len: 0, heads };
        Cache { layers: (0..layers).map(layer).collect(), row: Vec::new() }
    }

    /// How many tokens are in it.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks; it is a count of tokens")]
    pub fn len(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.len)
    }

    /// The layers, each to be given to its block.
    pub(crate) fn layers(&mut self) -> impl Iterator<Item = &mut Layer> {
        self.layers.iter_mut()
    }

    /// Takes one more token through the steps of a model, from its `row` on: `stages` may use [`ROW`], so many floats that begin
    /// with the row, [`LOGITS`], and the keys and values of each layer, of which the row after those that are there is theirs to write.
    pub(crate) fn step(&mut self, row: &[f32], floats: usize, words: usize, stages: &[Vec<Step<'_>>]) -> Tensor {
        let mut logits = Tensor::zeros([words]);
        self.row.resize(floats, 0.0);
        self.row[..row.len()].copy_from_slice(row);
        let mut buffers: Vec<&mut [f32]> = vec![&mut self.row, logits.make_mut()];
        for layer in &mut self.layers {
            layer.len += 1;
            // No view of them is alive: nothing is copied, unless another beginning of a text shares them.
            buffers.extend([layer.keys.make_mut(), layer.values.make_mut()]);
        }
        run(&mut buffers, stages);
        logits
    }
}

/// The buffer of [`Cache::step`] that begins with the row.
const ROW: usize = 0;
/// The buffer of the logits.
const LOGITS: usize = 1;

/// A place in what the steps hand on.
pub(crate) fn row(start: usize, len: usize) -> Span {
    Span { buffer: ROW, start, len }
}

/// The logits.
pub(crate) fn logits(words: usize) -> Span {
    Span { buffer: LOGITS, start: 0, len: words }
}

/// Keys (0) or values (1) of a layer from row `from` to before row `to`, each of `width` numbers.
pub(crate) fn kept(layer: usize, which: usize, [from, to]: [usize; 2], width: usize) -> Span {
    Span { buffer: 2 + 2 * layer + which, start: from * width, len: (to - from) * width }
}

impl Layer {
    /// How many tokens are in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes the keys and values (1, H, T, D) of new tokens behind those that are there, and returns all, (1, H, S, D) each.
    ///
    /// # Panics
    /// If there is no room for them, or they are of several texts.
    pub(crate) fn append(&mut self, keys: &Tensor, values: &Tensor) -> [Tensor; 2] {
        let new = keys.shape()[2];
        put(&mut self.keys, keys, self.len);
        put(&mut self.values, values, self.len);
        self.len += new;
        let &[_, width] = self.keys.shape() else { unreachable!("two axes") };
        let heads = |all: &Tensor| {
            let all = all.narrow(0, 0, self.len).reshape([1, self.len, self.heads, width / self.heads]);
            all.permute(&[0, 2, 1, 3])
        };
        [&self.keys, &self.values].map(heads)
    }
}

/// Writes (1, H, T, D) into the rows of `room` (P, H·D) from `at` on, in place.
fn put(room: &mut Tensor, new: &Tensor, at: usize) {
    let (&[b, _, t, _], &[positions, width]) = (new.shape(), room.shape()) else { unreachable!("four axes and two") };
    assert!(b == 1, "the cache holds one text, not {b}");
    assert!(at + t <= positions, "the cache has room for {positions} tokens, not for {}", at + t);
    let new = new.permute(&[0, 2, 1, 3]).contiguous(); // (1, T, H, D)
    let rows = new.as_slice().expect("contiguous");
    room.make_mut()[at * width..][..t * width].copy_from_slice(rows); // no view of it is alive: nothing is copied
}
