//! Which examples are held out where nothing else says so: a tenth, by a hash of their names.

use crate::builder::Part;
use crate::error::DataError;
use sha2::{Digest, Sha256};

/// One example of this many is held out.
pub const HELD_OUT: u64 = 10;

/// The part of each of these examples: held out are those of which the first 64 bits of the SHA-256 of the name are a number
/// below 2⁶⁴ / [`HELD_OUT`].
///
/// So the part of an example depends on its name alone: it stays what it is when others are added or taken away, and no two
/// machines disagree. Of very few examples none or all may fall there; then the one of the least number is held out, or the
/// one of the largest is not.
pub(crate) fn parts(set: &str, names: &[String]) -> Result<Vec<Part>, DataError> {
    if names.len() < 2 {
        let problem =
            format!("{} example; at least 2 are needed, one to learn from and one to be judged by", names.len());
        return Err(DataError::Inconsistent { name: set.to_string(), problem });
    }
    let numbers: Vec<u64> = names.iter().map(|name| number(name)).collect();
    let mut parts: Vec<Part> =
        numbers.iter().map(|&n| if n < u64::MAX / HELD_OUT { Part::Test } else { Part::Train }).collect();
    let place = |wanted: Option<&u64>| numbers.iter().position(|n| Some(n) == wanted).unwrap_or(0);
    if !parts.contains(&Part::Test) {
        parts[place(numbers.iter().min())] = Part::Test;
    } else if !parts.contains(&Part::Train) {
        parts[place(numbers.iter().max())] = Part::Train;
    }
    Ok(parts)
}

fn number(name: &str) -> u64 {
    Sha256::digest(name.as_bytes()).iter().take(8).fold(0, |n, &byte| n << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(number("abc"), 0xba78_16bf_8f01_cfea); // FIPS 180-2, appendix B.1
    }

    #[test]
    fn a_tenth_is_held_out_and_stays_so() {
        let names: Vec<String> = (0..5000).map(|i| format!("class/{i}.png")).collect();
        let all = parts("set", &names).unwrap();
        let held = all.iter().filter(|&&part| part == Part::Test).count();
        // Binomial: 500 ± 21, and four of those.
        assert!((416..=584).contains(&held), "{held}");
        assert_eq!(parts("set", &names[..3000]).unwrap(), all[..3000]);
    }

    #[test]
    fn both_parts_have_an_example_of_two() {
        for i in 0..100 {
            let names: Vec<String> = (i..i + 2).map(|i| i.to_string()).collect();
            let parts = parts("set", &names).unwrap();
            assert!(parts.contains(&Part::Test) && parts.contains(&Part::Train));
        }
        let error = parts("set", &["a".to_string()]).unwrap_err().to_string();
        assert_eq!(error, "set: 1 example; at least 2 are needed, one to learn from and one to be judged by");
    }
}
