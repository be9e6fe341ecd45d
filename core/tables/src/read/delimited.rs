//! Reading CSV and TSV under a header row, one row in memory at a time.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::MAX_RECORD_BYTES;
use super::csv_cells::Row;
use crate::error::Spot;
use crate::{Place, TableError};

/// Hands over every row as a record.
pub(super) fn read<T, E>(
    path: &Path,
    delimiter: u8,
    mut visit: impl FnMut(Place, T) -> Result<(), E>,
) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    let file = File::open(path).map_err(|cause| TableError::open(path, cause))?;
    let allowance = Allowance::new();
    let mut table = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(Metered { inner: file, allowance: allowance.clone() });
    let header = header(path, &mut table)?;
    let mut cells = csv::StringRecord::new();
    let (mut record, mut last_start) = (0, 0);
    loop {
        allowance.refill();
        let line = table.position().line();
        match table.read_record(&mut cells) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let place = Place { record: record + 1, line: Some(line) };
                return Err(explain(path, place, error).into());
            }
        }
        record += 1;
        let start = cells.position();
        last_start = start.map_or(last_start, csv::Position::byte);
        let place = Place { record, line: Some(start.map_or(line, csv::Position::line)) };
        let row = Row { header: &header, cells: &cells };
        let value =
            T::deserialize(row).map_err(|misfit| misfit.into_error(Spot::file(path), place))?;
        visit(place, value)?;
    }
    if quote_is_open(table.into_inner().inner, last_start, delimiter)
        .map_err(|cause| TableError::reading(path, cause))?
    {
        let at = Spot { record: (record > 0).then_some(record), ..Spot::file(path) };
        return Err(TableError::malformed(at, "the file ends inside a quoted cell")
            .with_hint("check that the file was copied whole, and that quotes in cells are doubled")
            .into());
    }
    Ok(())
}

fn header(path: &Path, table: &mut csv::Reader<Metered>) -> Result<csv::StringRecord, TableError> {
    let first = Place { record: 0, line: Some(1) };
    let header = table.headers().map_err(|error| explain(path, first, error))?.clone();
    let at = || Spot { line: Some(1), ..Spot::file(path) };
    if header.is_empty() {
        return Err(TableError::malformed(Spot::file(path), "the file is empty"));
    }
    let mut seen = HashSet::new();
    for name in &header {
        if !seen.insert(name) {
            let message = format!("the header names the column `{name}` twice");
            return Err(TableError::malformed(at(), message).with_hint("rename one of the columns"));
        }
    }
    Ok(header)
}

fn explain(path: &Path, place: Place, error: csv::Error) -> TableError {
    let mut at = Spot::record(path, place);
    if place.record == 0 {
        at.record = None;
    }
    match error.into_kind() {
        csv::ErrorKind::Io(cause) if cause.get_ref().is_some_and(|inner| inner.is::<Spent>()) => {
            TableError::record_too_large(at)
        }
        csv::ErrorKind::Io(cause) => TableError::reading(path, cause),
        csv::ErrorKind::Utf8 { pos, .. } => {
            at.line = pos.map_or(at.line, |pos| Some(pos.line()));
            TableError::malformed(at, "the text is not UTF-8")
                .with_hint("convert the file to UTF-8")
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            at.line = pos.map_or(at.line, |pos| Some(pos.line()));
            let message = format!("the row has {len} cells, the header has {expected_len}");
            TableError::malformed(at, message)
                .with_hint("quote cells that hold a separator or a line end")
        }
        other => TableError::malformed(at, format!("the table cannot be read: {other:?}")),
    }
}

/// Whether the last row, which starts at `start`, ends inside quotes: the parser takes that for the end of the cell.
fn quote_is_open(mut file: File, start: u64, delimiter: u8) -> io::Result<bool> {
    #[derive(Clone, Copy)]
    enum State {
        CellStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(MAX_RECORD_BYTES as u64 * 2).read_to_end(&mut rest)?;
    let mut state = State::CellStart;
    for byte in rest {
        let ends_cell = byte == delimiter || byte == b'\n' || byte == b'\r';
        state = match (state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) => State::Quoted,
            (State::QuoteInQuoted | State::CellStart, b'"') => State::Quoted,
            _ if ends_cell => State::CellStart,
            (State::CellStart | State::Plain | State::QuoteInQuoted, _) => State::Plain,
        };
    }
    Ok(matches!(state, State::Quoted))
}

/// Bytes that may still be read for the current row.
#[derive(Clone)]
struct Allowance(Rc<Cell<usize>>);

impl Allowance {
    fn new() -> Self {
        Self(Rc::new(Cell::new(MAX_RECORD_BYTES)))
    }

    fn refill(&self) {
        self.0.set(MAX_RECORD_BYTES);
    }
}

/// A file that stops with [`Spent`] when a row takes more than its allowance, so that no row fills the memory.
struct Metered {
    inner: File,
    allowance: Allowance,
}

#[derive(Debug, thiserror::Error)]
#[error("the row is too large")]
struct Spent;

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.0.get();
        if left == 0 {
            return Err(io::Error::other(Spent));
        }
        let length = self.inner.read(buffer)?;
        self.allowance.0.set(left.saturating_sub(length));
        Ok(length)
    }
}
