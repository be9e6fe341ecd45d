//! Suites as they grade a run: those of plugins are listened to, so that their grades can be kept, and where the plugin is
//! not there what was kept answers in its place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::{HashMap, HashMapExt};
use serde::Serialize;
use tribunal_api::registry::Component;
use tribunal_api::{
    Aggregate, Contest, Grade, Guess, Item, Loaded, Outcome, Registry, Rules, Suite, SuiteCard,
    SuiteError,
};

use super::SummaryError;
use crate::digest::{Digest, Fields};
use crate::measure::holds_set;
use crate::store::{RunFolder, Said, StoredGrade, StoredPlan, StoredSuite};

/// Locks that grading in parallel shares out its calls over.
const SHARDS: usize = 32;

/// The suites of a run as they grade, in plan order. Nothing is opened but the grades that the run folder keeps, and these
/// only where the kind of a suite is unknown.
///
/// # Errors
///
/// When a suite cannot be built, or its kind is unknown and the folder keeps no grades of it.
pub fn graders(
    folder: &RunFolder,
    plan: &StoredPlan,
    registry: &Registry,
) -> Result<Vec<Grader>, SummaryError> {
    let mut kept: Option<BTreeMap<usize, Kept>> = None;
    let mut graders = Vec::with_capacity(plan.suites.len());
    for (place, stored) in plan.suites.iter().enumerate() {
        let grading = match registry.find(Component::Suite, &stored.kind) {
            Some(kind) => {
                let built = super::build(stored, registry)?;
                match &kind.origin {
                    None => Grading::BuiltIn(built),
                    Some(_) => Grading::Listened(Box::new(Listener::new(built))),
                }
            }
            None => {
                let of_suite = match &mut kept {
                    Some(kept) => kept,
                    none => none.insert(read(folder)?),
                };
                match of_suite.remove(&place) {
                    Some(kept) => Grading::Replayed(Box::new(Replay::new(stored, kept))),
                    None if stored.plugin.is_some() => {
                        return Err(no_grades(stored, "any of its answers"));
                    }
                    // Says that the kind is unknown.
                    None => Grading::BuiltIn(super::build(stored, registry)?),
                }
            }
        };
        graders.push(Grader { stored: stored.clone(), grading });
    }
    Ok(graders)
}

/// A suite of a run as it grades.
///
/// Grading cannot say what goes wrong. Call [`check`](Grader::check) when all is graded, before anything is made of it.
pub struct Grader {
    stored: StoredSuite,
    grading: Grading,
}

enum Grading {
    BuiltIn(Arc<dyn Suite>),
    /// Of a plugin that is loaded.
    Listened(Box<Listener>),
    /// Of a plugin that is not.
    Replayed(Box<Replay>),
}

impl Grader {
    /// The suite, for all but its items.
    pub fn suite(&self) -> &dyn Suite {
        match &self.grading {
            Grading::BuiltIn(suite) => suite.as_ref(),
            Grading::Listened(listener) => listener.as_ref(),
            Grading::Replayed(replay) => replay.as_ref(),
        }
    }

    /// That all grades so far stand.
    ///
    /// # Errors
    ///
    /// What went wrong in the plugin, or that the run keeps no grades of what was asked.
    pub fn check(&self) -> Result<(), SummaryError> {
        let failed = |error| SummaryError::Plugin {
            name: self.stored.name.clone(),
            plugin: self.stored.plugin.clone().unwrap_or_else(|| self.stored.kind.clone()),
            error,
        };
        match &self.grading {
            Grading::BuiltIn(suite) => suite.fault().map_or(Ok(()), |error| Err(failed(error))),
            Grading::Listened(listener) => match listener.fault() {
                Some(error) => Err(failed(error)),
                None => Ok(()),
            },
            Grading::Replayed(replay) if replay.lacks.load(Ordering::Relaxed) => {
                Err(no_grades(&self.stored, "some of its answers"))
            }
            Grading::Replayed(_) => Ok(()),
        }
    }

    /// What is to be kept of a suite of a plugin, calls in the order of their digests; nothing of one that is built in.
    pub(super) fn said(&self) -> BTreeMap<Digest, Said> {
        match &self.grading {
            Grading::BuiltIn(_) => BTreeMap::new(),
            Grading::Listened(listener) => listener.said(),
            Grading::Replayed(replay) => {
                replay.kept.iter().map(|(call, said)| (*call, said.clone())).collect()
            }
        }
    }
}

/// What suites of plugins said while all was graded, as it is kept: the same run gives the same lines.
pub(super) fn lines(graders: &[Grader]) -> Vec<StoredGrade> {
    let of_suite = |(suite, grader): (usize, &Grader)| {
        let said = grader.said().into_iter();
        said.map(move |(call, answer)| StoredGrade { suite, call, answer }).collect::<Vec<_>>()
    };
    graders.iter().enumerate().flat_map(of_suite).collect()
}

fn no_grades(stored: &StoredSuite, what: &'static str) -> SummaryError {
    let plugin = stored.plugin.clone().unwrap_or_else(|| stored.kind.clone());
    SummaryError::NoGrades { name: stored.name.clone(), plugin, what }
}

/// Answers of one suite by the digest of the call.
type Kept = HashMap<Digest, Said>;

fn read(folder: &RunFolder) -> Result<BTreeMap<usize, Kept>, SummaryError> {
    let mut kept: BTreeMap<usize, Kept> = BTreeMap::new();
    for line in folder.grades()?.into_iter().flatten() {
        kept.entry(line.suite).or_default().insert(line.call, line.answer);
    }
    Ok(kept)
}

/// A call with all that decides its answer.
struct Call(Fields);

impl Call {
    fn of(name: &str) -> Self {
        let mut fields = Digest::of("tribunal-grade-1");
        fields.text(name);
        Self(fields)
    }

    fn texts<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        texts.into_iter().for_each(|text| {
            self.0.text(text);
        });
        self
    }

    /// An item by its key and gold: the run's items are held against their digest, and some commands add tags to them.
    fn item(self, item: &Item) -> Self {
        let mut call = self.texts([&*item.subset, &*item.id]);
        call.0.number(item.gold.len() as u64);
        item.gold.iter().for_each(|gold| {
            call.0.number(gold.to_bits());
        });
        call
    }

    fn json(mut self, value: &impl Serialize) -> Self {
        self.0.text(&serde_json::to_string(value).expect("outcomes and rules are plain data"));
        self
    }

    fn digest(&self) -> Digest {
        self.0.finish()
    }

    fn contest(subset: &str) -> Digest {
        Self::of("contest").texts([subset]).digest()
    }

    fn grade(item: &Item, outcome: &Outcome, rules: &Rules) -> Digest {
        Self::of("grade").item(item).json(outcome).json(rules).digest()
    }

    fn chance(item: &Item, guess: &Guess) -> Digest {
        Self::of("chance").item(item).json(guess).digest()
    }

    fn aggregates(subsets: &[Arc<str>]) -> Digest {
        Self::of("aggregates").texts(subsets.iter().map(|subset| &**subset)).digest()
    }
}

/// A suite of a plugin that is listened to. What it has said once it is not asked again: every call crosses a boundary.
struct Listener {
    suite: Arc<dyn Suite>,
    said: [Mutex<Kept>; SHARDS],
    /// The first answer that cannot stand, in words.
    flaw: Mutex<Option<String>>,
}

impl Listener {
    fn new(suite: Arc<dyn Suite>) -> Self {
        let said = std::array::from_fn(|_| Mutex::new(Kept::new()));
        Self { suite, said, flaw: Mutex::new(None) }
    }

    fn said(&self) -> BTreeMap<Digest, Said> {
        let shards = self.said.iter();
        shards.flat_map(|shard| lock(shard).clone()).collect()
    }

    /// What was said before, else what is said now.
    fn ask(&self, call: Digest, ask: impl FnOnce() -> Said) -> Said {
        let shard = &self.said[call.number() as usize % SHARDS];
        if let Some(said) = lock(shard).get(&call) {
            return said.clone();
        }
        let said = ask();
        lock(shard).insert(call, said.clone());
        said
    }

    fn flaw(&self, message: impl FnOnce() -> String) {
        lock(&self.flaw).get_or_insert_with(message);
    }

    /// The grades, if all of them are numbers that can be counted with and kept.
    fn sound(&self, item: &Item, grades: Vec<Grade>) -> Said {
        let odd = |grade: &&Grade| {
            !grade.credit.is_finite() || !grade.weight.is_finite() || grade.weight < 0.0
        };
        let Some(odd) = grades.iter().find(odd) else { return Said::Grades(grades) };
        self.flaw(|| {
            format!(
                "item `{}` of `{}` has the grade `{}` with the credit {} and the weight {}, which is no grade",
                item.id, item.subset, odd.name, odd.credit, odd.weight
            )
        });
        Said::Grades(Vec::new())
    }
}

impl Suite for Listener {
    fn card(&self) -> SuiteCard {
        self.suite.card()
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        self.suite.items()
    }

    fn contest(&self, subset: &str) -> Contest {
        let said = self.ask(Call::contest(subset), || Said::Contest(self.suite.contest(subset)));
        said.into_contest().unwrap_or(Contest::ScoresOnly)
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let grade = || self.sound(item, self.suite.grade(item, outcome, rules));
        self.ask(Call::grade(item, outcome, rules), grade).into_grades().unwrap_or_default()
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        let chance = || self.sound(item, self.suite.chance(item, guess));
        self.ask(Call::chance(item, guess), chance).into_grades().unwrap_or_default()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let aggregates = || {
            let (sets, means): (Vec<_>, Vec<_>) =
                self.suite.aggregates(subsets).into_iter().partition(|one| holds_set(&one.tree));
            if let Some(set) = sets.first() {
                self.flaw(|| {
                    format!(
                        "its measure `{}` is that of a set, and plugins can have means of grades alone",
                        set.measure
                    )
                });
            }
            Said::Aggregates(means)
        };
        self.ask(Call::aggregates(subsets), aggregates).into_aggregates().unwrap_or_default()
    }

    fn fault(&self) -> Option<SuiteError> {
        self.suite.fault().or_else(|| lock(&self.flaw).clone().map(SuiteError::new))
    }
}

/// What a suite said, in its place. What was not kept is noted, and nothing comes of it.
struct Replay {
    card: SuiteCard,
    kept: Kept,
    lacks: AtomicBool,
}

impl Replay {
    fn new(stored: &StoredSuite, kept: Kept) -> Self {
        Self { card: stored.card.clone(), kept, lacks: AtomicBool::new(false) }
    }

    fn find<T>(&self, call: Digest, read: impl FnOnce(Said) -> Option<T>) -> Option<T> {
        let found = self.kept.get(&call).cloned().and_then(read);
        if found.is_none() {
            self.lacks.store(true, Ordering::Relaxed);
        }
        found
    }
}

impl Suite for Replay {
    fn card(&self) -> SuiteCard {
        self.card.clone()
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        Err(SuiteError::new("the plugin that reads these items is not loaded"))
    }

    fn contest(&self, subset: &str) -> Contest {
        self.find(Call::contest(subset), Said::into_contest).unwrap_or(Contest::ScoresOnly)
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        self.find(Call::grade(item, outcome, rules), Said::into_grades).unwrap_or_default()
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        self.find(Call::chance(item, guess), Said::into_grades).unwrap_or_default()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        self.find(Call::aggregates(subsets), Said::into_aggregates).unwrap_or_default()
    }
}

impl Said {
    fn into_grades(self) -> Option<Vec<Grade>> {
        match self {
            Said::Grades(grades) => Some(grades),
            Said::Aggregates(_) | Said::Contest(_) => None,
        }
    }

    fn into_aggregates(self) -> Option<Vec<Aggregate>> {
        match self {
            Said::Aggregates(aggregates) => Some(aggregates),
            // An empty list reads as one of grades.
            Said::Grades(grades) => grades.is_empty().then(Vec::new),
            Said::Contest(_) => None,
        }
    }

    fn into_contest(self) -> Option<Contest> {
        match self {
            Said::Contest(contest) => Some(contest),
            Said::Grades(_) | Said::Aggregates(_) => None,
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
