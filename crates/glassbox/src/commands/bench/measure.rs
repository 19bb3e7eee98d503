//! One row of the table: a piece of work that was timed, and what follows from its times.

use super::sampling::{Round, round, seconds_of};
use super::statistics::{median, spread};
use crc::{CRC_32_ISO_HDLC, Crc};
use glassbox_autograd::Timed;
use glassbox_tensor::Tensor;
use glassbox_tensor::ceiling::{Bound, Ceilings, Floor, Traffic, traffic};
use std::collections::HashSet;

/// Operations that are products of matrices at heart, whose gradients are two more products of the same size: a gradient costs
/// twice the value. For all others the arithmetic of the value is counted alone, which errs to the side of the floor.
const PRODUCTS: [&str; 11] = [
    "attention",
    "batch",
    "conv1d",
    "conv2d",
    "conv2d_weight",
    "conv_transpose2d",
    "einsum",
    "gemm",
    "linear",
    "matmul",
    "matvec",
];

/// What is timed of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Its value.
    Forward,
    /// Its value and the gradients of all inputs.
    Both,
}

impl Pass {
    /// The word for tables and documents.
    pub fn name(self) -> &'static str {
        match self {
            Pass::Forward => "forward",
            Pass::Both => "forward + backward",
        }
    }
}

/// A piece of work with its times.
#[derive(Clone, Debug)]
pub struct Row {
    /// The operation or the kernel.
    pub name: &'static str,
    /// Of a kernel: its size.
    pub size: Option<String>,
    /// What was timed of it.
    pub pass: Pass,
    /// The inputs' shapes.
    pub shapes: Vec<Vec<usize>>,
    /// Operations that a call must do.
    pub flops: u64,
    /// Bytes that it must read and write.
    pub traffic: Traffic,
    /// The samples, round by round.
    pub rounds: Vec<Round>,
    /// Of the bits of what it gives: CRC-32 of the floats, the lowest byte first, one tensor after the other.
    pub checksum: u32,
    /// Whether every round gave the same bits.
    pub same_bits: bool,
    /// Whether each sample found the caches empty.
    pub cold: bool,
}

impl Row {
    /// All samples.
    pub fn samples(&self) -> Vec<f64> {
        self.rounds.iter().flat_map(|round| round.seconds.iter().copied()).collect()
    }

    /// The median of all samples, in seconds.
    pub fn seconds(&self) -> f64 {
        median(&self.samples())
    }

    /// How far the middle half of the samples lies apart, as a share of the median.
    pub fn spread(&self) -> f64 {
        spread(&self.samples())
    }

    /// All that is touched, in bytes; with cold caches, as if it were more than they hold.
    pub fn set(&self) -> usize {
        if self.cold { traffic::beyond_caches() } else { self.traffic.bytes() as usize }
    }

    /// The least seconds that it could take here.
    pub fn floor(&self, ceilings: &mut Ceilings) -> Floor {
        ceilings.floor(self.flops, self.traffic, self.set())
    }

    /// The share of the ceiling that binds; `None` for a view, which none does.
    pub fn share(&self, floor: Floor) -> Option<f64> {
        (floor.bound != Bound::Nothing).then(|| floor.seconds / self.seconds())
    }

    /// Adds the samples of another round of the same work.
    pub fn add(&mut self, other: Row) {
        self.same_bits &= other.same_bits && self.checksum == other.checksum;
        self.rounds.extend(other.rounds);
    }
}

/// Times one round of a piece of work: its value, and if it has gradients, both.
pub fn measure(name: &'static str, size: Option<&str>, timed: &Timed, flush: Option<&dyn Fn()>) -> Vec<Row> {
    let Timed { shapes, cost, forward, forward_backward } = timed;
    let value = forward();
    // What must be written is the value; the rest of the traffic is read.
    let written = occupied(&value).min(cost.bytes);
    let own = Traffic { read: cost.bytes - written, written };
    let row = |pass, flops, traffic, tensors: &[&Tensor], round| Row {
        name,
        size: size.map(String::from),
        pass,
        shapes: shapes.clone(),
        flops,
        traffic,
        rounds: vec![round],
        checksum: checksum(tensors),
        same_bits: true,
        cold: flush.is_some(),
    };
    let mut rows = vec![row(Pass::Forward, cost.flops, own, &[&value], round(seconds_of(forward), flush))];
    drop(value);
    if let Some(both) = forward_backward {
        let gradients = both();
        let tensors: Vec<&Tensor> = gradients.iter().map(|(_, gradient)| gradient).collect();
        let mut seen = HashSet::new();
        // A gradient that is a view of one number, or of another gradient, was not written.
        let fresh = tensors.iter().filter(|g| seen.insert(g.as_slice().map_or(std::ptr::null(), |s| s.as_ptr())));
        let traffic = Traffic { written: own.written + fresh.map(|g| occupied(g)).sum::<u64>(), ..own };
        let flops = if PRODUCTS.contains(&name) { 3 * cost.flops } else { cost.flops };
        rows.push(row(Pass::Both, flops, traffic, &tensors, round(seconds_of(both), flush)));
    }
    rows
}

/// Bytes of the elements that a tensor shows, each once: repeated ones lie in memory only once.
fn occupied(x: &Tensor) -> u64 {
    let dims = x.shape().iter().zip(x.strides()).filter(|(_, stride)| **stride != 0);
    let elements: usize = if x.numel() == 0 { 0 } else { dims.map(|(dim, _)| dim).product() };
    (elements * size_of::<f32>()) as u64
}

fn checksum(tensors: &[&Tensor]) -> u32 {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut digest = CRC.digest();
    for tensor in tensors {
        let bytes: Vec<u8> = tensor.to_vec().iter().flat_map(|x| x.to_le_bytes()).collect();
        digest.update(&bytes);
    }
    digest.finalize()
}

/// A row with these samples, for tests.
#[cfg(test)]
pub fn row_of(name: &'static str, flops: u64, traffic: Traffic, samples: &[f64]) -> Row {
    Row {
        name,
        size: None,
        pass: Pass::Forward,
        shapes: vec![vec![2, 3]],
        flops,
        traffic,
        rounds: vec![Round { calls: 10, seconds: samples.to_vec() }],
        checksum: 7,
        same_bits: true,
        cold: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::KERNELS;
    use super::*;
    use glassbox_autograd::ops::registry;
    use glassbox_autograd::{Drawn, Input, Sample, ops};
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    use glassbox_tensor::random::Key;
    use glassbox_tensor::tensor;

    fn rows_of(drawn: Drawn, name: &'static str) -> Vec<Row> {
        measure(name, None, &Timed::new(drawn, true), None)
    }

    #[test]
    fn the_traffic_of_both_passes_is_what_must_be_read_and_what_was_written() {
        let n = 100 * 100 * 4;
        let drawn = Drawn::new(Sample::new(ops::exp::Exp, [Input::new([100, 100])]), Key::new(0));
        let [forward, both] = &rows_of(drawn, "exp")[..] else { panic!("two rows") };
        assert_eq!(forward.traffic, Traffic { read: n, written: n });
        assert_eq!(both.traffic, Traffic { read: n, written: 2 * n }, "the value and dx");
        assert_eq!((forward.flops, both.flops), (10_000, 10_000));
        assert_eq!(forward.checksum, both.checksum, "eˣ is its own derivative");

        let drawn = Drawn::new(Sample::new(ops::matmul::MatMul, [Input::new([8, 8]), Input::new([8, 8])]), Key::new(0));
        let [forward, both] = &rows_of(drawn, "matmul")[..] else { panic!("two rows") };
        assert_eq!((forward.flops, both.flops), (1024, 3072));
        assert_eq!(both.traffic, Traffic { read: 2 * 256, written: 3 * 256 });
    }

    #[test]
    fn what_is_repeated_lies_in_memory_once() {
        let x = tensor![[1.], [2.]];
        assert_eq!([occupied(&x), occupied(&x.expand([2, 50])), occupied(&Tensor::ones([0, 4]))], [8, 8, 0]);
    }

    #[test]
    fn checksums_are_of_the_bits() {
        // CRC-32 of the bytes 00 00 80 3f 00 00 00 40, computed with zlib
        assert_eq!(checksum(&[&tensor![1., 2.]]), 0x2e3f_a576);
        assert_eq!(checksum(&[&tensor![1.], &tensor![2.]]), checksum(&[&tensor![1., 2.]]));
        assert_ne!(checksum(&[&tensor![0.0]]), checksum(&[&tensor![-0.0]]));
    }

    #[test]
    fn a_share_is_the_floor_over_the_median() {
        let mut row = row_of("exp", 40_000, Traffic { read: 4_000_000, written: 4_000_000 }, &[2e-3, 1e-3, 4e-3]);
        let mut ceilings = Ceilings::new(100e9, |_, _| Rate { bytes_per_second: 8e9, stores: Stores::Plain });
        let floor = row.floor(&mut ceilings);
        assert_eq!((floor.seconds, floor.bound, row.share(floor)), (1e-3, Bound::Memory, Some(0.5)));
        row.traffic = Traffic::default();
        row.flops = 0;
        let floor = row.floor(&mut ceilings);
        assert_eq!(row.share(floor), None, "a view");
    }

    #[test]
    fn another_round_adds_its_samples_and_other_bits_are_noticed() {
        let mut row = row_of("exp", 1, Traffic::default(), &[1.0, 2.0]);
        let mut other = row_of("exp", 1, Traffic::default(), &[3.0]);
        row.add(other.clone());
        assert!(row.same_bits && row.samples() == [1.0, 2.0, 3.0] && row.rounds.len() == 2);
        other.checksum += 1;
        row.add(other);
        assert!(!row.same_bits);
    }

    #[test]
    fn products_are_operations_or_kernels() {
        let known =
            |name: &&str| registry().iter().any(|op| op.name() == *name) || KERNELS.iter().any(|k| k.name == *name);
        assert!(PRODUCTS.iter().all(known));
    }
}
