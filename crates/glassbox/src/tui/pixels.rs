//! Pictures as characters: ▀ has two pixels, the upper in the colour of the letter and the lower in that of its background.

use glassbox_data::image::Image;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::widgets::Widget;
use std::env;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// All, 8 bits for each of red, green and blue.
    All,
    /// The 256 that xterm has: a cube of 6 × 6 × 6 and 24 shades of grey.
    Indexed,
    /// None are wanted.
    None,
}

impl Colours {
    /// What the environment says: NO_COLOR (no-color.org) forbids them, COLORTERM announces all.
    pub(super) fn of_the_terminal() -> Colours {
        let is = |name: &str, test: fn(&str) -> bool| env::var(name).is_ok_and(|value| test(&value));
        if is("NO_COLOR", |value| !value.is_empty()) {
            Colours::None
        } else if is("COLORTERM", |value| matches!(value, "truecolor" | "24bit")) {
            Colours::All
        } else {
            Colours::Indexed
        }
    }

    /// The colour itself, or the nearest that there is.
    pub(super) fn nearest(self, [r, g, b]: [u8; 3]) -> Color {
        match self {
            Colours::All => Color::Rgb(r, g, b),
            Colours::Indexed => Color::Indexed(nearest_of_256([r, g, b])),
            Colours::None => Color::Reset,
        }
    }
}

/// The nearest of xterm's shades of grey (8, 18, … 238) or of its cube (0, 95, 135, 175, 215, 255 in each direction).
fn nearest_of_256(rgb: [u8; 3]) -> u8 {
    let distance = |other: [u8; 3]| -> u32 { (0..3).map(|i| u32::from(rgb[i].abs_diff(other[i])).pow(2)).sum() };
    let level = |i: u8| if i == 0 { 0 } else { 55 + 40 * i };
    let axis = rgb.map(|x| (0..6).min_by_key(|&i| x.abs_diff(level(i))).unwrap_or(0));
    let grey = (0..24).min_by_key(|&i| distance([8 + 10 * i; 3])).unwrap_or(0);
    if distance([8 + 10 * grey; 3]) < distance(axis.map(level)) {
        232 + grey
    } else {
        16 + 36 * axis[0] + 6 * axis[1] + axis[2]
    }
}

/// As much of a picture, from its top left corner, as there is room for.
pub(super) struct Pixels<'a> {
    pub(super) image: &'a Image,
    pub(super) colours: Colours,
}

/// From black to white without colours.
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

impl Widget for Pixels<'_> {
    fn render(self, area: Rect, cells: &mut Buffer) {
        let area = area.intersection(*cells.area());
        let (width, height) = (self.image.width(), self.image.height());
        // Where it is too large, four pixels become one, which leaves 14 × 14 of a digit; the rest is cut.
        let large = width > usize::from(area.width) || height > 2 * usize::from(area.height);
        let k = if large { 2 } else { 1 };
        let at = |x: u16, y: usize| -> Option<[u8; 3]> {
            let (x, y) = (k * usize::from(x), k * y);
            (x + k <= width && y + k <= height).then(|| mean(self.image, x, y, k))
        };
        for y in 0..area.height {
            for x in 0..area.width {
                let (upper, lower) = (at(x, 2 * usize::from(y)), at(x, 2 * usize::from(y) + 1));
                let Some(upper) = upper else { continue };
                let cell = &mut cells[(area.x + x, area.y + y)];
                if self.colours == Colours::None {
                    let both =
                        upper.iter().chain(lower.unwrap_or(upper).iter()).map(|&v| usize::from(v)).sum::<usize>() / 6;
                    cell.set_symbol(SHADES[both * SHADES.len() / 256]);
                    continue;
                }
                cell.set_symbol("▀").set_fg(self.colours.nearest(upper));
                if let Some(lower) = lower {
                    cell.set_bg(self.colours.nearest(lower));
                }
            }
        }
    }
}

/// The mean of a square of k × k pixels.
fn mean(image: &Image, x: usize, y: usize, k: usize) -> [u8; 3] {
    let mut sums = [0usize; 3];
    for (dy, dx) in (0..k).flat_map(|dy| (0..k).map(move |dx| (dy, dx))) {
        let pixel = image.pixel(x + dx, y + dy);
        sums.iter_mut().enumerate().for_each(|(i, sum)| *sum += usize::from(pixel[i % pixel.len()]));
    }
    sums.map(|sum| (sum / (k * k)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_has_two_pixels_in_their_own_colours() {
        let image = Image::new(2, 3, 3, vec![1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60, 7, 7, 7, 255, 0, 0]);
        let mut cells = Buffer::empty(Rect::new(0, 0, 4, 3));
        Pixels { image: &image, colours: Colours::All }.render(Rect::new(1, 0, 3, 3), &mut cells);
        let of = |x, y| (cells[(x, y)].symbol().to_string(), cells[(x, y)].fg, cells[(x, y)].bg);
        assert_eq!(of(1, 0), ("▀".to_string(), Color::Rgb(1, 2, 3), Color::Rgb(10, 20, 30)));
        assert_eq!(of(2, 0), ("▀".to_string(), Color::Rgb(4, 5, 6), Color::Rgb(40, 50, 60)));
        // An odd last row has nothing below it, and around the picture is nothing.
        assert_eq!(of(2, 1), ("▀".to_string(), Color::Rgb(255, 0, 0), Color::Reset));
        assert!([(0, 0), (3, 0), (1, 2)].iter().all(|&(x, y)| cells[(x, y)].symbol() == " "));
    }

    #[test]
    fn a_large_picture_is_halved_by_means_and_then_cut() {
        let image = Image::new(4, 4, 1, vec![0, 100, 8, 8, 200, 100, 8, 8, 20, 20, 4, 4, 20, 20, 4, 4]);
        let mut cells = Buffer::empty(Rect::new(0, 0, 1, 1));
        Pixels { image: &image, colours: Colours::All }.render(Rect::new(0, 0, 1, 1), &mut cells);
        assert_eq!((cells[(0, 0)].fg, cells[(0, 0)].bg), (Color::Rgb(100, 100, 100), Color::Rgb(20, 20, 20)));
    }

    #[test]
    fn without_colours_there_are_shades_and_no_colour() {
        let image = Image::new(3, 2, 1, vec![0, 255, 128, 0, 255, 128]);
        let mut cells = Buffer::empty(Rect::new(0, 0, 3, 1));
        Pixels { image: &image, colours: Colours::None }.render(Rect::new(0, 0, 3, 1), &mut cells);
        assert_eq!(cells, Buffer::with_lines([" █▒"]));
    }

    /// The palette of xterm as its manual lists it: a few of its entries.
    #[test]
    fn the_nearest_of_256_is_the_colour_itself_where_there_is_one() {
        for (rgb, index) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([95, 135, 175], 67),
            ([255, 0, 0], 196),
            ([8, 8, 8], 232),
            ([128, 128, 128], 244),
            ([238, 238, 238], 255),
        ] {
            assert_eq!(nearest_of_256(rgb), index, "{rgb:?}");
        }
    }
}
