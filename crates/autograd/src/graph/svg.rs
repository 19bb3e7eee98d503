//! A graph as a picture.

use super::layout::{Plan, place};
use super::{Item, Kind, Source, list};
use crate::var::Var;
use std::fmt::{self, Write};

/// More nodes than this, constants included, are no longer looked at.
const MOST: usize = 500;
/// Places that long lines take included.
const MOST_PLACES: usize = 20_000;

/// The width of a letter and the height of a line, in pixels: a monospaced letter is about 0.6 of its height wide.
const LETTER: f64 = 7.0;
const LINE: f64 = 15.0;

/// A graph that has too many nodes for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphTooLarge {
    /// How many it has.
    pub nodes: usize,
}

impl fmt::Display for GraphTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes;
        write!(
            f,
            "a graph of {nodes} nodes is too large for a picture, which has at most {MOST} and no very long lines; write it as \
             text or DOT, or draw a smaller model"
        )
    }
}

impl std::error::Error for GraphTooLarge {}

/// The graph that `y` was computed by as an SVG picture, from the inputs at the top down to `y`: leaves green, constants
/// dashed, under the mouse an operation's formulas.
///
/// ```
/// use glassbox_autograd::{Var, graph_svg};
/// use glassbox_tensor::tensor;
/// let svg = graph_svg(&Var::input(tensor![1., 2.]).named("w").exp().sum_all())?;
/// assert!(svg.starts_with("<svg ") && svg.contains(">exp</text>") && svg.ends_with("</svg>\n"));
/// # Ok::<(), glassbox_autograd::GraphTooLarge>(())
/// ```
///
/// # Errors
/// For a graph which has more nodes than anybody can look at.
pub fn graph_svg(y: &Var) -> Result<String, GraphTooLarge> {
    let items = y.node().map(list).unwrap_or_default();
    let constants = items.iter().flat_map(|item| &item.inputs).filter(|s| matches!(s, Source::Constant(_))).count();
    let too_large = GraphTooLarge { nodes: items.len() + constants };
    if too_large.nodes > MOST {
        return Err(too_large);
    }
    // In the order of the layout a line leads from a smaller number to a greater one: constants stand before their reader.
    let (mut boxes, mut lines, mut number_of) = (Vec::new(), Vec::new(), Vec::new());
    for item in &items {
        let sources: Vec<usize> = item
            .inputs
            .iter()
            .map(|source| match source {
                Source::Node(from) => number_of[*from],
                Source::Constant(shape) => {
                    boxes.push(Picture::constant(shape));
                    boxes.len() - 1
                }
            })
            .collect();
        lines.extend(sources.into_iter().map(|from| [from, boxes.len()]));
        number_of.push(boxes.len());
        boxes.push(Picture::of(item));
    }
    if boxes.is_empty() {
        boxes.push(Picture::constant(y.shape()));
    }
    let plan = Plan { sizes: boxes.iter().map(Picture::size).collect(), lines };
    let placed = place(&plan, MOST_PLACES).ok_or(too_large)?;

    let [width, height] = placed.size.map(f64::ceil);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"11\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for corners in &placed.lines {
        let _ = writeln!(svg, "<path d=\"{}\" fill=\"none\" stroke=\"#667\" marker-end=\"url(#tip)\"/>", path(corners));
    }
    for (picture, middle) in boxes.iter().zip(&placed.middles) {
        picture.draw(*middle, &mut svg);
    }
    Ok(svg + "</svg>\n")
}

/// Straight down beside the boxes of a layer, and in a bend from one layer to the next.
fn path(corners: &[[f64; 2]]) -> String {
    let mut path = String::new();
    for (i, pair) in corners.chunks(2).enumerate() {
        let [[x, top], [_, bottom]] = [pair[0], pair[1]];
        if i == 0 {
            let _ = write!(path, "M{x:.1} {top:.1}");
        } else {
            let [before_x, before] = corners[2 * i - 1];
            let middle = (before + top) / 2.0;
            let _ = write!(path, "C{before_x:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {top:.1}");
        }
        let _ = write!(path, "V{bottom:.1}");
    }
    path
}

/// A box with its lines of text.
struct Picture {
    text: Vec<String>,
    fill: &'static str,
    dashed: bool,
    tip: String,
}

impl Picture {
    fn of(item: &Item) -> Self {
        let mut text: Vec<String> = match item.kind {
            Kind::Leaf if item.name.is_some() => Vec::new(),
            _ => vec![item.what().to_string()],
        };
        text.extend(item.name.as_deref().map(str::to_string));
        text.push(format!("{:?}", item.shape));
        let fill = match &item.kind {
            Kind::Leaf => "#dff2df",
            Kind::Op(_) => "#eef3fb",
            Kind::Consumed => "#eee",
        };
        let tip = item.formulas().map_or(item.what().to_string(), |formulas| formulas.join("\n"));
        Self { text, fill, dashed: false, tip }
    }

    fn constant(shape: &[usize]) -> Self {
        Self { text: vec!["constant".into(), format!("{shape:?}")], fill: "white", dashed: true, tip: String::new() }
    }

    fn size(&self) -> [f64; 2] {
        let letters = self.text.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        [letters as f64 * LETTER + 16.0, self.text.len() as f64 * LINE + 8.0]
    }

    fn draw(&self, [x, y]: [f64; 2], svg: &mut String) {
        let [width, height] = self.size();
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        let dashed = if self.dashed { " stroke-dasharray=\"3 2\"" } else { "" };
        let _ = write!(
            svg,
            "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\" \
             fill=\"{}\" stroke=\"#445\"{dashed}/>",
            escaped(&self.tip),
            self.fill
        );
        for (i, line) in self.text.iter().enumerate() {
            let baseline = top + LINE * (i + 1) as f64;
            let weight = if i == 0 { " font-weight=\"bold\"" } else { "" };
            let line = escaped(line);
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{baseline:.1}\" text-anchor=\"middle\"{weight}>{line}</text>");
        }
        svg.push_str("</g>\n");
    }
}

/// Text between XML's tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
