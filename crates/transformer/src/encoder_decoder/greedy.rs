//! Answers, a word at a time, with the keys and values of both kinds kept.

use crate::encoder_decoder::model::EncoderDecoder;
use crate::encoder_decoder::words::{BEGIN, END};
use crate::writing::Memory;
use glassbox_autograd::Var;
use glassbox_nn::{AttentionMasks, Context, TransformerDecoderLayer};
use glassbox_tensor::{Ids, Tensor};

/// What the decoder keeps of a batch: of the sources, whose keys and values are made once, and of the words that it has read.
#[derive(Debug, Clone)]
pub struct Kept {
    layers: Vec<KeptLayer>,
    padding: Tensor,
    len: usize,
}

/// Of one layer: keys and values, (B, H, …, D) each.
#[derive(Debug, Clone)]
struct KeptLayer {
    source: [Var; 2],
    read: Option<[Var; 2]>,
}

impl KeptLayer {
    /// [`TransformerDecoderLayer::forward`] for the row after those that are kept: (B, 1, C) -> (B, 1, C).
    fn step(&mut self, layer: &TransformerDecoderLayer, y: &Var, masks: AttentionMasks<'_>) -> Var {
        let (own, cross) = (&layer.self_attn, &layer.multihead_attn);
        let [source_k, source_v] = &self.source;
        let (before, mut all) = (self.read.take(), None);
        let attention = |y: &Var| {
            let [k, v] = own.keys_and_values(y, y); // (B, H, 1, D)
            let [k, v] = match &before {
                None => [k, v],
                Some([ks, vs]) => [Var::cat(&[ks, &k], 2), Var::cat(&[vs, &v], 2)], // (B, H, T, D), T words until now
            };
            let y = own.attend_heads(&own.queries(y), &k, &v, AttentionMasks::NONE); // the last sees all
            all = Some([k, v]);
            y
        };
        let to_source = |y: &Var| cross.attend_heads(&cross.queries(y), source_k, source_v, masks);
        let y = layer.forward_by(y, &Context::eval(), attention, to_source);
        self.read = all;
        y
    }
}

impl EncoderDecoder {
    /// Reads the sources, and nothing of the targets: (B, S).
    ///
    /// # Panics
    /// If a token is no word, or there are more than positions.
    #[track_caller]
    pub fn begin(&self, source: &Ids) -> Kept {
        let encoded = self.encode(source, &Context::eval());
        let of = |layer: &TransformerDecoderLayer| KeptLayer {
            source: layer.multihead_attn.keys_and_values(&encoded.rows, &encoded.rows),
            read: None,
        };
        let layers = self.transformer.decoder.layers.iter().map(of).collect();
        Kept { layers, padding: encoded.padding, len: 0 }
    }

    /// Reads one word of each target after those that are kept, (B), and returns the logits of the next, (B, V).
    ///
    /// # Panics
    /// If there are more than positions.
    #[track_caller]
    pub fn read(&self, kept: &mut Kept, words: &[u32]) -> Tensor {
        let mut y = self.embed(&Ids::from_slice(words, [words.len(), 1]), kept.len, &Context::eval());
        let masks = AttentionMasks { key_padding: Some(&kept.padding), ..AttentionMasks::NONE };
        for (layer, kept) in self.transformer.decoder.layers.iter().zip(&mut kept.layers) {
            y = kept.step(layer, &y, masks);
        }
        kept.len += 1;
        self.head(&y).value().select(1, 0) // (B, 1, V) -> (B, V)
    }

    /// The likeliest word every time, until the end of each answer, and `most` words at the most: (B, S) -> B answers.
    ///
    /// # Panics
    /// If a token is no word, or there are more than positions.
    #[track_caller]
    pub fn answer(&self, source: &Ids, most: usize, memory: Memory) -> Vec<Vec<u32>> {
        let model = self.frozen();
        let rows = source.shape()[0];
        let encoded = model.encode(source, &Context::eval());
        let mut kept = model.begin(source);
        let mut targets = vec![vec![BEGIN]; rows];
        let mut ended = vec![false; rows];
        while targets[0].len() <= most && ended.contains(&false) {
            let last: Vec<u32> = targets.iter().map(|target| target[target.len() - 1]).collect();
            let logits = match memory {
                Memory::Kept => model.read(&mut kept, &last),
                Memory::Recomputed => {
                    let t = targets[0].len();
                    let y = model.embed(&Ids::from_vec(targets.concat(), [rows, t]), 0, &Context::eval());
                    model.decode(&y, &encoded, &Context::eval()).value().select(1, t - 1) // (B, T, V) -> (B, V)
                }
            };
            let likeliest = logits.argmax(-1, false);
            for (i, (target, &word)) in targets.iter_mut().zip(likeliest.as_slice()).enumerate() {
                ended[i] |= word == END;
                target.push(word);
            }
        }
        let words = |target: Vec<u32>| target.into_iter().skip(1).take_while(|&word| word != END).collect();
        targets.into_iter().map(words).collect()
    }
}
