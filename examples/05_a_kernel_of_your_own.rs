//! An elementwise kernel, written once as a function of vectors: broadcasting, strides, threads, tails and the choice of the
//! instruction set are done around it.
//!
//! cargo run --release -p glassbox-benches --example 05_a_kernel_of_your_own

use glassbox_tensor::random::Key;
use glassbox_tensor::simd::{Isa, Lanes, Simd};
use glassbox_tensor::{Tensor, assert_close, map_n};

/// a·x + y in one pass over memory, where two operations would need two.
struct Axpy {
    a: f32,
}

impl Lanes<2> for Axpy {
    #[inline(always)] // it must become part of the function that is compiled for the instruction set
    fn lanes<S: Simd>(&self, s: S, [x, y]: [S::F; 2]) -> S::F {
        s.mul_add(s.splat(self.a), x, y)
    }
}

fn main() {
    let x = Tensor::randn([1000, 1000], Key::new(1));
    let y = Tensor::randn([1000], Key::new(2)); // repeated for every row
    for isa in Isa::available() {
        let start = std::time::Instant::now();
        let fused = isa.with(|| map_n(&Axpy { a: 2.0 }, [&x, &y]));
        println!("{:<7} {:>8.1} µs", isa.name(), start.elapsed().as_secs_f64() * 1e6);
        assert_close!(fused, &(&(2.0 * &x) + &y));
    }
}
