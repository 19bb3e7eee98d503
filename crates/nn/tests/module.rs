//! The names of parameters are PyTorch's, however modules are nested.

use glassbox_nn::{Buffer, Linear, Module, Name, Param, Slot, SlotMut};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, Key::new(0))
}

/// All names, buffers included, in the order of the visit.
fn names(module: &(impl Module + ?Sized)) -> Vec<String> {
    let mut names = Vec::new();
    module.visit(Name::root(), &mut |name, _| names.push(name.to_string()));
    names
}

#[derive(Module)]
struct BatchNorm {
    weight: Param,
    bias: Param,
    running_mean: Buffer,
    running_var: Buffer,
    #[module(skip)]
    momentum: f32,
}

fn batch_norm(features: usize) -> BatchNorm {
    BatchNorm {
        weight: Param::new(Tensor::ones([features])),
        bias: Param::new(Tensor::zeros([features])),
        running_mean: Buffer::new(Tensor::zeros([features])),
        running_var: Buffer::new(Tensor::ones([features])),
        momentum: 0.1,
    }
}

/// nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
#[derive(Module)]
struct Head(Linear, #[module(skip)] &'static str, Linear);

#[derive(Module)]
struct Attention {
    to_q: Linear,
    #[module(name = "to_out.0")]
    to_out: Linear,
}

#[derive(Module)]
struct Net<B> {
    stem: Box<Linear>,
    blocks: Vec<B>,
    heads: [Head; 2],
    norm: Option<BatchNorm>,
    shortcut: Option<Linear>,
    r#type: Param,
}

fn net() -> Net<Attention> {
    let head = || Head(linear(2, 3), "relu", Linear::without_bias(3, 1, Key::new(1)));
    let block = || Attention { to_q: linear(2, 2), to_out: linear(2, 2) };
    Net {
        stem: Box::new(linear(4, 2)),
        blocks: vec![block(), block()],
        heads: [head(), head()],
        norm: Some(batch_norm(2)),
        shortcut: None,
        r#type: Param::new(Tensor::scalar(1.0)),
    }
}

#[test]
fn names_are_those_of_pytorchs_state_dict() {
    // The keys of state_dict() that PyTorch 2.15 has for this structure, but for its norm.num_batches_tracked.
    let expected = [
        "stem.weight",
        "stem.bias",
        "blocks.0.to_q.weight",
        "blocks.0.to_q.bias",
        "blocks.0.to_out.0.weight",
        "blocks.0.to_out.0.bias",
        "blocks.1.to_q.weight",
        "blocks.1.to_q.bias",
        "blocks.1.to_out.0.weight",
        "blocks.1.to_out.0.bias",
        "heads.0.0.weight",
        "heads.0.0.bias",
        "heads.0.2.weight",
        "heads.1.0.weight",
        "heads.1.0.bias",
        "heads.1.2.weight",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "type",
    ];
    let mut net = net();
    assert_eq!(names(&net), expected);
    let mut by_visit_mut = Vec::new();
    net.visit_mut(Name::root(), &mut |name, _| by_visit_mut.push(name.to_string()));
    assert_eq!(by_visit_mut, expected);
    assert_eq!((net.heads[0].1, net.norm.map(|norm| norm.momentum)), ("relu", Some(0.1)));
}

#[test]
fn buffers_are_no_parameters() {
    let norm = batch_norm(3);
    let of = |found: Vec<(String, _)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(norm.num_parameters(), 6);
    assert_eq!(norm.parameters().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["weight", "bias"]);
    assert_eq!(of(norm.buffers()), ["running_mean", "running_var"]);
    assert_eq!(norm.leaf_ids().len(), 2);
}

#[test]
fn a_boxed_module_of_any_type_is_a_module() {
    let layers: Vec<Box<dyn Module>> = vec![Box::new(linear(1, 1)), Box::new(batch_norm(1))];
    assert_eq!(names(&layers)[..3], ["0.weight", "0.bias", "1.weight"]);
}

#[test]
fn a_module_without_parameters_derives_too() {
    #[derive(Module)]
    struct Identity;
    #[derive(Module)]
    struct Empty {}
    assert!(names(&Identity).is_empty() && names(&Empty {}).is_empty());
}

#[test]
fn an_associated_type_of_a_type_parameter_is_a_module_by_the_derived_bound() {
    trait Backbone {
        type Stem;
    }
    struct Tiny;
    impl Backbone for Tiny {
        type Stem = Linear;
    }
    #[derive(Module)]
    struct Model<'a, B: Backbone, const N: usize> {
        stems: [B::Stem; N],
        #[module(skip)]
        label: &'a str,
    }
    let model = Model::<'_, Tiny, 1> { stems: [linear(1, 1)], label: "tiny" };
    assert_eq!((names(&model), model.label), (vec!["stems.0.weight".to_owned(), "stems.0.bias".to_owned()], "tiny"));
}

#[test]
fn a_clone_is_another_parameter_with_the_same_values() {
    let mut linear = linear(2, 2);
    let clone = linear.clone();
    let (ids, cloned_ids) = (linear.leaf_ids(), clone.leaf_ids());
    assert!(ids.iter().all(|id| !cloned_ids.contains(id)));
    assert_eq!(linear.weight.value(), clone.weight.value());
    linear.weight.value_mut().make_mut()[0] = 7.0;
    assert_eq!(linear.leaf_ids(), ids, "a parameter keeps its identity while its values change");
    assert_ne!(linear.weight.value(), clone.weight.value());
}

#[test]
fn freezing_a_module_freezes_what_lies_under_it() {
    let mut net = net();
    net.blocks.freeze();
    let frozen: Vec<String> =
        net.parameters().into_iter().filter(|(_, p)| p.is_frozen()).map(|(name, _)| name).collect();
    assert_eq!(frozen.len(), 8);
    assert!(frozen.iter().all(|name| name.starts_with("blocks.")));
    assert_eq!(net.leaf_ids().len(), net.parameters().len() - 8);
    net.unfreeze();
    assert!(net.parameters().iter().all(|(_, p)| !p.is_frozen()));
}

#[test]
fn slots_give_and_take_values() {
    let mut norm = batch_norm(2);
    norm.visit_mut(Name::root(), &mut |_, mut slot: SlotMut<'_>| {
        let shape = slot.value().shape().to_vec();
        slot.set_value(Tensor::full(shape, 4.0));
    });
    norm.visit(Name::root(), &mut |_, slot: Slot<'_>| assert_eq!(slot.value().to_vec(), [4.0, 4.0]));
}

#[test]
#[should_panic(expected = "Param::set_value: the new value has shape [3], the old one [2]")]
fn a_value_of_another_shape_is_refused() {
    Param::new(Tensor::zeros([2])).set_value(Tensor::zeros([3]));
}

#[test]
fn a_flattened_field_leaves_no_trace_in_names() {
    #[derive(Module)]
    struct Block {
        #[module(flatten)]
        norm: Option<BatchNorm>,
        #[module(flatten)]
        rest: Option<BatchNorm>,
        fc: Linear,
    }
    let mut block = Block { norm: Some(batch_norm(2)), rest: None, fc: linear(2, 2) };
    let expected = ["weight", "bias", "running_mean", "running_var", "fc.weight", "fc.bias"];
    assert_eq!(names(&block), expected);
    let mut by_visit_mut = Vec::new();
    block.visit_mut(Name::root(), &mut |name, _| by_visit_mut.push(name.to_string()));
    assert_eq!(by_visit_mut, expected);
}
