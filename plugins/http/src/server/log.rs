//! A server's log: written without the values of named variables, and its end shown in errors.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::secret::Secret;

/// The longest piece of a line that is written at once, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;
/// How much of the end of a log is read to show its last lines, in bytes.
const READ_BACK: u64 = 64 * 1024;
/// The longest line that an error shows, in characters.
const SHOWN: usize = 400;

/// Environment variables whose values never stand in a log.
#[derive(Debug, Default)]
pub struct Hidden(Vec<Secret>);

impl Hidden {
    /// The variables of these names, with the values that they have in this process. One that is not set hides nothing.
    pub fn of_variables(names: impl IntoIterator<Item = String>) -> Self {
        let secrets = names.into_iter().map(Secret::of_variable);
        Self(secrets.filter(|secret| secret.read().is_ok()).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Secret::variable)
    }

    /// The text without the values.
    pub fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| secret.scrub(&text))
    }
}

/// Copies what a server prints to its log, line by line, until it prints no more. When the log cannot be written, the
/// rest is read all the same, so that the server is not held up.
pub(super) fn copy(from: impl Read, mut to: impl Write, hidden: &Hidden) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {
                let text = hidden.scrub(&String::from_utf8_lossy(&line));
                let _ = to.write_all(text.as_bytes());
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The last `count` lines of a log as far as they can be read, one line of a terminal each.
pub(super) fn tail(path: &Path, count: usize, hidden: &Hidden) -> Vec<String> {
    let text = end_of(path).unwrap_or_default();
    let text = hidden.scrub(&String::from_utf8_lossy(&text));
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| shown(line)).collect()
}

fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ_BACK)))?;
    let mut bytes = Vec::new();
    file.take(READ_BACK).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(line: &str) -> String {
    let mut shown: String =
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

/// Moves a log to the end of another. What cannot be moved stays where it is.
pub(super) fn append(from: &Path, to: &Path) {
    let appended = File::open(from).and_then(|mut source| {
        let mut target = OpenOptions::new().create(true).append(true).open(to)?;
        io::copy(&mut source, &mut target)
    });
    if appended.is_ok() {
        let _ = std::fs::remove_file(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_copied_whole_and_its_end_is_shown() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("server-x.log");
        let printed: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let file = File::create(&path).expect("a file");
        copy(format!("{printed}no end\u{1b}[0m").as_bytes(), file, &Hidden::default());
        assert_eq!(std::fs::read_to_string(&path).expect("a text").lines().count(), 101);
        let lines = tail(&path, 3, &Hidden::default());
        assert_eq!(lines, ["line 98", "line 99", "no end [0m"]);
    }

    #[test]
    fn a_second_log_is_put_behind_the_first() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&from, "second\n").expect("written");
        std::fs::write(&to, "first\n").expect("written");
        append(&from, &to);
        assert_eq!(std::fs::read_to_string(&to).expect("a text"), "first\nsecond\n");
        assert!(!from.exists());
    }
}
