//! The configuration of a run: everything that its numbers depend on, as `config.toml` keeps it.

use crate::error::{TrainError, nearest};
use crate::experiment::{Preset, find_preset};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A real number.
    Real(f64),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Count(n) => write!(f, "{n}"),
            Value::Real(x) => write!(f, "{x}"),
        }
    }
}

/// One thing that `--set` can change, with the values that it may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The value that it has when it isn't set; its kind is the kind of all its values.
    pub default: Value,
    /// The smallest value.
    pub min: Value,
    /// The largest value.
    pub max: Value,
}

impl Setting {
    /// A whole number from `min` to `max`.
    pub const fn count(name: &'static str, about: &'static str, default: u64, min: u64, max: u64) -> Setting {
        Setting { name, about, default: Value::Count(default), min: Value::Count(min), max: Value::Count(max) }
    }

    /// A real number from `min` to `max`.
    pub const fn real(name: &'static str, about: &'static str, default: f64, min: f64, max: f64) -> Setting {
        Setting { name, about, default: Value::Real(default), min: Value::Real(min), max: Value::Real(max) }
    }

    /// The values that it takes, as a phrase.
    pub fn range(&self) -> String {
        let kind = if matches!(self.default, Value::Count(_)) { "a whole number" } else { "a number" };
        format!("{kind} from {} to {}", self.min, self.max)
    }

    fn parse(&self, text: &str) -> Result<Value, TrainError> {
        let value = match self.default {
            Value::Count(_) => text.parse().ok().map(Value::Count),
            Value::Real(_) => text.parse().ok().map(Value::Real),
        };
        value.filter(|&v| self.admits(v)).ok_or_else(|| self.refuse(text))
    }

    /// Whether the value is of the right kind and in range; NaN never is.
    fn admits(&self, value: Value) -> bool {
        match (value, self.min, self.max) {
            (Value::Count(n), Value::Count(min), Value::Count(max)) => (min..=max).contains(&n),
            (Value::Real(x), Value::Real(min), Value::Real(max)) => (min..=max).contains(&x),
            _ => false,
        }
    }

    fn refuse(&self, value: &str) -> TrainError {
        TrainError::BadValue {
            key: self.name.to_string(),
            value: value.to_string(),
            about: self.about.to_string(),
            expected: self.range(),
        }
    }
}

/// Everything that the numbers of a run depend on.
#[derive(Debug, Clone)]
pub struct RunConfig {
    preset: &'static Preset,
    /// What all random numbers of the run are drawn from.
    pub seed: u64,
    /// The data set: a name in the catalogue or the path of a folder.
    pub data: String,
    /// The planned length of the run in steps, which schedules refer to. `None` until it starts: then it is fixed to
    /// `epochs` passes over the data. A resumed run may end sooner or later; its horizon stays.
    pub steps: Option<u64>,
    settings: BTreeMap<&'static str, Value>,
}

/// How `config.toml` is laid out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    preset: String,
    seed: u64,
    data: String,
    steps: u64,
    settings: BTreeMap<String, Value>,
}

/// TOML's integers are those of 64 bits with a sign.
const MAX_TOML: u64 = i64::MAX as u64;

impl RunConfig {
    /// The preset as it stands, with seed 0.
    pub fn new(preset: &'static Preset) -> RunConfig {
        let settings = preset.settings.iter().map(|s| (s.name, s.default)).collect();
        RunConfig { preset, seed: 0, data: preset.data.to_string(), steps: None, settings }
    }

    /// What is trained.
    pub fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// Every setting with its value, in the order in which the preset declares them.
    pub fn settings(&self) -> impl Iterator<Item = (&'static Setting, Value)> {
        self.preset.settings.iter().map(|s| (s, self.settings[s.name]))
    }

    /// Takes one `--set`, as `key=value`.
    ///
    /// # Errors
    /// If it is not of that form, if the preset has no such setting (names the nearest one), or if the value is of another
    /// kind or out of range.
    pub fn set(&mut self, text: &str) -> Result<(), TrainError> {
        let (key, value) = text.split_once('=').ok_or_else(|| TrainError::SetSyntax { text: text.to_string() })?;
        let setting = self.setting(key.trim())?;
        let value = setting.parse(value.trim())?;
        self.settings.insert(setting.name, value);
        Ok(())
    }

    /// The value of a setting that is a whole number.
    ///
    /// # Panics
    /// If the preset declares no such setting.
    #[track_caller]
    pub fn count(&self, key: &str) -> u64 {
        match self.settings.get(key) {
            Some(&Value::Count(n)) => n,
            other => panic!("preset {}: {key} is {other:?}, not a whole number", self.preset.name),
        }
    }

    /// The value of a setting that is a real number.
    ///
    /// # Panics
    /// If the preset declares no such setting.
    #[track_caller]
    pub fn real(&self, key: &str) -> f64 {
        match self.settings.get(key) {
            Some(&Value::Real(x)) => x,
            other => panic!("preset {}: {key} is {other:?}, not a real number", self.preset.name),
        }
    }

    /// The value of a setting that only some presets of a family have, a whole number; else `default`.
    pub fn count_or(&self, key: &str, default: u64) -> u64 {
        if self.settings.contains_key(key) { self.count(key) } else { default }
    }

    /// The value of a setting that only some presets of a family have, a real number; else `default`.
    pub fn real_or(&self, key: &str, default: f64) -> f64 {
        if self.settings.contains_key(key) { self.real(key) } else { default }
    }

    /// The planned length of the run, once it is fixed.
    ///
    /// # Panics
    /// If it isn't.
    #[track_caller]
    pub fn horizon(&self) -> u64 {
        self.steps.expect("the horizon is fixed when a run starts")
    }

    /// Fixes the horizon, unless `--steps` gave it: `epochs` passes over `examples` examples in batches of `batch`.
    pub fn fix_horizon(&mut self, examples: usize) {
        let an_epoch = (examples as u64).div_ceil(self.count("batch"));
        let horizon = self.count("epochs").saturating_mul(an_epoch);
        self.steps.get_or_insert(horizon);
    }

    /// The text of `config.toml`.
    ///
    /// # Errors
    /// If there is no step to take, or if the seed or the number of steps is more than TOML can say (2⁶³ − 1).
    pub fn to_toml(&self) -> Result<String, TrainError> {
        let seed = Setting::count("seed", "what all random numbers are drawn from", 0, 0, MAX_TOML);
        let steps = Setting::count("steps", "the length of the run", 1, 1, MAX_TOML);
        for (setting, value) in [(seed, self.seed), (steps, self.horizon())] {
            if !setting.admits(Value::Count(value)) {
                return Err(setting.refuse(&value.to_string()));
            }
        }
        let file = File {
            preset: self.preset.name.to_string(),
            seed: self.seed,
            data: self.data.clone(),
            steps: self.horizon(),
            settings: self.settings.iter().map(|(k, v)| (k.to_string(), *v)).collect(),
        };
        let body = toml::to_string(&file).expect("numbers and strings in a table are TOML");
        Ok(format!(
            "# glassbox {}; steps is the horizon that was planned at the start\n{body}",
            env!("CARGO_PKG_VERSION")
        ))
    }

    /// Reads the text of `config.toml`; `path` is what errors call it.
    ///
    /// # Errors
    /// If it is no TOML, names an unknown preset or setting, or has a value that `--set` would refuse.
    pub fn from_toml(path: &Path, text: &str, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        let damaged = |problem: String| TrainError::Damaged { path: path.to_path_buf(), problem };
        let file: File = toml::from_str(text).map_err(|e| damaged(first_line(&e)))?;
        let preset = find_preset(presets, &file.preset).map_err(|e| damaged(e.to_string()))?;
        let mut config =
            RunConfig { seed: file.seed, data: file.data, steps: Some(file.steps), ..RunConfig::new(preset) };
        for (key, value) in file.settings {
            let setting = config.setting(&key).map_err(|e| damaged(e.to_string()))?;
            // A person may write 1 where 1.0 is meant.
            let value = match (value, setting.default) {
                (Value::Count(n), Value::Real(_)) => Value::Real(n as f64),
                (value, _) => value,
            };
            if !setting.admits(value) {
                return Err(damaged(setting.refuse(&value.to_string()).to_string()));
            }
            config.settings.insert(setting.name, value);
        }
        Ok(config)
    }

    fn setting(&self, key: &str) -> Result<&'static Setting, TrainError> {
        self.preset.settings.iter().find(|s| s.name == key).ok_or_else(|| TrainError::UnknownSetting {
            preset: self.preset.name.to_string(),
            key: key.to_string(),
            nearest: nearest(key, self.preset.settings.iter().map(|s| s.name)).map(str::to_string),
            known: self.preset.settings.iter().map(|s| s.name.to_string()).collect(),
        })
    }
}

/// Where and what, without toml's drawing of the line.
fn first_line(error: &toml::de::Error) -> String {
    let message = error.message().lines().next().unwrap_or("not TOML").to_string();
    match error.span() {
        Some(span) => format!("at byte {}: {message}; restore the file as the run wrote it", span.start),
        None => format!("{message}; restore the file as the run wrote it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PRESET: Preset = Preset {
        name: "tiny",
        about: "",
        cost: "",
        formula: "",
        data: "fashion-mnist",
        settings: &[
            Setting::count("batch", "pictures in a step", 128, 1, 4096),
            Setting::count("epochs", "passes over the data", 10, 1, 1000),
            Setting::real("lr", "Adam's learning rate", 1e-3, 1e-8, 1.0),
        ],
        build: |_, _| unreachable!("no test here builds a model"),
    };

    fn refused(set: &str) -> String {
        RunConfig::new(&PRESET).set(set).unwrap_err().to_string()
    }

    #[test]
    fn a_set_of_the_wrong_kind_or_out_of_range_says_what_is_right() {
        let lr = "lr (Adam's learning rate) is a number from 0.00000001 to 1";
        assert_eq!(refused("lr=fast"), format!("lr = fast: {lr}"));
        assert_eq!(refused("lr=-0.1"), format!("lr = -0.1: {lr}"));
        assert_eq!(refused("lr=NaN"), format!("lr = NaN: {lr}"));
        let batch = "batch (pictures in a step) is a whole number from 1 to 4096";
        for value in ["0", "12.5", "-1", "99999999999999999999999", ""] {
            assert_eq!(refused(&format!("batch={value}")), format!("batch = {value}: {batch}"));
        }
    }

    #[test]
    fn an_unknown_set_names_the_nearest_and_all() {
        assert_eq!(
            refused("epoch=3"),
            "tiny has no setting \"epoch\" (did you mean \"epochs\"?); it has batch, epochs, lr"
        );
        assert_eq!(refused("colour=3"), "tiny has no setting \"colour\"; it has batch, epochs, lr");
        assert_eq!(refused("lr"), "--set lr: write it as key=value, such as lr=0.001");
    }

    #[test]
    fn the_horizon_is_the_epochs_unless_it_was_given() {
        let mut config = RunConfig::new(&PRESET);
        config.fix_horizon(10_000);
        assert_eq!(config.horizon(), 790); // 78 batches of 128 and one of 16, ten times
        let mut config = RunConfig { steps: Some(20), ..RunConfig::new(&PRESET) };
        config.fix_horizon(10_000);
        assert_eq!(config.horizon(), 20);
    }

    #[test]
    fn toml_keeps_every_bit_of_the_configuration() {
        let mut config = RunConfig { seed: 7, data: "a \"b\"".to_string(), steps: Some(3), ..RunConfig::new(&PRESET) };
        config.set("lr = 0.1000000000000000055").unwrap();
        config.set("batch=64").unwrap();
        let back = RunConfig::from_toml(Path::new("config.toml"), &config.to_toml().unwrap(), &[&PRESET]).unwrap();
        assert_eq!((back.seed, &back.data, back.steps), (7, &config.data, Some(3)));
        assert_eq!(back.settings, config.settings);
    }

    #[test]
    fn a_config_of_another_program_or_with_a_typing_error_is_refused() {
        let good = RunConfig { steps: Some(3), ..RunConfig::new(&PRESET) }.to_toml().unwrap();
        let read = |text: &str| RunConfig::from_toml(Path::new("r/config.toml"), text, &[&PRESET]);
        assert!(read(&good).is_ok());
        assert!(read(&good.replace("lr = 0.001", "lr = 1")).is_ok(), "1 is taken for 1.0");
        for (from, to, expected) in [
            ("preset = \"tiny\"", "preset = \"tinny\"", "did you mean \"tiny\"?"),
            ("lr = 0.001", "lr = 7.0", "is a number from"),
            ("lr = 0.001", "lr = \"x\"", "at byte"),
            ("batch = 128", "batch = -1", "is a whole number from 1"),
            ("batch = 128", "batsh = 128", "did you mean \"batch\"?"),
            ("seed = 0", "", "missing field `seed`"),
            ("seed = 0", "seed = 0\ncolour = 1", "unknown field `colour`"),
        ] {
            let error = read(&good.replace(from, to)).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("r/config.toml: ") && text.contains(expected), "{text}");
            assert!(error.is_mistake());
        }
    }

    #[test]
    fn a_seed_that_toml_cannot_say_and_a_run_of_no_steps_are_refused() {
        let config = RunConfig { seed: u64::MAX, steps: Some(3), ..RunConfig::new(&PRESET) };
        let text = config.to_toml().unwrap_err().to_string();
        assert!(text.starts_with("seed = 18446744073709551615: seed"), "{text}");
        let config = RunConfig { steps: Some(0), ..RunConfig::new(&PRESET) };
        let text = config.to_toml().unwrap_err().to_string();
        assert!(text.starts_with("steps = 0: steps (the length of the run) is a whole number from 1"), "{text}");
    }
}
