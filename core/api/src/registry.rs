//! Kinds and how their components are built: every plugin is one function `register(&mut Registry)`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::generator::Generator;
use crate::settings::{self, GeneratorRef, ServerRef, SettingsError};
use crate::source::RewardSource;
use crate::suite::Suite;

/// Which of the three traits a kind implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// [`RewardSource`]; `[source.x]` in a recipe.
    Source,
    /// [`Generator`]; `[generator.x]` in a recipe.
    Generator,
    /// [`Suite`]; `[suite.x]` in a recipe.
    Suite,
}

impl Component {
    /// The recipe table: `source`, `generator`, `suite`.
    pub fn as_str(self) -> &'static str {
        match self {
            Component::Source => "source",
            Component::Generator => "generator",
            Component::Suite => "suite",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether known pairs are put to a source before money is spent on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelfCheck {
    /// The source claims to prefer better replies: constant, saturated or reversed scores are found early.
    #[default]
    KnownPairs,
    /// The source is a control or looks answers up: there is nothing to check.
    Skip,
}

/// What a kind says of itself.
#[derive(Clone, Debug)]
pub struct Card {
    /// The kind's name, `group.name` in kebab-case (`baseline.length`).
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// The version of code and rules; a change means that answers may differ.
    pub version: &'static str,
    /// A block of TOML that builds, for people to copy.
    pub example: &'static str,
    /// Whether known pairs are put to it first. Only for sources.
    pub self_check: SelfCheck,
}

/// What a factory may ask of the engine.
pub trait Context {
    /// The generator of this name, wrapped in its lane.
    fn generator(&self, name: &GeneratorRef) -> Result<Arc<dyn Generator>, SettingsError>;

    /// The base URL of the managed server of this name, without a slash at the end. It may not have been started yet.
    fn server(&self, name: &ServerRef) -> Result<String, SettingsError> {
        Err(SettingsError::of_key("server", format!("there is no server `{}`", name.0)))
    }

    /// True when only this machine's loopback may be contacted.
    fn offline(&self) -> bool {
        false
    }
}

/// A context without generators and servers, for tests and kinds that need none.
pub struct NoGenerators;

impl Context for NoGenerators {
    fn generator(&self, name: &GeneratorRef) -> Result<Arc<dyn Generator>, SettingsError> {
        Err(SettingsError::of_key("generator", format!("there is no generator `{}`", name.0)))
    }
}

/// Builds a component from checked settings.
pub type Build<T> =
    Arc<dyn Fn(Value, &dyn Context) -> Result<Arc<T>, SettingsError> + Send + Sync + 'static>;

/// How a kind that was loaded from elsewhere is built.
#[derive(Clone)]
pub enum LoadedBuild {
    /// A source.
    Source(Build<dyn RewardSource>),
    /// A generator.
    Generator(Build<dyn Generator>),
    /// A suite.
    Suite(Build<dyn Suite>),
}

impl LoadedBuild {
    /// Which trait it builds.
    pub fn component(&self) -> Component {
        match self {
            LoadedBuild::Source(_) => Component::Source,
            LoadedBuild::Generator(_) => Component::Generator,
            LoadedBuild::Suite(_) => Component::Suite,
        }
    }
}

/// A kind's name that another kind has already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {component} kind `{kind}` exists already: it is {}", .by.as_ref().map_or("built in".to_owned(), |by| format!("of `{by}`")))]
pub struct Taken {
    /// Which trait it implements.
    pub component: Component,
    /// The name.
    pub kind: String,
    /// What the other was loaded from; `None` when it is built in.
    pub by: Option<Arc<str>>,
}

#[derive(Clone)]
enum Factory {
    Source(Build<dyn RewardSource>),
    Generator(Build<dyn Generator>),
    Suite(Build<dyn Suite>),
}

/// A kind with its settings schema and its factory.
#[derive(Clone)]
pub struct Registered {
    /// What the kind says of itself.
    pub card: Card,
    /// The JSON Schema of its settings.
    pub schema: Value,
    /// What it was loaded from; `None` for kinds that are built in.
    pub origin: Option<Arc<str>>,
    factory: Factory,
}

impl Registered {
    /// Which trait the kind implements.
    pub fn component(&self) -> Component {
        match self.factory {
            Factory::Source(_) => Component::Source,
            Factory::Generator(_) => Component::Generator,
            Factory::Suite(_) => Component::Suite,
        }
    }
}

/// All kinds that a program knows.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<(Component, String), Registered>,
    clashes: Vec<String>,
}

impl Registry {
    /// A registry without kinds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a kind of source.
    pub fn source<C, S, F>(&mut self, card: Card, build: F)
    where
        C: DeserializeOwned + JsonSchema,
        S: RewardSource + 'static,
        F: Fn(C, &dyn Context) -> Result<S, SettingsError> + Send + Sync + 'static,
    {
        let build: Build<dyn RewardSource> =
            Arc::new(move |value, context| Ok(Arc::new(build(settings::read(value)?, context)?)));
        self.add(card, settings::schema_of::<C>(), None, Factory::Source(build));
    }

    /// Registers a kind of generator.
    pub fn generator<C, G, F>(&mut self, card: Card, build: F)
    where
        C: DeserializeOwned + JsonSchema,
        G: Generator + 'static,
        F: Fn(C, &dyn Context) -> Result<G, SettingsError> + Send + Sync + 'static,
    {
        let build: Build<dyn Generator> =
            Arc::new(move |value, context| Ok(Arc::new(build(settings::read(value)?, context)?)));
        self.add(card, settings::schema_of::<C>(), None, Factory::Generator(build));
    }

    /// Registers a kind of suite.
    pub fn suite<C, S, F>(&mut self, card: Card, build: F)
    where
        C: DeserializeOwned + JsonSchema,
        S: Suite + 'static,
        F: Fn(C, &dyn Context) -> Result<S, SettingsError> + Send + Sync + 'static,
    {
        let build: Build<dyn Suite> =
            Arc::new(move |value, context| Ok(Arc::new(build(settings::read(value)?, context)?)));
        self.add(card, settings::schema_of::<C>(), None, Factory::Suite(build));
    }

    /// Registers a kind that was loaded from elsewhere, with the schema that it gives.
    ///
    /// # Errors
    ///
    /// Where the kind of the same name comes from, when there is one already: it stands.
    pub fn loaded(
        &mut self,
        card: Card,
        schema: Value,
        origin: Arc<str>,
        build: LoadedBuild,
    ) -> Result<(), Taken> {
        let component = build.component();
        if let Some(known) = self.find(component, card.kind) {
            return Err(Taken { component, kind: card.kind.to_owned(), by: known.origin.clone() });
        }
        let factory = match build {
            LoadedBuild::Source(build) => Factory::Source(build),
            LoadedBuild::Generator(build) => Factory::Generator(build),
            LoadedBuild::Suite(build) => Factory::Suite(build),
        };
        self.add(card, schema, Some(origin), factory);
        Ok(())
    }

    /// The kind of this name, if it is registered.
    pub fn find(&self, component: Component, kind: &str) -> Option<&Registered> {
        self.kinds.get(&(component, kind.to_owned()))
    }

    /// All kinds of a component, by name.
    pub fn kinds(&self, component: Component) -> impl Iterator<Item = &Registered> {
        self.kinds
            .iter()
            .filter(move |((found, _), _)| *found == component)
            .map(|(_, registered)| registered)
    }

    /// Kinds that were registered twice; the first one stands. Empty in a sound program.
    pub fn clashes(&self) -> &[String] {
        &self.clashes
    }

    /// Builds a source from settings that [`settings::check`] found no fault with.
    pub fn build_source(
        &self,
        kind: &str,
        settings: Value,
        context: &dyn Context,
    ) -> Result<Arc<dyn RewardSource>, SettingsError> {
        match self.find(Component::Source, kind).map(|found| &found.factory) {
            Some(Factory::Source(build)) => build(settings, context),
            _ => Err(self.unknown(Component::Source, kind)),
        }
    }

    /// Builds a generator from checked settings.
    pub fn build_generator(
        &self,
        kind: &str,
        settings: Value,
        context: &dyn Context,
    ) -> Result<Arc<dyn Generator>, SettingsError> {
        match self.find(Component::Generator, kind).map(|found| &found.factory) {
            Some(Factory::Generator(build)) => build(settings, context),
            _ => Err(self.unknown(Component::Generator, kind)),
        }
    }

    /// Builds a suite from checked settings. Opens nothing.
    pub fn build_suite(
        &self,
        kind: &str,
        settings: Value,
    ) -> Result<Arc<dyn Suite>, SettingsError> {
        match self.find(Component::Suite, kind).map(|found| &found.factory) {
            Some(Factory::Suite(build)) => build(settings, &NoGenerators),
            _ => Err(self.unknown(Component::Suite, kind)),
        }
    }

    /// The fault of a kind that nobody registered.
    pub fn unknown(&self, component: Component, kind: &str) -> SettingsError {
        let known = self.kinds(component).map(|registered| registered.card.kind.to_owned());
        SettingsError::of_key("kind", format!("there is no {component} of kind `{kind}`"))
            .with_known(known.collect())
    }

    fn add(&mut self, card: Card, schema: Value, origin: Option<Arc<str>>, factory: Factory) {
        let registered = Registered { card, schema, origin, factory };
        let key = (registered.component(), registered.card.kind.to_owned());
        match self.kinds.entry(key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(registered);
            }
            std::collections::btree_map::Entry::Occupied(taken) => {
                self.clashes.push(taken.get().card.kind.to_owned());
            }
        }
    }
}
