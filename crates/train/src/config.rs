//! The configuration of a run: everything that its numbers depend on. `config_file.rs` writes and reads it as TOML.

use crate::error::TrainError;
use crate::experiment::Preset;
use std::collections::BTreeMap;

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A real number.
    Real(f64),
    /// One of a few words.
    Word(&'static str),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Count(n) => write!(f, "{n}"),
            Value::Real(x) => write!(f, "{x}"),
            Value::Word(word) => f.write_str(word),
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
    /// Which values there are.
    pub values: Values,
}

/// The values that a setting may take, all of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values {
    /// Whole numbers from the first to the second.
    Counts(u64, u64),
    /// Numbers from the first to the second.
    Reals(f64, f64),
    /// These words.
    Words(&'static [&'static str]),
}

impl Setting {
    /// A whole number from `min` to `max`.
    pub const fn count(name: &'static str, about: &'static str, default: u64, min: u64, max: u64) -> Setting {
        Setting { name, about, default: Value::Count(default), values: Values::Counts(min, max) }
    }

    /// A real number from `min` to `max`.
    pub const fn real(name: &'static str, about: &'static str, default: f64, min: f64, max: f64) -> Setting {
        Setting { name, about, default: Value::Real(default), values: Values::Reals(min, max) }
    }

    /// One of these words, the first unless it is set.
    pub const fn choice(name: &'static str, about: &'static str, words: &'static [&'static str]) -> Setting {
        Setting { name, about, default: Value::Word(words[0]), values: Values::Words(words) }
    }

    /// The same setting with another value where it isn't set.
    ///
    /// ```
    /// use glassbox_train::{Setting, Value};
    /// let tokens = Setting::choice("tokens", "what a token is", &["characters", "bytes"]);
    /// assert_eq!(tokens.or(Value::Word("bytes")).default, Value::Word("bytes"));
    /// ```
    pub const fn or(self, default: Value) -> Setting {
        Setting { default, ..self }
    }

    /// The values that it takes, as a phrase.
    pub fn range(&self) -> String {
        match self.values {
            Values::Counts(min, max) => format!("a whole number from {min} to {max}"),
            Values::Reals(min, max) => format!("a number from {min} to {max}"),
            Values::Words([all @ .., last]) if !all.is_empty() => format!("{} or {last}", all.join(", ")),
            Values::Words(words) => words.concat(),
        }
    }

    fn parse(&self, text: &str) -> Result<Value, TrainError> {
        let value = match self.values {
            Values::Counts(..) => text.parse().ok().map(Value::Count),
            Values::Reals(..) => text.parse().ok().map(Value::Real),
            Values::Words(_) => self.word_of(text),
        };
        value.filter(|&v| self.admits(v)).ok_or_else(|| self.refuse(text))
    }

    /// The word that is written so.
    pub(crate) fn word_of(&self, text: &str) -> Option<Value> {
        let Values::Words(words) = self.values else { return None };
        words.iter().find(|&&word| word == text).map(|word| Value::Word(word))
    }

    /// Whether the value is of the right kind and in range; NaN never is.
    pub(crate) fn admits(&self, value: Value) -> bool {
        match (value, self.values) {
            (Value::Count(n), Values::Counts(min, max)) => (min..=max).contains(&n),
            (Value::Real(x), Values::Reals(min, max)) => (min..=max).contains(&x),
            (Value::Word(word), Values::Words(words)) => words.contains(&word),
            _ => false,
        }
    }

    /// Refuses a whole number that is out of range.
    pub(crate) fn check(&self, value: u64) -> Result<(), TrainError> {
        if self.admits(Value::Count(value)) { Ok(()) } else { Err(self.refuse(&value.to_string())) }
    }

    pub(crate) fn refuse(&self, value: &str) -> TrainError {
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
    /// What the model begins with, if not with nothing: the folder of a checkpoint, or another with weights in it.
    pub from: Option<String>,
    /// The planned length of the run in steps, which schedules refer to. `None` until it starts: then it is fixed to
    /// `epochs` passes over the data. A resumed run may end sooner or later; its horizon stays.
    pub steps: Option<u64>,
    settings: BTreeMap<&'static str, Value>,
}

impl RunConfig {
    /// The preset as it stands, with seed 0 and the preset's steps, if it has such.
    pub fn new(preset: &'static Preset) -> RunConfig {
        let settings = preset.settings.iter().map(|s| (s.name, s.default)).collect();
        RunConfig { preset, seed: 0, data: preset.data.to_string(), from: None, steps: preset.steps, settings }
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
        self.put(setting, value);
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

    /// The value of a setting that is a word.
    ///
    /// # Panics
    /// If the preset declares no such setting.
    #[track_caller]
    pub fn word(&self, key: &str) -> &'static str {
        match self.settings.get(key) {
            Some(&Value::Word(word)) => word,
            other => panic!("preset {}: {key} is {other:?}, not a word", self.preset.name),
        }
    }

    /// The value of a setting that only some presets of a family have, a word; else `default`.
    pub fn word_or(&self, key: &str, default: &'static str) -> &'static str {
        if self.settings.contains_key(key) { self.word(key) } else { default }
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

    /// Fixes the horizon, unless the preset or `--steps` gave it: `epochs` passes over `examples` examples in batches of `batch`.
    pub fn fix_horizon(&mut self, examples: usize) {
        if self.steps.is_none() {
            let an_epoch = (examples as u64).div_ceil(self.count("batch"));
            self.steps = Some(self.count("epochs").saturating_mul(an_epoch));
        }
    }

    /// Gives a setting a value that it admits.
    pub(crate) fn put(&mut self, setting: &Setting, value: Value) {
        self.settings.insert(setting.name, value);
    }

    /// The setting of that name.
    pub(crate) fn setting(&self, key: &str) -> Result<&'static Setting, TrainError> {
        self.preset.settings.iter().find(|s| s.name == key).ok_or_else(|| TrainError::UnknownSetting {
            preset: self.preset.name,
            key: key.to_string(),
            known: self.preset.settings.iter().map(|s| s.name).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Build;

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
            Setting::choice("order", "in which they come", &["shuffled", "sorted"]),
        ],
        steps: None,
        build: Build::Pictures(|_, _| unreachable!("no test here builds a model")),
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
    fn a_word_is_one_of_its_words() {
        let mut config = RunConfig::new(&PRESET);
        assert_eq!(config.word("order"), "shuffled");
        config.set("order=sorted").unwrap();
        assert_eq!((config.word("order"), config.word_or("colour", "grey")), ("sorted", "grey"));
        let refused = config.set("order=Sorted").unwrap_err().to_string();
        assert_eq!(refused, "order = Sorted: order (in which they come) is shuffled or sorted");
    }

    #[test]
    fn an_unknown_set_names_the_nearest_and_all() {
        assert_eq!(refused("epoch=3"), "tiny has no setting \"epoch\"; did you mean epochs?");
        assert_eq!(refused("colour=3"), "tiny has no setting \"colour\"; it has batch, epochs, lr, order");
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
}
