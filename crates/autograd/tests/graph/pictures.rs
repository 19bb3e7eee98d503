//! The graph as text, as DOT and as SVG, and what it costs.

use glassbox_autograd::{GraphTooLarge, Var, graph_cost, graph_dot, graph_svg, graph_text};
use glassbox_tensor::{Tensor, tensor};

fn deep(nodes: usize) -> Var {
    let x = Var::input(tensor![1.0]);
    (1..nodes).fold(x.clone(), |y, _| &y + &x)
}

#[test]
fn a_million_nodes_are_written_without_a_stack() {
    let y = deep(1_000_000);
    let text = graph_text(&y);
    assert_eq!(text.lines().count(), 1_000_000);
    assert!(text.lines().last().unwrap().starts_with("%999999 = add(%999998, %0)"));
    assert_eq!(graph_dot(&y).lines().count(), 3 + 1_000_000 + 2 * 999_999);
    assert_eq!(graph_svg(&y), Err(GraphTooLarge { nodes: 1_000_000 }));
    assert_eq!(graph_cost(&y).all.flops, 999_999);
}

#[test]
fn a_picture_says_when_it_would_be_too_large() {
    assert!(graph_svg(&deep(500)).is_ok());
    let sentence = graph_svg(&deep(501)).unwrap_err().to_string();
    assert!(
        sentence.starts_with("a graph of 501 nodes is too large for a picture, which has at most 500"),
        "{sentence}"
    );
}

#[test]
fn names_are_escaped() {
    let x = Var::input(tensor![1.0]).named("a \"b\" \\ <c> & d");
    let dot = graph_dot(&x.exp());
    assert!(dot.contains(r#"label="a \"b\" \\ <c> & d\n[1]""#), "{dot}");
    let svg = graph_svg(&x.exp()).unwrap();
    assert!(svg.contains(">a \"b\" \\ &lt;c&gt; &amp; d</text>"), "{svg}");
    well_formed(&svg);
}

/// Every tag is closed in the order in which it was opened.
fn well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{svg}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn what_is_no_graph_has_a_picture_too() {
    let c = Var::constant(Tensor::ones([2, 3]));
    assert_eq!(graph_text(&c), "constant [2, 3]\n");
    assert!(graph_dot(&c).contains("n0 [label=\"constant\\n[2, 3]\""));
    well_formed(&graph_svg(&c).unwrap());
    let x = Var::input(tensor![1.0]);
    assert_eq!(graph_text(&x), "%0 = leaf  [1]\n");
    well_formed(&graph_svg(&x).unwrap());
    let y = x.exp().sum_all();
    y.backward();
    assert_eq!(graph_text(&y), "%0 = consumed by backward  []\n");
    well_formed(&graph_svg(&y).unwrap());
}

#[test]
fn a_graph_costs_what_its_operations_do() {
    let (w, b) = (Var::input(Tensor::ones([5, 3])), Var::input(Tensor::ones([5])));
    let x = Var::constant(Tensor::ones([7, 3]));
    let y = x.linear(&w, Some(&b)).linear(&Var::input(Tensor::ones([2, 5])), None).sum_all();
    let cost = graph_cost(&y);
    let [first, second, sum] = [7 * (2 * 3 * 5 + 5), 7 * 2 * 5 * 2, 14];
    assert_eq!(cost.all.flops, first + second + sum);
    let kinds: Vec<_> = cost.by_operation.iter().map(|(name, times, cost)| (*name, *times, cost.flops)).collect();
    assert_eq!(kinds, [("linear", 2, first + second), ("sum", 1, sum)]);
    assert_eq!(graph_cost(&x).all.flops, 0);
}
