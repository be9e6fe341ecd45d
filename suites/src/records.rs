//! Records of data files: errors with their place, and ids met twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tribunal_api::SuiteError;
use tribunal_tables::{Place, TableError};

/// Why the reading of a file ended early: lets `?` carry both a table's error and a suite's own.
pub(crate) struct Refused(SuiteError);

impl From<TableError> for Refused {
    fn from(error: TableError) -> Self {
        let path = error.path().to_owned();
        let text = error.to_string();
        let mut message = match text.strip_prefix(&format!("`{}`", path.display())) {
            Some(rest) => rest.trim_start_matches([':', ' ']).to_owned(),
            None => text,
        };
        if let Some(cause) = error.source() {
            message = format!("{message}: {cause}");
        }
        let refused = SuiteError::at(path, message);
        Self(match error.hint() {
            Some(hint) => refused.with_hint(hint),
            None => refused,
        })
    }
}

impl From<SuiteError> for Refused {
    fn from(error: SuiteError) -> Self {
        Self(error)
    }
}

impl From<Refused> for SuiteError {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

/// Hands every record of a file to `visit`, in file order, until one is refused.
pub(crate) fn each<T: DeserializeOwned>(
    path: &Path,
    mut visit: impl FnMut(Place, T) -> Result<(), SuiteError>,
) -> Result<(), SuiteError> {
    Ok(tribunal_tables::read(path, |place, record| visit(place, record).map_err(Refused))?)
}

/// An error about a record of a file.
pub(crate) fn misfit(path: &Path, place: Place, message: impl std::fmt::Display) -> SuiteError {
    SuiteError::at(path, format!("{place}: {message}"))
}

/// The ids that were met, by subset, with the record that held them.
#[derive(Default)]
pub(crate) struct Ids(HashMap<(Arc<str>, Arc<str>), (PathBuf, Place)>);

impl Ids {
    /// Notes an id. An error when the subset holds it already; the error names both records.
    pub(crate) fn add(
        &mut self,
        subset: &Arc<str>,
        id: &Arc<str>,
        path: &Path,
        place: Place,
    ) -> Result<(), SuiteError> {
        match self.0.entry((subset.clone(), id.clone())) {
            Entry::Vacant(vacant) => {
                vacant.insert((path.to_owned(), place));
                Ok(())
            }
            Entry::Occupied(first) => {
                let (file, earlier) = first.get();
                let earlier = if file == path {
                    format!("{earlier} of the same file")
                } else {
                    format!("{earlier} of `{}`", file.display())
                };
                let message = format!("the id `{id}` of `{subset}` was met before, in {earlier}");
                Err(misfit(path, place, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_error_keeps_path_place_and_hint_apart() {
        let place = Place { record: 3, line: Some(9) };
        let error =
            TableError::misfit(Path::new("a/b.json"), place, "it is odd").with_hint("fix it");
        let error = SuiteError::from(Refused::from(error));
        assert_eq!(error.message, "record 3, line 9: it is odd");
        assert_eq!(error.path.as_deref(), Some(Path::new("a/b.json")));
        assert_eq!(error.hint.as_deref(), Some("fix it"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_the_reason() {
        let path = Path::new("no/such/file.jsonl");
        let error = each(path, |_, _: serde_json::Value| Ok(())).unwrap_err();
        assert_eq!(error.path.as_deref(), Some(path));
        assert!(error.message.contains("No such file"), "{}", error.message);
    }

    #[test]
    fn an_id_met_twice_names_both_records() {
        let mut ids = Ids::default();
        let (subset, id) = (Arc::from("s"), Arc::from("7"));
        let at = |record| Place { record, line: None };
        ids.add(&subset, &id, Path::new("a.json"), at(1)).unwrap();
        ids.add(&Arc::from("t"), &id, Path::new("a.json"), at(2)).unwrap();
        let error = ids.add(&subset, &id, Path::new("b.json"), at(4)).unwrap_err();
        let expect = "record 4: the id `7` of `s` was met before, in record 1 of `a.json`";
        assert_eq!(error.message, expect);
    }
}
