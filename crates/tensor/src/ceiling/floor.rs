//! The arithmetic of the roofline: the least time that so much work can take, and what sets it.

use super::traffic::{Rate, rate};
use super::{Mix, Traffic, peak_flops};
use crate::simd::Isa;
use std::collections::BTreeMap;

/// The ceilings of this machine for one instruction set, with the threads that the pool has. Bandwidths are measured as they are
/// asked for, and once.
#[derive(Clone, Debug)]
pub struct Ceilings {
    /// Floating point operations a second, on all threads.
    pub peak: f64,
    /// How fast this mix is moved when the working set has so many bytes.
    measure: fn(Mix, usize) -> Rate,
    measured: BTreeMap<(Mix, usize), Rate>,
}

/// What takes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The arithmetic.
    Compute,
    /// The traffic.
    Memory,
    /// Nothing: a view.
    Nothing,
}

impl Bound {
    /// The word for a table.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::ceiling::Bound::Compute.name(), "compute");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Bound::Compute => "compute",
            Bound::Memory => "memory",
            Bound::Nothing => "a view",
        }
    }
}

/// The least time that work can take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Seconds.
    pub seconds: f64,
    /// What sets it.
    pub bound: Bound,
}

impl Ceilings {
    /// Measures the peak of this instruction set, in a quarter of a second; bandwidths come later.
    ///
    /// ```no_run
    /// use glassbox_tensor::ceiling::{Bound, Ceilings, Traffic};
    /// use glassbox_tensor::simd::Isa;
    /// let mut ceilings = Ceilings::measure(Isa::current());
    /// // a sum of two arrays of a million floats
    /// let floor = ceilings.floor(1 << 20, Traffic { read: 8 << 20, written: 4 << 20 }, 12 << 20);
    /// assert_eq!(floor.bound, Bound::Memory);
    /// ```
    pub fn measure(isa: Isa) -> Ceilings {
        Ceilings::with_peak(peak_flops(isa))
    }

    /// With a peak that is known already; bandwidths are measured.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::ceiling::Ceilings::with_peak(1e11).peak, 1e11);
    /// ```
    pub fn with_peak(peak: f64) -> Ceilings {
        Ceilings::new(peak, rate)
    }

    /// With a peak and bandwidths that are known, or measured in another way.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    /// use glassbox_tensor::ceiling::{Bound, Ceilings, Traffic};
    /// let gigabyte = |_, _| Rate { bytes_per_second: 1e9, stores: Stores::Plain };
    /// let mut ceilings = Ceilings::new(100e9, gigabyte); // 100 GFLOP/s, 1 GB/s
    /// let traffic = Traffic { read: 2_000_000, written: 1_000_000 };
    /// let floor = ceilings.floor(100_000_000, traffic, 3_000_000); // 1 ms of arithmetic, 3 ms of traffic
    /// assert_eq!((floor.seconds, floor.bound), (3e-3, Bound::Memory));
    /// assert_eq!(ceilings.floor(1_000_000_000, traffic, 3_000_000).bound, Bound::Compute); // 10 ms against 3 ms
    /// ```
    pub fn new(peak: f64, measure: fn(Mix, usize) -> Rate) -> Ceilings {
        Ceilings { peak, measure, measured: BTreeMap::new() }
    }

    /// How fast this mix is moved when all that is touched has `set` bytes together.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    /// use glassbox_tensor::ceiling::{Ceilings, Mix};
    /// let by_set = |_, set| Rate { bytes_per_second: set as f64, stores: Stores::Plain };
    /// let mut ceilings = Ceilings::new(1.0, by_set);
    /// assert_eq!(ceilings.rate(Mix::READ, 1 << 20).bytes_per_second, 1048576.0);
    /// ```
    pub fn rate(&mut self, mix: Mix, set: usize) -> Rate {
        let set = rounded(set);
        let measure = self.measure;
        *self.measured.entry((mix, set)).or_insert_with(|| measure(mix, set))
    }

    /// The least seconds for so many operations and so much traffic, when all that is touched has `set` bytes together.
    pub fn floor(&mut self, flops: u64, traffic: Traffic, set: usize) -> Floor {
        let compute = flops as f64 / self.peak;
        let parts = Mix::parts(traffic);
        let memory: f64 = parts.iter().map(|&(mix, bytes)| bytes / self.rate(mix, set).bytes_per_second).sum();
        let bound = match () {
            () if compute == 0.0 && memory == 0.0 => Bound::Nothing,
            () if compute > memory => Bound::Compute,
            () => Bound::Memory,
        };
        Floor { seconds: compute.max(memory), bound }
    }

    /// Measures what sets the floor of this work again; the best of all measurements counts.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    /// use glassbox_tensor::ceiling::{Ceilings, Mix, Traffic};
    /// use glassbox_tensor::simd::Isa;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    /// let faster = |_, _| Rate { bytes_per_second: f64::from(CALLS.fetch_add(1, Relaxed) + 1), stores: Stores::Plain };
    /// let mut ceilings = Ceilings::new(1.0, faster);
    /// assert_eq!(ceilings.rate(Mix::READ, 4096).bytes_per_second, 1.0);
    /// ceilings.again(Isa::current(), 0, Traffic { read: 4096, written: 0 }, 4096);
    /// assert_eq!(ceilings.rate(Mix::READ, 4096).bytes_per_second, 2.0);
    /// ```
    pub fn again(&mut self, isa: Isa, flops: u64, traffic: Traffic, set: usize) {
        if self.floor(flops, traffic, set).bound == Bound::Compute {
            self.peak = self.peak.max(peak_flops(isa));
            return;
        }
        for (mix, _) in Mix::parts(traffic) {
            let (before, now) = (self.rate(mix, set), (self.measure)(mix, rounded(set)));
            if now.bytes_per_second > before.bytes_per_second {
                self.measured.insert((mix, rounded(set)), now);
            }
        }
    }

    /// Every bandwidth that was asked for, by mix and bytes of the working set.
    ///
    /// ```
    /// use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    /// use glassbox_tensor::ceiling::{Ceilings, Mix};
    /// let mut ceilings = Ceilings::new(1.0, |_, _| Rate { bytes_per_second: 1.0, stores: Stores::Plain });
    /// ceilings.rate(Mix::READ, 1 << 20);
    /// assert_eq!(ceilings.rates().count(), 1);
    /// ```
    pub fn rates(&self) -> impl Iterator<Item = (Mix, usize, Rate)> + '_ {
        self.measured.iter().map(|(&(mix, set), &rate)| (mix, set, rate))
    }
}

/// Down to an eighth of an octave, so that a handful of sets is measured for a hundred operations; a smaller set is never slower
/// by more than it is smaller, so this errs to the side of the ceiling. What lies below a page is a page.
fn rounded(set: usize) -> usize {
    let set = set.max(4096);
    let step = 1usize << (set.ilog2() - 3);
    set / step * step
}

#[cfg(test)]
mod tests {
    use super::super::traffic::Stores;
    use super::*;

    fn machine() -> Ceilings {
        // 10 GB/s of reading, 5 GB/s of writing, 8 GB/s of everything between
        Ceilings::new(100e9, |mix, _| {
            let gigabytes = if mix == Mix::READ {
                10.0
            } else if mix == Mix::WRITE {
                5.0
            } else {
                8.0
            };
            Rate { bytes_per_second: gigabytes * 1e9, stores: Stores::Plain }
        })
    }

    #[test]
    fn the_ceiling_that_binds_follows_from_the_intensity() {
        let read = |read| Traffic { read, written: 0 };
        let floor = |flops, traffic| machine().floor(flops, traffic, 1 << 28);
        assert_eq!(floor(100_000_000_000, read(1_000_000_000)), Floor { seconds: 1.0, bound: Bound::Compute });
        assert_eq!(floor(1_000_000_000, read(20_000_000_000)), Floor { seconds: 2.0, bound: Bound::Memory });
        assert_eq!(floor(0, read(10_000)), Floor { seconds: 1e-6, bound: Bound::Memory });
        assert_eq!(floor(0, read(0)), Floor { seconds: 0.0, bound: Bound::Nothing });
    }

    #[test]
    fn writing_and_what_lies_between_two_mixes_have_bandwidths_of_their_own() {
        let seconds = |read, written| machine().floor(0, Traffic { read, written }, 1 << 28).seconds;
        assert!((seconds(0, 5_000_000_000) - 1.0).abs() < 1e-12);
        // 1 read, 3 written: a copy of 1 (2 GB at 8 GB/s) and a fill of 2 (at 5 GB/s)
        assert!((seconds(1_000_000_000, 3_000_000_000) - (2.0 / 8.0 + 2.0 / 5.0)).abs() < 1e-12);
        // 4 read, 1 written: 3:1 (4 GB at 8) and reading (1 GB at 10)
        assert!((seconds(4_000_000_000, 1_000_000_000) - (4.0 / 8.0 + 1.0 / 10.0)).abs() < 1e-12);
    }

    #[test]
    fn sets_are_rounded_down_by_an_eighth_at_most() {
        for set in [1, 4096, 5000, 1 << 20, (1 << 20) + 1, 50_331_648, 123_456_789] {
            let r = rounded(set);
            assert!(r >= 4096 && r <= set.max(4096) && set < r + r / 8 + 1 || set < 4096, "{set}: {r}");
            assert_eq!(rounded(r), r);
        }
    }
}
