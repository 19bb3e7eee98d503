//! Models that write: how the next token is chosen, and who hears of it.

use crate::error::TrainError;

/// How a text is written: how long it gets, and how each token is drawn from the model's distribution of it.
///
/// The rules apply in the order of the fields, each to what the one before it left. What is left is drawn from with
/// probabilities that add up to 1 again.
///
/// ```
/// use glassbox_train::Sampling;
/// let careful = Sampling { temperature: 0.7, top_k: Some(40), ..Sampling::default() };
/// assert_eq!((careful.tokens, careful.seed), (500, 0));
/// assert!(Sampling::greedy().temperature == 0.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// The most tokens that are written.
    pub tokens: usize,
    /// What the random numbers follow from.
    pub seed: u64,
    /// Logits of tokens that are in the text already are made less likely: divided by this if they are positive, multiplied if
    /// they are negative (Keskar et al. 2019, CTRL, section 4.1). 1 changes nothing.
    pub repetition_penalty: f32,
    /// What logits are divided by. Below 1 the likely becomes likelier; at 0 the likeliest token is taken.
    pub temperature: f32,
    /// Only so many tokens, the likeliest (Fan et al. 2018).
    pub top_k: Option<usize>,
    /// Only the likeliest tokens whose probabilities add up to this (Holtzman et al. 2020, nucleus sampling). 1 changes nothing.
    pub top_p: f32,
    /// Only tokens whose probability is at least this share of the likeliest one's (Nguyen et al. 2024). 0 changes nothing.
    pub min_p: f32,
    /// Where one of these is written, the text ends before it.
    pub stop: Vec<String>,
    /// With 2 and more, nothing is drawn: so many beginnings are followed side by side, and the one whose probability is highest in
    /// the end is written (beam search). Of the fields above, the number of tokens, the penalty and the stop strings hold.
    pub beams: usize,
    /// Of beams: a text's score is its log probability divided by its length to this power, as Hugging Face has it (Wu et al. 2016).
    /// Above 0 longer texts are less at a disadvantage.
    pub length_penalty: f32,
}

/// 500 tokens from the model's own distribution, by seed 0.
impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            tokens: 500,
            seed: 0,
            repetition_penalty: 1.0,
            temperature: 1.0,
            top_k: None,
            top_p: 1.0,
            min_p: 0.0,
            stop: Vec::new(),
            beams: 1,
            length_penalty: 1.0,
        }
    }
}

impl Sampling {
    /// The likeliest token, every time.
    pub fn greedy() -> Sampling {
        Sampling { temperature: 0.0, ..Sampling::default() }
    }
}

/// What is heard of a token that a model has written.
pub struct Piece<'a> {
    /// What can be said now: nothing, if the token ends within a character or may begin a stop string, and more with a later one.
    pub text: &'a str,
    /// The token by itself; none if this is only what was held until the text ended.
    pub token: Option<&'a str>,
    probability: &'a dyn Fn() -> f64,
}

impl<'a> Piece<'a> {
    /// Of a token, whose probability is computed if somebody asks.
    pub fn new(text: &'a str, token: &'a str, probability: &'a dyn Fn() -> f64) -> Self {
        Piece { text, token: Some(token), probability }
    }

    /// What was held until the text ended.
    pub fn rest(text: &'a str) -> Self {
        Piece { text, token: None, probability: &|| 1.0 }
    }

    /// How likely the model found the token, before any rule of [`Sampling`].
    pub fn probability(&self) -> f64 {
        (self.probability)()
    }
}

/// A model that writes text.
pub trait Writer {
    /// How it writes unless it is told otherwise.
    fn usual(&self) -> Sampling {
        Sampling::default()
    }

    /// Goes on where `prompt` ends. Each token is handed to `out` as soon as it is written; the prompt is not. If `out` returns
    /// false, nobody reads on, and the writing ends.
    ///
    /// # Errors
    /// If the prompt has something in it that the model has no token for.
    fn write_pieces(
        &self,
        prompt: &str,
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError>;

    /// The same, of text alone: each piece as soon as it stands.
    ///
    /// # Errors
    /// As [`Writer::write_pieces`].
    fn write(&self, prompt: &str, sampling: &Sampling, out: &mut dyn FnMut(&str) -> bool) -> Result<(), TrainError> {
        self.write_pieces(prompt, sampling, &mut |piece| piece.text.is_empty() || out(piece.text))
    }

    /// Which tokens of the prompt look at which, in every layer and head, as an SVG drawing; `None` if the model has no attention.
    ///
    /// # Errors
    /// As [`Writer::write_pieces`], or if the prompt is too long to be drawn.
    fn attention(&self, prompt: &str) -> Result<Option<String>, TrainError> {
        let _ = prompt;
        Ok(None)
    }

    /// Writes what stands between two texts, a prefix and a suffix, neither of which is handed to `out`.
    ///
    /// # Errors
    /// If the model hasn't learned that, or if there is something in the texts that it has no token for.
    fn fill_pieces(
        &self,
        around: [&str; 2],
        sampling: &Sampling,
        out: &mut dyn FnMut(&Piece<'_>) -> bool,
    ) -> Result<(), TrainError> {
        let _ = (around, sampling, out);
        Err(no_middle())
    }

    /// The same, of text alone.
    ///
    /// # Errors
    /// As [`Writer::fill_pieces`].
    fn fill(
        &self,
        around: [&str; 2],
        sampling: &Sampling,
        out: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), TrainError> {
        self.fill_pieces(around, sampling, &mut |piece| piece.text.is_empty() || out(piece.text))
    }

    /// Whether each text is a line, so that several stand below each other as they are.
    fn writes_lines(&self) -> bool {
        false
    }

    /// The same as one text.
    ///
    /// # Errors
    /// As [`Writer::write`].
    fn written(&self, prompt: &str, sampling: &Sampling) -> Result<String, TrainError> {
        let mut text = String::new();
        self.write(prompt, sampling, &mut |piece| {
            text.push_str(piece);
            true
        })?;
        Ok(text)
    }
}

/// That a model writes from left to right only.
pub fn no_middle() -> TrainError {
    TrainError::Contradiction(
        "this model has not learned to write what stands before a suffix; gpt-code has, and so has a model trained with fim above 0"
            .to_string(),
    )
}
