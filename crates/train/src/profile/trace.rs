//! The last steps as a Chrome trace: <https://ui.perfetto.dev> and `chrome://tracing` draw it.
//!
//! One JSON object of the Trace Event Format. Each event is complete (`"ph": "X"`), with its begin `ts` and its length `dur` in
//! microseconds, three digits after the point; the phase is its category, and its arguments are the shape of the value, FLOPs
//! and bytes. Those of the one thread nest. `otherData` says how many steps were profiled, and of how many the events are left
//! out, all or some.

use glassbox_autograd::profile::{Event, Profile};
use serde_json::{Map, Value, json};

/// The process and the thread that viewers ask for; there is one of each.
const PROCESS: u32 = 1;
const THREAD: u32 = 1;

/// The whole file.
pub(super) fn json(profile: &Profile, preset: &str) -> String {
    let named = |what: &str, name: &str| json!({"name": what, "ph": "M", "pid": PROCESS, "tid": THREAD, "args": {"name": name}});
    let names =
        [named("process_name", &format!("glassbox train {preset}")), named("thread_name", "the graph's thread")];
    let events = names.iter().map(Value::to_string).chain(profile.events.iter().map(event));
    let other = json!({"steps": profile.steps, "steps_left_out": profile.dropped});
    let events: Vec<String> = events.collect();
    format!("{{\"displayTimeUnit\":\"ms\",\"otherData\":{other},\"traceEvents\":[\n{}\n]}}\n", events.join(",\n"))
}

/// An event as one line. Times are written by digits, for a float would round a nanosecond away.
fn event(event: &Event) -> String {
    let mut args = Map::new();
    if let Some(shape) = &event.shape {
        args.insert("shape".into(), json!(format!("{shape:?}")));
        args.insert("flops".into(), json!(event.cost.flops));
        args.insert("bytes".into(), json!(event.cost.bytes));
    }
    format!(
        "{{\"name\":{},\"cat\":\"{}\",\"ph\":\"X\",\"ts\":{},\"dur\":{},\"pid\":{PROCESS},\"tid\":{THREAD},\"args\":{}}}",
        json!(event.name),
        event.phase.name(),
        microseconds(event.start),
        microseconds(event.nanoseconds),
        Value::Object(args)
    )
}

fn microseconds(nanoseconds: u64) -> String {
    format!("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_autograd::profile::Phase;
    use glassbox_autograd::{Cost, profile};
    use glassbox_tensor::shape::Dims;

    #[test]
    fn it_is_json_with_exact_times() {
        let matmul = Event {
            name: "matmul",
            phase: Phase::Backward,
            start: 12_345_067,
            nanoseconds: 1_009,
            shape: Some(Dims::new(&[2, 3])),
            cost: Cost { flops: 48, bytes: 80 },
            written: 24,
        };
        let profile = profile::Profile { steps: 7, dropped: 5, events: vec![matmul], ..Default::default() };
        let text = json(&profile, "vae");
        assert!(text.contains("\"ts\":12345.067,\"dur\":1.009,"), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["otherData"], json!({"steps": 7, "steps_left_out": 5}));
        let event = &read["traceEvents"][2];
        assert_eq!((&event["name"], &event["cat"], &event["ph"]), (&json!("matmul"), &json!("backward"), &json!("X")));
        assert_eq!(event["args"], json!({"shape": "[2, 3]", "flops": 48, "bytes": 80}));
        assert_eq!(read["traceEvents"][0]["args"]["name"], "glassbox train vae");
    }
}
