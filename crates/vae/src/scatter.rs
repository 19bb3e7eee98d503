//! Codes in two dimensions, coloured by class, as an SVG.

use glassbox_measure::linalg::{Gaussian, eigen};
use glassbox_train::{SvgArea, plane};
use plotters::prelude::*;
use std::error::Error;

/// A cloud of codes.
#[derive(Debug, Clone)]
pub struct Cloud<'a> {
    /// What it is called above its frame.
    pub title: &'a str,
    /// Each code in two dimensions.
    pub points: Vec<[f64; 2]>,
    /// Each code's class.
    pub labels: &'a [u8],
}

impl Cloud<'_> {
    /// The share of the points that lie inside the circle which holds 95% of N(0, I).
    pub fn share_inside(&self) -> f64 {
        let inside = self.points.iter().filter(|[x, y]| x.hypot(*y) < RADIUS_95).count();
        inside as f64 / self.points.len().max(1) as f64
    }
}

/// Ten colours that differ in hue and in lightness (Tableau's).
const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(110, 110, 110),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

/// The radius inside which 95% of N(0, I) lies in two dimensions: √(−2 ln 0.05).
pub const RADIUS_95: f64 = 2.447_746_830_680_816;

/// Pixels of a panel: a square of about 400, what is written around it included.
const PANEL: (u32, u32) = (460, 478);
const LEGEND: u32 = 150;

/// Projects codes onto the two directions in which `axes_of` varies most, (N, L) -> (N, 2).
///
/// The origin stays the code 0: the mean isn't taken away, so that N(0, I) stays N(0, I), and its circle a circle.
pub fn project(codes: &[f32], axes_of: &Gaussian) -> Vec<[f64; 2]> {
    let n = axes_of.mean.len();
    let axes = eigen(&axes_of.covariance);
    let along = |code: &[f32], k: usize| -> f64 {
        axes.get(k).map_or(0.0, |(_, axis)| axis.iter().zip(code).map(|(a, &c)| a * f64::from(c)).sum())
    };
    codes.chunks_exact(n).map(|code| [along(code, 0), along(code, 1)]).collect()
}

/// Draws the clouds beside each other, each in a frame whose two axes have one scale, with the circle that holds 95% of
/// N(0, I), and a legend of the classes.
pub fn scatter_svg(clouds: &[Cloud<'_>], classes: &[String]) -> String {
    let mut svg = String::new();
    draw(&mut svg, clouds, classes).expect("drawing into a string");
    svg
}

fn draw(svg: &mut String, clouds: &[Cloud<'_>], classes: &[String]) -> Result<(), Box<dyn Error>> {
    let width = PANEL.0 * clouds.len() as u32 + LEGEND;
    let root = SVGBackend::with_string(svg, (width, PANEL.1)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut rest = root.clone();
    for cloud in clouds {
        let (panel, right) = rest.split_horizontally(PANEL.0);
        draw_cloud(&panel, cloud)?;
        rest = right;
    }
    let text = ("sans-serif", 15).into_font().color(&BLACK);
    for (i, class) in classes.iter().enumerate() {
        let y = 44 + 24 * i as i32;
        rest.draw(&Circle::new((12, y), 6, COLOURS[i % COLOURS.len()].filled()))?;
        rest.draw(&Text::new(class.as_str(), (26, y - 8), text.clone()))?;
    }
    let y = 44 + 24 * classes.len() as i32;
    rest.draw(&Circle::new((12, y + 2), 7, BLACK.stroke_width(2)))?;
    rest.draw(&Text::new("95% of N(0, I)", (26, y - 6), text))?;
    root.present()?;
    Ok(())
}

fn draw_cloud(panel: &SvgArea<'_>, cloud: &Cloud<'_>) -> Result<(), Box<dyn Error>> {
    let farthest = cloud.points.iter().flatten().fold(RADIUS_95, |far, x| far.max(x.abs()));
    let r = 1.05 * farthest;
    let mut chart = plane(panel, cloud.title, r)?;
    // The order of the set mixes the classes, so that none hides the others.
    chart.draw_series(cloud.points.iter().zip(cloud.labels).map(|(&[x, y], &label)| {
        Circle::new((x, y), 2, COLOURS[usize::from(label) % COLOURS.len()].mix(0.75).filled())
    }))?;
    // As one circle in pixels: a line through points would be rounded to whole pixels, and look so.
    let (width, _) = chart.plotting_area().dim_in_pixel();
    let radius = (RADIUS_95 / (2.0 * r) * f64::from(width)).round() as i32;
    chart.draw_series([Circle::new((0.0, 0.0), radius, BLACK.stroke_width(2))])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::Tensor;
    use glassbox_tensor::random::Key;

    #[test]
    fn the_projection_finds_the_plane_in_which_the_codes_lie() {
        // Codes in the plane of axes 1 and 3, more along 3; 0 elsewhere.
        let eps = Tensor::randn([500, 2], Key::new(1)).to_vec();
        let codes: Vec<f32> = eps.chunks(2).flat_map(|e| [0.0, e[0], 0.0, 3.0 * e[1] + 1.0, 0.0]).collect();
        let points = project(&codes, &Gaussian::fit(&codes, 5));
        for (point, code) in points.iter().zip(codes.chunks(5)) {
            let (length, expected) = (point[0].hypot(point[1]), code[1].hypot(code[3]));
            assert!((length - f64::from(expected)).abs() < 1e-5, "no length is lost, and 0 stays 0");
            assert!((point[0].abs() - f64::from(code[3].abs())).abs() < 0.6, "the first axis is nearly axis 3");
        }
    }

    #[test]
    fn the_circle_holds_95_percent_of_a_standard_normal() {
        let eps = Tensor::randn([100_000, 2], Key::new(2)).to_vec();
        let points = eps.chunks(2).map(|e| [f64::from(e[0]), f64::from(e[1])]).collect();
        let inside = Cloud { title: "", points, labels: &[] }.share_inside();
        assert!((inside - 0.95).abs() < 5.0 * (0.95f64 * 0.05 / 1e5).sqrt(), "{inside}");
    }

    #[test]
    fn a_drawing_has_a_dot_for_each_code_and_names_each_class() {
        let labels = [0, 1, 1];
        let cloud = Cloud { title: "AE", points: vec![[0.0, 1.0], [9.0, -3.0], [2.0, 2.0]], labels: &labels };
        let classes = ["Bag".to_string(), "T-shirt & top".to_string()];
        let svg = scatter_svg(&[cloud.clone(), Cloud { title: "VAE", ..cloud }], &classes);
        assert_eq!(svg.matches("r=\"2\"").count(), 6);
        assert!(["AE", "VAE", "Bag", "T-shirt &amp; top", "95% of N(0, I)"].iter().all(|t| svg.contains(t)), "{svg}");
    }
}
