//! WAV files from anyone: finite samples at a rate, at least one, or an error.

use super::sentence;
use glassbox_data::sound;

pub fn check(bytes: &[u8]) {
    match sound::parse("fuzz", bytes) {
        Ok(sound) => {
            assert!(sound.rate > 0 && !sound.samples.is_empty() && sound.seconds() > 0.0);
            assert!(sound.samples.iter().all(|s| s.is_finite()));
        }
        Err(error) => sentence(error),
    }
}
