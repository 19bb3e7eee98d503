//! Text files from anyone: two parts that are the text together, or an error that says where it isn't UTF-8.

use super::sentence;
use glassbox_data::text::Text;

pub fn check(bytes: &[u8]) {
    let text = match Text::parse("fuzz", bytes) {
        Ok(text) => text,
        Err(error) => return sentence(error),
    };
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let parts = [text.train(), text.test()].map(|part| part[0].text.as_str());
    assert_eq!(parts.concat().as_bytes(), content);
    assert_eq!(parts.map(|part| part.chars().count()), text.characters());
}
