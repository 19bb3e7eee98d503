//! Fill in the middle: a model that writes from left to right learns to write what stands between two texts.
//!
//! Of some windows of training a stretch is taken out of its place and put at the end, with tokens that say what is what (Bavarian
//! et al. 2022, Efficient Training of Language Models to Fill in the Middle, the order PSM):
//!
//! ```text
//! prefix middle suffix    ->    <|fim_prefix|> prefix <|fim_suffix|> suffix <|fim_middle|> middle <|endoftext|>
//! ```
//!
//! The model, its loss and everything else stay as they are. Both borders are characters drawn alike from all of the stretch, and the
//! three texts become tokens each by itself: whoever asks later stops typing in the middle of a word, too.

use crate::corpus::encode;
use crate::tokenizer::Tokenizer;
use crate::windows::Windows;
use glassbox_tensor::random::Key;
use glassbox_train::TrainError;

/// The tokens before the prefix, the suffix and the middle.
pub(crate) const BORDERS: [&str; 3] = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];

/// What the three texts may have more tokens than they had in one piece, so that their end still is in the window.
const ROOM: usize = 8;

/// The fewest tokens that a middle is taken out of.
const FEWEST: usize = 8;

/// Which windows are rearranged, and by which tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Middle {
    rate: f64,
    prefix: u32,
    suffix: u32,
    middle: u32,
    end: u32,
}

impl Middle {
    /// For a share of the windows. `None` if the tokenizer has no such tokens.
    pub(crate) fn new(rate: f64, tokenizer: &Tokenizer) -> Option<Middle> {
        let [prefix, suffix, middle] = BORDERS.map(|border| tokenizer.special(border));
        Some(Middle { rate, prefix: prefix?, suffix: suffix?, middle: middle?, end: tokenizer.end_of_text()? })
    }

    /// `batch` windows of `len` tokens which begin anywhere, some of them rearranged.
    pub(crate) fn windows(&self, tokenizer: &Tokenizer, tokens: &[u32], [batch, len]: [usize; 2], key: Key) -> Windows {
        let starts = Windows::places(tokens, batch, len, key);
        let row = |(i, &start): (usize, &usize)| {
            let following = &tokens[start..tokens.len().min(start + len + 1 + ROOM)];
            let own = key.fold(i as u64);
            let rearranged =
                (own.uniform(0) < self.rate as f32).then(|| self.rearranged(tokenizer, following, len + 1, own));
            rearranged.flatten().unwrap_or_else(|| following[..len + 1].to_vec())
        };
        Windows::of_rows(&starts.iter().enumerate().map(row).collect::<Vec<_>>())
    }

    /// The first `len` of these tokens, with a middle taken out of the longest stretch of one document. `None` if it is too short
    /// for that, or begins or ends within a character.
    fn rearranged(&self, tokenizer: &Tokenizer, tokens: &[u32], len: usize, key: Key) -> Option<Vec<u32>> {
        let ends = (0..len).filter(|&i| tokens[i] == self.end).chain([len]);
        let stretches = ends.scan(0, |start, end| Some((std::mem::replace(start, end + 1), end)));
        let (start, end) = stretches.max_by_key(|(start, end)| end.saturating_sub(*start))?;
        let end = end.min(len.saturating_sub(4 + ROOM)); // the borders and the end are tokens, too
        let stretch = tokens.get(start..end).filter(|stretch| stretch.len() >= FEWEST)?;
        let text = String::from_utf8(tokenizer.decode_bytes(stretch).ok()?).ok()?;
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let drawn = |i: u64| places[key.below(i, places.len() as u32) as usize];
        let (a, b) = (drawn(1).min(drawn(2)), drawn(1).max(drawn(2)));
        let mut row = tokens[..start].to_vec();
        for (border, text) in [(self.prefix, &text[..a]), (self.suffix, &text[b..]), (self.middle, &text[a..b])] {
            row.push(border);
            row.extend(encode(tokenizer, text).ok()?);
        }
        row.push(self.end);
        let after = &tokens[end..];
        row.extend(after.strip_prefix(&[self.end]).unwrap_or(after));
        row.truncate(len);
        (row.len() == len).then_some(row)
    }

    /// What a model goes on from to write what stands between two texts. Of texts that are too long for `room` tokens together with
    /// the borders, the parts next to the middle stay: three fifths of them of the prefix, if it has so many.
    pub(crate) fn asked(
        &self,
        tokenizer: &Tokenizer,
        [prefix, suffix]: [&str; 2],
        room: usize,
    ) -> Result<Vec<u32>, TrainError> {
        let (prefix, suffix) = (encode(tokenizer, prefix)?, encode(tokenizer, suffix)?);
        let room = room.saturating_sub(3);
        let after = suffix.len().min((room - room * 3 / 5).max(room.saturating_sub(prefix.len())));
        let before = prefix.len().min(room - after);
        let [p, s, m] = [self.prefix, self.suffix, self.middle];
        Ok([&[p], &prefix[prefix.len() - before..], &[s], &suffix[..after], &[m]].concat())
    }

    /// The tokens before the prefix, the suffix and the middle.
    pub(crate) fn borders(&self) -> [u32; 3] {
        [self.prefix, self.suffix, self.middle]
    }

    /// What ends a middle.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{BpeTrainer, END_OF_TEXT};

    fn tokenizer() -> Tokenizer {
        let special_tokens = [END_OF_TEXT].into_iter().chain(BORDERS).map(str::to_string).collect();
        BpeTrainer { special_tokens, ..BpeTrainer::new(300) }
            .train(&["fn add(a: u32, b: u32) -> u32 { a + b } "])
            .unwrap()
            .into()
    }

    /// A rearranged window, put back into order.
    fn in_order(tokenizer: &Tokenizer, row: &[u32]) -> String {
        let text = tokenizer.decode(row).unwrap();
        let Some((before, rest)) = text.split_once(BORDERS[0]) else { return text };
        let (prefix, rest) = rest.split_once(BORDERS[1]).unwrap();
        let (suffix, rest) = rest.split_once(BORDERS[2]).unwrap();
        let (middle, after) = rest.split_once(END_OF_TEXT).unwrap_or((rest, ""));
        format!("{before}{prefix}{middle}{suffix}{after}")
    }

    #[test]
    fn a_rearranged_window_is_the_text_in_another_order() {
        let tokenizer = tokenizer();
        let middle = Middle::new(1.0, &tokenizer).unwrap();
        let text = "fn first(x: f32) -> é { 2.0 * x + naïve(x) } ".repeat(8);
        let tokens = encode(&tokenizer, &text).unwrap();
        let (mut rearranged, mut inside_a_word) = (0, 0);
        for seed in 0..200 {
            let windows = middle.windows(&tokenizer, &tokens, [1, 64], Key::new(seed));
            let row = [&windows.x.as_slice()[..1], windows.y.as_slice()].concat();
            let told = in_order(&tokenizer, &row);
            // What a window has lost at its end, it lost of the middle or of what follows.
            let shown = tokenizer.decode(&row).unwrap();
            if !shown.contains(BORDERS[0]) {
                assert!(text.contains(told.trim_matches(char::REPLACEMENT_CHARACTER)), "{told:?}");
                continue;
            }
            rearranged += 1;
            if shown.contains(END_OF_TEXT) {
                assert!(text.contains(told.trim_matches(char::REPLACEMENT_CHARACTER)), "{told:?} of {shown:?}");
            }
            let before = shown.split(BORDERS[1]).next().unwrap();
            inside_a_word += usize::from(before.ends_with(char::is_alphanumeric));
        }
        assert!(rearranged > 150 && inside_a_word > 30, "{rearranged} of 200, {inside_a_word} of them within a word");
    }

    #[test]
    fn no_stretch_reaches_over_the_end_of_a_document() {
        let tokenizer = tokenizer();
        let middle = Middle::new(1.0, &tokenizer).unwrap();
        let mut tokens = encode(&tokenizer, &"short. ".repeat(3)).unwrap();
        tokens.push(middle.end());
        tokens.extend(encode(&tokenizer, &"a longer document ".repeat(9)).unwrap());
        let row = middle.rearranged(&tokenizer, &tokens, 80, Key::new(1)).unwrap();
        let shown = tokenizer.decode(&row).unwrap();
        assert!(shown.starts_with(&format!("short. short. short. {END_OF_TEXT}{}", BORDERS[0])), "{shown}");
    }

    #[test]
    fn a_share_of_windows_is_rearranged() {
        let tokenizer = tokenizer();
        let tokens = encode(&tokenizer, &"let x = f(a, b); ".repeat(40)).unwrap();
        let count = |rate| {
            let middle = Middle::new(rate, &tokenizer).unwrap();
            let windows = middle.windows(&tokenizer, &tokens, [400, 48], Key::new(2));
            windows.x.as_slice().iter().filter(|&&token| token == middle.prefix).count()
        };
        assert_eq!(count(0.0), 0);
        assert!((150..250).contains(&count(0.5)), "{}", count(0.5));
    }

    #[test]
    fn what_is_next_to_the_middle_stays() {
        let tokenizer = tokenizer();
        let middle = Middle::new(0.5, &tokenizer).unwrap();
        let asked = |prefix: &str, suffix: &str, room| {
            tokenizer.decode(&middle.asked(&tokenizer, [prefix, suffix], room).unwrap()).unwrap()
        };
        let [p, s, m] = BORDERS;
        assert_eq!(asked("xyz", "!", 100), format!("{p}xyz{s}!{m}"));
        assert_eq!(asked("0123456789", "9876501234", 13), format!("{p}456789{s}9876{m}"));
        assert_eq!(asked("01", "9876501234", 13), format!("{p}01{s}98765012{m}"));
        assert_eq!(asked("0123456789", "98", 13), format!("{p}23456789{s}98{m}"));
    }
}
