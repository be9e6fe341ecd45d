//! Rows as JSON objects: one a line, or in one array.

use std::io::{self, Write};

use super::{Cell, Column, Sink};

/// JSON lines.
pub(super) fn lines(output: Box<dyn Write + Send>, columns: &[Column]) -> Box<dyn Sink> {
    Box::new(Objects { output, keys: keys(columns), layout: Layout::Lines, line: Vec::new() })
}

/// One array, with an object on each line.
pub(super) fn array(
    mut output: Box<dyn Write + Send>,
    columns: &[Column],
) -> io::Result<Box<dyn Sink>> {
    output.write_all(b"[")?;
    Ok(Box::new(Objects {
        output,
        keys: keys(columns),
        layout: Layout::Array { empty: true },
        line: Vec::new(),
    }))
}

/// The start of each member of the object, in JSON: brace or comma, key, colon.
fn keys(columns: &[Column]) -> Vec<String> {
    let name = |column: &Column| serde_json::Value::from(column.name.as_str());
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let before = if index == 0 { '{' } else { ',' };
            format!("{before}{}:", name(column))
        })
        .collect()
}

enum Layout {
    Lines,
    Array { empty: bool },
}

struct Objects {
    output: Box<dyn Write + Send>,
    keys: Vec<String>,
    layout: Layout,
    line: Vec<u8>,
}

impl Sink for Objects {
    fn write(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.line.clear();
        if let Layout::Array { empty } = &mut self.layout {
            let before: &[u8] = if *empty { b"\n" } else { b",\n" };
            self.line.extend_from_slice(before);
            *empty = false;
        }
        for (key, cell) in self.keys.iter().zip(cells) {
            self.line.extend_from_slice(key.as_bytes());
            match cell {
                Cell::Null => self.line.extend_from_slice(b"null"),
                Cell::Boolean(value) => serde_json::to_writer(&mut self.line, value)?,
                Cell::Integer(value) => serde_json::to_writer(&mut self.line, value)?,
                Cell::Float(value) => serde_json::to_writer(&mut self.line, value)?,
                Cell::Text(text) => serde_json::to_writer(&mut self.line, text)?,
                Cell::Json(value) => serde_json::to_writer(&mut self.line, value)?,
            }
        }
        self.line.push(b'}');
        if let Layout::Lines = self.layout {
            self.line.push(b'\n');
        }
        self.output.write_all(&self.line)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if let Layout::Array { .. } = self.layout {
            self.output.write_all(b"\n]\n")?;
        }
        self.output.flush()
    }
}
