//! Curves over steps, as an SVG.

use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

/// One curve: what it is called, and its points (step, value), steps ascending.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The name in the legend.
    pub name: String,
    /// The points. More than a drawing can show are averaged in groups.
    pub points: Vec<(f64, f64)>,
    /// Which colour of the palette.
    pub colour: usize,
    /// Few points which were taken at intervals are marked; many are only joined.
    pub marked: bool,
}

/// Distinguishable with the common kinds of colour blindness, too (Okabe and Ito 2008).
pub const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// More points than this to a curve can't be told apart on 900 pixels.
const MOST_POINTS: usize = 600;

/// Draws the curves in one frame; the axis of values begins at the smallest. `None` if there is no point.
pub fn curves_svg(curves: &[Curve], value: &str) -> Option<String> {
    let thin: Vec<Curve> = curves.iter().map(|c| Curve { points: thinned(&c.points), ..c.clone() }).collect();
    let all = || thin.iter().flat_map(|c| &c.points);
    let (steps, values) = (span(all().map(|p| p.0))?, span(all().map(|p| p.1))?);
    let mut svg = String::new();
    draw(&mut svg, &thin, steps, values, value).expect("drawing into a string");
    Some(svg)
}

fn draw(
    svg: &mut String,
    curves: &[Curve],
    steps: Range<f64>,
    values: Range<f64>,
    value: &str,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, (900, 360)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(78)
        .build_cartesian_2d(steps, values)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .axis_style(BLACK.mix(0.5))
        .x_desc("step")
        .y_desc(value)
        .x_label_formatter(&|&x| if x == x.round() { format!("{x:.0}") } else { String::new() })
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for curve in curves {
        let colour = PALETTE[curve.colour % PALETTE.len()];
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        if curve.marked {
            chart.draw_series(curve.points.iter().map(|&p| Circle::new(p, 4, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.25))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    Ok(())
}

/// From the least to the greatest, with room so that neither lies on the frame. Values that are not finite don't count.
fn span(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let room = if high > low { 0.03 * (high - low) } else { 0.5 };
    (low <= high).then_some(low - room..high + room)
}

/// At most [`MOST_POINTS`] points: the means of groups of equal size, the last perhaps smaller.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    points
        .chunks(group)
        .map(|g| {
            let mean = |f: fn(&(f64, f64)) -> f64| g.iter().map(f).sum::<f64>() / g.len() as f64;
            (mean(|p| p.0), mean(|p| p.1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_thinned_to_means_and_a_short_one_is_left() {
        let line: Vec<(f64, f64)> = (0..60_000).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        let thin = thinned(&line);
        assert_eq!(thin.len(), MOST_POINTS);
        assert!(thin.iter().all(|&(x, y)| y == 2.0 * x));
        assert_eq!(thinned(&line[..7]), line[..7]);
    }

    #[test]
    fn every_curve_is_named_and_no_curve_is_no_drawing() {
        let curve = |name: &str, points| Curve { name: name.to_string(), points, colour: 0, marked: true };
        let svg = curves_svg(&[curve("loss", vec![(1.0, 5.0)]), curve("kl", vec![(1.0, 2.0), (2.0, 3.0)])], "nats");
        let svg = svg.unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("loss") && svg.contains("kl") && svg.contains("nats"));
        assert_eq!(curves_svg(&[curve("loss", vec![])], "nats"), None);
    }
}
