//! Streaming tensors from a checkpoint into a GGUF file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::config::{Family, ModelConfig};
use super::names::Change;
use super::plan::{Plan, Planned};
use super::rope::Scaling;
use super::{ImportError, Progress, Step, WeightType, go_on};
use crate::Checkpoint;
use crate::gguf::{Finished, GgufWriter, PlannedTensor, TensorType, Value};
use crate::quantise::encode;
use crate::vocabulary::Vocabulary;

/// About how many numbers are converted at once.
const AT_ONCE: u64 = 1 << 20;

/// How every tensor is stored.
pub(super) struct Types {
    weights: WeightType,
    /// One per planned tensor, in the same order.
    kinds: Vec<TensorType>,
    pub(super) notes: Vec<String>,
}

impl Types {
    /// How many tensors of each type the file holds.
    pub(super) fn counts(&self, plan: &Plan) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let made = plan.made.iter().map(|_| &TensorType::F32);
        for kind in self.kinds.iter().chain(made) {
            *counts.entry(kind.to_string()).or_insert(0) += 1;
        }
        counts
    }
}

/// Chooses how every tensor is stored.
pub(super) fn types(config: &ModelConfig, plan: &Plan, weights: WeightType) -> Types {
    let tied =
        config.is_causal() && !plan.tensors.iter().any(|tensor| tensor.target == "output.weight");
    let mut uneven = Vec::new();
    let kinds = plan.tensors.iter().map(|tensor| {
        let Some(columns) = tensor.columns else { return TensorType::F32 };
        let is_output =
            tensor.target == "output.weight" || tied && tensor.target == "token_embd.weight";
        let kind = match weights {
            WeightType::Q4_0 if is_output => TensorType::Q8_0,
            other => other.tensor_type(),
        };
        if kind.bytes_of(columns).is_some() {
            return kind;
        }
        uneven.push(format!("`{}`", tensor.target));
        TensorType::F16
    });
    let kinds = kinds.collect();
    let notes = match uneven.len() {
        0 => Vec::new(),
        count => vec![format!(
            "{count} tensors are F16, because their rows do not fill blocks of 32: {}",
            uneven.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
        )],
    };
    Types { weights, kinds, notes }
}

/// Writes the GGUF file under a passing name.
#[allow(clippy::too_many_arguments)] // The parts of an import; a struct of them would be made and taken apart here alone.
pub(super) fn write(
    path: &Path,
    name: &str,
    config: &ModelConfig,
    plan: &Plan,
    vocabulary: &Vocabulary,
    types: &Types,
    checkpoint: &Checkpoint,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Finished, ImportError> {
    let mut metadata = metadata(name, config, types.weights)?;
    metadata.extend(vocabulary.metadata());
    let made = plan.made.iter().map(|(name, values)| PlannedTensor {
        name: (*name).to_owned(),
        dimensions: vec![values.len() as u64],
        kind: TensorType::F32,
    });
    let converted = plan.tensors.iter().zip(&types.kinds).map(|(tensor, kind)| PlannedTensor {
        name: tensor.target.clone(),
        dimensions: tensor.columns.into_iter().chain([tensor.rows]).collect(),
        kind: *kind,
    });
    let tensors: Vec<PlannedTensor> = made.chain(converted).collect();
    let mut writer = GgufWriter::create(path, &metadata, &tensors)?;
    let mut bytes = Vec::new();
    for (_, values) in &plan.made {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        writer.write(&bytes)?;
    }
    let total = tensors.iter().filter_map(PlannedTensor::bytes).sum();
    let mut done = 0;
    for (tensor, kind) in plan.tensors.iter().zip(&types.kinds) {
        let mut pieces = Pieces::new(checkpoint, tensor, config.head_width);
        while let Some(values) = pieces.next()? {
            bytes.clear();
            encode(values, *kind, &mut bytes)
                .map_err(|cause| ImportError::Unfit { tensor: tensor.source.clone(), cause })?;
            writer.write(&bytes)?;
            done += bytes.len() as u64;
            progress(Progress { step: Step::Convert, name: &tensor.target, done, total });
            go_on(stop)?;
        }
    }
    Ok(writer.ready()?)
}

/// The numbers of a tensor in the order of the result, some whole rows at a time.
struct Pieces<'a> {
    checkpoint: &'a Checkpoint,
    tensor: &'a Planned,
    columns: u64,
    /// Rows of one piece.
    rows: u64,
    next: u64,
    values: Vec<f32>,
    ordered: Vec<f32>,
}

impl<'a> Pieces<'a> {
    fn new(checkpoint: &'a Checkpoint, tensor: &'a Planned, head_width: u64) -> Self {
        let columns = tensor.columns.unwrap_or(1);
        // Rows change places inside a head only, so that a head's rows are one stretch of the source.
        let rows = if tensor.order.is_some() { head_width } else { (AT_ONCE / columns).max(1) };
        Self { checkpoint, tensor, columns, rows, next: 0, values: Vec::new(), ordered: Vec::new() }
    }

    fn next(&mut self) -> Result<Option<&[f32]>, ImportError> {
        let (first, last) = (self.next, (self.next + self.rows).min(self.tensor.rows));
        if first == last {
            return Ok(None);
        }
        self.next = last;
        self.values.clear();
        let size = self.columns as usize;
        let source = &self.tensor.source;
        let numbers = match &self.tensor.order {
            None => {
                let count = (last - first) as usize * size;
                self.checkpoint.read_values(
                    source,
                    first * self.columns,
                    count,
                    &mut self.values,
                )?;
                &mut self.values
            }
            Some(order) => {
                let order = &order[first as usize..last as usize];
                let start = order.iter().copied().min().unwrap_or(0);
                let count = order.len() * size;
                self.checkpoint.read_values(
                    source,
                    start * self.columns,
                    count,
                    &mut self.values,
                )?;
                self.ordered.clear();
                for row in order {
                    let at = (row - start) as usize * size;
                    self.ordered.extend_from_slice(&self.values[at..at + size]);
                }
                &mut self.ordered
            }
        };
        match self.tensor.change {
            Change::None | Change::Rotary { .. } | Change::Packed(_) => {}
            Change::PlusOne => numbers.iter_mut().for_each(|value| *value += 1.0),
            Change::Times(factor) => numbers.iter_mut().for_each(|value| *value *= factor),
        }
        Ok(Some(numbers))
    }
}

/// The keys that do not belong to the vocabulary.
fn metadata(
    name: &str,
    config: &ModelConfig,
    weights: WeightType,
) -> Result<Vec<(String, Value)>, ImportError> {
    let architecture = config.architecture();
    let mut keys: Vec<(String, Value)> = Vec::new();
    let mut general = |key: &str, value: Value| keys.push((format!("general.{key}"), value));
    general("architecture", architecture.into());
    general("type", "model".into());
    general("name", name.into());
    // Numbers of `enum llama_ftype`.
    let file_type: u32 = match weights {
        WeightType::F32 => 0,
        WeightType::F16 => 1,
        WeightType::Q4_0 => 2,
        WeightType::Q8_0 => 7,
    };
    general("file_type", file_type.into());
    general("quantization_version", 2.into());
    let mut add = |key: &str, value: Value| keys.push((format!("{architecture}.{key}"), value));
    // All are limited when they are read.
    let whole = |value: u64| Value::U32(value as u32);
    add("vocab_size", whole(config.vocabulary as u64));
    add("context_length", whole(config.context));
    add("embedding_length", whole(config.hidden));
    add("block_count", whole(config.layers));
    add("feed_forward_length", whole(config.feed_forward));
    add("attention.head_count", whole(config.heads));
    add("attention.head_count_kv", whole(config.kv_heads));
    add("attention.key_length", whole(config.head_width));
    add("attention.value_length", whole(config.head_width));
    add("attention.layer_norm_rms_epsilon", (config.epsilon as f32).into());
    add("rope.dimension_count", whole(config.head_width));
    add("rope.freq_base", (config.rope.base as f32).into());
    match config.rope.scaling {
        // llama.cpp takes Llama 3's scaling from a tensor.
        Scaling::None | Scaling::Llama3 { .. } => {}
        Scaling::Linear { factor } => {
            add("rope.scaling.type", "linear".into());
            add("rope.scaling.factor", (factor as f32).into());
        }
        Scaling::Yarn { factor, original, attention } => {
            add("rope.scaling.type", "yarn".into());
            add("rope.scaling.factor", (factor as f32).into());
            add("rope.scaling.original_context_length", whole(original));
            if attention != 1.0 {
                add("rope.scaling.attn_factor", (attention as f32).into());
            }
        }
    }
    if config.family == Family::Gemma2 {
        let cap = |key: &str, usual: f64| match config.raw.get(key) {
            Some(serde_json::Value::Null) => Err(config.keys().wrong(key, "a number")),
            _ => config.keys().number(key, usual),
        };
        add("attn_logit_softcapping", (cap("attn_logit_softcapping", 50.0)? as f32).into());
        add("final_logit_softcapping", (cap("final_logit_softcapping", 30.0)? as f32).into());
        if let Some(window) = config.window {
            add("attention.sliding_window", whole(window));
        }
    }
    Ok(keys)
}
