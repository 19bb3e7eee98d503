//! What is written for TensorBoard, taken apart by hand: frames, their checksums bit for bit, and the wire format of protobuf.

use crate::mean::{MEAN, start, until};
use glassbox_train::{Observer, Runner, TensorBoard, read_metrics};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// CRC-32C, one bit at a time, with the polynomial as RFC 3720 has it.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |i| u32::from(byte >> i & 1))) {
        let odd = (crc ^ bit) & 1;
        crc = (crc >> 1) ^ (odd * 0x82f6_3b78);
    }
    let crc = !crc;
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The events in a file, whose lengths and checksums must be right.
fn events(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut events) = (file, Vec::new());
    while !rest.is_empty() {
        let length: [u8; 8] = rest[..8].try_into().unwrap();
        let n = u64::from_le_bytes(length) as usize;
        let event = &rest[12..12 + n];
        assert_eq!(rest[8..12], masked_crc(&length).to_le_bytes());
        assert_eq!(rest[12 + n..16 + n], masked_crc(event).to_le_bytes());
        events.push(event.to_vec());
        rest = &rest[16 + n..];
    }
    events
}

/// A field of a message: the number of eight bytes, of four, or of a varint, or bytes.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Field {
    fn number(&self) -> u64 {
        let Field::Number(n) = self else { panic!("{self:?} is no number") };
        *n
    }

    fn bytes(&self) -> &[u8] {
        let Field::Bytes(bytes) = self else { panic!("{self:?} is no message") };
        bytes
    }
}

/// The fields of a message in order, by the rules of <https://protobuf.dev/programming-guides/encoding>.
fn fields(message: &[u8]) -> Vec<(u64, Field)> {
    fn varint(rest: &mut &[u8]) -> u64 {
        let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let (bytes, after) = rest.split_at(end);
        *rest = after;
        bytes.iter().rev().fold(0, |n, byte| n << 7 | u64::from(byte & 0x7f))
    }
    fn little_endian(rest: &mut &[u8], n: usize) -> u64 {
        let (bytes, after) = rest.split_at(n);
        *rest = after;
        bytes.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
    }
    let (mut rest, mut all) = (message, Vec::new());
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut rest)),
            1 => Field::Number(little_endian(&mut rest, 8)),
            2 => {
                let n = varint(&mut rest) as usize;
                let (bytes, after) = rest.split_at(n);
                rest = after;
                Field::Bytes(bytes.to_vec())
            }
            5 => Field::Number(little_endian(&mut rest, 4)),
            other => panic!("wire type {other}"),
        };
        all.push((key >> 3, field));
    }
    all
}

/// The field of that number, of which there must be one.
fn field(message: &[u8], number: u64) -> Field {
    let all: Vec<Field> = fields(message).into_iter().filter(|(n, _)| *n == number).map(|(_, field)| field).collect();
    assert_eq!(all.len(), 1, "field {number}");
    all[0].clone()
}

/// What one file says: scalars by (step, name), images by step.
#[derive(Default)]
struct Shown {
    scalars: BTreeMap<(u64, String), f32>,
    images: BTreeMap<u64, Vec<u8>>,
}

/// Reads the only file that has anything in it. No scalar and no image may be there twice.
fn shown(run: &Path) -> Shown {
    let files = fs::read_dir(run.join("tensorboard")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let (full, empty): (Vec<_>, Vec<_>) = files.partition(|file| !file.is_empty());
    assert!(full.len() == 1 && empty.len() <= 1, "{} files and {} empty ones", full.len(), empty.len());
    let events = events(&full[0]);
    assert_eq!(field(&events[0], 3).bytes(), b"brain.Event:2");
    // START, with which whatever another file has said is over.
    assert_eq!(field(field(&events[1], 7).bytes(), 1).number(), 1);
    assert!(fields(&events[1]).iter().all(|(number, _)| *number != 2), "the step is 0, which isn't written");
    let (mut all, mut time) = (Shown::default(), 0.0);
    for event in &events[2..] {
        let (wall_time, step) = (f64::from_bits(field(event, 1).number()), field(event, 2).number());
        assert!(wall_time > 1.7e9 && wall_time > time - 1.0, "{wall_time} after {time}");
        time = wall_time;
        for (_, value) in fields(field(event, 5).bytes()) {
            let tag = String::from_utf8(field(value.bytes(), 1).bytes().to_vec()).unwrap();
            let before = match fields(value.bytes()).pop().unwrap() {
                (2, x) => all.scalars.insert((step, tag), f32::from_bits(x.number() as u32)).is_some(),
                (4, image) => {
                    let [height, width, channels] = [1, 2, 3].map(|i| field(image.bytes(), i).number());
                    let png = field(image.bytes(), 4).bytes().to_vec();
                    // IHDR says the width first, big-endian; these samples are grey.
                    assert_eq!(png[16..24], [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat());
                    assert_eq!((tag.as_str(), channels), ("samples", 1));
                    all.images.insert(step, png).is_some()
                }
                other => panic!("{other:?}"),
            };
            assert!(!before, "step {step} has a value twice");
        }
    }
    all
}

/// What it says is what the run says, every number and every picture, and no more.
#[track_caller]
fn agrees(run: &Path) {
    let shown = shown(run);
    let records = read_metrics(&run.join("metrics.jsonl")).unwrap();
    let scalars = records.iter().flat_map(|r| r.metrics.iter().map(|(name, x)| ((r.step, name.to_string()), x as f32)));
    assert_eq!(shown.scalars, scalars.collect());
    assert!(!shown.images.is_empty());
    for (step, image) in shown.images {
        assert_eq!(fs::read(run.join(format!("samples/step-{step}.png"))).unwrap(), image, "step {step}");
    }
}

#[test]
fn every_number_and_every_picture_of_a_run_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let mut everybody: Vec<Box<dyn Observer>> = vec![Box::new(TensorBoard::new())];
    start(&run, &[]).train(&until(10), &mut everybody).unwrap();
    agrees(&run);
    assert_eq!(shown(&run).images.into_keys().collect::<Vec<u64>>(), [4, 8, 10]);
}

#[test]
fn after_a_kill_nothing_of_the_steps_that_it_undid_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    // The run ends by an error in step 9, after the checkpoint of step 5; what was written beyond that one is undone.
    start(&run, &["nan_at=9"]).train(&until(12), &mut TensorBoard::new()).unwrap_err();
    assert!(shown(&run).scalars.contains_key(&(8, "loss".to_string())));
    let text = fs::read_to_string(run.join("config.toml")).unwrap().replace("nan_at = 9", "nan_at = 0");
    fs::write(run.join("config.toml"), text).unwrap();
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(7), &mut TensorBoard::new()).unwrap();
    agrees(&run);
    let last = shown(&run).scalars.into_keys().map(|(step, _)| step).max();
    assert_eq!(last, Some(7));
}

#[test]
fn a_sitting_without_it_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    start(&run, &[]).train(&until(5), &mut TensorBoard::new()).unwrap();
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(9), &mut ()).unwrap();
    fs::write(run.join("tensorboard/notes"), "someone else's").unwrap();
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(11), &mut TensorBoard::new()).unwrap();
    assert_eq!(fs::read_to_string(run.join("tensorboard/notes")).unwrap(), "someone else's");
    fs::remove_file(run.join("tensorboard/notes")).unwrap();
    agrees(&run);
    Runner::resume(&run, &[&MEAN]).unwrap().train(&until(12), &mut TensorBoard::new()).unwrap();
    agrees(&run);
}
