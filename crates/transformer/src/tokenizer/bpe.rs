//! Byte pair encoding: a vocabulary of byte strings and the merges that lead to them.

use super::added::{Added, AddedToken, Part};
use super::alphabet;
use super::cache::{self, Cache, Key};
use super::error::TokenizerError;
use super::merge::Merges;
use super::split::{Splitter, parts};
use foldhash::fast::RandomState;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// The most tokens of a vocabulary, and the most merges: four times those of the largest in use.
pub const MAX_TOKENS: usize = 1 << 20;

/// From this many bytes on, a text is cut for several threads. A part takes about half a millisecond.
const PART: usize = 1 << 16;

/// No token.
const NONE: u32 = u32::MAX;

/// A tokenizer whose tokens are strings of bytes: GPT-2's, or one that was trained by a [`BpeTrainer`](super::BpeTrainer).
///
/// ```
/// use glassbox_transformer::tokenizer::BpeTrainer;
/// let trainer = BpeTrainer { special_tokens: vec!["<|end|>".to_string()], ..BpeTrainer::new(260) };
/// let bpe = trainer.train(&["a cat and a hat"])?;
/// let ids = bpe.encode("a hat<|end|>")?;
/// let names: Vec<_> = ids.iter().filter_map(|&id| bpe.name_of(id)).collect();
/// assert_eq!(names, ["a", "Ġ", "h", "at", "<|end|>"]);
/// assert_eq!(bpe.bytes_of(ids[1]), Some(&b" "[..]));
/// assert_eq!(bpe.decode_bytes(&ids)?, b"a hat<|end|>");
/// assert_eq!(bpe.encode_ordinary("<|end|>")?.len(), 7); // of someone else's text nothing is taken for a command
/// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
/// ```
pub struct Bpe {
    tokens: Vec<Option<Token>>,
    ids: HashMap<Arc<str>, u32, RandomState>,
    merges: Merges,
    /// The token of each byte alone, or [`NONE`].
    bytes: [u32; 256],
    added: Added,
    options: Options,
    unknown: Option<u32>,
    /// One for each thread that is encoding or has been.
    workers: Mutex<Vec<Worker>>,
}

#[derive(Debug, Clone)]
struct Token {
    /// As the file has it: a character for each byte, or the text itself where that isn't of the alphabet.
    name: Arc<str>,
    bytes: Box<[u8]>,
    /// Whether it is one of the vocabulary, and not only an added one.
    in_vocab: bool,
}

/// What may be different from GPT-2's tokenizer, by the names of a `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether a text that does not begin with a space is given one.
    pub add_prefix_space: bool,
    /// Whether a text is split by GPT-2's rule; otherwise it is one piece.
    pub use_regex: bool,
    /// Whether a piece that is a token is that token, even if no merges lead to it.
    pub ignore_merges: bool,
    /// The token that stands for a byte for which there is none; without it, such a byte is an error.
    pub unk_token: Option<String>,
    /// Whether unknown bytes beside each other are one unknown token.
    pub fuse_unk: bool,
}

impl Default for Options {
    /// GPT-2's.
    fn default() -> Options {
        Options { add_prefix_space: false, use_regex: true, ignore_merges: false, unk_token: None, fuse_unk: false }
    }
}

/// What has to be there for a [`Bpe`], as files have it and before it is checked.
#[derive(Default)]
pub(super) struct Parts {
    pub vocab: Vec<(String, u32)>,
    pub merges: Vec<(String, String)>,
    pub added: Vec<AddedToken>,
    pub options: Options,
}

/// What is wrong with [`Parts`], and where.
#[derive(Debug)]
pub(super) struct Wrong {
    pub place: Place,
    pub problem: String,
}

#[derive(Debug)]
pub(super) enum Place {
    Vocab,
    Merge(usize),
    Added(usize),
    Unknown,
}

impl Bpe {
    /// Checks that the parts belong together.
    pub(super) fn new(parts: Parts) -> Result<Bpe, Wrong> {
        let Parts { vocab, merges, added, options } = parts;
        let wrong = |place, problem| Wrong { place, problem };
        let mut tokens = Tokens::default();
        for (name, id) in &vocab {
            let bytes = alphabet::read(name).unwrap_or_else(|| name.as_bytes().to_vec());
            tokens.insert(name, bytes, *id, true).map_err(|problem| wrong(Place::Vocab, problem))?;
        }
        let mut checked = Vec::with_capacity(merges.len());
        for (i, (left, right)) in merges.iter().enumerate() {
            let id = |name: &str| {
                let missing =
                    || wrong(Place::Merge(i), format!("token {name:?} is not in the vocabulary; add it there"));
                tokens.ids.get(name).copied().ok_or_else(missing)
            };
            checked.push((id(left)?, id(right)?, id(&format!("{left}{right}"))?));
        }
        for (i, token) in added.iter().enumerate() {
            tokens.add(token).map_err(|problem| wrong(Place::Added(i), problem))?;
        }
        let mut bytes = [NONE; 256];
        for byte in 0..=255 {
            let name = alphabet::character_of(byte);
            bytes[usize::from(byte)] = tokens.ids.get(name.encode_utf8(&mut [0; 2]) as &str).copied().unwrap_or(NONE);
        }
        let unknown = match &options.unk_token {
            None => None,
            Some(name) => {
                let missing = || wrong(Place::Unknown, format!("{name:?} is not in the vocabulary; add it there"));
                Some(*tokens.ids.get(name.as_str()).ok_or_else(missing)?)
            }
        };
        let Tokens { tokens, ids } = tokens;
        let last = added.len().saturating_sub(1);
        let added = Added::new(added).map_err(|error| wrong(Place::Added(last), error.to_string()))?;
        let merges = Merges::new(checked.into_iter());
        Ok(Bpe { tokens, ids, merges, bytes, added, options, unknown, workers: Mutex::default() })
    }

    /// The tokens of a text, with the added tokens found in it.
    ///
    /// A long text is cut where that changes nothing, and encoded by all threads of rayon's pool.
    ///
    /// # Errors
    /// If the vocabulary has no token for a byte of the text, and none for what is unknown.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut tokens = Vec::with_capacity(text.len() / 3);
        for part in self.added.parts(text) {
            match part {
                Part::Token(id) => tokens.push(id),
                Part::Text(range) => self.encode_part(text, range, &mut tokens)?,
            }
        }
        Ok(tokens)
    }

    /// The tokens of a text in which nothing is special: `<|endoftext|>` is thirteen characters. That is what a text needs
    /// which comes from someone else.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_ordinary(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut tokens = Vec::with_capacity(text.len() / 3);
        if !text.is_empty() {
            self.encode_part(text, 0..text.len(), &mut tokens)?;
        }
        Ok(tokens)
    }

    /// The tokens of many texts, by all threads.
    ///
    /// # Errors
    /// That of the first text which has one.
    pub fn encode_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let encoded: Vec<_> = texts.par_iter().map(|text| self.encode(text.as_ref())).collect();
        encoded.into_iter().collect()
    }

    /// The bytes of tokens, added ones too.
    ///
    /// # Errors
    /// If there is no such token.
    pub fn decode_bytes(&self, ids: &[u32]) -> Result<Vec<u8>, TokenizerError> {
        let mut bytes = Vec::with_capacity(4 * ids.len());
        for &id in ids {
            let unknown = || TokenizerError::UnknownId { id, largest: self.vocab_size().saturating_sub(1) as u32 };
            bytes.extend_from_slice(self.bytes_of(id).ok_or_else(unknown)?);
        }
        Ok(bytes)
    }

    /// The number of tokens, which is one more than the largest: rows of an embedding.
    pub fn vocab_size(&self) -> usize {
        self.tokens.len()
    }

    /// The bytes of a token.
    pub fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        self.token(id).map(|token| &*token.bytes)
    }

    /// A token as files have it, where `Ġ` is a space.
    pub fn name_of(&self, id: u32) -> Option<&str> {
        self.token(id).map(|token| &*token.name)
    }

    /// The token that files have under a name.
    pub fn id_of(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    /// The merges in their order, each as two tokens.
    pub fn merges(&self) -> Vec<(u32, u32)> {
        self.merges.in_order()
    }

    /// The added tokens.
    pub fn added_tokens(&self) -> &[AddedToken] {
        self.added.tokens()
    }

    /// In what it is different from GPT-2's.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The same with more added tokens.
    ///
    /// # Errors
    /// If one has no content, or is in the vocabulary under another id, or its id is another token's.
    pub fn with_added_tokens(self, more: &[AddedToken]) -> Result<Bpe, TokenizerError> {
        let Bpe { tokens, ids, merges, bytes, added, options, unknown, workers } = self;
        let mut tokens = Tokens { tokens, ids };
        for token in more {
            tokens.add(token).map_err(|problem| TokenizerError::Settings(format!("added token: {problem}")))?;
        }
        let Tokens { tokens, ids } = tokens;
        let added = Added::new([added.tokens(), more].concat())?;
        Ok(Bpe { tokens, ids, merges, bytes, added, options, unknown, workers })
    }

    /// The tokens of the vocabulary in the order of their ids.
    pub(super) fn vocab(&self) -> impl Iterator<Item = (&str, u32)> {
        let named = self.tokens.iter().zip(0..).filter_map(|(token, id)| Some((token.as_ref()?, id)));
        named.filter(|(token, _)| token.in_vocab).map(|(token, id)| (&*token.name, id))
    }

    fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.get(id as usize)?.as_ref()
    }

    /// Encodes a part in which no added token is.
    fn encode_part(&self, text: &str, range: Range<usize>, tokens: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let (start, text) = (range.start, &text[range]);
        let spaced = self.options.add_prefix_space && !text.starts_with(' ');
        let text = if spaced { Cow::Owned(format!(" {text}")) } else { Cow::Borrowed(text) };
        let unknown = |at: usize| {
            let byte = text.as_bytes()[at];
            TokenizerError::Byte { byte, at: (start + at).saturating_sub(usize::from(spaced)) }
        };
        if text.len() < 2 * PART || !self.options.use_regex || rayon::current_num_threads() == 1 {
            let mut worker = self.worker();
            worker.encode(self, &text, tokens).map_err(unknown)?;
            self.put_back(worker);
            return Ok(());
        }
        let parts = parts(&text, PART);
        let encoded: Vec<Result<Vec<u32>, usize>> = parts
            .par_iter()
            .map(|part| {
                let (mut worker, mut tokens) = (self.worker(), Vec::with_capacity(part.len() / 3));
                let outcome = worker.encode(self, part, &mut tokens);
                self.put_back(worker);
                outcome.map(|()| tokens)
            })
            .collect();
        let mut start = 0;
        for (encoded, part) in encoded.into_iter().zip(parts) {
            tokens.extend_from_slice(&encoded.map_err(|at| unknown(start + at))?);
            start += part.len();
        }
        Ok(())
    }

    fn worker(&self) -> Worker {
        let waiting = self.workers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        waiting.unwrap_or_else(|| Worker { cache: Cache::new(), symbols: Vec::new(), ranks: Vec::new() })
    }

    fn put_back(&self, worker: Worker) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }
}

impl fmt::Debug for Bpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bpe {{ tokens: {}, added: {} }}", self.vocab_size(), self.added_tokens().len())
    }
}

/// The vocabulary while it is put together.
#[derive(Default)]
struct Tokens {
    tokens: Vec<Option<Token>>,
    ids: HashMap<Arc<str>, u32, RandomState>,
}

impl Tokens {
    fn insert(&mut self, name: &str, bytes: Vec<u8>, id: u32, in_vocab: bool) -> Result<(), String> {
        let place = id as usize;
        if place >= MAX_TOKENS {
            return Err(format!(
                "token {name:?} has the id {id}, and {MAX_TOKENS} or more is no id; number them from 0 on"
            ));
        }
        if self.tokens.len() <= place {
            self.tokens.resize(place + 1, None);
        }
        if let Some(other) = &self.tokens[place] {
            return Err(format!("tokens {:?} and {name:?} both have the id {id}; give each its own", other.name));
        }
        let name: Arc<str> = name.into();
        if let Some(other) = self.ids.insert(name.clone(), id) {
            return Err(format!("token {name:?} has the ids {other} and {id}; remove one"));
        }
        self.tokens[place] = Some(Token { name, bytes: bytes.into(), in_vocab });
        Ok(())
    }

    /// An added token is its content, whatever the vocabulary's letters mean.
    fn add(&mut self, token: &AddedToken) -> Result<(), String> {
        let AddedToken { id, content, .. } = token;
        let bytes = content.as_bytes().to_vec();
        match self.ids.get(content.as_str()) {
            _ if content.is_empty() => Err("its content is empty; remove it".to_string()),
            Some(known) if known != id => {
                Err(format!("{content:?} has the id {id}, but in the vocabulary {known}; give it that"))
            }
            Some(_) => {
                self.tokens[*id as usize].as_mut().expect("what has an id has a place").bytes = bytes.into();
                Ok(())
            }
            None => self.insert(content, bytes, *id, false),
        }
    }
}

/// What a thread needs to encode.
struct Worker {
    cache: Cache,
    symbols: Vec<u32>,
    ranks: Vec<u64>,
}

impl Worker {
    /// Adds the tokens of a text. The error is the place of a byte which has no token.
    fn encode(&mut self, bpe: &Bpe, text: &str, tokens: &mut Vec<u32>) -> Result<(), usize> {
        let splitter = Splitter::new(text);
        let text = text.as_bytes();
        let mut start = 0;
        while start < text.len() {
            let end = if bpe.options.use_regex { splitter.end_of(start) } else { text.len() };
            if end - start <= cache::LONGEST {
                let key = Key::new(text, start, end);
                if let Some(known) = self.cache.get(&key) {
                    tokens.extend_from_slice(known);
                } else {
                    self.merge(bpe, &text[start..end]).map_err(|at| start + at)?;
                    self.cache.put(key, &self.symbols);
                    tokens.extend_from_slice(&self.symbols);
                }
            } else {
                self.merge(bpe, &text[start..end]).map_err(|at| start + at)?;
                tokens.extend_from_slice(&self.symbols);
            }
            start = end;
        }
        Ok(())
    }

    /// The tokens of a piece, in `symbols`.
    fn merge(&mut self, bpe: &Bpe, piece: &[u8]) -> Result<(), usize> {
        self.symbols.clear();
        if bpe.options.ignore_merges
            && let Some(id) = bpe.id_of(&alphabet::written(piece))
        {
            self.symbols.push(id);
            return Ok(());
        }
        let mut after_unknown = false;
        for (at, &byte) in piece.iter().enumerate() {
            let id = bpe.bytes[usize::from(byte)];
            if id != NONE {
                self.symbols.push(id);
            } else if !(after_unknown && bpe.options.fuse_unk) {
                self.symbols.push(bpe.unknown.ok_or(at)?);
            }
            after_unknown = id == NONE;
        }
        bpe.merges.apply(&mut self.symbols, &mut self.ranks);
        Ok(())
    }
}
