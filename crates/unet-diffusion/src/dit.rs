//! DiT: a transformer in the UNet's place.
//!
//! The picture is cut into patches, which become the positions of a sequence; a transformer looks at all of them at once, and each is
//! turned into a patch again. The time and the class reach every block through what its normalisations scale and shift by (adaptive layer
//! norm), and through gates that begin closed: at first every block passes on what it gets, and the output is 0 (adaLN-Zero).
//!
//! ```text
//! c = t_embedder(t) + y_embedder(class)                                            (B, D)
//! x = patches of the picture, each a product of its pixels, + position             (B, T, D)
//! shift, scale, gate, shift′, scale′, gate′ = adaLN_modulation(silu(c))            6 × (B, 1, D)
//! x = x + gate · attention(norm(x)·(1 + scale) + shift)                            in each block
//! x = x + gate′ · mlp(norm(x)·(1 + scale′) + shift′)
//! ```
//!
//! Source: Peebles & Xie 2023, Scalable Diffusion Models with Transformers, section 3; parameters are called as in their code.

use glassbox_autograd::{AttentionOptions, Var};
use glassbox_nn::{
    Buffer, Context, Conv2d, Embedding, Linear, Module, Param, TimestepOptions, init, timestep_embedding,
};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Ids, Tensor};

/// Waves that show the time.
const WAVES: usize = 256;
/// Of the normalisations.
const EPS: f32 = 1e-6;

/// The sizes of a [`Dit`].
///
/// ```
/// use glassbox_unet_diffusion::dit::DitConfig;
/// let config = DitConfig { hidden_size: 96, ..DitConfig::default() };
/// assert_eq!((config.positions(), config.check()), (196, Ok(())));
/// assert!(DitConfig { patch_size: 5, ..config }.check().unwrap_err().contains("patch_size"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DitConfig {
    /// (height, width) of the pictures.
    pub input_size: [usize; 2],
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the output: those of x, or twice as many where it also says a variance.
    pub out_channels: usize,
    /// The side of a patch.
    pub patch_size: usize,
    /// D: numbers of a position; a multiple of 4.
    pub hidden_size: usize,
    /// Blocks.
    pub depth: usize,
    /// Attentions side by side.
    pub num_heads: usize,
    /// The layer within each block is so many times as wide as D.
    pub mlp_ratio: usize,
    /// Classes, if the network is told one; one row more stands for none.
    pub num_classes: Option<usize>,
    /// The probability that training is not told the class of a picture, so that the network learns both.
    pub class_dropout: f32,
}

/// For grey pictures of 28 × 28: patches of 2, 6 blocks of 128.
impl Default for DitConfig {
    fn default() -> Self {
        Self {
            input_size: [28, 28],
            in_channels: 1,
            out_channels: 1,
            patch_size: 2,
            hidden_size: 128,
            depth: 6,
            num_heads: 4,
            mlp_ratio: 4,
            num_classes: None,
            class_dropout: 0.1,
        }
    }
}

impl DitConfig {
    /// T: patches of a picture.
    pub fn positions(&self) -> usize {
        let [h, w] = self.input_size;
        (h / self.patch_size) * (w / self.patch_size)
    }

    /// Whether these sizes fit together.
    ///
    /// # Errors
    /// A sentence that names the setting and the remedy.
    pub fn check(&self) -> Result<(), String> {
        let Self { input_size: [h, w], patch_size: p, hidden_size: d, num_heads, .. } = *self;
        if [h, w, p, self.in_channels, self.out_channels, self.mlp_ratio, self.num_classes.unwrap_or(1)].contains(&0) {
            return Err("a size is 0; each must be 1 or more".to_string());
        }
        if !h.is_multiple_of(p) || !w.is_multiple_of(p) {
            return Err(format!(
                "patch_size is {p}, which doesn't cut {h} × {w} pixels evenly; take a divisor of both"
            ));
        }
        if d == 0 || !d.is_multiple_of(4) || num_heads == 0 || !d.is_multiple_of(num_heads) {
            return Err(format!("hidden_size is {d} and num_heads {num_heads}; take a multiple of 4 and of the heads"));
        }
        if !(0.0..=1.0).contains(&self.class_dropout) {
            return Err(format!("class_dropout is {}; it is a probability from 0 to 1", self.class_dropout));
        }
        Ok(())
    }
}

/// Waves of the row and the column of each patch, in (rows × columns, D): the first half of a row's numbers tells the column, sines and
/// then cosines with wavelengths from 2π to 10000·2π, and the second half the row likewise.
///
/// ```
/// use glassbox_unet_diffusion::dit::sincos_positions;
/// let p = sincos_positions([2, 3], 8); // position 4 is column 1 of row 1
/// assert_eq!((p.shape(), p.at([4, 0]), p.at([4, 4])), (&[6, 8][..], 1f32.sin(), 1f32.sin()));
/// ```
///
/// # Panics
/// If D isn't a multiple of 4.
#[track_caller]
pub fn sincos_positions([rows, cols]: [usize; 2], dim: usize) -> Tensor {
    assert!(dim.is_multiple_of(4), "sincos_positions: {dim} is not a multiple of 4; make it one");
    let places = |f: fn(usize, usize) -> usize| {
        let of = (0..rows * cols).map(|i| f(i, cols) as f32).collect();
        let waves = TimestepOptions { shift: 0.0, ..Default::default() };
        timestep_embedding(&Tensor::from_vec(of, [rows * cols]), dim / 2, waves)
    };
    Tensor::cat(&[&places(|i, cols| i % cols), &places(|i, cols| i / cols)], 1)
}

/// Patches to positions: `proj` is a convolution whose stride is its kernel.
#[derive(Debug, Clone, Module)]
pub struct PatchEmbed {
    /// (D, C, p, p).
    pub proj: Conv2d,
}

/// The time's waves through two products: (B) -> (B, D).
#[derive(Debug, Clone, Module)]
pub struct TimestepEmbedder {
    /// From 256 waves to D.
    #[module(name = "mlp.0")]
    pub fc1: Linear,
    /// From D to D.
    #[module(name = "mlp.2")]
    pub fc2: Linear,
}

/// A row for each class, and the last for none: (B) -> (B, D).
#[derive(Debug, Clone, Module)]
pub struct LabelEmbedder {
    /// (classes + 1, D).
    pub embedding_table: Embedding,
}

/// Attention of every position to every position.
#[derive(Debug, Clone, Module)]
pub struct SelfAttention {
    /// Queries, keys and values below each other: (3·D, D).
    pub qkv: Linear,
    /// (D, D).
    pub proj: Linear,
}

/// Two products with GELU (its approximation by tanh) between them.
#[derive(Debug, Clone, Module)]
pub struct Mlp {
    /// From D to `mlp_ratio`·D.
    pub fc1: Linear,
    /// And back.
    pub fc2: Linear,
}

/// Attention and two products, told the time by adaptive layer norm.
#[derive(Debug, Clone, Module)]
pub struct DitBlock {
    /// Over positions.
    pub attn: SelfAttention,
    /// Over each position.
    pub mlp: Mlp,
    /// From D numbers of time and class to 6·D; begins as 0.
    #[module(name = "adaLN_modulation.1")]
    pub modulation: Linear,
    #[module(skip)]
    heads: usize,
}

/// A normalisation and the product that makes patches.
#[derive(Debug, Clone, Module)]
pub struct FinalLayer {
    /// From D to p·p·out; begins as 0.
    pub linear: Linear,
    /// From D numbers of time and class to 2·D; begins as 0.
    #[module(name = "adaLN_modulation.1")]
    pub modulation: Linear,
}

/// eps_theta(x, t): a picture in and one of the same size out.
///
/// ```
/// use glassbox_autograd::Var;
/// use glassbox_nn::Context;
/// use glassbox_tensor::{Ids, Tensor, random::Key};
/// use glassbox_unet_diffusion::dit::{Dit, DitConfig};
/// let config = DitConfig { hidden_size: 32, depth: 2, num_classes: Some(10), ..DitConfig::default() };
/// let dit = Dit::new(config, Key::new(0));
/// let x = Var::constant(Tensor::randn([2, 1, 28, 28], Key::new(1)));
/// let (t, class) = (Tensor::from_slice(&[3.0, 500.0], [2]), Ids::from_vec(vec![7, 10], [2])); // 10: told none
/// let y = dit.forward(&x, &t, Some(&class), &Context::train(Key::new(2)));
/// assert_eq!(y.value(), &Tensor::zeros([2, 1, 28, 28])); // gates and the last product begin as 0
/// ```
#[derive(Debug, Clone, Module)]
pub struct Dit {
    /// Cuts the picture.
    pub x_embedder: PatchEmbed,
    /// (1, T, D), never learned: [`sincos_positions`].
    pub pos_embed: Buffer,
    /// Tells the time.
    pub t_embedder: TimestepEmbedder,
    /// Tells the class, if there are any.
    pub y_embedder: Option<LabelEmbedder>,
    /// All alike.
    pub blocks: Vec<DitBlock>,
    /// Makes patches again.
    pub final_layer: FinalLayer,
    #[module(skip)]
    config: DitConfig,
}

/// A product with Glorot's initial values and no bias yet.
fn glorot(inputs: usize, outputs: usize, key: Key) -> Linear {
    let mut linear = Linear::new(inputs, outputs, key);
    linear.weight = Param::new(init::xavier_uniform([outputs, inputs], 1.0, key));
    linear.bias = Some(Param::new(Tensor::zeros([outputs])));
    linear
}

/// A product that gives 0 until it has learned something.
fn closed(inputs: usize, outputs: usize) -> Linear {
    let mut linear = Linear::new(inputs, outputs, Key::new(0));
    linear.weight = Param::new(Tensor::zeros([outputs, inputs]));
    linear.bias = Some(Param::new(Tensor::zeros([outputs])));
    linear
}

/// norm(x)·(1 + scale) + shift: x (B, T, D), shift and scale (B, 1, D).
fn modulated(x: &Var, shift: &Var, scale: &Var) -> Var {
    let &[.., d] = x.shape() else { unreachable!("(B, T, D)") };
    &(&x.layer_norm(&[d], None, None, EPS) * &(scale + 1.0)) + shift
}

impl DitBlock {
    fn new(config: &DitConfig, key: Key) -> Self {
        let (d, wide) = (config.hidden_size, config.mlp_ratio * config.hidden_size);
        Self {
            attn: SelfAttention { qkv: glorot(d, 3 * d, key.fold(0)), proj: glorot(d, d, key.fold(1)) },
            mlp: Mlp { fc1: glorot(d, wide, key.fold(2)), fc2: glorot(wide, d, key.fold(3)) },
            modulation: closed(d, 6 * d),
            heads: config.num_heads,
        }
    }

    /// x (B, T, D), c (B, 1, D), which is silu of time and class -> (B, T, D).
    #[track_caller]
    fn forward(&self, x: &Var, c: &Var) -> Var {
        let told = self.modulation.forward(c).chunk(6, 2); // 6 × (B, 1, D)
        let attended = self.attend(&modulated(x, &told[0], &told[1]));
        let x = x + &(&told[2] * &attended);
        let hidden = self.mlp.fc1.forward(&modulated(&x, &told[3], &told[4])).gelu_tanh();
        &x + &(&told[5] * &self.mlp.fc2.forward(&hidden))
    }

    /// (B, T, D) -> (B, T, D).
    #[track_caller]
    fn attend(&self, x: &Var) -> Var {
        let &[b, t, d] = x.shape() else { unreachable!("(B, T, D)") };
        let qkv = self.attn.qkv.forward(x).reshape([b, t, 3 * self.heads, d / self.heads]);
        let qkv = qkv.transpose(1, 2).chunk(3, 1); // (B, T, 3H, D/H) -> 3 × (B, H, T, D/H)
        let y = qkv[0].attention(&qkv[1], &qkv[2], AttentionOptions::default());
        self.attn.proj.forward(&y.transpose(1, 2).reshape([b, t, d]))
    }
}

impl Dit {
    /// With the initial values of the paper's code: Glorot's, N(0, 0.02²) for what tells time and class, 0 where gates and output begin.
    ///
    /// # Panics
    /// If the sizes don't fit together: [`DitConfig::check`] says so without a panic.
    #[track_caller]
    pub fn new(config: DitConfig, key: Key) -> Self {
        if let Err(problem) = config.check() {
            panic!("Dit: {problem}");
        }
        let DitConfig { input_size: [h, w], in_channels, out_channels, patch_size: p, hidden_size: d, .. } = config;
        let normal = |shape: [usize; 2], salt: u64| Param::new(&Tensor::randn(shape, key.fold(salt)) * 0.02);
        let stride = Conv2dOptions { stride: [p, p], ..Default::default() };
        let mut proj = Conv2d::with(in_channels, d, [p, p], stride, key.fold(0));
        let flat = init::xavier_uniform([d, in_channels * p * p], 1.0, key.fold(0)); // as the product that it is
        proj.weight = Param::new(flat.reshape([d, in_channels, p, p]));
        proj.bias = Some(Param::new(Tensor::zeros([d])));
        let [mut fc1, mut fc2] = [closed(WAVES, d), closed(d, d)];
        (fc1.weight, fc2.weight) = (normal([d, WAVES], 1), normal([d, d], 2));
        let y_embedder = config.num_classes.map(|classes| {
            let mut embedding_table = Embedding::new(classes + 1, d, key.fold(3));
            embedding_table.weight = normal([classes + 1, d], 3);
            LabelEmbedder { embedding_table }
        });
        let positions = sincos_positions([h / p, w / p], d).reshape([1, config.positions(), d]);
        Self {
            x_embedder: PatchEmbed { proj },
            pos_embed: Buffer::new(positions),
            t_embedder: TimestepEmbedder { fc1, fc2 },
            y_embedder,
            blocks: (0..config.depth).map(|i| DitBlock::new(&config, key.fold(10 + i as u64))).collect(),
            final_layer: FinalLayer { linear: closed(d, p * p * out_channels), modulation: closed(d, 2 * d) },
            config,
        }
    }

    /// The sizes that it was made with.
    pub fn config(&self) -> &DitConfig {
        &self.config
    }

    /// x (B, C, H, W) at the times t (B), or one for all of them (1), of the given classes (B) -> (B, out, H, W). A class equal to their
    /// number stands for none; in training each is replaced by it with the probability `class_dropout`.
    ///
    /// # Panics
    /// If shapes don't fit; if classes are given and the network is told none, or the other way round.
    #[track_caller]
    pub fn forward(&self, x: &Var, t: &Tensor, class: Option<&Ids>, ctx: &Context) -> Var {
        let DitConfig { input_size: [h, w], in_channels, out_channels, patch_size: p, hidden_size: d, .. } =
            self.config;
        assert!(
            x.rank() == 4 && x.shape()[1..] == [in_channels, h, w],
            "Dit: x {:?} is not (B, {in_channels}, {h}, {w}); scale it, or make the network for its size",
            x.shape()
        );
        let (b, positions) = (x.shape()[0], self.config.positions());
        let t = if t.numel() == 1 { t.reshape([1]).expand([b]) } else { t.clone() };
        assert!(t.shape() == [b], "Dit: t {:?} is not ({b}); give a time for each picture", t.shape());
        let c = self.told(&t, class, ctx).silu().unsqueeze(1); // (B, 1, D)

        let patches = self.x_embedder.proj.forward(x).reshape([b, d, positions]).transpose(1, 2); // -> (B, T, D)
        let mut y = &patches + &Var::constant(self.pos_embed.value());
        for block in &self.blocks {
            y = block.forward(&y, &c);
        }
        let told = self.final_layer.modulation.forward(&c).chunk(2, 2);
        let y = self.final_layer.linear.forward(&modulated(&y, &told[0], &told[1])); // -> (B, T, p·p·out)
        let y = y.reshape([b, h / p, w / p, p, p, out_channels]).permute(&[0, 5, 1, 3, 2, 4]);
        y.reshape([b, out_channels, h, w])
    }

    /// Time and class: (B), (B) -> (B, D).
    #[track_caller]
    fn told(&self, t: &Tensor, class: Option<&Ids>, ctx: &Context) -> Var {
        let options = TimestepOptions { cos_first: true, shift: 0.0, ..Default::default() };
        let waves = Var::constant(timestep_embedding(t, WAVES, options));
        let time = self.t_embedder.fc2.forward(&self.t_embedder.fc1.forward(&waves).silu());
        match (&self.y_embedder, class) {
            (None, None) => time,
            (Some(embedder), Some(class)) => &time + &embedder.embedding_table.forward(&self.dropped(class, ctx)),
            (Some(_), None) => panic!("Dit: this network is told classes, and there are none; pass Some(classes)"),
            (None, Some(_)) => {
                panic!("Dit: this network is told no class, and there are some; pass None, or set num_classes")
            }
        }
    }

    /// In training, some classes become none.
    fn dropped(&self, class: &Ids, ctx: &Context) -> Ids {
        let (rate, none) = (self.config.class_dropout, self.config.num_classes.unwrap_or(0) as u32);
        if !ctx.is_training() || rate == 0.0 {
            return class.clone();
        }
        let u = Tensor::rand([class.numel()], ctx.key()).to_vec();
        let kept = class.as_slice().iter().zip(u).map(|(&id, u)| if u < rate { none } else { id });
        Ids::from_vec(kept.collect(), class.shape())
    }
}
