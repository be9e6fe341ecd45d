//! Plugins that are programs: started, greeted, asked in lines of JSON, ended.
//!
//! [`load`] greets a first child, which also answers `check` while a recipe is planned and then becomes the process of the first
//! component that needs one. Every component has processes of its own ([`instance`]), so that one that hangs or crashes costs
//! its own questions alone.

mod alive;
mod answers;
mod ended;
mod generator;
mod greeting;
mod instance;
mod launch;
mod process;
mod request;
mod source;
mod start;
mod suite;
mod tail;

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_api::wire::Declares;
use tribunal_api::{Component, LoadedBuild, Registry, SettingsError};

use self::generator::ChildGenerator;
use self::greeting::Offered;
use self::instance::{Instance, Made};
use self::launch::Launch;
use self::process::{Counts, Process};
use self::source::ChildSource;
use self::suite::ChildCall;
use crate::Plugin;
use crate::error::LoadError;
use crate::kinds::{Failures, Kind, register};
use crate::spec::{Origin, Spec};
use crate::suite::foreign_suite;

pub use alive::shutdown_all;
pub(crate) use greeting::PROTOCOL;

/// What all components of a plugin share.
struct Carrier {
    origin: Arc<str>,
    spec: Spec,
    launch: Launch,
    /// The child that answers `check`, until a component takes it over.
    greeter: Mutex<Option<Arc<Process>>>,
    failures: Failures,
}

/// Starts and greets the plugin's first child, and registers its kinds: all or none.
pub(crate) fn load(spec: &Spec, registry: &mut Registry) -> Result<Plugin, LoadError> {
    let origin: Arc<str> = Arc::from(spec.origin.to_string());
    let digest = match &spec.origin {
        // What is wrong with the file is said in the words of files, and before anything is started.
        Origin::Library(path) => Some(crate::library::inspect(path)?.digest),
        Origin::Command { .. } => None,
    };
    let launch =
        Launch::of(spec).map_err(|cause| LoadError::Start { origin: origin.to_string(), cause })?;
    let (process, greeting) = greeting::start(&launch, 0, spec.start_within)?;
    let failures = Failures::default();
    let carrier = Arc::new(Carrier {
        origin: origin.clone(),
        spec: spec.clone(),
        launch,
        greeter: Mutex::new(Some(Arc::new(process))),
        failures: failures.clone(),
    });
    let offered = greeting.kinds.into_iter().map(|kind| carrier.kind(kind)).collect();
    let kinds = register(&origin, offered, registry)?;
    Ok(Plugin {
        origin,
        name: greeting.name,
        version: greeting.version,
        sdk: greeting.sdk,
        protocol: (greeting.protocol[0], greeting.protocol[1]),
        digest,
        kinds,
        warnings: Vec::new(),
        failures,
    })
}

#[derive(Deserialize)]
struct Checked {
    declares: Declares,
}

impl Carrier {
    /// A kind whose components live in children.
    fn kind(self: &Arc<Self>, offered: Offered) -> Kind {
        let Offered { component, name, summary, version, example, schema, self_check } = offered;
        let carrier = self.clone();
        let (own_name, own_version) = (name.clone(), version.clone());
        let plan = move |settings: Value| {
            let (kind, version) = (own_name.clone(), own_version.clone());
            let declares = carrier.check(component, &kind, &settings)?;
            let made = Made { carrier: carrier.clone(), component, kind, version, settings };
            Ok((Instance::new(made), declares))
        };
        let build = match component {
            Component::Source => LoadedBuild::Source(Arc::new(move |settings, _| {
                let (instance, declares) = plan(settings)?;
                Ok(Arc::new(ChildSource::new(instance, declares)))
            })),
            Component::Generator => LoadedBuild::Generator(Arc::new(move |settings, _| {
                let (instance, declares) = plan(settings)?;
                Ok(Arc::new(ChildGenerator::new(instance, declares)))
            })),
            Component::Suite => {
                let (name, version) = (name.clone(), version.clone());
                LoadedBuild::Suite(Arc::new(move |settings, _| {
                    let (instance, declares) = plan(settings)?;
                    let call = Arc::new(ChildCall(instance));
                    Ok(foreign_suite(&name, &version, &declares, call))
                }))
            }
        };
        Kind { name, summary, version, example, schema: Err(schema), self_check, build }
    }

    /// What a component with these settings would be, as the greeting child says.
    fn check(
        &self,
        component: Component,
        kind: &str,
        settings: &Value,
    ) -> Result<Declares, SettingsError> {
        let keys = json!({"component": component.as_str(), "kind": kind, "settings": settings});
        let reply = self
            .greeter()
            .map_err(|error| self.failed(error.to_string()))?
            .ask_and_wait("check", Counts::NotYet, self.spec.start_within, |id| {
                request::line("check", id, None, &keys)
            })
            .map_err(|failure| self.failed(failure.message()))?;
        match reply.error {
            Some(error) if error.code == "settings" => Err(error.into_settings_error()),
            Some(error) => {
                let what = error.into_source_error();
                let origin = &self.origin;
                Err(self.failed(format!("the plugin `{origin}` cannot check its settings: {what}")))
            }
            None => serde_json::from_str(&reply.line).map(|Checked { declares }| declares).map_err(
                |cause| {
                    let origin = &self.origin;
                    self.failed(format!(
                        "the plugin `{origin}` answered `check` with something else: {cause}"
                    ))
                },
            ),
        }
    }

    /// The fault of a block whose plugin does not work; nobody is to look for it in the settings.
    fn failed(&self, what: String) -> SettingsError {
        self.failures.add(&what);
        SettingsError::at(Vec::new(), what)
    }

    /// The child that answers `check`, started again where it is gone.
    fn greeter(&self) -> Result<Arc<Process>, LoadError> {
        let mut greeter = self.greeter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = greeter.as_ref().filter(|process| !process.leaves()) {
            return Ok(process.clone());
        }
        let (process, _) = greeting::start(&self.launch, 0, self.spec.start_within)?;
        Ok(greeter.insert(Arc::new(process)).clone())
    }

    /// The greeting child, for the first component that needs a process of this number.
    fn adopt(&self, replica: usize) -> Option<Arc<Process>> {
        if replica != 0 {
            return None;
        }
        let process = self.greeter.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (!process.leaves()).then_some(process)
    }
}
