//! A masked language model, and its training.

mod masking;
mod model;
mod presets;
mod training;

pub use masking::{Masked, hide};
pub use model::{
    Bert, BertAttention, BertEmbeddings, BertEncoder, BertIntermediate, BertLayer, BertModel, BertOutput,
    BertPredictions, BertSelfAttention, BertSizes, BertTransform,
};
pub use presets::BERT;
pub use training::MaskedTraining;
