//! Training a byte-level BPE: count the pieces of the texts, then learn merges from the counts.

use super::added::AddedToken;
use super::alphabet;
use super::bpe::{Bpe, MAX_TOKENS, Options, Parts};
use super::count::count_pieces;
use super::error::TokenizerError;
use super::learn::{Words, learn};
use glassbox_tensor::counted;
use std::collections::HashMap;

/// What is to be learned from texts.
///
/// The merges are those of the library `tokenizers` (its `BpeTrainer`, with a `ByteLevel` pre-tokenizer) with the same settings on
/// the same texts, on any number of threads.
///
/// ```
/// use glassbox_transformer::tokenizer::BpeTrainer;
/// let bpe = BpeTrainer::new(259).train(&["low lower lowest", "low lower"])?;
/// let merges: Vec<_> = bpe.merges().into_iter().map(|(a, b)| (bpe.name_of(a).unwrap(), bpe.name_of(b).unwrap())).collect();
/// assert_eq!(merges, [("l", "o"), ("lo", "w"), ("Ġ", "low")]);
/// assert_eq!(bpe.decode_bytes(&bpe.encode("slow")?)?, b"slow");
/// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BpeTrainer {
    /// How many tokens there are to be in all: special tokens, bytes, and merged ones as long as there is anything to merge.
    pub vocab_size: usize,
    /// How often a pair must stand in the texts to become a token.
    pub min_frequency: u64,
    /// Tokens that no text leads to; they are the first of the vocabulary.
    pub special_tokens: Vec<String>,
    /// Whether the vocabulary has all 256 bytes, so that any text can be encoded; otherwise those of the texts.
    pub every_byte: bool,
}

impl BpeTrainer {
    /// All bytes, no special tokens, and any pair that stands there at all.
    pub fn new(vocab_size: usize) -> BpeTrainer {
        BpeTrainer { vocab_size, min_frequency: 0, special_tokens: Vec::new(), every_byte: true }
    }

    /// Learns a vocabulary. Each text begins anew: no piece reaches into the next one.
    ///
    /// # Errors
    /// If the vocabulary is to be smaller than its bytes and special tokens, or larger than [`MAX_TOKENS`]; if a special token is
    /// empty, said twice, or would be written like bytes that are another text.
    pub fn train<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Bpe, TokenizerError> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let pieces = count_pieces(&texts);
        let mut vocab = Growing::default();
        let mut added = Vec::with_capacity(self.special_tokens.len());
        for content in &self.special_tokens {
            check_special(content, &vocab)?;
            added.push(AddedToken::special(vocab.add(content.clone()), content));
        }
        let bytes = self.alphabet(&pieces, &mut vocab);
        let least = vocab.names.len();
        if !(least..=MAX_TOKENS).contains(&self.vocab_size) {
            return Err(TokenizerError::Settings(format!(
                "a vocabulary of {} is none: the bytes and special tokens alone are {least}, and more than {MAX_TOKENS} are not \
                 possible; ask for a number in between",
                counted(self.vocab_size as u64, "token"),
            )));
        }
        let mut merges = Vec::new();
        learn(Words::new(&pieces, &bytes), self.min_frequency, |left, right| {
            (vocab.names.len() < self.vocab_size).then(|| {
                let name = |id: u32| vocab.names[id as usize].clone();
                let (left, right) = (name(left), name(right));
                let merged = vocab.add(format!("{left}{right}"));
                merges.push((left, right));
                merged
            })
        });
        let vocab = vocab.names.into_iter().zip(0..).collect();
        Ok(Bpe::new(Parts { vocab, merges, added, options: Options::default() })
            .expect("what was learned belongs together"))
    }

    /// The token of each byte, in the order of their characters. A byte that no text has gets none, unless all are wanted.
    fn alphabet(&self, pieces: &[(&[u8], u64)], vocab: &mut Growing) -> [u32; 256] {
        let mut wanted = [self.every_byte; 256];
        for &byte in pieces.iter().flat_map(|(piece, _)| *piece) {
            wanted[usize::from(byte)] = true;
        }
        let mut order: Vec<u8> = (0..=255).filter(|&byte| wanted[usize::from(byte)]).collect();
        order.sort_by_key(|&byte| alphabet::character_of(byte));
        let mut ids = [u32::MAX; 256];
        for byte in order {
            ids[usize::from(byte)] = vocab.add(alphabet::character_of(byte).to_string());
        }
        ids
    }
}

fn check_special(content: &str, vocab: &Growing) -> Result<(), TokenizerError> {
    let problem = if content.is_empty() {
        "it is empty; leave it out"
    } else if vocab.ids.contains_key(content) {
        "it is there twice; say it once"
    } else if alphabet::read(content).is_some_and(|bytes| bytes != content.as_bytes()) {
        "in a vocabulary its letters stand for other bytes; write it in ASCII"
    } else {
        return Ok(());
    };
    Err(TokenizerError::Settings(format!("special token {content:?}: {problem}")))
}

/// A vocabulary that grows: names by token, and tokens by name.
#[derive(Default)]
struct Growing {
    names: Vec<String>,
    ids: HashMap<String, u32>,
}

impl Growing {
    /// The token of a name, a new one if there is none yet.
    fn add(&mut self, name: String) -> u32 {
        if let Some(&id) = self.ids.get(&name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }
}
