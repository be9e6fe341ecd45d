//! `tribunal plugin check`: whether the kinds of a plugin keep the promises that runs rely on.

mod answers;
mod generator;
mod odd;
mod settings;
mod sheet;
mod source;
mod speed;
mod suite;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Component, Generator, Registered, Registry, RewardSource, SettingsError, Suite,
};
use tribunal_engine::fault::nearest;
use tribunal_loader::{Origin, Plugin};

use crate::args::PluginCheckArgs;
use crate::builtin;
use crate::commands::plugin::target::{load, spec, target};
use crate::exit::{Exit, Failure, print};
use crate::render::plain;

use sheet::{Finding, Sheet, Status};
use source::Times;
use speed::human;

/// Loads the plugin, checks its kinds one after the other, and says what was found.
pub(super) fn check(args: &PluginCheckArgs) -> Result<Exit, Failure> {
    let origin = target(&args.target)?;
    if args.isolate && matches!(origin, Origin::Command { .. }) {
        return Err(Failure::usage(
            "`--isolate` is for libraries: a program has a process of its own already",
            "leave `--isolate` out",
        ));
    }
    let mut spec = spec(origin);
    spec.isolate = args.isolate;
    spec.start_within = args.within;
    let mut registry = builtin::registry();
    let begun = Instant::now();
    let plugin = load(&spec, &mut registry)?;
    let loaded = begun.elapsed();
    let chosen = chosen(&plugin, args)?;
    if !args.json {
        print(&head(&plugin, loaded, args.isolate))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let times = Times { load: spec.load_within, cancel: spec.cancel_within };
    let mut sheets = Vec::new();
    for kind in &chosen {
        let Some(registered) = registry.find(kind.0, &kind.1) else { continue };
        if !args.json {
            print(&format!("\n{} {}\n", kind.0, plain(&kind.1)))?;
        }
        let mut sheet = Sheet::new(!args.json, args.within);
        let one = OneKind { registered, registry: &registry, runtime: &runtime };
        one.check(args, times, &mut sheet)?;
        sheets.push((kind, sheet));
    }
    runtime.shutdown_background();
    let count = |status| sheets.iter().map(|(_, sheet)| sheet.count(status)).sum::<usize>();
    let passed = count(Status::Failed) == 0;
    if args.json {
        let kinds: Vec<Value> = sheets
            .iter()
            .map(|((component, kind), sheet)| {
                json!({
                    "component": component.as_str(),
                    "kind": kind,
                    "passed": sheet.count(Status::Failed) == 0,
                    "checks": sheet.as_json(),
                })
            })
            .collect();
        print(&format!("{:#}\n", as_json(&plugin, loaded, args.isolate, passed, &kinds)))?;
    } else {
        let counts = [
            (Status::Ok, "ok"),
            (Status::Measured, "measured"),
            (Status::Warning, "with a warning"),
            (Status::Failed, "failed"),
            (Status::NotChecked, "not checked"),
        ];
        let counts = counts.map(|(status, word)| (count(status), word));
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
        let verdict = if passed { "passed" } else { "failed" };
        print(&format!("\n{verdict}: {}\n", told.join(", ")))?;
    }
    Ok(if passed { Exit::Success } else { Exit::SelfCheck })
}

/// The kinds that are to be checked.
fn chosen(plugin: &Plugin, args: &PluginCheckArgs) -> Result<Vec<(Component, String)>, Failure> {
    let Some(name) = &args.kind else {
        if plugin.kinds.len() > 1 && !args.sets.is_empty() {
            return Err(Failure::usage(
                format!("`--set` is for one kind, and the plugin has {}", plugin.kinds.len()),
                "name it with `--kind KIND`",
            ));
        }
        return Ok(plugin.kinds.clone());
    };
    let chosen: Vec<(Component, String)> =
        plugin.kinds.iter().filter(|(_, kind)| kind == name).cloned().collect();
    if chosen.is_empty() {
        let known: Vec<&str> = plugin.kinds.iter().map(|(_, kind)| kind.as_str()).collect();
        let hint = match nearest(name, &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its kinds are: {}", known.join(", ")),
        };
        return Err(Failure::usage(format!("the plugin has no kind `{name}`"), hint));
    }
    Ok(chosen)
}

/// A kind, and what it is built and asked with.
struct OneKind<'a> {
    registered: &'a Registered,
    registry: &'a Registry,
    runtime: &'a tokio::runtime::Runtime,
}

/// A component of any kind.
enum Made {
    Source(Arc<dyn RewardSource>),
    Generator(Arc<dyn Generator>),
    Suite(Arc<dyn Suite>),
}

impl OneKind<'_> {
    fn check(
        &self,
        args: &PluginCheckArgs,
        times: Times,
        sheet: &mut Sheet,
    ) -> Result<(), Failure> {
        let Registered { card, schema, .. } = self.registered;
        let said =
            [("summary", card.summary), ("version", card.version), ("example", card.example)];
        let silent: Vec<&str> =
            said.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| *name).collect();
        sheet.note(
            "card",
            match silent.is_empty() {
                true => Finding::ok(format!("{} (version {})", card.summary, card.version)),
                false => Finding::warning(format!("it has no {}", silent.join(", no "))),
            },
        )?;
        sheet.note("schema", settings::schema(schema))?;
        let example = settings::of_example(self.registered);
        let mut table = example.clone().ok().flatten().unwrap_or_default();
        settings::set(&mut table, &args.sets)?;
        let sound = self.absolute(table)?;
        if let Some(fault) = settings::faults(schema, &sound) {
            let lacking = format!("its settings are not known: {fault}");
            let hint = "give them with `--kind KIND --set key=value`";
            // What the command line got wrong is its fault, what the example got wrong is the plugin's.
            if !args.sets.is_empty() || matches!(example, Ok(None)) {
                return Err(Failure::usage(lacking, hint));
            }
            return sheet.note("example", Finding::failed(example.err().unwrap_or(fault)));
        }
        if !self.example(example, &args.sets, &sound, sheet)? {
            return Ok(());
        }
        let make = self.maker();
        let (known, tried) = (sound.clone(), schema.clone());
        let refusals = move || {
            let build =
                |settings: Value| make(settings).map(|_| ()).map_err(|error| error.to_string());
            (settings::refusals(&tried, &known, build), ())
        };
        if sheet.run_blocking("settings", refusals)?.is_none() {
            return Ok(());
        }
        let make = self.maker();
        let build = move || match make(sound) {
            Ok(made) => (Finding::ok("from its settings"), Some(made)),
            Err(error) => (Finding::failed(error.to_string()), None),
        };
        match sheet.run_blocking("made", build)?.flatten() {
            Some(Made::Source(source)) => {
                self.runtime.block_on(source::check(source, times, sheet))
            }
            Some(Made::Generator(generator)) => {
                self.runtime.block_on(generator::check(generator, times, sheet))
            }
            Some(Made::Suite(suite)) => suite::check(&suite, sheet),
            None => Ok(()),
        }
    }

    /// Whether the example builds. False when nothing more can be checked.
    fn example(
        &self,
        example: Result<Option<Map<String, Value>>, String>,
        sets: &[String],
        sound: &Value,
        sheet: &mut Sheet,
    ) -> Result<bool, Failure> {
        let table = match example {
            Err(wrong) => {
                sheet.note("example", Finding::failed(wrong))?;
                return Ok(true);
            }
            Ok(None) => return Ok(true),
            Ok(Some(table)) => table,
        };
        let alone = self.absolute(table)?;
        if let Some(fault) = settings::faults(&self.registered.schema, &alone) {
            sheet.note("example", Finding::failed(fault))?;
            return Ok(true);
        }
        let make = self.maker();
        // Other data than those of the example may be what there is.
        let given = !sets.is_empty() && alone != *sound;
        let build = move || match make(alone) {
            Ok(_) => (Finding::ok("builds"), ()),
            Err(error) if given => (Finding::warning(format!("does not build here: {error}")), ()),
            Err(error) => (Finding::failed(format!("does not build: {error}")), ()),
        };
        Ok(sheet.run_blocking("example", build)?.is_some())
    }

    /// The settings with paths from the current folder.
    fn absolute(&self, table: Map<String, Value>) -> Result<Value, Failure> {
        let mut settings = Value::Object(table);
        let here = std::env::current_dir()?;
        settings::make_absolute(&self.registered.schema, &mut settings, &here);
        Ok(settings)
    }

    /// Builds the kind from settings, on any thread.
    fn maker(&self) -> impl Fn(Value) -> Result<Made, SettingsError> + Send + 'static {
        let (registry, component) = (self.registry.clone(), self.registered.component());
        let kind = self.registered.card.kind;
        move |settings| match component {
            Component::Source => {
                registry.build_source(kind, settings, &NoGenerators).map(Made::Source)
            }
            Component::Generator => {
                registry.build_generator(kind, settings, &NoGenerators).map(Made::Generator)
            }
            Component::Suite => registry.build_suite(kind, settings).map(Made::Suite),
        }
    }
}

/// What was loaded, and how fast.
fn head(plugin: &Plugin, loaded: Duration, isolated: bool) -> String {
    let Plugin { origin, name, version, sdk, protocol, warnings, .. } = plugin;
    let isolated = if isolated { ", in a process of its own" } else { "" };
    let mut text = format!(
        "plugin {} {}, built with {}, protocol {}.{}\n{}, loaded in {}{isolated}\n",
        plain(name),
        plain(version),
        plain(sdk),
        protocol.0,
        protocol.1,
        plain(origin),
        human(loaded),
    );
    for warning in warnings {
        text.push_str(&format!("warning: {}\n", plain(warning)));
    }
    text
}

fn as_json(
    plugin: &Plugin,
    loaded: Duration,
    isolated: bool,
    passed: bool,
    kinds: &[Value],
) -> Value {
    json!({
        "schema": "tribunal-plugin-check/1",
        "plugin": {
            "origin": plugin.origin,
            "name": plugin.name,
            "version": plugin.version,
            "sdk": plugin.sdk,
            "protocol": [plugin.protocol.0, plugin.protocol.1],
            "blake3": plugin.digest,
            "isolated": isolated,
            "loaded-ms": loaded.as_secs_f64() * 1000.0,
            "warnings": plugin.warnings,
        },
        "kinds": kinds,
        "passed": passed,
    })
}
