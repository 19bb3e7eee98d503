//! The ceilings, measured for their own sake: what stands above the table.

use glassbox_tensor::ceiling::traffic::{Rate, beyond_caches};
use glassbox_tensor::ceiling::{Ceilings, HandOver, Mix, caches, hand_over, peak_flops, peak_flops_of_one_thread};
use glassbox_tensor::simd::Isa;

/// FLOP/s of an instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Peak {
    /// Which.
    pub isa: Isa,
    /// One thread alone.
    pub one: f64,
    /// All threads together.
    pub all: f64,
}

/// Bandwidths of a level of the caches, or of memory.
#[derive(Clone, Debug)]
pub struct Level {
    /// `L1`, `L2`, …, or `memory`.
    pub name: String,
    /// Bytes of the working set that was measured, over all threads.
    pub set: usize,
    /// For each of [`Mix::ALL`].
    pub rates: Vec<Rate>,
}

impl Level {
    /// Bytes a second of the mix that is fastest.
    pub fn best(&self) -> f64 {
        self.rates.iter().map(|rate| rate.bytes_per_second).fold(0.0, f64::max)
    }
}

/// All that bounds this machine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of every instruction set that it has.
    pub peaks: Vec<Peak>,
    /// From the nearest cache to memory.
    pub levels: Vec<Level>,
    /// How long it takes to hand work to the other threads; `None` with one thread.
    pub hand_over: Option<HandOver>,
}

impl Limits {
    /// Measures them, with the threads of the pool; and the ceilings for `isa`.
    pub fn measure(isa: Isa) -> (Limits, Ceilings) {
        let peak = |isa| Peak { isa, one: peak_flops_of_one_thread(isa), all: peak_flops(isa) };
        let peaks: Vec<Peak> = Isa::available().into_iter().map(peak).collect();
        let own = peaks.iter().find(|peak| peak.isa == isa).map_or(f64::NAN, |peak| peak.all);
        let mut ceilings = Ceilings::with_peak(own);
        let levels = sets().into_iter().map(|(name, set)| {
            let rates = Mix::ALL.iter().map(|&mix| ceilings.rate(mix, set)).collect();
            Level { name, set, rates }
        });
        let levels = levels.collect();
        (Limits { peaks, levels, hand_over: hand_over() }, ceilings)
    }
}

/// A working set for each level: half of what its caches hold together, which leaves room for what else lies there.
fn sets() -> Vec<(String, usize)> {
    let threads = rayon::current_num_threads();
    let of_cache = caches().iter().map(|cache| (format!("L{}", cache.level), cache.reach(threads) / 2));
    of_cache.chain([("memory".to_string(), beyond_caches())]).collect()
}

/// Limits that were not measured, for tests: 100 GFLOP/s, and 10 GB/s of every mix.
#[cfg(test)]
pub fn invented() -> Limits {
    use glassbox_tensor::ceiling::traffic::Stores;
    let rate = Rate { bytes_per_second: 10e9, stores: Stores::Plain };
    Limits {
        peaks: vec![Peak { isa: Isa::Scalar, one: 50e9, all: 100e9 }],
        levels: vec![Level { name: "memory".to_string(), set: 1 << 28, rates: vec![rate; Mix::ALL.len()] }],
        hand_over: Some(HandOver { awake: 1e-6, parked: 2e-5 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_working_set_and_they_rise() {
        let sets = sets();
        assert!(sets.len() >= 2 && sets.last().unwrap().0 == "memory", "{sets:?}");
        assert!(sets.windows(2).all(|pair| pair[0].1 < pair[1].1), "{sets:?}");
    }
}
