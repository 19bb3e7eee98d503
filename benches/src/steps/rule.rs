//! Weights and batches by a rule that PyTorch's side computes too: so the twins begin alike, and no file of weights is kept.
//!
//! Number i of the tensor called `name` is a hash of the two, in arithmetic modulo 2³²:
//!
//! ```text
//! s = FNV-1a of the bytes of name
//! h = mix(s + 2654435769·i)         mix: h ^= h >> 16, h *= 0x85EBCA6B, h ^= h >> 13, h *= 0xC2B2AE35, h ^= h >> 16
//! u = ⌊h / 2⁸⌋·2⁻²³ − 1             a multiple of 2⁻²³ in [−1, 1), which f32 holds exactly
//! ```
//!
//! A matrix or kernel is u·√(3·rows / numel), which has the variance 1 / fan-in; the scale of a normalisation is 1 + u / 10,
//! and any bias u / 10. Sources: Fowler, Noll & Vo for s; Appleby's MurmurHash3, its last step, for mix.

use glassbox_nn::{Module, Name, SlotMut};
use glassbox_tensor::{Ids, Tensor};

/// h of element `i` of the tensor called `name`.
fn hashes(name: &str) -> impl Fn(usize) -> u32 {
    let fnv = |s: u32, byte: u8| (s ^ u32::from(byte)).wrapping_mul(16_777_619);
    let s = name.bytes().fold(2_166_136_261, fnv);
    move |i| {
        let mut h = s.wrapping_add((i as u32).wrapping_mul(2_654_435_769));
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        h ^ (h >> 16)
    }
}

/// The u of the tensor called `name`, spread over [−1, 1).
///
/// ```
/// use glassbox_benches::steps::rule::uniform;
/// let u = uniform("x", [2, 1000]);
/// assert_eq!(u.at([0, 7]), uniform("x", [9]).at([7])); // of the name and the position alone
/// assert!(u.mean(&[0, 1], false).item().abs() < 0.05);
/// ```
pub fn uniform(name: &str, shape: impl AsRef<[usize]>) -> Tensor {
    let (h, numel) = (hashes(name), shape.as_ref().iter().product());
    Tensor::from_vec((0..numel).map(|i| (h(i) >> 8) as f32 / 8_388_608.0 - 1.0).collect(), shape)
}

/// u·√3, which has the variance 1: what stands in for normal noise.
///
/// ```
/// use glassbox_benches::steps::rule::noise;
/// let z = noise("eps", [1000]);
/// assert!(((&z * &z).mean(&[0], false).item() - 1.0).abs() < 0.1);
/// ```
pub fn noise(name: &str, shape: impl AsRef<[usize]>) -> Tensor {
    &uniform(name, shape) * 3f32.sqrt()
}

/// h mod `below`: ids that are below it.
///
/// ```
/// use glassbox_benches::steps::rule::ids;
/// assert!(ids("x", 65, [3, 4]).as_slice().iter().all(|&id| id < 65));
/// ```
pub fn ids(name: &str, below: u32, shape: impl AsRef<[usize]>) -> Ids {
    let (h, numel) = (hashes(name), shape.as_ref().iter().product());
    Ids::from_vec((0..numel).map(|i| h(i) % below).collect(), shape)
}

/// Gives every parameter of the model what the rule says, by its dotted name; buffers stay as they are.
///
/// ```
/// use glassbox_benches::steps::rule::{fill, uniform};
/// use glassbox_nn::Linear;
/// use glassbox_tensor::random::Key;
/// let mut linear = Linear::new(3, 2, Key::new(0));
/// fill(&mut linear);
/// assert_eq!(linear.weight.value(), &uniform("weight", [2, 3])); // √(3·2 / 6) = 1
/// ```
pub fn fill(model: &mut (impl Module + ?Sized)) {
    model.visit_mut(Name::root(), &mut |name, slot| {
        let SlotMut::Param(param) = slot else { return };
        let (name, shape) = (name.to_string(), param.value().shape().to_vec());
        let u = uniform(&name, &shape);
        let numel: usize = shape.iter().product();
        param.set_value(match shape[..] {
            [rows, _, ..] => &u * (3.0 * rows as f64 / numel as f64).sqrt() as f32,
            _ if name.ends_with("weight") => &(&u * 0.1) + 1.0,
            _ => &u * 0.1,
        });
    });
}
