//! One frame of the dashboard.
//!
//! ```text
//! vae-mlp  a variational autoencoder …                     q saves and quits
//! ████████░░░░░░░░░░  step 158/790  20%  5,210 examples/s  0:12 left
//! ╭ loss ────────────────────────╮╭ samples after step 158 ────────────╮
//! │ curves                       ││ half-blocks                        │
//! ╰──────────────────────────────╯│                                    │
//! ╭ lr, if a schedule changes it ╮│                                    │
//! ╰──────────────────────────────╯╰────────────────────────────────────╯
//! training  loss 260.11  …
//! held out  loss 258.30  …
//! ```

use super::pixels::{Colours, Pixels};
use super::state::{Curve, State};
use glassbox_train::{Sample, shown};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, BorderType, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};
use std::time::Duration;

/// Distinguishable with the common kinds of colour blindness, too (Okabe and Ito 2008); light enough for a black terminal.
const TRAINING: [u8; 3] = [86, 180, 233];
const HELD_OUT: [u8; 3] = [230, 159, 0];
const QUIET: [u8; 3] = [130, 140, 150];

/// Draws the state; `ending` says that the run is being saved.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, ending: bool, colours: Colours) {
    let warnings = u16::from(state.warning.is_some());
    let rows = [1, 1].map(Constraint::Length).into_iter();
    let rows = rows.chain([Constraint::Min(0)]).chain([1, 1, warnings].map(Constraint::Length));
    let [title, progress, body, training, held_out, warning] = Layout::vertical(rows).areas(frame.area());
    let quiet = Style::new().fg(colours.nearest(QUIET));

    draw_title(frame, title, state, ending, quiet);
    draw_progress(frame, progress, state, colours);
    let [curves, samples] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(body);
    draw_curves(frame, curves, state, colours);
    draw_samples(frame, samples, state, colours);
    for (area, name, of, colour) in [(training, "training", false, TRAINING), (held_out, "held out", true, HELD_OUT)] {
        let name = Span::styled(format!("{name}  "), Style::new().fg(colours.nearest(colour)));
        frame.render_widget(Line::from(vec![name, Span::raw(state.metrics_of(of).to_string())]), area);
    }
    if let Some(sentence) = &state.warning {
        frame.render_widget(Line::styled(sentence.as_str(), Style::new().add_modifier(Modifier::BOLD)), warning);
    }
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &State, ending: bool, quiet: Style) {
    let hint = if ending { "  saving; q again stops at once" } else { "  q saves and quits" };
    let width = u16::try_from(hint.len()).unwrap_or(u16::MAX);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    let name = Span::styled(state.name, Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(Line::from(vec![name, Span::raw("  "), Span::styled(state.about, quiet)]), left);
    frame.render_widget(Paragraph::new(hint).right_aligned().style(quiet), right);
}

fn draw_progress(frame: &mut Frame<'_>, area: Rect, state: &State, colours: Colours) {
    let mut text = format!("step {}/{}  {:.0}%", state.step, state.end, 100.0 * state.share());
    if let Some((examples, left)) = state.speed() {
        text.push_str(&format!("  {examples:.0} examples/s  {} left", clock(left)));
    }
    let [bar, label] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(2)]).areas(area);
    let gauge = Gauge::default().ratio(state.share()).label("").use_unicode(true);
    frame.render_widget(gauge.gauge_style(Style::new().fg(colours.nearest(TRAINING))), bar);
    frame.render_widget(Paragraph::new(format!(" {text}")), label);
}

/// The loss, and the learning rate below it if it changes.
fn draw_curves(frame: &mut Frame<'_>, area: Rect, state: &State, colours: Colours) {
    let has_lr = u16::from(!state.lr.points().is_empty());
    let [loss, lr] = Layout::vertical([Constraint::Fill(2), Constraint::Fill(has_lr)]).areas(area);
    let curves = [("training", &state.loss, TRAINING), ("held out", &state.held_out, HELD_OUT)];
    draw_chart(frame, loss, "loss", &curves, colours);
    if has_lr == 1 {
        draw_chart(frame, lr, "learning rate", &[("", &state.lr, TRAINING)], colours);
    }
}

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &'static str,
    curves: &[(&'static str, &Curve, [u8; 3])],
    colours: Colours,
) {
    let block = Block::bordered().border_type(BorderType::Rounded).title(format!(" {title} "));
    let all = || curves.iter().flat_map(|(_, curve, _)| curve.points()).filter(|p| p.1.is_finite());
    let (Some(x), Some(y)) = (span(all().map(|p| p.0)), span(all().map(|p| p.1))) else {
        return frame.render_widget(block, area);
    };
    let datasets = curves.iter().filter(|(_, curve, _)| !curve.points().is_empty()).map(|(name, curve, colour)| {
        let style = Style::new().fg(colours.nearest(*colour));
        let line = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(style);
        let line = line.data(curve.points());
        if name.is_empty() { line } else { line.name(*name) }
    });
    let quiet = Style::new().fg(colours.nearest(QUIET));
    let axis = |[low, high]: [f64; 2], label: fn(f64) -> String| {
        Axis::default().bounds([low, high]).labels([label(low), label(high)]).style(quiet)
    };
    let chart = Chart::new(datasets.collect()).block(block);
    frame.render_widget(chart.x_axis(axis(x, |step| format!("{step:.0}"))).y_axis(axis(y, shown)), area);
}

/// From the least to the greatest, a little apart if they are the same. `None` if there are no values.
fn span(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(start, |(low, high), v| (low.min(v), high.max(v)));
    (low <= high).then(|| if low < high { [low, high] } else { [low, low + low.abs().max(1e-9)] })
}

fn draw_samples(frame: &mut Frame<'_>, area: Rect, state: &State, colours: Colours) {
    let title =
        state.samples.as_ref().map_or(" samples ".to_string(), |(step, _)| format!(" samples after step {step} "));
    let block = Block::bordered().border_type(BorderType::Rounded).title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    match &state.samples {
        Some((_, Sample::Picture(image))) => frame.render_widget(Pixels { image, colours }, inside),
        Some((_, Sample::Text(text))) => {
            // Whatever a model writes, it moves no cursor.
            let shown: String = text.chars().filter(|&c| c == '\n' || !c.is_control()).collect();
            frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }), inside);
        }
        None => {}
    }
}

/// As 0:07, 12:34 or 5:06:07.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_data::image::Image;
    use glassbox_train::{Metrics, Record};
    use glassbox_vae::VAE_MLP;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::style::Color;

    /// 100 of 400 steps, with a loss that falls from 500 to 5.
    fn state(with_lr: bool) -> State {
        let mut state = State::of(&VAE_MLP, 0, 400);
        for step in 1..=100u64 {
            let mut metrics = Metrics::new().with("loss", 500.0 / step as f64).with("kl", 0.25);
            if step.is_multiple_of(50) {
                metrics = metrics.with("test_loss", 6.5);
            }
            if with_lr {
                metrics = metrics.with("lr", 1e-3 * step as f64);
            }
            state.note(&Record { step, metrics, seconds: step as f64, examples: 10 * step });
        }
        let pixels = (0..40 * 40).map(|i| if i / 40 % 2 == 0 { 250 } else { 10 }).collect();
        state.samples = Some((50, Sample::Picture(Image::new(40, 40, 1, pixels))));
        state
    }

    fn frame(state: &State, width: u16, height: u16, colours: Colours) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state, false, colours)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn text(cells: &Buffer) -> String {
        let area = *cells.area();
        let row = |y| (0..area.width).map(|x| cells[(x, y)].symbol()).collect::<String>();
        (0..area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_frame_has_curves_numbers_progress_and_samples() {
        let text = text(&frame(&state(false), 100, 30, Colours::All));
        for part in [
            "vae-mlp  a variational autoencoder",
            "q saves and quits",
            "step 100/400  25%",
            "examples/s",
            " loss ",
            "500.00",
            "5.00",
            "held out",
            "training  loss 5.00  kl 0.250",
            "held out  loss 6.50",
            " samples after step 50 ",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        let dots = text.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert!(dots > 40 && !text.contains("learning rate"), "{dots} cells of curves in\n{text}");
        assert_eq!(text.chars().filter(|&c| c == '▀').count(), 40 * 20, "{text}");
    }

    #[test]
    fn a_text_is_shown_line_for_line_and_moves_no_cursor() {
        let mut state = state(false);
        state.samples = Some((50, Sample::Text("MACBETH.\nWhat, ho!\x1b[2J".to_string())));
        let text = text(&frame(&state, 100, 30, Colours::All));
        assert!(text.contains("│MACBETH.") && text.contains("│What, ho![2J"), "{text}");
    }

    #[test]
    fn a_schedule_and_a_warning_get_their_places() {
        let mut state = state(true);
        state.warning = Some("head.bias has not changed".to_string());
        let text = text(&frame(&state, 100, 30, Colours::All));
        assert!(text.contains(" learning rate ") && text.contains("0.100") && text.contains("1.00e-3"), "{text}");
        assert!(text.lines().last().unwrap().starts_with("head.bias has not changed"), "{text}");
    }

    /// The curve of the loss falls: its dots on the left are above those on the right.
    #[test]
    fn a_falling_loss_is_drawn_falling() {
        let cells = frame(&state(false), 100, 30, Colours::All);
        // Braille has the last of all characters of a frame. The held-out loss lies over a part of the curve.
        let dots = |x: u16, y: u16| cells[(x, y)].symbol() >= "\u{2801}";
        let heights: Vec<u16> = (8..45).filter_map(|x| (3..28).find(|&y| dots(x, y))).collect();
        assert!(heights.len() > 30 && heights.is_sorted() && heights[0] + 10 < heights[30], "{heights:?}");
    }

    #[test]
    fn without_colours_no_cell_has_one() {
        let cells = frame(&state(true), 100, 30, Colours::None);
        assert!(cells.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        assert!(text(&cells).contains('▒'));
    }

    #[test]
    fn no_terminal_is_too_small_and_no_run_too_short() {
        for (width, height) in (0..40).flat_map(|w| (0..14).map(move |h| (w, h))) {
            frame(&state(true), width, height, Colours::Indexed);
            frame(&State::default(), width, height, Colours::None);
        }
    }

    #[test]
    fn times_are_read_as_clocks() {
        assert_eq!([7, 754, 18_367].map(|s| clock(Duration::from_secs(s))), ["0:07", "12:34", "5:06:07"]);
    }
}
