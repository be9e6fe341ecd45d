//! Rows as Parquet: flat optional columns, Zstandard, row groups of 65,536 rows or fewer.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::{Cell, Column, ColumnKind, Sink};

const ROWS_PER_GROUP: usize = 65_536;

/// Text held in memory before a row group is written early, in bytes.
const BYTES_PER_GROUP: usize = 128 << 20;

/// Written into the file in place of the library's name and version, so that an update of it changes no file.
const CREATED_BY: &str = "tribunal version 1.0.0 (build 0)";

/// Writes the head of the file.
pub(super) fn start(
    output: Box<dyn Write + Send>,
    columns: &[Column],
) -> io::Result<Box<dyn Sink>> {
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let schema = schema(columns).map_err(io::Error::other)?;
    let file = SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties))?;
    Ok(Box::new(Table {
        file,
        pending: columns.iter().map(Pending::new).collect(),
        rows: 0,
        bytes: 0,
    }))
}

fn schema(columns: &[Column]) -> Result<Type, ParquetError> {
    let fields = columns
        .iter()
        .map(|column| {
            let (physical, logical) = match column.kind {
                ColumnKind::Text | ColumnKind::Json => {
                    (PhysicalType::BYTE_ARRAY, Some(LogicalType::String))
                }
                ColumnKind::Integer => (PhysicalType::INT64, None),
                ColumnKind::Float => (PhysicalType::DOUBLE, None),
                ColumnKind::Boolean => (PhysicalType::BOOLEAN, None),
            };
            Type::primitive_type_builder(&column.name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
                .map(Arc::new)
        })
        .collect::<Result<_, _>>()?;
    Type::group_type_builder("records").with_fields(fields).build()
}

struct Table {
    file: SerializedFileWriter<Box<dyn Write + Send>>,
    pending: Vec<Pending>,
    rows: usize,
    bytes: usize,
}

impl Table {
    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.pending {
            column.write(&mut group)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Sink for Table {
    fn write(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.pending.iter_mut().zip(cells) {
            self.bytes += column.push(cell);
        }
        self.rows += 1;
        if self.rows == ROWS_PER_GROUP || self.bytes >= BYTES_PER_GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let mut output = self.file.into_inner()?;
        output.flush()
    }
}

/// The cells of one column that wait for their row group.
struct Pending {
    values: Values,
    /// For each row, 1 where it has a value and 0 where it has none.
    present: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Float(Vec<f64>),
    Boolean(Vec<bool>),
}

impl Pending {
    fn new(column: &Column) -> Self {
        Self {
            values: match column.kind {
                ColumnKind::Text | ColumnKind::Json => Values::Text(Vec::new()),
                ColumnKind::Integer => Values::Integer(Vec::new()),
                ColumnKind::Float => Values::Float(Vec::new()),
                ColumnKind::Boolean => Values::Boolean(Vec::new()),
            },
            present: Vec::new(),
        }
    }

    /// Takes a cell; tells how many bytes it holds.
    fn push(&mut self, cell: &Cell<'_>) -> usize {
        self.present.push(1);
        match (&mut self.values, cell) {
            (Values::Text(texts), Cell::Text(text)) => texts.push(text.as_bytes().to_vec().into()),
            (Values::Text(texts), Cell::Json(value)) => {
                texts.push(value.to_string().into_bytes().into());
            }
            (Values::Integer(numbers), Cell::Integer(number)) => numbers.push(*number),
            (Values::Float(numbers), Cell::Float(number)) => numbers.push(*number),
            // A column of floats takes whole numbers as the nearest float.
            (Values::Float(numbers), Cell::Integer(number)) => numbers.push(*number as f64),
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(*value),
            // Only nulls are left: the writer checked the row against the columns.
            _ => {
                self.present.pop();
                self.present.push(0);
            }
        }
        match &self.values {
            Values::Text(texts) if self.present.last() == Some(&1) => {
                texts.last().map_or(0, ByteArray::len)
            }
            _ => size_of::<f64>(),
        }
    }

    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match &mut self.values {
            Values::Text(values) => write_column::<ByteArrayType, W>(group, values, &self.present),
            Values::Integer(values) => write_column::<Int64Type, W>(group, values, &self.present),
            Values::Float(values) => write_column::<DoubleType, W>(group, values, &self.present),
            Values::Boolean(values) => write_column::<BoolType, W>(group, values, &self.present),
        }?;
        self.present.clear();
        Ok(())
    }
}

fn write_column<D: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<D::T>,
    present: &[i16],
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has fewer columns".to_owned()))?;
    column.typed::<D>().write_batch(values, Some(present), None)?;
    column.close()?;
    values.clear();
    Ok(())
}
