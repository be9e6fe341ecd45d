//! The block of a recipe that asks a model file.

use std::path::Path;

use tribunal_models::import::{Card, ModelKind};

use crate::commands::init::{quoted, recipe_name};

/// The block, without a line end behind it. Paths of recipes start at the recipe's folder.
pub(super) fn block(card: &Card, gguf: &Path) -> String {
    let name = recipe_name(&card.name, "model");
    let bare = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-');
    let name = if name.chars().all(bare) { name } else { quoted(&name) };
    let (section, kind) = match card.kind {
        ModelKind::Reward => ("source", "llama.classifier"),
        ModelKind::Causal => ("generator", "llama.generator"),
    };
    let model = quoted(&gguf.display().to_string());
    format!("[{section}.{name}]\nkind = \"{kind}\"\nmodel = {model}")
}
