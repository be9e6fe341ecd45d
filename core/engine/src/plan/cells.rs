//! Expanding factors and arms into cells, and building each distinct source and suite once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use tribunal_api::registry::{Component, Context, Registry};
use tribunal_api::settings::{GeneratorRef, SettingsError};
use tribunal_api::{Failures, Generator, Rules, Ties};

use super::{Calls, Cell, Generators, PlannedSource, PlannedSuite, check, item_ids, settled_order};
use crate::cases::Keep;
use crate::digest::Digest;
use crate::fault::{Fault, Faults, KeyPath};
use crate::lane::LanedGenerator;
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
            let asked =
                source.suites.as_ref().is_none_or(|names| names.contains(&suite.block.name));
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

/// True when a cell of this source and suite depends on any key that the axis sets.
fn touches(recipe: &Recipe, axis: &[Level], source: &SourceBlock, suite: &SuiteBlock) -> bool {
    let mut own = vec![source.block.path.clone(), suite.block.path.clone(), KeyPath::of(["run"])];
    for generator in &recipe.generators {
        let name = Value::String(generator.name.clone());
        let named = |value: &Value| holds(value, &name);
        let in_axis = axis
            .iter()
            .flat_map(|level| &level.sets)
            .any(|(key, value)| key.starts_with(&source.block.path) && holds(value, &name));
        if source.block.settings.values().any(named) || in_axis {
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
}

impl<'a> Building<'a> {
    pub(super) fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            suites: Vec::new(),
            sources: Vec::new(),
            cells: Vec::new(),
            suite_of: HashMap::new(),
            source_of: HashMap::new(),
            generators: BTreeMap::new(),
        }
    }

    /// Builds what a variant needs and adds its cell.
    pub(super) fn add(&mut self, variant: Variant, faults: &mut Faults) {
        let recipe = &variant.recipe;
        let (Some(source), Some(suite)) =
            (recipe.source(&variant.source), recipe.suite(&variant.suite))
        else {
            return;
        };
        let common = source.block.common.or(&suite.block.common).or(&recipe.run.common);
        let calls = Calls::of(&common);
        let source_place = self.source(recipe, source, calls, faults);
        let suite_place = self.suite(recipe, suite, faults);
        let (Some(source_place), Some(suite_place)) = (source_place, suite_place) else { return };
        let card = &self.suites[suite_place].card;
        let order = settled_order(common.order, card);
        if order == tribunal_api::Order::Given && !card.neutral_order {
            faults.extend(recipe.faults(vec![given_fault(source, suite)]));
            return;
        }
        self.cells.push(Cell {
            source: source_place,
            suite: suite_place,
            levels: variant.levels,
            order,
            samples: common.samples.unwrap_or(1),
            combiner: card.published.combiner,
            rules: rules(&common),
            protocol: common.protocol.unwrap_or(Protocol::Auto),
        });
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
        digest.digest(check::identity(kind, &settings));
        let mut built = BTreeMap::new();
        for name in check::references(kind, &settings) {
            let generator = recipe.generator(&name)?;
            let (inner, backend) = self.generator(recipe, generator, faults)?;
            digest.digest(inner);
            built.insert(name, backend);
        }
        let digest = digest.finish();
        let key = format!("{} {digest} {settings} {calls:?}", block.name);
        if let Some(place) = self.source_of.get(&key) {
            return Some(*place);
        }
        let context = Built(built);
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
                    source,
                    calls,
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
        let key = Digest::of("tribunal-generator-1")
            .digest(identity)
            .text(&settings.to_string())
            .text(&format!("{calls:?}"))
            .finish();
        if let Some(known) = self.generators.get(&key) {
            return Some((identity, known.clone()));
        }
        match self.registry.build_generator(&block.kind, settings, &Built(BTreeMap::new())) {
            Ok(backend) => {
                let laned: Arc<dyn Generator> = Arc::new(LanedGenerator::new(backend, calls));
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

/// The generators built for one source.
struct Built(BTreeMap<String, Arc<dyn Generator>>);

impl Context for Built {
    fn generator(&self, name: &GeneratorRef) -> Result<Arc<dyn Generator>, SettingsError> {
        self.0.get(&name.0).cloned().ok_or_else(|| {
            SettingsError::of_key("generator", format!("there is no generator `{}`", name.0))
        })
    }
}
