//! llama2.c's first format, "version 0": seven numbers, then all weights as f32, each kind of all layers together.
//!
//! ```text
//! header      C, F, L, H, Hkv, ±V, P as i32, little-endian; V is negative if the head has weights of its own
//! embedding   (V, C)
//! attention   norm (L, C), q (L, C, C), k and v (L, Hkv·D, C) each, o (L, C, C)
//! feed        norm (L, C), gate (L, F, C), down (L, C, F), up (L, F, C)
//! norm        (C)
//! angles      cosines and sines (P, D/2) each, which the model computes itself
//! head        (V, C), if it is not the embedding
//! ```
//!
//! Pairs that positions turn are neighbours there, and lie half a head apart in Hugging Face's files and here: rows of q and k change
//! places, and what a query and a key make together stays.
//!
//! Source: Karpathy 2023, llama2.c, `run.c` and `export.py`.

use super::error::PretrainedError;
use crate::llama::{Llama, LlamaOptions, LlamaSizes};
use glassbox_nn::{Linear, Param, RmsNorm};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

const HEADER: usize = 7 * 4;
/// More layers are no model: the largest have some hundred. Each takes memory besides its weights.
const MOST_LAYERS: usize = 1024;

/// The sizes in the header, believed once they were compared with each other and with the length of the file.
fn header(file: &str, bytes: &[u8]) -> Result<(LlamaSizes, bool), PretrainedError> {
    let wrong = |problem: String| PretrainedError::Wrong { file: file.to_string(), problem };
    if bytes.len() < HEADER {
        let found = bytes.len();
        return Err(wrong(format!(
            "not a model of llama2.c: it has {found} bytes, and the header alone has {HEADER}; copy it or download it again"
        )));
    }
    let number = |i: usize| i32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes"));
    let tied = number(5) > 0;
    let names = ["width", "feed-forward width", "layers", "heads", "heads of keys", "words", "context"];
    let mut sizes = [0usize; 7];
    for (i, name) in names.iter().enumerate() {
        let n = if i == 5 { number(i).checked_abs().unwrap_or(0) } else { number(i) };
        sizes[i] = usize::try_from(n).ok().filter(|&n| n > 0).ok_or_else(|| {
            wrong(format!("not a model of llama2.c: its header says {name} = {n}; give another file, or a folder"))
        })?;
    }
    let [width, feed_forward, layers, heads, kv_heads, words, context] = sizes;
    if !width.is_multiple_of(2 * heads) || !heads.is_multiple_of(kv_heads) || layers > MOST_LAYERS {
        return Err(wrong(format!(
            "not a model of llama2.c: its header says {layers} layers of {heads} heads on {kv_heads} of keys, {width} wide, and \
             no model has these; give another file, or a folder"
        )));
    }
    let sizes = LlamaSizes { words, context, layers, heads, kv_heads, width, feed_forward };
    let expected = HEADER as u128 + 4 * floats(&sizes, tied);
    if expected != bytes.len() as u128 {
        return Err(wrong(format!(
            "its header describes a file of {expected} bytes, but this one has {}; it was cut off or is of another format: \
             copy it or download it again",
            bytes.len()
        )));
    }
    Ok((sizes, tied))
}

/// How many f32 such a model has in the file. Each size is below 2³¹, so that no product of three overflows.
fn floats(sizes: &LlamaSizes, tied: bool) -> u128 {
    let of = |n: usize| n as u128;
    let (c, f, l, v) = (of(sizes.width), of(sizes.feed_forward), of(sizes.layers), of(sizes.words));
    let d = c / of(sizes.heads);
    let layer = 2 * c + 2 * c * c + 2 * of(sizes.kv_heads) * d * c + 3 * f * c;
    let head = if tied { 0 } else { v * c };
    v * c + l * layer + c + of(sizes.context) * d + head
}

/// Reads the content of such a file; `file` is what errors call it.
///
/// ```
/// use glassbox_transformer::parse_llama2c;
/// let header: Vec<u8> = [4i32, 8, 1, 2, 1, 3, 2].iter().flat_map(|n| n.to_le_bytes()).collect();
/// let weights = 3 * 4 + (4 + 16 + 2 * 8 + 16 + 4 + 3 * 32) + 4 + 2 * 2;
/// let model = parse_llama2c("tiny.bin", &[header.clone(), vec![0; 4 * weights]].concat())?;
/// assert_eq!(model.sizes().feed_forward, 8);
///
/// let error = parse_llama2c("tiny.bin", &header).unwrap_err().to_string();
/// assert!(error.starts_with("tiny.bin: its header describes a file of 716 bytes, but this one has 28"), "{error}");
/// # Ok::<(), glassbox_transformer::PretrainedError>(())
/// ```
///
/// # Errors
/// If the header can't be, or the file is not as long as it says.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Llama, PretrainedError> {
    let (sizes, tied) = header(file, bytes)?;
    let LlamaSizes { words, context, layers, heads, kv_heads, width: c, feed_forward: f } = sizes;
    let d = c / heads;
    let mut llama = Llama::with(sizes, LlamaOptions { tied, ..LlamaOptions::default() }, Key::new(0));
    let mut rest = Rest(&bytes[HEADER..]);
    llama.embed_tokens.weight.set_value(rest.tensor([words, c]));
    norms(&mut rest, c, llama.layers.iter_mut().map(|block| &mut block.input_layernorm));
    let mut attention: Vec<_> = llama.layers.iter_mut().map(|block| &mut block.self_attn).collect();
    attention.iter_mut().for_each(|a| set(&mut a.q_proj, halves(&rest.tensor([c, c]), d)));
    attention.iter_mut().for_each(|a| set(&mut a.k_proj, halves(&rest.tensor([kv_heads * d, c]), d)));
    attention.iter_mut().for_each(|a| set(&mut a.v_proj, rest.tensor([kv_heads * d, c])));
    attention.iter_mut().for_each(|a| set(&mut a.o_proj, rest.tensor([c, c])));
    norms(&mut rest, c, llama.layers.iter_mut().map(|block| &mut block.post_attention_layernorm));
    let mut feed: Vec<_> = llama.layers.iter_mut().map(|block| &mut block.mlp).collect();
    feed.iter_mut().for_each(|mlp| set(&mut mlp.gate_proj, rest.tensor([f, c])));
    feed.iter_mut().for_each(|mlp| set(&mut mlp.down_proj, rest.tensor([c, f])));
    feed.iter_mut().for_each(|mlp| set(&mut mlp.up_proj, rest.tensor([f, c])));
    norms(&mut rest, c, std::iter::once(&mut llama.norm));
    rest.skip(context * d);
    if let Some(head) = &mut llama.lm_head {
        set(head, rest.tensor([words, c]));
    }
    debug_assert!(rest.0.is_empty() && layers == llama.layers.len());
    Ok(llama)
}

fn set(linear: &mut Linear, weight: Tensor) {
    linear.weight = Param::new(weight);
}

fn norms<'a>(rest: &mut Rest<'_>, c: usize, all: impl Iterator<Item = &'a mut RmsNorm>) {
    all.for_each(|norm| norm.weight = Some(Param::new(rest.tensor([c]))));
}

/// Rows (H·D, C) of pairs that are neighbours, as pairs half a head apart.
fn halves(weight: &Tensor, d: usize) -> Tensor {
    let [rows, c] = [weight.shape()[0], weight.shape()[1]];
    let pairs = weight.reshape([rows / d, d / 2, 2, c]); // (H, D/2, 2, C)
    pairs.permute(&[0, 2, 1, 3]).contiguous().reshape([rows, c])
}

/// The bytes that were not read yet. There are enough: the header was compared with the length.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn tensor<const R: usize>(&mut self, shape: [usize; R]) -> Tensor {
        let (these, rest) = self.0.split_at(4 * shape.iter().product::<usize>());
        self.0 = rest;
        let floats = these.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")));
        Tensor::from_vec(floats.collect(), shape)
    }

    fn skip(&mut self, floats: usize) {
        self.0 = &self.0[4 * floats..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: [i32; 7], floats: usize) -> Vec<u8> {
        let header = header.iter().flat_map(|n| n.to_le_bytes());
        header.chain((0..floats).flat_map(|i| (i as f32).to_le_bytes())).collect()
    }

    #[test]
    fn every_weight_is_read_once_and_from_its_place() {
        let sizes = [4, 6, 2, 2, 1, -3, 5]; // C F L H Hkv −V P
        let bytes = file(sizes, 3 * 4 + 2 * (8 + 32 + 16 + 72) + 4 + 10 + 12);
        let llama = parse("file", &bytes).unwrap();
        let first = |tensor: &Tensor| tensor.to_vec()[0];
        assert_eq!(first(llama.embed_tokens.weight.value()), 0.0);
        let block = &llama.layers[1];
        assert_eq!(first(block.input_layernorm.weight.as_ref().unwrap().value()), 12.0 + 4.0);
        let q = 12.0 + 8.0 + 16.0;
        // A head has two numbers, one pair: neighbours and halves are the same there.
        assert_eq!(first(block.self_attn.q_proj.weight.value()), q);
        assert_eq!(first(block.self_attn.k_proj.weight.value()), q + 16.0 + 8.0);
        let feed = 12.0 + 8.0 + 32.0 + 16.0 + 16.0 + 32.0 + 8.0;
        assert_eq!(first(block.mlp.gate_proj.weight.value()), feed + 24.0);
        assert_eq!(first(block.mlp.down_proj.weight.value()), feed + 48.0 + 24.0);
        assert_eq!(first(block.mlp.up_proj.weight.value()), feed + 96.0 + 24.0);
        assert_eq!(first(llama.norm.weight.as_ref().unwrap().value()), feed + 144.0);
        assert_eq!(first(llama.lm_head.as_ref().unwrap().weight.value()), feed + 144.0 + 4.0 + 10.0);
    }

    #[test]
    fn neighbours_become_halves_of_each_head() {
        let rows = Tensor::from_vec((0..8).map(|i| i as f32).collect(), [8, 1]);
        assert_eq!(halves(&rows, 4).to_vec(), [0., 2., 1., 3., 4., 6., 5., 7.]);
    }

    #[test]
    fn the_largest_sizes_overflow_nothing() {
        let bytes = file([i32::MAX - 1, i32::MAX, 1024, 1, 1, i32::MIN + 1, i32::MAX], 3);
        let error = parse("file", &bytes).unwrap_err().to_string();
        assert!(error.contains("describes a file of"), "{error}");
        assert!(parse("file", &file([2, 1, 1, 1, 1, i32::MIN, 1], 9)).is_err());
    }

    proptest! {
        /// Small numbers in the header, so that some fit together; every one ends in a model or a sentence, and soon.
        #[test]
        fn any_header_is_a_model_or_a_sentence(
            sizes in prop::array::uniform7(prop_oneof![-2i32..9, any::<i32>()]), floats in 0usize..600, cut in 0usize..40,
        ) {
            let bytes = file(sizes, floats);
            match parse("file", &bytes[..bytes.len().saturating_sub(cut)]) {
                Ok(llama) => prop_assert_eq!(llama.sizes().width, sizes[0] as usize),
                Err(error) => prop_assert!(error.to_string().starts_with("file: ")),
            }
        }
    }
}
