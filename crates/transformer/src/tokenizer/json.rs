//! `tokenizer.json`, the file of the library `tokenizers`.
//!
//! The file describes a pipeline of five parts, of which most can be many things. What is read here are the tokenizers that this
//! library has, as the library writes them:
//!
//! | | `pre_tokenizer` | `model` | `decoder` |
//! | --- | --- | --- | --- |
//! | byte-level BPE | `ByteLevel` | `BPE`, merges as strings `"Ġ t"` or pairs `["Ġ", "t"]` | anything |
//! | bytes | `ByteLevel`, `use_regex` false | `BPE` of the 256 bytes, no merges | anything |
//! | characters | none | `BPE` of single characters in their order, no merges | anything |
//!
//! Anything else is refused by name, since a tokenizer that leaves something out gives other tokens and no sign of it.

use super::added::AddedToken;
use super::alphabet;
use super::bpe::{Bpe, MAX_TOKENS, Options, Parts, Place};
use super::error::TokenizerError;
use super::vocabulary::Vocabulary;
use super::{Tokenizer, files};
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    truncation: Option<IgnoredAny>,
    #[serde(default)]
    padding: Option<IgnoredAny>,
    #[serde(default)]
    added_tokens: Limited<AddedToken>,
    #[serde(default)]
    normalizer: Option<Named>,
    #[serde(default)]
    pre_tokenizer: Option<PreTokenizer>,
    #[serde(default)]
    post_processor: Option<Named>,
    model: Model,
}

/// Any part, of which only the kind matters.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PreTokenizer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    add_prefix_space: bool,
    #[serde(default = "yes")]
    use_regex: bool,
}

fn yes() -> bool {
    true
}

/// The file, of which only the kind of model is read: another kind has other entries.
#[derive(Deserialize)]
struct Kind {
    model: OptionalName,
}

#[derive(Deserialize)]
struct OptionalName {
    /// Old files don't say it.
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    dropout: Option<f32>,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    vocab: Vocab,
    merges: Limited<Merge>,
}

/// A list of at most [`MAX_TOKENS`] entries.
struct Limited<T>(Vec<T>);

impl<T> Default for Limited<T> {
    fn default() -> Self {
        Limited(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Limited<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(Vec<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Limited<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_TOKENS} entries")
            }
            fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Limited<T>, A::Error> {
                while let Some(entry) = list.next_element()? {
                    if self.0.len() == MAX_TOKENS {
                        return Err(de::Error::invalid_length(MAX_TOKENS + 1, &self));
                    }
                    self.0.push(entry);
                }
                Ok(Limited(self.0))
            }
        }
        deserializer.deserialize_seq(List(Vec::new()))
    }
}

/// The vocabulary in the order of the file. A token that is there twice is seen later.
pub(super) struct Vocab(pub Vec<(String, u32)>);

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries(Vec<(String, u32)>);
        impl<'de> Visitor<'de> for Entries {
            type Value = Vocab;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_TOKENS} tokens, each with its number")
            }
            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Vocab, A::Error> {
                while let Some(entry) = map.next_entry()? {
                    if self.0.len() == MAX_TOKENS {
                        return Err(de::Error::invalid_length(MAX_TOKENS + 1, &self));
                    }
                    self.0.push(entry);
                }
                Ok(Vocab(self.0))
            }
        }
        deserializer.deserialize_map(Entries(Vec::new()))
    }
}

/// `"a b"` or `["a", "b"]`.
struct Merge(String, String);

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Merge;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two tokens, as a list or with one space between them")
            }
            fn visit_str<E: de::Error>(self, merge: &str) -> Result<Merge, E> {
                let (left, right) =
                    files::two_tokens(merge).ok_or_else(|| E::invalid_value(de::Unexpected::Str(merge), &self))?;
                Ok(Merge(left.to_string(), right.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merge, A::Error> {
                let left = list.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let right = list.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                match list.next_element::<IgnoredAny>()? {
                    None => Ok(Merge(left, right)),
                    Some(_) => Err(de::Error::invalid_length(3, &self)),
                }
            }
        }
        deserializer.deserialize_any(Pair)
    }
}

pub(super) fn from_slice<T: DeserializeOwned>(
    file: &str,
    wanted: &'static str,
    bytes: &[u8],
) -> Result<T, TokenizerError> {
    let problem = |error: serde_json::Error| error.to_string();
    serde_json::from_slice(bytes).map_err(|error| TokenizerError::Json {
        file: file.to_string(),
        wanted,
        problem: problem(error),
    })
}

/// Reads a `tokenizer.json`; `file` is what errors call it.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Tokenizer, TokenizerError> {
    const WANTED: &str = "tokenizer.json";
    let unsupported = |place, found: &str, supported| {
        Err(TokenizerError::Unsupported { file: file.to_string(), place, found: found.to_string(), supported })
    };
    let kind: Kind = from_slice(file, WANTED, bytes)?;
    if let Some(kind) = kind.model.kind.filter(|kind| kind != "BPE") {
        return unsupported("model", &kind, "BPE");
    }
    let File { truncation, padding, added_tokens, normalizer, pre_tokenizer, post_processor, model } =
        from_slice(file, WANTED, bytes)?;
    if truncation.is_some() {
        return unsupported("truncation", "set", "null");
    }
    if padding.is_some() {
        return unsupported("padding", "set", "null");
    }
    if let Some(Named { kind }) = normalizer {
        return unsupported("normalizer", &kind, "null");
    }
    if let Some(Named { kind }) = post_processor.filter(|p| p.kind != "ByteLevel") {
        return unsupported("post_processor", &kind, "null or ByteLevel"); // which changes no token, only offsets
    }
    if model.dropout.is_some_and(|p| p > 0.0) {
        return unsupported("model.dropout", "set", "null");
    }
    for (place, text) in [
        ("model.continuing_subword_prefix", model.continuing_subword_prefix),
        ("model.end_of_word_suffix", model.end_of_word_suffix),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            return unsupported(place, &format!("{text:?}"), "null");
        }
    }
    if model.byte_fallback == Some(true) {
        return unsupported("model.byte_fallback", "true", "false");
    }
    if added_tokens.0.iter().any(|token| token.single_word) {
        return unsupported("single_word of an added token", "true", "false");
    }
    let Some(pre_tokenizer) = pre_tokenizer else {
        return match characters(&model.vocab.0, &model.merges.0, &added_tokens.0) {
            Some(vocabulary) => Ok(Tokenizer::Plain(vocabulary)),
            None => unsupported("pre_tokenizer", "null", "ByteLevel (or null for single characters in their order)"),
        };
    };
    if pre_tokenizer.kind != "ByteLevel" {
        return unsupported("pre_tokenizer", &pre_tokenizer.kind, "ByteLevel");
    }
    let bpe = Bpe::new(Parts {
        vocab: model.vocab.0,
        merges: model.merges.0.into_iter().map(|Merge(left, right)| (left, right)).collect(),
        added: added_tokens.0,
        options: Options {
            add_prefix_space: pre_tokenizer.add_prefix_space,
            use_regex: pre_tokenizer.use_regex,
            ignore_merges: model.ignore_merges == Some(true),
            unk_token: model.unk_token,
            fuse_unk: model.fuse_unk == Some(true),
        },
    });
    let bpe = bpe.map_err(|wrong| TokenizerError::Entry {
        file: file.to_string(),
        place: match wrong.place {
            Place::Vocab => "model.vocab".to_string(),
            Place::Merge(i) => format!("model.merges[{i}]"),
            Place::Added(i) => format!("added_tokens[{i}]"),
            Place::Unknown => "model.unk_token".to_string(),
        },
        problem: wrong.problem,
    })?;
    Ok(if is_bytes(&bpe) { Tokenizer::bytes() } else { Tokenizer::Bpe(Arc::new(bpe)) })
}

/// Single characters in their order, from 0 on, and nothing else.
fn characters(vocab: &[(String, u32)], merges: &[Merge], added: &[AddedToken]) -> Option<Vocabulary> {
    if !merges.is_empty() || !added.is_empty() || vocab.is_empty() {
        return None;
    }
    let mut sorted: Vec<(u32, char)> = Vec::with_capacity(vocab.len());
    for (token, id) in vocab {
        let mut of_token = token.chars();
        sorted.push((*id, of_token.next()?));
        if of_token.next().is_some() {
            return None;
        }
    }
    sorted.sort_unstable();
    let numbered = sorted.iter().zip(0..).all(|(&(id, _), i)| id == i);
    let ascending = sorted.is_sorted_by(|a, b| a.1 < b.1);
    (numbered && ascending).then(|| Vocabulary::Characters(sorted.into_iter().map(|(_, c)| c).collect()))
}

/// The 256 bytes, each under its own number, and nothing else.
fn is_bytes(bpe: &Bpe) -> bool {
    let all = (0..=255).all(|byte| bpe.id_of(&alphabet::character_of(byte).to_string()) == Some(u32::from(byte)));
    all && bpe.vocab_size() == 256 && bpe.added_tokens().is_empty() && !bpe.options().add_prefix_space
}

/// The file of a byte-level BPE, as the library `tokenizers` writes it.
pub(super) fn of_bpe(bpe: &Bpe) -> String {
    let Options { add_prefix_space, use_regex, ignore_merges, unk_token, fuse_unk } = bpe.options();
    let byte_level =
        ByteLevel { kind: "ByteLevel", add_prefix_space: *add_prefix_space, trim_offsets: true, use_regex: *use_regex };
    let vocab = bpe.vocab().map(|(name, id)| (name.to_string(), id)).collect();
    let name = |id| bpe.name_of(id).expect("merges are of tokens").to_string();
    let merges = bpe.merges().into_iter().map(|(left, right)| (name(left), name(right))).collect();
    let model = WrittenModel {
        unk_token: unk_token.clone(),
        fuse_unk: *fuse_unk,
        ignore_merges: *ignore_merges,
        ..WrittenModel::new(vocab, merges)
    };
    written(bpe.added_tokens(), Some(byte_level), DECODER, model)
}

/// A prefix means nothing to a decoder; the library writes `true`.
const DECODER: Decoder =
    Decoder::ByteLevel(ByteLevel { kind: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true });

/// The file of characters or bytes, as a BPE that has nothing to merge.
pub(super) fn of_vocabulary(vocabulary: &Vocabulary) -> String {
    match vocabulary {
        Vocabulary::Characters(characters) => {
            let vocab = characters.iter().zip(0..).map(|(c, id)| (c.to_string(), id)).collect();
            written(&[], None, Decoder::Fuse { kind: "Fuse" }, WrittenModel::new(vocab, Vec::new()))
        }
        Vocabulary::Bytes => {
            let part = ByteLevel { kind: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
            let vocab = (0..=255u8).map(|byte| (alphabet::character_of(byte).to_string(), u32::from(byte))).collect();
            written(&[], Some(part), DECODER, WrittenModel::new(vocab, Vec::new()))
        }
    }
}

fn written(added: &[AddedToken], pre_tokenizer: Option<ByteLevel>, decoder: Decoder, model: WrittenModel) -> String {
    let file = Written {
        version: "1.0",
        truncation: (),
        padding: (),
        added_tokens: added,
        normalizer: (),
        pre_tokenizer,
        post_processor: pre_tokenizer,
        decoder,
        model,
    };
    serde_json::to_string_pretty(&file).expect("texts and numbers can be written as JSON")
}

#[derive(Serialize)]
struct Written<'a> {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: &'a [AddedToken],
    normalizer: (),
    pre_tokenizer: Option<ByteLevel>,
    post_processor: Option<ByteLevel>,
    decoder: Decoder,
    model: WrittenModel,
}

#[derive(Clone, Copy, Serialize)]
struct ByteLevel {
    #[serde(rename = "type")]
    kind: &'static str,
    add_prefix_space: bool,
    trim_offsets: bool,
    use_regex: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Decoder {
    ByteLevel(ByteLevel),
    Fuse {
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

#[derive(Serialize)]
struct WrittenModel {
    #[serde(rename = "type")]
    kind: &'static str,
    dropout: (),
    unk_token: Option<String>,
    continuing_subword_prefix: (),
    end_of_word_suffix: (),
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "as_map")]
    vocab: Vec<(String, u32)>,
    merges: Vec<(String, String)>,
}

impl WrittenModel {
    fn new(vocab: Vec<(String, u32)>, merges: Vec<(String, String)>) -> WrittenModel {
        WrittenModel {
            kind: "BPE",
            dropout: (),
            unk_token: None,
            continuing_subword_prefix: (),
            end_of_word_suffix: (),
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: false,
            vocab,
            merges,
        }
    }
}

/// The vocabulary as an object, in the order of the tokens.
pub(super) fn as_map<S: Serializer>(vocab: &[(String, u32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(vocab.iter().map(|(name, id)| (name, id)))
}
