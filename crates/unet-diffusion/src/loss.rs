//! What is minimised: a squared error, weighted by level.

use crate::level::{Level, column};
use crate::target::Target;
use glassbox_autograd::Var;
use glassbox_tensor::Tensor;

/// L_simple (Ho et al. 2020, equation 14): the mean squared error of the answers, over batch and elements.
///
/// ```text
/// L_simple = E_{t, x0, eps} ‖eps − eps_theta(x_t, t)‖² / D          for the target eps; for others likewise
/// ```
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// use glassbox_unet_diffusion::simple_loss;
/// let answer = Var::input(tensor![[1., 2.], [3., 5.]]);
/// assert_eq!(simple_loss(&answer, &tensor![[1., 2.], [3., 3.]]).item(), 1.0);
/// ```
///
/// # Panics
/// If shapes differ.
#[track_caller]
pub fn simple_loss(answer: &Var, target: &Tensor) -> Var {
    let (a, b) = (answer.shape(), target.shape());
    assert!(a == b, "simple_loss: answers {a:?} for targets {b:?}; both are of one shape");
    (answer - &Var::constant(target.clone())).square().mean_all()
}

/// The mean over the batch of w_b·(mean squared error of example b): weights (B), answers (B, …).
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_tensor::tensor;
/// use glassbox_unet_diffusion::weighted_loss;
/// let answer = Var::input(tensor![[1., 1.], [2., 2.]]);
/// let loss = weighted_loss(&answer, &tensor![[0., 0.], [0., 0.]], &[2.0, 0.5]);
/// assert_eq!(loss.item(), 2.0); // (2·1 + 0.5·4)/2
/// ```
///
/// # Panics
/// If shapes differ, or there isn't a weight for each example.
#[track_caller]
pub fn weighted_loss(answer: &Var, target: &Tensor, weights: &[f64]) -> Var {
    let (a, b) = (answer.shape(), target.shape());
    assert!(a == b, "weighted_loss: answers {a:?} for targets {b:?}; both are of one shape");
    assert!(a[0] == weights.len(), "weighted_loss: {} weights for {} examples", weights.len(), a[0]);
    let each = (answer - &Var::constant(target.clone())).square(); // (B, …)
    let weights = column(weights.iter().copied(), a.len()); // (B, 1, …)
    (&each * &Var::constant(weights)).mean_all()
}

/// The weight of min-SNR-γ (Hang et al. 2023, section 3.4; γ = 5 there): levels are tasks that pull in different directions, and
/// those with little noise, where SNR is large, would pull hardest.
///
/// ```text
/// x0:   min(SNR, γ)        eps:   min(SNR, γ) / SNR        v:   min(SNR, γ) / (SNR + 1)
/// ```
///
/// All three are the same loss of x0: ‖eps error‖² = SNR·‖x0 error‖², ‖v error‖² = (SNR + 1)·‖x0 error‖². The velocity of a flow
/// errs by (1 + 1/ratio) times x0, so its weight is min(SNR, γ) / (1 + √SNR)².
///
/// ```
/// use glassbox_unet_diffusion::{Level, Target, min_snr_weight};
/// let noisy = Level::preserving(0.0, 0.5); // SNR = 1 < 5: eps counts as it is
/// assert!((min_snr_weight(Target::Epsilon, &noisy, 5.0) - 1.0).abs() < 1e-12);
/// let nearly_clean = Level::preserving(0.0, 10.0 / 11.0); // SNR = 10
/// assert!((min_snr_weight(Target::Epsilon, &nearly_clean, 5.0) - 0.5).abs() < 1e-12);
/// ```
pub fn min_snr_weight(target: Target, level: &Level, gamma: f64) -> f64 {
    let snr = level.snr();
    let x0 = snr.min(gamma);
    match target {
        Target::X0 => x0,
        Target::Epsilon => x0 / snr,
        Target::V => x0 / (snr + 1.0),
        Target::Velocity => x0 / (1.0 + snr.sqrt()).powi(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_make_one_loss_of_x0_of_all_targets() {
        let (gamma, x) = (5.0, vec![0.9]);
        for alpha_bar in [0.01, 0.3, 0.8, 0.99] {
            for target in [Target::Epsilon, Target::X0, Target::V] {
                let level = Level::preserving(0.0, alpha_bar);
                let [right, wrong] = [0.4, 0.1].map(|answer| target.denoised(&vec![answer], &x, &level).x0[0]);
                let weighted = min_snr_weight(target, &level, gamma) * 0.3f64.powi(2);
                let expected = level.snr().min(gamma) * (right - wrong).powi(2);
                assert!((weighted / expected - 1.0).abs() < 1e-9, "{target:?} at {alpha_bar}");
            }
            let level = Level::flow(0.0, alpha_bar);
            let [right, wrong] = [0.4, 0.1].map(|u| Target::Velocity.denoised(&vec![u], &x, &level).x0[0]);
            let weighted = min_snr_weight(Target::Velocity, &level, gamma) * 0.3f64.powi(2);
            assert!((weighted / (level.snr().min(gamma) * (right - wrong).powi(2)) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn weights_of_one_are_the_simple_loss() {
        use glassbox_tensor::random::Key;
        let (answer, target) = (Tensor::randn([3, 2, 4], Key::new(0)), Tensor::randn([3, 2, 4], Key::new(1)));
        let answer = Var::constant(answer);
        let (weighted, simple) = (weighted_loss(&answer, &target, &[1.0; 3]), simple_loss(&answer, &target));
        assert!((weighted.item() - simple.item()).abs() < 1e-6);
    }
}
