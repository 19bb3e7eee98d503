//! How the network is told the time, and the class.

use super::config::{ClassEmbedType, TimeEmbeddingType, UNet2dConfig};
use super::parts::Builder;
use glassbox_autograd::Var;
use glassbox_nn::{Buffer, Embedding, Linear, Module, Name, Slot, SlotMut, TimestepOptions, timestep_embedding};
use glassbox_tensor::{Ids, Tensor};
use std::f64::consts::TAU;

/// Of how much the logarithms of the noise are spread over the waves.
const FOURIER_SCALE: f32 = 16.0;

/// From a time to numbers, before anything is learned, or a table of learned ones.
#[derive(Debug, Clone)]
pub enum TimeProjection {
    /// Sines and cosines of t: see [`timestep_embedding`].
    Positional(usize, TimestepOptions),
    /// (sin(2π·w·ln t), cos(2π·w·ln t)) for W frequencies w, drawn once and never learned: `weight` (W).
    Fourier(Buffer),
    /// Row t of `weight` (times, W).
    Learned(Embedding),
}

impl Module for TimeProjection {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        match self {
            TimeProjection::Positional(..) => {}
            TimeProjection::Fourier(weight) => weight.visit(name.child("weight"), f),
            TimeProjection::Learned(table) => table.visit(name, f),
        }
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        match self {
            TimeProjection::Positional(..) => {}
            TimeProjection::Fourier(weight) => weight.visit_mut(name.child("weight"), f),
            TimeProjection::Learned(table) => table.visit_mut(name, f),
        }
    }
}

impl TimeProjection {
    pub(super) fn build(make: &mut Builder<'_>) -> Self {
        let (config, width) = (make.config, make.config.block_out_channels[0]);
        match config.time_embedding_type {
            TimeEmbeddingType::Positional => {
                let (cos_first, shift) = (config.flip_sin_to_cos, config.freq_shift);
                TimeProjection::Positional(width, TimestepOptions { cos_first, shift, ..Default::default() })
            }
            TimeEmbeddingType::Fourier => {
                TimeProjection::Fourier(Buffer::new(&Tensor::randn([width], make.key()) * FOURIER_SCALE))
            }
            TimeEmbeddingType::Learned => {
                TimeProjection::Learned(Embedding::new(config.num_train_timesteps.unwrap_or(1), width, make.key()))
            }
        }
    }

    /// How many numbers a time becomes.
    pub(super) fn width(&self) -> usize {
        match self {
            TimeProjection::Positional(width, _) => *width,
            TimeProjection::Fourier(weight) => 2 * weight.value().numel(),
            TimeProjection::Learned(table) => table.weight.value().shape()[1],
        }
    }

    /// t (B) -> (B, width).
    ///
    /// # Panics
    /// If the table has no row for a time.
    #[track_caller]
    pub(super) fn forward(&self, t: &Tensor) -> Var {
        match self {
            TimeProjection::Positional(width, options) => Var::constant(timestep_embedding(t, *width, *options)),
            TimeProjection::Fourier(weight) => {
                let (w, mut rows) = (weight.value().to_vec(), Vec::new());
                for t in t.to_vec() {
                    let angle = |w: &f32| f64::from(t).ln() * f64::from(*w) * TAU;
                    rows.extend(w.iter().map(|w| angle(w).sin() as f32));
                    rows.extend(w.iter().map(|w| angle(w).cos() as f32));
                }
                Var::constant(Tensor::from_vec(rows, [t.numel(), 2 * w.len()]))
            }
            TimeProjection::Learned(table) => {
                let rows = table.weight.value().shape()[0];
                let id = |t: f32| {
                    let there = t >= 0.0 && t.fract() == 0.0 && (t as usize) < rows;
                    assert!(
                        there,
                        "UNet2d: time {t} has no row in a table of {rows}; give whole ones from 0 to {}",
                        rows - 1
                    );
                    t as u32
                };
                table.forward(&Ids::from_vec(t.to_vec().into_iter().map(id).collect(), [t.numel()]))
            }
        }
    }
}

/// linear_2(silu(linear_1(x))): (B, width) -> (B, E).
#[derive(Debug, Clone, Module)]
pub struct TimestepEmbedding {
    /// From the waves to E numbers.
    pub linear_1: Linear,
    /// From E to E.
    pub linear_2: Linear,
}

impl TimestepEmbedding {
    pub(super) fn build(width: usize, make: &mut Builder<'_>) -> Self {
        let e = make.config.time_embed_dim();
        Self { linear_1: Linear::new(width, e, make.key()), linear_2: Linear::new(e, e, make.key()) }
    }

    #[track_caller]
    pub(super) fn forward(&self, x: &Var) -> Var {
        self.linear_2.forward(&self.linear_1.forward(x).silu())
    }
}

/// What is known of each picture besides the time.
///
/// ```
/// use glassbox_tensor::Ids;
/// use glassbox_unet_diffusion::unet::Class;
/// let classes = Ids::from_vec(vec![3, 0], [2]);
/// assert!(matches!(Class::from(&classes), Class::Number(ids) if ids.numel() == 2));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Class<'a> {
    /// Its number (B), below [`num_class_embeds`](UNet2dConfig::num_class_embeds).
    Number(&'a Ids),
    /// A number (B) that is embedded as times are: [`ClassEmbedType::Timestep`].
    Quantity(&'a Tensor),
    /// A vector (B, E): [`ClassEmbedType::Identity`].
    Vector(&'a Var),
}

impl<'a> From<&'a Ids> for Class<'a> {
    fn from(ids: &'a Ids) -> Self {
        Class::Number(ids)
    }
}

/// From a class to E numbers, which are added to those of the time.
#[derive(Debug, Clone)]
pub enum ClassEmbedding {
    /// A row of `weight` (classes, E).
    Table(Embedding),
    /// As the time.
    Timestep(Box<TimestepEmbedding>),
    /// The vector itself.
    Identity,
}

impl Module for ClassEmbedding {
    fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
        match self {
            ClassEmbedding::Table(table) => table.visit(name, f),
            ClassEmbedding::Timestep(embedding) => embedding.visit(name, f),
            ClassEmbedding::Identity => {}
        }
    }

    fn visit_mut<'a>(&'a mut self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, SlotMut<'a>)) {
        match self {
            ClassEmbedding::Table(table) => table.visit_mut(name, f),
            ClassEmbedding::Timestep(embedding) => embedding.visit_mut(name, f),
            ClassEmbedding::Identity => {}
        }
    }
}

impl ClassEmbedding {
    /// `None` for a network that is told no class.
    pub(super) fn build(width: usize, make: &mut Builder<'_>) -> Option<Self> {
        let UNet2dConfig { class_embed_type, num_class_embeds, .. } = *make.config;
        let e = make.config.time_embed_dim();
        match (class_embed_type, num_class_embeds) {
            (Some(ClassEmbedType::Timestep), _) => {
                Some(ClassEmbedding::Timestep(Box::new(TimestepEmbedding::build(width, make))))
            }
            (Some(ClassEmbedType::Identity), _) => Some(ClassEmbedding::Identity),
            (None, Some(classes)) => Some(ClassEmbedding::Table(Embedding::new(classes, e, make.key()))),
            (None, None) => None,
        }
    }

    /// (B, E).
    ///
    /// # Panics
    /// If the class is told in another way than the network was made for.
    #[track_caller]
    pub(super) fn forward(&self, class: Class<'_>, times: &TimeProjection) -> Var {
        match (self, class) {
            (ClassEmbedding::Table(table), Class::Number(ids)) => table.forward(ids),
            (ClassEmbedding::Timestep(embedding), Class::Quantity(t)) => embedding.forward(&times.forward(t)),
            (ClassEmbedding::Identity, Class::Vector(vector)) => vector.clone(),
            (of, _) => {
                let wanted = match of {
                    ClassEmbedding::Table(_) => "Class::Number",
                    ClassEmbedding::Timestep(_) => "Class::Quantity",
                    ClassEmbedding::Identity => "Class::Vector",
                };
                panic!("UNet2d: this network is told a class as {wanted}, and it is another kind; pass that")
            }
        }
    }
}
