//! Points of the plane as pictures: a small one of pixels, and a drawing.

use glassbox_tensor::Tensor;
use glassbox_train::plane;
use plotters::prelude::*;
use std::error::Error;

/// Both axes go from −RANGE to RANGE.
const RANGE: f64 = 3.0;

/// Pixels of a side, and how many points make a pixel white.
const SIDE: usize = 64;
const WHITE_AT: f32 = 3.0;

/// Pixels of a side of a panel.
const PANEL: u32 = 420;

/// Points (N, 2) as a picture (1, 1, 64, 64): the more points in a pixel, the lighter it is. Points outside of [−3, 3)² are left out.
pub(crate) fn cloud(points: &Tensor) -> Tensor {
    let mut pixels = vec![0.0f32; SIDE * SIDE];
    for point in points.to_vec().chunks_exact(2) {
        let [x, y] = [point[0], -point[1]].map(|x| (f64::from(x) / RANGE + 1.0) / 2.0 * SIDE as f64);
        if (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y) {
            pixels[y as usize * SIDE + x as usize] += 1.0 / WHITE_AT;
        }
    }
    pixels.iter_mut().for_each(|p| *p = p.min(1.0));
    Tensor::from_vec(pixels, [1, 1, SIDE, SIDE])
}

/// Clouds of points (N, 2) beside each other, each under its title.
pub(crate) fn scatter_svg(clouds: &[(&str, &Tensor)]) -> String {
    let mut svg = String::new();
    draw(&mut svg, clouds).expect("drawing into a string");
    svg
}

fn draw(svg: &mut String, clouds: &[(&str, &Tensor)]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, (PANEL * clouds.len() as u32, PANEL + 30)).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, (title, points)) in root.split_evenly((1, clouds.len())).iter().zip(clouds) {
        let mut chart = plane(panel, title, RANGE)?;
        let points = points.to_vec();
        let inside = points
            .chunks_exact(2)
            .map(|p| (f64::from(p[0]), f64::from(p[1])))
            .filter(|&(x, y)| x.abs().max(y.abs()) < RANGE);
        chart.draw_series(inside.map(|point| Circle::new(point, 1, RGBColor(31, 119, 180).mix(0.6).filled())))?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::tensor;

    #[test]
    fn a_point_above_the_middle_is_drawn_above_the_middle() {
        let picture = cloud(&tensor![[0.01, 1.5], [0.01, 1.5], [9.0, 0.0]]);
        let lit: Vec<usize> = (0..SIDE * SIDE).filter(|&i| picture.to_vec()[i] > 0.0).collect();
        assert_eq!(lit, [16 * SIDE + 32]); // a quarter from the top, and half way across
        assert!((picture.at([0, 0, 16, 32]) - 2.0 / WHITE_AT).abs() < 1e-6);
        let svg = scatter_svg(&[("a & b", &tensor![[0.0, 1.0], [2.0, 2.0]])]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &amp; b"));
    }
}
