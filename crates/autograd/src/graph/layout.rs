//! Boxes and lines on a page, in layers from top to bottom (Sugiyama, Tagawa & Toda 1981): every box stands above all that
//! it leads to. Lines run in the gaps between layers, and where they pass a layer they have a place of their own, as wide as
//! a line: so no line crosses a box.

/// The room between neighbours in a layer, and between layers.
const GAP: [f64; 2] = [18.0, 34.0];
/// The room that a passing line takes.
const LINE: f64 = 4.0;

/// What is to be placed: the boxes' widths and heights, and lines from one to another of a greater number.
pub(super) struct Plan {
    pub(super) sizes: Vec<[f64; 2]>,
    pub(super) lines: Vec<[usize; 2]>,
}

/// Where everything stands.
pub(super) struct Placed {
    /// The middle of each box.
    pub(super) middles: Vec<[f64; 2]>,
    /// The corners of each line: pairs of top and bottom, between which it is straight; from one to the next it bends.
    pub(super) lines: Vec<Vec<[f64; 2]>>,
    /// Width and height of the page.
    pub(super) size: [f64; 2],
}

/// A box, or the place where lines from a box pass a layer.
struct Place {
    width: f64,
    layer: usize,
    x: f64,
    /// Neighbours in the layer above, and below.
    near: [Vec<usize>; 2],
}

/// Places everything; `None` when that would take more than `most` places.
pub(super) fn place(plan: &Plan, most: usize) -> Option<Placed> {
    let n = plan.sizes.len();
    // Inputs stand right above what needs them first: layers are counted from the last box up.
    let mut height = vec![0usize; n];
    let mut from_last: Vec<&[usize; 2]> = plan.lines.iter().collect();
    from_last.sort_by_key(|line| std::cmp::Reverse(line[1]));
    from_last.iter().for_each(|&&[from, to]| height[from] = height[from].max(height[to] + 1));
    let top = height.iter().copied().max().unwrap_or(0);
    let place = |(&[width, _], &height): (&[f64; 2], &usize)| Place {
        width,
        layer: top - height,
        x: 0.0,
        near: [Vec::new(), Vec::new()],
    };
    let mut places: Vec<Place> = plan.sizes.iter().zip(&height).map(place).collect();

    // All lines from one box pass a layer at one place. `stems[b]` are the places of box b, one for each layer on.
    let mut stems: Vec<Vec<usize>> = (0..n).map(|b| vec![b]).collect();
    let mut routes = Vec::new();
    for &[from, to] in &plan.lines {
        let steps = places[to].layer - places[from].layer;
        while stems[from].len() < steps {
            let (above, new) = (stems[from][stems[from].len() - 1], places.len());
            let layer = places[above].layer + 1;
            places.push(Place { width: LINE, layer, x: 0.0, near: [vec![above], Vec::new()] });
            places[above].near[1].push(new);
            stems[from].push(new);
            if places.len() > most {
                return None;
            }
        }
        let last = stems[from][steps - 1];
        places[last].near[1].push(to);
        places[to].near[0].push(last);
        routes.push(stems[from][..steps].to_vec());
    }

    let layers = ordered(&places, top + 1);
    arrange(&mut places, &layers);

    let row_height = |row: &[usize]| row.iter().filter(|&&p| p < n).map(|&b| plan.sizes[b][1]).fold(0.0, f64::max);
    let mut tops = vec![GAP[1] / 2.0];
    layers.iter().for_each(|row| tops.push(tops[tops.len() - 1] + row_height(row) + GAP[1]));
    let left = places.iter().map(|p| p.x - p.width / 2.0).fold(f64::INFINITY, f64::min) - GAP[0];
    let right = places.iter().map(|p| p.x + p.width / 2.0).fold(f64::NEG_INFINITY, f64::max) + GAP[0];
    places.iter_mut().for_each(|p| p.x -= left);
    let span = |layer: usize| [tops[layer], tops[layer + 1] - GAP[1]];
    let middles: Vec<[f64; 2]> =
        (0..n).map(|b| [places[b].x, span(places[b].layer).iter().sum::<f64>() / 2.0]).collect();

    let ports = ports(plan, &routes, &places);
    let mut lines = Vec::new();
    for ((&[_, to], route), port) in plan.lines.iter().zip(&routes).zip(ports) {
        let mut corners = Vec::new();
        for (i, &p) in route.iter().enumerate() {
            let [above, below] = span(places[p].layer);
            let start = if i == 0 { middles[p][1] + plan.sizes[p][1] / 2.0 } else { above };
            corners.extend([[places[p].x, start], [places[p].x, below]]);
        }
        let end = middles[to][1] - plan.sizes[to][1] / 2.0;
        corners.extend([[port, span(places[to].layer)[0]], [port, end]]);
        lines.push(corners);
    }
    Some(Placed { middles, lines, size: [right - left, tops[layers.len()] - GAP[1] / 2.0] })
}

/// Where each line enters its box: side by side along the top, in the order in which they come.
fn ports(plan: &Plan, routes: &[Vec<usize>], places: &[Place]) -> Vec<f64> {
    let comes_from = |line: usize| places[routes[line][routes[line].len() - 1]].x;
    let mut entering: Vec<Vec<usize>> = vec![Vec::new(); plan.sizes.len()];
    plan.lines.iter().enumerate().for_each(|(line, &[_, to])| entering[to].push(line));
    let mut ports = vec![0.0; plan.lines.len()];
    for (to, mut lines) in entering.into_iter().enumerate() {
        lines.sort_by(|&a, &b| comes_from(a).total_cmp(&comes_from(b)));
        let share = places[to].width / (lines.len() + 1) as f64;
        for (i, &line) in lines.iter().enumerate() {
            ports[line] = places[to].x - places[to].width / 2.0 + share * (i + 1) as f64;
        }
    }
    ports
}

/// The places of each layer from left to right: in turns from the top and from the bottom, each layer is sorted by where the
/// neighbours stand on average; the order with the fewest crossings is taken.
fn ordered(places: &[Place], count: usize) -> Vec<Vec<usize>> {
    let mut layers = vec![Vec::new(); count];
    // Along the way of a search in depth, things that belong together begin beside one another.
    let mut seen = vec![false; places.len()];
    let mut pending: Vec<usize> = (0..places.len()).filter(|&p| places[p].near[1].is_empty()).collect();
    while let Some(p) = pending.pop() {
        if !std::mem::replace(&mut seen[p], true) {
            layers[places[p].layer].push(p);
            pending.extend(places[p].near[0].iter().rev());
        }
    }
    let mut best = (crossings(places, &layers), layers.clone());
    for turn in 0..16 {
        let from_above = turn % 2 == 0;
        let mut position = positions(places.len(), &layers);
        for step in 1..count {
            let layer = if from_above { step } else { count - 1 - step };
            let near = |p: usize| &places[p].near[if from_above { 0 } else { 1 }];
            let average = |p: usize| match near(p).len() {
                0 => position[p] as f64,
                k => near(p).iter().map(|&q| position[q] as f64).sum::<f64>() / k as f64,
            };
            let mut keyed: Vec<(f64, usize)> = layers[layer].iter().map(|&p| (average(p), p)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[layer] = keyed.into_iter().map(|(_, p)| p).collect();
            layers[layer].iter().enumerate().for_each(|(at, &p)| position[p] = at);
        }
        let found = crossings(places, &layers);
        if found < best.0 {
            best = (found, layers.clone());
        }
    }
    best.1
}

fn positions(count: usize, layers: &[Vec<usize>]) -> Vec<usize> {
    let mut position = vec![0; count];
    layers.iter().for_each(|row| row.iter().enumerate().for_each(|(at, &p)| position[p] = at));
    position
}

/// How many pairs of lines cross between neighbouring layers: inversions, counted in a Fenwick tree.
fn crossings(places: &[Place], layers: &[Vec<usize>]) -> usize {
    let position = positions(places.len(), layers);
    let mut total = 0;
    for row in layers {
        let mut tree = vec![0usize; places.len() + 1];
        let mut passed = 0;
        for &p in row {
            let mut ends: Vec<usize> = places[p].near[1].iter().map(|&q| position[q]).collect();
            ends.sort();
            // Those that began further left and end further right cross this one.
            for &end in &ends {
                let (mut not_right, mut i) = (0, end + 1);
                while i > 0 {
                    not_right += tree[i];
                    i &= i - 1;
                }
                total += passed - not_right;
            }
            for &end in &ends {
                passed += 1;
                let mut i = end + 1;
                while i < tree.len() {
                    tree[i] += 1;
                    i += i & i.wrapping_neg();
                }
            }
        }
    }
    total
}

/// Chooses x for everything: in turns from the top and from the bottom, each place goes where its neighbours are on average,
/// as nearly as the order and the widths in its layer allow.
fn arrange(places: &mut [Place], layers: &[Vec<usize>]) {
    for row in layers {
        let mut x = 0.0;
        for &p in row {
            places[p].x = x + places[p].width / 2.0;
            x += places[p].width + GAP[0];
        }
    }
    for turn in 0..25 {
        for step in 0..layers.len() {
            let row = &layers[if turn % 2 == 0 { step } else { layers.len() - 1 - step }];
            let wish = |p: usize| {
                // Late turns look both ways, which centres a box between what it reads and what reads it; the very last,
                // from the top, makes chains straight.
                let sides: &[usize] = match turn {
                    20..24 => &[0, 1],
                    _ if turn % 2 == 0 => &[0],
                    _ => &[1],
                };
                let near: Vec<f64> = sides.iter().flat_map(|&s| &places[p].near[s]).map(|&q| places[q].x).collect();
                if near.is_empty() { places[p].x } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let wishes: Vec<f64> = row.iter().map(|&p| wish(p)).collect();
            let widths: Vec<f64> = row.iter().map(|&p| places[p].width).collect();
            row.iter().zip(side_by_side(&wishes, &widths)).for_each(|(&p, x)| places[p].x = x);
        }
    }
}

/// The x nearest to the wishes, by the sum of squares, that keep the order and leave the gaps: with the distances taken off
/// it is isotonic regression, which pooling adjacent violators solves exactly.
fn side_by_side(wishes: &[f64], widths: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0];
    for pair in widths.windows(2) {
        offsets.push(offsets[offsets.len() - 1] + (pair[0] + pair[1]) / 2.0 + GAP[0]);
    }
    let mut blocks: Vec<(f64, usize)> = Vec::new(); // mean, members
    for (wish, offset) in wishes.iter().zip(&offsets) {
        let mut block = (wish - offset, 1);
        while let Some(&(mean, members)) = blocks.last() {
            if mean <= block.0 {
                break;
            }
            blocks.pop();
            let all = members + block.1;
            block = ((mean * members as f64 + block.0 * block.1 as f64) / all as f64, all);
        }
        blocks.push(block);
    }
    let means = blocks.iter().flat_map(|&(mean, members)| std::iter::repeat_n(mean, members));
    means.zip(&offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_fit_are_granted_and_others_are_shared() {
        assert_eq!(side_by_side(&[0.0, 100.0], &[10.0, 10.0]), [0.0, 100.0]);
        assert_eq!(side_by_side(&[5.0, 5.0], &[10.0, 10.0]), [5.0 - 14.0, 5.0 + 14.0]);
        let x = side_by_side(&[9.0, 3.0, 7.0], &[10.0, 20.0, 10.0]);
        assert!(x.windows(2).all(|w| (w[1] - w[0] - 33.0).abs() < 1e-9), "{x:?}");
        assert!((x.iter().sum::<f64>() - 19.0).abs() < 1e-9, "the middle stays: {x:?}");
    }

    #[test]
    fn crossings_are_those_that_pairs_of_lines_have() {
        // a complete bipartite graph of 3 and 3 has 9 crossings, however it is ordered
        let lines = (0..3).flat_map(|a| (3..6).map(move |b| [a, b]));
        let plan = Plan { sizes: vec![[10.0, 10.0]; 7], lines: lines.chain((3..6).map(|b| [b, 6])).collect() };
        let placed = place(&plan, 100).unwrap();
        let cut = |a: &[[f64; 2]], b: &[[f64; 2]]| {
            let (from, to) = (a[1][0] - b[1][0], a[2][0] - b[2][0]);
            from * to < 0.0
        };
        let firsts = &placed.lines[..9];
        let pairs = (0..9).flat_map(|i| (0..i).map(move |j| (i, j)));
        assert_eq!(pairs.filter(|&(i, j)| cut(&firsts[i], &firsts[j])).count(), 9);
    }

    /// Graphs of all kinds: boxes don't overlap, lines lead down from box to box, and through none.
    #[test]
    fn no_box_lies_on_another_and_no_line_crosses_a_box() {
        let mut state = 1u64;
        let mut random = move |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        for n in [1, 2, 3, 10, 40, 120] {
            for _ in 0..20 {
                let sizes = (0..n).map(|_| [20.0 + random(90) as f64, 20.0 + random(30) as f64]).collect();
                let mut froms: Vec<usize> = (0..n - 1).collect();
                froms.extend((0..n / 2).map(|_| random(n - 1)));
                let lines = froms.into_iter().map(|a| [a, a + 1 + random(n - 1 - a)]).collect();
                check(&Plan { sizes, lines });
            }
        }
    }

    fn check(plan: &Plan) {
        let placed = place(plan, 100_000).unwrap();
        let n = plan.sizes.len();
        let sides = |b: usize, axis: usize| {
            let (m, half) = (placed.middles[b][axis], plan.sizes[b][axis] / 2.0);
            [m - half, m + half]
        };
        for a in 0..n {
            for axis in 0..2 {
                let [low, high] = sides(a, axis);
                assert!(low >= 0.0 && high <= placed.size[axis], "box {a} leaves the page");
            }
            for b in 0..a {
                let apart = |axis| sides(a, axis)[0] >= sides(b, axis)[1] || sides(b, axis)[0] >= sides(a, axis)[1];
                assert!(apart(0) || apart(1), "boxes {a} and {b} overlap");
            }
        }
        for (corners, &[from, to]) in placed.lines.iter().zip(&plan.lines) {
            assert!((corners[0][1] - sides(from, 1)[1]).abs() < 1e-9 && corners[0][0] == placed.middles[from][0]);
            let end = corners[corners.len() - 1];
            assert!((end[1] - sides(to, 1)[0]).abs() < 1e-9 && (sides(to, 0)[0]..sides(to, 0)[1]).contains(&end[0]));
            for stretch in corners.windows(2) {
                let [[x0, y0], [x1, y1]] = [stretch[0], stretch[1]];
                assert!(y1 >= y0 - 1e-9, "a line leads up");
                for b in (0..n).filter(|&b| b != from && b != to) {
                    let [left, right] = sides(b, 0);
                    let [above, below] = sides(b, 1);
                    let beside = x0.max(x1) <= left || x0.min(x1) >= right;
                    let clear = y1 <= above + 1e-9 || y0 >= below - 1e-9;
                    assert!(beside || clear, "a line from {from} to {to} crosses box {b}");
                }
            }
        }
    }
}
