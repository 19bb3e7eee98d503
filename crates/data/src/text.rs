//! Text: UTF-8 files, and the part of them that is held out.
//!
//! The first nine tenths are learned from and the last tenth is held out, as char-rnn and nanoGPT have it, so that losses
//! compare: of n characters the first `⌊0.9·n⌋`. Where a text is made of documents none of them is cut, and the part to learn
//! from ends with the one that this place falls into. What a token is, is the models' business.

use crate::error::DataError;
use crate::{files, pairs};
use glassbox_tensor::counted;
use std::path::Path;

/// The largest text: 256 MiB.
pub const MAX_TEXT_BYTES: u64 = 1 << 28;

/// A text in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    name: String,
    train: Vec<Document>,
    test: Vec<Document>,
    in_documents: bool,
}

/// A stretch of text that begins somewhere and ends somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// What is given: a model reads it and isn't asked to say it. Mostly nothing.
    pub prompt: String,
    /// What a model is to say.
    pub text: String,
}

impl Document {
    /// One without a prompt.
    pub fn new(text: impl Into<String>) -> Document {
        Document { prompt: String::new(), text: text.into() }
    }

    fn characters(&self) -> usize {
        self.prompt.chars().count() + self.text.chars().count()
    }
}

impl Text {
    /// Reads a text from memory. `name` is what the errors call it.
    ///
    /// ```
    /// use glassbox_data::text::Text;
    /// let text = Text::parse("a fox", "the quick brown fox".as_bytes())?;
    /// assert_eq!((text.train()[0].text.as_str(), text.test()[0].text.as_str()), ("the quick brown f", "ox"));
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If it is not UTF-8, or has fewer than two characters.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Text, DataError> {
        let text = utf8(name, bytes)?;
        let n = text.chars().count();
        if n < 2 {
            let problem = format!("{}; a text of at least 2 is wanted", counted(n, "character"));
            return Err(DataError::Inconsistent { name: name.to_string(), problem });
        }
        let cut = text.char_indices().nth(cut(n)).map_or(text.len(), |(at, _)| at);
        let [train, test] = [&text[..cut], &text[cut..]].map(|part| vec![Document::new(part)]);
        Ok(Text { name: name.to_string(), train, test, in_documents: false })
    }

    /// A text of whole documents, in this order.
    ///
    /// ```
    /// use glassbox_data::text::{Document, Text};
    /// let text = Text::of("names", ["anna", "otto", "eve"].map(Document::new).to_vec())?;
    /// assert_eq!((text.train().len(), text.test().len()), (2, 1));
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If there are fewer than two with something in them, so that none could be held out.
    pub fn of(name: &str, mut documents: Vec<Document>) -> Result<Text, DataError> {
        documents.retain(|document| !document.text.is_empty());
        if documents.len() < 2 {
            let problem =
                format!("{}; at least 2 are wanted, one of them to be held out", counted(documents.len(), "document"));
            return Err(DataError::Inconsistent { name: name.to_string(), problem });
        }
        let sizes: Vec<usize> = documents.iter().map(Document::characters).collect();
        let (cut, mut before) = (cut(sizes.iter().sum()), 0);
        let first = sizes.iter().take_while(|&&size| {
            let inside = before < cut;
            before += size;
            inside
        });
        let test = documents.split_off(first.count().clamp(1, documents.len() - 1));
        Ok(Text { name: name.to_string(), train: documents, test, in_documents: true })
    }

    /// Reads pairs of a prompt and a response, one JSON object a line, each of which becomes a document.
    ///
    /// ```
    /// use glassbox_data::text::Text;
    /// let lines = br#"{"prompt": "2 + 2 = ", "response": "4"}
    /// {"prompt": "2 + 3 = ", "response": "5"}"#;
    /// assert_eq!(Text::pairs("sums.jsonl", lines)?.train()[0].prompt, "2 + 2 = ");
    /// # Ok::<(), glassbox_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// If a line is no such object, or if there are fewer than two responses.
    pub fn pairs(name: &str, bytes: &[u8]) -> Result<Text, DataError> {
        Text::of(name, pairs::parse(name, utf8(name, bytes)?)?)
    }

    /// What the text is called: the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to learn from.
    pub fn train(&self) -> &[Document] {
        &self.train
    }

    /// What is held out.
    pub fn test(&self) -> &[Document] {
        &self.test
    }

    /// Whether it is made of documents, of which a model should know where they end. Otherwise each part is a stretch of one text.
    pub fn in_documents(&self) -> bool {
        self.in_documents
    }

    /// How many characters there are to learn from, and how many are held out.
    pub fn characters(&self) -> [usize; 2] {
        [&self.train, &self.test].map(|part| part.iter().map(Document::characters).sum())
    }
}

/// How many of n characters are learned from: `⌊0.9·n⌋`, and at least one.
fn cut(n: usize) -> usize {
    (n * 9 / 10).max(1)
}

/// The text of these bytes, without a byte order mark, which is no part of it.
fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = bytes[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        let byte = bytes[at];
        let problem = format!("byte {at} (0x{byte:02x}, in line {line}) is not UTF-8; save the text as UTF-8");
        DataError::Inconsistent { name: name.to_string(), problem }
    })
}

/// Reads a text file, or one of pairs.
///
/// # Errors
/// If it cannot be read, is larger than [`MAX_TEXT_BYTES`], or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<Text, DataError> {
    let bytes = files::read_at_most(path, MAX_TEXT_BYTES)?;
    let name = path.display().to_string();
    match path.extension().is_some_and(|extension| extension == "jsonl") {
        true => Text::pairs(&name, &bytes),
        false => Text::parse(&name, &bytes),
    }
}
