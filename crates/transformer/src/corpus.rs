//! A text as a model reads it: its tokens, in the part to learn from and the part held out.

use crate::middle::BORDERS;
use crate::model::IGNORED;
use crate::start::Start;
use crate::tokenizer::{BpeTrainer, END_OF_TEXT, FORM_FEED, Tokenizer, TokenizerError, Vocabulary};
use glassbox_data::text::{Document, Text};
use glassbox_train::{RunConfig, TrainError};
use std::path::Path;

/// What the tokens of a checkpoint stand for.
const TOKENIZER: &str = "tokenizer.json";

/// A text in tokens.
///
/// Documents stand one after the other with a token between them that ends each, so that windows are full, whatever the
/// documents' length (Brown et al. 2020, section 2.2, have it so). Attention isn't cut there: a model sees the end of the
/// document before, and learns from the token that it is over.
#[derive(Debug, Clone)]
pub struct Corpus {
    name: String,
    tokenizer: Tokenizer,
    train: Part,
    test: Part,
    in_documents: bool,
}

/// One of the two parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// All tokens, those of prompts too.
    pub tokens: Vec<u32>,
    /// What is to be said at each place, if that is not all of the tokens: [`IGNORED`] where the token is a prompt's.
    pub told: Option<Vec<u32>>,
    /// Where documents begin.
    pub begins: Vec<usize>,
}

impl Part {
    /// What is to be said at each place.
    pub fn told(&self) -> &[u32] {
        self.told.as_ref().unwrap_or(&self.tokens)
    }
}

impl Corpus {
    /// A text in the tokens of this tokenizer.
    ///
    /// ```
    /// use glassbox_data::text::{Document, Text};
    /// use glassbox_transformer::Corpus;
    /// use glassbox_transformer::tokenizer::Tokenizer;
    /// let names = Text::of("names", ["anna", "otto", "eve"].map(Document::new).to_vec())?;
    /// let corpus = Corpus::new(&names, Tokenizer::bytes())?;
    /// assert_eq!(corpus.tokenizer().decode(corpus.train())?, "anna\u{c}otto\u{c}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the tokenizer lacks something that is in the text, or a token that ends its documents.
    pub fn new(text: &Text, tokenizer: Tokenizer) -> Result<Corpus, TrainError> {
        let end = match (text.in_documents(), tokenizer.end_of_text()) {
            (false, _) => None,
            (true, Some(end)) => Some(end),
            (true, None) => {
                return Err(TrainError::Contradiction(format!(
                    "{} is made of documents, and the tokenizer has no token that ends one; take one with {END_OF_TEXT}",
                    text.name()
                )));
            }
        };
        let part = |documents: &[Document]| -> Result<Part, TrainError> {
            let (mut part, mut told) = (Part::default(), Vec::new());
            for document in documents {
                let (prompt, text) = (encode(&tokenizer, &document.prompt)?, encode(&tokenizer, &document.text)?);
                part.begins.push(part.tokens.len());
                told.extend(std::iter::repeat_n(IGNORED, prompt.len()).chain(text.iter().copied()).chain(end));
                part.tokens.extend(prompt.into_iter().chain(text).chain(end));
            }
            part.told = told.contains(&IGNORED).then_some(told);
            Ok(part)
        };
        let (train, test) = (part(text.train())?, part(text.test())?);
        let (name, in_documents) = (text.name().to_string(), text.in_documents());
        Ok(Corpus { name, tokenizer, train, test, in_documents })
    }

    /// A text in the tokens that a run begins with, or that its settings ask for. Byte pairs are learned from the part to learn from.
    ///
    /// # Errors
    /// If there can be no vocabulary of that size.
    pub(crate) fn of(config: &RunConfig, text: &Text, start: Option<&Start>) -> Result<Corpus, TrainError> {
        if let Some(start) = start {
            return Corpus::new(text, start.tokenizer.clone());
        }
        let tokenizer = match config.word("tokens") {
            "characters" => {
                let all = text.train().iter().chain(text.test()).flat_map(|d| [d.prompt.as_str(), &d.text]);
                let end = if text.in_documents() { FORM_FEED } else { "" };
                Vocabulary::of(&all.chain([end]).collect::<String>()).into()
            }
            "bytes" => Vocabulary::Bytes.into(),
            _ => {
                let texts: Vec<&str> =
                    text.train().iter().flat_map(|d| [d.prompt.as_str(), &d.text]).filter(|t| !t.is_empty()).collect();
                let borders: &[&str] = if config.real_or("fim", 0.0) > 0.0 { &BORDERS } else { &[] };
                let special_tokens = [END_OF_TEXT].iter().chain(borders).map(|token| token.to_string()).collect();
                let trainer = BpeTrainer { special_tokens, ..BpeTrainer::new(config.count("vocabulary") as usize) };
                trainer.train(&texts).map_err(refused)?.into()
            }
        };
        Corpus::new(text, tokenizer)
    }

    /// Writes what the tokens stand for into the folder of a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn save_tokenizer(&self, folder: &Path) -> Result<(), TrainError> {
        self.tokenizer.save(&folder.join(TOKENIZER)).map_err(refused)
    }

    /// Refuses a checkpoint whose tokens stand for something else.
    ///
    /// # Errors
    /// If they do, or the file is missing or damaged.
    pub(crate) fn check_tokenizer(&self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(TOKENIZER);
        let known = Tokenizer::open(&path).map_err(refused)?;
        if known.to_json() != self.tokenizer.to_json() {
            let problem = format!(
                "{} gives other tokens than the text that the model learned to read; put that text back in its place",
                self.name
            );
            return Err(TrainError::Damaged { path, problem });
        }
        Ok(())
    }

    /// What the text is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What gave its tokens.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokens to learn from.
    pub fn train(&self) -> &[u32] {
        &self.train.tokens
    }

    /// The tokens held out.
    pub fn test(&self) -> &[u32] {
        &self.test.tokens
    }

    /// The parts, with what is to be said in them.
    pub(crate) fn parts(&self) -> [&Part; 2] {
        [&self.train, &self.test]
    }

    /// Whether a token stands in it where a document ends.
    pub fn in_documents(&self) -> bool {
        self.in_documents
    }

    /// How many bytes of UTF-8 these tokens stand for; one that ends a document stands for none, nor does what is ignored.
    ///
    /// # Panics
    /// If one is no token.
    #[track_caller]
    pub fn bytes(&self, tokens: &[u32]) -> usize {
        let end = self.tokenizer.end_of_text();
        let told: Vec<u32> = tokens.iter().copied().filter(|&token| Some(token) != end && token != IGNORED).collect();
        self.tokenizer.decode_bytes(&told).expect("tokens of this tokenizer").len()
    }
}

/// The tokens of a text by somebody else, in which nothing is a command.
pub(crate) fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, TrainError> {
    match tokenizer {
        Tokenizer::Bpe(bpe) => bpe.encode_ordinary(text),
        Tokenizer::Plain(vocabulary) => vocabulary.encode(text),
    }
    .map_err(refused)
}

/// What a tokenizer refuses, as a run says it.
pub(crate) fn refused(error: TokenizerError) -> TrainError {
    match error {
        TokenizerError::Data(error) => TrainError::Data(error),
        other => TrainError::Contradiction(other.to_string()),
    }
}
