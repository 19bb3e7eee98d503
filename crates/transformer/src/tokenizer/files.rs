//! Tokenizers as files: `tokenizer.json`, or GPT-2's two files, `vocab.json` and `merges.txt`.

use super::bpe::{Bpe, MAX_TOKENS, Options, Parts, Place};
use super::error::TokenizerError;
use super::{Tokenizer, json};
use glassbox_data::files::{read_at_most, write_atomically};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The largest file that is read: 64 MiB, twice the largest in use.
pub const MAX_FILE_BYTES: u64 = 1 << 26;

const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";
/// The first line of a list of merges.
const HEADER: &str = "#version";

impl Tokenizer {
    /// Reads a tokenizer: a `tokenizer.json`, or a folder in which one is, or `vocab.json` and `merges.txt`.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::{BpeTrainer, Tokenizer};
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let trained = Tokenizer::from(BpeTrainer::new(300).train(&["the cat sat on the mat"])?);
    /// trained.save(&folder.join("tokenizer.json"))?;
    /// let read = Tokenizer::open(folder)?;
    /// assert_eq!(read.encode("the hat")?, trained.encode("the hat")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there is none, or it cannot be read, is larger than [`MAX_FILE_BYTES`], contradicts itself, or is a tokenizer of another
    /// kind.
    pub fn open(path: &Path) -> Result<Tokenizer, TokenizerError> {
        let read = |path: &Path| -> Result<_, TokenizerError> {
            Ok((path.display().to_string(), read_at_most(path, MAX_FILE_BYTES)?))
        };
        let inside = |name| Some(path.join(name)).filter(|file| file.exists());
        let file = if path.is_dir() { inside(JSON) } else { Some(path.to_path_buf()) };
        if let Some(file) = file {
            let (name, bytes) = read(&file)?;
            return Tokenizer::parse_json(&name, &bytes);
        }
        match (inside(VOCAB), inside(MERGES)) {
            (Some(vocab), Some(merges)) => {
                let ((vocab_name, vocab), (merges_name, merges)) = (read(&vocab)?, read(&merges)?);
                let bpe = Bpe::parse_vocab_and_merges((&vocab_name, &vocab), (&merges_name, &merges))?;
                Ok(Tokenizer::Bpe(Arc::new(bpe)))
            }
            _ => Err(TokenizerError::NoTokenizer { folder: path.display().to_string() }),
        }
    }

    /// Reads the content of a `tokenizer.json`; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse_json(file: &str, bytes: &[u8]) -> Result<Tokenizer, TokenizerError> {
        json::parse(file, bytes)
    }

    /// The content of a `tokenizer.json`, which the library `tokenizers` reads too, whatever the kind.
    pub fn to_json(&self) -> String {
        match self {
            Tokenizer::Plain(vocabulary) => json::of_vocabulary(vocabulary),
            Tokenizer::Bpe(bpe) => json::of_bpe(bpe),
        }
    }

    /// Writes a `tokenizer.json`: the old file stays until the new one is whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TokenizerError> {
        Ok(write_atomically(path, self.to_json().as_bytes())?)
    }
}

impl Bpe {
    /// Reads the contents of `vocab.json` and `merges.txt`, each with the name that errors call it. What is different from GPT-2's
    /// tokenizer can't be said in these files, and neither can its special tokens:
    /// [`with_added_tokens`](Self::with_added_tokens) adds them.
    ///
    /// ```
    /// use glassbox_transformer::tokenizer::Bpe;
    /// let vocab = br#"{"a": 0, "b": 1, "ab": 2}"#;
    /// let bpe = Bpe::parse_vocab_and_merges(("vocab.json", vocab), ("merges.txt", b"#version: 0.2\na b\n"))?;
    /// assert_eq!(bpe.encode("abba")?, [2, 1, 0]);
    ///
    /// let error = Bpe::parse_vocab_and_merges(("vocab.json", vocab), ("merges.txt", b"a b\nb a\n")).unwrap_err();
    /// assert_eq!(error.to_string(), "merges.txt: line 2: token \"ba\" is not in the vocabulary; add it there");
    /// # Ok::<(), glassbox_transformer::tokenizer::TokenizerError>(())
    /// ```
    ///
    /// # Errors
    /// If the first isn't an object of tokens with their numbers; if a line of the second isn't two tokens with a space between
    /// them, which are in the first and so is what they become.
    pub fn parse_vocab_and_merges(vocab: (&str, &[u8]), merges: (&str, &[u8])) -> Result<Bpe, TokenizerError> {
        let tokens: json::Vocab = json::from_slice(vocab.0, VOCAB, vocab.1)?;
        let (first, merges_of_file) = parse_merges(merges.0, merges.1)?;
        let parts = Parts { vocab: tokens.0, merges: merges_of_file, added: Vec::new(), options: Options::default() };
        Bpe::new(parts).map_err(|wrong| {
            let (file, place) = match wrong.place {
                Place::Merge(i) => (merges.0, format!("line {}", first + i)),
                _ => (vocab.0, "the vocabulary".to_string()),
            };
            TokenizerError::Entry { file: file.to_string(), place, problem: wrong.problem }
        })
    }

    /// The contents of `vocab.json` and `merges.txt`.
    pub fn to_vocab_and_merges(&self) -> (String, String) {
        let mut vocab = Vec::new();
        let entries: Vec<_> = self.vocab().map(|(name, id)| (name.to_string(), id)).collect();
        json::as_map(&entries, &mut serde_json::Serializer::new(&mut vocab)).expect("memory can be written to");
        let mut merges = String::from("#version: 0.2\n");
        for (left, right) in self.merges() {
            let name = |id| self.name_of(id).expect("merges are of tokens");
            writeln!(merges, "{} {}", name(left), name(right)).expect("memory can be written to");
        }
        (String::from_utf8(vocab).expect("JSON is text"), merges)
    }
}

/// The merges of a file, and the number of the line in which the first one is.
fn parse_merges(file: &str, bytes: &[u8]) -> Result<(usize, Vec<(String, String)>), TokenizerError> {
    let wrong = |line: usize, problem: String| TokenizerError::Entry {
        file: file.to_string(),
        place: format!("line {line}"),
        problem,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        wrong(line, format!("byte {} of the file is not UTF-8; copy it or download it again", error.valid_up_to()))
    })?;
    let header = usize::from(text.starts_with(HEADER));
    let mut merges = Vec::new();
    for (line, merge) in text.lines().enumerate().skip(header) {
        let (left, right) = two_tokens(merge).ok_or_else(|| {
            let shown: String = merge.chars().take(40).collect();
            wrong(line + 1, format!("{shown:?} is not two tokens with one space between them"))
        })?;
        if merges.len() == MAX_TOKENS {
            return Err(wrong(line + 1, format!("more than {MAX_TOKENS} merges")));
        }
        merges.push((left.to_string(), right.to_string()));
    }
    Ok((header + 1, merges))
}

/// Two tokens with one space between them.
pub(super) fn two_tokens(merge: &str) -> Option<(&str, &str)> {
    merge.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' '))
}
