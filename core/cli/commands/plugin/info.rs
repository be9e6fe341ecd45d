//! `tribunal plugin info`: what a plugin says of itself, first without running any of it.

use serde_json::{Value, json};
use tribunal_api::Registered;
use tribunal_loader::{FileReport, Origin, Plugin, inspect};

use crate::args::PluginInfoArgs;
use crate::builtin;
use crate::commands::plugin::target::{load, spec, target};
use crate::commands::show::kind;
use crate::exit::{Exit, Failure, print};
use crate::render::plain;

/// Shows the file of a library, then the kinds.
pub(super) fn info(args: &PluginInfoArgs) -> Result<Exit, Failure> {
    let origin = target(&args.target)?;
    let file = match &origin {
        Origin::Library(path) => Some(inspect(path)?),
        Origin::Command { .. } if args.no_load => {
            return Err(Failure::usage(
                "`--no-load` is for libraries: a program says nothing unless it is started",
                "leave `--no-load` out",
            ));
        }
        Origin::Command { .. } => None,
    };
    let named = origin.to_string();
    let head = match &file {
        Some(report) => file_lines(&named, report),
        None => vec![format!("program {}", plain(&named))],
    };
    if args.no_load {
        print(&match args.json {
            true => as_json(&named, file.as_ref(), None, Value::Null),
            false => format!("{}\n", head.join("\n")),
        })?;
        return Ok(Exit::Success);
    }
    let mut registry = builtin::registry();
    // What the file says stands there already when its code ends this program.
    if !args.json {
        print(&format!("{}\n", head.join("\n")))?;
    }
    let plugin = load(&spec(origin), &mut registry)?;
    let found = plugin.kinds.iter().filter_map(|(component, name)| registry.find(*component, name));
    let kinds: Vec<&Registered> = found.collect();
    if args.json {
        let shown = kind::show(&kinds, &registry, true)?;
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        let list = if kinds.len() == 1 { json!([shown]) } else { shown };
        print(&as_json(&named, file.as_ref(), Some(&plugin), list))?;
    } else {
        let shown = kind::show(&kinds, &registry, false)?;
        print(&format!("{}\n\n{shown}", plugin_lines(&plugin).join("\n")))?;
    }
    Ok(Exit::Success)
}

fn file_lines(origin: &str, report: &FileReport) -> Vec<String> {
    let (major, minor) = report.version;
    let panics = match report.panic_abort {
        true => "a panic of it ends the program; `isolate = true` keeps it to a process of its own",
        false => "a panic of it is an error of its question",
    };
    let needs = match report.min_host_minor {
        0 => format!("any Tribunal of boundary {major}.x"),
        least => format!("a Tribunal of boundary {major}.{least} or later"),
    };
    vec![
        format!("library {}", plain(origin)),
        format!("  built with   {}", plain(&report.sdk)),
        format!("  boundary     {major}.{minor}"),
        format!("  needs        {needs}"),
        format!("  panics       {panics}"),
        format!("  BLAKE3       {}", report.digest),
    ]
}

fn plugin_lines(plugin: &Plugin) -> Vec<String> {
    let Plugin { name, version, sdk, protocol, digest, warnings, .. } = plugin;
    let mut lines = vec![format!("  plugin       {} {}", plain(name), plain(version))];
    if digest.is_none() {
        lines.push(format!("  built with   {}", plain(sdk)));
        lines.push(format!("  protocol     {}.{}", protocol.0, protocol.1));
    }
    lines.extend(warnings.iter().map(|warning| format!("  warning      {}", plain(warning))));
    lines
}

fn as_json(
    origin: &str,
    file: Option<&FileReport>,
    plugin: Option<&Plugin>,
    kinds: Value,
) -> String {
    let file = file.map(|report| {
        json!({
            "sdk": report.sdk,
            "boundary": [report.version.0, report.version.1],
            "min-host-minor": report.min_host_minor,
            "panic-abort": report.panic_abort,
            "blake3": report.digest,
        })
    });
    let plugin = plugin.map(|plugin| {
        json!({
            "name": plugin.name,
            "version": plugin.version,
            "sdk": plugin.sdk,
            "protocol": [plugin.protocol.0, plugin.protocol.1],
            "warnings": plugin.warnings,
        })
    });
    let all = json!({
        "schema": "tribunal-plugin-info/1",
        "origin": origin,
        "file": file,
        "plugin": plugin,
        "kinds": kinds,
    });
    format!("{all:#}\n")
}
