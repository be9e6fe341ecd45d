//! The recipe as a run folder keeps it: merged, and independent of the files it came from.

use super::typed::{Merged, Whole};
use super::{Recipe, load, typed};
use crate::fault::{Fault, Faults, KeyPath, Place, SourceFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A merged recipe with the folders its relative paths start at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRecipe {
    /// Folder of the recipe's own file, absolute.
    pub base: PathBuf,
    /// Folders of values that another file wrote, by key path text; values that are not listed start at `base`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<String, PathBuf>,
    /// The merged document.
    pub value: Value,
}

/// See [`Recipe::from_stored`].
pub(super) fn read(stored: StoredRecipe) -> Result<Recipe, Faults> {
    let base = load::absolute(&stored.base);
    let mut places = BTreeMap::from([(KeyPath::root(), place(&base))]);
    for (text, folder) in &stored.origins {
        let path = text.parse::<KeyPath>();
        let path = path.map_err(|error| Faults::unplaced([Fault::whole(error.to_string())]))?;
        places.insert(path, place(&base.join(folder)));
    }
    let merged = Merged {
        value: stored.value,
        places,
        base,
        default_name: "recipe".to_owned(),
        whole: Whole::Yes,
    };
    typed::read(merged, Vec::new(), &|_| Vec::new())
}

/// See [`Recipe::stored`].
pub(super) fn write(recipe: &Recipe) -> StoredRecipe {
    let mut origins = BTreeMap::new();
    collect(recipe, &KeyPath::root(), &recipe.value, &mut origins);
    StoredRecipe { base: recipe.base().to_path_buf(), origins, value: recipe.value.clone() }
}

/// Only texts can be paths, so only texts need to remember their folder.
fn collect(
    recipe: &Recipe,
    path: &KeyPath,
    value: &Value,
    origins: &mut BTreeMap<String, PathBuf>,
) {
    match value {
        Value::String(_) => {
            let origin = recipe.origin(path);
            if origin != recipe.base() {
                origins.insert(path.to_string(), origin.to_path_buf());
            }
        }
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(at, value)| collect(recipe, &path.index(at), value, origins));
        }
        Value::Object(table) => {
            table.iter().for_each(|(key, value)| collect(recipe, &path.key(key), value, origins));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn place(folder: &Path) -> Place {
    let file =
        SourceFile { order: 0, shown: String::new(), text: None, folder: folder.to_path_buf() };
    Place::of_file(&Arc::new(file))
}
