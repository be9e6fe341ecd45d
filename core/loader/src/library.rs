//! Plugins as shared libraries: checked as files, opened once, never closed, every kind of theirs registered.

#![allow(unsafe_code)]

mod component;
mod file;
mod host;
mod instance;
mod job;
mod source;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tribunal_api::abi::{self, Host, Str};
use tribunal_api::{
    Generator, LoadedBuild, Registry, RewardSource, SelfCheck, SettingsError, Suite,
};

use crate::kinds::{Failures, Kind, MOST_KINDS, register};
use crate::{LoadError, Plugin, Spec};
use component::LibraryGenerator;
pub use file::{FileReport, inspect};
use instance::{Blueprint, Create, Functions, NotCreated};
pub(crate) use job::given_up;
use source::LibrarySource;

/// What went wrong in libraries while instances were made, those of all plugins together.
static FAILURES: LazyLock<Failures> = LazyLock::new(Failures::default);

/// True when this is what a library did wrong, rather than a fault of its settings.
pub(crate) fn is_failure(message: &str) -> bool {
    FAILURES.list().iter().any(|failure| failure == message)
}

/// Which file a path leads to, whatever the path.
type FileKey = (u64, u64);

/// The files that are open, with the path by which each was opened.
static OPEN: LazyLock<Mutex<HashMap<FileKey, Arc<str>>>> = LazyLock::new(Mutex::default);

/// Loads a library and registers its kinds.
pub(crate) fn load(path: &Path, spec: &Spec, registry: &mut Registry) -> Result<Plugin, LoadError> {
    let unreadable = |cause| LoadError::Unreadable { path: path.to_owned(), cause };
    // A bare name would be searched in the system's folders.
    let path = std::path::absolute(path).map_err(unreadable)?;
    let report = inspect(&path)?;
    let key = file_key(&path).map_err(unreadable)?;
    let origin: Arc<str> = Arc::from(path.display().to_string());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    // The system's loader hands back what it opened by the same path before, even when the file was replaced since.
    let same = |(other, known): (&FileKey, &Arc<str>)| {
        (*other == key || *known == origin).then(|| known.clone())
    };
    if let Some(known) = open.iter().find_map(same) {
        return Err(LoadError::SameFile { path, known });
    }
    let entry = open_library(&path)?;
    open.insert(key, origin.clone());
    drop(open);
    let host = host::host_for(origin.clone(), spec.log.clone());
    let tables = enter(entry, host, &origin, spec.start_within)?;
    let failures = Failures::default();
    let digest: Arc<str> = Arc::from(report.digest.as_str());
    let maker = Maker { origin: origin.clone(), host, spec, digest, failures: failures.clone() };
    let kinds = tables.kinds(&maker)?;
    let names = register(&origin, kinds, registry)?;
    let mut warnings = Vec::new();
    if report.panic_abort {
        warnings.push(format!(
            "`{origin}` is built with `panic = \"abort\"`: a panic of it ends this program; build it with unwinding, or set \
             `isolate = true`"
        ));
    }
    Ok(Plugin {
        origin,
        name: tables.name,
        version: tables.version,
        sdk: report.sdk,
        protocol: report.version,
        digest: Some(report.digest),
        kinds: names,
        warnings,
        failures,
    })
}

#[cfg(unix)]
fn file_key(path: &Path) -> std::io::Result<FileKey> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_key(path: &Path) -> std::io::Result<FileKey> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    std::fs::canonicalize(path)?.hash(&mut hasher);
    Ok((0, hasher.finish()))
}

/// Opens a library for good and finds its entry.
fn open_library(path: &Path) -> Result<abi::EntryFn, LoadError> {
    let failed = |error: libloading::Error| {
        // What the loader says is the cause of libloading's error.
        let said = std::error::Error::source(&error).map(ToString::to_string);
        LoadError::Open { path: path.to_owned(), cause: said.unwrap_or_else(|| error.to_string()) }
    };
    let name: &OsStr = path.as_os_str();
    #[cfg(unix)]
    // SAFETY: opening runs the library's constructors. A person named it: a library is code that is trusted.
    let library = unsafe {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
        // Bound at once, so that a missing symbol is found here and not at the first call.
        libloading::Library::from(Library::open(Some(name), RTLD_NOW | RTLD_LOCAL).map_err(failed)?)
    };
    #[cfg(not(unix))]
    // SAFETY: as above.
    let library = unsafe { libloading::Library::new(name).map_err(failed)? };
    // Its threads may outlive every instance, and with the code gone they would crash.
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // SAFETY: the record of this file promises an entry of this type.
    let entry = unsafe { library.get::<abi::EntryFn>(abi::ENTRY_SYMBOL.as_bytes()) };
    match entry {
        Ok(entry) => Ok(*entry),
        Err(_) => Err(LoadError::NoEntry { path: path.to_owned() }),
    }
}

/// What a plugin's entry hands out.
struct Tables {
    name: String,
    version: String,
    sources: Vec<&'static abi::Source>,
    generators: Vec<&'static abi::Generator>,
    suites: Vec<&'static abi::Suite>,
}

/// Calls the entry on a plain thread and reads the tables that it hands out.
fn enter(
    entry: abi::EntryFn,
    host: &'static Host,
    origin: &str,
    within: Duration,
) -> Result<Tables, LoadError> {
    let broken = |what: String| LoadError::Broken { origin: origin.to_owned(), what };
    let (sender, called) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut plugin: *const abi::Plugin = std::ptr::null();
        // SAFETY: the entry of a plugin of our major, called once.
        let status = unsafe { entry(host, &mut plugin) };
        let _ = sender.send((status, plugin.expose_provenance()));
    });
    let (status, plugin) = called
        .recv_timeout(within)
        .map_err(|_| broken(format!("its entry did not return within {within:?}")))?;
    if status != abi::OK {
        return Err(broken(format!("its entry returned status {status}")));
    }
    let plugin: *const abi::Plugin = std::ptr::with_exposed_provenance(plugin);
    // SAFETY: tables are read-only and live as long as the program; sizes are checked before any other field is read.
    unsafe {
        if plugin.is_null() || ((*plugin).size as usize) < size_of::<abi::Plugin>() {
            return Err(broken(
                "its entry handed out no table, or one that is too small".to_owned(),
            ));
        }
        let plugin = &*plugin;
        let sources = tables(plugin.sources, plugin.n_sources, size_of::<abi::Source>());
        let generators =
            tables(plugin.generators, plugin.n_generators, size_of::<abi::Generator>());
        let suites = tables(plugin.suites, plugin.n_suites, size_of::<abi::Suite>());
        Ok(Tables {
            name: plugin.name.lossy(),
            version: plugin.version.lossy(),
            sources: sources.map_err(|what| broken(format!("source {what}")))?,
            generators: generators.map_err(|what| broken(format!("generator {what}")))?,
            suites: suites.map_err(|what| broken(format!("suite {what}")))?,
        })
    }
}

/// The tables of a list, each at least as large as this major says.
unsafe fn tables<T>(
    list: *const *const T,
    count: usize,
    least: usize,
) -> Result<Vec<&'static T>, String> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if list.is_null() {
        return Err(format!("tables: {count} are promised, and there is no list of them"));
    }
    if count > MOST_KINDS {
        return Err(format!("tables: {count} are promised, at most {MOST_KINDS} can be"));
    }
    (0..count)
        .map(|place| {
            // SAFETY: promised by the caller.
            let table = unsafe { *list.add(place) };
            if table.is_null() {
                return Err(format!("table {place} is missing"));
            }
            // SAFETY: not null, and every table begins with its size; nothing else is read before it is known.
            let size = unsafe { table.cast::<u32>().read() } as usize;
            match size < least {
                true => Err(format!("table {place} holds {size} bytes, {least} are needed")),
                // SAFETY: large enough, and it lives as long as the program.
                false => Ok(unsafe { &*table }),
            }
        })
        .collect()
}

/// What it takes to make instances of a plugin.
struct Maker<'a> {
    origin: Arc<str>,
    host: &'static Host,
    spec: &'a Spec,
    digest: Arc<str>,
    failures: Failures,
}

impl Maker<'_> {
    fn blueprint(&self, functions: Functions) -> Blueprint {
        Blueprint {
            origin: self.origin.clone(),
            functions,
            settings: Arc::from("{}"),
            start_within: self.spec.start_within,
            load_within: self.spec.load_within,
            cancel_within: self.spec.cancel_within,
        }
    }

    fn missing(&self, kind: &str, function: &str) -> LoadError {
        LoadError::Broken {
            origin: self.origin.to_string(),
            what: format!("the kind `{kind}` has no function `{function}`"),
        }
    }
}

impl Tables {
    fn kinds(&self, maker: &Maker<'_>) -> Result<Vec<Kind>, LoadError> {
        let mut kinds = Vec::new();
        for table in &self.sources {
            kinds.push(source_kind(table, maker)?);
        }
        for table in &self.generators {
            kinds.push(generator_kind(table, maker)?);
        }
        for table in &self.suites {
            kinds.push(suite_kind(table, maker)?);
        }
        Ok(kinds)
    }
}

fn source_kind(table: &'static abi::Source, maker: &Maker<'_>) -> Result<Kind, LoadError> {
    // SAFETY: texts of a table live as long as the program.
    let name = unsafe { table.name.lossy() };
    let missing = |function| maker.missing(&name, function);
    let create = table.create.ok_or_else(|| missing("create"))?;
    let destroy = table.destroy.ok_or_else(|| missing("destroy"))?;
    table.identify.ok_or_else(|| missing("identify"))?;
    table.score.ok_or_else(|| missing("score"))?;
    let functions =
        Functions { create: creator(table, create, maker.host), destroy, cancel: table.cancel };
    let blueprint = maker.blueprint(functions);
    let (digest, failures) = (maker.digest.clone(), maker.failures.clone());
    let build = move |settings: Value| {
        let blueprint = Blueprint { settings: settings.to_string().into(), ..blueprint.clone() };
        let source = LibrarySource::new(table, blueprint, digest.clone());
        let source: Arc<dyn RewardSource> =
            Arc::new(source.map_err(|error| refused(error, &failures))?);
        Ok(source)
    };
    let self_check = if table.no_self_check != 0 { SelfCheck::Skip } else { SelfCheck::KnownPairs };
    let texts = [table.summary, table.version, table.example, table.schema];
    Ok(kind(name, texts, self_check, LoadedBuild::Source(Arc::new(move |value, _| build(value)))))
}

fn generator_kind(table: &'static abi::Generator, maker: &Maker<'_>) -> Result<Kind, LoadError> {
    // SAFETY: texts of a table live as long as the program.
    let name = unsafe { table.name.lossy() };
    let missing = |function| maker.missing(&name, function);
    let create = table.create.ok_or_else(|| missing("create"))?;
    let destroy = table.destroy.ok_or_else(|| missing("destroy"))?;
    let call = table.call.ok_or_else(|| missing("call"))?;
    let functions =
        Functions { create: creator(table, create, maker.host), destroy, cancel: table.cancel };
    let blueprint = maker.blueprint(functions);
    let (digest, failures) = (maker.digest.clone(), maker.failures.clone());
    let build = move |settings: Value| {
        let blueprint = Blueprint { settings: settings.to_string().into(), ..blueprint.clone() };
        let generator = LibraryGenerator::new(table, call, blueprint, digest.clone());
        let generator: Arc<dyn Generator> =
            Arc::new(generator.map_err(|error| refused(error, &failures))?);
        Ok(generator)
    };
    let texts = [table.summary, table.version, table.example, table.schema];
    let build = LoadedBuild::Generator(Arc::new(move |value, _| build(value)));
    Ok(kind(name, texts, SelfCheck::Skip, build))
}

fn suite_kind(table: &'static abi::Suite, maker: &Maker<'_>) -> Result<Kind, LoadError> {
    // SAFETY: texts of a table live as long as the program.
    let (name, version) = unsafe { (table.name.lossy(), table.version.lossy()) };
    let missing = |function| maker.missing(&name, function);
    let create = table.create.ok_or_else(|| missing("create"))?;
    let destroy = table.destroy.ok_or_else(|| missing("destroy"))?;
    let call = table.call.ok_or_else(|| missing("call"))?;
    let functions = Functions { create: creator(table, create, maker.host), destroy, cancel: None };
    let blueprint = maker.blueprint(functions);
    let failures = maker.failures.clone();
    let own_name = name.clone();
    let build = move |settings: Value| -> Result<Arc<dyn Suite>, SettingsError> {
        let blueprint = Blueprint { settings: settings.to_string().into(), ..blueprint.clone() };
        component::suite(&own_name, &version, call, blueprint)
            .map_err(|error| refused(error, &failures))
    };
    let texts = [table.summary, table.version, table.example, table.schema];
    let build = LoadedBuild::Suite(Arc::new(move |value, _| build(value)));
    Ok(kind(name, texts, SelfCheck::Skip, build))
}

/// A table's `create`, without the table's type.
fn creator<T: Sync>(table: &'static T, create: abi::CreateFn<T>, host: &'static Host) -> Create {
    // SAFETY: table and host live as long as the program, the rest during the call.
    Arc::new(move |settings, this, err| unsafe { create(table, host, settings, this, err) })
}

fn kind(name: String, texts: [Str<'static>; 4], self_check: SelfCheck, build: LoadedBuild) -> Kind {
    // SAFETY: texts of a table live as long as the program.
    let [summary, version, example, schema] = texts.map(|text| unsafe { text.lossy() });
    Kind { name, summary, version, example, schema: Ok(schema), self_check, build }
}

/// Settings that are at fault are drawn at the recipe's line; all else is the plugin's fault, and noted as such.
fn refused(error: NotCreated, failures: &Failures) -> SettingsError {
    match error {
        NotCreated::Settings(error) => error,
        NotCreated::Broken(message) => {
            failures.add(&message);
            FAILURES.add(&message);
            SettingsError::at(Vec::new(), message)
        }
    }
}
