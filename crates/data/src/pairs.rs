//! Pairs of a prompt and a response: a `.jsonl` file, one JSON object a line.
//!
//! ```text
//! {"prompt": "17 + 25 = ", "response": "42"}
//! ```

use crate::error::DataError;
use crate::text::Document;
use serde::Deserialize;

#[derive(Deserialize)]
struct Pair {
    prompt: String,
    response: String,
}

/// The pairs as documents. Empty lines are none; other keys of an object are not read.
pub(crate) fn parse(name: &str, text: &str) -> Result<Vec<Document>, DataError> {
    let pair = |(i, line): (usize, &str)| {
        let Pair { prompt, response } = serde_json::from_str(line).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            DataError::Inconsistent {
                name: name.to_string(),
                problem: format!(
                    "line {} is no pair ({reason}); write each as {{\"prompt\": \"…\", \"response\": \"…\"}}",
                    i + 1
                ),
            }
        })?;
        Ok(Document { prompt, text: response })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(pair).collect()
}
