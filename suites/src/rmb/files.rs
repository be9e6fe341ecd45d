//! The files of an RMB folder, each with its place in the benchmark.

use std::path::{Path, PathBuf};

use tribunal_api::SuiteError;

use super::scenarios::{Goal, Set};

/// A file of one scenario in one set.
#[derive(Debug)]
pub(super) struct ScenarioFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The set that it belongs to.
    pub(super) set: Set,
    /// The levels below the set, without `.json`: goal, task (helpfulness only), scenario.
    pub(super) levels: Vec<String>,
}

impl ScenarioFile {
    /// What the file is about, whatever the set: `Helpfulness/Code/Data Management`.
    pub(super) fn topic(&self) -> String {
        self.levels.join("/")
    }

    /// The subset of its items, which must be the `category_path` of its records.
    pub(super) fn subset(&self) -> String {
        format!("{}/{}", self.set.folder(), self.topic())
    }
}

/// The folder that holds the sets: `path` itself, or `RMB_dataset` in it.
pub(super) fn root(path: &Path) -> Result<PathBuf, SuiteError> {
    let holds_a_set = |folder: &Path| Set::ALL.iter().any(|set| folder.join(set.folder()).is_dir());
    let inner = path.join("RMB_dataset");
    if holds_a_set(path) {
        Ok(path.to_owned())
    } else if holds_a_set(&inner) {
        Ok(inner)
    } else {
        Err(SuiteError::at(path, "the folder holds neither `Pairwise_set` nor `BoN_set`")
            .with_hint("set `path` to the folder `RMB_dataset` of RMB's repository"))
    }
}

/// All `.json` files of both sets, sorted by their levels. Other files are passed over.
pub(super) fn list(root: &Path) -> Result<Vec<ScenarioFile>, SuiteError> {
    let mut files = Vec::new();
    for set in Set::ALL {
        let folder = root.join(set.folder());
        if folder.is_dir() {
            enter(&folder, set, &[], &mut files)?;
        }
    }
    files.sort_by(|one, other| {
        (one.set.folder(), &one.levels).cmp(&(other.set.folder(), &other.levels))
    });
    Ok(files)
}

/// The deepest folder that is entered: one below the last that may hold scenarios, to find misplaced files.
const DEEPEST: usize = 4;

fn enter(
    folder: &Path,
    set: Set,
    levels: &[String],
    files: &mut Vec<ScenarioFile>,
) -> Result<(), SuiteError> {
    let unreadable = |cause: std::io::Error| {
        SuiteError::at(folder, format!("the folder cannot be read: {cause}"))
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_folder = path.is_dir();
        let name = if is_folder { path.file_name() } else { path.file_stem() };
        let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let mut levels = levels.to_vec();
        levels.push(name);
        if is_folder {
            if levels.len() < DEEPEST {
                enter(&path, set, &levels, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "json") {
            if !fits(&levels) {
                return Err(misplaced(&path, set));
            }
            files.push(ScenarioFile { path, set, levels });
        }
    }
    Ok(())
}

/// Goal and scenario for harmlessness, goal, task and scenario for helpfulness.
fn fits(levels: &[String]) -> bool {
    let depth = |goal| if goal == Goal::Helpfulness { 3 } else { 2 };
    let goal = Goal::ALL
        .into_iter()
        .find(|goal| levels.first().is_some_and(|level| level == goal.folder()));
    goal.is_some_and(|goal| levels.len() == depth(goal))
}

fn misplaced(path: &Path, set: Set) -> SuiteError {
    let set = set.folder();
    SuiteError::at(path, "the file stands where RMB has no scenario").with_hint(format!(
        "move it out of the tree, or to `{set}/Helpfulness/<task>/` or `{set}/Harmlessness/`"
    ))
}
