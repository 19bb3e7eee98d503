//! A session as a program reads it: one JSON document, with every sample.

use super::limits::Peak;
use super::machine::{COMMIT, RUSTC};
use super::measure::Row;
use super::sampling::ROUNDS;
use super::session::{Session, exceeds};
use glassbox_tensor::ceiling::{Bound, Floor, Mix, caches, level_of};
use serde_json::{Map, Value, json};

/// How a document says what it is.
pub const FORMAT: &str = "glassbox bench 1";

/// The conventions, in words: whoever reads a number later must know what it counts.
const CONVENTIONS: [(&str, &str); 7] = [
    (
        "flops",
        "Additions, multiplications and their like that a call must do, whoever computes it; a multiply-add counts two, a \
         transcendental function one. Of forward + backward: three times the value's for products of matrices (attention, \
         convolutions, linear, einsum), else the value's alone, which errs to the side of the floor.",
    ),
    (
        "bytes",
        "What a call must read and write: each input once, the value once, and of forward + backward each gradient that was \
         written once. What lies in memory once, such as a repeated number, counts once. Nothing that is kept between the \
         passes.",
    ),
    (
        "seconds",
        "Of one call, as the mean over the calls of a sample, with the freeing of its result. Inputs and buffers are warm unless \
         cold is true: then the caches were emptied before each sample, which is one call.",
    ),
    ("samples", "In rounds: all rows take turns, so that the samples of a row are minutes apart."),
    ("spread", "The distance between the quartiles of all samples, as a share of the median."),
    (
        "floor_seconds",
        "The larger of flops / peak and bytes / bandwidth: the peak of this instruction set on all threads, and the bandwidth of \
         as large a working set, read and written in the same mix, with the stores that are fastest there. A mix between two \
         measured ones is done as a part of one and a part of the other.",
    ),
    ("share", "floor_seconds over the median of the samples; null for a view, which nothing bounds."),
];

/// The document.
pub fn document(session: &Session) -> Value {
    let Session { machine, isa, threads, cold, limits, rows } = session;
    let conventions: Map<String, Value> = CONVENTIONS.iter().map(|(k, v)| (k.to_string(), json!(v))).collect();
    let peak = |Peak { isa, one, all }: &Peak| {
        (isa.name().to_string(), json!({ "one_thread": one / 1e9, "all_threads": all / 1e9 }))
    };
    let bandwidth = limits.levels.iter().flat_map(|level| {
        Mix::ALL.iter().zip(&level.rates).map(|(mix, rate)| {
            json!({
                "level": level.name, "set_bytes": level.set, "reads": mix.reads, "writes": mix.writes,
                "gb_per_s": rate.bytes_per_second / 1e9, "stores": rate.stores.name(),
            })
        })
    });
    json!({
        "format": FORMAT,
        "machine": {
            "processor": machine.processor, "architecture": std::env::consts::ARCH, "system": std::env::consts::OS,
            "governor": machine.governor, "busy": machine.busy,
            "caches": caches().iter().map(|c| json!({ "level": c.level, "bytes": c.bytes, "shared_by": c.shared_by })).collect::<Value>(),
        },
        "build": { "version": env!("CARGO_PKG_VERSION"), "rustc": RUSTC, "commit": COMMIT },
        "isa": isa.name(), "threads": threads, "cold": cold, "rounds": ROUNDS,
        "conventions": conventions,
        "ceilings": {
            "peak_gflops": limits.peaks.iter().map(peak).collect::<Map<_, _>>(),
            "bandwidth": bandwidth.collect::<Value>(),
            "hand_over_seconds": limits.hand_over.map(|h| json!({ "awake": h.awake, "parked": h.parked })),
        },
        "rows": rows.iter().map(|(row, floor)| row_of(row, *floor, *threads)).collect::<Value>(),
    })
}

fn row_of(row: &Row, floor: Floor, threads: usize) -> Value {
    let seconds = row.seconds();
    let level = match level_of(row.set(), threads) {
        _ if floor.bound == Bound::Nothing => Value::Null,
        Some(level) => json!(format!("L{level}")),
        None => json!("memory"),
    };
    json!({
        "name": row.name, "size": row.size, "pass": row.pass.name(), "shapes": row.shapes,
        "flops": row.flops, "bytes_read": row.traffic.read, "bytes_written": row.traffic.written,
        "calls": row.rounds.iter().map(|round| round.calls).collect::<Vec<_>>(),
        "samples": row.rounds.iter().map(|round| &round.seconds).collect::<Vec<_>>(),
        "median": seconds, "spread": row.spread(),
        "gflops": row.flops as f64 / seconds / 1e9, "gb_per_s": row.traffic.bytes() as f64 / seconds / 1e9,
        "floor_seconds": floor.seconds, "bound": floor.bound.name(), "level": level,
        "share": row.share(floor), "ceiling_exceeded": exceeds(row, floor),
        "crc32": format!("{:08x}", row.checksum),
    })
}

/// A document with these rows, for tests.
#[cfg(test)]
pub fn document_of(rows: Vec<Row>) -> Value {
    use super::session::{session, with_floors};
    use glassbox_tensor::ceiling::Ceilings;
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    use glassbox_tensor::simd::Isa;
    let mut ceilings = Ceilings::new(100e9, |_, _| Rate { bytes_per_second: 10e9, stores: Stores::Plain });
    document(&session(with_floors(rows, Isa::Scalar, &mut ceilings)))
}

#[cfg(test)]
mod tests {
    use super::super::measure::row_of;
    use super::*;
    use glassbox_tensor::ceiling::Traffic;

    #[test]
    fn the_document_has_samples_machine_build_conventions_and_checksums() {
        let traffic = Traffic { read: 12_000_000, written: 4_000_000 };
        let document = document_of(vec![row_of("exp", 1_000_000, traffic, &[2e-3, 4e-3, 3e-3])]);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&document), "build ceilings cold conventions format isa machine rounds rows threads");
        assert_eq!(keys(&document["machine"]), "architecture busy caches governor processor system");
        assert_eq!(keys(&document["build"]), "commit rustc version");
        assert_eq!(keys(&document["ceilings"]), "bandwidth hand_over_seconds peak_gflops");
        assert_eq!(document["ceilings"]["bandwidth"].as_array().unwrap().len(), Mix::ALL.len());
        assert_eq!(document["ceilings"]["peak_gflops"]["scalar"]["all_threads"], 100.0);
        for (key, sentence) in document["conventions"].as_object().unwrap() {
            assert!(document["rows"][0].get(key).is_some() || ["bytes", "seconds"].contains(&key.as_str()), "{key}");
            assert!(sentence.as_str().unwrap().ends_with('.'), "{key}");
        }
        let row = &document["rows"][0];
        assert_eq!(row["samples"], json!([[2e-3, 4e-3, 3e-3]]));
        assert_eq!((&row["median"], &row["crc32"], &row["calls"]), (&json!(3e-3), &json!("00000007"), &json!([10])));
        assert_eq!((&row["bytes_read"], &row["bytes_written"]), (&json!(12_000_000), &json!(4_000_000)));
        // 16 MB at 10 GB/s are 1.6 ms; 1 MFLOP at 100 GFLOP/s are 10 µs
        assert_eq!((&row["bound"], &row["ceiling_exceeded"]), (&json!("memory"), &json!(false)));
        assert!((row["share"].as_f64().unwrap() - 1.6 / 3.0).abs() < 1e-9, "{row}");
        assert_eq!(document["machine"]["governor"], Value::Null);
    }
}
