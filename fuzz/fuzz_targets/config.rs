//! A run's `config.toml` after anyone has edited it: a configuration within the preset's ranges, or an error; and what was
//! read is written back to the same configuration.
#![no_main]

use glassbox_train::RunConfig;
use glassbox_vae::PRESETS;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    if let Ok(config) = RunConfig::from_toml(Path::new("fuzz"), text, PRESETS) {
        // A seed or a length beyond TOML's integers can't come from TOML.
        let written = config.to_toml().expect("what we read, we can write");
        let again = RunConfig::from_toml(Path::new("written"), &written, PRESETS).expect("what we write, we read");
        assert_eq!(again.to_toml().expect("it was written before"), written);
    }
});
