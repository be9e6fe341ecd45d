//! Reading a `.json` file: an array of objects, one object, or objects one after the other.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::json_error::Failed;
use super::{MAX_FILE_BYTES, MAX_RECORD_BYTES};
use crate::error::Spot;
use crate::{Place, TableError};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads the whole file, then hands over its records.
pub(super) fn read<T, E>(
    path: &Path,
    mut visit: impl FnMut(Place, T) -> Result<(), E>,
) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    let bytes = load(path)?;
    let (text, whole) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            (std::str::from_utf8(valid).unwrap_or(""), false)
        }
    };
    let mut cursor = Cursor::new(path, text, whole);
    match cursor.peek() {
        Some(b'[') => {
            cursor.step();
            let mut more = cursor.peek() != Some(b']');
            while more {
                let (place, record) = cursor.record()?;
                visit(place, record)?;
                more = cursor.another()?;
            }
            cursor.step();
            cursor.expect_end("the array")?;
        }
        Some(b'{') => {
            while cursor.peek().is_some() {
                let (place, record) = cursor.record()?;
                visit(place, record)?;
            }
            cursor.expect_end("the last object")?;
        }
        Some(first) => {
            let message =
                format!("the file starts with {}, not an array or an object", kind(first));
            return Err(cursor.malformed(message).into());
        }
        None if cursor.whole => {
            let at = Spot::file(path);
            return Err(TableError::malformed(at, "the file is empty").into());
        }
        None => return Err(cursor.ended().into()),
    }
    Ok(())
}

fn load(path: &Path) -> Result<Vec<u8>, TableError> {
    let mut file = File::open(path).map_err(|cause| TableError::open(path, cause))?;
    let reading = |cause| TableError::reading(path, cause);
    let length = file.metadata().map_err(reading)?.len();
    if length > MAX_FILE_BYTES {
        return Err(TableError::TooLarge {
            at: Box::new(Spot::file(path)),
            what: "the file",
            limit: MAX_FILE_BYTES,
        });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(reading)?;
    Ok(bytes)
}

/// A point in the text of a file.
struct Cursor<'a> {
    path: &'a Path,
    text: &'a str,
    /// Whether the text is the whole file; otherwise bytes that are not UTF-8 follow it.
    whole: bool,
    offset: usize,
    /// Line of `offset`, and where that line starts.
    line: u64,
    line_start: usize,
    /// Records handed over.
    count: u64,
}

impl<'a> Cursor<'a> {
    fn new(path: &'a Path, text: &'a str, whole: bool) -> Self {
        let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { path, text, whole, offset: start, line: 1, line_start: start, count: 0 }
    }

    /// The next byte that is not white space, which becomes the current one.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.offset..];
        let blank =
            rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.advance(blank);
        self.text.as_bytes().get(self.offset).copied()
    }

    fn step(&mut self) {
        self.advance(1);
    }

    fn advance(&mut self, bytes: usize) {
        let end = (self.offset + bytes).min(self.text.len());
        let passed = &self.text.as_bytes()[self.offset..end];
        let lines = newlines(passed);
        if lines > 0 {
            self.line += lines;
            let last = passed.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            self.line_start = self.offset + last + 1;
        }
        self.offset = end;
    }

    fn record<T: DeserializeOwned>(&mut self) -> Result<(Place, T), TableError> {
        self.count += 1;
        let first = self.peek();
        let place = Place { record: self.count, line: Some(self.line) };
        match first {
            Some(b'{') => {}
            Some(b']') => return Err(self.malformed("a comma stands before the end of the array")),
            Some(other) => {
                let message = format!("the record is {}, not an object", kind(other));
                return Err(self.malformed(message));
            }
            None => return Err(self.ended()),
        }
        let window = self.window();
        let mut stream = serde_json::Deserializer::from_str(window).into_iter::<T>();
        match stream.next() {
            Some(Ok(record)) => {
                let length = stream.byte_offset();
                if length > MAX_RECORD_BYTES {
                    return Err(TableError::record_too_large(Spot::record(self.path, place)));
                }
                self.advance(length);
                Ok((place, record))
            }
            Some(Err(error)) => Err(self.explain(&error, window, place)),
            None => Err(self.ended()),
        }
    }

    /// The text from here on, no longer than is needed to see that a record is too large.
    fn window(&self) -> &'a str {
        let rest = &self.text[self.offset..];
        let mut end = rest.len().min(MAX_RECORD_BYTES + 1);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        &rest[..end]
    }

    fn explain(&self, error: &serde_json::Error, window: &str, place: Place) -> TableError {
        if error.is_eof() && window.len() > MAX_RECORD_BYTES {
            return TableError::record_too_large(Spot::record(self.path, place));
        }
        if error.is_eof() && !self.whole {
            let mut end = Cursor { offset: self.offset, ..*self };
            end.advance(window.len());
            return end.ended();
        }
        Failed {
            path: self.path,
            record: self.count,
            line: self.line,
            indent: self.offset - self.line_start,
            text: window,
            container: "file",
        }
        .explain(error)
    }

    /// Whether another record follows in the array.
    fn another(&mut self) -> Result<bool, TableError> {
        match self.peek() {
            Some(b',') => {
                self.step();
                Ok(true)
            }
            Some(b']') => Ok(false),
            Some(_) => Err(self.malformed("no `,` and no `]` follows the record")),
            None => Err(self.ended()),
        }
    }

    fn expect_end(&mut self, what: &str) -> Result<(), TableError> {
        match self.peek() {
            None if self.whole => Ok(()),
            None => Err(self.ended()),
            Some(_) => Err(self.malformed(format!("more text follows {what}"))),
        }
    }

    /// The error of a text that ends too early, here.
    fn ended(&self) -> TableError {
        if self.whole {
            self.malformed("the file ends before the array does")
                .with_hint("check that the file was copied whole")
        } else {
            self.malformed("the text is not UTF-8").with_hint("convert the file to UTF-8")
        }
    }

    fn malformed(&self, message: impl Into<String>) -> TableError {
        let at = Spot {
            record: (self.count > 0).then_some(self.count),
            line: Some(self.line),
            column: Some((self.offset - self.line_start) as u64 + 1),
            ..Spot::file(self.path)
        };
        TableError::malformed(at, message)
    }
}

/// What a JSON value is that starts with this byte.
pub(super) fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b'0'..=b'9' | b'-' => "a number",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "text that is not JSON",
    }
}

/// Counts line ends. Sums of bytes in short chunks are what the compiler turns into vector instructions.
fn newlines(bytes: &[u8]) -> u64 {
    bytes
        .chunks(255)
        .map(|chunk| {
            let count: u8 = chunk.iter().map(|byte| u8::from(*byte == b'\n')).sum();
            u64::from(count)
        })
        .sum()
}
