//! What a forward pass costs, against numbers that are counted by hand.

use glassbox_autograd::{Var, graph_cost};
use glassbox_nn::{Linear, Module, Param, summary_of};
use glassbox_tensor::random::Key;
use glassbox_tensor::{Conv2dOptions, Ids, Tensor};

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, Key::new(0))
}

/// Two convolutions with a ReLU between, a mean over the pixels, and a classifier.
#[derive(Module)]
struct Net {
    conv1: Conv,
    conv2: Conv,
    #[module(name = "head.0")]
    head: Linear,
}

#[derive(Module)]
struct Conv {
    weight: Param,
    /// By which the weight is scaled before each use.
    scale: Option<Param>,
}

impl Conv {
    fn forward(&self, x: &Var) -> Var {
        let weight = match &self.scale {
            Some(scale) => &self.weight.var() * &scale.var(),
            None => self.weight.var().affine(0.5, 0.0), // as a spectral norm, which is a number
        };
        x.conv2d(&weight, None, Conv2dOptions::default())
    }
}

fn net() -> Net {
    let param = |shape: &[usize]| Param::new(Tensor::randn(shape, Key::new(1)));
    Net {
        conv1: Conv { weight: param(&[5, 3, 2, 2]), scale: Some(param(&[5, 1, 1, 1])) },
        conv2: Conv { weight: param(&[7, 5, 3, 3]), scale: None },
        head: linear(7, 4),
    }
}

impl Net {
    fn forward(&self, x: &Var) -> Var {
        let h = self.conv1.forward(x).relu(); // (2, 3, 6, 5) -> (2, 5, 5, 4)
        let h = self.conv2.forward(&h); // -> (2, 7, 3, 2)
        self.head.forward(&h.sum(&[2, 3], false)) // -> (2, 7) -> (2, 4)
    }
}

#[test]
fn every_module_costs_what_is_counted_by_hand() {
    let mut net = net();
    let x = Tensor::randn([2, 3, 6, 5], Key::new(2));
    let summary = summary_of(&mut net, std::slice::from_ref(&x), |net, x| net.forward(&x[0]));
    let found: Vec<_> = summary.modules.iter().map(|m| (&*m.name, m.parameters, &m.output[..], m.cost.flops)).collect();
    // A convolution multiplies and adds for each output its window of each channel; before that, its weight was scaled.
    let conv1 = 2 * (2 * 5 * 5 * 4) * (3 * 2 * 2) + 5 * 3 * 2 * 2;
    let conv2 = 2 * (2 * 7 * 3 * 2) * (5 * 3 * 3) + 2 * 7 * 5 * 3 * 3; // affine: a product and a sum
    let head = 2 * (2 * 7 * 4 + 4);
    let expected: [(&str, usize, &[usize], u64); 3] = [
        ("conv1", 5 * 3 * 2 * 2 + 5, &[2, 5, 5, 4], conv1),
        ("conv2", 7 * 5 * 3 * 3, &[2, 7, 3, 2], conv2),
        ("head.0", 7 * 4 + 4, &[2, 4], head),
    ];
    assert_eq!(found, expected);
    assert_eq!(summary.modules[0].operations, [("mul", 1), ("conv2d", 1)]);
    let (relu, sum) = (2 * 5 * 5 * 4, 2 * 7 * 3 * 2);
    let others: Vec<_> = summary.others.iter().map(|&(name, times, cost)| (name, times, cost.flops)).collect();
    assert_eq!(others, [("relu", 1, relu), ("sum", 1, sum)]);
    assert_eq!(summary.all.flops, conv1 + conv2 + head + relu + sum);
    assert_eq!(summary.all, graph_cost(&net.forward(&Var::input(x))).all);
}

#[test]
fn parts_add_up_to_the_graphs_cost_and_parameters_to_the_models() {
    let mut net = net();
    let summary = summary_of(&mut net, &[Tensor::ones([1, 3, 4, 4])], |net, x| net.forward(&x[0]));
    let costs = || summary.modules.iter().map(|m| m.cost).chain(summary.others.iter().map(|other| other.2));
    assert_eq!(costs().map(|cost| cost.flops).sum::<u64>(), summary.all.flops);
    assert_eq!(costs().map(|cost| cost.bytes).sum::<u64>(), summary.all.bytes);
    assert_eq!(summary.modules.iter().map(|m| m.parameters).sum::<usize>(), net.num_parameters());
}

#[test]
fn what_is_frozen_counts_and_stays_frozen() {
    let mut net = net();
    let pass = |net: &Net, x: &[Var]| net.forward(&x[0]);
    let free = summary_of(&mut net, &[Tensor::ones([1, 3, 4, 4])], pass);
    net.conv1.freeze();
    net.head.bias.freeze();
    let state = |net: &Net| net.parameters().iter().map(|(_, p)| p.is_frozen()).collect::<Vec<_>>();
    let before = state(&net);
    assert_eq!(summary_of(&mut net, &[Tensor::ones([1, 3, 4, 4])], pass), free);
    assert_eq!(state(&net), before);
}

#[test]
fn a_module_that_is_used_twice_has_one_row_and_one_that_is_not_used_says_so() {
    let mut layers = vec![linear(3, 3), linear(3, 2)];
    let twice = |layers: &Vec<Linear>, x: &[Var]| layers[0].forward(&layers[0].forward(&x[0]).tanh());
    let summary = summary_of(&mut layers, &[Tensor::ones([5, 3])], twice);
    assert_eq!(summary.modules[0].cost.flops, 2 * 5 * (2 * 3 * 3 + 3));
    assert_eq!(
        summary.to_string(),
        "\
module  operations   output  parameters      cost
0       linear × 2   [5, 3]          12  210 FLOP
1       not reached                   8    0 FLOP
        tanh                              15 FLOP
all                                  20  225 FLOP
"
    );
}

/// Without inputs in the graph everything is made of parameters: then only a direct use makes an operation a module's.
#[test]
fn a_model_of_ids_counts_activations_apart() {
    #[derive(Module)]
    struct Bag {
        table: Param,
        out: Linear,
    }
    let mut bag = Bag { table: Param::new(Tensor::ones([10, 4])), out: linear(4, 2) };
    let ids = Ids::from([3, 1, 4, 1, 5]);
    let forward = |bag: &Bag, _: &[Var]| bag.out.forward(&bag.table.var().embedding(&ids).exp()); // (5) -> (5, 4) -> (5, 2)
    let summary = summary_of(&mut bag, &[], forward);
    let rows: Vec<_> = summary.modules.iter().map(|m| (&*m.name, m.parameters, m.operations.clone())).collect();
    assert_eq!(rows, [("", 40, vec![("embedding", 1)]), ("out", 10, vec![("linear", 1)])]);
    assert_eq!(summary.others.iter().map(|other| (other.0, other.2.flops)).collect::<Vec<_>>(), [("exp", 20)]);
    assert!(summary.to_string().lines().nth(1).is_some_and(|row| row.starts_with("(root)")));
}
