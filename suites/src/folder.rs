//! The data files of a folder.

use std::path::{Path, PathBuf};

use tribunal_api::SuiteError;

/// The files of a folder with one of these extensions, in any case, sorted by path. Folders inside are not entered.
pub(crate) fn files_with(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, SuiteError> {
    let unreadable = |cause: std::io::Error| {
        SuiteError::at(folder, format!("the folder cannot be read: {cause}"))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let wanted = extension.is_some_and(|found| {
            extensions.iter().any(|extension| extension.eq_ignore_ascii_case(found))
        });
        if wanted && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The files of a folder or, when it has none, of its folder `data`: repositories of data keep them there.
pub(crate) fn files_here_or_in_data(
    folder: &Path,
    extensions: &[&str],
) -> Result<Vec<PathBuf>, SuiteError> {
    let here = files_with(folder, extensions)?;
    let below = folder.join("data");
    if here.is_empty() && below.is_dir() { files_with(&below, extensions) } else { Ok(here) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_extension_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.JSONL", "c.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.jsonl")).unwrap();
        let found = files_with(folder.path(), &["jsonl"]).unwrap();
        let names: Vec<_> = found.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["a.JSONL", "b.jsonl"]);
    }

    #[test]
    fn the_folder_data_is_looked_into_when_there_is_nothing_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("a.csv"), "").unwrap();
        let found = files_here_or_in_data(folder.path(), &["csv"]).unwrap();
        assert_eq!(found, [data.join("a.csv")]);
    }
}
