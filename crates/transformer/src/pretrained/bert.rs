//! A folder with a BERT as Hugging Face has it: `config.json` with `model_type` `bert`, and `model.safetensors`.
//!
//! It writes nothing; what it gives is what each token has become, which models of sentences take the mean of. Files of a `BertModel` and of
//! one with a head are read alike: names may have `bert.` before them, and the pooler and heads are left out, which the vectors of
//! tokens don't depend on.

use super::error::PretrainedError;
use super::hugging_face::{CONFIG, Config, WEIGHTS, check_room, json, load};
use crate::bert::{BertModel, BertSizes};
use glassbox_nn::Module;
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_tensor::random::Key;
use std::path::Path;

impl BertModel {
    /// Opens such a folder. Its parameters are frozen.
    ///
    /// ```
    /// use glassbox_nn::Context;
    /// use glassbox_tensor::Ids;
    /// use glassbox_transformer::BertModel;
    /// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hugging_face/bert");
    /// let bert = BertModel::open(&folder)?; // two layers, 8 wide
    /// let (ids, types) = (Ids::from([[1, 2, 3]]), Ids::from([[0, 0, 1]]));
    /// let x = bert.forward(&ids, &types, None, &Context::eval()); // (1, 3) -> (1, 3, 8)
    /// let sentence = x.value().mean(&[1], false); // (1, 8)
    /// assert_eq!(sentence.shape(), [1, 8]);
    /// # Ok::<(), glassbox_transformer::PretrainedError>(())
    /// ```
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another kind of model, or if it asks for what is not done here.
    pub fn open(folder: &Path) -> Result<BertModel, PretrainedError> {
        let path = folder.join(CONFIG);
        let config = Config { file: path.display().to_string(), all: json(&path)? };
        let kind = config.get::<String>("model_type")?;
        if kind.as_deref() != Some("bert") {
            let found = kind.map_or("nothing".to_string(), |kind| format!("{kind:?}"));
            return Err(
                config.wrong(format!("model_type is {found}, and it is a bert that is wanted; give another folder"))
            );
        }
        for (name, done) in [
            ("hidden_act", vec!["gelu".into()]),
            ("position_embedding_type", vec!["absolute".into()]),
            ("is_decoder", vec![false.into()]),
            ("add_cross_attention", vec![false.into()]),
        ] {
            config.only(name, &done)?;
        }
        let sizes = BertSizes {
            words: config.size("vocab_size", None)?,
            positions: config.size("max_position_embeddings", None)?,
            token_types: config.size("type_vocab_size", Some(2))?,
            layers: config.size("num_hidden_layers", None)?,
            heads: config.size("num_attention_heads", None)?,
            width: config.size("hidden_size", None)?,
            feed_forward: config.size("intermediate_size", None)?,
            dropout: 0.0,
        };
        let eps = config.real("layer_norm_eps", 1e-12)?;
        let BertSizes { words, positions, token_types, layers, heads, width, feed_forward, .. } = sizes;
        if !width.is_multiple_of(heads) {
            return Err(config.wrong(format!(
                "{heads} heads can't share {width} numbers evenly; correct num_attention_heads or hidden_size"
            )));
        }
        let file = SafetensorsFile::open(folder.join(WEIGHTS))?;
        let [c, f] = [width, feed_forward].map(|n| n as u128);
        let weights = c * (words + positions + token_types) as u128 + layers as u128 * (4 * c * c + 2 * f * c);
        check_room(&config, &file, layers, weights)?;
        let mut bert = BertModel::new(sizes, Key::new(0));
        bert.embeddings.layer_norm.eps = eps;
        for layer in &mut bert.encoder.layer {
            (layer.attention.output.layer_norm.eps, layer.output.layer_norm.eps) = (eps, eps);
        }
        let prefix = if file.shape("embeddings.word_embeddings.weight").is_some() { "" } else { "bert." };
        let known = |name: &str| {
            let plain = name.strip_prefix("bert.").unwrap_or(name);
            // 0, 1, 2, …, which old files keep
            plain.starts_with("pooler.") || plain.starts_with("cls.") || plain == "embeddings.position_ids"
        };
        load(&mut bert, &file, prefix, |_| false, known)?;
        bert.freeze();
        Ok(bert)
    }
}
