//! `grades.jsonl`: what suites of plugins said while a run was measured, so that its report needs no plugin.

use std::fs;
use std::io;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tribunal_api::{Aggregate, Contest, Grade};

use super::{RunFolder, StoreError, write_line};
use crate::digest::Digest;

const FILE: &str = "grades.jsonl";

/// One call of a suite and what it said: a line of `grades.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredGrade {
    /// Place of the suite in the plan.
    pub suite: usize,
    /// Digest of what was called and with what.
    pub call: Digest,
    /// What it said.
    pub answer: Said,
}

/// What a suite said when it was asked to grade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// The grades of an outcome or of a guess. An empty list of measures reads as this, too.
    Grades(Vec<Grade>),
    /// The measures of a list of subsets.
    Aggregates(Vec<Aggregate>),
    /// How lists of a subset are put to a source.
    Contest(Contest),
}

impl RunFolder {
    /// What suites of plugins said; `None` when the folder keeps nothing of that kind.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or a line does not hold what it should.
    pub fn grades(&self) -> Result<Option<Vec<StoredGrade>>, StoreError> {
        let path = self.file(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(StoreError::io("read", &path, cause)),
        };
        let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let read = |(place, line): (usize, &&[u8])| {
            serde_json::from_slice(line).map_err(|reason| StoreError::Content {
                path: path.clone(),
                line: place + 1,
                reason: reason.to_string(),
            })
        };
        let filled = lines.par_iter().enumerate().filter(|(_, line)| !line.is_empty());
        filled.map(read).collect::<Result<Vec<StoredGrade>, _>>().map(Some)
    }

    /// Keeps what suites of plugins said, in the order given.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn keep_grades<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a StoredGrade>,
    ) -> Result<(), StoreError> {
        self.replace(FILE, |file| lines.into_iter().try_for_each(|line| write_line(file, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_api::{Standing, Tree};

    #[test]
    fn what_was_said_reads_back_the_same() {
        let said = [
            Said::Grades(Vec::new()),
            Said::Grades(vec![Grade::new("accuracy", 0.1 + 0.2), Grade::new("hard", -0.0)]),
            Said::Contest(Contest::EveryChosenRejected),
            Said::Aggregates(vec![Aggregate::new(
                "accuracy",
                "s",
                Standing::Headline,
                Tree::Weighted(vec![(0.5, Tree::all("accuracy")), (1.5, Tree::Average(vec![]))]),
            )]),
        ];
        for answer in said {
            let line = StoredGrade { suite: 3, call: Digest::of_text("x"), answer };
            let text = serde_json::to_string(&line).expect("a line is plain data");
            let again: StoredGrade = serde_json::from_str(&text).expect("it was just written");
            assert_eq!(again, line, "{text}");
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let folder = RunFolder { path: scratch.path().to_owned() };
        assert!(folder.grades().expect("nothing is there").is_none());
        fs::write(folder.file(FILE), "{\"suite\":0}\n").expect("a file");
        let error = folder.grades().expect_err("a key is missing");
        assert!(matches!(error, StoreError::Content { line: 1, .. }), "{error}");
    }
}
