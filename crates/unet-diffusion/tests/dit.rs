//! DiT: its shapes, its derivative, what its gates mean, and its numbers beside those of diffusers.

#[path = "unet/rule.rs"]
mod rule;

use glassbox_autograd::{Var, gradcheck};
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_nn::optim::Adam;
use glassbox_nn::{Context, Module, Name};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor, assert_close};
use glassbox_unet_diffusion::dit::{Dit, DitConfig, sincos_positions};

fn tiny() -> DitConfig {
    DitConfig {
        input_size: [4, 6],
        in_channels: 2,
        out_channels: 3,
        hidden_size: 8,
        depth: 2,
        num_heads: 2,
        num_classes: Some(3),
        ..DitConfig::default()
    }
}

/// With every number away from 0, so that all of it takes part.
fn awake(config: DitConfig) -> Dit {
    let mut dit = Dit::new(config, Key::new(0));
    let mut salt = 100;
    dit.visit_mut(Name::root(), &mut |name, mut slot| {
        salt += 1;
        if name.to_string() != "pos_embed" {
            let shape = slot.value().shape().to_vec();
            slot.set_value(&Tensor::randn(shape, Key::new(salt)) * 0.2);
        }
    });
    dit
}

#[test]
fn the_gradient_agrees_with_central_differences() {
    let dit = awake(DitConfig { depth: 1, ..tiny() });
    let (x, t) = (Tensor::randn([2, 2, 4, 6], Key::new(2)), Tensor::from_slice(&[3.0, 41.0], [2]));
    let classes = Ids::from_vec(vec![2, 3], [2]);
    gradcheck(|x| dit.forward(&x[0], &t, Some(&classes), &Context::eval()).square().mean_all(), &[x]).unwrap();
}

/// `tools/torch/diffusion/dit.py` wrote the numbers.
#[test]
fn outputs_and_gradients_are_those_of_diffusers() {
    let config = DitConfig { input_size: [6, 6], hidden_size: 16, num_classes: Some(5), ..tiny() };
    let mut dit = Dit::new(config, Key::new(0));
    let positions = dit.pos_embed.clone();
    rule::fill(&mut dit);
    dit.pos_embed = positions;
    let theirs = SafetensorsFile::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dit.safetensors")).unwrap();
    let read = |name: &str| theirs.read(name).unwrap();
    let classes = Ids::from_vec(read("class").to_vec().iter().map(|&id| id as u32).collect(), [2]);
    let x = Var::input(read("x"));
    let y = dit.forward(&x, &read("t"), Some(&classes), &Context::eval());
    assert_close!(*y.value(), read("y"), 1e-5, 1e-5);

    let grads = (&y * &Var::constant(rule::uniform("y", y.shape()))).sum_all().backward();
    assert_close!(*grads.of(&x), read("dx"), 1e-4, 1e-4);
    let mut parameters = dit.parameters();
    parameters.sort_by(|a, b| a.0.cmp(&b.0));
    let norms = read("norms").to_vec();
    assert_eq!(parameters.len(), norms.len());
    for ((name, param), norm) in parameters.into_iter().zip(norms) {
        let squares = grads.get(param.id()).unwrap().to_vec().iter().map(|&g| f64::from(g).powi(2)).sum::<f64>();
        let ours = squares.sqrt() as f32;
        assert!((ours - norm).abs() <= 1e-3 * norm, "{name}: {ours} is not {norm}");
    }
}

#[test]
fn names_are_those_of_the_papers_code() {
    let mut names = Vec::new();
    Dit::new(DitConfig { depth: 1, ..tiny() }, Key::new(0))
        .visit(Name::root(), &mut |name, _| names.push(name.to_string()));
    let weights: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".weight")).collect();
    let expected = "x_embedder.proj t_embedder.mlp.0 t_embedder.mlp.2 y_embedder.embedding_table blocks.0.attn.qkv blocks.0.attn.proj \
                    blocks.0.mlp.fc1 blocks.0.mlp.fc2 blocks.0.adaLN_modulation.1 final_layer.linear final_layer.adaLN_modulation.1";
    assert_eq!(weights.join(" "), expected);
    assert!(names.contains(&"pos_embed".to_string()));
}

/// Patch by patch from the formula, with one block less than one: the path from pixels to pixels.
#[test]
fn without_blocks_each_patch_is_made_from_its_own_pixels() {
    let dit = awake(DitConfig { depth: 0, ..tiny() });
    let (x, t, class) = (Tensor::randn([1, 2, 4, 6], Key::new(5)), Tensor::zeros([1]), Ids::from_vec(vec![0], [1]));
    let of = |x: &Tensor| dit.forward(&Var::constant(x.clone()), &t, Some(&class), &Context::eval()).into_value();
    let mut other = x.to_vec();
    other[6 + 3] += 1.0; // channel 0, row 1, column 3: patch (0, 1)
    let (y, z) = (of(&x), of(&Tensor::from_vec(other, [1, 2, 4, 6])));
    for (channel, row, col) in (0..3).flat_map(|c| (0..4).flat_map(move |i| (0..6).map(move |j| (c, i, j)))) {
        let same = y.at([0, channel, row, col]) == z.at([0, channel, row, col]);
        assert_eq!(same, (row / 2, col / 2) != (0, 1), "channel {channel}, row {row}, column {col}");
    }
}

#[test]
fn gates_open_as_it_learns() {
    let mut dit = Dit::new(tiny(), Key::new(0));
    let (x, target) =
        (Var::constant(Tensor::randn([4, 2, 4, 6], Key::new(1))), Tensor::randn([4, 3, 4, 6], Key::new(2)));
    let (t, class) = (Tensor::from_slice(&[1.0, 10.0, 100.0, 900.0], [4]), Ids::from_vec(vec![0, 1, 2, 3], [4]));
    let mut adam = Adam::new(0.01);
    let mut losses = Vec::new();
    for step in 0..60 {
        let y = dit.forward(&x, &t, Some(&class), &Context::train(Key::new(step)));
        let loss = (&y - &Var::constant(target.clone())).square().mean_all();
        losses.push(loss.item());
        adam.step(&mut dit, &loss.backward()).unwrap();
    }
    let squares = (&target * &target).mean(&[0, 1, 2, 3], false).item();
    assert!((losses[0] - squares).abs() < 1e-5, "the output begins as 0");
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn training_alone_forgets_classes() {
    let dit = awake(DitConfig { class_dropout: 1.0, ..tiny() });
    let (x, t) = (Var::constant(Tensor::randn([1, 2, 4, 6], Key::new(1))), Tensor::zeros([1]));
    let of = |class: u32, ctx: Context| dit.forward(&x, &t, Some(&Ids::from_vec(vec![class], [1])), &ctx).into_value();
    assert_eq!(of(0, Context::train(Key::new(0))), of(3, Context::eval()));
    assert_ne!(of(0, Context::eval()), of(3, Context::eval()));
}

/// The position of each patch is unlike that of any other, and nearer patches are more alike.
#[test]
fn positions_tell_rows_and_columns() {
    let p = sincos_positions([5, 7], 16);
    let like = |a: usize, b: usize| (0..16).map(|i| p.at([a, i]) * p.at([b, i])).sum::<f32>();
    for a in 0..35 {
        assert!((like(a, a) - 8.0).abs() < 1e-5);
        assert!((0..35).filter(|&b| b != a).all(|b| like(a, b) < 7.999));
    }
    assert!(like(0, 1) > like(0, 2) && like(0, 7) > like(0, 14));
}

#[test]
#[should_panic(expected = "is not (B, 2, 4, 6)")]
fn another_size_is_refused() {
    let dit = Dit::new(tiny(), Key::new(0));
    dit.forward(&Var::constant(Tensor::zeros([1, 2, 6, 6])), &Tensor::zeros([1]), None, &Context::eval());
}
