//! From logits to a token: what is left of the model's distribution, and one draw from it.

use glassbox_train::Sampling;

/// The distribution that a token is drawn from: the softmax of the logits after all rules of [`Sampling`], in their order there.
/// What a rule leaves out has probability 0. `seen[id]` says whether a token is in the text already.
///
/// ```
/// use glassbox_train::Sampling;
/// use glassbox_transformer::probabilities;
/// let logits = [0.0, 2f32.ln(), 4f32.ln()]; // 1 : 2 : 4
/// let p = probabilities(&logits, &[false; 3], &Sampling { top_k: Some(2), ..Sampling::default() });
/// assert!(p[0] == 0.0 && (p[1] - 1.0 / 3.0).abs() < 1e-6 && (p[2] - 2.0 / 3.0).abs() < 1e-6);
/// assert_eq!(probabilities(&logits, &[false; 3], &Sampling::greedy()), [0.0, 0.0, 1.0]);
/// ```
///
/// # Panics
/// If there are no logits.
pub fn probabilities(logits: &[f32], seen: &[bool], sampling: &Sampling) -> Vec<f64> {
    let logits = penalised(logits, seen, sampling.repetition_penalty);
    let top = likeliest(&logits);
    if sampling.temperature == 0.0 {
        return (0..logits.len()).map(|i| f64::from(u8::from(i == top))).collect();
    }
    let temperature = f64::from(sampling.temperature);
    let mut p: Vec<f64> = logits.iter().map(|x| ((x - logits[top]) / temperature).exp()).collect();
    normalize(&mut p);
    if sampling.top_k.is_some() || sampling.top_p < 1.0 {
        keep_the_likeliest(&mut p, sampling.top_k.unwrap_or(usize::MAX), f64::from(sampling.top_p));
    }
    let least = f64::from(sampling.min_p) * p[top];
    p.iter_mut().filter(|p| **p < least).for_each(|p| *p = 0.0);
    normalize(&mut p);
    p
}

/// The logits with those of tokens that are in the text already made less likely.
pub(crate) fn penalised(logits: &[f32], seen: &[bool], penalty: f32) -> Vec<f64> {
    let penalty = f64::from(penalty);
    let penalised = |(&x, &seen): (&f32, &bool)| match f64::from(x) {
        x if !seen => x,
        x if x > 0.0 => x / penalty,
        x => x * penalty,
    };
    logits.iter().zip(seen).map(penalised).collect()
}

/// The token of the largest logit, the first of them if there are several.
fn likeliest(logits: &[f64]) -> usize {
    let mut places = 0..logits.len();
    let first = places.next().expect("a vocabulary has words");
    places.fold(first, |top, i| if logits[i] > logits[top] { i } else { top })
}

/// Keeps the `k` likeliest, and of those the fewest whose share of what they have together reaches `share`; one at least.
fn keep_the_likeliest(p: &mut [f64], k: usize, share: f64) {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a])); // stable: of equals the first
    let k = k.clamp(1, p.len());
    let all: f64 = order[..k].iter().map(|&i| p[i]).sum();
    let mut sum = 0.0;
    let mut kept = 0;
    while kept < k && (kept == 0 || sum < share * all) {
        sum += p[order[kept]];
        kept += 1;
    }
    order[kept..].iter().for_each(|&i| p[i] = 0.0);
}

fn normalize(p: &mut [f64]) {
    let sum: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
}

/// The token at which the probabilities, added up in order, pass `u` from [0, 1).
///
/// ```
/// use glassbox_transformer::choose;
/// assert_eq!([0.0, 0.24, 0.25, 0.99].map(|u| choose(&[0.25, 0.0, 0.75], u)), [0, 0, 2, 2]);
/// ```
pub fn choose(p: &[f64], u: f64) -> u32 {
    let mut sum = 0.0;
    for (i, p) in p.iter().enumerate() {
        sum += p;
        if u < sum {
            return i as u32;
        }
    }
    // The sum may end a rounding below 1.
    p.iter().rposition(|&p| p > 0.0).unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logits: &[f32], sampling: Sampling) -> Vec<f64> {
        probabilities(logits, &vec![false; logits.len()], &sampling)
    }

    #[track_caller]
    fn assert_near(p: &[f64], expected: &[f64]) {
        assert!(p.len() == expected.len() && p.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-6), "{p:?}");
    }

    /// 1 : 2 : 3 : 4, not in order.
    fn tenths() -> [f32; 4] {
        [2f32, 4.0, 1.0, 3.0].map(f32::ln)
    }

    #[test]
    fn without_rules_it_is_the_softmax() {
        assert_near(&of(&tenths(), Sampling::default()), &[0.2, 0.4, 0.1, 0.3]);
        // Logits may be far from 0.
        assert_near(&of(&[1e4, 1e4], Sampling::default()), &[0.5, 0.5]);
    }

    #[test]
    fn temperature_is_a_power_of_the_probabilities() {
        let half = Sampling { temperature: 0.5, ..Sampling::default() };
        assert_near(&of(&tenths(), half), &[4.0, 16.0, 1.0, 9.0].map(|square| square / 30.0));
        assert_eq!(of(&[1.0, 3.0, 3.0], Sampling::greedy()), [0.0, 1.0, 0.0], "the first of equals");
    }

    #[test]
    fn the_nucleus_is_the_smallest_set_that_has_the_share() {
        let nucleus = |top_p| of(&tenths(), Sampling { top_p, ..Sampling::default() });
        assert_near(&nucleus(0.39), &[0.0, 1.0, 0.0, 0.0]);
        assert_near(&nucleus(0.41), &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        assert_near(&nucleus(0.0), &[0.0, 1.0, 0.0, 0.0]);
        assert_near(&nucleus(1.0), &[0.2, 0.4, 0.1, 0.3]);
        // After top-k, of what that left: 4/7 reaches one half.
        let both = Sampling { top_k: Some(2), top_p: 0.5, ..Sampling::default() };
        assert_near(&of(&tenths(), both), &[0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn min_p_is_a_share_of_the_likeliest() {
        let min_p = |min_p| of(&tenths(), Sampling { min_p, ..Sampling::default() });
        assert_near(&min_p(0.6), &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
        assert_near(&min_p(1.0), &[0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_in_the_text_becomes_less_likely_whatever_its_sign() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let p = probabilities(&[2.0, -2.0, 0.5], &[true, true, false], &sampling);
        let e = [1f64.exp(), (-4f64).exp(), 0.5f64.exp()];
        assert_near(&p, &e.map(|x| x / e.iter().sum::<f64>()));
    }

    #[test]
    fn draws_are_as_frequent_as_their_probabilities() {
        let p = of(&tenths(), Sampling::default());
        let mut counts = [0u32; 4];
        (0..1000).for_each(|i| counts[choose(&p, (f64::from(i) + 0.5) / 1000.0) as usize] += 1);
        assert_eq!(counts, [200, 400, 100, 300]);
        assert_eq!(choose(&[0.3, 0.7 - 1e-12, 0.0], 0.999_999_999_999_9), 1, "never a token of probability 0");
    }
}
