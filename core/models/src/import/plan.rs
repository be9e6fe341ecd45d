//! What is going to be written: every tensor with its source, and what is left of the checkpoint.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::ImportError;
use super::config::{Family, ModelConfig};
use super::names::{self, Change, Rule};
use crate::Checkpoint;
use crate::head::HeadDescription;

/// What a conversion writes and reads.
pub(super) struct Plan {
    pub(super) tensors: Vec<Planned>,
    /// Tensors that no file of the checkpoint holds: name and numbers.
    pub(super) made: Vec<(&'static str, Vec<f32>)>,
    /// Tensors of the checkpoint that are used or known to be of no use.
    used: BTreeSet<String>,
    pub(super) notes: Vec<String>,
    /// How many numbers of the checkpoint are converted.
    pub(super) numbers: u64,
    /// What stands before the names of the model's own tensors.
    pub(super) prefix: String,
    path: PathBuf,
    class: String,
}

/// One tensor.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) source: String,
    pub(super) target: String,
    /// Rows and columns of the result; columns alone for norms and biases.
    pub(super) rows: u64,
    pub(super) columns: Option<u64>,
    /// For each row of the result its row in the source, where the order differs.
    pub(super) order: Option<Vec<u64>>,
    pub(super) change: Change,
}

/// Plans a conversion. Fails when tensors are missing or have another shape than the configuration asks for.
pub(super) fn plan(config: &ModelConfig, checkpoint: &Checkpoint) -> Result<Plan, ImportError> {
    let prefix = prefix_of(config, checkpoint)?;
    let mut plan = Plan {
        tensors: Vec::new(),
        made: Vec::new(),
        used: BTreeSet::new(),
        notes: config.notes.clone(),
        numbers: 0,
        prefix,
        path: checkpoint.origin().to_owned(),
        class: config.class.clone(),
    };
    let mut missing = BTreeSet::new();
    for rule in names::outer(config) {
        let source = format!("{}{}", plan.prefix, rule.source);
        plan.add(config, checkpoint, source, rule.target.to_owned(), &rule, &mut missing)?;
    }
    plan.output(config, checkpoint, &mut missing)?;
    let rules = names::layer(config);
    for layer in 0..config.layers {
        for rule in &rules {
            let source = format!("{}layers.{layer}.{}", plan.prefix, rule.source);
            let target = format!("blk.{layer}.{}", rule.target);
            plan.add(config, checkpoint, source, target, rule, &mut missing)?;
        }
    }
    if !missing.is_empty() {
        let tensors = missing.into_iter().collect();
        return Err(ImportError::Missing { path: plan.path, class: plan.class, tensors });
    }
    if let Some(divisors) = config.rope.divisors(config.head_width) {
        plan.made.push(("rope_freqs.weight", divisors));
    }
    if config.family == Family::Internlm2 && config.architecture() == "llama" {
        plan.notes.push("the architecture is written as `llama`, which computes the same and needs no output matrix".to_owned());
    }
    if let Some(factor) = config.query_factor() {
        plan.notes.push(format!(
            "queries are multiplied by {factor}, because llama.cpp takes the scale of attention from other keys than this model does"
        ));
    }
    Ok(plan)
}

/// What stands before `embed_tokens.weight`: `model.`, or more where the model is wrapped.
fn prefix_of(config: &ModelConfig, checkpoint: &Checkpoint) -> Result<String, ImportError> {
    let embedding = match config.family {
        Family::Internlm2 => "tok_embeddings.weight",
        _ => "embed_tokens.weight",
    };
    let ends = |name: &&str| {
        name.strip_suffix(embedding).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let found: Vec<&str> = checkpoint.tensors().map(|(name, _)| name).filter(ends).collect();
    match found[..] {
        [only] => Ok(only.strip_suffix(embedding).unwrap_or_default().to_owned()),
        [] => Err(ImportError::Missing {
            path: checkpoint.origin().to_owned(),
            class: config.class.clone(),
            tensors: vec![format!("model.{embedding}")],
        }),
        [..] => Err(ImportError::Unknown {
            path: checkpoint.origin().to_owned(),
            class: config.class.clone(),
            tensors: found.iter().skip(1).map(|name| (*name).to_owned()).collect(),
        }),
    }
}

impl Plan {
    fn add(
        &mut self,
        config: &ModelConfig,
        checkpoint: &Checkpoint,
        source: String,
        target: String,
        rule: &Rule,
        missing: &mut BTreeSet<String>,
    ) -> Result<(), ImportError> {
        let Some(stored) = checkpoint.tensor(&source) else {
            missing.insert(source);
            return Ok(());
        };
        if stored.shape != rule.shape {
            return Err(ImportError::Shape {
                path: self.path.clone(),
                tensor: source,
                wanted: rule.shape.clone(),
                found: stored.shape.clone(),
            });
        }
        if self.used.insert(source.clone()) {
            self.numbers += stored.count();
        }
        let order = names::rows(&rule.change, config);
        let rows = order.as_ref().map_or(rule.shape[0], |order| order.len() as u64);
        let columns = rule.shape.get(1).copied();
        self.tensors.push(Planned {
            source,
            target,
            rows,
            columns,
            order,
            change: rule.change.clone(),
        });
        Ok(())
    }

    /// The output matrix: written for language models whose embedding is another; of no use for others.
    fn output(
        &mut self,
        config: &ModelConfig,
        checkpoint: &Checkpoint,
        missing: &mut BTreeSet<String>,
    ) -> Result<(), ImportError> {
        let outside = self.prefix.strip_suffix("model.").unwrap_or_default().to_owned();
        let name =
            if config.family == Family::Internlm2 { "output.weight" } else { "lm_head.weight" };
        let source = format!("{outside}{name}");
        if config.is_causal() && !config.tied {
            if config.family == Family::Gemma2 {
                let keys = config.keys();
                return Err(keys.wrong("tie_word_embeddings", "true, as in every known Gemma 2"));
            }
            let shape = vec![config.vocabulary as u64, config.hidden];
            let rule = Rule { source: "", target: "output.weight", shape, change: Change::None };
            return self.add(
                config,
                checkpoint,
                source,
                "output.weight".to_owned(),
                &rule,
                missing,
            );
        }
        // llama.cpp wants the matrix of this one even where it is the embedding.
        if config.architecture() == "internlm2" {
            let mut rule = names::outer(config).swap_remove(0);
            rule.target = "output.weight";
            let embedding = format!("{}{}", self.prefix, rule.source);
            self.add(config, checkpoint, embedding, "output.weight".to_owned(), &rule, missing)?;
        }
        if checkpoint.tensor(&source).is_some() {
            let why = if config.tied {
                "the embedding is the output matrix"
            } else {
                "the class gives no tokens out"
            };
            self.notes.push(format!("`{source}` is left out: {why}"));
            self.used.insert(source);
        }
        Ok(())
    }

    /// Tensors of the checkpoint that are not part of the model: those of a head, and those that nobody knows.
    pub(super) fn rest<'a>(&self, checkpoint: &'a Checkpoint) -> Vec<&'a str> {
        // Frequencies that old files store and that follow from the configuration.
        let harmless = |name: &str| name.ends_with("rotary_emb.inv_freq");
        let names = checkpoint.tensors().map(|(name, _)| name);
        names.filter(|name| !self.used.contains(*name) && !harmless(name)).collect()
    }

    /// Fails when tensors are left that belong to nothing.
    pub(super) fn check_rest(
        &self,
        checkpoint: &Checkpoint,
        head: Option<&HeadDescription>,
    ) -> Result<(), ImportError> {
        let known = head.map(HeadDescription::tensors).unwrap_or_default();
        let rest = self.rest(checkpoint);
        let tensors: Vec<String> =
            rest.into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        if tensors.is_empty() {
            return Ok(());
        }
        Err(ImportError::Unknown { path: self.path.clone(), class: self.class.clone(), tensors })
    }
}
