//! The loop and the directory: what a run leaves, and how it goes on.

use crate::mean::{MEAN, start, timeless, until, weights};
use glassbox_train::{Ending, Limits, RunConfig, Runner, TrainError, Trained};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

#[test]
fn a_run_leaves_a_directory_that_explains_itself() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    let outcome = start(&run, &["lr=0.02"]).train(&until(10), &mut ()).unwrap();
    assert_eq!((outcome.step, outcome.ending), (10, Ending::Finished));

    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("preset = \"mean\"") && config.contains("lr = 0.02"), "{config}");
    assert!(
        config.contains("steps = 10000"),
        "the horizon is an epoch of 10,000 pictures, not where it ended: {config}"
    );
    let steps: Vec<u64> = timeless(&run).iter().map(|r| r.step).collect();
    assert_eq!(steps, (1..=10).collect::<Vec<_>>());
    let tested: Vec<u64> =
        timeless(&run).iter().filter(|r| r.metrics.get("test_loss").is_some()).map(|r| r.step).collect();
    assert_eq!(tested, [4, 8]);
    for file in ["samples/step-4.png", "samples/step-8.png", "samples/step-10.png", "samples/mean.png"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let evaluation = fs::read_to_string(run.join("evaluation.json")).unwrap();
    assert!(evaluation.starts_with("{\"step\":10,\"loss\":"), "{evaluation}");
    let report = fs::read_to_string(&outcome.report).unwrap();
    assert!(report.contains("The mean picture") && report.contains("held out") && report.contains("step 4"));
}

#[test]
fn resume_is_bit_identical() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, parts) = (parent.path().join("whole"), parent.path().join("parts"));
    start(&whole, &[]).train(&until(14), &mut ()).unwrap();
    start(&parts, &[]).train(&until(7), &mut ()).unwrap();
    let config = fs::read(parts.join("config.toml")).unwrap();
    Runner::resume(&parts, &[&MEAN]).unwrap().train(&until(14), &mut ()).unwrap();

    assert_eq!(timeless(&whole), timeless(&parts));
    assert_eq!(weights(&whole, 14), weights(&parts, 14));
    assert_eq!(config, fs::read(parts.join("config.toml")).unwrap(), "the horizon stays");
}

#[test]
fn a_run_that_is_killed_goes_on_from_its_last_checkpoint() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, killed) = (parent.path().join("whole"), parent.path().join("killed"));
    start(&whole, &[]).train(&until(12), &mut ()).unwrap();
    // The loss of step 9 stops the run: its last checkpoint is that of step 5, its metrics go to step 8.
    let error = start(&killed, &["nan_at=9"]).train(&until(12), &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("step 9: loss is NaN because of ln: 1 of 1 element"), "{error}");
    assert!(error.to_string().contains("mean.rs:") && error.to_string().contains("nothing of this step was saved"));
    assert!(!error.is_mistake());
    assert_eq!((timeless(&killed).len(), Trained::open(&killed, &[&MEAN]).unwrap().step), (8, 5));

    let config = fs::read_to_string(killed.join("config.toml")).unwrap();
    fs::write(killed.join("config.toml"), config.replace("nan_at = 9", "nan_at = 0")).unwrap();
    let mut runner = Runner::resume(&killed, &[&MEAN]).unwrap();
    assert_eq!(timeless(&killed).len(), 5, "cut back to the checkpoint");
    runner.train(&until(12), &mut ()).unwrap();
    assert_eq!(timeless(&whole), timeless(&killed));
    assert_eq!(weights(&whole, 12), weights(&killed, 12));
}

#[test]
fn an_interrupt_and_the_clock_end_a_run_with_everything_saved() {
    let parent = tempfile::tempdir().unwrap();
    let raised = AtomicBool::new(true);
    let limits = [
        (Limits { interrupt: Some(&raised), ..Limits::default() }, Ending::Interrupted),
        (Limits { minutes: Some(0.0), ..Limits::default() }, Ending::OutOfTime),
    ];
    for (i, (limit, ending)) in limits.iter().enumerate() {
        let run = parent.path().join(i.to_string());
        let outcome = start(&run, &[]).train(limit, &mut ()).unwrap();
        assert_eq!((outcome.step, outcome.ending), (0, *ending));
        let resumed = Runner::resume(&run, &[&MEAN]).unwrap().train(&until(3), &mut ()).unwrap();
        assert_eq!(resumed.step, 3);
    }
}

#[test]
fn a_finished_run_says_how_to_go_on() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    start(&run, &[]).train(&until(6), &mut ()).unwrap();
    let error = Runner::resume(&run, &[&MEAN]).unwrap().train(&until(6), &mut ()).unwrap_err();
    assert!(error.to_string().contains("has taken 6 steps already"), "{error}");
    assert!(error.is_mistake());
    assert_eq!(timeless(&run).len(), 6, "nothing is lost");
}

#[test]
fn a_mistake_leaves_no_directory_and_nothing_that_was_there_is_touched() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    let mut config = RunConfig::new(&MEAN);
    config.data = "fashion-mnits".to_string();
    let error = Runner::start(config, &run).err().unwrap();
    assert!(error.is_mistake() && error.to_string().contains("did you mean fashion-mnist?"), "{error}");
    assert!(!run.exists());

    fs::create_dir(&run).unwrap();
    fs::write(run.join("thesis.tex"), "kept").unwrap();
    let error = Runner::start(RunConfig::new(&MEAN), &run).err().unwrap();
    assert!(matches!(error, TrainError::Occupied { .. }), "{error}");
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1);
}

#[test]
fn what_is_damaged_is_named_with_a_remedy() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    start(&run, &[]).train(&until(6), &mut ()).unwrap();
    let open = || Trained::open(&run, &[&MEAN]).err().unwrap().to_string();

    let state = run.join("checkpoints/step-6/state.json");
    fs::write(&state, "{\"step\":").unwrap();
    assert!(open().contains("state.json: ") && open().contains("remove the folder of this checkpoint"), "{}", open());
    fs::remove_dir_all(run.join("checkpoints/step-6")).unwrap();
    assert_eq!(Trained::open(&run, &[&MEAN]).unwrap().step, 5);
    fs::remove_dir_all(run.join("checkpoints/step-5")).unwrap();
    assert!(open().contains("no checkpoint yet"), "{}", open());

    fs::write(run.join("config.toml"), "preset = \"mean\nseed = 0").unwrap();
    assert!(open().contains("config.toml:1: this is not TOML"), "{}", open());
    fs::remove_file(run.join("config.toml")).unwrap();
    assert!(open().contains("not a run: config.toml is missing"), "{}", open());
}

/// Puts one wrong byte into a file.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_the_run_goes_on_from_the_one_before_it() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, damaged) = (parent.path().join("whole"), parent.path().join("damaged"));
    start(&whole, &[]).train(&until(12), &mut ()).unwrap();
    start(&damaged, &[]).train(&until(10), &mut ()).unwrap();
    spoil(&damaged.join("checkpoints/step-10/weights.bin"));
    let spoilt = weights(&damaged, 10);

    // A reader is told, and changes nothing.
    let error = Trained::open(&damaged, &[&MEAN]).err().unwrap();
    assert!(matches!(error, TrainError::DamagedCheckpoint(_)), "{error}");
    assert!(error.to_string().contains("weights.bin: is damaged: its SHA-256") && error.is_mistake(), "{error}");
    assert!(damaged.join("checkpoints/step-10").is_dir());

    let mut runner = Runner::resume(&damaged, &[&MEAN]).unwrap();
    assert_eq!(runner.run_so_far().step, 5);
    let [warning] = &runner.run_so_far().warnings[..] else { panic!("not one warning") };
    for part in ["weights.bin: is damaged", "step-10.damaged and not used", "goes on from step 5"] {
        assert!(warning.contains(part), "{warning}");
    }
    runner.train(&until(12), &mut ()).unwrap();
    assert_eq!(timeless(&whole), timeless(&damaged));
    assert_eq!(weights(&whole, 12), weights(&damaged, 12));
    assert_eq!(fs::read(damaged.join("checkpoints/step-10.damaged/weights.bin")).unwrap(), spoilt, "nothing is lost");
}

#[test]
fn a_run_without_a_whole_checkpoint_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    start(&run, &[]).train(&until(10), &mut ()).unwrap();
    spoil(&run.join("checkpoints/step-5/weights.bin"));
    fs::remove_file(run.join("checkpoints/step-10/state.json")).unwrap();
    let error = Runner::resume(&run, &[&MEAN]).err().unwrap();
    assert!(matches!(error, TrainError::NoWholeCheckpoint(_)), "{error}");
    for part in ["step-10/state.json: is missing", "no other checkpoint of this run is whole", "--out"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(run.join("checkpoints/step-5").is_dir() && run.join("checkpoints/step-10").is_dir());
    assert_eq!(timeless(&run).len(), 10);
}

#[test]
fn a_checkpoint_without_a_manifest_is_read_with_a_warning() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    start(&run, &[]).train(&until(6), &mut ()).unwrap();
    assert_eq!(Trained::open(&run, &[&MEAN]).unwrap().warnings, [""; 0]);
    fs::remove_file(run.join("checkpoints/step-6/manifest.json")).unwrap();
    let read = Trained::open(&run, &[&MEAN]).unwrap();
    assert_eq!(read.step, 6);
    assert!(
        read.warnings.len() == 1 && read.warnings[0].contains("step-6: has no manifest.json"),
        "{:?}",
        read.warnings
    );
    assert_eq!(Runner::resume(&run, &[&MEAN]).unwrap().run_so_far().warnings, read.warnings);
}

#[test]
fn a_run_that_is_killed_before_its_first_checkpoint_goes_on_from_the_start() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, killed) = (parent.path().join("whole"), parent.path().join("killed"));
    start(&whole, &[]).train(&until(6), &mut ()).unwrap();
    start(&killed, &["nan_at=4"]).train(&until(6), &mut ()).unwrap_err();
    let config = fs::read_to_string(killed.join("config.toml")).unwrap();
    fs::write(killed.join("config.toml"), config.replace("nan_at = 4", "nan_at = 0")).unwrap();
    Runner::resume(&killed, &[&MEAN]).unwrap().train(&until(6), &mut ()).unwrap();
    assert_eq!(timeless(&whole), timeless(&killed));
    assert_eq!(weights(&whole, 6), weights(&killed, 6));
}

#[test]
fn a_kill_after_the_last_step_loses_neither_report_nor_evaluation() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    start(&run, &[]).train(&until(6), &mut ()).unwrap();
    let evaluation = fs::read(run.join("evaluation.json")).unwrap();
    for name in ["evaluation.json", "report.html", "samples/step-6.png"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    fs::write(run.join(".report.html.7-0.tmp"), "<html>").unwrap();
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(6), &mut ()).unwrap();
    assert_eq!(fs::read(run.join("evaluation.json")).unwrap(), evaluation);
    assert!(run.join("report.html").is_file() && run.join("samples/step-6.png").is_file());
    assert!(!run.join(".report.html.7-0.tmp").exists());
    assert_eq!(timeless(&run).len(), 6);
}

#[test]
fn a_run_that_is_being_trained_can_be_read_and_not_trained() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("run");
    let mut first = start(&run, &[]);
    first.train(&until(6), &mut ()).unwrap();
    let error = Runner::resume(&run, &[&MEAN]).err().unwrap();
    assert!(matches!(error, TrainError::Locked { .. }), "{error}");
    assert_eq!(Trained::open(&run, &[&MEAN]).unwrap().step, 6);
    first.train(&until(7), &mut ()).unwrap();
    drop(first);
    assert_eq!(Runner::resume(&run, &[&MEAN]).unwrap().run_so_far().step, 7);
}

/// The steps at which a run has checkpoints, and which it calls the best.
fn kept(run: &Path) -> (Vec<u64>, u64) {
    let names = fs::read_dir(run.join("checkpoints")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut steps: Vec<u64> = names.filter_map(|n| n.strip_prefix("step-").and_then(|n| n.parse().ok())).collect();
    steps.sort_unstable();
    let best: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("checkpoints/best.json")).unwrap()).unwrap();
    (steps, best["step"].as_u64().unwrap())
}

#[test]
fn the_last_checkpoints_and_the_best_are_kept() {
    let parent = tempfile::tempdir().unwrap();
    let run = |name: &str| parent.path().join(name);
    // With every step kept, every checkpoint can be judged again.
    let all = Limits { keep: Some(100), ..until(40) };
    start(&run("all"), &["lr=0.2"]).train(&all, &mut ()).unwrap();
    let (steps, best) = kept(&run("all"));
    assert_eq!(steps, (1..=8).map(|i| 5 * i).collect::<Vec<_>>());
    let judge = |step: u64| {
        let only = run(&format!("only-{step}"));
        start(&only, &["lr=0.2"]).train(&until(step), &mut ()).unwrap().evaluation.get("loss").unwrap()
    };
    let losses: Vec<f64> = steps.iter().map(|&step| judge(step)).collect();
    let least = (0..8).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!(best, steps[least], "{losses:?}");
    assert!(best < 35, "this test wants a best that is neither of the last two: {losses:?}");

    // Without anything said, the last two; and one, from some sitting on.
    start(&run("two"), &["lr=0.2"]).train(&until(40), &mut ()).unwrap();
    assert_eq!(kept(&run("two")), (vec![best, 35, 40], best));
    Runner::resume(&run("two"), &[&MEAN]).unwrap().train(&Limits { keep: Some(1), ..until(41) }, &mut ()).unwrap();
    let (steps, best_now) = kept(&run("two"));
    assert!(steps == [best, 41] && best_now == best || steps == [41] && best_now == 41, "{steps:?} {best_now}");
}

#[test]
fn a_kill_between_a_checkpoint_and_its_judgement_changes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let (whole, killed) = (parent.path().join("whole"), parent.path().join("killed"));
    start(&whole, &["lr=0.2"]).train(&until(20), &mut ()).unwrap();
    start(&killed, &["lr=0.2"]).train(&until(5), &mut ()).unwrap();
    fs::remove_file(killed.join("checkpoints/best.json")).unwrap();
    Runner::resume(&killed, &[&MEAN]).unwrap().train(&until(20), &mut ()).unwrap();
    assert_eq!(kept(&whole), kept(&killed));
    let best = |run: &Path| fs::read(run.join("checkpoints/best.json")).unwrap();
    assert_eq!(best(&whole), best(&killed));

    fs::write(killed.join("checkpoints/best.json"), "{\"step\":").unwrap();
    let mut runner = Runner::resume(&killed, &[&MEAN]).unwrap();
    let error = runner.train(&until(22), &mut ()).unwrap_err().to_string();
    assert!(error.contains("best.json: ") && error.contains("remove the file"), "{error}");
    assert_eq!(kept_steps(&killed), kept_steps(&whole), "nothing is removed");
}

fn kept_steps(run: &Path) -> usize {
    fs::read_dir(run.join("checkpoints")).unwrap().count()
}
