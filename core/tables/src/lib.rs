//! Records in and out of JSON, JSON lines, CSV, TSV and Parquet files.
//!
//! A *record* is one object with named values. [`read`] hands records over one by one, already in the caller's
//! type; [`records`] collects them; [`Writer`] writes rows of cells. [`Fields`] finds values in files whose keys
//! are not known beforehand.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("pairs.jsonl");
//! # std::fs::write(&path, "{\"id\": \"a\", \"score\": 0.5}\n")?;
//! #[derive(serde::Deserialize)]
//! struct Scored {
//!     id: String,
//!     score: f64,
//! }
//!
//! for (place, scored) in tribunal_tables::records::<Scored>(&path)? {
//!     println!("{place}: {} has {}", scored.id, scored.score);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every error names the file and, where there is one, the record, line and column. No content of a file makes this
//! crate panic.

mod closest;
mod error;
mod fields;
mod format;
mod misfit;
mod read;
mod values;
mod write;

pub use error::{Place, Spot, TableError};
pub use fields::{Absent, BadPath, FieldPath, Fields};
pub use format::Format;
pub use read::{MAX_FILE_BYTES, MAX_RECORD_BYTES, read, read_as, records};
pub use values::{as_list, as_number, as_text};
pub use write::{Cell, Column, ColumnKind, Writer};
