//! A recipe: what to ask of which sources on which suites, read from TOML, merged with what it extends, and typed.
//!
//! Reading is the first step of a run. It opens the recipe and the files it extends, and nothing else. Settings of
//! kinds are carried along untyped; the planner checks them against the schema of their kind.

mod blocks;
mod cell;
mod composed;
mod document;
mod duration;
mod load;
mod merge;
mod plugin;
mod price;
mod reader;
mod server;
mod set;
mod stored;
mod typed;
mod values;
mod vary;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use blocks::{
    Block, Budget, Common, Items, Retry, Run, Sample, Section, SourceBlock, SuiteBlock,
};
pub(crate) use composed::serves;
pub use composed::{Composed, PANEL, Panel, ROUTE, Route, Seat};
pub use duration::{DurationError, format_duration, parse_duration};
pub use plugin::{PLUGIN_KEYS, Plugin, PluginOrigin};
pub use server::{PORT, SERVER_KEYS, ServerBlock};
pub use stored::StoredRecipe;
pub use values::{Failures, Normalise, Order, Protocol, TieBreak, Ties, ValueError, Vote, Word};
pub use vary::{Arm, Exclude, Factor};

use crate::fault::{Fault, Faults, KeyPath, Part, Place, Placed, Spot};
use crate::price::Price;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A merged and typed recipe. Every entry remembers the file and the place in it that finally wrote it.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The merged document without `extends` and `unset`, keys in the order they were written. Dates are strings. `name`
    /// is always present.
    pub value: Value,
    /// Name of the recipe: letters, digits, `.`, `_`, `-`. The file's stem when the recipe says nothing.
    pub name: String,
    /// Seed of everything drawn (default 0).
    pub seed: u64,
    /// Whether a run stores the texts of its items (default false).
    pub keep_texts: bool,
    /// Plugins whose kinds are loaded before planning, in written order.
    pub plugins: Vec<Plugin>,
    /// Servers that the program starts itself, in written order.
    pub servers: Vec<ServerBlock>,
    /// Generators, in written order.
    pub generators: Vec<Block>,
    /// Sources, in written order.
    pub sources: Vec<SourceBlock>,
    /// Suites, in written order.
    pub suites: Vec<SuiteBlock>,
    /// Defaults and limits of the run.
    pub run: Run,
    /// What the tokens of models cost, by the model's name.
    pub prices: BTreeMap<String, Price>,
    /// Varied keys, in written order.
    pub factors: Vec<Factor>,
    /// Levels set jointly, in written order.
    pub arms: Vec<Arm>,
    /// Combinations left out, in written order.
    pub excludes: Vec<Exclude>,
    base: PathBuf,
    places: BTreeMap<KeyPath, Place>,
}

impl Recipe {
    /// Reads a recipe file and all it extends, and puts `sets` (`key.path=value`) on top.
    ///
    /// # Errors
    ///
    /// All faults at once: unreadable files, broken TOML, cycles, unknown keys, values of the wrong type.
    pub fn load(path: &Path, sets: &[String]) -> Result<Self, Faults> {
        load::load(path, sets, &|_| Vec::new())
    }

    /// The same; when it has faults, those that `further` finds in what could be typed join them, so that a person sees
    /// all of them at once. Of a recipe without faults `further` is not asked.
    ///
    /// # Errors
    ///
    /// See [`Recipe::load`].
    pub fn load_with(
        path: &Path,
        sets: &[String],
        further: impl Fn(&Self) -> Vec<Fault>,
    ) -> Result<Self, Faults> {
        load::load(path, sets, &further)
    }

    /// The same from text. `path_shown` names it in faults, gives the default name, and its folder is where `extends` and
    /// relative paths start.
    ///
    /// # Errors
    ///
    /// See [`Recipe::load`].
    pub fn parse(text: &str, path_shown: &Path, sets: &[String]) -> Result<Self, Faults> {
        load::parse(text, path_shown, sets, &|_| Vec::new())
    }

    /// A recipe from a merged document; relative paths in it start at `base`. It has no text, so its faults are
    /// printed with their key path instead of a line.
    ///
    /// # Errors
    ///
    /// All faults of the document.
    pub fn from_value(value: Value, base: PathBuf) -> Result<Self, Faults> {
        Self::from_stored(StoredRecipe { base, value, origins: BTreeMap::new() })
    }

    /// A recipe as a run folder keeps it.
    ///
    /// # Errors
    ///
    /// All faults of the document.
    pub fn from_stored(stored: StoredRecipe) -> Result<Self, Faults> {
        stored::read(stored)
    }

    /// What a run folder keeps: the merged document, its base folder, and the folders of values that came from elsewhere.
    pub fn stored(&self) -> StoredRecipe {
        stored::write(self)
    }

    /// Folder of the recipe's own file, absolute.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Folder, absolute, of the file that wrote the value at `path`: relative paths in the value start there. For a value
    /// given by `--set`, the current folder. A key that is not in the recipe has the folder of its nearest parent.
    pub fn origin(&self, path: &KeyPath) -> &Path {
        self.place(path).map_or(&self.base, |(place, _)| place.folder())
    }

    /// The value at `path` in the merged document.
    pub fn get(&self, path: &KeyPath) -> Option<&Value> {
        path.find(&self.value)
    }

    /// The source block of that name.
    pub fn source(&self, name: &str) -> Option<&SourceBlock> {
        self.sources.iter().find(|source| source.block.name == name)
    }

    /// The suite block of that name.
    pub fn suite(&self, name: &str) -> Option<&SuiteBlock> {
        self.suites.iter().find(|suite| suite.block.name == name)
    }

    /// The generator block of that name.
    pub fn generator(&self, name: &str) -> Option<&Block> {
        self.generators.iter().find(|generator| generator.name == name)
    }

    /// The server block of that name.
    pub fn server(&self, name: &str) -> Option<&ServerBlock> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// Names of all servers as written, also of those with faults.
    pub fn server_names(&self) -> Vec<&str> {
        server::names_in(&self.value)
    }

    /// The recipe with the values at some keys replaced whole (the levels of a cell), typed anew.
    ///
    /// A replaced value keeps the place and the folder of the factor level or arm that it equals, so faults point there.
    /// `factors`, `arm` and `exclude` stay as they are.
    ///
    /// # Errors
    ///
    /// All faults of the changed recipe.
    pub fn with(&self, levels: &[(KeyPath, Value)]) -> Result<Self, Faults> {
        cell::with(self, levels)
    }

    /// Where in the files `path` was written, or its nearest written parent; `None` for a recipe without text.
    pub fn fault_place(&self, path: &KeyPath, part: Part) -> Option<Spot> {
        let (place, exact) = self.place(path)?;
        place.spot(if exact { part } else { Part::Value })
    }

    /// Gives faults found later (in planning, by a plugin) the places at which they are drawn.
    pub fn faults(&self, faults: Vec<Fault>) -> Faults {
        place_faults(&self.places, faults)
    }

    /// The place of the nearest entry at or above `path`, and whether it is at `path` itself.
    fn place(&self, path: &KeyPath) -> Option<(&Place, bool)> {
        nearest_place(&self.places, path)
    }
}

fn nearest_place<'a>(
    places: &'a BTreeMap<KeyPath, Place>,
    path: &KeyPath,
) -> Option<(&'a Place, bool)> {
    if let Some(place) = places.get(path) {
        return Some((place, true));
    }
    let mut path = path.parent()?;
    loop {
        if let Some(place) = places.get(&path) {
            return Some((place, false));
        }
        path = path.parent()?;
    }
}

fn place_faults(places: &BTreeMap<KeyPath, Place>, faults: Vec<Fault>) -> Faults {
    let placed = faults.into_iter().map(|fault| {
        let mark = nearest_place(places, &fault.key).map(|(place, exact)| {
            place.at(if exact || fault.part == Part::File { fault.part } else { Part::Value })
        });
        let also = fault.also.iter().filter_map(|(key, label)| {
            nearest_place(places, key).map(|(place, _)| (place.at(Part::Value), label.clone()))
        });
        Placed { mark, also: also.collect(), fault }
    });
    Faults::placed(placed.collect())
}
