//! Telling a person how far a long reading or writing of files is: a bar on a terminal, a line an interval otherwise.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{INTERVAL, write_line};
use crate::render::plain;

/// Progress in bytes, on standard error. What is drawn is gone when this is dropped.
pub struct Bytes {
    quiet: bool,
    /// Drawn from the first call on, when the total is known.
    bar: Option<ProgressBar>,
    last_line: Instant,
    doing: String,
}

impl Bytes {
    /// Tells nothing when `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, bar: None, last_line: Instant::now(), doing: String::new() }
    }

    /// What is being done, with which file or tensor, and how many bytes of how many are done.
    pub fn at(&mut self, doing: &str, name: &str, done: u64, total: u64) {
        if self.quiet {
            return;
        }
        if self.bar.is_none() && std::io::stderr().is_terminal() {
            self.bar = Some(bar(total));
        }
        let begins = self.doing != doing;
        if begins {
            doing.clone_into(&mut self.doing);
        }
        match &self.bar {
            Some(bar) => {
                if begins {
                    bar.set_position(0);
                    bar.reset_eta();
                }
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(format!("{doing} {}", plain(name)));
            }
            None if self.last_line.elapsed() >= INTERVAL => {
                self.last_line = Instant::now();
                let (done, total) = (DecimalBytes(done), DecimalBytes(total));
                write_line(&format!("{doing} {}: {done} of {total}", plain(name)));
            }
            None => {}
        }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{bar:30} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
