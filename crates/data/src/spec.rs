//! How a data set is said: a place, and how its content is wanted.
//!
//! ```text
//! SPEC   = PLACE [ '?' OPTION ( '&' OPTION )* ]
//! PLACE  = a name of the catalogue, or the path of a folder or file
//! OPTION = size=N | size=WIDTHxHEIGHT     pictures: scaled to this size, 1 to 4096 pixels a side
//!        | fit=crop | fit=stretch         pictures whose sides have another ratio: their middle (as it is without), or all of
//!                                         them, distorted
//!        | colour=grey | colour=rgb       pictures: one channel or three
//! ```
//!
//! `photos?size=32&colour=grey` and `digits?size=32` are such. In a shell, `?` and `&` want quotes around. What exists on
//! the disk under the whole of the text, question mark and all, is that path without options.

use crate::error::DataError;
use crate::names::unknown;
use std::path::Path;

/// The longest side that pictures are scaled to.
pub const MAX_SIDE: usize = 4096;

/// The colours that pictures are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
}

/// What happens where the sides have another ratio than the size that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fit {
    /// The largest part in the middle that has the ratio.
    #[default]
    Crop,
    /// All of it, distorted.
    Stretch,
}

/// How pictures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// Width and height.
    pub size: Option<(usize, usize)>,
    pub fit: Fit,
    pub colour: Option<Colour>,
}

/// A data set as it is said.
#[derive(Debug, PartialEq)]
pub(crate) struct Spec<'a> {
    /// The name or path.
    pub place: &'a str,
    /// What follows the question mark, as it was written.
    options: &'a str,
    pub look: Look,
    /// The keys that were given.
    keys: Vec<&'a str>,
}

const KEYS: [&str; 3] = ["size", "fit", "colour"];
/// The keys for pictures.
pub(crate) const OF_PICTURES: &[&str] = &["size", "fit", "colour"];

impl<'a> Spec<'a> {
    /// Reads the grammar above.
    pub(crate) fn parse(text: &'a str) -> Result<Spec<'a>, DataError> {
        let whole = Spec { place: text, options: "", look: Look::default(), keys: Vec::new() };
        let Some((place, options)) = text.rsplit_once('?').filter(|_| !Path::new(text).exists()) else {
            return Ok(whole);
        };
        let mut spec = Spec { place, options, ..whole };
        for option in options.split('&') {
            let problem = match option.split_once('=') {
                Some((key, _)) if spec.keys.contains(&key) => Some(format!("{key} is there twice; give it once")),
                Some((key, value)) => spec.set(key, value).err(),
                None => {
                    Some(format!("{option:?} is no option; one is written as size=32, and joined to the next by &"))
                }
            };
            if let Some(problem) = problem {
                return Err(DataError::Option { spec: text.to_string(), problem });
            }
        }
        Ok(spec)
    }

    fn set(&mut self, key: &'a str, value: &str) -> Result<(), String> {
        match key {
            "size" => self.look.size = Some(size(value)?),
            "fit" => self.look.fit = one_of(key, value, &[("crop", Fit::Crop), ("stretch", Fit::Stretch)])?,
            "colour" => {
                self.look.colour = Some(one_of(key, value, &[("grey", Colour::Grey), ("rgb", Colour::Rgb)])?);
            }
            _ => return Err(unknown("option", key, &KEYS)),
        }
        self.keys.push(key);
        Ok(())
    }

    /// Refuses keys that mean nothing for what lies at the place.
    pub(crate) fn allow(&self, what: &str, keys: &[&str]) -> Result<(), DataError> {
        let Some(key) = self.keys.iter().find(|key| !keys.contains(key)) else { return Ok(()) };
        let all = if keys.is_empty() { "it takes none".to_string() } else { format!("it takes {}", keys.join(", ")) };
        let problem = format!("{key} is no option of {what}; {all}");
        Err(DataError::Option { spec: format!("{}?{}", self.place, self.options), problem })
    }

    /// The same with another place.
    pub(crate) fn at(&self, place: &str) -> String {
        if self.options.is_empty() { place.to_string() } else { format!("{place}?{}", self.options) }
    }
}

fn one_of<T: Copy>(key: &str, value: &str, known: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
    let found = known.iter().find(|&&(name, _)| name == value).map(|&(_, meaning)| meaning);
    found.ok_or_else(|| unknown(key, value, &names))
}

/// `32`, or `48x32` for width and height.
fn size(value: &str) -> Result<(usize, usize), String> {
    let (width, height) = value.split_once('x').unwrap_or((value, value));
    let side = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=MAX_SIDE).contains(n));
    side(width).zip(side(height)).ok_or_else(|| {
        format!("size can't be {value:?}; give a side from 1 to {MAX_SIDE}, or width and height such as 48x32")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_read() {
        let plain = Spec::parse("fashion-mnist").unwrap();
        assert_eq!((plain.place, plain.look), ("fashion-mnist", Look::default()));
        let spec = Spec::parse("a/b c/?size=32&colour=grey&fit=stretch").unwrap();
        let look = Look { size: Some((32, 32)), fit: Fit::Stretch, colour: Some(Colour::Grey) };
        assert_eq!((spec.place, spec.look), ("a/b c/", look));
        assert_eq!(spec.at("/x"), "/x?size=32&colour=grey&fit=stretch");
        assert_eq!(Spec::parse("a?size=48x7").unwrap().look.size, Some((48, 7)));
        assert_eq!(Spec::parse("a?b?size=3").unwrap().place, "a?b");
    }

    #[test]
    fn every_mistake_has_its_remedy() {
        for (text, problem) in [
            ("a?sise=32", "there is no option \"sise\"; did you mean size?"),
            ("a?color=grey", "there is no option \"color\"; did you mean colour?"),
            ("a?zzz=1", "there is no option \"zzz\"; there are size, fit, colour"),
            ("a?colour=gray", "there is no colour \"gray\"; did you mean grey?"),
            ("a?colour=cmyk", "there is no colour \"cmyk\"; there are grey, rgb"),
            ("a?fit=streched", "there is no fit \"streched\"; did you mean stretch?"),
            ("a?size=0", "size can't be \"0\"; give a side from 1 to 4096, or width and height such as 48x32"),
            ("a?size=32x", "size can't be \"32x\"; give a side from 1 to 4096, or width and height such as 48x32"),
            ("a?size=4097", "size can't be \"4097\"; give a side from 1 to 4096, or width and height such as 48x32"),
            ("a?size=3&size=4", "size is there twice; give it once"),
            ("a?grey", "\"grey\" is no option; one is written as size=32, and joined to the next by &"),
            ("a?", "\"\" is no option; one is written as size=32, and joined to the next by &"),
        ] {
            assert_eq!(Spec::parse(text).unwrap_err().to_string(), format!("{text}: {problem}"));
        }
        assert!(Spec::parse("a?size=1").unwrap().allow("pictures", OF_PICTURES).is_ok());
        let error = Spec::parse("a?size=1&fit=crop").unwrap().allow("squares", &["size"]).unwrap_err();
        assert_eq!(error.to_string(), "a?size=1&fit=crop: fit is no option of squares; it takes size");
        let error = Spec::parse("a?size=1").unwrap().allow("a table", &[]).unwrap_err();
        assert_eq!(error.to_string(), "a?size=1: size is no option of a table; it takes none");
    }

    #[test]
    fn a_path_with_a_question_mark_in_it_is_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("what?size=3");
        std::fs::create_dir(&path).unwrap();
        let text = path.to_str().unwrap();
        let spec = Spec::parse(text).unwrap();
        assert_eq!((spec.place, spec.look.size), (text, None));
    }
}
