//! The border: from bytes of any origin to an [`NpyArray`], or to what is wrong with them.

use super::header::{self, Header, MAX_HEADER};
use super::{MAX_ARRAY_BYTES, NpyArray, NpyError, NpyProblem, NpyValues};
use crate::error::FormatError;
use std::io::{ErrorKind, Read};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Reads an NPY file from memory. `name` is what the errors call it.
///
/// ```
/// use glassbox_data::npy::{self, NpyValues};
/// // numpy.save("a.npy", numpy.array([[1, 2], [3, 4]], dtype="u1", order="F"))
/// let file = b"\x93NUMPY\x01\0\x3b\0{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }\n\x01\x03\x02\x04";
/// let array = npy::parse("a.npy", file)?;
/// assert_eq!((array.shape, array.values), (vec![2, 2], NpyValues::Bytes(vec![1, 2, 3, 4])));
/// # Ok::<(), npy::NpyError>(())
/// ```
///
/// # Errors
/// If the bytes are not exactly one NPY array of numbers: see [`NpyProblem`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<NpyArray, NpyError> {
    parse_stream(bytes, bytes.len()).map_err(|problem| FormatError { file: name.to_string(), problem })
}

/// Reads an array from a stream that gives at most `possible` bytes.
pub(crate) fn parse_stream(mut stream: impl Read, possible: usize) -> Result<NpyArray, NpyProblem> {
    let Header { descr, fortran_order, shape } = read_header(&mut stream)?;
    let kind = Kind::of(&descr)?;
    let too_large = || NpyProblem::TooLarge { shape: shape.clone() };
    // A zero makes an array empty, whatever the other dimensions are.
    let n = if shape.contains(&0) { Some(0) } else { shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) };
    let n =
        n.filter(|n| n.checked_mul(kind.in_memory()).is_some_and(|b| b <= MAX_ARRAY_BYTES)).ok_or_else(too_large)?;
    let want = n * kind.size; // no overflow: a value takes no more in the file than in memory
    if want > possible {
        return Err(NpyProblem::Impossible { shape });
    }
    // One byte more than is said: if it comes, there is too much, and if not, the stream has met its end and its checksum.
    let mut bytes = Vec::with_capacity(want.min(1 << 20)); // grows with what comes
    stream.take(want as u64 + 1).read_to_end(&mut bytes).map_err(packed)?;
    match bytes.len() {
        have if have < want => return Err(NpyProblem::Truncated { shape, have, want }),
        have if have > want => return Err(NpyProblem::Trailing { shape }),
        _ => {}
    }
    let values = kind.values(bytes)?;
    let values = if fortran_order && shape.len() > 1 { values.rows_first(&shape) } else { values };
    Ok(NpyArray { shape, values })
}

fn read_header(stream: &mut impl Read) -> Result<Header, NpyProblem> {
    let mut head = Vec::new();
    stream.take(8).read_to_end(&mut head).map_err(packed)?;
    if !head.starts_with(MAGIC) {
        let cut = MAGIC.starts_with(&head) && !head.is_empty();
        return Err(if cut { NpyProblem::HeaderTruncated } else { NpyProblem::NotNpy { found: head } });
    }
    let width = match head[6..] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor] => return Err(NpyProblem::Version { major, minor }),
        _ => return Err(NpyProblem::HeaderTruncated),
    };
    let mut length = [0u8; 4];
    let mut text = Vec::new();
    stream.read_exact(&mut length[..width]).map_err(ended)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER {
        return Err(NpyProblem::Header(format!("it is {length} bytes long, and at most {MAX_HEADER} are read")));
    }
    stream.take(length as u64).read_to_end(&mut text).map_err(packed)?;
    if text.len() < length {
        return Err(NpyProblem::HeaderTruncated);
    }
    let text = String::from_utf8(text).map_err(|_| NpyProblem::Header("it is not text".to_string()))?;
    header::parse(&text)
}

fn packed(error: std::io::Error) -> NpyProblem {
    NpyProblem::Packed(error.to_string())
}

fn ended(error: std::io::Error) -> NpyProblem {
    if error.kind() == ErrorKind::UnexpectedEof { NpyProblem::HeaderTruncated } else { packed(error) }
}

/// A type of values: `<f8` is a float of eight bytes, the least significant first.
struct Kind {
    letter: u8,
    size: usize,
    big_endian: bool,
}

impl Kind {
    fn of(descr: &str) -> Result<Kind, NpyProblem> {
        let kind = match *descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), letter, size] => {
                Kind { letter, size: usize::from(size.wrapping_sub(b'0')), big_endian: order == b'>' }
            }
            _ => return Err(NpyProblem::Type { descr: descr.to_string() }),
        };
        match (kind.letter, kind.size) {
            (b'u' | b'i', 1 | 2 | 4 | 8) | (b'f', 2 | 4 | 8) | (b'b', 1) => Ok(kind),
            _ => Err(NpyProblem::Type { descr: descr.to_string() }),
        }
    }

    /// The bytes of a value in the type that it is read as.
    fn in_memory(&self) -> usize {
        match (self.letter, self.size) {
            (b'u' | b'b', 1) => 1,
            (b'f', 2 | 4) => 4,
            _ => 8,
        }
    }

    fn values(&self, bytes: Vec<u8>) -> Result<NpyValues, NpyProblem> {
        if self.in_memory() == 1 {
            return Ok(NpyValues::Bytes(bytes));
        }
        // The bits of each value, the most significant last.
        let bits = bytes.chunks_exact(self.size).map(|value| {
            let shift = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
            if self.big_endian { value.iter().fold(0, shift) } else { value.iter().rev().fold(0, shift) }
        });
        let unused = 64 - 8 * self.size as u32;
        Ok(match (self.letter, self.size) {
            (b'f', 2) => NpyValues::Single(bits.map(|b| half(b as u16)).collect()),
            (b'f', 4) => NpyValues::Single(bits.map(|b| f32::from_bits(b as u32)).collect()),
            (b'f', _) => NpyValues::Double(bits.map(f64::from_bits).collect()),
            // Shifted up and down again, the sign fills the upper bits.
            (b'i', _) => NpyValues::Whole(bits.map(|b| (b << unused) as i64 >> unused).collect()),
            _ => {
                let whole = |(index, value)| i64::try_from(value).map_err(|_| NpyProblem::Range { index, value });
                NpyValues::Whole(bits.enumerate().map(whole).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// A float16: a sign, five bits of exponent (biased by 15), ten of fraction. Source: IEEE 754-2019, table 3.5.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

impl NpyValues {
    /// From Fortran's order, the first axis running fastest, to the one in which the last does.
    fn rows_first(self, shape: &[usize]) -> NpyValues {
        match self {
            NpyValues::Bytes(v) => NpyValues::Bytes(rows_first(&v, shape)),
            NpyValues::Whole(v) => NpyValues::Whole(rows_first(&v, shape)),
            NpyValues::Single(v) => NpyValues::Single(rows_first(&v, shape)),
            NpyValues::Double(v) => NpyValues::Double(rows_first(&v, shape)),
        }
    }
}

fn rows_first<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    // place of (i, j, k) in the file: i + I·(j + J·k)
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1].max(1);
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        out.push(values[place]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}
