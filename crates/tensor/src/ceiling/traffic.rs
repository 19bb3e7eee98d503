//! Bytes a second: what all threads together move when the working set has a given size, in a given mix of reading and writing.
//!
//! A store costs more than a load, since the line that it replaces is read first, unless the store goes past the caches; and a
//! copy in place has that line already. So each mix is measured with every kind of store that could do it, and the fastest is the
//! ceiling. Each thread keeps to a part of its own, as good as any operation could arrange it, and is awake before the clock
//! starts. Vectors are the widest that the machine has, whatever instruction set the arithmetic is held to: the C library's
//! copies, which the engine uses too, ask nobody.

use super::sweep::{Read, STEP, Update, Write};
use super::team::together;
use super::{Mix, caches};
use crate::Tensor;
use crate::simd::Isa;
use std::hint::black_box;
use std::sync::Mutex;

/// What was fastest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Bytes read and written, together, a second.
    pub bytes_per_second: f64,
    /// How it was written.
    pub stores: Stores,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// Nothing is written.
    None,
    /// Through the caches.
    Plain,
    /// Past them.
    Streaming,
    /// Over what was read.
    InPlace,
    /// As the system's library does it.
    Library,
}

impl Stores {
    /// The word for a table.
    ///
    /// ```
    /// assert_eq!(glassbox_tensor::ceiling::traffic::Stores::InPlace.name(), "in place");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Stores::None => "none",
            Stores::Plain => "plain",
            Stores::Streaming => "streaming",
            Stores::InPlace => "in place",
            Stores::Library => "library",
        }
    }

    /// The kinds of store that could do a mix.
    fn of(mix: Mix) -> &'static [Stores] {
        match (mix.reads, mix.writes) {
            (_, 0) => &[Stores::None],
            (0, _) => &[Stores::Plain, Stores::Streaming, Stores::Library],
            (1, _) => &[Stores::Plain, Stores::Streaming, Stores::InPlace, Stores::Library],
            (_, 1) => &[Stores::Plain, Stores::Streaming, Stores::InPlace],
            _ => &[Stores::InPlace],
        }
    }
}

/// Bytes of a working set that no cache holds: four times the last level, between 128 MiB and 1 GiB.
pub fn beyond_caches() -> usize {
    let last = caches().last().map_or(0, |cache| cache.reach(rayon::current_num_threads()));
    (4 * last).clamp(128 << 20, 1 << 30)
}

/// A sample lasts this long at least, in seconds.
const SAMPLE: f64 = 1e-3;
/// All samples of one kind of store together, about; but there are three at least.
const BUDGET: f64 = 40e-3;
/// And this many at most.
const SAMPLES: usize = 25;

/// The fastest that the threads of the pool move this mix when all that they touch has `set` bytes together; at least 512 for each
/// thread and array.
///
/// ```no_run
/// use glassbox_tensor::ceiling::{Mix, traffic};
/// let rate = traffic::rate(Mix::COPY, traffic::beyond_caches());
/// println!("memory is copied at {:.1} GB/s, with stores {}", rate.bytes_per_second / 1e9, rate.stores.name());
/// ```
pub fn rate(mix: Mix, set: usize) -> Rate {
    let of = |&stores: &Stores| Rate { bytes_per_second: bytes_per_second(mix, stores, set), stores };
    let faster = |a: Rate, b: Rate| if b.bytes_per_second > a.bytes_per_second { b } else { a };
    let nothing = Rate { bytes_per_second: 0.0, stores: Stores::None };
    Stores::of(mix).iter().map(of).fold(nothing, faster)
}

/// One thread's part of the arrays.
struct Part<'a> {
    ins: Vec<&'a [f32]>,
    outs: Vec<&'a mut [f32]>,
}

fn bytes_per_second(mix: Mix, stores: Stores, set: usize) -> f64 {
    let threads = rayon::current_num_threads();
    let writes = usize::from(mix.writes);
    let reads = usize::from(mix.reads) - if stores == Stores::InPlace { writes } else { 0 };
    let part = (set / size_of::<f32>() / (reads + writes) / threads / STEP).max(1) * STEP;
    let ins: Vec<Tensor> = (0..reads).map(|_| Tensor::ones([part * threads])).collect();
    let mut outs: Vec<Tensor> = (0..writes).map(|_| Tensor::zeros([part * threads])).collect();
    let mut pieces: Vec<_> = outs.iter_mut().map(|out| out.make_mut().chunks_exact_mut(part)).collect();
    let parts: Vec<Mutex<Part<'_>>> = (0..threads)
        .map(|i| {
            let ins = ins.iter().map(|x| &x.as_slice().expect("contiguous")[i * part..(i + 1) * part]).collect();
            Mutex::new(Part { ins, outs: pieces.iter_mut().filter_map(Iterator::next).collect() })
        })
        .collect();
    let isa = *Isa::available().last().expect("scalar is always available");
    let run = |passes: usize| {
        together(|i| {
            let part = &mut *parts[i].lock().expect("no panic happens while a part is locked");
            sweep(isa, mix, stores, part, passes);
        })
    };
    let streams = usize::from(mix.reads) + usize::from(mix.writes);
    let bytes = (streams * part * threads * size_of::<f32>()) as f64;
    run(1); // touches every page
    let once = run(1).max(1e-9);
    let passes = (SAMPLE / once).ceil().clamp(1.0, 1e6) as usize;
    let samples = ((BUDGET / (once * passes as f64)) as usize).clamp(3, SAMPLES);
    let fastest = (0..samples).map(|_| run(passes)).fold(f64::INFINITY, f64::min);
    bytes * passes as f64 / fastest
}

fn sweep(isa: Isa, mix: Mix, stores: Stores, part: &mut Part<'_>, passes: usize) {
    let streaming = stores == Stores::Streaming;
    match (stores, &part.ins[..], &mut part.outs[..]) {
        (Stores::None, [x, ..], _) => _ = black_box(isa.dispatch(Read { x, passes })),
        (Stores::InPlace, [], [x]) => isa.dispatch(Update { ins: [], xs: [x], passes }),
        (Stores::InPlace, &[a], [x]) => isa.dispatch(Update { ins: [a], xs: [x], passes }),
        (Stores::InPlace, &[a, b], [x]) => isa.dispatch(Update { ins: [a, b], xs: [x], passes }),
        (Stores::InPlace, &[a], [x, y, z]) => isa.dispatch(Update { ins: [a], xs: [x, y, z], passes }),
        (Stores::Library, [], [out]) => (0..passes).for_each(|i| black_box(&mut **out).fill(black_box(i as f32))),
        (Stores::Library, [x, ..], [out]) => {
            (0..passes).for_each(|_| black_box(&mut **out).copy_from_slice(black_box(x)))
        }
        (_, [], [out]) => isa.dispatch(Write { ins: [], out, passes, streaming }),
        (_, &[a], [out]) => isa.dispatch(Write { ins: [a], out, passes, streaming }),
        (_, &[a, b], [out]) => isa.dispatch(Write { ins: [a, b], out, passes, streaming }),
        (_, &[a, b, c], [out]) => isa.dispatch(Write { ins: [a, b, c], out, passes, streaming }),
        _ => unreachable!("{mix:?} with stores {stores:?} is none of the mixes that are measured"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mix_moves_bytes_on_any_number_of_threads() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for mix in Mix::ALL {
                let rate = pool.install(|| rate(mix, 1 << 16));
                assert!(rate.bytes_per_second > 1e6 && rate.bytes_per_second.is_finite(), "{mix:?}: {rate:?}");
                assert_eq!(rate.stores == Stores::None, mix == Mix::READ);
            }
        }
    }
}
