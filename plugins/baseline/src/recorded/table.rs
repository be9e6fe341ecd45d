//! The answers of a file in memory, by key.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, hash_map};
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tribunal_api::SourceError;
use tribunal_tables::{FieldPath, Place, TableError, as_list};

use super::cells::{self, Cell, Unfit};
use super::layout::{Entries, Layout, Shape};

/// What names an item. Parts that the file does not tell are empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RowKey {
    pub(super) suite: Arc<str>,
    pub(super) subset: Arc<str>,
    pub(super) id: Arc<str>,
}

/// What is recorded for the candidates shown, in this order.
pub(super) struct Entry {
    /// The candidates, counted from 0; empty for rankings, which hold for every order.
    pub(super) shown: Vec<u16>,
    /// The samples.
    pub(super) cell: Cell,
    place: Place,
}

/// What is recorded for an item.
pub(super) struct Row {
    pub(super) entries: Vec<Entry>,
    first: Place,
}

/// All answers of a file.
pub(super) struct Table {
    pub(super) rows: HashMap<RowKey, Row>,
    /// True when the file holds lists of samples.
    pub(super) draws: bool,
    /// BLAKE3 of the file, in hexadecimal.
    pub(super) digest: String,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// `Broken`, with the file, the record and what to do: a file that cannot be read, a value of the wrong type, a
    /// number that is not finite, two records of one key, or a path that leads to nothing in every record.
    pub(super) fn read(path: &Path, layout: &Layout) -> Result<Self, SourceError> {
        let digest = digest(path)?;
        let mut reading =
            Reading { path, layout, rows: HashMap::new(), draws: false, found: HashSet::new() };
        let mut records = 0u64;
        tribunal_tables::read(path, |place, record: Value| {
            records += 1;
            reading.add(place, &record)
        })
        .map_err(|error: TableError| broken(&error))?;
        if records == 0 {
            return Err(broken_file(path, "there are no records", "name a file with answers"));
        }
        reading.check_paths()?;
        Ok(Self { rows: reading.rows, draws: reading.draws, digest })
    }
}

/// A file that is being read.
struct Reading<'a> {
    path: &'a Path,
    layout: &'a Layout,
    rows: HashMap<RowKey, Row>,
    draws: bool,
    /// The paths that led to something at least once.
    found: HashSet<&'a str>,
}

impl<'a> Reading<'a> {
    fn add(&mut self, place: Place, record: &Value) -> Result<(), TableError> {
        let layout = self.layout;
        let key = RowKey {
            suite: self.key_part(layout.suite.as_ref(), place, record)?,
            subset: self.key_part(layout.subset.as_ref(), place, record)?,
            id: self.key_part(Some(&layout.id), place, record)?,
        };
        match &layout.shape {
            Shape::ScoreList(entries) => {
                self.begin_row(&key, place)?;
                for (index, value) in self.entries(entries, place, record)?.iter().enumerate() {
                    let index = self.index(index, place)?;
                    if let Some(value) = value {
                        let cell = self.fit(place, cells::score(value))?;
                        self.insert(&key, place, vec![index], cell)?;
                    }
                }
            }
            Shape::ScoreEach { candidate, score } => {
                let candidate = self.candidate(candidate, place, record)?;
                let cell = match self.get(score, record) {
                    Some(value) => self.fit(place, cells::score(&value))?,
                    None => Cell::one(cells::Slot::missing("the record has no score")),
                };
                self.insert(&key, place, vec![candidate], cell)?;
            }
            Shape::Verdicts { pair, verdicts, words, .. } => {
                let [first, second] = match pair {
                    Some([first, second]) => [
                        self.candidate(first, place, record)?,
                        self.candidate(second, place, record)?,
                    ],
                    None => {
                        self.begin_row(&key, place)?;
                        [0, 1]
                    }
                };
                if first == second {
                    return Err(self.misfit(place, "the pair names one candidate twice".to_owned()));
                }
                let values = self.entries(verdicts, place, record)?;
                if values.len() > 2 {
                    let message = format!("a pair has two orders, found {} verdicts", values.len());
                    return Err(self.misfit(place, message));
                }
                for (value, shown) in values.iter().zip([[first, second], [second, first]]) {
                    if let Some(value) = value {
                        let cell = self.fit(place, cells::verdict(value, words))?;
                        self.insert(&key, place, shown.to_vec(), cell)?;
                    }
                }
            }
            Shape::Ranking(path) => {
                self.begin_row(&key, place)?;
                if let Some(value) = self.get(path, record) {
                    let cell = self.fit(place, cells::ranking(&value, layout.base))?;
                    self.insert(&key, place, Vec::new(), cell)?;
                }
            }
            Shape::Ranks(path) => {
                self.begin_row(&key, place)?;
                if let Some(value) = self.get(path, record) {
                    let cell = self.fit(place, cells::ranks(&value))?;
                    self.insert(&key, place, Vec::new(), cell)?;
                }
            }
        }
        Ok(())
    }

    /// Claims a key for one record.
    fn begin_row(&mut self, key: &RowKey, place: Place) -> Result<(), TableError> {
        match self.rows.entry(key.clone()) {
            hash_map::Entry::Vacant(free) => {
                free.insert(Row { entries: Vec::new(), first: place });
                Ok(())
            }
            hash_map::Entry::Occupied(taken) => {
                let before = taken.get().first;
                Err(self.twice(key, "", before, place))
            }
        }
    }

    fn insert(
        &mut self,
        key: &RowKey,
        place: Place,
        shown: Vec<u16>,
        cell: Cell,
    ) -> Result<(), TableError> {
        self.draws |= cell.several;
        let row = self
            .rows
            .entry(key.clone())
            .or_insert_with(|| Row { entries: Vec::new(), first: place });
        if let Some(taken) = row.entries.iter().find(|entry| entry.shown == shown) {
            let before = taken.place;
            let base = usize::from(self.layout.base);
            let names: Vec<String> =
                shown.iter().map(|index| format!("`{}`", usize::from(*index) + base)).collect();
            let what = format!(" candidate {} of", names.join(" before "));
            return Err(self.twice(key, &what, before, place));
        }
        row.entries.push(Entry { shown, cell, place });
        Ok(())
    }

    fn twice(&self, key: &RowKey, what: &str, before: Place, place: Place) -> TableError {
        let parts = [&key.suite, &key.subset, &key.id];
        let name: Vec<&str> =
            parts.into_iter().map(|part| &**part).filter(|part| !part.is_empty()).collect();
        let message = format!("{what} `{}` is already in {before}", name.join("`, `"));
        let error = self.misfit(place, message.trim_start().to_owned());
        match (&self.layout.subset, &self.layout.shape) {
            (None, _) => error.with_hint("map `subset` too if ids are unique within a subset only"),
            (Some(_), Shape::Verdicts { pair: None, .. }) => {
                error.with_hint("map `pair` if an item has several pairs, or remove a record")
            }
            (Some(_), _) => error.with_hint("remove one of the two records"),
        }
    }

    /// The values of several entries; `None` for an entry that is not there.
    fn entries<'r>(
        &mut self,
        entries: &'a Entries,
        place: Place,
        record: &'r Value,
    ) -> Result<Vec<Option<Cow<'r, Value>>>, TableError> {
        let list = match entries {
            Entries::Each(paths) => {
                return Ok(paths.iter().map(|path| self.get(path, record)).collect());
            }
            Entries::List(path) => path,
        };
        let Some(value) = self.get(list, record).filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        match as_list(&value) {
            Some(values) if !values.is_empty() => {
                Ok(values.iter().map(|value| Some(Cow::Owned(value.clone()))).collect())
            }
            Some(_) => Err(self.misfit(place, format!("the list `{}` is empty", list.as_str()))),
            None => Err(self
                .misfit(place, format!("`{}` is no list", list.as_str()))
                .with_hint("name the path of a list, or a list of paths, one for each entry")),
        }
    }

    fn key_part(
        &mut self,
        path: Option<&'a FieldPath>,
        place: Place,
        record: &Value,
    ) -> Result<Arc<str>, TableError> {
        let Some(path) = path else { return Ok(Arc::from("")) };
        let value = path.require(record).map_err(|absent| absent.in_record(self.path, place))?;
        cells::key(&value).map(Arc::from).ok_or_else(|| {
            self.misfit(place, format!("`{}` is neither a text nor a number", path.as_str()))
        })
    }

    fn candidate(
        &mut self,
        path: &FieldPath,
        place: Place,
        record: &Value,
    ) -> Result<u16, TableError> {
        let value = path.require(record).map_err(|absent| absent.in_record(self.path, place))?;
        self.fit(place, cells::candidate(&value, self.layout.base))
    }

    fn get<'r>(&mut self, path: &'a FieldPath, record: &'r Value) -> Option<Cow<'r, Value>> {
        let value = path.get(record);
        if value.is_some() {
            self.found.insert(path.as_str());
        }
        value
    }

    fn index(&self, index: usize, place: Place) -> Result<u16, TableError> {
        u16::try_from(index)
            .map_err(|_| self.misfit(place, "there are more than 65,536 candidates".to_owned()))
    }

    fn fit<T>(&self, place: Place, read: Result<T, Unfit>) -> Result<T, TableError> {
        read.map_err(|Unfit { message, hint }| {
            let error = self.misfit(place, message);
            match hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    }

    fn misfit(&self, place: Place, message: String) -> TableError {
        TableError::misfit(self.path, place, message)
    }

    /// A path that leads to nothing in every record is a mistyped one: all answers would be missing.
    fn check_paths(&self) -> Result<(), SourceError> {
        let paths: Vec<&FieldPath> = match &self.layout.shape {
            Shape::ScoreList(Entries::List(path))
            | Shape::Verdicts { verdicts: Entries::List(path), .. }
            | Shape::ScoreEach { score: path, .. }
            | Shape::Ranking(path)
            | Shape::Ranks(path) => vec![path],
            Shape::ScoreList(Entries::Each(paths))
            | Shape::Verdicts { verdicts: Entries::Each(paths), .. } => paths.iter().collect(),
        };
        match paths.into_iter().find(|path| !self.found.contains(path.as_str())) {
            Some(path) => Err(broken_file(
                self.path,
                &format!("no record has `{}`", path.as_str()),
                "check the path in `fields`",
            )),
            None => Ok(()),
        }
    }
}

fn digest(path: &Path) -> Result<String, SourceError> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    match read {
        Ok(()) => Ok(hasher.finalize().to_hex().to_string()),
        Err(cause) => Err(broken_file(path, &cause.to_string(), "check `path`")),
    }
}

fn broken_file(path: &Path, message: &str, hint: &str) -> SourceError {
    SourceError::Broken { message: format!("`{}`: {message}; {hint}", path.display()) }
}

/// The whole story in one text, because a source's error has no place for a cause or a hint.
fn broken(error: &TableError) -> SourceError {
    let mut message = error.told();
    if let Some(cause) = error.source() {
        message.push_str(&format!(": {cause}"));
    }
    if let Some(hint) = error.hint() {
        message.push_str(&format!("; {hint}"));
    }
    SourceError::Broken { message }
}
