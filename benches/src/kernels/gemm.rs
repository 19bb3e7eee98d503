//! Products of matrices: C = A·B, row-major or transposed.

use super::Family;
use super::case::{Case, Expected, Run, TINY, Work, gamma, within};
use super::peers::{GemmCrate, MatrixMultiply, Ndarray};
use glassbox_tensor::Tensor;
use glassbox_tensor::gemm::{Epilogue, MatMut, MatRef, blocked, naive, packed, product, simd};
use glassbox_tensor::random::Key;
use glassbox_tensor::simd::Isa;
use std::rc::Rc;

/// A matrix product.
pub trait Gemm: Sync {
    /// What the table calls it.
    fn name(&self) -> &str;
    /// C = A·B, C row-major without gaps. Whatever stands in it is overwritten.
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]);
    /// Whether this machine has the instructions.
    fn runs_here(&self) -> bool {
        true
    }
}

/// Who takes part. Yours is one word more.
pub const CONTESTANTS: &[&dyn Gemm] = &[
    &Rung("1 naive", naive::product),
    &Rung("2 blocked", blocked::product),
    &Rung("3 packed", packed::product),
    &On("4 SIMD, scalar", Isa::Scalar),
    &On("4 SIMD, NEON", Isa::Neon),
    &On("4 SIMD, AVX2", Isa::Avx2),
    &On("4 SIMD, AVX-512", Isa::Avx512),
    &Top,
    &Ndarray,
    &MatrixMultiply,
    &GemmCrate,
];

/// The family: [m, n, k, which are stored transposed: 0 none, 1 A, 2 B, 3 both].
pub const FAMILY: Family = Family {
    name: "gemm",
    computes: "C = A·B",
    axis: "side of the squares",
    timed: &[
        &[16, 16, 16, 0],
        &[32, 32, 32, 0],
        &[64, 64, 64, 0],
        &[128, 128, 128, 0],
        &[256, 256, 256, 0],
        &[512, 512, 512, 0],
        &[1024, 1024, 1024, 0],
        &[2048, 2048, 2048, 0],
        // a layer of a transformer: x·Wᵀ, dy·W, dyᵀ·x
        &[1024, 1536, 384, 2],
        &[1024, 384, 1536, 0],
        &[1536, 384, 1024, 1],
        // and of an autoencoder
        &[128, 400, 784, 2],
        &[128, 400, 784, 0],
        &[400, 784, 128, 1],
        // a single row and a single column
        &[1, 1024, 1024, 0],
        &[1, 1024, 1024, 2],
        &[1024, 1, 1024, 0],
    ],
    awkward: &[
        &[1, 1, 1, 0],
        &[3, 5, 7, 0],
        &[1, 97, 65, 0],
        &[1, 97, 65, 2],
        &[97, 1, 65, 1],
        &[15, 33, 129, 3],
        &[67, 31, 513, 1],
        &[130, 71, 64, 2],
        &[65, 257, 40, 0],
        &[14, 32, 1030, 2],
    ],
    case: |size| case_of(CONTESTANTS, size),
};

/// A rung of the ladder that runs on one thread.
pub struct Rung(pub &'static str, pub fn(MatRef<'_>, MatRef<'_>, MatMut<'_>, &Epilogue<'_>));

impl Gemm for Rung {
    fn name(&self) -> &str {
        self.0
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        (self.1)(a, b, MatMut::row_major(c, a.rows(), b.cols()), &Epilogue::default());
    }
}

/// The fourth rung, for one instruction set.
pub struct On(pub &'static str, pub Isa);

impl Gemm for On {
    fn name(&self) -> &str {
        self.0
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        simd::product(self.1, a, b, MatMut::row_major(c, a.rows(), b.cols()), &Epilogue::default());
    }
    fn runs_here(&self) -> bool {
        self.1.is_available()
    }
}

/// The top rung, which `Tensor::matmul` calls.
pub struct Top;

impl Gemm for Top {
    fn name(&self) -> &str {
        "5 Glassbox"
    }
    fn product(&self, a: MatRef<'_>, b: MatRef<'_>, c: &mut [f32]) {
        product(Isa::current(), a, b, MatMut::row_major(c, a.rows(), b.cols()), &Epilogue::default());
    }
}

struct Operands {
    a: Tensor,
    b: Tensor,
    size: [usize; 4],
}

impl Operands {
    fn view(x: &Tensor, rows: usize, cols: usize, transposed: bool) -> MatRef<'_> {
        let x = super::case::numbers(x);
        if transposed { MatRef::row_major(x, cols, rows).t() } else { MatRef::row_major(x, rows, cols) }
    }
    fn a(&self) -> MatRef<'_> {
        let [m, _, k, stored] = self.size;
        Self::view(&self.a, m, k, stored & 1 == 1)
    }
    fn b(&self) -> MatRef<'_> {
        let [_, n, k, stored] = self.size;
        Self::view(&self.b, k, n, stored & 2 == 2)
    }
    fn expected(&self) -> Vec<Expected> {
        let ([m, n, k, _], a, b) = (self.size, self.a(), self.b());
        let mut sums = vec![(0.0, 0.0); m * n];
        for (i, row) in sums.chunks_exact_mut(n).enumerate() {
            for p in 0..k {
                for (j, (sum, size)) in row.iter_mut().enumerate() {
                    let product = f64::from(a.at(i, p)) * f64::from(b.at(p, j));
                    (*sum, *size) = (*sum + product, *size + product.abs());
                }
            }
        }
        let k = k as f64;
        sums.iter().map(|&(value, size)| Expected { value, within: gamma(k) * size + k * TINY }).collect()
    }
}

/// A case for these contestants.
pub fn case_of(contestants: &[&'static dyn Gemm], size: &[usize]) -> Case {
    let size: [usize; 4] = size.try_into().expect("a size of gemm is [m, n, k, transposed]");
    let [m, n, k, stored] = size;
    let both =
        Rc::new(Operands { a: Tensor::randn([m * k], Key::new(1)), b: Tensor::randn([k * n], Key::new(2)), size });
    let stored_as = |rows: usize, cols: usize, transposed: bool| {
        if transposed { format!("({cols} × {rows})ᵀ") } else { format!("({rows} × {cols})") }
    };
    let label = match (m == n && n == k, stored) {
        (true, 0) => format!("{n} square"),
        _ => format!("{} · {}", stored_as(m, k, stored & 1 == 1), stored_as(k, n, stored & 2 == 2)),
    };
    let runs = contestants.iter().filter(|c| c.runs_here()).map(|&contestant| {
        let both = Rc::clone(&both);
        Run::new(contestant.name(), move |c| contestant.product(both.a(), both.b(), c.make_mut()))
    });
    Case {
        label,
        at: (m == n && n == k).then_some(n as f64),
        work: Work::Flops(2 * (m * n * k) as u64),
        shape: vec![m, n],
        runs: runs.collect(),
        check: Box::new(move |c| within(&both.expected(), c)),
    }
}
