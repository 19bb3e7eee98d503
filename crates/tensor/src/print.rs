//! Tensors print as NumPy prints arrays: aligned, with long axes elided.

use crate::tensor::Tensor;
use std::fmt;

/// From this many elements on, long axes are elided.
const THRESHOLD: usize = 1000;
/// Entries that are shown at each end of an elided axis.
const EDGE: usize = 3;
/// Digits after the point, at most.
const PRECISION: usize = 4;

/// How every element of one tensor is written.
#[derive(Clone, Copy)]
enum Style {
    /// With so many digits after the point.
    Fixed(usize),
    /// As 1.2345e-06.
    Scientific,
}

impl Style {
    fn choose(shown: &[f32]) -> Style {
        let finite = || shown.iter().map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0);
        let largest = finite().fold(0.0f32, f32::max);
        let smallest = finite().fold(f32::INFINITY, f32::min);
        // NumPy's rule: numbers beyond 1e8, tiny ones, or a range that fixed point can't show.
        if largest >= 1e8 || (largest > 0.0 && (smallest < 1e-4 || largest / smallest > 1e5)) {
            return Style::Scientific;
        }
        let digits = |x: f32| (0..PRECISION).find(|&p| format!("{x:.p$}").parse() == Ok(x)).unwrap_or(PRECISION);
        Style::Fixed(finite().map(digits).max().unwrap_or(0))
    }

    fn write(self, x: f32) -> String {
        match self {
            _ if x.is_nan() => "nan".into(),
            _ if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
            Style::Fixed(0) => format!("{x:.0}."),
            Style::Fixed(p) => format!("{x:.p$}"),
            Style::Scientific => {
                let text = format!("{x:.PRECISION$e}");
                let (digits, exponent) = text.split_once('e').expect("the format has an exponent");
                let exponent: i32 = exponent.parse().expect("the exponent is an integer");
                let sign = if exponent < 0 { '-' } else { '+' };
                format!("{digits}e{sign}{:02}", exponent.abs())
            }
        }
    }
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

fn write(
    f: &mut fmt::Formatter<'_>,
    t: &Tensor,
    elide: bool,
    style: Style,
    width: usize,
    indent: usize,
) -> fmt::Result {
    if t.rank() == 0 {
        return write!(f, "{:>width$}", style.write(t.item()));
    }
    f.write_str("[")?;
    for (n, entry) in shown(t.shape()[0], elide).into_iter().enumerate() {
        if n > 0 && t.rank() == 1 {
            f.write_str(" ")?;
        } else if n > 0 {
            // One line break for each axis inside, as NumPy separates matrices in a stack.
            write!(f, "{}{}", "\n".repeat(t.rank() - 1), " ".repeat(indent))?;
        }
        match entry {
            Some(i) => write(f, &t.select(0, i), elide, style, width, indent + 1)?,
            None => f.write_str("...")?,
        }
    }
    f.write_str("]")
}

/// The elements as NumPy prints them.
///
/// ```
/// let x = glassbox_tensor::tensor![[1.5, -2.], [3., 40.25]];
/// assert_eq!(x.to_string(), "[[ 1.50 -2.00]\n [ 3.00 40.25]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elide = self.numel() > THRESHOLD;
        let mut values = Vec::new();
        collect(self, elide, &mut values);
        let style = Style::choose(&values);
        let width = values.iter().map(|&x| style.write(x).len()).max().unwrap_or(0);
        write(f, self, elide, style, width, 1)
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

#[cfg(test)]
mod tests {
    use crate::Tensor;

    // Every expected text was printed by NumPy 2 with precision 4, but for numbers whose range asks for a fixed number
    // of digits.
    #[test]
    fn prints_as_numpy_does() {
        assert_eq!(Tensor::arange(4).to_string(), "[0. 1. 2. 3.]");
        assert_eq!(tensor![1.0, f32::NAN, f32::NEG_INFINITY].to_string(), "[  1.  nan -inf]");
        assert_eq!(
            tensor![[[1, 2], [3, 4]], [[5, 6], [7, 8]]].to_string(),
            "[[[1. 2.]\n  [3. 4.]]\n\n [[5. 6.]\n  [7. 8.]]]"
        );
        assert_eq!(Tensor::arange(2000).to_string(), "[   0.    1.    2. ... 1997. 1998. 1999.]");
        assert_eq!(tensor![1e-6, 1.0].to_string(), "[1.0000e-06 1.0000e+00]");
        assert_eq!(Tensor::scalar(2.5).to_string(), "2.5");
        assert_eq!(Tensor::zeros([0, 3]).to_string(), "[]");
    }
}
