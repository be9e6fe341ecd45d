//! What a child writes to standard error: forwarded line by line, and its end kept for errors.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read};
use std::sync::{Mutex, PoisonError};

/// How much is kept, in bytes.
const KEPT: usize = 64 << 10;
/// How much of it an error shows, in characters.
const SHOWN: usize = 2000;
/// A longer line is forwarded in pieces.
const LINE: usize = 8 << 10;

/// The end of a child's standard error.
#[derive(Default)]
pub(super) struct Tail(Mutex<VecDeque<u8>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let surplus = (kept.len() + bytes.len()).saturating_sub(KEPT);
        kept.drain(..surplus);
        kept.extend(bytes);
    }

    /// The last lines as they stand below an error: empty, or a heading and indented lines, each after a line break.
    pub(super) fn shown(&self) -> String {
        let kept: Vec<u8> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&kept);
        let text = text.trim_end();
        if text.is_empty() {
            return String::new();
        }
        let mut shown = String::from("\nthe end of its standard error:");
        for line in last_lines(text, SHOWN).lines() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\n  {}", printable(line));
        }
        shown
    }
}

/// The last `most` characters, from the start of a line on where there is one.
fn last_lines(text: &str, most: usize) -> &str {
    let Some((start, _)) = text.char_indices().rev().nth(most.saturating_sub(1)) else {
        return text;
    };
    if start == 0 || text.as_bytes()[start - 1] == b'\n' {
        return &text[start..];
    }
    match text[start..].find('\n') {
        Some(end) => &text[start + end + 1..],
        None => &text[start..],
    }
}

/// The text without control characters: an error is printed to terminals.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c }).collect()
}

/// Reads until the end: every line goes to `forward`, all of it into the tail.
pub(super) fn follow(mut from: impl Read, tail: &Tail, mut forward: impl FnMut(&str)) {
    let mut chunk = vec![0; 16 << 10];
    let mut line = Vec::new();
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        tail.push(&chunk[..read]);
        for piece in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.last() == Some(&b'\n') || line.len() >= LINE {
                forward(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        forward(String::from_utf8_lossy(&line).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        let tail = Tail::default();
        follow(text, &tail, |_| {});
        tail.shown()
    }

    #[test]
    fn nothing_is_shown_of_nothing() {
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b"\n \n"), "");
    }

    #[test]
    fn the_last_whole_lines_are_shown() {
        let mut text = "a line that is too far from the end\n".repeat(200);
        text.push_str("Traceback:\n  KeyError\n");
        let shown = shown(text.as_bytes());
        assert!(shown.ends_with("\n  Traceback:\n    KeyError"), "{shown}");
        assert!(shown.lines().skip(2).all(|line| line.starts_with("  ")));
        assert!(
            shown
                .lines()
                .nth(2)
                .is_some_and(|line| line == "  a line that is too far from the end")
        );
        assert!(shown.chars().count() < 2300);
    }

    #[test]
    fn a_flood_keeps_its_end_only() {
        let mut text = vec![b'x'; 10 << 20];
        text.extend_from_slice(b"\nlast");
        let tail = Tail::default();
        let mut longest = 0;
        follow(&text[..], &tail, |line| longest = longest.max(line.len()));
        assert!(longest <= LINE + (16 << 10));
        assert_eq!(tail.0.lock().unwrap().len(), KEPT);
        assert!(tail.shown().ends_with("\n  last"));
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(
            shown(b"\x1b[31mred\xff"),
            "\nthe end of its standard error:\n  \u{FFFD}[31mred\u{FFFD}"
        );
    }
}
