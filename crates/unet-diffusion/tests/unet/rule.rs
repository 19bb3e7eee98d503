//! Weights by a rule that diffusers' side computes too, so that no file of weights is kept. Number i of the tensor called `name` is
//!
//! ```text
//! s = FNV-1a of the bytes of name
//! h = mix(s + 2654435769·i)         mix: h ^= h >> 16, h *= 0x85EBCA6B, h ^= h >> 13, h *= 0xC2B2AE35, h ^= h >> 16
//! u = ⌊h / 2⁸⌋·2⁻²³ − 1             in [−1, 1), exact in f32
//! ```
//!
//! and a matrix or kernel is u·√(3·rows / numel), another `weight` 1 + u / 10, and any bias u / 10.

use glassbox_nn::{Module, Name};
use glassbox_tensor::Tensor;

pub fn uniform(name: &str, shape: impl AsRef<[usize]>) -> Tensor {
    let s = name.bytes().fold(2_166_136_261, |s: u32, byte| (s ^ u32::from(byte)).wrapping_mul(16_777_619));
    let u = |i: usize| {
        let mut h = s.wrapping_add((i as u32).wrapping_mul(2_654_435_769));
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        ((h ^ (h >> 16)) >> 8) as f32 / 8_388_608.0 - 1.0
    };
    Tensor::from_vec((0..shape.as_ref().iter().product()).map(u).collect(), shape)
}

pub fn fill(model: &mut impl Module) {
    model.visit_mut(Name::root(), &mut |name, mut slot| {
        let (name, shape) = (name.to_string(), slot.value().shape().to_vec());
        let (u, numel) = (uniform(&name, &shape), slot.value().numel());
        slot.set_value(match shape[..] {
            [rows, _, ..] => &u * (3.0 * rows as f64 / numel as f64).sqrt() as f32,
            _ if name.ends_with("weight") => &(&u * 0.1) + 1.0,
            _ => &u * 0.1,
        });
    });
}
