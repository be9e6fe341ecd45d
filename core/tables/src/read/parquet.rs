//! Reading Parquet row by row.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde::de::DeserializeOwned;

use super::MAX_RECORD_BYTES;
use super::contain::contain;
use super::parquet_cells::Columns;
use crate::error::Spot;
use crate::{Place, TableError};

/// Hands over every row as a record.
pub(super) fn read<T, E>(
    path: &Path,
    mut visit: impl FnMut(Place, T) -> Result<(), E>,
) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    let mut rows = open(path)?;
    let mut record = 0;
    loop {
        record += 1;
        let place = Place { record, line: None };
        let Some(value) = next(path, place, &mut rows)? else {
            return Ok(());
        };
        visit(place, value)?;
    }
}

fn open(path: &Path) -> Result<RowIter<'static>, TableError> {
    let at = Spot::file(path);
    let file = File::open(path).map_err(|cause| TableError::open(path, cause))?;
    let length = file.metadata().map_err(|cause| TableError::reading(path, cause))?.len();
    if length == 0 {
        return Err(TableError::malformed(at, "the file is empty"));
    }
    let reader = contain(|| SerializedFileReader::new(file))
        .map_err(|text| panicked(at.clone(), &text))?
        .map_err(|error| explain(path, at.clone(), error))?;
    let schema = reader.metadata().file_metadata().schema();
    if !schema.is_group() || schema.get_fields().is_empty() {
        return Err(TableError::malformed(at, "the file has no columns"));
    }
    Ok(RowIter::from_file_into(Box::new(reader)))
}

fn next<T: DeserializeOwned>(
    path: &Path,
    place: Place,
    rows: &mut RowIter<'_>,
) -> Result<Option<T>, TableError> {
    let at = || Spot::record(path, place);
    let read = contain(|| {
        let row = match rows.next()? {
            Ok(row) => row,
            Err(error) => return Some(Err(explain(path, at(), error))),
        };
        if text_bytes(&row) > MAX_RECORD_BYTES {
            return Some(Err(TableError::record_too_large(at())));
        }
        let value = T::deserialize(Columns(&row)).map_err(|misfit| misfit.into_error(at(), place));
        Some(value)
    });
    read.map_err(|text| panicked(at(), &text))?.transpose()
}

fn text_bytes(row: &Row) -> usize {
    row.get_column_iter().map(|(_, field)| field_bytes(field)).sum()
}

fn field_bytes(field: &Field) -> usize {
    match field {
        Field::Str(text) => text.len(),
        Field::Bytes(bytes) => bytes.len(),
        Field::Group(row) => text_bytes(row),
        Field::ListInternal(list) => list.elements().iter().map(field_bytes).sum(),
        Field::MapInternal(map) => {
            map.entries().iter().map(|(key, value)| field_bytes(key) + field_bytes(value)).sum()
        }
        _ => 0,
    }
}

fn explain(path: &Path, at: Spot, error: ParquetError) -> TableError {
    let error = match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
                return TableError::reading(path, *cause);
            }
            Ok(cause) => ParquetError::EOF(cause.to_string()),
            Err(cause) => ParquetError::External(cause),
        },
        error => error,
    };
    let text = error.to_string();
    let hint = if text.contains("Disabled feature") || text.contains("LZ4") {
        "write the file with Snappy, Zstandard or no compression"
    } else {
        "check that the file is Parquet and was copied whole"
    };
    TableError::malformed(at, format!("the Parquet data cannot be read: {text}")).with_hint(hint)
}

fn panicked(at: Spot, text: &str) -> TableError {
    TableError::malformed(at, format!("the Parquet data is broken: {text}"))
        .with_hint("check that the file was copied whole, and write it again with another program")
}
