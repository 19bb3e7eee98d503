//! Where the names of many points stand so that none covers another: beside its point if there is room, else a little above or
//! below, with a line to it.

/// A point and its name.
pub struct Label {
    /// The point.
    pub at: [f64; 2],
    /// The name.
    pub text: String,
}

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// The end of its base line that is near the point.
    pub at: [f64; 2],
    /// Whether it stands to the left of the point.
    pub left: bool,
    /// Whether it is so far away that it needs a line.
    pub moved: bool,
}

/// Height of a line of text.
const LINE: f64 = 9.5;
/// Width of a letter, about.
const LETTER: f64 = 5.0;
/// From a point to its name.
const GAP: f64 = 6.0;
/// How many lines a name may be moved.
const FARTHEST: i32 = 60;

/// Finds a spot for each label within `[left, top, right, bottom]`, from the uppermost point down. Where all is full, names lie
/// beside their points, over others.
pub fn place(labels: &[Label], bounds: [f64; 4]) -> Vec<Spot> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| labels[a].at[1].total_cmp(&labels[b].at[1]));
    let mut taken: Vec<[f64; 4]> = Vec::new();
    let mut spots = vec![Spot { at: [0.0; 2], left: false, moved: false }; labels.len()];
    for i in order {
        let label = &labels[i];
        let free = candidates().map(|candidate| spot(label, candidate)).find(|(_, area)| {
            let inside = area[0] >= bounds[0] && area[1] >= bounds[1] && area[2] <= bounds[2] && area[3] <= bounds[3];
            inside && taken.iter().all(|other| !overlap(area, other))
        });
        let (spot, area) = free.unwrap_or_else(|| spot(label, (0, false, 0)));
        taken.push(area);
        spots[i] = spot;
    }
    spots
}

/// Lines down, left or right, and how many widths away: the nearest first.
fn candidates() -> impl Iterator<Item = (i32, bool, u32)> {
    let lines = (0..=FARTHEST).flat_map(|n| [n, -n].into_iter().take(if n == 0 { 1 } else { 2 }));
    lines.flat_map(|line| [(line, false, 0), (line, true, 0), (line, false, 1), (line, true, 1)])
}

/// The spot of a candidate, and the area that its text covers.
fn spot(label: &Label, (line, left, away): (i32, bool, u32)) -> (Spot, [f64; 4]) {
    let [x, y] = label.at;
    let width = LETTER * label.text.chars().count() as f64;
    let gap = GAP + f64::from(away) * 70.0 + if line == 0 { 0.0 } else { 8.0 };
    let base = y + 3.0 + f64::from(line) * LINE;
    let near = if left { x - gap } else { x + gap };
    let (from, to) = if left { (near - width, near) } else { (near, near + width) };
    let moved = line != 0 || away != 0;
    (Spot { at: [near, base], left, moved }, [from, base - LINE + 1.5, to, base + 1.0])
}

fn overlap(a: &[f64; 4], b: &[f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lonely_name_stands_beside_its_point() {
        let label = Label { at: [100.0, 100.0], text: "exp".to_string() };
        assert_eq!(
            place(&[label], [0.0, 0.0, 1000.0, 1000.0]),
            [Spot { at: [106.0, 103.0], left: false, moved: false }]
        );
        let label = Label { at: [995.0, 100.0], text: "exp".to_string() };
        assert!(place(&[label], [0.0, 0.0, 1000.0, 1000.0])[0].left, "at the right edge it stands to the left");
    }

    #[test]
    fn fifty_names_of_one_place_do_not_cover_each_other_and_stay_inside() {
        let bounds = [0.0, 0.0, 1000.0, 1000.0];
        let labels: Vec<Label> = (0..50)
            .map(|i| Label { at: [500.0, 500.0 + f64::from(i) / 10.0], text: format!("operation-{i}") })
            .collect();
        let areas: Vec<[f64; 4]> = place(&labels, bounds)
            .iter()
            .zip(&labels)
            .map(|(spot, label)| {
                let width = LETTER * label.text.len() as f64;
                let from = if spot.left { spot.at[0] - width } else { spot.at[0] };
                [from, spot.at[1] - LINE + 1.5, from + width, spot.at[1] + 1.0]
            })
            .collect();
        for (i, a) in areas.iter().enumerate() {
            assert!(a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= 1000.0 && a[3] <= 1000.0, "{a:?}");
            assert!(areas[..i].iter().all(|b| !overlap(a, b)), "{i}");
        }
    }
}
