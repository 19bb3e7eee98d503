//! A text of many short texts, such as a list of names: each is predicted by itself, from its own beginning.

use crate::corpus::{Corpus, encode};
use crate::split::Split;
use crate::tokenizer::Tokenizer;
use crate::windows::Windows;
use glassbox_tensor::random::Key;
use glassbox_train::{RunConfig, Setting, TrainError};
use std::ops::Range;

/// The setting that makes documents of a text.
pub(crate) const DOCUMENTS: Setting = Setting::choice(
    "documents",
    "parts that are predicted by themselves, their ends counted: lines, or none where the text is one piece",
    &["none", "lines"],
);

/// The setting that says which documents are held out.
pub(crate) const SPLIT: Setting = Setting::choice(
    "split",
    "which documents are held out: a tenth, drawn; the last tenth, as of a text in one piece; as others drew them",
    Split::WORDS,
);

/// The lines of a text as documents.
///
/// ```text
/// x = (end, c₁, …, c_n),   y = (c₁, …, c_n, end)
/// ```
///
/// The token that ends a line also stands before it, as the beginning: what is predicted first is predicted from it, and what is
/// predicted last is that the line is over. No prediction sees another document. In a batch the shorter ones are filled up to the
/// right, where a causal model sees nothing of it, with places that don't count for the loss.
///
/// ```
/// use glassbox_transformer::{Documents, IGNORED, Split, Windows};
/// let names = Documents::lines(&[1, 2, 0, 3, 0, 0, 4, 5, 6], 0, Split::Last).unwrap(); // 12, 3 and 456, ended by 0
/// let Windows { x, y } = names.train_windows(2, 8).next().unwrap(); // of the first two
/// assert_eq!(x.as_slice(), [0, 1, 2, 0, 3, 0]);
/// assert_eq!(y.as_slice(), [1, 2, 0, 3, 0, IGNORED]);
/// ```
#[derive(Debug, Clone)]
pub struct Documents {
    /// The end, and after each document the end again, so that what a range reads is followed, one token later, by what it predicts.
    tokens: Vec<u32>,
    end: u32,
    /// Where the documents to learn from are read.
    train: Vec<Range<usize>>,
    /// Where those held out are.
    test: Vec<Range<usize>>,
}

impl Documents {
    /// The documents that the settings ask for, if they do.
    pub(crate) fn of(config: &RunConfig, text: &Corpus) -> Result<Option<Documents>, TrainError> {
        let contradiction = |problem: String| Err(TrainError::Contradiction(problem));
        let split = config.word(SPLIT.name);
        if config.word(DOCUMENTS.name) == "none" {
            return match split {
                "lectures" | "makemore" => contradiction(format!(
                    "{}: split = {split} divides documents, and this text is one piece; set documents = lines too",
                    text.name()
                )),
                _ => Ok(None),
            };
        }
        if matches!(text.tokenizer(), Tokenizer::Bpe(_)) {
            return contradiction(
                "documents = lines wants an end of each line that is a token by itself, which byte pairs don't promise; set \
                 tokens=characters"
                    .into(),
            );
        }
        if text.in_documents() {
            return contradiction(format!("{} is made of documents already; leave documents out", text.name()));
        }
        let tokens = [text.train(), text.test()].concat();
        let end = encode(text.tokenizer(), "\n").ok().and_then(|end| end.first().copied());
        let Some(end) = end.filter(|end| tokens.contains(end)) else {
            return contradiction(format!(
                "{}: it has no line break, so it can't be taken as lines; leave documents out",
                text.name()
            ));
        };
        let split = Split::named(split).expect("the setting admits no other word");
        match Documents::lines(&tokens, end, split) {
            Ok(documents) => Ok(Some(documents)),
            Err(problem) => contradiction(format!("{}: {problem}", text.name())),
        }
    }

    /// What a model goes on from: the end before a document, and what stands of it. Of several lines only the last is looked at.
    pub(crate) fn beginning(&self, prompt: &[u32]) -> Vec<u32> {
        let last = prompt.rsplit(|&token| token == self.end).next().unwrap_or_default();
        [&[self.end], last].concat()
    }

    /// The lines of a text, each ended by the token `end`. Empty ones are left out.
    ///
    /// # Errors
    /// A sentence, if there are too few to have some in each part.
    pub fn lines(text: &[u32], end: u32, split: Split) -> Result<Documents, String> {
        let mut tokens = vec![end];
        let mut all = Vec::new();
        for line in text.split(|&token| token == end).filter(|line| !line.is_empty()) {
            let start = tokens.len() - 1;
            tokens.extend(line);
            all.push(start..tokens.len());
            tokens.push(end);
        }
        let (train, test) = split.of(all.len());
        if train.is_empty() || test.is_empty() {
            return Err(format!(
                "there are too few lines to learn from some and be judged by others: {} that are not empty; give 10 at least",
                all.len()
            ));
        }
        let [train, test] = [train, test].map(|part| part.into_iter().map(|i| all[i as usize].clone()).collect());
        Ok(Documents { tokens, end, train, test })
    }

    /// The token that ends each.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Those to learn from: the tokens of each, without its end.
    pub fn train(&self) -> impl Iterator<Item = &[u32]> {
        self.train.iter().map(|read| &self.tokens[read.start + 1..read.end])
    }

    /// Those held out.
    pub fn test(&self) -> impl Iterator<Item = &[u32]> {
        self.test.iter().map(|read| &self.tokens[read.start + 1..read.end])
    }

    /// A batch of documents, every one as likely as any other. Of one that has more than `len` predictions, a part that begins
    /// anywhere in it. The same key gives the same.
    pub fn random(&self, batch: usize, len: usize, key: Key) -> Windows {
        let (which, place) = (key.fold(0), key.fold(1));
        let read = (0..batch as u64).map(|i| {
            let all = &self.train[which.below(i, self.train.len() as u32) as usize];
            let start = all.start + place.below(i, all.len().saturating_sub(len) as u32 + 1) as usize;
            start..all.end.min(start + len)
        });
        Windows::padded(&self.tokens, &read.collect::<Vec<_>>())
    }

    /// All to learn from, one after the other, `batch` at a time, each in windows of `len`: everything is predicted once.
    pub fn train_windows(&self, batch: usize, len: usize) -> impl Iterator<Item = Windows> {
        self.windows(&self.train, batch, len)
    }

    /// The same of those held out.
    pub fn test_windows(&self, batch: usize, len: usize) -> impl Iterator<Item = Windows> {
        self.windows(&self.test, batch, len)
    }

    fn windows(&self, documents: &[Range<usize>], batch: usize, len: usize) -> impl Iterator<Item = Windows> {
        let parts = |all: &Range<usize>| {
            let end = all.end;
            all.clone().step_by(len).map(move |start| start..end.min(start + len))
        };
        let parts: Vec<Range<usize>> = documents.iter().flat_map(parts).collect();
        let batches: Vec<Vec<Range<usize>>> = parts.chunks(batch).map(<[_]>::to_vec).collect();
        batches.into_iter().map(|batch| Windows::padded(&self.tokens, &batch))
    }
}
