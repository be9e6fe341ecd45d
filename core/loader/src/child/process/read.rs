//! Reading what a child writes: one reply or line for the log on each line, and nothing else.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::wire::ErrorBody;

use super::super::ended::Why;
use super::super::tail::printable;
use super::{Counts, GREETING, Reply, Shared};
use crate::spec::Level;

/// Longest line, in bytes.
pub(in crate::child) const LONGEST: usize = 64 << 20;
/// How much of a line an error shows, in characters.
const SHOWN: usize = 200;

/// What every reply has. The rest is read by whoever asked.
#[derive(Deserialize)]
struct Envelope {
    id: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
}

/// Reads replies until the child closes its standard output or says what cannot be assigned.
pub(super) fn replies(stdout: impl Read, shared: &Shared) {
    let wrong = read(stdout, shared);
    let violated = wrong.is_some();
    if let Some(what) = wrong {
        shared.doom(Why::Violated, what);
    }
    shared.state().read = true;
    shared.changed.notify_all();
    if !violated {
        shared.end_unless_gone("it closed its standard output");
    }
}

/// What the child did wrong, if it did.
fn read(stdout: impl Read, shared: &Shared) -> Option<String> {
    let mut reader = BufReader::with_capacity(64 << 10, stdout);
    let mut greeted = false;
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line);
        if line.last() != Some(&b'\n') {
            if line.len() > LONGEST {
                return Some(format!("it wrote a line of more than 64 MiB: {}", shown(&line)));
            }
            if !line.is_empty() {
                shared.state().half = Some(shown(&line));
            }
            // An error of reading a pipe says no more than its end does.
            let _ = read;
            return None;
        }
        line.pop();
        let reply = match String::from_utf8(line) {
            Ok(line) => parse(line, greeted),
            Err(cause) => Err(format!("it wrote what is no UTF-8: {}", shown(cause.as_bytes()))),
        };
        if let Ok((_, Reply { line, .. })) = &reply
            && let Some((level, text)) = logged(line)
        {
            text.lines().for_each(|one| (shared.terms.log)(level, &shared.terms.origin, one));
            continue;
        }
        match reply.and_then(|(id, reply)| shared.answer(id, reply)) {
            Ok(()) => greeted = true,
            Err(what) => return Some(what),
        }
    }
}

/// The reply on a line and the request that it answers.
fn parse(line: String, greeted: bool) -> Result<(u64, Reply), String> {
    if !line.trim_ascii_start().starts_with('{') {
        return Err(format!("it wrote what is no JSON object: {}", shown(line.as_bytes())));
    }
    let envelope: Envelope = serde_json::from_str(&line).map_err(|cause| {
        let shown = shown(line.as_bytes());
        match bare_word(&line) {
            Some(word) => format!(
                "it wrote `{word}`, which is not JSON (write `null` for a number that is not finite): {shown}"
            ),
            None if cause.is_data() => format!("it wrote no reply ({cause}): {shown}"),
            None => format!("it wrote what is no JSON ({cause}): {shown}"),
        }
    })?;
    let id = match (greeted, envelope.id) {
        (false, _) => GREETING,
        (true, None) if logged(&line).is_some() => GREETING,
        (true, Some(id)) if id != GREETING => id,
        (true, _) => {
            return Err(format!("it wrote a reply without an `id`: {}", shown(line.as_bytes())));
        }
    };
    let error = envelope.error.map(|error| {
        let text = error.to_string();
        serde_json::from_value(error).unwrap_or_else(|_| ErrorBody::of("broken", text))
    });
    Ok((id, Reply { line, error }))
}

/// The level and the text of a line for the log: `{"op": "log", "level": "warn", "text": "..."}`.
fn logged(line: &str) -> Option<(Level, String)> {
    #[derive(Deserialize)]
    struct Logged {
        op: String,
        level: Option<String>,
        text: String,
    }
    // Replies have no `op`, and most lines are replies.
    if !line.trim_ascii_start().starts_with("{\"op\"") {
        return None;
    }
    let logged: Logged = serde_json::from_str(line).ok().filter(|one: &Logged| one.op == "log")?;
    let level = match logged.level.as_deref() {
        Some("error") => Level::Error,
        Some("warn") => Level::Warn,
        Some("debug") => Level::Debug,
        _ => Level::Info,
    };
    Some((level, logged.text))
}

impl Shared {
    /// Hands a reply to whoever asked. An error when nobody did.
    fn answer(&self, id: u64, reply: Reply) -> Result<(), String> {
        let open = {
            let mut state = self.state();
            match state.open.remove(&id) {
                Some(open) => open,
                None => {
                    let known = id <= self.last_id.load(std::sync::atomic::Ordering::Relaxed);
                    let what = if known { "answered before" } else { "never asked" };
                    let shown = shown(reply.line.as_bytes());
                    return Err(format!("it answered the request {id}, which was {what}: {shown}"));
                }
            }
        };
        if open.counts == Counts::AsAnswer {
            self.answered.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        self.changed.notify_all();
        if let Some(done) = open.done {
            done(Ok(reply));
        }
        Ok(())
    }
}

/// A word that some languages write for numbers that JSON does not have, outside of texts.
fn bare_word(line: &str) -> Option<&'static str> {
    let mut inside = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ if inside => {}
            b'N' | b'I' | b'-' | b'n' | b'i' => {
                let rest = &line.as_bytes()[at..];
                let words = ["NaN", "-Infinity", "Infinity", "nan", "-inf", "inf"];
                if let Some(word) = words.iter().find(|word| rest.starts_with(word.as_bytes())) {
                    return Some(word);
                }
            }
            _ => {}
        }
    }
    None
}

/// The beginning of a line, as an error shows it.
pub(in crate::child) fn shown(line: &[u8]) -> String {
    // A character has at most 4 bytes, so no more of the line can be shown.
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN)]);
    let start: String = text.chars().take(SHOWN).collect();
    let more = if line.len() > start.len() { "..." } else { "" };
    format!("`{}`{more}", printable(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        parse(line.to_owned(), true).map(|(id, _)| id).expect_err("it is wrong")
    }

    #[test]
    fn a_reply_is_assigned_by_its_id() {
        let (id, reply) = parse(r#" {"scores":[[1]],"id":7}"#.to_owned(), true).unwrap();
        assert_eq!((id, reply.error), (7, None));
    }

    #[test]
    fn an_error_may_be_a_text_alone() {
        let (_, reply) = parse(r#"{"id":7,"error":"no luck"}"#.to_owned(), true).unwrap();
        assert_eq!(reply.error, Some(ErrorBody::of("broken", "\"no luck\"")));
    }

    #[test]
    fn lines_for_the_log_are_no_replies() {
        let warn = logged(r#"{"op":"log","level":"warn","text":"3 texts are cut"}"#);
        assert_eq!(warn, Some((Level::Warn, "3 texts are cut".to_owned())));
        assert_eq!(logged(r#"{"op":"log","text":"x"}"#), Some((Level::Info, "x".to_owned())));
        assert_eq!(logged(r#"{"id":7,"op":"log","text":"x"}"#), None);
        assert_eq!(logged(r#"{"op":"hello","text":"x"}"#), None);
    }

    #[test]
    fn what_cannot_be_assigned_is_named() {
        assert_eq!(refused("hello"), "it wrote what is no JSON object: `hello`");
        assert_eq!(refused("[7]"), "it wrote what is no JSON object: `[7]`");
        assert_eq!(refused("{}"), "it wrote a reply without an `id`: `{}`");
        assert_eq!(refused(r#"{"id":0}"#), r#"it wrote a reply without an `id`: `{"id":0}`"#);
        assert!(refused(r#"{"id":"7"}"#).starts_with("it wrote no reply (invalid type: string"));
        assert!(refused(r#"{"id":7"#).starts_with("it wrote what is no JSON (EOF"));
    }

    #[test]
    fn nan_is_named_outside_of_texts_only() {
        let nan = r#"{"id":7,"note":"-Infinity \" Infinity","scores":[[NaN]]}"#;
        assert!(refused(nan).starts_with("it wrote `NaN`, which is not JSON"), "{}", refused(nan));
        assert_eq!(bare_word(r#"{"id":7,"note":"NaN","scores":[[-1.5]]}"#), None);
    }

    #[test]
    fn long_lines_are_shown_by_their_start() {
        let shown = shown("ä".repeat(1000).as_bytes());
        assert_eq!(shown.chars().count(), SHOWN + 5);
        assert!(shown.ends_with("`..."));
    }
}
