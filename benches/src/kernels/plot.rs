//! A family's table as a picture: a line for each contestant over the sizes of one kind.

use super::table::{Cell, Table};
use glassbox_train::PALETTE;
use plotters::prelude::*;
use std::error::Error;

/// A contestant's points: log₂ of the size, and the figure.
type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Draws the table as an SVG. `None` if fewer than two of its sizes stand on the axis.
pub fn svg(table: &Table, title: &str) -> Option<String> {
    let line = |cells: &[Option<Cell>]| -> Vec<(f64, f64)> {
        let points = table
            .sizes
            .iter()
            .zip(cells)
            .filter_map(|((_, at), cell)| Some((at.as_ref()?.log2(), cell.as_ref()?.median)));
        let mut points: Vec<(f64, f64)> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let lines: Vec<Line<'_>> = table.rows.iter().map(|(name, cells)| (name.as_str(), line(cells))).collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let (from, to) = all().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.0), b.max(p.0)));
    if from >= to {
        return None;
    }
    let top = all().fold(0.0, |m: f64, p| m.max(p.1));
    let mut text = String::new();
    draw(&mut text, table, title, &lines, (from, to, top)).expect("drawing into a string");
    Some(text)
}

fn draw(
    text: &mut String,
    table: &Table,
    title: &str,
    lines: &[Line<'_>],
    (from, to, top): (f64, f64, f64),
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(text, (900, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let room = 0.36 * (to - from); // on the right, for the legend
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .caption(title, ("sans-serif", 17))
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(from..to + room, 0.0..1.05 * top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .axis_style(BLACK.mix(0.5))
        .x_desc(table.family.axis)
        .y_desc(table.unit)
        .x_label_formatter(&|&x| if x <= to && x == x.round() { rounded(x.exp2()) } else { String::new() })
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    for (i, (name, points)) in lines.iter().enumerate().filter(|(_, (_, points))| !points.is_empty()) {
        // The second time round with hollow marks.
        let (colour, hollow) = (PALETTE[i % PALETTE.len()], i >= PALETTE.len());
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
        let mark = if hollow { colour.stroke_width(1) } else { colour.filled() };
        chart.draw_series(points.iter().map(|&p| Circle::new(p, 4, mark)))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    drop(chart);
    Ok(())
}

/// 4096 as it stands, 1048576 as 1M.
fn rounded(n: f64) -> String {
    match n {
        n if n >= 1048576.0 => format!("{}M", n / 1048576.0),
        n => n.to_string(),
    }
}
