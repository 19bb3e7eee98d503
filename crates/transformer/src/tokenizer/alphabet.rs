//! GPT-2's alphabet: one visible character for each byte, so that tokens, which are bytes, can be written in a text file.
//!
//! The bytes that Latin-1 shows stand for themselves: `!` to `~`, `¡` to `¬`, `®` to `ÿ`. The other 68 (control characters, the
//! space, the soft hyphen) are, in their order, the characters from U+0100 on: a space is `Ġ`, a line feed `Ċ`.

/// The character that stands for a byte.
///
/// ```
/// use glassbox_transformer::tokenizer::character_of;
/// assert_eq!([b'a', b' ', b'\n', 0xad, 0xff].map(character_of), ['a', 'Ġ', 'Ċ', 'Ń', 'ÿ']);
/// ```
pub fn character_of(byte: u8) -> char {
    let code = match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => u32::from(byte),
        0..=b' ' => 0x100 + u32::from(byte),
        0x7f..=0xa0 => 0x121 + u32::from(byte - 0x7f),
        0xad => 0x143,
    };
    char::from_u32(code).expect("a small code point is a character")
}

/// The byte that a character stands for, if it is one of the alphabet.
///
/// ```
/// use glassbox_transformer::tokenizer::byte_of;
/// assert_eq!(['a', 'Ġ', ' '].map(byte_of), [Some(b'a'), Some(b' '), None]);
/// ```
pub fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    let byte = match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => code,
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    Some(byte as u8)
}

/// Bytes as the file has them.
pub(super) fn written(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| character_of(byte)).collect()
}

/// The bytes of a token as the file has it, if all of its characters are of the alphabet.
pub(super) fn read(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_character_of_its_own_that_can_be_seen() {
        for byte in 0..=255 {
            assert_eq!(byte_of(character_of(byte)), Some(byte));
            assert!(!character_of(byte).is_whitespace() && !character_of(byte).is_control());
        }
        assert_eq!((0..=0x10ffff).filter_map(char::from_u32).filter_map(byte_of).count(), 256);
    }
}
