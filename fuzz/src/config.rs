//! A run's `config.toml` after anyone has edited it: a configuration within the preset's ranges, or an error; and what was
//! read is written back to the same configuration.

use super::sentence;
use glassbox_train::RunConfig;
use glassbox_vae::PRESETS;
use std::path::Path;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let config = match RunConfig::from_toml(Path::new("fuzz"), text, PRESETS) {
        Ok(config) => config,
        Err(error) => return sentence(error),
    };
    // A seed or a length beyond TOML's integers can't come from TOML.
    let written = config.to_toml().expect("what we read, we can write");
    let again = RunConfig::from_toml(Path::new("written"), &written, PRESETS).expect("what we write, we read");
    assert_eq!(again.to_toml().expect("it was written before"), written);
}
