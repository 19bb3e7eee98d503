//! The runs that `glassbox repro` measures: each is trained once, and goes on where it was interrupted.
//!
//! ```text
//! WORK/repro.txt                        says whose folder this is
//! WORK/vae-mlp,epochs=1,seed=0/         a run directory
//! ```
//!
//! A run that is there already is measured only if this program would have made it: the configuration is the same, and its first
//! steps, taken again, have the losses that are written there, bit for bit. Else it is made anew. Held-out numbers and
//! the judge's are always computed again.

use super::{PRESETS, judge, open_run};
use crate::failure::Failure;
use anyhow::Context;
use glassbox_measure::Scores;
use glassbox_train::{Claim, Ending, Limits, Metrics, Progress, RunConfig, Runner, read_metrics};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Steps that are taken again. A change of the engine, the model, the data or the optimiser shows in the first loss or the second.
const AGAIN: usize = 3;

const MARK: &str = "repro.txt";
const MARK_TEXT: &str =
    "`glassbox repro` makes the runs in this folder, and removes those that it would make otherwise.\n";

/// What one run came to.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Of training.
    pub seconds: f64,
    /// The held-out metrics, and what the judge says if it was asked.
    pub metrics: Metrics,
}

impl Measured {
    /// The number of that name; NaN if there is none, which no tolerance admits.
    pub fn get(&self, metric: &str) -> f64 {
        self.metrics.get(metric).unwrap_or(f64::NAN)
    }
}

/// The folder of all runs.
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// Opens the folder, and makes it if it isn't there.
    ///
    /// # Errors
    /// If it has something in it that isn't ours: runs may be removed here.
    pub fn open(folder: &Path) -> Result<Workshop, Failure> {
        let shown = folder.display();
        let cannot = |error| Failure::mistake(format!("--work {shown}: cannot make this folder: {error}"));
        fs::create_dir_all(folder).map_err(cannot)?;
        let mark = folder.join(MARK);
        if !mark.exists() {
            if fs::read_dir(folder).map_err(cannot)?.next().is_some() {
                return Err(Failure::mistake(format!(
                    "--work {shown}: has something in it that is not from `glassbox repro`; name another folder"
                )));
            }
            fs::write(&mark, MARK_TEXT).map_err(cannot)?;
        }
        Ok(Workshop { folder: folder.to_path_buf() })
    }

    /// Measures a run, which is trained unless it is there. `None` if it was interrupted.
    pub fn measure(&self, claim: &Claim, seed: u64, interrupt: &AtomicBool) -> Result<Option<Measured>, Failure> {
        let path = self.folder.join(key(claim, seed));
        let config = configured(claim, seed)?;
        let begun = path.join("config.toml").exists();
        let ours = begun && would_be_made(&config, &path);
        if begun && !ours {
            fs::remove_dir_all(&path).with_context(|| format!("{}: cannot remove this run", path.display()))?;
        }
        let mut runner = match ours {
            true => Runner::resume(&path, &PRESETS)?,
            false => Runner::start(config, &path)?,
        };
        if runner.run_so_far().step < runner.run_so_far().config.horizon() {
            let limits = Limits { interrupt: Some(interrupt), keep: Some(1), ..Limits::default() };
            if runner.train(&limits, &mut Progress::new())?.ending == Ending::Interrupted {
                return Ok(None);
            }
        }
        drop(runner);

        let run = open_run(&path)?;
        let mut metrics = run.experiment.evaluate();
        if claim.judged {
            let report = judge::of_run(&run)?.report;
            metrics = with_scores(metrics, "", &report.samples);
            metrics = with_scores(metrics, "floor_", &report.floor);
        }
        let seconds = read_metrics(&run.dir.metrics_path())?.last().map_or(0.0, |record| record.seconds);
        Ok(Some(Measured { seconds, metrics }))
    }
}

/// Whether this program, with this configuration, makes the run that lies at `path`. Whatever can't be read says no.
fn would_be_made(config: &RunConfig, path: &Path) -> bool {
    let begins = || -> Option<bool> {
        let mut config = config.clone();
        let mut experiment = config.build().ok()?;
        let same = fs::read_to_string(path.join("config.toml")).ok()? == config.to_toml().ok()?;
        let records = read_metrics(&path.join("metrics.jsonl")).ok()?;
        for (step, record) in records.iter().take(AGAIN).enumerate().filter(|_| same) {
            let metrics = experiment.train_step(step as u64).ok()?.metrics;
            if record.step != step as u64 + 1 || metrics.iter().any(|(name, v)| record.metrics.get(name) != Some(v)) {
                return Some(false);
            }
        }
        Some(same)
    };
    begins().unwrap_or(false)
}

/// What a run is called: results with the same settings and seed share it.
fn key(claim: &Claim, seed: u64) -> String {
    let settings: String = claim.settings.iter().map(|setting| format!("{setting},")).collect();
    format!("{},{settings}seed={seed}", claim.preset.name)
}

fn configured(claim: &Claim, seed: u64) -> Result<RunConfig, Failure> {
    let mut config = RunConfig::new(claim.preset);
    config.seed = seed;
    claim.settings.iter().try_for_each(|setting| config.set(setting))?;
    Ok(config)
}

fn with_scores(metrics: Metrics, prefix: &str, scores: &Scores) -> Metrics {
    let named = |name: &str| format!("{prefix}{name}");
    metrics
        .with(&named("frechet"), scores.frechet)
        .with(&named("kernel"), scores.kernel.value)
        .with(&named("precision"), scores.found.precision)
        .with(&named("recall"), scores.found.recall)
        .with(&named("sliced"), scores.sliced)
        .with(&named("nearest"), scores.nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_train::{Number, Pace};

    /// Two steps of a small network.
    static NUMBERS: [Number; 1] = [Number::of("loss", &[540.0]).within(20.0, "two steps change little")];
    fn tiny(judged: bool) -> Claim {
        Claim {
            name: "tiny",
            what: "",
            preset: &glassbox_vae::VAE_MLP,
            settings: &["hidden=8", "latents=2", "batch=8192", "epochs=1"],
            seeds: &[3],
            n: 2000,
            pace: Pace::Shortened,
            judged,
            numbers: &NUMBERS,
        }
    }
    const RUN: &str = "vae-mlp,hidden=8,latents=2,batch=8192,epochs=1,seed=3";

    /// When the run's last steps were taken.
    fn made(folder: &Path) -> std::time::SystemTime {
        fs::metadata(folder.join(RUN).join("evaluation.json")).unwrap().modified().unwrap()
    }

    static GO: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_run_is_made_once_and_judged_when_somebody_asks() {
        let folder = tempfile::tempdir().unwrap();
        let work = Workshop::open(folder.path()).unwrap();
        let first = work.measure(&tiny(false), 3, &GO).unwrap().unwrap();
        assert!(NUMBERS[0].holds(&[first.get("loss")]) && first.get("frechet").is_nan());
        let before = made(folder.path());
        let judged = work.measure(&tiny(true), 3, &GO).unwrap().unwrap();
        assert_eq!((judged.seconds, judged.get("loss")), (first.seconds, first.get("loss")));
        assert!(judged.get("frechet") > 100.0 * judged.get("floor_frechet") && judged.get("recall") == 0.0);
        assert_eq!(made(folder.path()), before, "the run was not made again");
    }

    #[test]
    fn an_interrupted_run_goes_on_and_has_the_numbers_of_one_that_was_not() {
        let [whole, parts] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let expected = Workshop::open(whole.path()).unwrap().measure(&tiny(false), 3, &GO).unwrap().unwrap();
        let work = Workshop::open(parts.path()).unwrap();
        assert!(work.measure(&tiny(false), 3, &AtomicBool::new(true)).unwrap().is_none());
        let found = Workshop::open(parts.path()).unwrap().measure(&tiny(false), 3, &GO).unwrap().unwrap();
        assert_eq!(found.metrics, expected.metrics);
    }

    #[test]
    fn a_run_that_this_program_would_make_otherwise_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let work = Workshop::open(folder.path()).unwrap();
        let first = work.measure(&tiny(false), 3, &GO).unwrap().unwrap();
        // As another engine might have written them: the second loss differs in its last digit; a setting has another default.
        for (file, from, to) in [
            ("metrics.jsonl", "\"step\":2,\"loss\":5", "\"step\":2,\"loss\":4"),
            ("config.toml", "lr = 0.001", "lr = 0.01"),
        ] {
            let path = folder.path().join(RUN).join(file);
            let text = fs::read_to_string(&path).unwrap();
            let changed = text.replacen(from, to, 1);
            assert_ne!(text, changed, "{text}");
            fs::write(&path, changed).unwrap();
            let found = work.measure(&tiny(false), 3, &GO).unwrap().unwrap();
            assert_eq!(
                (fs::read_to_string(&path).unwrap().contains(from), found.metrics),
                (true, first.metrics.clone())
            );
        }
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_let_be() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        let Err(Failure::Mistake(sentence)) = Workshop::open(folder.path()) else { panic!("it was taken") };
        assert!(sentence.contains("not from `glassbox repro`; name another folder"), "{sentence}");
    }
}
