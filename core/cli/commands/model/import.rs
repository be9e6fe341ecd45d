//! `tribunal model import`: a model folder becomes files that llama.cpp reads.

use std::path::Path;

use serde_json::json;
use tribunal_models::head::HeadDescription;
use tribunal_models::import::{Card, ImportOptions, Labels, ModelKind, Outputs};

use super::convert::{convert, must_be_model};
use super::{snippet, words};
use crate::args::{HeadChoices, ModelImportArgs};
use crate::exit::{Exit, Failure, print, quoted_path};
use crate::render::plain;

/// Converts a folder and says what came of it.
pub(super) fn import(args: &ModelImportArgs) -> Result<Exit, Failure> {
    must_be_model(&args.folder)?;
    let options = options(args)?;
    let quiet = args.quiet || args.json;
    let (card, outputs) = convert(&args.folder, &args.out, &options, args.force, quiet)?;
    let text = if args.json {
        let head = card.head.is_some().then_some(&outputs.head);
        let all = json!({
            "schema": "tribunal-model-import/1",
            "gguf": outputs.gguf,
            "head": head,
            "card-file": outputs.card,
            "card": card,
            "recipe": snippet::block(&card, &outputs.gguf),
        });
        format!("{all:#}\n")
    } else {
        format!("{}{}", summary(&card, &outputs), next(&card, &outputs.gguf))
    };
    print(&text)?;
    Ok(Exit::Success)
}

fn options(args: &ModelImportArgs) -> Result<ImportOptions, Failure> {
    let HeadChoices { label, label_weights, activation, cost, prompt_end, description } =
        &args.head;
    let weighed = label_weights.as_ref().map(|weights| Labels::Weights(weights.clone()));
    Ok(ImportOptions {
        name: args.name.clone(),
        weights: args.weights.into(),
        labels: label.map(Labels::Index).or(weighed),
        activation: activation.map(Into::into),
        cost: *cost,
        prompt_end: prompt_end.clone(),
        head: description.as_deref().map(read_description).transpose()?,
        ..ImportOptions::default()
    })
}

fn read_description(path: &Path) -> Result<HeadDescription, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|cause| {
        let hint = "check the path that `--head` names";
        Failure::usage(format!("cannot read `{shown}`: {cause}"), hint)
    })?;
    serde_json::from_slice(&text).map_err(|cause| {
        Failure::usage(
            format!("`{shown}` describes no head: {}", plain(&cause.to_string())),
            "write it as docs/import.md shows; the card of another import holds an example",
        )
    })
}

/// The files, and what is in them.
pub(super) fn summary(card: &Card, outputs: &Outputs) -> String {
    let what = match card.kind {
        ModelKind::Causal => "a language model",
        ModelKind::Reward => "a reward model",
    };
    let file = |path: &Path, index: usize| {
        let bytes = card.outputs.get(index).map_or(0, |output| output.bytes);
        format!("{}, {}", quoted_path(path), words::size(bytes))
    };
    let mut facts = vec![("model", file(&outputs.gguf, 0))];
    if let Some(head) = &card.head {
        facts.push(("head", file(&outputs.head, 1)));
        facts.push(("", words::head(head)));
    }
    facts.push(("card", quoted_path(&outputs.card)));
    facts.push((
        "architecture",
        format!(
            "{}, {} parameters, hidden states of {}, texts of up to {} tokens",
            card.architecture,
            words::grouped(card.parameters),
            words::grouped(card.hidden),
            words::grouped(card.context)
        ),
    ));
    facts.push(("tensors", words::tensors(&card.tensors)));
    let tokenizer = &card.tokenizer;
    let rules = words::tokenizer(
        &tokenizer.model,
        &tokenizer.pre,
        tokenizer.normalizer,
        tokenizer.space_prefix,
    );
    facts.push(("vocabulary", format!("{} tokens; {rules}", words::grouped(tokenizer.tokens))));
    let template = if card.chat_template.is_some() { "in the model file" } else { "none" };
    facts.push(("chat template", template.to_owned()));
    if let Some(model) = card.outputs.first() {
        facts.push(("BLAKE3", model.blake3.clone()));
    }
    facts.extend(card.notes.iter().map(|note| ("note", plain(note))));
    let (name, class) = (plain(&card.name), plain(&card.class));
    format!("imported {name}, {what} of the class {class}\n{}", words::lines(&facts))
}

/// What a recipe says to ask the model, and how to look at it.
pub(super) fn next(card: &Card, gguf: &Path) -> String {
    let block = snippet::block(card, gguf).replace('\n', "\n    ");
    let then = match card.kind {
        ModelKind::Reward => "tribunal source check RECIPE   # what it reads, and known pairs",
        ModelKind::Causal => {
            "tribunal show judge            # a judge is a prompt over a generator"
        }
    };
    format!(
        "in a recipe, whose folder paths start at:\n    {block}\nnext:\n    tribunal model info {}\n    {then}\n",
        quoted_path(gguf)
    )
}
