//! Muon.

use super::towards::Towards;
use super::{AdamRule, Optimizer, Rule, WeightDecay};
use glassbox_tensor::simd::{Simd, UpdateLanes};
use glassbox_tensor::{Tensor, map_inplace, map_n, update_n};

/// Muon, "momentum orthogonalised by Newton–Schulz" (Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>).
/// For each matrix W (A, B) with gradient G:
///
/// ```text
/// M ← μ·M + (1 − μ)·G                  the gradient's running mean
/// U = (1 − μ)·G + μ·M                  Nesterov's; else U = M
/// O = NewtonSchulz(U)                  about V₁V₂ᵀ of U = V₁ S V₂ᵀ: all singular values near 1
/// W ← W − lr·λ·W − lr·√max(1, A/B)·O
/// ```
///
/// It is for the weights of hidden layers. Everything that isn't a matrix is updated by AdamW, with the hyperparameters
/// of [`adamw`](MuonRule::adamw); so should be embeddings and the last layer, which a group says. What is in PyTorch's
/// `torch.optim.Muon` is the same but for one thing: there the Newton–Schulz iteration is computed in bf16, here in
/// f32.
///
/// ```
/// use glassbox_nn::{Linear, optim::Muon};
/// use glassbox_tensor::random::Key;
///
/// let mut layers = vec![Linear::new(8, 8, Key::new(0)), Linear::new(8, 2, Key::new(1))];
/// let mut muon = Muon::new(0.02).group("1", |rule| rule.by_adamw = true); // the last layer
/// # use glassbox_autograd::Var;
/// # let x = Var::constant(glassbox_tensor::Tensor::ones([4, 8]));
/// let loss = layers[1].forward(&layers[0].forward(&x).tanh()).square().mean_all();
/// muon.step(&mut layers, &loss.backward())?;
/// # Ok::<(), glassbox_nn::optim::StepError>(())
/// ```
pub type Muon = Optimizer<MuonRule>;

/// The hyperparameters of [`Muon`].
///
/// ```
/// use glassbox_nn::optim::{AdamRule, MuonRule, Optimizer, RateScale};
/// let adamw = AdamRule { lr: 3e-4, ..MuonRule::default().adamw };
/// let muon = Optimizer::with(MuonRule { lr: 3e-4, scale: RateScale::MatchAdamW, adamw, ..MuonRule::default() });
/// assert_eq!(muon.momentum, 0.95);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MuonRule {
    /// The learning rate of matrices: 0.02 is the author's.
    pub lr: f64,
    /// μ in [0, 1): how much of the running mean a step keeps.
    pub momentum: f64,
    /// Whether a step looks ahead.
    pub nesterov: bool,
    /// λ, decoupled: W ← W − lr·λ·W.
    pub weight_decay: f64,
    /// How many iterations orthogonalise.
    pub iterations: usize,
    /// How the learning rate follows a matrix' shape.
    pub scale: RateScale,
    /// Updates everything but matrices, with a learning rate of its own.
    pub adamw: AdamRule,
    /// Whether AdamW updates matrices too: for a [group](Optimizer::group) of embeddings, or the last layer.
    pub by_adamw: bool,
}

/// By what the learning rate of a matrix of A rows and B columns is multiplied.
///
/// ```
/// use glassbox_nn::{Param, optim::{Muon, RateScale}};
/// use glassbox_tensor::Tensor;
/// let moved = |scale| {
///     let mut w = Param::new(Tensor::zeros([8, 2]));
///     let mut muon = Muon::new(1.0);
///     muon.scale = scale;
///     let grads = w.var().sum_all().backward();
///     muon.step(&mut w, &grads).unwrap();
///     w.value().at([0, 0])
/// };
/// let ratio = moved(RateScale::Original) / moved(RateScale::MatchAdamW);
/// assert!((ratio - 4f32.sqrt() / (0.2 * 8f32.sqrt())).abs() < 1e-5); // √(8/2) over 0.2·√8
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateScale {
    /// √max(1, A/B), the author's.
    Original,
    /// 0.2·√max(A, B), with which a step is about as large as AdamW's (Liu et al. 2025, Muon is Scalable for LLM
    /// Training, equation 4): learning rate and weight decay can be AdamW's.
    MatchAdamW,
}

impl RateScale {
    fn of(self, a: usize, b: usize) -> f64 {
        let (a, b) = (a as f64, b as f64);
        match self {
            RateScale::Original => (a / b).max(1.0).sqrt(),
            RateScale::MatchAdamW => 0.2 * a.max(b).sqrt(),
        }
    }
}

/// lr = 0.02, μ = 0.95 with Nesterov, λ = 0.1, five iterations; AdamW with lr = 3·10⁻⁴ and λ = 0.01.
impl Default for MuonRule {
    fn default() -> Self {
        let adamw = AdamRule { lr: 3e-4, weight_decay: WeightDecay::Decoupled(0.01), ..AdamRule::default() };
        let (scale, by_adamw) = (RateScale::Original, false);
        Self { lr: 0.02, momentum: 0.95, nesterov: true, weight_decay: 0.1, iterations: 5, scale, adamw, by_adamw }
    }
}

impl MuonRule {
    fn orthogonalises(&self, shape: &[usize]) -> bool {
        shape.len() == 2 && !self.by_adamw
    }
}

impl Rule for MuonRule {
    fn state(&self, shape: &[usize]) -> &'static [&'static str] {
        if self.orthogonalises(shape) { &["momentum_buffer"] } else { self.adamw.state(shape) }
    }

    fn update(&self, t: u64, w: &mut Tensor, state: &mut [Tensor], g: &Tensor) {
        if !self.orthogonalises(w.shape()) {
            return self.adamw.update(t, w, state, g);
        }
        let [m] = state else { unreachable!("M is kept") };
        map_inplace(&Towards::new(1.0 - self.momentum), m, [g]); // M ← M + (1 − μ)·(G − M)
        let u = if self.nesterov { map_n(&Towards::new(self.momentum), [g, m]) } else { m.clone() }; // G + μ·(M − G)
        let o = newton_schulz(&u, self.iterations); // (A, B)
        let (a, b) = (w.shape()[0], w.shape()[1]);
        let descend = Descend { decay: 1.0 - self.lr * self.weight_decay, rate: self.lr * self.scale.of(a, b) };
        update_n(&descend, [w.make_mut()], [o.contiguous().as_slice().expect("contiguous")]);
    }
}

/// The matrix with the singular vectors of G and all singular values near 1, by the quintic iteration
///
/// ```text
/// X ← G / ‖G‖
/// X ← a·X + (b·XXᵀ + c·(XXᵀ)²)·X       (a, b, c) = (3.4445, −4.7750, 2.0315)
/// ```
///
/// which does to each singular value s what the polynomial a·s + b·s³ + c·s⁵ does to it: five times over, it takes all
/// s in [0.01, 1] to between 0.68 and 1.14, since the coefficients were chosen for speed and not to converge to 1
/// (Jordan et al. 2024). XXᵀ is the smaller of the two squares: a tall matrix is transposed.
///
/// ```
/// use glassbox_nn::optim::newton_schulz;
/// use glassbox_tensor::{Tensor, random::Key};
/// let o = newton_schulz(&Tensor::randn([4, 64], Key::new(0)), 5);
/// let squares = o.matmul(&o.t()); // near the identity
/// assert!((0..4).all(|i| (0.4..1.6).contains(&squares.at([i, i]))));
/// ```
///
/// # Panics
/// If G isn't a matrix.
#[track_caller]
pub fn newton_schulz(g: &Tensor, iterations: usize) -> Tensor {
    const SMALLEST: f32 = 1e-7; // of ‖G‖; below it, G is as good as 0
    let (a, b, c) = (3.4445, -4.7750, 2.0315);
    assert!(g.rank() == 2, "newton_schulz: G has shape {:?}; it takes a matrix", g.shape());
    let tall = g.shape()[0] > g.shape()[1];
    let g = if tall { g.t() } else { g.clone() }; // (m, n), m ≤ n
    let norm = g.norm(2.0, &[0, 1], false).item();
    let mut x = &g * (1.0 / norm.max(SMALLEST));
    for _ in 0..iterations {
        let square = x.matmul(&x.t()); // (m, n) × (n, m) -> (m, m)
        let mut polynomial = square.matmul(&square); // (m, m)
        map_inplace(&Combine { a: b, b: c }, &mut polynomial, [&square]); // b·XXᵀ + c·(XXᵀ)²
        let mut next = polynomial.matmul(&x); // (m, m) × (m, n) -> (m, n)
        map_inplace(&Combine { a, b: 1.0 }, &mut next, [&x]);
        x = next;
    }
    if tall { x.t() } else { x }
}

/// y ← a·x + b·y
struct Combine {
    a: f32,
    b: f32,
}

impl UpdateLanes<1, 1> for Combine {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [y]: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        [s.mul_add(s.splat(self.a), x, s.splat(self.b) * y)]
    }
}

/// w ← decay·w − rate·o
struct Descend {
    decay: f64,
    rate: f64,
}

impl UpdateLanes<1, 1> for Descend {
    #[inline(always)]
    fn lanes<S: Simd>(&self, s: S, [w]: [S::F; 1], [o]: [S::F; 1]) -> [S::F; 1] {
        [s.mul_add(s.splat(-self.rate as f32), o, s.splat(self.decay as f32) * w)]
    }
}

impl Muon {
    /// Muon with μ = 0.95 and Nesterov, and AdamW with a learning rate of 3·10⁻⁴ for everything but matrices.
    pub fn new(lr: f64) -> Self {
        Self::with(MuonRule { lr, ..MuonRule::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What five iterations do to a singular value.
    fn mapped(s: f64) -> f64 {
        (0..5).fold(s, |s, _| 3.4445 * s - 4.7750 * s.powi(3) + 2.0315 * s.powi(5))
    }

    #[test]
    fn singular_values_become_what_the_polynomial_makes_of_them() {
        // X = U·diag(s)·Vᵀ with rotations U and V keeps its vectors; s is mapped by a·s + b·s³ + c·s⁵, five times.
        let rotation = |angle: f32| Tensor::from_slice(&[angle.cos(), -angle.sin(), angle.sin(), angle.cos()], [2, 2]);
        let (u, v) = (rotation(0.7), rotation(-1.9));
        let compose =
            |s: [f64; 2]| u.matmul(&Tensor::from_slice(&[s[0] as f32, 0.0, 0.0, s[1] as f32], [2, 2])).matmul(&v.t());
        for s in [[3.0f64, 4.0], [1.0, 0.02], [5e-5, 1e-5]] {
            let norm = s[0].hypot(s[1]);
            let mapped = s.map(|s| mapped(s / norm));
            assert!(mapped.iter().all(|s| (0.65..1.25).contains(s)), "{mapped:?}");
            let found = newton_schulz(&compose(s), 5);
            glassbox_tensor::assert_close!(found, compose(mapped), 1e-4, 1e-5);
            glassbox_tensor::assert_close!(newton_schulz(&compose(s).t(), 5), compose(mapped).t(), 1e-4, 1e-5);
        }
    }

    #[test]
    fn the_zero_matrix_stays_zero() {
        assert_eq!(newton_schulz(&Tensor::zeros([3, 5]), 5), Tensor::zeros([3, 5]));
    }

    #[test]
    fn every_singular_value_above_a_hundredth_comes_near_one() {
        for i in 100..=10_000 {
            let s = mapped(f64::from(i) / 10_000.0);
            assert!((0.68..1.14).contains(&s), "{i}: {s}");
        }
    }
}
