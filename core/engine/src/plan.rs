//! From a recipe to a plan: cells, checked settings, built components. Nothing is asked and no data file is opened.

mod cells;
mod check;
mod composed;
mod forms;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tribunal_api::{Combiner, Generator, RewardSource, Rules, SelfCheck, Suite, SuiteCard, Vote};

use crate::ask::{Form, Manner};
use crate::cases::Keep;
use crate::digest::Digest;
use crate::fault::{Fault, Faults};
use crate::lane::Traffic;
use crate::recipe::{Common, Items, Order, Protocol, Recipe};

pub use composed::{By, Part, Parts};
pub(crate) use composed::{identity, unknown_subsets};
pub use forms::settle;
pub use servers::PlannedServer;

/// A recipe resolved against the kinds that exist.
pub struct Plan {
    /// The recipe it came from.
    pub recipe: Recipe,
    /// Distinct suites: blocks, and their variants where factors vary what is read.
    pub suites: Vec<PlannedSuite>,
    /// Distinct sources: blocks, and their variants where factors vary their settings.
    pub sources: Vec<PlannedSource>,
    /// Combinations of levels, source and suite, in recipe order.
    pub cells: Vec<Cell>,
    /// The lanes in front of all backends, and what their calls have cost.
    pub traffic: Arc<Traffic>,
    /// The servers to start before anything is asked, in the order they are first named.
    pub servers: Vec<PlannedServer>,
}

/// A suite with one set of settings.
pub struct PlannedSuite {
    /// Name of its block.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: String,
    /// Version of the kind's code.
    pub version: String,
    /// The plugin that the kind was loaded from; `None` where it is built in.
    pub plugin: Option<String>,
    /// Its settings, paths absolute.
    pub settings: Value,
    /// What it says of itself.
    pub card: SuiteCard,
    /// What the recipe keeps of it.
    pub keep: Keep,
    /// The suite.
    pub suite: Arc<dyn Suite>,
}

/// A source with one set of settings.
pub struct PlannedSource {
    /// Name of its block.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: String,
    /// Version of the kind's code.
    pub version: String,
    /// Its settings, paths absolute.
    pub settings: Value,
    /// Digest of kind, version, settings without paths, and the generators they name.
    pub digest: Digest,
    /// Whether known pairs are put to it first.
    pub self_check: SelfCheck,
    /// The source.
    pub source: Arc<dyn RewardSource>,
    /// How calls to it are limited and repeated.
    pub calls: Calls,
    /// For a route or panel: the places of the sources it stands for, all before its own. It is never asked itself.
    pub members: Vec<usize>,
    /// The generators that it is built on, if it is on any: their lanes limit, repeat and count its calls.
    pub generators: Vec<Arc<dyn Generator>>,
    /// The plugins that its kind and those of its generators were loaded from; `None` where all are built in.
    pub plugin: Option<String>,
    /// The model that it, or the one generator it is built on, names; its price goes by it.
    pub model: Option<String>,
}

/// What may be contacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the recipe names.
    #[default]
    Anywhere,
    /// This machine's loopback alone.
    Loopback,
}

impl PlannedSource {
    /// True when it is built on generators.
    pub fn generated(&self) -> bool {
        !self.generators.is_empty()
    }

    /// How the source itself is called: what is built on generators is called once and waited for, since their lanes
    /// limit and repeat.
    pub(crate) fn own_calls(&self) -> Calls {
        match self.generated() {
            true => Calls { attempts: 1, timeout: UNHURRIED, ..self.calls.clone() },
            false => self.calls.clone(),
        }
    }
}

/// How calls to a backend are limited and repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Longest wait for one call.
    pub timeout: Duration,
    /// The recipe says so; it is not the default.
    pub timeout_set: bool,
    /// Calls in all, the first included.
    pub attempts: u32,
    /// Mean wait before the second call, doubled for each further one.
    pub wait: Duration,
    /// Longest wait between two calls.
    pub most: Duration,
    /// Most questions in one call; the source's own limit where the recipe is silent.
    pub batch: Option<usize>,
    /// Most calls at the same time; the source's own limit where the recipe is silent.
    pub in_flight: Option<usize>,
}

/// How long a call may take that the recipe does not limit, of a backend that is in no hurry.
const UNHURRIED: Duration = Duration::from_secs(86_400);

impl Calls {
    /// The same calls to a backend that is, or is not, in a hurry.
    pub(crate) fn to(self, unhurried: bool) -> Self {
        match unhurried && !self.timeout_set {
            true => Self { timeout: UNHURRIED, ..self },
            false => self,
        }
    }

    /// The calls that these engine keys ask for, with the engine's defaults.
    pub fn of(common: &Common) -> Self {
        Self {
            timeout: common.timeout.unwrap_or(Duration::from_secs(60)),
            timeout_set: common.timeout.is_some(),
            attempts: common.retry.attempts.unwrap_or(5),
            wait: common.retry.wait.unwrap_or(Duration::from_secs(2)),
            most: common.retry.most.unwrap_or(Duration::from_secs(60)),
            batch: common.batch.map(|count| count as usize),
            in_flight: common.in_flight.map(|count| count as usize),
        }
    }
}

/// One combination of levels, source and suite.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Place of the source in the plan.
    pub source: usize,
    /// Place of the suite in the plan.
    pub suite: usize,
    /// The varied keys and their values, `arm` for an arm's name; in recipe order.
    pub levels: Map<String, Value>,
    /// In which orders candidates are shown, settled.
    pub order: tribunal_api::Order,
    /// Draws of each question that the recipe asks for; sources that do not draw are asked once. 0 for a route or panel.
    pub samples: u32,
    /// How presentations combine.
    pub combiner: Combiner,
    /// How the samples of one presentation become one score.
    pub vote: Vote,
    /// What ties and abstentions are worth.
    pub rules: Rules,
    /// The protocol that the recipe demands.
    pub protocol: Protocol,
    /// Who is asked in the place of a route or panel.
    pub parts: Option<Parts>,
}

impl Cell {
    /// How it asks about subsets in these forms.
    fn manner(&self, forms: BTreeMap<Arc<str>, Form>) -> Manner {
        let Self { order, samples, combiner, vote, rules, .. } = *self;
        Manner { order, samples, combiner, vote, rules, forms }
    }
}

impl Plan {
    /// How many sources are asked; a route or panel is not.
    pub(crate) fn sources_asked(&self) -> usize {
        self.sources.iter().filter(|source| source.members.is_empty()).count()
    }

    /// Expands factors into cells, checks every table against its kind's schema, builds sources and suites.
    ///
    /// # Errors
    ///
    /// All faults at once, each with its place in the recipe.
    pub fn resolve(recipe: &Recipe, registry: &tribunal_api::Registry) -> Result<Self, Faults> {
        Self::resolve_within(recipe, registry, Reach::Anywhere)
    }

    /// The same, with sources and generators that may contact no more than `reach` allows.
    ///
    /// # Errors
    ///
    /// See [`Plan::resolve`]; also settings that name an address out of reach.
    pub fn resolve_within(
        recipe: &Recipe,
        registry: &tribunal_api::Registry,
        reach: Reach,
    ) -> Result<Self, Faults> {
        let mut faults = recipe.faults(check::blocks(recipe, registry));
        let mut building = cells::Building::new(registry, reach);
        if faults.is_empty() {
            for variant in cells::expand(recipe, &mut faults) {
                building.add(variant, &mut faults);
            }
        }
        let traffic = building.traffic().clone();
        let servers = building.take_servers();
        let (suites, sources, cells) = building.finish();
        if cells.is_empty() && faults.is_empty() {
            faults.extend(recipe.faults(vec![nothing_to_do(recipe)]));
        }
        faults.or_else(Self { recipe: recipe.clone(), suites, sources, cells, traffic, servers })
    }
}

/// Faults of the settings of a recipe's blocks, and kinds that do not exist: for [`Recipe::load_with`]. Blocks that a
/// factor varies are checked by [`Plan::resolve`] alone.
pub fn settings_faults(recipe: &Recipe, registry: &tribunal_api::Registry) -> Vec<Fault> {
    check::blocks(recipe, registry)
}

fn nothing_to_do(recipe: &Recipe) -> Fault {
    let missing = match (recipe.sources.is_empty(), recipe.suites.is_empty()) {
        (true, true) => "a [source.<name>] and a [suite.<name>] table",
        (true, false) => "a [source.<name>] table",
        (false, true) => "a [suite.<name>] table",
        (false, false) if recipe.excludes.is_empty() => {
            return Fault::whole("no source is asked about any suite, so there is nothing to run")
                .hint("name suites in the `suites` of a source");
        }
        (false, false) => {
            return Fault::whole("every cell is excluded, so there is nothing to run");
        }
    };
    Fault::whole("the recipe has nothing to run").hint(format!(
        "add {missing}; `tribunal init` writes a recipe that runs, `tribunal list sources` names the kinds"
    ))
}

/// Generators by the digest of their kind and settings, shared between the sources that name them.
pub(crate) type Generators = BTreeMap<Digest, Arc<dyn Generator>>;

/// Reads the ids of an `items` key: the list itself, or a file that holds a JSON list or one id a line. Of a JSON
/// table with several lists, `FILE#KEY` names one.
///
/// # Errors
///
/// What is wrong with the file, in words.
pub(crate) fn item_ids(items: &Items) -> Result<BTreeSet<String>, String> {
    let path = match items {
        Items::List(ids) => return Ok(ids.iter().cloned().collect()),
        Items::File(path) => path,
    };
    let text = path.to_string_lossy();
    let (path, key) = match text.rsplit_once('#') {
        Some((file, key)) if !path.exists() => (Path::new(file), Some(key)),
        _ => (path.as_path(), None),
    };
    read_ids(path, key)
        .map_err(|reason| format!("cannot read the item ids of `{}`: {reason}", path.display()))
}

fn read_ids(path: &Path, key: Option<&str>) -> Result<BTreeSet<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|cause| cause.to_string())?;
    let text = text.trim_start_matches('\u{feff}');
    let extension = path.extension().unwrap_or_default();
    if extension != "json" {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        // In JSON lines an id is a JSON text or number.
        return lines
            .map(|line| match extension == "jsonl" {
                true => id_of(&serde_json::from_str(line).map_err(|cause| cause.to_string())?),
                false => Ok(line.to_owned()),
            })
            .collect();
    }
    let value: Value = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
    let list = match &value {
        Value::Array(list) if key.is_none() => list,
        Value::Object(table) => list_of(table, key)?,
        _ => return Err("it holds neither a list nor a table with a list".to_owned()),
    };
    list.iter().map(id_of).collect()
}

fn id_of(id: &Value) -> Result<String, String> {
    match id {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("`{other}` is not an id")),
    }
}

/// The list under `key`, or the only list there is.
fn list_of<'a>(table: &'a Map<String, Value>, key: Option<&str>) -> Result<&'a Vec<Value>, String> {
    let lists: Vec<(&String, &Vec<Value>)> =
        table.iter().filter_map(|(name, value)| Some((name, value.as_array()?))).collect();
    let found = match key {
        Some(key) => lists.iter().find(|(name, _)| *name == key),
        None if lists.len() == 1 => lists.first(),
        None => None,
    };
    found.map(|(_, list)| *list).ok_or_else(|| {
        let names: Vec<String> = lists.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("it holds the lists {}; name one as `FILE#KEY`", names.join(", "))
    })
}

/// The engine's order for a recipe's word, with what `published` means for the suite.
pub(crate) fn settled_order(order: Option<Order>, card: &SuiteCard) -> tribunal_api::Order {
    match order.unwrap_or(Order::Published) {
        Order::Published => card.published.order,
        Order::Seeded => tribunal_api::Order::Seeded,
        Order::Both => tribunal_api::Order::Both,
        Order::Rotations => tribunal_api::Order::Rotations,
        Order::Random(count) => {
            tribunal_api::Order::Random(u16::try_from(count.get()).unwrap_or(u16::MAX))
        }
        Order::SwapFirst => tribunal_api::Order::SwapFirst,
        Order::Given => tribunal_api::Order::Given,
    }
}
