//! The KV cache: keys and values of the tokens that were read, so that a new token is all that has to be computed.

use glassbox_tensor::Tensor;

/// The keys and values of one layer, in room for the whole context.
#[derive(Debug, Clone)]
pub struct Layer {
    /// (1, H, P, D), of which the first `len` positions are filled.
    keys: Tensor,
    values: Tensor,
    len: usize,
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
}

impl Cache {
    /// Room for P positions of H heads of D numbers in each layer, given as (H, P, D).
    pub(crate) fn new(layers: usize, [heads, positions, dim]: [usize; 3]) -> Cache {
        let room = || Tensor::zeros([1, heads, positions, dim]);
        Cache { layers: (0..layers).map(|_| Layer { keys: room(), values: room(), len: 0 }).collect() }
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
}

impl Layer {
    /// How many tokens are in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes the keys and values (1, H, T, D) of new tokens behind those that are there, and returns all, (1, H, S, D) each.
    ///
    /// # Panics
    /// If there is no room for them.
    pub(crate) fn append(&mut self, keys: &Tensor, values: &Tensor) -> [Tensor; 2] {
        let new = keys.shape()[2];
        put(&mut self.keys, keys, self.len);
        put(&mut self.values, values, self.len);
        self.len += new;
        [&self.keys, &self.values].map(|all| all.narrow(2, 0, self.len))
    }
}

/// Writes (1, H, T, D) into the positions of `room` (1, H, P, D) from `at` on, in place.
fn put(room: &mut Tensor, new: &Tensor, at: usize) {
    let (&[b, heads, t, d], &[_, _, positions, _]) = (new.shape(), room.shape()) else { unreachable!("four axes") };
    assert!(b == 1, "the cache holds one text, not {b}");
    assert!(at + t <= positions, "the cache has room for {positions} tokens, not for {}", at + t);
    let new = new.contiguous();
    let rows = new.as_slice().expect("contiguous");
    let room = room.make_mut(); // no view of it is alive: nothing is copied
    for head in 0..heads {
        room[(head * positions + at) * d..][..t * d].copy_from_slice(&rows[head * t * d..][..t * d]);
    }
}
