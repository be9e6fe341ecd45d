//! Settings that all kinds of this crate share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::SourceError;

use crate::ffi::{Context, ContextError, Kv, LoadError, Loading, Model, Shape, offloads};
use crate::file::ModelFile;
use crate::threads::free_cores;

/// How numbers are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A question gives the same bits alone and among others: no flash attention, a cache of its own for each text, in 32 bits.
    #[default]
    Exact,
    /// Flash attention where it is faster, one cache in 16 bits for all texts. Results may differ in the last digits from run to run.
    Fast,
}

impl Mode {
    /// As it stands in results.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Exact => "exact",
            Mode::Fast => "fast",
        }
    }
}

/// What becomes of a text that is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Truncation {
    /// An abstention, `too-long`.
    #[default]
    None,
    /// Its beginning is left out, but for the begin token.
    Left,
    /// Its end is left out.
    Right,
}

/// Where and with how much a model computes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Compute {
    /// Computing threads. Default: physical cores that are free when the model is loaded.
    #[schemars(range(min = 1, max = 512))]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub threads: Option<usize>,
    /// Layers on the accelerator. Default: all, where this build has one.
    pub gpu_layers: Option<u32>,
    /// Devices by name, such as `CUDA0`; layers are spread over them. Default: all accelerators.
    pub devices: Vec<String>,
    /// Map the file into memory instead of reading it.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub memory_map: bool,
    /// Keep the weights from being swapped out.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub lock: bool,
}

impl Default for Compute {
    fn default() -> Self {
        Self { threads: None, gpu_layers: None, devices: Vec::new(), memory_map: true, lock: false }
    }
}

/// Rows that are computed at once, where they take no longer than the following.
const ROWS: usize = 512;
/// Multiplications of one product by one thread: 0.15 s of a core with AVX2 (21e9 a second measured in F32).
const PRODUCTS: usize = 3_000_000_000;
/// The same for the product with the vocabulary, which is many times as large: 0.5 s.
const LAST_PRODUCTS: usize = 10_000_000_000;
/// The most tokens of a text by default; fewer where the model was trained on fewer.
const CONTEXT: u32 = 8192;

/// What a context is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// `context`.
    pub context: Option<u32>,
    /// Texts side by side.
    pub sequences: usize,
    /// The most rows with an output at once.
    pub outputs: usize,
    pub mode: Mode,
}

impl Compute {
    /// Loads a model.
    pub(crate) fn load(&self, file: &ModelFile) -> Result<Arc<Model>, SourceError> {
        let loading = Loading {
            gpu_layers: self.gpu_layers,
            devices: self.devices.clone(),
            map: self.memory_map,
            lock: self.lock,
        };
        Ok(Arc::new(Model::load(file.first(), &loading)?))
    }

    /// The most tokens of a text.
    fn tokens(&self, model: &Model, context: Option<u32>) -> usize {
        context.unwrap_or(model.trained_context().clamp(1, CONTEXT)) as usize
    }

    /// What the cache of one text takes, in bytes.
    pub(crate) fn cache_bytes(&self, model: &Model, context: Option<u32>, mode: Mode) -> u64 {
        let number = match mode {
            Mode::Exact => 4,
            Mode::Fast => 2,
        };
        number * model.cached_numbers() * self.tokens(model, context) as u64
    }

    /// Makes a context for a loaded model.
    pub(crate) fn context(
        &self,
        model: &Arc<Model>,
        wanted: Wanted,
        abort: Arc<AtomicBool>,
    ) -> Result<Context, SourceError> {
        let context = self.tokens(model, wanted.context);
        let fast = wanted.mode == Mode::Fast;
        let rank = model.is_encoder();
        let trained = model.trained_context() as usize;
        if rank && context > trained {
            return Err(SourceError::Broken {
                message: format!("`context` is {context}, and the encoder knows {trained} places"),
            });
        }
        let threads = self.threads.unwrap_or_else(free_cores);
        // Work is given up between two products: none may take long.
        let (rows, outputs) = match offloads() {
            true => (ROWS, wanted.outputs),
            false => {
                let within = |products, each| rows_within(products, threads, each);
                let inner = model.width() * model.inner_width();
                let last = model.width() * model.vocabulary();
                (ROWS.min(within(PRODUCTS, inner)), wanted.outputs.min(within(LAST_PRODUCTS, last)))
            }
        };
        let shape = Shape {
            context,
            sequences: wanted.sequences,
            // Encoders read a text at once.
            rows: if rank { context } else { rows.min(context).max(4).max(wanted.sequences) },
            outputs: outputs.max(4).max(wanted.sequences),
            // Where the processor computes, many short sums of one row each are no work for it.
            flash: fast && (wanted.sequences == 1 || offloads()),
            unified: fast,
            kv: if fast { Kv::F16 } else { Kv::F32 },
            threads,
            rank,
            gelu: !fast,
        };
        Ok(Context::new(model.clone(), shape, abort)?)
    }
}

/// Rows of a product with `each` multiplications a row that threads compute within `products` multiplications each, at least 16.
fn rows_within(products: usize, threads: usize, each: usize) -> usize {
    (products.saturating_mul(threads.max(1)) / each.max(1)).max(16)
}

impl From<LoadError> for SourceError {
    fn from(error: LoadError) -> Self {
        SourceError::Broken { message: error.to_string() }
    }
}

impl From<ContextError> for SourceError {
    fn from(error: ContextError) -> Self {
        SourceError::Broken { message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_models_are_computed_in_fewer_rows() {
        // 0.5B: 896 x 4864, and a vocabulary of 151,936.
        assert!(rows_within(PRODUCTS, 1, 896 * 4864) > ROWS);
        assert_eq!(rows_within(LAST_PRODUCTS, 1, 896 * 151_936), 73);
        // 8B on two threads: 4096 x 14336.
        assert_eq!(rows_within(PRODUCTS, 2, 4096 * 14_336), 102);
        assert_eq!(rows_within(PRODUCTS, 1, usize::MAX), 16);
    }
}
