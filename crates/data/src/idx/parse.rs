//! The border: from bytes of any origin to an [`IdxArray`], or to what is wrong with them and where.

use super::{DEFLATE_MAX_RATIO, IdxArray, IdxError, IdxProblem, MAX_RANK, MAX_VALUES, TYPE_U8, volume};
use flate2::bufread::GzDecoder;
use std::io::{self, Read};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads an IDX file, plain or gzip, from memory. `name` is what the errors call it.
///
/// # Errors
/// If the bytes are not exactly one IDX file of u8 values: see [`IdxProblem`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<IdxArray, IdxError> {
    let packed = bytes.starts_with(&GZIP_MAGIC);
    let found = if packed { parse_gzip(bytes) } else { parse_plain(bytes) };
    found.map_err(|(offset, problem)| IdxError { file: name.to_string(), packed, offset, problem })
}

/// A problem and the offset where it was found, in the unpacked stream if there is one.
type Fault = (u64, IdxProblem);

fn parse_plain(mut bytes: &[u8]) -> Result<IdxArray, Fault> {
    let dims = read_header(&mut bytes)?;
    let claimed = claimed_values(&dims)?;
    let start = header_len(&dims);
    // Here the truth is known at once: what is left of the file.
    if bytes.len() < claimed {
        return Err((start + bytes.len() as u64, truncated(&dims, bytes.len() as u64)));
    }
    if bytes.len() > claimed {
        return Err((start + claimed as u64, IdxProblem::Trailing { dims }));
    }
    Ok(IdxArray { dims, data: bytes.to_vec() })
}

fn parse_gzip(bytes: &[u8]) -> Result<IdxArray, Fault> {
    let mut stream = GzDecoder::new(bytes);
    let dims = read_header(&mut stream)?;
    let claimed = claimed_values(&dims)?;
    let start = header_len(&dims);
    // Here it is not, but what a deflate stream can unpack to is bounded by its own length.
    let possible = bytes.len().saturating_mul(DEFLATE_MAX_RATIO);
    if claimed > possible {
        return Err((4, IdxProblem::Impossible { dims, packed_bytes: bytes.len() }));
    }
    // One byte more than claimed: if it comes, there is too much; if it does not, the decoder has met the
    // end of the stream and compared its CRC-32 and length.
    // The vector grows with what comes: pictures rarely pack to less than a quarter.
    let mut data = Vec::with_capacity(claimed.min(4 * bytes.len()));
    let outcome = stream.by_ref().take(claimed as u64 + 1).read_to_end(&mut data);
    let at = start + data.len() as u64;
    match outcome {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            return Err((at, truncated(&dims, data.len() as u64)));
        }
        Err(e) => return Err((at, IdxProblem::Gzip(e.to_string()))),
        Ok(n) if n < claimed => return Err((at, truncated(&dims, n as u64))),
        Ok(n) if n > claimed => {
            return Err((start + claimed as u64, IdxProblem::Trailing { dims }));
        }
        Ok(_) => {}
    }
    let rest = stream.into_inner().len();
    if rest > 0 {
        return Err((at, IdxProblem::AfterGzip { bytes: rest }));
    }
    Ok(IdxArray { dims, data })
}

/// Reads magic, type, rank and dims.
fn read_header(stream: &mut impl Read) -> Result<Vec<usize>, Fault> {
    let mut word = [0u8; 4];
    fill(stream, &mut word, 0)?;
    let [zero0, zero1, kind, rank] = word;
    if (zero0, zero1) != (0, 0) {
        return Err((0, IdxProblem::NotIdx { found: word }));
    }
    if kind != TYPE_U8 {
        return Err((2, IdxProblem::Type { code: kind }));
    }
    if !(1..=MAX_RANK).contains(&usize::from(rank)) {
        return Err((3, IdxProblem::Rank { rank }));
    }
    let mut dims = Vec::with_capacity(usize::from(rank));
    for axis in 0..u64::from(rank) {
        fill(stream, &mut word, 4 + 4 * axis)?;
        dims.push(u32::from_be_bytes(word) as usize);
    }
    Ok(dims)
}

/// Reads exactly four bytes, of which the first has this offset.
fn fill(stream: &mut impl Read, word: &mut [u8; 4], offset: u64) -> Result<(), Fault> {
    let mut have = 0;
    while have < word.len() {
        match stream.read(&mut word[have..]) {
            Ok(0) => return Err((offset + have as u64, IdxProblem::HeaderTruncated)),
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err((offset + have as u64, IdxProblem::HeaderTruncated));
            }
            Err(e) => return Err((offset + have as u64, IdxProblem::Gzip(e.to_string()))),
        }
    }
    Ok(())
}

fn claimed_values(dims: &[usize]) -> Result<usize, Fault> {
    match volume(dims) {
        Some(n) if n <= MAX_VALUES => Ok(n),
        _ => Err((4, IdxProblem::TooLarge { dims: dims.to_vec() })),
    }
}

fn header_len(dims: &[usize]) -> u64 {
    4 + 4 * dims.len() as u64
}

fn truncated(dims: &[usize], have: u64) -> IdxProblem {
    IdxProblem::Truncated { dims: dims.to_vec(), have }
}
