//! `[server.<name>]`: a server that the program starts, awaits and stops itself.

use super::reader::{Reader, Zero, describe};
use crate::fault::{Fault, KeyPath, Part};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What stands in a command for the port.
pub const PORT: &str = "{port}";

/// The keys of a `[server.<name>]`, in the order to print.
pub const SERVER_KEYS: [&str; 6] = ["command", "port", "ready", "ready-within", "env", "folder"];

/// A `[server.<name>]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBlock {
    /// Name of the block: letters, digits, `.`, `_`, `-`; it becomes part of a file name.
    pub name: String,
    /// Path of the block: `server.reward`.
    pub path: KeyPath,
    /// Program, then arguments, as written: at least the program. [`PORT`] stands for the port.
    pub command: Vec<String>,
    /// The port; `None` for one that is free when the recipe is planned.
    pub port: Option<u16>,
    /// Path that answers with a status from 200 to 299 once the server is ready (default `/health`).
    pub ready: String,
    /// Longest wait until it is ready (default two minutes).
    pub ready_within: Duration,
    /// Variables that are set for it beside those of this process, as written.
    pub env: BTreeMap<String, String>,
    /// Folder that it is started in, absolute: the folder of the file that wrote the block, unless it says another.
    pub folder: PathBuf,
}

/// The servers of a recipe, in written order.
pub(super) fn servers(reader: &mut Reader<'_>, top: &Map<String, Value>) -> Vec<ServerBlock> {
    let path = KeyPath::of(["server"]);
    let Some(value) = top.get("server") else { return Vec::new() };
    let Some(table) = reader.table(&path, value) else { return Vec::new() };
    table.iter().filter_map(|(name, value)| server(reader, path.key(name), name, value)).collect()
}

/// Names of the servers as written, also of those with faults.
pub(super) fn names_in(value: &Value) -> Vec<&str> {
    let table = value.get("server").and_then(Value::as_object);
    table.map_or_else(Vec::new, |table| table.keys().map(String::as_str).collect())
}

fn server(
    reader: &mut Reader<'_>,
    path: KeyPath,
    name: &str,
    value: &Value,
) -> Option<ServerBlock> {
    let Some(table) = value.as_object() else {
        let fault = Fault::new(path.clone(), format!("`{path}` is not a table")).part(Part::Key);
        reader.fault(fault.hint("write the name of the server: `[server.NAME]`"));
        return None;
    };
    if !super::typed::is_file_name(name) {
        let fault = Fault::new(path.clone(), format!("a server cannot be called `{name}`"));
        reader.fault(fault.part(Part::Key).hint("use letters, digits, `.`, `_` and `-`"));
    }
    reader.only_known(&path, table, &SERVER_KEYS);
    let port =
        table.get("port").and_then(|value| reader.whole(&path.key("port"), value, 1, 65_535));
    let port = port.and_then(|port| u16::try_from(port).ok());
    let command = command(reader, &path, table);
    let ready = table.get("ready").and_then(|value| ready(reader, &path.key("ready"), value));
    let within = table
        .get("ready-within")
        .and_then(|value| reader.duration(&path.key("ready-within"), value, Zero::Refused));
    let env = table.get("env").map(|value| env(reader, &path.key("env"), value));
    let folder = match table.get("folder") {
        Some(value) => reader.path(&path.key("folder"), value),
        None => Some(reader.origin(&path)),
    };
    Some(ServerBlock {
        name: name.to_owned(),
        command: command?,
        port,
        ready: ready.unwrap_or_else(|| "/health".to_owned()),
        ready_within: within.unwrap_or(Duration::from_secs(120)),
        env: env.unwrap_or_default(),
        folder: folder?,
        path,
    })
}

fn command(
    reader: &mut Reader<'_>,
    path: &KeyPath,
    table: &Map<String, Value>,
) -> Option<Vec<String>> {
    let Some(value) = table.get("command") else {
        let fault = Fault::new(path.clone(), "this server has no `command`");
        reader.absence(fault.hint(
            "add the program to start as a list: `command = [\"llama-server\", \"--port\", \"{port}\"]`",
        ));
        return None;
    };
    let at = path.key("command");
    let command = reader.texts(&at, value)?;
    if command.first().is_none_or(String::is_empty) {
        reader.fault(Fault::new(at, "`command` names no program"));
        return None;
    }
    if table.get("port").is_none() && !command.iter().any(|part| part.contains(PORT)) {
        let fault = Fault::new(at, "`command` does not tell the server its port");
        reader.fault(fault.hint(
            "write `{port}` where the command takes a port, or add `port = ...` if the server has one of its own",
        ));
        return None;
    }
    Some(command)
}

fn ready(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Option<String> {
    let text = reader.text(path, value)?;
    if !text.starts_with('/') || text.chars().any(|c| c.is_control() || c == ' ') {
        let fault = Fault::new(path.clone(), format!("`ready` cannot be `{text}`"));
        reader.fault(fault.hint("write a path that begins with a slash: `/health`"));
        return None;
    }
    Some(text.to_owned())
}

/// Variables of a process that is started: a table of strings.
pub(super) fn env(
    reader: &mut Reader<'_>,
    path: &KeyPath,
    value: &Value,
) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let Some(table) = reader.table(path, value) else { return env };
    for (name, value) in table {
        let at = path.key(name);
        if name.is_empty() || name.contains(['=', '\0']) {
            let fault = Fault::new(at, format!("a variable cannot be called `{name}`"));
            reader.fault(fault.part(Part::Key));
            continue;
        }
        match value {
            Value::String(text) if !text.contains('\0') => {
                env.insert(name.clone(), text.clone());
            }
            other => {
                let fault =
                    Fault::new(at, format!("`{name}` takes a string, not {}", describe(other)));
                reader.fault(fault.hint("put the value in quotes"));
            }
        }
    }
    env
}
