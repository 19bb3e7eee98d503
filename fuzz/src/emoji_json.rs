//! The `emoji.json` of a package of sprites from anyone: sprites with places, or an error.

use super::sentence;
use glassbox_data::sprites::{MAX_SPRITES, parse};

pub fn check(bytes: &[u8]) {
    match parse("fuzz", bytes, "google") {
        Ok(sprites) => assert!(sprites.len() <= MAX_SPRITES),
        Err(error) => sentence(error),
    }
}
