//! Rows as CSV or TSV under a header row, lines ended by a line feed.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{Cell, Column, Sink, float_text};

/// Writes the header row.
pub(super) fn start(
    output: Box<dyn Write + Send>,
    columns: &[Column],
    delimiter: u8,
) -> io::Result<Box<dyn Sink>> {
    let mut table = csv::WriterBuilder::new().delimiter(delimiter).from_writer(output);
    table.write_record(columns.iter().map(|column| &column.name))?;
    Ok(Box::new(Delimited { table }))
}

struct Delimited {
    table: csv::Writer<Box<dyn Write + Send>>,
}

impl Sink for Delimited {
    fn write(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            self.table.write_field(text(cell).as_bytes())?;
        }
        self.table.write_record(None::<&[u8]>)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.table.flush()
    }
}

fn text<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Cell::Integer(value) => Cow::Owned(value.to_string()),
        Cell::Float(value) => Cow::Owned(float_text(*value)),
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Json(value) => Cow::Owned(value.to_string()),
    }
}
