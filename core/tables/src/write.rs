//! Writing rows of cells to a file or a stream.

mod delimited;
mod json;
mod parquet;
mod replace;

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::Spot;
use crate::{Format, Place, TableError};
use replace::Replacement;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name: a key in JSON, a header in CSV.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnKind,
}

impl Column {
    /// A column of this name and kind.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// What the cells of a column hold. Every column may hold [`Cell::Null`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Finite numbers of double precision. Whole numbers are taken too.
    Float,
    /// `true` and `false`.
    Boolean,
    /// Any JSON: nested in JSON and JSON lines, serialised to text in CSV and Parquet.
    Json,
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value: `null` in JSON, an empty cell in CSV (as the empty text is), a null in Parquet.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number; anything else is refused when it is written.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Any JSON, keys in the order of the value.
    Json(Cow<'a, Value>),
}

impl From<bool> for Cell<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Cell<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Cell<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        Self::Json(Cow::Borrowed(value))
    }
}

impl From<Value> for Cell<'_> {
    fn from(value: Value) -> Self {
        Self::Json(Cow::Owned(value))
    }
}

impl<'a, C: Into<Cell<'a>>> From<Option<C>> for Cell<'a> {
    fn from(value: Option<C>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a format needs to write: rows that were checked against the columns.
trait Sink: Send {
    fn write(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Writes what is left and hands the flushed output to the system.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Writes a table row by row.
///
/// The same columns and rows give the same bytes, in every format: nothing of the time, the machine or the version
/// of a library is written. A file appears under its name only when [`finish`](Self::finish) succeeds; until then
/// the rows are in a temporary file beside it, which is removed when the writer is dropped.
///
/// ```
/// # fn main() -> Result<(), tribunal_tables::TableError> {
/// # let folder = tempfile::tempdir().expect("a folder for the example");
/// # let path = folder.path().join("scores.csv");
/// use tribunal_tables::{Column, ColumnKind, Format, Writer};
///
/// let columns = [
///     Column::new("id", ColumnKind::Text),
///     Column::new("score", ColumnKind::Float),
/// ];
/// let mut table = Writer::create(&path, Format::of(&path)?, &columns)?;
/// table.write(&["a".into(), 0.5.into()])?;
/// table.finish()?;
/// # assert_eq!(std::fs::read_to_string(&path).expect("written"), "id,score\na,0.5\n");
/// # Ok(())
/// # }
/// ```
pub struct Writer {
    name: PathBuf,
    columns: Vec<Column>,
    sink: Box<dyn Sink>,
    replacement: Option<Replacement>,
    rows: u64,
}

impl Writer {
    /// Starts a table that is to become the file at `path`, in place of a file that is there.
    ///
    /// # Errors
    ///
    /// [`TableError::Open`] when no file can be made in that folder; [`TableError::Malformed`] when there are no
    /// columns or two of one name.
    pub fn create(path: &Path, format: Format, columns: &[Column]) -> Result<Self, TableError> {
        check_columns(path, columns)?;
        let (replacement, file) =
            Replacement::start(path).map_err(|cause| TableError::open(path, cause))?;
        let output = Box::new(io::BufWriter::with_capacity(1 << 18, file));
        Self::start(path, format, columns, output, Some(replacement))
    }

    /// Starts a table in a stream, such as standard output. `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] when the head of the table cannot be written; [`TableError::Malformed`] as for
    /// [`create`](Self::create).
    pub fn to_stream(
        output: impl Write + Send + 'static,
        name: &str,
        format: Format,
        columns: &[Column],
    ) -> Result<Self, TableError> {
        let name = Path::new(name);
        check_columns(name, columns)?;
        Self::start(name, format, columns, Box::new(output), None)
    }

    fn start(
        name: &Path,
        format: Format,
        columns: &[Column],
        output: Box<dyn Write + Send>,
        replacement: Option<Replacement>,
    ) -> Result<Self, TableError> {
        let sink: io::Result<Box<dyn Sink>> = match format {
            Format::Json => json::array(output, columns),
            Format::JsonLines => Ok(json::lines(output, columns)),
            Format::Csv => delimited::start(output, columns, b','),
            Format::Tsv => delimited::start(output, columns, b'\t'),
            Format::Parquet => parquet::start(output, columns),
        };
        Ok(Self {
            name: name.to_owned(),
            columns: columns.to_vec(),
            sink: sink.map_err(|cause| writing(name, cause))?,
            replacement,
            rows: 0,
        })
    }

    /// Appends a row: one cell for each column, in the order of the columns.
    ///
    /// # Errors
    ///
    /// [`TableError::Misfit`] when the number of cells, the kind of a cell or a number that is not finite does not fit
    /// (nothing of the row is written then); [`TableError::Write`] when the output fails.
    pub fn write(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        if let Err(message) = check_cells(&self.columns, cells) {
            let place = Place { record: self.rows + 1, line: None };
            return Err(TableError::misfit(&self.name, place, message));
        }
        self.sink.write(cells).map_err(|cause| writing(&self.name, cause))?;
        self.rows += 1;
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the end of the table and, for a file, puts it in its place.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`]; a file that was there before is then unchanged.
    pub fn finish(self) -> Result<(), TableError> {
        let finished = self.sink.finish().and_then(|()| match self.replacement {
            Some(replacement) => replacement.finish(),
            None => Ok(()),
        });
        finished.map_err(|cause| writing(&self.name, cause))
    }
}

fn writing(name: &Path, cause: io::Error) -> TableError {
    TableError::Write { path: name.to_owned(), cause }
}

fn check_columns(name: &Path, columns: &[Column]) -> Result<(), TableError> {
    let refuse = |message: String| Err(TableError::malformed(Spot::file(name), message));
    if columns.is_empty() {
        return refuse("a table needs at least one column".to_owned());
    }
    let mut seen = HashSet::new();
    for column in columns {
        if !seen.insert(&column.name) {
            return refuse(format!("the column `{}` is named twice", column.name));
        }
    }
    Ok(())
}

fn check_cells(columns: &[Column], cells: &[Cell<'_>]) -> Result<(), String> {
    if cells.len() != columns.len() {
        return Err(format!(
            "the row has {} cells, the table has {} columns",
            cells.len(),
            columns.len()
        ));
    }
    for (column, cell) in columns.iter().zip(cells) {
        let name = &column.name;
        match (column.kind, cell) {
            (_, Cell::Null)
            | (ColumnKind::Text, Cell::Text(_))
            | (ColumnKind::Integer | ColumnKind::Float, Cell::Integer(_))
            | (ColumnKind::Boolean, Cell::Boolean(_))
            | (ColumnKind::Json, Cell::Json(_)) => {}
            (ColumnKind::Float, Cell::Float(value)) if value.is_finite() => {}
            (ColumnKind::Float, Cell::Float(value)) => {
                return Err(format!("in `{name}`: `{value}` is not a finite number"));
            }
            (kind, cell) => {
                return Err(format!("in `{name}`: {cell:?} in a column of {kind:?}"));
            }
        }
    }
    Ok(())
}

/// The text of a finite float that reads back as the same float.
fn float_text(value: f64) -> String {
    serde_json::Number::from_f64(value).map_or_else(String::new, |number| number.to_string())
}
