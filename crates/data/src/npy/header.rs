//! The dictionary at the head of an NPY file: just as much of Python as NumPy writes there.

use super::{MAX_RANK, NpyProblem};

/// The most bytes of a header. NumPy itself reads up to 10,000 unless told otherwise.
pub(super) const MAX_HEADER: usize = 1 << 16;

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub descr: String,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

/// Reads `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`, the keys in any order.
pub(super) fn parse(text: &str) -> Result<Header, NpyProblem> {
    let mut rest = Cursor(text);
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    rest.expect('{')?;
    while !rest.take('}') {
        let key = rest.string()?;
        rest.expect(':')?;
        match key {
            "descr" if descr.is_none() => descr = Some(rest.string()?.to_string()),
            "fortran_order" if fortran_order.is_none() => fortran_order = Some(rest.boolean()?),
            "shape" if shape.is_none() => shape = Some(rest.tuple()?),
            _ => return Err(NpyProblem::Header(format!("the key {key:?} is strange or there twice"))),
        }
        if !rest.take(',') {
            rest.expect('}')?;
            break;
        }
    }
    if !rest.0.trim().is_empty() {
        return Err(NpyProblem::Header("something follows it".to_string()));
    }
    let lacks = |key: &str| NpyProblem::Header(format!("{key:?} is missing"));
    Ok(Header {
        descr: descr.ok_or_else(|| lacks("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| lacks("fortran_order"))?,
        shape: shape.ok_or_else(|| lacks("shape"))?,
    })
}

/// What is left of the text.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Takes `c` if it comes next, after spaces.
    fn take(&mut self, c: char) -> bool {
        let rest = self.0.trim_start().strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), NpyProblem> {
        if self.take(c) { Ok(()) } else { Err(self.unexpected(&format!("{c:?}"))) }
    }

    fn unexpected(&self, wanted: &str) -> NpyProblem {
        let found: String = self.0.trim_start().chars().take(20).collect();
        NpyProblem::Header(format!("{wanted} is expected before {found:?}"))
    }

    fn string(&mut self) -> Result<&'a str, NpyProblem> {
        let quote = if self.take('\'') { '\'' } else { '"' };
        if quote == '"' && !self.take('"') {
            return Err(self.unexpected("a quoted word (and a plain type, not a structured one)"));
        }
        let (word, rest) = self.0.split_once(quote).ok_or_else(|| self.unexpected("the end of a quoted word"))?;
        self.0 = rest;
        Ok(word)
    }

    fn boolean(&mut self) -> Result<bool, NpyProblem> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NpyProblem> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            self.0 = self.0.trim_start();
            let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
            let number = self.0[..digits].parse().map_err(|_| self.unexpected("a length"))?;
            if numbers.len() == MAX_RANK {
                let more = self.0.matches(',').count();
                return Err(NpyProblem::Rank { rank: MAX_RANK + 1 + more });
            }
            numbers.push(number);
            self.0 = self.0[digits..].strip_prefix('L').unwrap_or(&self.0[digits..]); // Python 2 wrote 3L
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numpy_writes_is_read() {
        let header = |descr: &str, fortran_order, shape: &[usize]| {
            Ok(Header { descr: descr.to_string(), fortran_order, shape: shape.to_vec() })
        };
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }          \n";
        assert_eq!(parse(text), header("<f8", false, &[3, 4]));
        assert_eq!(parse("{'descr': '|u1', 'fortran_order': True, 'shape': (7,), }"), header("|u1", true, &[7]));
        assert_eq!(parse("{\"shape\":(),\"descr\":\"<i4\",\"fortran_order\":False}"), header("<i4", false, &[]));
        assert_eq!(parse("{'descr': '<i4', 'fortran_order': False, 'shape': (3L, 2L)}"), header("<i4", false, &[3, 2]));
    }

    #[test]
    fn what_it_never_writes_is_refused_with_the_place() {
        for (text, problem) in [
            ("", "'{' is expected before \"\""),
            (
                "{'descr': [('a', '<f4')], ",
                "a quoted word (and a plain type, not a structured one) is expected before \"[('a', '<f4')], \"",
            ),
            ("{'descr': '<f8', 'fortran_order': No", "True or False is expected before \"No\""),
            ("{'descr': '<f8', 'fortran_order': False}", "\"shape\" is missing"),
            ("{'descr': '<f8', 'descr': '<f8'}", "the key \"descr\" is strange or there twice"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "a length is expected before \"-1,)}\""),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (3 4)}", "')' is expected before \"4)}\""),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': ()} x", "something follows it"),
            ("{'descr': '<f8", "the end of a quoted word is expected before \"<f8\""),
        ] {
            assert_eq!(parse(text), Err(NpyProblem::Header(problem.to_string())), "{text}");
        }
        let nine = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}";
        assert_eq!(parse(nine), Err(NpyProblem::Rank { rank: 9 }));
    }
}
