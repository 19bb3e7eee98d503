//! Outputs and gradients are diffusers', for networks of every kind of level and every setting.

use crate::{case, rule};
use glassbox_autograd::Var;
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_nn::{Context, Module, Name, Slot};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Ids, Tensor};
use glassbox_unet_diffusion::unet::{Class, ClassEmbedType, UNet2d, UNet2dConfig};
use std::collections::BTreeMap;

/// Of the output's largest number.
const OUTPUT: f64 = 1e-4;
/// Of a gradient's norm.
const GRADIENT: f64 = 1e-3;
/// So many numbers of each gradient are kept at most.
const SAMPLES: usize = 16;

fn network(name: &str) -> UNet2d {
    let folder = case(name);
    if folder.join("diffusion_pytorch_model.safetensors").exists() {
        return UNet2d::load(folder).unwrap();
    }
    let mut unet = UNet2d::new(UNet2dConfig::read(folder.join("config.json")).unwrap(), Key::new(0));
    rule::fill(&mut unet);
    unet
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn hold(name: &str) {
    let unet = network(name);
    let expected = SafetensorsFile::open(case(name).join("expected.safetensors")).unwrap();
    let read = |tensor: &str| expected.read(tensor).unwrap();

    // The names are theirs, in full.
    let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
    unet.visit(Name::root(), &mut |name, slot: Slot<'_>| {
        shapes.insert(name.to_string(), slot.value().numel());
    });
    let theirs: Vec<&str> = expected.metadata("names").unwrap().split(' ').collect();
    assert!(shapes.keys().eq(theirs.iter()), "{name}: {:?} are not {theirs:?}", shapes.keys());

    match (unet.config().class_embed_type, unet.config().num_class_embeds) {
        (Some(ClassEmbedType::Timestep), _) => compare(name, &unet, &expected, Some(Class::Quantity(&read("class")))),
        (Some(ClassEmbedType::Identity), _) => {
            compare(name, &unet, &expected, Some(Class::Vector(&Var::constant(read("class")))));
        }
        (None, Some(_)) => {
            let numbers = read("class").to_vec().iter().map(|&id| id as u32).collect();
            compare(name, &unet, &expected, Some(Class::Number(&Ids::from_vec(numbers, [2]))));
        }
        (None, None) => compare(name, &unet, &expected, None),
    }
}

fn compare(name: &str, unet: &UNet2d, expected: &SafetensorsFile, class: Option<Class<'_>>) {
    let read = |tensor: &str| expected.read(tensor).unwrap();
    let y = unet.forward(&Var::constant(read("x")), &read("t"), class, &Context::eval());
    let theirs = read("y");
    assert_eq!(y.shape(), theirs.shape(), "{name}");
    let largest = theirs.to_vec().iter().fold(0f32, |m, y| m.max(y.abs()));
    let off = y.value().to_vec().iter().zip(theirs.to_vec()).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    let off = f64::from(off / largest);
    assert!(off <= OUTPUT, "{name}: the output is off by {off:.1e} of its largest number, {largest}");

    let grads = (&y * &Var::constant(rule::uniform("y", y.shape()))).sum_all().backward();
    let gradients = read("gradients").to_vec();
    let (mut at, mut worst) = (0, (0.0, String::new()));
    let parameters: BTreeMap<String, _> = unet.parameters().into_iter().collect();
    for (key, param) in parameters {
        let zeros = || Tensor::zeros(param.value().shape());
        let g = grads.get(param.id()).cloned().unwrap_or_else(zeros).to_vec();
        let mut ours = vec![dot(&g, &g).sqrt(), dot(&g, &rule::uniform(&format!("probe {key}"), [g.len()]).to_vec())];
        ours.extend(g.iter().step_by(g.len().div_ceil(SAMPLES)).map(|&g| f64::from(g)));
        let theirs = &gradients[at..at + ours.len()];
        at += ours.len();
        let norm = f64::from(theirs[0]);
        if norm < 1e-9 {
            // Softmax takes a bias of keys away again: the true gradient is 0, and ours is the rounding of larger ones.
            assert!(
                key.ends_with("to_k.bias") && ours[0] < 1e-5,
                "{name}: the gradient of {key} is {}, and 0 in truth",
                ours[0]
            );
            continue;
        }
        for (ours, &theirs) in ours.iter().zip(theirs) {
            let off = (ours - f64::from(theirs)).abs() / norm;
            assert!(
                off <= GRADIENT,
                "{name}: the gradient of {key} is off by {off:.1e} of its norm {norm}: {ours} for {theirs}"
            );
            if off > worst.0 {
                worst = (off, key.clone());
            }
        }
    }
    assert_eq!(at, gradients.len(), "{name}: as many gradients");
    println!("{name}: output off by {off:.1e}, gradients by at most {:.1e} ({})", worst.0, worst.1);
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            hold(stringify!($name));
        })*

        #[test]
        fn every_case_is_held() {
            let names = std::fs::read_dir(case("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            let mut held = vec![$(stringify!($name)),*];
            held.sort();
            assert_eq!(names, held);
        }
    };
}

cases!(
    attention_everywhere,
    class_identity,
    class_scale_shift,
    class_timestep,
    deep,
    fourier,
    learned,
    no_middle,
    odd_below,
    odd_one_level,
    resnet,
    saved,
    skips,
);
