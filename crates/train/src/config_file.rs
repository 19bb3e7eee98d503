//! A configuration as a TOML file: the `config.toml` of a run, and a preset that a person prints, edits and passes back.
//!
//! ```toml
//! # glassbox 0.1.0; train it with `glassbox train FILE`
//! preset = "vae-mlp"       # what is trained: a name that `glassbox list` shows
//! seed = 0                 # what all random numbers are drawn from: a whole number from 0 to 9223372036854775807
//! data = "fashion-mnist"   # a name that `glassbox data list` shows, or the path of a folder
//! # steps = 1              # the length of the run; without this line it is as long as its epochs: …
//!
//! [settings]
//! batch = 128              # pictures in a step: a whole number from 1 to 8192
//! ```

use crate::config::{RunConfig, Setting, Value};
use crate::error::TrainError;
use crate::experiment::{Preset, find_preset};
use glassbox_data::names::nearest;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// TOML's integers are those of 64 bits with a sign.
const MAX_TOML: u64 = i64::MAX as u64;

/// What all random numbers are drawn from.
const SEED: Setting = Setting::count("seed", "what all random numbers are drawn from", 0, 0, MAX_TOML);

/// The horizon.
const STEPS: Setting = Setting::count("steps", "the length of the run", 1, 1, MAX_TOML);

/// What stands above the settings.
const KEYS: [&str; 6] = ["preset", "seed", "data", "steps", "from", SETTINGS];

const SETTINGS: &str = "settings";

impl RunConfig {
    /// The text of `config.toml`, with a comment for each line. [`RunConfig::from_preset_file`] reads it back, every bit.
    ///
    /// # Errors
    /// If there is no step to take, or if the seed or the number of steps is more than TOML can say (2⁶³ − 1).
    pub fn to_toml(&self) -> Result<String, TrainError> {
        SEED.check(self.seed)?;
        self.steps.map_or(Ok(()), |steps| STEPS.check(steps))?;
        let of = |setting: &Setting| format!("{}: {}", setting.about, setting.range());
        let horizon = match self.preset().steps {
            Some(steps) => format!("without this line it is {steps}"),
            None => "without this line it is as long as its epochs".to_string(),
        };
        let mut lines = vec![
            (
                format!("preset = {}", quoted(self.preset().name)),
                "what is trained: a name that `glassbox list` shows".into(),
            ),
            (format!("seed = {}", self.seed), of(&SEED)),
            (
                format!("data = {}", quoted(&self.data)),
                "a name that `glassbox data list` shows, or the path of a folder".into(),
            ),
            match self.steps {
                Some(steps) => (format!("steps = {steps}"), format!("{}; {horizon}", of(&STEPS))),
                None => (format!("# steps = {}", STEPS.default), format!("{}; {horizon}", of(&STEPS))),
            },
        ];
        if let Some(from) = &self.from {
            lines.push((format!("from = {}", quoted(from)), "what training begins with: a folder of weights".into()));
        }
        lines.extend([(String::new(), String::new()), (format!("[{SETTINGS}]"), String::new())]);
        lines.extend(self.settings().map(|(setting, value)| {
            let value = match value {
                Value::Count(n) => n.to_string(),
                Value::Real(x) => format!("{x:?}"), // the shortest digits that read back as the same number
                Value::Word(word) => quoted(word),
            };
            (format!("{} = {value}", setting.name), of(setting))
        }));
        let width = lines.iter().filter(|(line, _)| line.len() <= WIDEST).map(|(line, _)| line.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut text = format!("# glassbox {}; train it with `glassbox train FILE`\n", env!("CARGO_PKG_VERSION"));
        for (line, comment) in lines {
            text.push_str(&if comment.is_empty() {
                format!("{line}\n")
            } else {
                format!("{line:<width$}  # {comment}\n")
            });
        }
        Ok(text)
    }

    /// Reads the text of a run's `config.toml`; `path` is what errors call it. Nothing but a setting may be missing.
    ///
    /// # Errors
    /// As [`RunConfig::from_preset_file`], and if the seed, the data set or the steps are missing.
    pub fn from_toml(path: &Path, text: &str, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        let document = Document::parse(path, text)?;
        for key in &KEYS[..4] {
            if document.find(key).is_none() {
                return Err(TrainError::Damaged {
                    path: path.to_path_buf(),
                    problem: format!("{key} is missing in it; {RESTORE}"),
                });
            }
        }
        document.read(presets)
    }

    /// As [`RunConfig::from_preset_file`], from the file itself.
    ///
    /// # Errors
    /// Those, and if the file cannot be read, is larger than a configuration can be, or is no text.
    pub fn read_preset_file(path: &Path, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        let text = read_text(path, "`glassbox list PRESET --toml` prints one")?;
        RunConfig::from_preset_file(path, &text, presets)
    }

    /// As [`RunConfig::from_toml`], from the file itself.
    ///
    /// # Errors
    /// Those, and if the file cannot be read, is larger than a configuration can be, or is no text.
    pub(crate) fn read(path: &Path, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        RunConfig::from_toml(path, &read_text(path, RESTORE)?, presets)
    }

    /// Reads a preset that was printed and edited, or the `config.toml` of a run; `path` is what errors call it. What doesn't
    /// stand in it is as the preset has it.
    ///
    /// # Errors
    /// If it is no TOML, names an unknown preset or setting, or has a value that `--set` would refuse. Each names the line.
    pub fn from_preset_file(path: &Path, text: &str, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        Document::parse(path, text)?.read(presets)
    }
}

/// Longer lines (the path of a folder may be one) don't move the comments of the others.
const WIDEST: usize = 40;

/// A file of settings has some hundred bytes; what is larger than this is another file, or one that doesn't end.
const MOST_BYTES: u64 = 1 << 20;

/// What to do with the `config.toml` of a run that was spoilt.
const RESTORE: &str = "restore the file as the run wrote it";

/// Reads a configuration, from a pipe too.
fn read_text(path: &Path, remedy: &str) -> Result<String, TrainError> {
    let cannot = |source| TrainError::Io { path: path.to_path_buf(), doing: "read", source };
    let not_one = |what: &str| TrainError::Damaged { path: path.to_path_buf(), problem: format!("{what}; {remedy}") };
    let mut bytes = Vec::new();
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(not_one("there is no such file")),
        file => file.map_err(cannot)?,
    };
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(not_one(&format!("it has more than {MOST_BYTES} bytes, which no file of settings has")));
    }
    String::from_utf8(bytes).map_err(|_| not_one("it is no text (not UTF-8)"))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}

/// A file that is TOML, with the places of all that stands in it.
struct Document<'a> {
    path: PathBuf,
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    fn parse(path: &Path, text: &'a str) -> Result<Document<'a>, TrainError> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Document { path: path.to_path_buf(), text, table: table.into_inner() }),
            Err(error) => {
                let line = line_of(text, error.span().unwrap_or(0..0));
                let reason = error.message().lines().next().unwrap_or_default();
                let problem = format!("this is not TOML ({reason}); write key = value, and text in quotes");
                Err(TrainError::Config { path: path.to_path_buf(), line, problem })
            }
        }
    }

    fn read(&self, presets: &[&'static Preset]) -> Result<RunConfig, TrainError> {
        let Some(value) = self.find("preset") else {
            let example = presets.first().map_or("", |preset| preset.name);
            return Err(TrainError::Damaged {
                path: self.path.clone(),
                problem: format!("it names no preset; add a line such as preset = \"{example}\", before all [tables]"),
            });
        };
        let name = self.text_of(value, "preset", "what is trained", "the name of a preset")?;
        let preset = find_preset(presets, name).map_err(|e| self.refuse(value.span(), e))?;
        let mut config = RunConfig::new(preset);
        for (key, value) in self.table.iter() {
            match &**key.get_ref() {
                "preset" => {}
                "seed" => config.seed = self.count_of(value, &SEED)?,
                "steps" => config.steps = Some(self.count_of(value, &STEPS)?),
                "data" => {
                    config.data =
                        self.text_of(value, "data", "the data set", "a name or the path of a folder")?.to_string();
                }
                "from" => {
                    let expected = "a run, or a folder of weights";
                    config.from = Some(self.text_of(value, "from", "what training begins with", expected)?.to_string());
                }
                SETTINGS => self.read_settings(value, &mut config)?,
                other => return Err(self.refuse(key.span(), unknown_key(other, preset))),
            }
        }
        Ok(config)
    }

    fn read_settings(&self, value: &Spanned<DeValue<'_>>, config: &mut RunConfig) -> Result<(), TrainError> {
        let Some(table) = value.get_ref().as_table() else {
            return Err(
                self.refuse(value.span(), "settings is a table; write [settings], and a line for each below it")
            );
        };
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            if KEYS.contains(&name) {
                return Err(self.refuse(key.span(), format!("{name} is no setting; move this line above [settings]")));
            }
            let setting = config.setting(name).map_err(|e| self.refuse(key.span(), e))?;
            config.put(setting, self.value_of(value, setting)?);
        }
        Ok(())
    }

    fn find(&self, key: &str) -> Option<&Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The value that stands there, if the setting admits it. A person may write 1 where 1.0 is meant.
    fn value_of(&self, value: &Spanned<DeValue<'_>>, setting: &Setting) -> Result<Value, TrainError> {
        let number = match (value.get_ref(), setting.default) {
            (DeValue::Integer(n), Value::Count(_)) => u64::from_str_radix(n.as_str(), n.radix()).ok().map(Value::Count),
            (DeValue::Integer(n), Value::Real(_)) => {
                i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| Value::Real(n as f64))
            }
            (DeValue::Float(x), Value::Real(_)) => x.as_str().parse().ok().map(Value::Real),
            (DeValue::String(word), Value::Word(_)) => setting.word_of(word),
            _ => None,
        };
        let written = || self.text.get(value.span()).unwrap_or_default();
        number.filter(|&n| setting.admits(n)).ok_or_else(|| self.refuse(value.span(), setting.refuse(written())))
    }

    fn count_of(&self, value: &Spanned<DeValue<'_>>, setting: &Setting) -> Result<u64, TrainError> {
        match self.value_of(value, setting)? {
            Value::Count(n) => Ok(n),
            _ => unreachable!("a count admits nothing else"),
        }
    }

    fn text_of<'b>(
        &self,
        value: &'b Spanned<DeValue<'_>>,
        key: &str,
        about: &str,
        expected: &str,
    ) -> Result<&'b str, TrainError> {
        value.get_ref().as_str().ok_or_else(|| {
            let written = self.text.get(value.span()).unwrap_or_default();
            self.refuse(value.span(), format!("{key} = {written}: {key} ({about}) is {expected}, in quotes"))
        })
    }

    fn refuse(&self, span: Range<usize>, problem: impl ToString) -> TrainError {
        TrainError::Config { path: self.path.clone(), line: line_of(self.text, span), problem: problem.to_string() }
    }
}

/// The sentence about a key that is none of [`KEYS`].
fn unknown_key(key: &str, preset: &Preset) -> String {
    if preset.settings.iter().any(|setting| setting.name == key) {
        return format!("{key} is a setting; move this line below [settings]");
    }
    match nearest(key, KEYS) {
        Some(nearest) => format!("there is no key {key:?}; did you mean {nearest}?"),
        None => format!("there is no key {key:?}; there are preset, seed, data, steps, from and the table [settings]"),
    }
}

/// The number of the line in which a span begins, the first being 1.
fn line_of(text: &str, span: Range<usize>) -> usize {
    1 + text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count()
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

    fn of(seed: u64, steps: u64) -> RunConfig {
        let mut config = RunConfig::new(&PRESET);
        (config.seed, config.steps) = (seed, Some(steps));
        config
    }

    fn read(text: &str) -> Result<RunConfig, TrainError> {
        RunConfig::from_preset_file(Path::new("my.toml"), text, &[&PRESET])
    }

    #[test]
    fn the_text_says_of_each_line_what_it_is_and_what_it_may_be() {
        let expected = format!(
            "\
# glassbox {}; train it with `glassbox train FILE`
preset = \"tiny\"         # what is trained: a name that `glassbox list` shows
seed = 0                # what all random numbers are drawn from: a whole number from 0 to 9223372036854775807
data = \"fashion-mnist\"  # a name that `glassbox data list` shows, or the path of a folder
# steps = 1             # the length of the run: a whole number from 1 to 9223372036854775807; without this line it is as \
             long as its epochs

[settings]
batch = 128             # pictures in a step: a whole number from 1 to 4096
epochs = 10             # passes over the data: a whole number from 1 to 1000
lr = 0.001              # Adam's learning rate: a number from 0.00000001 to 1
order = \"shuffled\"      # in which they come: shuffled or sorted
",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(RunConfig::new(&PRESET).to_toml().unwrap(), expected);
        assert_eq!(read(&expected).unwrap().to_toml().unwrap(), expected);
    }

    #[test]
    fn toml_keeps_every_bit_of_the_configuration() {
        let mut config = of(7, 3);
        config.data = "a \"b\"\n#c".to_string();
        config.set("batch=64").unwrap();
        for lr in ["0.1000000000000000055", "1", "1e-8", "0.30000000000000004"] {
            config.set(&format!("lr={lr}")).unwrap();
            config.set("order=sorted").unwrap();
            config.from = Some("/a/run".to_string());
            let text = config.to_toml().unwrap();
            let back = RunConfig::from_toml(Path::new("config.toml"), &text, &[&PRESET]).unwrap();
            assert_eq!((back.seed, &back.data, &back.from, back.steps), (7, &config.data, &config.from, Some(3)));
            assert!(back.settings().eq(config.settings()), "{text}");
            // What toml itself reads there, which knows nothing of settings.
            let toml: toml::Table = toml::from_str(&text).unwrap();
            assert_eq!(toml["settings"]["lr"].as_float(), Some(lr.parse().unwrap()));
        }
    }

    #[test]
    fn what_does_not_stand_in_a_file_is_as_the_preset_has_it_and_a_run_lacks_nothing() {
        let config = read("preset = \"tiny\"\n[settings]\nlr = 1").unwrap();
        assert_eq!((config.seed, config.data.as_str(), config.steps), (0, "fashion-mnist", None));
        assert_eq!((config.count("batch"), config.real("lr")), (128, 1.0));

        let good = of(0, 3).to_toml().unwrap();
        for key in ["preset", "seed", "data", "steps"] {
            let less: Vec<&str> = good.lines().filter(|line| !line.starts_with(key)).collect();
            let error = RunConfig::from_toml(Path::new("r/config.toml"), &less.join("\n"), &[&PRESET]).unwrap_err();
            let expected = format!("r/config.toml: {key} is missing in it; restore the file as the run wrote it");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_mistake_in_a_file_is_named_with_its_line() {
        let good = "preset = \"tiny\"\nseed = 0\ndata = \"digits\"\nsteps = 3\n[settings]\nbatch = 128\nlr = 0.001\n";
        assert!(read(good).is_ok());
        let batch = "batch (pictures in a step) is a whole number from 1 to 4096";
        let lr = "lr (Adam's learning rate) is a number from 0.00000001 to 1";
        let seed = "seed (what all random numbers are drawn from) is a whole number from 0 to 9223372036854775807";
        for (from, to, expected) in [
            ("\"tiny\"", "\"tinny\"", "1: there is no preset \"tinny\"; did you mean tiny?"),
            ("\"tiny\"", "7", "1: preset = 7: preset (what is trained) is the name of a preset, in quotes"),
            ("\"digits\"", "3", "3: data = 3: data (the data set) is a name or the path of a folder, in quotes"),
            ("seed = 0", "sede = 0", "2: there is no key \"sede\"; did you mean seed?"),
            ("seed = 0", "lr = 0.1", "2: lr is a setting; move this line below [settings]"),
            (
                "seed = 0",
                "colour = 0",
                "2: there is no key \"colour\"; there are preset, seed, data, steps, from and the table [settings]",
            ),
            ("seed = 0", "seed = -1", &format!("2: seed = -1: {seed}")),
            ("seed = 0", "seed = \"x\"", &format!("2: seed = \"x\": {seed}")),
            (
                "seed = 0",
                "seed = 0\nseed = 1",
                "3: this is not TOML (duplicate key); write key = value, and text in quotes",
            ),
            ("batch = 128", "batsh = 128", "6: tiny has no setting \"batsh\"; did you mean batch?"),
            ("batch = 128", "colour = 128", "6: tiny has no setting \"colour\"; it has batch, epochs, lr, order"),
            ("batch = 128", "seed = 128", "6: seed is no setting; move this line above [settings]"),
            ("batch = 128", "batch = -1", &format!("6: batch = -1: {batch}")),
            ("batch = 128", "batch = 1.5", &format!("6: batch = 1.5: {batch}")),
            ("batch = 128", "batch = [1, 2]", &format!("6: batch = [1, 2]: {batch}")),
            ("lr = 0.001", "lr = \"x\"", &format!("7: lr = \"x\": {lr}")),
            ("lr = 0.001", "lr = nan", &format!("7: lr = nan: {lr}")),
            ("lr = 0.001", "lr = inf", &format!("7: lr = inf: {lr}")),
            ("lr = 0.001", "lr = -1", &format!("7: lr = -1: {lr}")),
            ("lr = 0.001", "lr = 1e999", &format!("7: lr = 1e999: {lr}")),
            ("lr = 0.001", "order = \"up\"", "7: order = \"up\": order (in which they come) is shuffled or sorted"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.to_string(), format!("my.toml:{expected}"), "{to}");
            assert!(error.is_mistake());
        }
        let error = read("preset = \"tiny\"\n\nsettings = 3").unwrap_err().to_string();
        assert_eq!(error, "my.toml:3: settings is a table; write [settings], and a line for each below it");
        let error = read("seed = 0").unwrap_err().to_string();
        assert_eq!(error, "my.toml: it names no preset; add a line such as preset = \"tiny\", before all [tables]");
        for (text, line) in [("a = ", 1), ("\n\nx", 3), ("a = \"x\nb = 1", 1), ("\u{0}", 1)] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("my.toml:{line}: this is not TOML (")), "{error}");
        }
    }

    #[test]
    fn a_seed_that_toml_cannot_say_and_a_run_of_no_steps_are_refused() {
        let text = of(u64::MAX, 3).to_toml().unwrap_err().to_string();
        assert!(text.starts_with("seed = 18446744073709551615: seed"), "{text}");
        let text = of(0, 0).to_toml().unwrap_err().to_string();
        assert!(text.starts_with("steps = 0: steps (the length of the run) is a whole number from 1"), "{text}");
    }
}
