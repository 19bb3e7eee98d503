//! Maps of attention: which token looks at which, in every layer and head.
//!
//! ```text
//! weights[h][t][s] = softmax over s ≤ t of q_h[t]·k_h[s]/√D
//! ```
//!
//! The models never have these weights in memory: they take the mean of the values tile by tile. To be looked at, they are computed
//! once more, in the plain way.

use glassbox_tensor::Tensor;
use std::fmt::Write;

/// The side of a cell in pixels, as high as a line of the labels.
const CELL: usize = 13;
/// The width of a character of a label, the height of a title, and the space between two maps.
const CHARACTER: f64 = 6.05;
const TITLE: usize = 20;
const GAP: usize = 18;
/// Characters of a token that are shown.
const SHOWN: usize = 10;
/// Shades from white to the darkest; weights below half a shade are not drawn.
const SHADES: usize = 24;
/// More cells than this make a file of more than some ten megabytes.
const MOST_CELLS: usize = 1 << 20;

/// The weights of causal attention of queries (1, H, T, D) to keys (1, Hkv, T, D): (H, T, T), 0 where a key comes later.
pub(crate) fn attention_weights(q: &Tensor, k: &Tensor) -> Tensor {
    let (&[_, heads, t, d], &[_, kv_heads, ..]) = (q.shape(), k.shape()) else { unreachable!("four axes") };
    let scale = 1.0 / (d as f64).sqrt();
    let [q, k] = [q, k].map(Tensor::to_vec);
    let mut weights = vec![0.0f32; heads * t * t];
    for h in 0..heads {
        let shared = h / (heads / kv_heads);
        for i in 0..t {
            let query = &q[(h * t + i) * d..][..d];
            let score = |j: usize| {
                let key = &k[(shared * t + j) * d..][..d];
                scale * query.iter().zip(key).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            let scores: Vec<f64> = (0..=i).map(score).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let e: Vec<f64> = scores.iter().map(|x| (x - most).exp()).collect();
            let sum: f64 = e.iter().sum();
            e.iter().enumerate().for_each(|(j, e)| weights[(h * t + i) * t + j] = (e / sum) as f32);
        }
    }
    Tensor::from_vec(weights, [heads, t, t])
}

/// All maps as one SVG: a row of them for each layer, a column for each head, tokens on both axes of each.
///
/// # Errors
/// A sentence, if there would be too much to look at.
pub(crate) fn drawing(tokens: &[String], layers: &[Tensor]) -> Result<String, String> {
    let (t, heads) = (tokens.len(), layers.first().map_or(0, |layer| layer.shape()[0]));
    let cells = layers.len() * heads * t * t;
    if cells > MOST_CELLS {
        return Err(format!(
            "{} maps of {t} tokens have {cells} cells, too many to look at; give a prompt of {} tokens at most",
            layers.len() * heads,
            MOST_CELLS.div_euclid(layers.len() * heads).isqrt()
        ));
    }
    let names: Vec<String> = tokens.iter().map(|token| label(token)).collect();
    let longest = tokens.iter().map(|token| token.chars().count().min(SHOWN)).max().unwrap_or(0);
    let margin = (longest as f64 * CHARACTER).ceil() as usize + 6;
    let side = margin + t * CELL + GAP;
    let (width, height) = (GAP + heads * side, 3 * TITLE + layers.len() * (side + TITLE) + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <style>text{{font:10px monospace;fill:#222}} .t{{font-weight:bold}} .r{{text-anchor:end}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{GAP}\" y=\"{TITLE}\">each row: the token that looks</text>\n\
         <text x=\"{GAP}\" y=\"{}\">each column: what it looks at</text>\n\
         <text x=\"{GAP}\" y=\"{}\">dark: 1, white: 0</text>\n",
        TITLE + 14,
        TITLE + 28,
    );
    for (l, layer) in layers.iter().enumerate() {
        let weights = layer.to_vec();
        for h in 0..heads {
            let (x, y) = (GAP + h * side, 3 * TITLE + l * (side + TITLE));
            let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
            let _ = writeln!(svg, "<text class=\"t\" x=\"{margin}\" y=\"10\">layer {l}, head {h}</text>");
            map(&mut svg, &names, &weights[h * t * t..][..t * t], [margin, TITLE + margin]);
            svg.push_str("</g>\n");
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// One map with its labels; its first cell is at `[left, top]`.
fn map(svg: &mut String, names: &[String], weights: &[f32], [left, top]: [usize; 2]) {
    let t = names.len();
    for (i, name) in names.iter().enumerate() {
        let middle = i * CELL + CELL - 3;
        let _ = write!(svg, "<text class=\"r\" x=\"{}\" y=\"{}\">{name}</text>", left - 3, top + middle);
        let (x, y) = (left + middle, top - 3);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\">{name}</text>");
    }
    for shade in 1..=SHADES {
        let is_it = |&&(_, &w): &&(usize, &f32)| (w * SHADES as f32).round() as usize == shade;
        let all: Vec<(usize, &f32)> = weights.iter().enumerate().collect();
        let mut path = String::new();
        for &(at, _) in all.iter().filter(is_it) {
            let _ = write!(path, "M{} {}h{CELL}v{CELL}h-{CELL}z", left + at % t * CELL, top + at / t * CELL);
        }
        if !path.is_empty() {
            let share = shade as f64 / SHADES as f64;
            let mix = |dark: f64| (255.0 + share * (dark - 255.0)).round() as u8;
            let _ = writeln!(svg, "<path fill=\"#{:02x}{:02x}{:02x}\" d=\"{path}\"/>", mix(8.0), mix(48.0), mix(107.0));
        }
    }
    let (right, bottom) = (left + t * CELL, top + t * CELL);
    let _ = writeln!(svg, "<path fill=\"none\" stroke=\"#999\" d=\"M{left} {top}H{right}V{bottom}H{left}z\"/>");
}

/// A token as a label: spaces and line breaks are seen, and XML's own characters are written as it wants them.
fn label(token: &str) -> String {
    let long = token.chars().count() > SHOWN;
    let shown = token.chars().take(if long { SHOWN - 1 } else { SHOWN });
    let mut label = String::new();
    for c in shown {
        match c {
            ' ' => label.push('·'),
            '\n' => label.push('⏎'),
            '<' => label.push_str("&lt;"),
            '>' => label.push_str("&gt;"),
            '&' => label.push_str("&amp;"),
            c if c.is_control() || c.is_whitespace() => label.push(char::REPLACEMENT_CHARACTER),
            c => label.push(c),
        }
    }
    if long {
        label.push('…');
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_autograd::{AttentionOptions, Var};
    use glassbox_tensor::assert_close;
    use glassbox_tensor::random::Key;

    #[test]
    fn the_mean_of_the_values_by_these_weights_is_what_attention_gives() {
        let q = Tensor::randn([1, 4, 5, 8], Key::new(1));
        let [k, v] = [2, 3].map(|key| Tensor::randn([1, 2, 5, 8], Key::new(key)));
        let weights = attention_weights(&q, &k); // (H, T, T)
        let [q, k, v] = [q, k, v].map(Var::constant);
        let y = q.attention(&k, &v, AttentionOptions { causal: true, ..Default::default() });
        for h in 0..4 {
            let mean = weights.select(0, h).matmul(&v.value().select(0, 0).select(0, h / 2));
            assert_close!(mean, y.value().select(0, 0).select(0, h), 1e-5, 1e-5);
        }
    }

    #[test]
    fn each_cell_is_drawn_in_its_shade_and_each_token_on_both_axes() {
        let names = ["<a".to_string(), " b\n".to_string()];
        let weights = Tensor::from_vec(vec![1.0, 0.0, 0.25, 0.75], [1, 2, 2]);
        let svg = drawing(&names, &[weights]).unwrap();
        assert_eq!(svg.matches(">&lt;a</text>").count(), 2);
        assert_eq!(svg.matches(">·b⏎</text>").count(), 2);
        assert_eq!(svg.matches("h13v13").count(), 3, "what is 0 is not drawn");
        assert!(svg.contains("#08306b"), "the darkest is 1");
        assert!(svg.contains("layer 0, head 0"));
    }

    #[test]
    fn what_nobody_can_look_at_is_refused() {
        let names = vec!["a".to_string(); 400];
        let maps = vec![Tensor::zeros([8, 400, 400]); 2];
        let sentence = drawing(&names, &maps).unwrap_err();
        assert_eq!(
            sentence,
            "16 maps of 400 tokens have 2560000 cells, too many to look at; give a prompt of 256 tokens at most"
        );
    }

    #[test]
    fn a_long_token_is_cut() {
        assert_eq!(label("internationally"), "internati…");
        assert_eq!(label("tenletters"), "tenletters");
    }
}
