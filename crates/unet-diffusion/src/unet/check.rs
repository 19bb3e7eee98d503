//! Whether settings fit together, so that nothing later panics over them.

use super::config::{TimeEmbeddingType, UNet2dConfig};
use super::parts::{ATTENTION_GROUPS_OF_SKIPS, PICTURE, up_groups_of_skips, up_inputs};

/// More residual blocks in a level are no network, and each takes memory besides its weights.
const MOST_LAYERS: usize = 1024;

/// Groups of a level's normalisations where the picture itself takes part.
fn quarter(channels: usize) -> usize {
    (channels / 4).min(32)
}

fn divides(name: &str, groups: usize, channels: usize) -> Result<(), String> {
    if groups > 0 && channels > 0 && channels.is_multiple_of(groups) {
        return Ok(());
    }
    Err(format!("{name}: {groups} groups don't divide {channels} channels; take a divisor"))
}

impl UNet2dConfig {
    /// Whether these settings describe a network.
    ///
    /// # Errors
    /// A sentence that names the setting and the remedy.
    pub fn check(&self) -> Result<(), String> {
        self.check_sizes()?;
        self.check_numbers()?;
        self.check_levels()?;
        self.check_skips()
    }

    fn check_sizes(&self) -> Result<(), String> {
        let levels = self.block_out_channels.len();
        let [down, up] = [self.down_block_types.len(), self.up_block_types.len()];
        if levels == 0 || levels > 31 || levels != down || levels != up {
            return Err(format!(
                "block_out_channels has {levels} levels, down_block_types {down} and up_block_types {up}; give each as many, \
                 from 1 to 31"
            ));
        }
        if !(1..=MOST_LAYERS).contains(&self.layers_per_block) {
            return Err(format!("layers_per_block is {}; it must be from 1 to {MOST_LAYERS}", self.layers_per_block));
        }
        let sizes = [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("time_embedding_dim", self.time_embed_dim()),
            ("num_class_embeds", self.num_class_embeds.unwrap_or(1)),
        ];
        let channels = self.block_out_channels.iter().map(|&c| ("block_out_channels", c));
        // channels first: what isn't given of the others comes from them
        match channels.chain(sizes).find(|&(_, size)| size == 0 || size >= 1 << 31) {
            Some((name, size)) => Err(format!("{name} is {size}; it must be 1 or more, and below 2³¹")),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.dropout) {
            return Err(format!("dropout is {}; it is a probability from 0 to 1", self.dropout));
        }
        if !(self.norm_eps >= 0.0 && self.norm_eps.is_finite()) {
            return Err(format!("norm_eps is {}; it must be 0 or more", self.norm_eps));
        }
        if !(self.mid_block_scale_factor != 0.0 && self.mid_block_scale_factor.is_finite()) {
            return Err(format!(
                "mid_block_scale_factor is {}, which nothing can be divided by; take 1",
                self.mid_block_scale_factor
            ));
        }
        if self.downsample_padding > 1 {
            return Err(format!(
                "downsample_padding is {}, so that no picture would be doubled to the size that it was halved from; take 0 or 1",
                self.downsample_padding
            ));
        }
        let half = self.block_out_channels[0] / 2;
        match self.time_embedding_type {
            TimeEmbeddingType::Positional if half as f64 <= self.freq_shift || !self.freq_shift.is_finite() => {
                Err(format!(
                    "freq_shift is {}, and half of the {} waves must be above it; take 0 or 1",
                    self.freq_shift, self.block_out_channels[0]
                ))
            }
            TimeEmbeddingType::Learned if !matches!(self.num_train_timesteps, Some(1..=0x7fff_ffff)) => {
                Err("num_train_timesteps must say how many times there are, for time_embedding_type is learned"
                    .to_string())
            }
            _ => Ok(()),
        }
    }

    fn check_levels(&self) -> Result<(), String> {
        let levels = self.block_out_channels.len();
        for (i, &channels) in self.block_out_channels.iter().enumerate() {
            let (down, up) = (self.down_block_types[i], self.up_block_types[levels - 1 - i]);
            if !(down.skips() && up.skips()) {
                let Some(groups) = self.norm_num_groups else {
                    return Err(
                        "norm_num_groups is null; levels without a skip of the picture need a number".to_string()
                    );
                };
                divides("norm_num_groups", groups, channels)?;
            }
            if down.attends() || up.attends() {
                self.check_heads(channels)?;
            }
            if down.skips() {
                divides(
                    "SkipDownBlock2D",
                    quarter(self.block_out_channels[i.saturating_sub(1)]),
                    self.block_out_channels[i.saturating_sub(1)],
                )?;
                divides("SkipDownBlock2D", quarter(channels), channels)?;
            }
            if up.skips() {
                divides("SkipUpBlock2D", quarter(channels), channels)?;
                for inputs in up_inputs(self, levels - 1 - i) {
                    divides("SkipUpBlock2D", up_groups_of_skips(up, inputs), inputs[0] + inputs[1])?;
                }
            }
            if down.attends() && down.skips() || up.attends() && up.skips() {
                divides("AttnSkipDownBlock2D and AttnSkipUpBlock2D", ATTENTION_GROUPS_OF_SKIPS, channels)?;
            }
        }
        let [first, last] = [self.block_out_channels[0], self.block_out_channels[levels - 1]];
        divides("norm_num_groups", self.groups_of(first), first)?;
        if self.mid_block_type.is_some() {
            divides("norm_num_groups", self.groups_of(last), last)?;
            if self.add_attention {
                self.check_heads(last)?;
                if let Some(groups) = self.mid_attention_groups() {
                    divides("attn_norm_num_groups", groups, last)?;
                }
            }
        }
        Ok(())
    }

    fn check_heads(&self, channels: usize) -> Result<(), String> {
        match self.attention_head_dim {
            Some(dim) if dim == 0 || dim > channels => Err(format!(
                "attention_head_dim is {dim}, which gives a level of {channels} channels no head; take a divisor of {channels}"
            )),
            _ => Ok(()),
        }
    }

    /// Pictures that take part have three channels, and must have the level's size.
    fn check_skips(&self) -> Result<(), String> {
        let halving = &self.down_block_types[..self.down_block_types.len() - 1];
        if halving.iter().any(|down| down.skips()) && self.in_channels != PICTURE {
            return Err(format!("in_channels is {}; SkipDownBlock2D takes pictures of {PICTURE}", self.in_channels));
        }
        if let Some(last) = halving.iter().rposition(|down| down.skips())
            && !halving[..last].iter().all(|down| down.skips())
        {
            return Err(
                "down_block_types: levels before a SkipDownBlock2D must skip, too, so that the picture has its size"
                    .into(),
            );
        }
        let doubling = &self.up_block_types[..];
        let Some(first) = doubling.iter().position(|up| up.skips()) else { return Ok(()) };
        if !doubling[first..].iter().all(|up| up.skips()) {
            return Err(
                "up_block_types: levels after a SkipUpBlock2D must skip, too, so that the picture has its size".into(),
            );
        }
        if first + 1 < doubling.len() && self.out_channels != PICTURE {
            return Err(format!("out_channels is {}; SkipUpBlock2D makes pictures of {PICTURE}", self.out_channels));
        }
        Ok(())
    }
}
