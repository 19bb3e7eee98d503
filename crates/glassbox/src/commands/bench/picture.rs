//! The roofline as a drawing: how much arithmetic a byte is worth to the right, FLOP/s upwards, both logarithmic. Bandwidths are
//! lines that rise with slope 1, peaks are level, and each operation is a point below them.

use super::labels::{Label, place};
use super::measure::{Pass, Row};
use super::rows::title;
use super::session::Session;
use super::text::time;
use glassbox_tensor::ceiling::{Bound, Floor};
use glassbox_tensor::counted;
use std::fmt::Write;

const WIDTH: f64 = 1500.0;
const HEIGHT: f64 = 1000.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 70.0;

/// Where numbers lie on the drawing.
struct Axes {
    /// The ends of the axis to the right, in FLOP a byte.
    x: [f64; 2],
    /// The ends of the axis upwards, in FLOP/s.
    y: [f64; 2],
}

impl Axes {
    fn of(session: &Session, points: &[Point]) -> Axes {
        let least = |of: fn(&Point) -> f64| points.iter().map(of).filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&Point) -> f64| points.iter().map(of).fold(0.0, f64::max);
        let peak = session.limits.peaks.iter().map(|peak| peak.all).fold(1e9, f64::max);
        let x = [least(|p| p.intensity).clamp(1e-3, 0.05) / 4.0, most(|p| p.intensity).max(100.0) * 4.0];
        // What has no arithmetic stands at the left edge, as high as its bytes a second times that intensity.
        let lowest = points.iter().map(|p| p.height(x[0])).fold(peak, f64::min);
        Axes { x, y: [(lowest / 2.0).max(peak * 1e-7), peak * 2.0] }
    }

    fn right(&self, intensity: f64) -> f64 {
        LEFT + (intensity / self.x[0]).ln() / (self.x[1] / self.x[0]).ln() * (WIDTH - LEFT - RIGHT)
    }

    fn up(&self, flops: f64) -> f64 {
        HEIGHT - BOTTOM - (flops / self.y[0]).ln() / (self.y[1] / self.y[0]).ln() * (HEIGHT - TOP - BOTTOM)
    }
}

/// An operation.
struct Point {
    title: String,
    says: String,
    /// FLOP a byte; 0 for what only moves.
    intensity: f64,
    /// FLOP/s.
    flops: f64,
    bytes: f64,
    bound: Bound,
}

impl Point {
    fn of(row: &Row, floor: Floor) -> Option<Point> {
        let (seconds, bytes) = (row.seconds(), row.traffic.bytes() as f64);
        let title = title(row.name, row.size.as_deref());
        let share = row.share(floor)?;
        let says = format!(
            "{title}: {}, {:.1} GFLOP/s, {:.1} GB/s, {:.0} % of what {} allows",
            time(seconds),
            row.flops as f64 / seconds / 1e9,
            bytes / seconds / 1e9,
            100.0 * share,
            floor.bound.name()
        );
        let intensity = row.flops as f64 / bytes;
        let is_point = row.pass == Pass::Forward && bytes > 0.0;
        is_point.then(|| Point {
            title,
            says,
            intensity,
            flops: row.flops as f64 / seconds,
            bytes: bytes / seconds,
            bound: floor.bound,
        })
    }

    /// How high it stands, if the left edge is at this intensity.
    fn height(&self, edge: f64) -> f64 {
        if self.intensity > 0.0 { self.flops } else { self.bytes * edge }
    }
}

/// The drawing as SVG.
pub fn svg(session: &Session) -> String {
    let points: Vec<Point> = session.rows.iter().filter_map(|(row, floor)| Point::of(row, *floor)).collect();
    let axes = Axes::of(session, &points);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"30\" font-size=\"18\">{}</text>\n\
         <text x=\"{LEFT}\" y=\"52\" fill=\"#555555\">Value of each operation at its standard problem, medians{}. \
         Red is bound by arithmetic, blue by memory; at the left edge stands what has no arithmetic.</text>\n",
        escaped(&format!(
            "Roofline of {}: {}, {}",
            session.machine.processor(),
            session.isa.name(),
            counted(session.threads, "thread")
        )),
        if session.cold { ", caches emptied before each call" } else { "" },
    );
    grid(&mut svg, &axes);
    ceilings(&mut svg, session, &axes);
    marks(&mut svg, &points, &axes);
    svg.push_str("</svg>\n");
    svg
}

/// Lines at powers of ten, with their numbers.
fn grid(svg: &mut String, axes: &Axes) {
    let powers =
        |[low, high]: [f64; 2]| (low.log10().ceil() as i32..=high.log10().floor() as i32).map(|p| (p, 10f64.powi(p)));
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (_, x) in powers(axes.x) {
        let at = axes.right(x);
        let _ = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#e6e6e6\"/>");
        let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x}</text>", bottom + 18.0);
    }
    for (power, y) in powers(axes.y) {
        let at = axes.up(y);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#e6e6e6\"/>");
        let giga = if power >= 9 { format!("{:.0}", y / 1e9) } else { format!("{}", y / 1e9) };
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{giga}</text>", LEFT - 8.0, at + 4.0);
    }
    let middle = (TOP + bottom) / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">FLOP a byte</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 20.0
    );
    let _ = writeln!(
        svg,
        "<text x=\"22\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 22 {middle:.1})\">GFLOP/s</text>"
    );
}

/// The peaks, and the bandwidth of each level at the mix that is fastest there, up to the peak that is in use.
fn ceilings(svg: &mut String, session: &Session, axes: &Axes) {
    let own = session.limits.peaks.iter().find(|peak| peak.isa == session.isa).map_or(axes.y[1], |peak| peak.all);
    for (i, level) in session.limits.levels.iter().enumerate() {
        let best = level.best();
        let from = (axes.x[0]).max(axes.y[0] / best);
        let to = (own / best).min(axes.x[1]);
        let ends = [from, to].map(|x| (axes.right(x), axes.up(x * best)));
        let [(x0, y0), (x1, y1)] = ends;
        let _ = writeln!(svg, "<path d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\" stroke=\"#3b6ea5\" stroke-width=\"1.5\"/>");
        // Along the line, near its upper end, and not beside the name of the line before.
        let along = 0.85 - 0.12 * (i % 3) as f64;
        let (x, y) = (x0 + along * (x1 - x0), y0 + along * (y1 - y0) - 6.0);
        let angle = (y1 - y0).atan2(x1 - x0).to_degrees();
        let name = format!("{} {:.0} GB/s", level.name, best / 1e9);
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#3b6ea5\" text-anchor=\"middle\" transform=\"rotate({angle:.1} {x:.1} {y:.1})\">{name}</text>"
        );
    }
    let fastest = session.limits.levels.iter().map(|level| level.best()).fold(1.0, f64::max);
    let threads = counted(session.threads, "thread");
    let mut peaks: Vec<(f64, String, bool)> = Vec::new();
    for peak in &session.limits.peaks {
        let name = |flops: f64, threads: &str| format!("{} {:.0} GFLOP/s, {threads}", peak.isa.name(), flops / 1e9);
        peaks.push((peak.all, name(peak.all, &threads.to_string()), peak.isa == session.isa));
        if session.threads > 1 {
            peaks.push((peak.one, name(peak.one, "1 thread"), false));
        }
    }
    peaks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = f64::INFINITY; // where the name of the peak before stands
    for (flops, name, is_own) in peaks {
        let (x, y) = (axes.right((flops / fastest).max(axes.x[0])), axes.up(flops));
        above = (y - 4.0).min(above - 14.0);
        let style = if is_own { "stroke-width=\"1.5\"" } else { "stroke-dasharray=\"3 4\" stroke-opacity=\"0.5\"" };
        let right = WIDTH - RIGHT;
        let _ = writeln!(svg, "<path d=\"M{x:.1} {y:.1}H{right:.1}\" stroke=\"#b03a2e\" {style}/>");
        let _ =
            writeln!(svg, "<text x=\"{right:.1}\" y=\"{above:.1}\" fill=\"#b03a2e\" text-anchor=\"end\">{name}</text>");
    }
}

/// The points with their names, none over another.
fn marks(svg: &mut String, points: &[Point], axes: &Axes) {
    let anchors: Vec<Label> = points
        .iter()
        .map(|point| Label {
            at: [axes.right(point.intensity.max(axes.x[0])), axes.up(point.height(axes.x[0]))],
            text: point.title.clone(),
        })
        .collect();
    let places = place(&anchors, [LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM]);
    for ((point, label), spot) in points.iter().zip(&anchors).zip(places) {
        let [x, y] = label.at;
        let colour = if point.bound == Bound::Compute { "#b03a2e" } else { "#1f4e79" };
        let _ = write!(svg, "<g fill=\"{colour}\"><title>{}</title>", escaped(&point.says));
        let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        let (end, anchor) = if spot.left { (spot.at[0] + 2.0, "end") } else { (spot.at[0] - 2.0, "start") };
        if spot.moved {
            let _ = write!(
                svg,
                "<path d=\"M{x:.1} {y:.1}L{end:.1} {:.1}\" stroke=\"{colour}\" stroke-width=\"0.4\"/>",
                spot.at[1] - 3.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" text-anchor=\"{anchor}\">{}</text></g>",
            spot.at[0],
            spot.at[1],
            escaped(&label.text)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::measure::row_of;
    use super::super::session::{session, with_floors};
    use super::*;
    use glassbox_tensor::ceiling::traffic::{Rate, Stores};
    use glassbox_tensor::ceiling::{Ceilings, Traffic};
    use glassbox_tensor::simd::Isa;

    fn of(rows: Vec<Row>) -> Session {
        let mut ceilings = Ceilings::new(100e9, |_, _| Rate { bytes_per_second: 10e9, stores: Stores::Plain });
        session(with_floors(rows, Isa::Scalar, &mut ceilings))
    }

    #[test]
    fn every_operation_is_a_point_below_its_ceilings() {
        let traffic = Traffic { read: 10_000_000, written: 10_000_000 };
        let session = of(vec![
            row_of("exp", 4_000_000, traffic, &[4e-3; 15]),
            row_of("matmul", 2_000_000_000, traffic, &[40e-3; 15]),
            row_of("flip", 0, traffic, &[3e-3; 15]),
            row_of("narrow", 0, Traffic::default(), &[1e-7; 15]),
        ]);
        let svg = svg(&session);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<circle ").count(), 3, "a view is no point");
        assert!(
            svg.contains("<title>exp: 4.00 ms, 1.0 GFLOP/s, 5.0 GB/s, 50 % of what memory allows</title>"),
            "{svg}"
        );
        assert!(svg.contains("memory 10 GB/s") && svg.contains("scalar 100 GFLOP/s, 2 threads"), "{svg}");
    }

    #[test]
    fn a_point_on_its_ceiling_lies_on_the_line() {
        let session =
            of(vec![row_of("exp", 4_000_000, Traffic { read: 10_000_000, written: 10_000_000 }, &[2e-3; 15])]);
        let points: Vec<Point> = session.rows.iter().filter_map(|(row, floor)| Point::of(row, *floor)).collect();
        let axes = Axes::of(&session, &points);
        let on_line = axes.up(points[0].intensity * session.limits.levels[0].best()); // bandwidth × intensity
        assert!((axes.up(points[0].height(axes.x[0])) - on_line).abs() < 1e-6);
        // a decade is as long wherever it stands
        let decade = |x: f64| axes.right(10.0 * x) - axes.right(x);
        assert!((decade(0.1) - decade(3.0)).abs() < 1e-9);
    }

    #[test]
    fn names_cannot_break_the_drawing() {
        let mut session = of(vec![row_of("exp", 1, Traffic { read: 4, written: 4 }, &[1e-3; 15])]);
        session.machine.processor = Some("<script>&\"".into());
        let svg = svg(&session);
        assert!(svg.contains("&lt;script&gt;&amp;&quot;") && !svg.contains("<script>"));
    }
}
