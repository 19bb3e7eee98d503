//! The dashboard of `glassbox train --tui`: curves, numbers and samples of a run while it trains.
//!
//! [`Tui`] looks on as the run trains and keeps a [`State`]; a thread of its own draws that five times a second and reads the
//! keys, so that a step of a minute freezes neither. [`draw`] makes a frame of a state, and [`pixels`] makes pictures of
//! characters.

mod draw;
mod pixels;
mod state;

use crate::failure::Failure;
use crate::output::note;
use glassbox_train::{Observer, Outcome, Record, Sample, TrainError, Trained, read_metrics};
use pixels::Colours;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use state::State;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);

/// The exit code of a program that SIGINT killed, as shells count it: 128 + 2.
const KILLED: i32 = 130;

/// Shows a run on the whole terminal. The terminal is as it was once this is dropped, also by an error or a panic.
pub struct Tui {
    state: Arc<Mutex<State>>,
    screen: Option<Screen>,
    interrupt: &'static AtomicBool,
    warnings: Vec<String>,
}

/// The thread that draws, and the flag that ends it.
struct Screen {
    thread: JoinHandle<io::Result<()>>,
    done: Arc<AtomicBool>,
}

impl Tui {
    /// A dashboard that raises `interrupt` at the key q and at Ctrl-C. The terminal is taken over when a run begins.
    pub fn new(interrupt: &'static AtomicBool) -> Result<Tui, Failure> {
        if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
            return Err(Failure::mistake(
                "--tui draws on a terminal and reads its keys, and standard output or input is none; leave --tui out to get \
                 plain lines",
            ));
        }
        Ok(Tui { state: Arc::default(), screen: None, interrupt, warnings: Vec::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal back; says what went wrong with it meanwhile.
    fn close(&mut self) -> io::Result<()> {
        let Some(screen) = self.screen.take() else { return Ok(()) };
        screen.done.store(true, Ordering::Relaxed);
        screen.thread.thread().unpark();
        let drawn = screen.thread.join().unwrap_or_else(|_| Err(io::Error::other("the dashboard has a bug")));
        drawn.and(ratatui::try_restore())
    }
}

impl Observer for Tui {
    fn begin(&mut self, run: &Trained, end: u64) -> Result<(), TrainError> {
        let mut state = State::of(run.config.preset(), run.step, end);
        // What earlier sittings noted is a part of the curves.
        read_metrics(&run.dir.metrics_path())?.iter().for_each(|record| state.note(record));
        *self.state() = state;
        if self.screen.is_none() {
            let terminal = open().map_err(cannot_draw)?;
            let (state, done) = (Arc::clone(&self.state), Arc::new(AtomicBool::new(false)));
            let (ended, interrupt) = (Arc::clone(&done), self.interrupt);
            let thread = thread::spawn(move || show(terminal, &state, &ended, interrupt));
            self.screen = Some(Screen { thread, done });
        }
        Ok(())
    }

    fn step(&mut self, record: &Record) -> Result<(), TrainError> {
        self.state().note(record);
        match &self.screen {
            Some(screen) if screen.thread.is_finished() => self.close().map_err(cannot_draw),
            _ => Ok(()),
        }
    }

    fn sampled(&mut self, step: u64, samples: &Sample) -> Result<(), TrainError> {
        self.state().samples = Some((step, samples.clone()));
        Ok(())
    }

    fn warned(&mut self, sentence: &str) -> Result<(), TrainError> {
        self.warnings.push(format!("{}: {sentence}", self.state().name));
        self.state().warning = Some(sentence.to_string());
        Ok(())
    }

    fn end(&mut self, _: &Outcome) -> Result<(), TrainError> {
        Ok(())
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        // Whatever else goes wrong with the terminal now, there is nobody to tell.
        let _ = self.close();
        self.warnings.iter().for_each(|warning| note(warning));
    }
}

fn cannot_draw(source: io::Error) -> TrainError {
    TrainError::Io { path: PathBuf::from("the terminal"), doing: "draw", source }
}

/// Takes the terminal over. Not by `ratatui::init`, whose panic hook gives it back at panics that are caught, too: the search
/// for the operation that made a NaN ends in one.
fn open() -> io::Result<DefaultTerminal> {
    enable_raw_mode()?;
    let terminal =
        execute!(io::stdout(), EnterAlternateScreen).and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
    if terminal.is_err() {
        ratatui::restore();
    }
    terminal
}

/// Draws frames and reads keys until it is done.
fn show(
    mut terminal: DefaultTerminal,
    state: &Mutex<State>,
    done: &AtomicBool,
    interrupt: &AtomicBool,
) -> io::Result<()> {
    let colours = Colours::of_the_terminal();
    let mut ending = false;
    while !done.load(Ordering::Relaxed) {
        if !ending && interrupt.load(Ordering::Relaxed) {
            ending = true;
            // Who sent a signal was answered on this screen: all of it is drawn again.
            let area = terminal.size()?.into();
            terminal.resize(area)?;
        }
        // A copy, so that a slow terminal holds up nobody.
        let now = state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        terminal.draw(|frame| draw::draw(frame, &now, ending, colours))?;
        if event::poll(FRAME)?
            && let Event::Key(key) = event::read()?
            && quits(key)
            && interrupt.swap(true, Ordering::Relaxed)
        {
            // The second time somebody means it.
            terminal.show_cursor()?;
            ratatui::restore();
            std::process::exit(KILLED);
        }
    }
    Ok(())
}

/// q, or Ctrl-C, which is a key like others while the terminal is ours.
fn quits(key: KeyEvent) -> bool {
    let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (ctrl_c || matches!(key.code, KeyCode::Char('q' | 'Q')))
}
