//! Who looks on is told everything, in order, and changes nothing.

use crate::mean::{MEAN, start, timeless, until, weights};
use glassbox_data::image::read_png;
use glassbox_train::{Ending, Observer, Outcome, Record, Runner, Sample, TrainError, Trained};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// Writes down what it is told.
#[derive(Default)]
struct Scribe {
    told: Rc<RefCell<Vec<String>>>,
    run: PathBuf,
}

impl Scribe {
    fn note(&self, line: String) {
        self.told.borrow_mut().push(line);
    }
}

impl Observer for Scribe {
    fn begin(&mut self, run: &Trained, end: u64) -> Result<(), TrainError> {
        self.run = run.dir.path().to_path_buf();
        self.note(format!("begin {} of {end}", run.step));
        Ok(())
    }

    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        assert!(record.metrics.get("loss").is_some());
        let judged = if record.metrics.get("test_loss").is_some() { ", judged" } else { "" };
        self.note(format!("step {}{judged}", record.step));
        Ok(())
    }

    fn sampled(&mut self, step: u64, samples: &Sample) -> Result<(), TrainError> {
        let picture = read_png(&self.run.join(format!("samples/step-{step}.png"))).unwrap();
        assert_eq!(&Sample::Picture(picture), samples);
        self.note(format!("samples {step}"));
        Ok(())
    }

    fn warned(&mut self, sentence: &str) -> Result<(), TrainError> {
        self.note(sentence.to_string());
        Ok(())
    }

    fn end(&mut self, outcome: &Outcome) -> Result<(), TrainError> {
        self.note(format!("end {}, {:?}", outcome.step, outcome.ending));
        Ok(())
    }
}

#[test]
fn an_observer_is_told_of_every_step_sample_and_evaluation_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let (mut scribe, mut second) = (Scribe::default(), Scribe::default());
    start(&run, &[]).train(&until(5), &mut scribe).unwrap();
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(8), &mut second).unwrap();
    let first = ["begin 0 of 5", "step 1", "step 2", "step 3", "samples 4", "step 4, judged", "step 5", "samples 5"];
    assert_eq!(scribe.told.take(), [&first[..], &["end 5, Finished"]].concat());
    // The samples of step 8 were due and are those of the end: they are drawn once.
    let all = ["begin 5 of 8", "step 6", "step 7", "samples 8", "step 8, judged", "end 8, Finished"];
    assert_eq!(second.told.take(), all);
}

/// Fails at the third step.
struct FullDisk;

impl Observer for FullDisk {
    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        match record.step {
            3 => Err(TrainError::Contradiction("full".to_string())),
            _ => Ok(()),
        }
    }
}

#[test]
fn an_observer_that_fails_ends_the_sitting_and_the_run_goes_on_from_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (run, whole) = (dir.path().join("run"), dir.path().join("whole"));
    let scribe = Scribe::default();
    let told = Rc::clone(&scribe.told);
    let mut all: Vec<Box<dyn Observer>> = vec![Box::new(scribe), Box::new(FullDisk)];
    let error = start(&run, &[]).train(&until(7), &mut all).unwrap_err();
    assert!(matches!(error, TrainError::Contradiction(_)), "{error}");
    assert_eq!(told.take(), ["begin 0 of 7", "step 1", "step 2", "step 3"]);

    let outcome = Runner::resume(&run, &[&MEAN]).unwrap().train(&until(7), &mut ()).unwrap();
    assert_eq!(outcome.ending, Ending::Finished);
    start(&whole, &[]).train(&until(7), &mut ()).unwrap();
    assert_eq!((timeless(&run), weights(&run, 7)), (timeless(&whole), weights(&whole, 7)));
}

/// What is said about parameters in a sitting of this length.
fn warnings(runner: &mut Runner, end: u64) -> Vec<String> {
    let mut scribe = Scribe::default();
    runner.train(&until(end), &mut scribe).unwrap();
    scribe.told.take().into_iter().filter(|line| line.contains("not changed")).collect()
}

#[test]
fn a_parameter_that_never_changes_is_named_once_a_sitting_and_a_frozen_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut runner = start(&run, &["unused=1"]);
    assert_eq!(warnings(&mut runner, 9), [""; 0], "nine steps tell nothing yet");
    let sentence = |steps| {
        format!(
            "head.bias has not changed in {steps} steps, because the gradient is zero or lr too small: look whether the loss \
             depends on it, try a larger lr, and freeze what shall stay as it is"
        )
    };
    // Checkpoints are due every fifth step, the first of them after ten steps of this sitting is that of step 20.
    assert_eq!(warnings(&mut runner, 40), [sentence(11)]);
    drop(runner);
    assert_eq!(warnings(&mut Runner::resume(&run, &[&MEAN]).unwrap(), 52), [sentence(10)]);
    assert_eq!(warnings(&mut start(&dir.path().join("frozen"), &[]), 40), [""; 0]);
}
