//! The frame of a drawing of points: a square of the plane around 0.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::{Shift, types::RangedCoordf64};
use plotters::prelude::*;
use std::error::Error;

/// A part of an SVG.
pub type SvgArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Where points are drawn by their coordinates.
pub type Plane<'p, 'a> = ChartContext<'p, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A frame in that part, under a title, whose axes go from −r to r.
///
/// ```
/// use glassbox_train::plane;
/// use plotters::prelude::*;
/// let mut svg = String::new();
/// {
///     let root = SVGBackend::with_string(&mut svg, (300, 300)).into_drawing_area();
///     let mut frame = plane(&root, "a point", 3.0)?;
///     frame.draw_series([Circle::new((1.0, -2.0), 2, BLACK.filled())])?;
///     root.present()?;
/// }
/// assert!(svg.contains("a point") && svg.matches("<circle").count() == 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the part is too small for a frame.
pub fn plane<'p, 'a>(area: &'p SvgArea<'a>, title: &str, r: f64) -> Result<Plane<'p, 'a>, Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(10)
        .caption(title, ("sans-serif", 18))
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(-r..r, -r..r)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .axis_style(BLACK.mix(0.5))
        .x_labels(7)
        .y_labels(7)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|x| format!("{x:.0}"))
        .label_style(("sans-serif", 14))
        .draw()?;
    Ok(chart)
}
