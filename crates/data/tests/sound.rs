//! WAV files, written by Python's `wave` (tools/data/fixtures.py), and folders of them.

use glassbox_data::sound::{self, WavProblem};
use glassbox_data::{Kind, kind, open_recording, open_sound};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

const VALUES: [f32; 8] = [0.0, 1.0, -1.0, 100.0, -100.0, 127.0, -128.0, 64.0];

#[test]
fn every_kind_of_sample_is_read_exactly() {
    let expected: Vec<f32> = VALUES.iter().map(|v| v / 128.0).collect();
    for (name, rate) in [("mono-8", 8000), ("mono-16", 8000), ("mono-24", 8000), ("mono-32", 8000), ("float-32", 16000)]
    {
        let sound = sound::read(&path(&format!("{name}.wav"))).unwrap();
        assert_eq!((sound.rate, &sound.samples), (rate, &expected), "{name}");
    }
    let stereo = open_recording(path("stereo-16.wav").to_str().unwrap()).unwrap();
    // The right channel is −1/2 of the left, so that their mean is 1/4 of it.
    let mean: Vec<f32> = VALUES[..6].iter().map(|v| v / 512.0).collect();
    assert_eq!((stereo.rate, stereo.samples), (44100, mean));
}

#[test]
fn what_is_no_recording_is_refused() {
    let text = |bytes: &[u8]| sound::parse("a.wav", bytes).unwrap_err().to_string();
    assert_eq!(text(b"RIFF....AVI "), "a.wav: not a WAV file");
    let whole = bytes("mono-16.wav");
    for end in 0..whole.len() {
        assert!(sound::parse("file", &whole[..end]).is_err(), "the first {end} bytes");
    }
    assert_eq!(text(&whole[..50]), "a.wav: the file ends before the 8 samples that its header says; fetch it again");
    let mut lying = whole.clone();
    lying[40..44].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    assert_eq!(sound::parse("a", &lying).unwrap_err().problem, WavProblem::Truncated { samples: 0x7fff_fff8 });
    let mut float = bytes("float-32.wav");
    float[44 + 8..44 + 12].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(text(&float), "a.wav: sample 2 is not a finite number");
    let mut still = whole.clone();
    still[24..28].fill(0);
    still[28..32].fill(0);
    assert_eq!(sound::parse("a", &still).unwrap_err().problem, WavProblem::Rate);
    let mut empty = whole[..44].to_vec();
    empty[40..44].fill(0);
    assert_eq!(sound::parse("a", &empty).unwrap_err().problem, WavProblem::Empty);
}

#[test]
fn labels_are_subfolders_or_what_stands_before_the_underscore() {
    let dir = tempfile::tempdir().unwrap();
    let spec = dir.path().to_str().unwrap();
    let wav = bytes("mono-16.wav");
    for i in 0..30 {
        fs::write(dir.path().join(format!("{}_anna_{i}.wav", i % 11)), &wav).unwrap();
    }
    fs::write(dir.path().join("README.md"), "no sound").unwrap();
    assert_eq!(kind(spec).unwrap(), Kind::Recordings);
    let data = open_sound(spec).unwrap();
    // Numbers are in their order, 10 after 9.
    assert_eq!(data.train.classes().join(" "), "0 1 2 3 4 5 6 7 8 9 10");
    assert_eq!(data.train.recordings().len() + data.test.recordings().len(), 30);
    assert_eq!((data.train.rate(), data.train.recordings()[0].len()), (8000, 8));

    let error = |f: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        f(dir.path());
        open_sound(dir.path().to_str().unwrap()).unwrap_err().to_string().replace(dir.path().to_str().unwrap(), "DIR")
    };
    let other_rate = error(&|dir| {
        fs::write(dir.join("a.wav"), &wav).unwrap();
        fs::write(dir.join("b.wav"), bytes("float-32.wav")).unwrap();
    });
    assert_eq!(
        other_rate,
        "DIR: DIR/b.wav has 16000 samples in a second and DIR/a.wav has 8000; convert them to one rate"
    );
    let loose = error(&|dir| {
        fs::create_dir(dir.join("cat")).unwrap();
        fs::write(dir.join("cat/a.wav"), &wav).unwrap();
        fs::write(dir.join("b.wav"), &wav).unwrap();
    });
    assert_eq!(loose, "DIR: b.wav lies beside subfolders with others of its kind; put it into a subfolder, its class");
}

proptest! {
    #[test]
    fn no_damage_panics(at in prop::collection::vec((0usize..80, any::<u8>()), 1..8), which in 0usize..6) {
        let names = ["mono-8", "mono-16", "mono-24", "mono-32", "stereo-16", "float-32"];
        let mut bytes = bytes(&format!("{}.wav", names[which]));
        for (i, value) in at {
            let n = bytes.len();
            bytes[i % n] = value;
        }
        if let Ok(sound) = sound::parse("file", &bytes) {
            prop_assert!(!sound.samples.is_empty() && sound.samples.iter().all(|s| s.is_finite()));
        }
    }
}
