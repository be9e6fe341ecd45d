//! The file formats, told apart by extension.

use std::path::Path;

use crate::TableError;

/// A file format that holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// An array of objects, or one object. Several objects one after the other are read too, because files of
    /// JSON lines are often named `.json`.
    Json,
    /// One object a line; blank lines are skipped.
    JsonLines,
    /// Comma-separated cells under a header row.
    Csv,
    /// Tab-separated cells under a header row, quoted as in CSV.
    Tsv,
    /// Apache Parquet: uncompressed, Snappy or Zstandard.
    Parquet,
}

impl Format {
    /// All formats, in the order of their declaration.
    pub const ALL: [Format; 5] =
        [Format::Json, Format::JsonLines, Format::Csv, Format::Tsv, Format::Parquet];

    /// The format of a file, by its extension in any case: `.json`, `.jsonl`, `.ndjson`, `.csv`, `.tsv`, `.parquet`.
    ///
    /// Opens nothing. Whether a `.json` file holds an array, one object or JSON lines is decided when it is read.
    ///
    /// # Errors
    ///
    /// [`TableError::UnknownFormat`] for any other extension, or none.
    pub fn of(path: &Path) -> Result<Self, TableError> {
        path.extension()
            .and_then(|extension| extension.to_str())
            .and_then(Self::from_extension)
            .ok_or_else(|| TableError::UnknownFormat { path: path.to_owned() })
    }

    /// The format that an extension without its dot stands for, in any case; `None` when there is none.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The usual extension, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_decides_in_any_case() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a.json").unwrap(), Format::Json);
        assert_eq!(of("a.b/c.JSONL").unwrap(), Format::JsonLines);
        assert_eq!(of("a.ndjson").unwrap(), Format::JsonLines);
        assert_eq!(of("a.csv").unwrap(), Format::Csv);
        assert_eq!(of("a.tsv").unwrap(), Format::Tsv);
        assert_eq!(of("a.parquet").unwrap(), Format::Parquet);
    }

    #[test]
    fn each_format_is_found_by_its_own_extension() {
        for format in Format::ALL {
            assert_eq!(Format::from_extension(format.extension()), Some(format));
        }
    }

    #[test]
    fn an_unknown_extension_is_refused_with_the_known_ones_as_a_hint() {
        let error = Format::of(Path::new("data/items.xlsx")).unwrap_err();
        assert!(error.to_string().contains("`data/items.xlsx`"), "{error}");
        assert!(error.hint().unwrap().contains(".parquet"));
        assert!(Format::of(Path::new("items")).is_err());
    }
}
