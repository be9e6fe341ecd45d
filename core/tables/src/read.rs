//! Reading records, one by one or all at once.

mod contain;
mod csv_cells;
mod delimited;
mod json;
mod json_error;
mod json_lines;
mod locate;
mod parquet;
mod parquet_cells;

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::{Format, Place, TableError};

/// Largest record that is read, in bytes of the file: 64 MiB. In Parquet, where records have no bytes of their own,
/// the bytes of a record's texts.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Largest `.json` file that is read, in bytes: 4 GiB. Such a file is read whole; the other formats are read in
/// pieces and have no limit of their own.
pub const MAX_FILE_BYTES: u64 = 4 << 30;

/// Reads a file by the format of its extension and hands every record to `visit`, in file order.
///
/// JSON is deserialised straight into `T`. Cells of CSV take the type that `T` asks for (numbers, `true` and
/// `false` in any case, JSON text for lists and objects, nothing for an option); where `T` takes anything, as
/// `serde_json::Value` does, a cell is a string and an empty cell is null. Parquet keeps its types; binary columns
/// must hold UTF-8 text, and dates, times and decimals become text (timestamps in nanoseconds stay integers).
///
/// A value that is not finite is an error where `T` reads it, even as an option, and none where `T` skips it.
/// A byte order mark, CRLF line ends and, in JSON lines, blank lines are accepted. A file without any content is an
/// error; a file of no records (`[]`, a header row alone, a Parquet file of no rows) is not.
///
/// # Errors
///
/// [`TableError`] with the file and, where there is one, the record; and whatever `visit` returns, which ends the
/// reading. Records before the first error have been handed over.
pub fn read<T, E>(path: &Path, visit: impl FnMut(Place, T) -> Result<(), E>) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    read_as(path, Format::of(path)?, visit)
}

/// As [`read`], with the format given, whatever the extension.
pub fn read_as<T, E>(
    path: &Path,
    format: Format,
    visit: impl FnMut(Place, T) -> Result<(), E>,
) -> Result<(), E>
where
    T: DeserializeOwned,
    E: From<TableError>,
{
    match format {
        Format::Json => json::read(path, visit),
        Format::JsonLines => json_lines::read(path, visit),
        Format::Csv => delimited::read(path, b',', visit),
        Format::Tsv => delimited::read(path, b'\t', visit),
        Format::Parquet => parquet::read(path, visit),
    }
}

/// All records of a file, in file order, by the rules of [`read`].
///
/// # Errors
///
/// The first [`TableError`].
pub fn records<T: DeserializeOwned>(path: &Path) -> Result<Vec<(Place, T)>, TableError> {
    let mut all = Vec::new();
    read(path, |place, record| {
        all.push((place, record));
        Ok::<(), TableError>(())
    })?;
    Ok(all)
}
