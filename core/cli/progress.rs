//! Telling a person how a run goes: bars on a terminal, a line an interval otherwise, all on standard error.

mod bytes;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tribunal_engine::event::{Event, Reporter};

pub use bytes::Bytes;

/// How often a line is printed where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Quiet,
    /// Progress, and what went wrong.
    Normal,
    /// Every retry, too.
    Verbose,
}

/// A reporter for people.
pub struct Progress {
    level: Level,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
    units: usize,
    answered: usize,
    unanswered: usize,
    retried: usize,
    abstained: BTreeMap<&'static str, usize>,
    source: String,
    told: BTreeMap<String, usize>,
}

impl Progress {
    /// A reporter that tells as much as `level` says.
    pub fn new(level: Level) -> Self {
        let now = Instant::now();
        let state = State {
            bar: None,
            started: now,
            last_line: now,
            units: 0,
            answered: 0,
            unanswered: 0,
            retried: 0,
            abstained: BTreeMap::new(),
            source: String::new(),
            told: BTreeMap::new(),
        };
        Self { level, state: Mutex::new(state) }
    }
}

impl State {
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_line(text)),
            None => write_line(text),
        }
    }

    /// Says a trouble once, and counts it after that.
    fn trouble(&mut self, text: String, units: usize) {
        let told = self.told.entry(text.clone()).or_insert(0);
        *told += units;
        if *told == units {
            self.say(&text);
        }
    }

    fn counts(&self) -> String {
        let mut text = String::new();
        let abstained: usize = self.abstained.values().sum();
        for (count, what) in [
            (abstained, "abstained"),
            (self.retried, "asked again"),
            (self.unanswered, "unanswered"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }

    fn line(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.answered as f64 / seconds.max(1e-9);
        let left = self.units.saturating_sub(self.answered + self.unanswered);
        let eta = if rate > 0.0 { left as f64 / rate } else { f64::INFINITY };
        let eta = if eta.is_finite() { format!(", {eta:.0} s left") } else { String::new() };
        format!(
            "{}: {} of {} trials, {rate:.0}/s{eta}{}",
            self.source,
            self.answered,
            self.units,
            self.counts()
        )
    }

    fn advance(&mut self) {
        match &self.bar {
            Some(bar) => {
                bar.set_position((self.answered + self.unanswered) as u64);
                bar.set_message(format!("{}{}", self.source, self.counts()));
            }
            None if self.last_line.elapsed() >= INTERVAL => {
                self.last_line = Instant::now();
                self.say(&self.line());
            }
            None => {}
        }
    }
}

impl Reporter for Progress {
    fn event(&self, event: &Event<'_>) {
        if self.level == Level::Quiet {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { units, known, run } => {
                state.started = Instant::now();
                state.last_line = state.started;
                state.units = *units;
                let already = if *known > 0 {
                    format!(", {known} are stored already")
                } else {
                    String::new()
                };
                state.say(&format!("run {run}: {units} trials to ask{already}"));
                if std::io::stderr().is_terminal() && *units > 0 {
                    state.bar = Some(bar(*units));
                }
            }
            Event::Reused { folder, units } => {
                state.say(&format!("{units} answers are taken over from {folder}"));
            }
            Event::Probed { source, right, of, findings, notes, .. } => {
                if self.level == Level::Verbose || !findings.is_empty() {
                    state.say(&format!(
                        "self-check of source `{source}`: {right} of {of} known pairs right"
                    ));
                }
                for finding in findings {
                    state.say(&format!("warning: source `{source}`: {finding}"));
                }
                for note in notes.iter().filter(|_| self.level == Level::Verbose) {
                    state.say(&format!("note: source `{source}`: {note}"));
                }
            }
            Event::Source { source, units, identity } => {
                state.source = (*source).to_owned();
                if self.level == Level::Verbose {
                    state.say(&format!("asking source `{source}` ({identity}): {units} trials"));
                }
            }
            Event::Answered { units, abstained, .. } => {
                state.answered += units;
                for (reason, count) in abstained {
                    *state.abstained.entry(reason.as_str()).or_insert(0) += count;
                }
                state.advance();
            }
            Event::Retrying { source, units, attempt, wait_ms, error } => {
                state.retried += units;
                if self.level == Level::Verbose {
                    state.say(&format!(
                        "source `{source}`: attempt {attempt} failed for {units} trials ({error}); again in {:.1} s",
                        *wait_ms as f64 / 1e3
                    ));
                }
                state.advance();
            }
            Event::Unanswered { source, units, error, .. } => {
                state.unanswered += units;
                state.trouble(
                    format!("warning: source `{source}` left trials unanswered: {error}"),
                    *units,
                );
                state.advance();
            }
            Event::SourceStopped { source, reason } => {
                state.trouble(format!("warning: source `{source}` is given up: {reason}"), 1);
            }
            Event::Stopping { reason } => state.say(reason),
            Event::Finished { answered, unanswered, peak_in_flight, seconds, .. } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                let rate = *answered as f64 / seconds.max(1e-9);
                let left = if *unanswered > 0 {
                    format!(", {unanswered} without answer")
                } else {
                    String::new()
                };
                state.say(&format!(
                    "{answered} trials answered in {seconds:.1} s, {rate:.0}/s, at most {peak_in_flight} calls at \
                     once{left}"
                ));
            }
        }
    }
}

fn bar(units: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(units as u64), ProgressDrawTarget::stderr());
    let template = "{bar:30} {pos}/{len} trials  {per_sec}  {eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn write_line(text: &str) {
    // When standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
