//! What `kernel_table` is asked for.

use super::{FAMILIES, Family};
use glassbox_data::names::unknown;

/// The words of a command.
#[derive(Clone)]
pub struct Request {
    /// Which family.
    pub family: Family,
    /// A table for each of these numbers of threads.
    pub threads: Vec<usize>,
    /// Rounds at most.
    pub rounds: usize,
    /// Where the picture goes.
    pub svg: Option<String>,
    /// Only sizes whose label contains one of these.
    pub words: Vec<String>,
}

impl Request {
    /// Reads the words; the mistake in a sentence if there is one.
    ///
    /// ```
    /// use glassbox_benches::kernels::request::Request;
    /// let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
    /// let request = Request::parse(&words("softmax --threads 1,2 1024")).unwrap();
    /// assert_eq!((request.family.name, &request.threads[..], request.rounds), ("softmax", &[1, 2][..], 25));
    /// let mistake = Request::parse(&words("sofmax")).err().unwrap();
    /// assert!(mistake.ends_with("did you mean softmax?"), "{mistake}");
    /// ```
    pub fn parse(words: &[String]) -> Result<Request, String> {
        let known = || FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>();
        let mut words = words.iter();
        let name = words.next().ok_or_else(|| format!("which family? There are {}", known().join(", ")))?;
        let family =
            FAMILIES.iter().find(|family| family.name == name).ok_or_else(|| unknown("family", name, &known()))?;
        let mut request = Request { family: *family, threads: vec![1], rounds: 25, svg: None, words: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--threads" => {
                    let value = value()?;
                    let counts = value.split(',').map(|n| n.parse().ok().filter(|n| (1..=1024).contains(n)));
                    request.threads = counts.collect::<Option<_>>().ok_or_else(|| {
                        format!("--threads {value}: not numbers from 1 to 1024 with commas between them, such as 1,2")
                    })?;
                }
                "--rounds" => {
                    let value = value()?;
                    let rounds = value.parse().ok().filter(|n| (1..=100_000).contains(n));
                    request.rounds =
                        rounds.ok_or_else(|| format!("--rounds {value}: not a number from 1 to 100000"))?;
                }
                "--svg" => request.svg = Some(value()?),
                flag if flag.starts_with('-') => {
                    return Err(format!("there is no flag {flag}; use --threads N,N, --rounds N or --svg FILE"));
                }
                _ => request.words.push(word.clone()),
            }
        }
        request.check_words()?;
        Ok(request)
    }

    /// A word that no size contains is a mistake, not an empty table.
    fn check_words(&self) -> Result<(), String> {
        if self.words.is_empty() {
            return Ok(());
        }
        let labels: Vec<String> = self.family.timed.iter().map(|size| (self.family.case)(size).label).collect();
        match self.words.iter().find(|word| !labels.iter().any(|label| label.contains(word.as_str()))) {
            Some(word) => {
                Err(format!("no size of {} contains {word}; they are {}", self.family.name, labels.join("; ")))
            }
            None => Ok(()),
        }
    }

    /// Where the picture for this number of threads goes: FILE, or FILE-2.svg where there are several.
    pub fn svg_for(&self, threads: usize) -> Option<String> {
        let file = self.svg.clone()?;
        if self.threads.len() == 1 {
            return Some(file);
        }
        let stem = file.strip_suffix(".svg").unwrap_or(&file);
        Some(format!("{stem}-{threads}.svg"))
    }
}
