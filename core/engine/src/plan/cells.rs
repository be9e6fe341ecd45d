//! Expanding factors and arms into cells, and building each distinct source and suite once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use tribunal_api::registry::{Component, Context, Registered, Registry};
use tribunal_api::settings::{GeneratorRef, ServerRef, SettingsError};
use tribunal_api::{Failures, Generator, Rules, Ties, Vote};

use super::servers::{PlannedServer, Servers};
use super::{
    By, Calls, Cell, Generators, Part, Parts, PlannedSource, PlannedSuite, Reach, check, composed,
    item_ids, settled_order,
};
use crate::cases::Keep;
use crate::digest::Digest;
use crate::estimate::price_of;
use crate::fault::{Fault, Faults, KeyPath};
use crate::lane::{LanedGenerator, Traffic};
use crate::recipe::{self, Block, Protocol, Recipe, Section, SourceBlock, SuiteBlock};

/// A cell before anything is built: its levels and the recipe with these levels put in.
pub(super) struct Variant {
    source: String,
    suite: String,
    levels: Map<String, Value>,
    recipe: Recipe,
}

/// One way to fill a varied key or an arm.
#[derive(Clone)]
struct Level {
    label: (String, Value),
    sets: Vec<(KeyPath, Value)>,
}

/// Every combination of levels of the factors that a source and a suite depend on, for every pair of them.
pub(super) fn expand(recipe: &Recipe, faults: &mut Faults) -> Vec<Variant> {
    let axes = axes(recipe);
    let mut variants = Vec::new();
    for source in &recipe.sources {
        for suite in &recipe.suites {
            let asked = match &source.suites {
                Some(names) => names.contains(&suite.block.name),
                None => !composed::is_led_to(recipe, &source.block.name),
            };
            if !asked {
                continue;
            }
            let own: Vec<&Vec<Level>> =
                axes.iter().filter(|axis| touches(recipe, axis, source, suite)).collect();
            for levels in combinations(&own) {
                if excluded(recipe, &levels) {
                    continue;
                }
                let sets: Vec<(KeyPath, Value)> =
                    levels.iter().flat_map(|level| level.sets.iter().cloned()).collect();
                match recipe.with(&sets) {
                    Ok(with) => variants.push(Variant {
                        source: source.block.name.clone(),
                        suite: suite.block.name.clone(),
                        levels: levels.iter().map(|level| level.label.clone()).collect(),
                        recipe: with,
                    }),
                    Err(found) => faults.extend(found),
                }
            }
        }
    }
    variants
}

fn axes(recipe: &Recipe) -> Vec<Vec<Level>> {
    let mut axes: Vec<Vec<Level>> = recipe
        .factors
        .iter()
        .map(|factor| {
            let key = &factor.key;
            let level = |value: &Value| Level {
                label: (key.to_string(), value.clone()),
                sets: vec![(key.clone(), value.clone())],
            };
            factor.levels.iter().map(level).collect()
        })
        .collect();
    if !recipe.arms.is_empty() {
        let level = |arm: &recipe::Arm| Level {
            label: ("arm".to_owned(), Value::String(arm.name.clone())),
            sets: arm.set.clone(),
        };
        axes.push(recipe.arms.iter().map(level).collect());
    }
    axes
}

/// True when a cell of this source and suite depends on any key that the axis sets: its own, of the sources that it
/// stands for, or of their generators.
fn touches(recipe: &Recipe, axis: &[Level], source: &SourceBlock, suite: &SuiteBlock) -> bool {
    let mut own = vec![suite.block.path.clone(), KeyPath::of(["run"])];
    let sources = composed::reached(recipe, source);
    own.extend(sources.iter().map(|source| source.block.path.clone()));
    for generator in &recipe.generators {
        let name = Value::String(generator.name.clone());
        let named = |value: &Value| holds(value, &name);
        let in_axis = axis
            .iter()
            .flat_map(|level| &level.sets)
            .filter(|(_, value)| holds(value, &name))
            .any(|(key, _)| sources.iter().any(|source| key.starts_with(&source.block.path)));
        if sources.iter().any(|source| source.block.settings.values().any(named)) || in_axis {
            own.push(generator.path.clone());
        }
    }
    axis.iter()
        .flat_map(|level| &level.sets)
        .any(|(key, _)| own.iter().any(|block| key.starts_with(block)))
}

fn holds(value: &Value, wanted: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|inner| holds(inner, wanted)),
        Value::Object(table) => table.values().any(|inner| holds(inner, wanted)),
        other => other == wanted,
    }
}

fn combinations(axes: &[&Vec<Level>]) -> Vec<Vec<Level>> {
    axes.iter().fold(vec![Vec::new()], |combinations, axis| {
        combinations
            .iter()
            .flat_map(|so_far| {
                axis.iter().map(move |level| {
                    let mut longer = so_far.clone();
                    longer.push(level.clone());
                    longer
                })
            })
            .collect()
    })
}

fn excluded(recipe: &Recipe, levels: &[Level]) -> bool {
    let holds = |label: &str, value: &Value| {
        levels.iter().any(|level| level.label.0 == label && &level.label.1 == value)
    };
    recipe.excludes.iter().any(|exclude| {
        let arm = exclude.arm.as_ref().is_none_or(|arm| holds("arm", &Value::String(arm.clone())));
        arm && exclude.keys.iter().all(|(key, value)| holds(&key.to_string(), value))
    })
}

/// The plan while it is being built.
pub(super) struct Building<'a> {
    registry: &'a Registry,
    suites: Vec<PlannedSuite>,
    sources: Vec<PlannedSource>,
    cells: Vec<Cell>,
    suite_of: HashMap<String, usize>,
    source_of: HashMap<String, usize>,
    generators: Generators,
    traffic: Arc<Traffic>,
    servers: Servers,
    reach: Reach,
}

impl<'a> Building<'a> {
    pub(super) fn new(registry: &'a Registry, reach: Reach) -> Self {
        Self {
            registry,
            reach,
            servers: Servers::default(),
            suites: Vec::new(),
            sources: Vec::new(),
            cells: Vec::new(),
            suite_of: HashMap::new(),
            source_of: HashMap::new(),
            generators: BTreeMap::new(),
            traffic: Arc::default(),
        }
    }

    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// The servers that what was built names; none after the first call.
    pub(super) fn take_servers(&mut self) -> Vec<PlannedServer> {
        std::mem::take(&mut self.servers).into_vec()
    }

    /// Builds what a variant needs and adds its cell.
    pub(super) fn add(&mut self, variant: Variant, faults: &mut Faults) {
        let recipe = &variant.recipe;
        let (Some(source), Some(suite)) =
            (recipe.source(&variant.source), recipe.suite(&variant.suite))
        else {
            return;
        };
        if let Some(cell) = self.cell(recipe, source, suite, faults) {
            self.cells.push(Cell { levels: variant.levels, ..cell });
        }
    }

    /// How a source is asked about a suite, by itself or through those that it stands for. Levels are left out.
    fn cell(
        &mut self,
        recipe: &Recipe,
        source: &SourceBlock,
        suite: &SuiteBlock,
        faults: &mut Faults,
    ) -> Option<Cell> {
        let common = source.block.common.or(&suite.block.common).or(&recipe.run.common);
        if let Some(composed) = &source.composed {
            return self.composed(recipe, source, composed, suite, rules(&common), faults);
        }
        let calls = Calls::of(&common);
        let source_place = self.source(recipe, source, calls, faults);
        let suite_place = self.suite(recipe, suite, faults);
        let (source_place, suite_place) = (source_place?, suite_place?);
        let card = &self.suites[suite_place].card;
        let order = settled_order(common.order, card);
        if order == tribunal_api::Order::Given && !card.neutral_order {
            faults.extend(recipe.faults(vec![given_fault(source, suite)]));
            return None;
        }
        Some(Cell {
            source: source_place,
            suite: suite_place,
            levels: Map::new(),
            order,
            samples: common.samples.unwrap_or(1),
            combiner: card.published.combiner,
            vote: common.vote.map(Into::into).unwrap_or_default(),
            rules: rules(&common),
            protocol: common.protocol.unwrap_or(Protocol::Auto),
            parts: None,
        })
    }

    /// A cell of a route or panel: the sources that it stands for, each as it is asked by itself.
    fn composed(
        &mut self,
        recipe: &Recipe,
        source: &SourceBlock,
        composed: &recipe::Composed,
        suite: &SuiteBlock,
        rules: Rules,
        faults: &mut Faults,
    ) -> Option<Cell> {
        let mut parts = Vec::new();
        let mut whole = true;
        for (name, weight) in Parts::seats(composed) {
            let part = recipe.source(&name)?;
            match self.cell(recipe, part, suite, faults) {
                Some(cell) => parts.push(Part { name, weight, cell }),
                None => whole = false,
            }
        }
        let first = parts.first().filter(|_| whole)?.cell.clone();
        let members = parts.iter().map(|part| part.cell.source).collect();
        let planned = composed::planned(recipe, source, members, &self.sources);
        let key = format!("{} {} {:?}", planned.name, planned.digest, planned.members);
        let place = *self.source_of.entry(key).or_insert_with(|| {
            self.sources.push(planned);
            self.sources.len() - 1
        });
        Some(Cell {
            source: place,
            samples: 0,
            vote: Vote::Mean,
            rules,
            protocol: Protocol::Auto,
            parts: Some(Parts { parts, by: By::of(composed) }),
            ..first
        })
    }

    pub(super) fn finish(self) -> (Vec<PlannedSuite>, Vec<PlannedSource>, Vec<Cell>) {
        (self.suites, self.sources, self.cells)
    }

    fn source(
        &mut self,
        recipe: &Recipe,
        source: &SourceBlock,
        calls: Calls,
        faults: &mut Faults,
    ) -> Option<usize> {
        let block = &source.block;
        let kind = self.registry.find(Component::Source, &block.kind)?;
        let found = check::check(recipe, Component::Source, block, self.registry);
        if !found.is_empty() {
            faults.extend(recipe.faults(found));
            return None;
        }
        let settings = check::absolute(recipe, block, kind);
        let mut digest = Digest::of("tribunal-source-1");
        let identity = check::identity(kind, &settings);
        let (servers, identity) = self.named_servers(recipe, kind, &settings, identity, faults)?;
        digest.digest(identity);
        let mut built = BTreeMap::new();
        let mut models = vec![model_of(&settings)];
        let mut plugins = vec![plugin_of(kind)];
        for name in check::references(kind, &settings, "generator") {
            let generator = recipe.generator(&name)?;
            models.push(model_of(&Value::Object(generator.settings.clone())));
            let generator_kind = self.registry.find(Component::Generator, &generator.kind);
            plugins.push(generator_kind.and_then(plugin_of));
            let (inner, backend) = self.generator(recipe, generator, faults)?;
            digest.digest(inner);
            built.insert(name, backend);
        }
        let digest = digest.finish();
        let key = format!("{} {digest} {settings} {calls:?}", block.name);
        if let Some(place) = self.source_of.get(&key) {
            return Some(*place);
        }
        let generators = built.values().cloned().collect();
        let context = Built { generators: built, servers, reach: self.reach };
        match self.registry.build_source(&block.kind, settings.clone(), &context) {
            Ok(source) => {
                self.source_of.insert(key, self.sources.len());
                self.sources.push(PlannedSource {
                    name: Arc::from(block.name.as_str()),
                    kind: block.kind.clone(),
                    version: kind.card.version.to_owned(),
                    settings,
                    digest,
                    self_check: kind.card.self_check,
                    calls: calls.to(source.unhurried()),
                    source,
                    members: Vec::new(),
                    generators,
                    plugin: each_once(plugins.into_iter().flatten()),
                    model: only_one(models.into_iter().flatten()),
                });
                Some(self.sources.len() - 1)
            }
            Err(error) => {
                faults.extend(recipe.faults(vec![check::to_fault(
                    &block.path,
                    error,
                    Section::Source,
                )]));
                None
            }
        }
    }

    /// The URLs of the servers that settings name, and the digest of identity and their commands.
    fn named_servers(
        &mut self,
        recipe: &Recipe,
        kind: &Registered,
        settings: &Value,
        identity: Digest,
        faults: &mut Faults,
    ) -> Option<(BTreeMap<String, String>, Digest)> {
        match self.servers.named(recipe, kind, settings, identity) {
            Ok(named) => Some(named),
            Err(fault) => {
                faults.extend(recipe.faults(vec![*fault]));
                None
            }
        }
    }

    fn suite(&mut self, recipe: &Recipe, suite: &SuiteBlock, faults: &mut Faults) -> Option<usize> {
        let block = &suite.block;
        let kind = self.registry.find(Component::Suite, &block.kind)?;
        let found = check::check(recipe, Component::Suite, block, self.registry);
        if !found.is_empty() {
            faults.extend(recipe.faults(found));
            return None;
        }
        let settings = check::absolute(recipe, block, kind);
        let items = match suite.items.as_ref().map(item_ids).transpose() {
            Ok(items) => items,
            Err(message) => {
                faults.extend(recipe.faults(vec![Fault::new(block.path.key("items"), message)]));
                return None;
            }
        };
        let keep = Keep {
            subsets: suite.subsets.clone(),
            items,
            sample: suite.sample.clone(),
            limit: None,
            seed: recipe.seed,
        };
        let key = format!("{} {} {settings} {keep:?}", block.name, block.kind);
        if let Some(place) = self.suite_of.get(&key) {
            return Some(*place);
        }
        match self.registry.build_suite(&block.kind, settings.clone()) {
            Ok(built) => {
                self.suite_of.insert(key, self.suites.len());
                self.suites.push(PlannedSuite {
                    name: Arc::from(block.name.as_str()),
                    kind: block.kind.clone(),
                    version: kind.card.version.to_owned(),
                    plugin: plugin_of(kind),
                    settings,
                    card: built.card(),
                    keep,
                    suite: built,
                });
                Some(self.suites.len() - 1)
            }
            Err(error) => {
                faults.extend(recipe.faults(vec![check::to_fault(
                    &block.path,
                    error,
                    Section::Suite,
                )]));
                None
            }
        }
    }

    fn generator(
        &mut self,
        recipe: &Recipe,
        block: &Block,
        faults: &mut Faults,
    ) -> Option<(Digest, Arc<dyn Generator>)> {
        let kind = self.registry.find(Component::Generator, &block.kind)?;
        let found = check::check(recipe, Component::Generator, block, self.registry);
        if !found.is_empty() {
            faults.extend(recipe.faults(found));
            return None;
        }
        let settings = check::absolute(recipe, block, kind);
        let calls = Calls::of(&block.common.or(&recipe.run.common));
        let identity = check::identity(kind, &settings);
        let (servers, identity) = self.named_servers(recipe, kind, &settings, identity, faults)?;
        let key = Digest::of("tribunal-generator-1")
            .digest(identity)
            .text(&settings.to_string())
            .text(&format!("{calls:?}"))
            .finish();
        if let Some(known) = self.generators.get(&key) {
            return Some((identity, known.clone()));
        }
        let price = model_of(&settings).and_then(|model| price_of(&model, &recipe.prices));
        let context = Built { generators: BTreeMap::new(), servers, reach: self.reach };
        match self.registry.build_generator(&block.kind, settings, &context) {
            Ok(backend) => {
                let calls = calls.to(backend.unhurried());
                let laned: Arc<dyn Generator> =
                    Arc::new(LanedGenerator::new(backend, calls, &self.traffic, price));
                self.generators.insert(key, laned.clone());
                Some((identity, laned))
            }
            Err(error) => {
                faults.extend(recipe.faults(vec![check::to_fault(
                    &block.path,
                    error,
                    Section::Generator,
                )]));
                None
            }
        }
    }
}

/// The model that settings name, where they do.
fn model_of(settings: &Value) -> Option<String> {
    settings.get("model").and_then(Value::as_str).map(str::to_owned)
}

/// What a kind was loaded from, where it is not built in.
fn plugin_of(kind: &Registered) -> Option<String> {
    kind.origin.as_deref().map(str::to_owned)
}

/// The entries, each once, in one text; `None` when there are none.
fn each_once(entries: impl Iterator<Item = String>) -> Option<String> {
    let mut known: Vec<String> = Vec::new();
    for entry in entries {
        if !known.contains(&entry) {
            known.push(entry);
        }
    }
    (!known.is_empty()).then(|| known.join(", "))
}

/// The entry, when all are the same.
fn only_one(mut entries: impl Iterator<Item = String>) -> Option<String> {
    let first = entries.next()?;
    entries.all(|entry| entry == first).then_some(first)
}

fn rules(common: &recipe::Common) -> Rules {
    Rules {
        ties: match common.ties.unwrap_or(recipe::Ties::Published) {
            recipe::Ties::Published => Ties::Published,
            recipe::Ties::Loss => Ties::Loss,
            recipe::Ties::Half => Ties::Half,
            recipe::Ties::Split => Ties::Split,
        },
        failures: match common.failures.unwrap_or(recipe::Failures::Published) {
            recipe::Failures::Published => Failures::Published,
            recipe::Failures::Wrong => Failures::Wrong,
            recipe::Failures::Exclude => Failures::Exclude,
        },
    }
}

/// A `given` order on a suite whose stored order tells gold, at the key that asked for it.
fn given_fault(source: &SourceBlock, suite: &SuiteBlock) -> Fault {
    let key = if source.block.common.order.is_some() {
        source.block.path.key("order")
    } else if suite.block.common.order.is_some() {
        suite.block.path.key("order")
    } else {
        KeyPath::of(["run", "order"])
    };
    let message = format!(
        "suite `{}` stores the better reply first, so its stored order cannot be shown",
        suite.block.name
    );
    Fault::new(key, message).hint("use `seeded` or `both`, or name the suites that `given` is for")
}

/// What one source or generator is built on.
struct Built {
    generators: BTreeMap<String, Arc<dyn Generator>>,
    /// Base URLs by name.
    servers: BTreeMap<String, String>,
    reach: Reach,
}

impl Context for Built {
    fn generator(&self, name: &GeneratorRef) -> Result<Arc<dyn Generator>, SettingsError> {
        self.generators.get(&name.0).cloned().ok_or_else(|| {
            SettingsError::of_key("generator", format!("there is no generator `{}`", name.0))
        })
    }

    fn server(&self, name: &ServerRef) -> Result<String, SettingsError> {
        self.servers.get(&name.0).cloned().ok_or_else(|| {
            SettingsError::of_key("server", format!("there is no server `{}`", name.0))
        })
    }

    fn offline(&self) -> bool {
        self.reach == Reach::Loopback
    }
}
