//! Tensors print as NumPy 2 prints float32 arrays with `precision=4`: aligned, wrapped, with long axes elided.

use crate::tensor::Tensor;
use std::fmt;

/// From this many elements on, long axes are elided.
const THRESHOLD: usize = 1000;
/// Entries that are shown at each end of an elided axis.
const EDGE: usize = 3;
/// Digits after the point, at most.
const PRECISION: usize = 4;
/// Columns of a line.
const LINE: usize = 75;

/// How every element of one tensor is written.
struct Style {
    /// As 1.2345e-06.
    scientific: bool,
    /// Digits after the point: where fewer identify a number, spaces follow it (scientific: zeros).
    right: usize,
    /// Columns of an element.
    width: usize,
}

impl Style {
    fn choose(shown: &[f32]) -> Style {
        let sizes = || shown.iter().map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0);
        let largest = sizes().fold(0.0f32, f32::max);
        let smallest = sizes().fold(f32::INFINITY, f32::min);
        // NumPy's rule: numbers with more digits than f32 has, tiny ones, or a range that fixed point shows badly.
        let scientific = largest >= 1e6 || smallest < 1e-4 || largest / smallest > 1000.0;
        let digits = shown.iter().filter(|x| x.is_finite()).map(|&x| parts(x, scientific).1.len());
        let mut style = Style { scientific, right: digits.max().unwrap_or(0), width: 0 };
        style.width = shown.iter().map(|&x| style.unaligned(x).len()).max().unwrap_or(0);
        style
    }

    fn write(&self, x: f32) -> String {
        format!("{:>1$}", self.unaligned(x), self.width)
    }

    fn unaligned(&self, x: f32) -> String {
        if !x.is_finite() {
            return x.to_string().to_lowercase(); // nan, inf, -inf
        }
        let right = self.right;
        match parts(x, self.scientific) {
            (whole, fraction, Some(exponent)) => format!("{whole}.{fraction:0<right$}{}", exponent_text(exponent)),
            (whole, fraction, None) => format!("{whole}.{fraction:<right$}"),
        }
    }
}

/// What stands before the point, after it, and the exponent: the fewest digits that identify x, but at most
/// [`PRECISION`] after the point.
fn parts(x: f32, scientific: bool) -> (String, String, Option<i32>) {
    let text = |text: String| match text.split_once('e') {
        Some((digits, exponent)) => (digits.to_owned(), Some(exponent.parse().expect("an integer"))),
        None => (text, None),
    };
    let fraction = |digits: &str| digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let (mut digits, mut exponent) = text(if scientific { format!("{x:e}") } else { x.to_string() });
    if fraction(&digits) > PRECISION {
        (digits, exponent) = text(if scientific { format!("{x:.PRECISION$e}") } else { format!("{x:.PRECISION$}") });
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    (whole.to_owned(), fraction.trim_end_matches('0').to_owned(), exponent)
}

fn exponent_text(exponent: i32) -> String {
    format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// A number alone is written with all its digits, as NumPy's scalars are.
fn scalar(x: f32) -> String {
    let size = f64::from(x.abs()); // in f64: the f32 nearest to 1e-4 lies below it
    if !x.is_finite() || x == 0.0 || (1e-4..1e6).contains(&size) {
        return format!("{x:?}").to_lowercase();
    }
    let text = format!("{x:e}");
    let (digits, exponent) = text.split_once('e').expect("the format has an exponent");
    format!("{digits}{}", exponent_text(exponent.parse().expect("the exponent is an integer")))
}

/// The entries of an axis that are shown; `None` stands for the dots.
fn shown(dim: usize, elide: bool) -> Vec<Option<usize>> {
    if elide && dim > 2 * EDGE {
        (0..EDGE).map(Some).chain([None]).chain((dim - EDGE..dim).map(Some)).collect()
    } else {
        (0..dim).map(Some).collect()
    }
}

fn collect(t: &Tensor, elide: bool, out: &mut Vec<f32>) {
    match t.rank() {
        0 => out.push(t.item()),
        _ => shown(t.shape()[0], elide).into_iter().flatten().for_each(|i| collect(&t.select(0, i), elide, out)),
    }
}

/// Writes the axes of `t`, the first of which stands `indent` columns in.
fn write(f: &mut fmt::Formatter<'_>, t: &Tensor, elide: bool, style: &Style, indent: usize) -> fmt::Result {
    f.write_str("[")?;
    let mut column = indent;
    for (n, entry) in shown(t.shape()[0], elide).into_iter().enumerate() {
        if t.rank() > 1 {
            if n > 0 {
                // One line break for each axis inside, as NumPy separates matrices in a stack.
                write!(f, "{}{:indent$}", "\n".repeat(t.rank() - 1), "")?;
            }
            match entry {
                Some(i) => write(f, &t.select(0, i), elide, style, indent + 1)?,
                None => f.write_str("...")?,
            }
            continue;
        }
        let word = entry.map_or("...".to_owned(), |i| style.write(t.at([i])));
        // The room which the closing brackets take is left free on every line.
        if n > 0 && column + 1 + word.len() > LINE - indent {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if n > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(&word)?;
        column += word.len();
    }
    f.write_str("]")
}

/// The elements as NumPy prints them.
///
/// ```
/// let x = glassbox_tensor::tensor![[1.5, -2.], [3., 40.25]];
/// assert_eq!(x.to_string(), "[[ 1.5  -2.  ]\n [ 3.   40.25]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.numel() == 0 {
            return f.write_str("[]");
        }
        if self.rank() == 0 {
            return f.write_str(&scalar(self.item()));
        }
        let elide = self.numel() > THRESHOLD;
        let mut values = Vec::new();
        collect(self, elide, &mut values);
        write(f, self, elide, &Style::choose(&values), 1)
    }
}

/// The elements and the shape.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {:?}\n{self}", self.shape())
    }
}

/// A tensor from nested brackets.
///
/// ```
/// use glassbox_tensor::tensor;
/// assert_eq!(tensor![[1., 2.], [3., 4.]].shape(), [2, 2]);
/// assert_eq!(tensor![1., 2., 3.].shape(), [3]);
/// ```
#[macro_export]
macro_rules! tensor {
    ($([$([$($x:expr),* $(,)?]),* $(,)?]),+ $(,)?) => {
        $crate::Tensor::from(&[$([$([$($x as f32),*]),*]),+])
    };
    ($([$($x:expr),* $(,)?]),+ $(,)?) => {
        $crate::Tensor::from(&[$([$($x as f32),*]),+])
    };
    ($($x:expr),* $(,)?) => {
        $crate::Tensor::from(&[$($x as f32),*])
    };
}

impl<const A: usize> From<&[f32; A]> for Tensor {
    fn from(x: &[f32; A]) -> Self {
        Tensor::from_slice(x, [A])
    }
}

impl<const A: usize, const B: usize> From<&[[f32; B]; A]> for Tensor {
    fn from(x: &[[f32; B]; A]) -> Self {
        Tensor::from_slice(x.as_flattened(), [A, B])
    }
}

impl<const A: usize, const B: usize, const C: usize> From<&[[[f32; C]; B]; A]> for Tensor {
    fn from(x: &[[[f32; C]; B]; A]) -> Self {
        Tensor::from_slice(x.as_flattened().as_flattened(), [A, B, C])
    }
}
