//! How many bytes are read and how many written: a store may cost more than a load, so bandwidths are measured by mix.

/// Bytes that an operation must read and write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

impl Traffic {
    /// All of it.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::Traffic;
    /// assert_eq!(Traffic { read: 8, written: 4 }.bytes(), 12);
    /// ```
    pub fn bytes(self) -> u64 {
        self.read + self.written
    }
}

/// So many parts read for so many parts written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mix {
    /// Parts read.
    pub reads: u8,
    /// Parts written.
    pub writes: u8,
}

impl Mix {
    /// Reading alone: a sum.
    pub const READ: Mix = Mix { reads: 1, writes: 0 };
    /// A copy, and any function of one array.
    pub const COPY: Mix = Mix { reads: 1, writes: 1 };
    /// A step of Adam: parameters and two moments in place, and a gradient.
    pub const STEP: Mix = Mix { reads: 4, writes: 3 };
    /// Writing alone: a fill.
    pub const WRITE: Mix = Mix { reads: 0, writes: 1 };
    /// The mixes that are measured, from reading to writing.
    pub const ALL: [Mix; 6] =
        [Mix::READ, Mix { reads: 3, writes: 1 }, Mix { reads: 2, writes: 1 }, Mix::STEP, Mix::COPY, Mix::WRITE];

    /// The name, such as `2:1`.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::ceiling::Mix::COPY.name(), "1:1");
    /// ```
    pub fn name(self) -> String {
        format!("{}:{}", self.reads, self.writes)
    }

    /// The traffic as bytes of one measured mix, or of two neighbours, one after the other: whoever reaches the bandwidths of
    /// both can move it so.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::{Mix, Traffic};
    /// // three streams read and two written: a fifth of the bytes 2:1 (2 read, 1 written), and the rest 4:3
    /// let parts = Mix::parts(Traffic { read: 6, written: 4 });
    /// assert_eq!(parts, [(Mix { reads: 2, writes: 1 }, 3.0), (Mix::STEP, 7.0)]);
    /// assert_eq!(Mix::parts(Traffic { read: 6, written: 6 }), [(Mix::COPY, 12.0)]);
    /// assert!(Mix::parts(Traffic::default()).is_empty());
    /// ```
    pub fn parts(traffic: Traffic) -> Vec<(Mix, f64)> {
        let (read, written) = (traffic.read as f64, traffic.written as f64);
        for pair in Mix::ALL.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|mix| [f64::from(mix.reads), f64::from(mix.writes)]);
            // read = s·a₀ + t·b₀, written = s·a₁ + t·b₁
            let determinant = a[0] * b[1] - a[1] * b[0];
            let s = (read * b[1] - written * b[0]) / determinant;
            let t = (written * a[0] - read * a[1]) / determinant;
            if s >= 0.0 && t >= 0.0 {
                let both = [(pair[0], s * (a[0] + a[1])), (pair[1], t * (b[0] + b[1]))];
                return both.into_iter().filter(|(_, bytes)| *bytes > 0.0).collect();
            }
        }
        Vec::new() // not reached: the mixes go from reading alone to writing alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_all_the_bytes_that_are_read_and_written() {
        for (read, written) in [(1, 0), (0, 1), (7, 1), (3, 1), (5, 2), (2, 1), (4, 3), (1, 1), (1, 9), (1000, 999)] {
            let parts = Mix::parts(Traffic { read, written });
            assert!(parts.len() <= 2 && !parts.is_empty(), "{read}:{written}");
            let sum = |of: fn(Mix) -> u8| -> f64 {
                let share = |&(mix, bytes): &(Mix, f64)| bytes * f64::from(of(mix)) / f64::from(mix.reads + mix.writes);
                parts.iter().map(share).sum()
            };
            assert!(
                (sum(|mix| mix.reads) - read as f64).abs() < 1e-9 * read as f64 + 1e-12,
                "{read}:{written} {parts:?}"
            );
            assert!((sum(|mix| mix.writes) - written as f64).abs() < 1e-9 * written as f64 + 1e-12, "{read}:{written}");
        }
    }
}
