//! `tribunal model info`: what model files and folders are.

use std::path::Path;

use serde_json::{Map, Value, json};
use tribunal_models::info::{Form, digest};

use super::facts::{Found, Model, Tokenizer, look};
use super::{failure, words};
use crate::args::ModelInfoArgs;
use crate::exit::{Exit, Failure, print, quoted_path};
use crate::progress::Bytes;
use crate::render::plain;

/// Shows every path; one that cannot be read does not hide the others.
pub(super) fn info(args: &ModelInfoArgs) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    let mut all = Vec::new();
    let mut first = true;
    for path in &args.paths {
        let shown = look(path).and_then(|found| Ok((digest_of(path, args)?, found)));
        let (digest, mut found) = match shown {
            Ok(shown) => shown,
            Err(failure) => {
                failure.print();
                exit = failure.exit;
                continue;
            }
        };
        if let Found::Model(model) = &mut found {
            compare_with_card(model, digest.as_deref());
        }
        if args.json {
            all.push(as_json(&found, digest.as_deref(), args.template));
            continue;
        }
        let gap = if first { "" } else { "\n" };
        print(&format!("{gap}{}", as_text(&found, digest.as_deref(), args.template)))?;
        first = false;
    }
    if args.json {
        print(&format!("{:#}\n", json!({ "schema": "tribunal-model-info/1", "models": all })))?;
    }
    Ok(exit)
}

fn digest_of(path: &Path, args: &ModelInfoArgs) -> Result<Option<String>, Failure> {
    if args.no_digest {
        return Ok(None);
    }
    let mut bytes = Bytes::new(args.quiet || args.json);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let total =
        path.metadata().map_or(0, |metadata| if path.is_dir() { 0 } else { metadata.len() });
    let mut done = 0;
    let digest = digest(path, &mut |more| {
        done += more;
        bytes.at("digesting", &name, done, total.max(done));
    });
    digest.map(Some).map_err(|error| failure::of_info(&error))
}

/// Warns where the card beside a file is that of another.
fn compare_with_card(model: &mut Model, digest: Option<&str>) {
    let Some(output) = model.card.as_ref().and_then(|card| card.outputs.first()) else { return };
    let differs = match digest {
        Some(digest) => digest != output.blake3,
        None => model.info.bytes != output.bytes,
    };
    if differs {
        let warning = "the card beside the file is of another file: import the model again";
        model.warnings.push(warning.to_owned());
    }
}

fn as_text(found: &Found, digest: Option<&str>, whole: bool) -> String {
    let (head, mut facts) = match found {
        Found::Head { path, bytes, description } => {
            let hidden = words::grouped(description.hidden as u64);
            let facts = vec![
                ("head", words::head(description)),
                ("reads", format!("hidden states of {hidden}")),
            ];
            let size = words::size(*bytes);
            (format!("{}: head of a reward model, {size}", quoted_path(path)), facts)
        }
        Found::Model(model) => of_model(model),
    };
    facts.extend(digest.map(|digest| ("BLAKE3", digest.to_owned())));
    if let Found::Model(model) = found {
        let notes = model.card.iter().flat_map(|card| &card.notes);
        facts.extend(notes.map(|note| ("note", plain(note))));
        facts.extend(model.warnings.iter().map(|warning| ("warning", plain(warning))));
    }
    let mut text = format!("{head}\n{}", words::lines(&facts));
    if let Found::Model(model) = found
        && whole
    {
        for (name, template) in &model.templates {
            let lines: Vec<String> = template.lines().map(plain).collect();
            text.push_str(&format!("chat template `{}`:\n{}\n", plain(name), lines.join("\n")));
        }
    }
    text
}

/// The first line, and the facts below it.
fn of_model(model: &Model) -> (String, Vec<(&'static str, String)>) {
    let info = &model.info;
    let form = match info.form {
        Form::Gguf => "GGUF file",
        Form::Folder => "folder of transformers",
    };
    let unknown = || "not said".to_owned();
    let tokens = |count: Option<u64>| count.map_or_else(unknown, words::grouped);
    let mut facts = Vec::new();
    let class = info.class.as_ref().or(model.card.as_ref().map(|card| &card.class));
    let mut architecture = info.architecture.as_deref().map_or_else(unknown, plain);
    if let Some(class) = class {
        architecture.push_str(&format!(" ({})", plain(class)));
    }
    facts.push(("architecture", architecture));
    if let Some(name) = &info.name {
        facts.push(("name", plain(name)));
    }
    let tensors = words::tensors(&info.tensors);
    facts.push(("parameters", format!("{} ({tensors})", words::grouped(info.parameters))));
    facts.push(("hidden state", tokens(info.hidden)));
    facts.push(("longest text", format!("{} tokens", tokens(info.context))));
    let mut vocabulary = format!("{} tokens", tokens(info.vocabulary));
    if let Some(Tokenizer { model, pre, normalizer, space_prefix, .. }) = &model.tokenizer {
        let rules = words::tokenizer(model, pre, *normalizer, *space_prefix);
        vocabulary.push_str(&format!("; {rules}"));
    }
    facts.push(("vocabulary", vocabulary));
    if let Some(tokenizer) = &model.tokenizer {
        facts.push(("special tokens", roles(tokenizer)));
    }
    facts.push(("chat template", templates(model)));
    match (info.form, &info.head, &model.head) {
        (_, Some(path), Some(head)) => {
            facts.push(("head", format!("{}: {}", quoted_path(path), words::head(head))));
        }
        (Form::Gguf, None, _) => facts.push(("head", "none beside the file".to_owned())),
        _ => {}
    }
    if let Some(path) = &info.card {
        facts.push(("card", quoted_path(path)));
    }
    let head = format!("{}: {form}, {}", quoted_path(&info.path), words::size(info.bytes));
    (head, facts)
}

fn roles(tokenizer: &Tokenizer) -> String {
    let each = tokenizer.roles.iter().map(|role| {
        let added = match role.role {
            "begin" if tokenizer.add_bos => ", before each text",
            "end" if tokenizer.add_eos => ", behind each text",
            _ => "",
        };
        format!("{} `{}` ({}{added})", role.role, plain(&role.text), role.id)
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

fn templates(model: &Model) -> String {
    let each = model.templates.iter().map(|(name, text)| {
        let characters = words::some(text.chars().count(), "character");
        let lines = words::some(text.lines().count(), "line");
        let digest = digest_of_text(text);
        format!("`{}`, {characters} in {lines}, BLAKE3 {}", plain(name), &digest[..16])
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join("; ") }
}

fn digest_of_text(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn as_json(found: &Found, digest: Option<&str>, whole: bool) -> Value {
    match found {
        Found::Head { path, bytes, description } => json!({
            "path": path,
            "form": "head",
            "bytes": bytes,
            "head": description,
            "blake3": digest,
        }),
        Found::Model(model) => {
            let mut all = match serde_json::to_value(&model.info) {
                Ok(Value::Object(all)) => all,
                _ => Map::new(),
            };
            let templates = model.templates.iter().map(|(name, text)| {
                let mut template = json!({
                    "name": name,
                    "characters": text.chars().count(),
                    "blake3": digest_of_text(text),
                });
                if whole {
                    template["text"] = text.as_str().into();
                }
                template
            });
            all.insert("templates".to_owned(), templates.collect());
            all.insert("tokenizer".to_owned(), json!(model.tokenizer));
            all.insert("head-description".to_owned(), json!(model.head));
            all.insert("blake3".to_owned(), json!(digest));
            all.insert("warnings".to_owned(), json!(model.warnings));
            all.remove("template");
            Value::Object(all)
        }
    }
}
