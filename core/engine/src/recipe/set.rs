//! `--set key.path=value` options: entries put on top of the merged recipe.

use super::document::{Content, Node, value_node};
use super::{load, merge};
use crate::fault::{Fault, KeyPath, Part, Place, Placed, SourceFile, read_path};
use serde_json::Value;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::DeValue;

/// Puts every option on the tree, in order. Faults are drawn on a text named `--set` that holds one option a line.
pub(super) fn apply(mut tree: Node, sets: &[String]) -> (Node, Vec<Placed>) {
    let folder = load::absolute(Path::new("."));
    let text = Some(sets.join("\n"));
    let file = Arc::new(SourceFile { order: usize::MAX, shown: "--set".to_owned(), text, folder });
    let mut faults = Vec::new();
    let mut start = 0;
    for set in sets {
        let span = start..start + set.len();
        start = span.end + 1;
        match read(set, &span, &file) {
            Ok((path, node, found)) => {
                faults.extend(found);
                if let Err(at) = merge::put(&mut tree, path.segments(), node) {
                    let segment = &path.segments()[at];
                    let fault = Fault::new(
                        path.clone(),
                        format!("`{path}` names no entry: there is no `{segment}`"),
                    );
                    faults.push(placed(
                        fault.hint("give the whole list as the value"),
                        &file,
                        span,
                    ));
                }
            }
            Err(placed) => faults.push(*placed),
        }
    }
    (tree, faults)
}

type Read = (KeyPath, Node, Vec<Placed>);

fn read(set: &str, span: &Range<usize>, file: &Arc<SourceFile>) -> Result<Read, Box<Placed>> {
    let fail = |fault: Fault, span: Range<usize>| Box::new(placed(fault, file, span));
    let form = "write `--set key.path=value`";
    let (path, rest) = read_path(set).map_err(|reason| {
        let key = set.split('=').next().unwrap_or(set);
        let fault =
            Fault::new(KeyPath::root(), format!("`{key}` is not a key path: {reason}")).hint(form);
        fail(fault, span.start..span.start + key.len())
    })?;
    let Some(value) = rest.strip_prefix('=') else {
        let fault = Fault::new(KeyPath::root(), format!("`{set}` sets no value")).hint(form);
        return Err(fail(fault, span.clone()));
    };
    let key_span = span.start..span.start + set.len() - rest.len();
    if let Some(key @ ("extends" | "unset")) = path.key_at(0) {
        let fault = Fault::new(path.clone(), format!("`{key}` cannot be set on the command line"));
        return Err(fail(fault.hint("write it in the recipe"), key_span));
    }
    let text = value.trim();
    let start = span.end - value.trim_start().len();
    let value_span = start..start + text.len();
    let (mut node, faults) = match DeValue::parse(text) {
        Ok(value) => value_node(value, file, start, &path),
        // A text that opens a quote or a bracket is meant as TOML; anything else needs no quotes on a command line.
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => {
            let message = format!("`{text}` is not a TOML value: {}", error.message());
            return Err(fail(
                Fault::new(path, message).hint("check its quotes and brackets"),
                value_span,
            ));
        }
        Err(_) => {
            let place = Place { file: Arc::clone(file), key: None, value: Some(value_span) };
            (Node { content: Content::Scalar(Value::String(text.to_owned())), place }, Vec::new())
        }
    };
    node.place.key = Some(key_span);
    Ok((path, node, faults))
}

fn placed(fault: Fault, file: &Arc<SourceFile>, span: Range<usize>) -> Placed {
    let place = Place { file: Arc::clone(file), key: None, value: Some(span) };
    Placed { mark: Some(place.at(Part::Value)), fault, also: Vec::new() }
}
