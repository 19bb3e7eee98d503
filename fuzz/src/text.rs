//! Text files from anyone: tokens that decode to the text, or an error that says where it isn't UTF-8.

use super::sentence;
use glassbox_data::text::{Text, Unit};

pub fn check(bytes: &[u8]) {
    for unit in [Unit::Character, Unit::Byte] {
        let text = match Text::parse("fuzz", bytes, unit) {
            Ok(text) => text,
            Err(error) => return sentence(error),
        };
        let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        assert_eq!(text.vocabulary().decode(text.tokens()).as_bytes(), content);
        assert_eq!([text.train(), text.test()].concat(), text.tokens());
        assert!(text.tokens().iter().all(|&token| (token as usize) < text.vocabulary().len()));
    }
}
