//! From tokens to text that can be said: whole characters only, and nothing of what may be the beginning of a stop string.

/// From tokens to text: whole characters only, and nothing of what may be the beginning of a stop string.
pub(crate) struct Voice<'a> {
    stop: &'a [String],
    /// The bytes of a character that isn't whole yet.
    bytes: Vec<u8>,
    /// What can't be said before it is clear whether a stop string begins there.
    held: String,
}

impl<'a> Voice<'a> {
    pub fn new(stop: &'a [String]) -> Self {
        Voice { stop, bytes: Vec::new(), held: String::new() }
    }

    /// The bytes of one more token: what can be said now, and whether the text ends there.
    pub fn push(&mut self, token: &[u8]) -> (String, bool) {
        token.iter().for_each(|&byte| self.push_byte(byte));
        if let Some(end) = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(end);
            return (std::mem::take(&mut self.held), true);
        }
        let may_begin_at = |at: &usize| self.stop.iter().any(|stop| stop.starts_with(&self.held[*at..]));
        let places = self.held.char_indices().map(|(at, _)| at);
        let clear = places.clone().find(may_begin_at).unwrap_or(self.held.len());
        let later = self.held.split_off(clear);
        (std::mem::replace(&mut self.held, later), false)
    }

    /// A byte of UTF-8. What can't become a character is the replacement character.
    fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(whole) => {
                    self.held.push_str(whole);
                    return self.bytes.clear();
                }
                Err(error) => {
                    let whole = error.valid_up_to();
                    self.held.push_str(&String::from_utf8_lossy(&self.bytes[..whole]));
                    let Some(wrong) = error.error_len() else {
                        self.bytes.drain(..whole);
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..whole + wrong);
                }
            }
        }
    }

    /// What was held, now that nothing follows.
    pub fn finish(mut self) -> String {
        self.held.push_str(&String::from_utf8_lossy(&self.bytes));
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said after each byte of the text, and at the end.
    fn said(text: &[u8], stop: &[&str]) -> Vec<String> {
        let stop: Vec<String> = stop.iter().map(|stop| stop.to_string()).collect();
        let mut voice = Voice::new(&stop);
        let mut all = Vec::new();
        for &byte in text {
            let (piece, ended) = voice.push(&[byte]);
            all.push(piece);
            if ended {
                return all;
            }
        }
        all.push(voice.finish());
        all
    }

    #[test]
    fn characters_are_said_when_they_are_whole_and_broken_ones_as_from_utf8_lossy() {
        assert_eq!(said("aé😀".as_bytes(), &[]), ["a", "", "é", "", "", "", "😀", ""]);
        for broken in [&b"a\xffb"[..], b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x98a", b"\xed\xa0\x80", b"\xc3\xc3\xa9"] {
            assert_eq!(said(broken, &[]).concat(), String::from_utf8_lossy(broken), "{broken:?}");
        }
    }

    #[test]
    fn a_stop_string_and_what_follows_it_is_never_said() {
        assert_eq!(said(b"one. two", &[". "]), ["o", "n", "e", "", ""]);
        assert_eq!(said(b"aab", &["ab"]), ["", "a", ""], "a may begin it, twice");
        assert_eq!(said(b"aac", &["ab"]).concat(), "aac");
        assert_eq!(said(b"xyz", &["z", "yz"]).concat(), "x", "the one that begins first");
        assert_eq!(said(b"half", &["fin"]).concat(), "half", "what was held is said at the end");
    }

    #[test]
    fn pieces_of_words_that_end_within_a_character_are_said_when_it_is_whole() {
        let mut voice = Voice::new(&[]);
        let tokens = [&b"\xe3\x81"[..], b"\x82", b"\xe3\x81", b"\x84", b"!"];
        assert_eq!(tokens.map(|token| voice.push(token).0), ["", "あ", "", "い", "!"]);
        voice.push(tokens[0]);
        assert_eq!(voice.finish(), "\u{fffd}");
    }

    #[test]
    fn a_token_of_many_characters_is_cut_where_the_stop_string_begins() {
        let stop = [". ".to_string()];
        let mut voice = Voice::new(&stop);
        assert_eq!(voice.push("né.".as_bytes()), ("né".to_string(), false));
        assert_eq!(voice.push(b"5, and. So"), (".5, and".to_string(), true));
    }
}
