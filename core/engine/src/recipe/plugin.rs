//! `[[plugin]]`: what kinds are loaded from, before anything is planned.

use super::reader::{Reader, Zero};
use super::server::env;
use crate::fault::{Fault, KeyPath, Part};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The keys of a `[[plugin]]`, in the order to print.
pub const PLUGIN_KEYS: [&str; 10] = [
    "library",
    "command",
    "folder",
    "isolate",
    "replicas",
    "start-within",
    "load-within",
    "cancel-within",
    "restarts",
    "env",
];

/// The keys of which a plugin has exactly one.
const ORIGINS: [&str; 3] = ["library", "command", "folder"];

/// A `[[plugin]]`: kinds to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Path of the entry: `plugin[0]`.
    pub path: KeyPath,
    /// What is loaded.
    pub origin: PluginOrigin,
    /// Whether a library runs in a process of its own (default false), which a crash of it does not leave. A command
    /// always does.
    pub isolate: bool,
    /// Processes that share the work, 1 to 64 (default 1); more than one of a command or an isolated library alone.
    pub replicas: u32,
    /// Longest wait until it has said what it holds, above zero (default one minute).
    pub start_within: Duration,
    /// Longest wait until weights are loaded, above zero (default half an hour). It counts in no call's timeout.
    pub load_within: Duration,
    /// Longest wait until a call that is no longer wanted has ended, above zero (default five seconds).
    pub cancel_within: Duration,
    /// How often a process that ended by itself is started again, 0 to 1000 (default 3).
    pub restarts: u32,
    /// Variables that are set for its processes beside those of this one, as written. They are stored with the recipe in
    /// every run folder, so no secret belongs here: leave it in the environment, from which processes inherit it.
    pub env: BTreeMap<String, String>,
}

/// What a plugin is loaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginOrigin {
    /// A shared library, as an absolute path.
    Library(PathBuf),
    /// All shared libraries of a folder, as an absolute path.
    Folder(PathBuf),
    /// A program that speaks the plugin protocol.
    Command {
        /// Program, then arguments, as written; at least the program.
        command: Vec<String>,
        /// Folder of the file that wrote the command, absolute: the program is started there, and relative paths among
        /// its words start there.
        folder: PathBuf,
    },
}

/// The plugins of a recipe, in written order.
pub(super) fn plugins(reader: &mut Reader<'_>, top: &Map<String, Value>) -> Vec<Plugin> {
    let path = KeyPath::of(["plugin"]);
    let Some(value) = top.get("plugin") else { return Vec::new() };
    let Some(list) = reader.list(&path, value, "a list of tables (`[[plugin]]`)") else {
        return Vec::new();
    };
    let entries = list.iter().enumerate();
    entries.filter_map(|(at, value)| plugin(reader, path.index(at), value)).collect()
}

fn plugin(reader: &mut Reader<'_>, path: KeyPath, value: &Value) -> Option<Plugin> {
    let table = reader.table(&path, value)?;
    reader.only_known(&path, table, &PLUGIN_KEYS);
    let origin = origin(reader, &path, table);
    let isolate = table.get("isolate").and_then(|value| reader.truth(&path.key("isolate"), value));
    let mut count = |key: &str, least, most| {
        table.get(key).and_then(|value| reader.count(&path.key(key), value, least, most))
    };
    let replicas = count("replicas", 1, 64);
    let restarts = count("restarts", 0, 1000);
    let mut duration = |key: &str| {
        let value = table.get(key)?;
        reader.duration(&path.key(key), value, Zero::Refused)
    };
    let start_within = duration("start-within");
    let load_within = duration("load-within");
    let cancel_within = duration("cancel-within");
    let env = table.get("env").map(|value| env(reader, &path.key("env"), value));
    misplaced(reader, &path, table, isolate.unwrap_or_else(|| table.contains_key("isolate")));
    Some(Plugin {
        origin: origin?,
        isolate: isolate.unwrap_or(false),
        replicas: replicas.unwrap_or(1),
        start_within: start_within.unwrap_or(Duration::from_secs(60)),
        load_within: load_within.unwrap_or(Duration::from_secs(1800)),
        cancel_within: cancel_within.unwrap_or(Duration::from_secs(5)),
        restarts: restarts.unwrap_or(3),
        env: env.unwrap_or_default(),
        path,
    })
}

fn origin(
    reader: &mut Reader<'_>,
    path: &KeyPath,
    table: &Map<String, Value>,
) -> Option<PluginOrigin> {
    let mut written = table.iter().filter(|(key, _)| ORIGINS.contains(&key.as_str()));
    let Some((key, value)) = written.next() else {
        let fault = Fault::new(path.clone(), "this plugin has no `library`, `command` or `folder`");
        reader.absence(fault.hint(
            "name a shared library, a folder of them, or the program to start as a list of strings",
        ));
        return None;
    };
    if let Some((other, _)) = written.next() {
        let message = format!("a plugin has either `{key}` or `{other}`, not both");
        let fault = Fault::new(path.key(other), message).part(Part::Key);
        reader.fault(fault.hint("write one `[[plugin]]` for each"));
        return None;
    }
    let at = path.key(key);
    match key.as_str() {
        "library" => reader.path(&at, value).map(PluginOrigin::Library),
        "folder" => reader.path(&at, value).map(PluginOrigin::Folder),
        _ => command(reader, &at, value),
    }
}

fn command(reader: &mut Reader<'_>, at: &KeyPath, value: &Value) -> Option<PluginOrigin> {
    let command = reader.texts(at, value)?;
    if command.first().is_none_or(String::is_empty) {
        reader.fault(Fault::new(at.clone(), "`command` names no program"));
        return None;
    }
    // A stored recipe keeps the folders of texts, not of lists.
    Some(PluginOrigin::Command { command, folder: reader.origin(&at.index(0)) })
}

/// Keys that mean nothing beside what is loaded, and how.
fn misplaced(reader: &mut Reader<'_>, path: &KeyPath, table: &Map<String, Value>, isolate: bool) {
    let is_command = table.contains_key("command");
    if is_command && table.contains_key("isolate") {
        let message = "`isolate` is for libraries: a command has a process of its own already";
        let fault = Fault::new(path.key("isolate"), message).part(Part::Key);
        reader.fault(fault.hint("leave `isolate` out"));
    }
    let library = ["library", "folder"].into_iter().find(|key| table.contains_key(*key));
    let (Some(library), false) = (library, isolate || is_command) else { return };
    for key in ["replicas", "env"].into_iter().filter(|key| table.contains_key(*key)) {
        let message = format!("`{key}` is for processes, and this `{library}` is loaded into ours");
        let fault = Fault::new(path.key(key), message).part(Part::Key);
        reader.fault(fault.hint(format!("add `isolate = true`, or leave `{key}` out")));
    }
}
