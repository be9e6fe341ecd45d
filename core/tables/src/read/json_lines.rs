//! Reading JSON lines, one line in memory at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::MAX_RECORD_BYTES;
use super::json::kind;
use super::json_error::Failed;
use crate::error::Spot;
use crate::{Place, TableError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Hands over the record of every line that is not blank.
pub(super) fn read<T, E>(
    path: &Path,
    mut visit: impl FnMut(Place, T) -> Result<(), E>,
) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    let file = File::open(path).map_err(|cause| TableError::open(path, cause))?;
    let mut input = BufReader::with_capacity(1 << 18, file);
    let mut buffer = Vec::new();
    let (mut line, mut record) = (0, 0);
    while next_line(path, &mut input, &mut buffer, record + 1, line + 1)? {
        line += 1;
        let mut bytes = buffer.as_slice();
        if line == 1 {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        let blank = bytes.len() - bytes.trim_ascii_start().len();
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            continue;
        }
        record += 1;
        let value = parse(path, bytes, blank, record, line)?;
        let line = Some(line);
        visit(Place { record, line }, value)?;
    }
    if record == 0 {
        return Err(TableError::malformed(Spot::file(path), "the file is empty").into());
    }
    Ok(())
}

/// Fills the buffer with the next line, its end included; false at the end of the file.
fn next_line(
    path: &Path,
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    record: u64,
    line: u64,
) -> Result<bool, TableError> {
    // A line end of two bytes is no part of the record.
    const MOST: usize = MAX_RECORD_BYTES + 2;
    buffer.clear();
    let length = input
        .by_ref()
        .take(MOST as u64 + 1)
        .read_until(b'\n', buffer)
        .map_err(|cause| TableError::reading(path, cause))?;
    if length > MOST || buffer.trim_ascii_end().len() > MAX_RECORD_BYTES {
        let line = Some(line);
        let at = Spot::record(path, Place { record, line });
        return Err(TableError::record_too_large(at));
    }
    Ok(length > 0)
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    indent: usize,
    record: u64,
    line: u64,
) -> Result<T, TableError> {
    let spot = |offset: usize| Spot {
        record: Some(record),
        line: Some(line),
        column: Some((indent + offset) as u64 + 1),
        ..Spot::file(path)
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        TableError::malformed(spot(error.valid_up_to()), "the text is not UTF-8")
            .with_hint("convert the file to UTF-8")
    })?;
    match bytes[0] {
        b'{' => serde_json::from_str(text).map_err(|error| {
            Failed { path, record, line, indent, text, container: "line" }.explain(&error)
        }),
        first => {
            let message = format!("the line starts with {}, not an object", kind(first));
            let error = TableError::malformed(spot(0), message);
            Err(match first {
                b'[' => error.with_hint("name the file .json if it holds one array of records"),
                _ => error,
            })
        }
    }
}
