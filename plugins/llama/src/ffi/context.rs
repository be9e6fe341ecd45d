//! One context: a cache of what was read, and the computing of more.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use llama_cpp_sys_2 as sys;

use super::backend::complaints;
use super::model::Model;
use super::{exit, gelu};

/// The most sequences that llama.cpp keeps apart.
const MOST_SEQUENCES: usize = 256;

/// Numbers of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kv {
    F32,
    F16,
}

/// How a context computes, and how much it holds.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Tokens of one sequence.
    pub context: usize,
    /// Sequences side by side.
    pub sequences: usize,
    /// Tokens computed at once.
    pub rows: usize,
    /// The most of them whose output is kept.
    pub outputs: usize,
    /// Flash attention.
    pub flash: bool,
    /// One cache for all sequences instead of one each.
    pub unified: bool,
    /// Numbers of the cache.
    pub kv: Kv,
    /// Computing threads.
    pub threads: usize,
    /// Pool by the head inside the file (encoders).
    pub rank: bool,
    /// Compute gated GELUs in 32 bits instead of 16.
    pub gelu: bool,
}

/// One token to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id.
    pub token: u32,
    /// Its place in the sequence, from 0.
    pub at: usize,
    /// The sequence, from 0.
    pub sequence: usize,
    /// Whether its output is wanted.
    pub output: bool,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// All rows are in the cache.
    Whole,
    /// It was aborted: which rows are in the cache is not known, forget their sequences.
    Aborted,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContextError {
    /// There is no memory, or the model does not fit these settings.
    #[error("llama.cpp cannot make a context of {tokens} tokens: {said}")]
    Create {
        /// All sequences together.
        tokens: usize,
        /// What it complained about.
        said: String,
    },
    /// A precondition does not hold: a mistake of this crate.
    #[error("the batch for llama.cpp is wrong: {0}")]
    Batch(String),
    /// llama.cpp failed.
    #[error("llama.cpp failed to compute (code {code}): {said}")]
    Failed {
        /// Its code.
        code: i32,
        /// What it complained about.
        said: String,
    },
}

/// A context and the model that it belongs to. Used by one thread at a time.
pub(crate) struct Context {
    raw: *mut sys::llama_context,
    model: Arc<Model>,
    shape: Shape,
    /// Read by llama.cpp between operations; its address stays.
    abort: Arc<AtomicBool>,
    embeddings: bool,
    /// A batch was computed: nothing is used for the first time any more.
    warm: bool,
    /// Outputs of the latest batch by row.
    outputs: Vec<bool>,
    rows: Rows,
}

// SAFETY: the context belongs to nobody else; llama.cpp binds it to no thread.
unsafe impl Send for Context {}

/// Memory of a batch, reused.
#[derive(Default)]
struct Rows {
    tokens: Vec<i32>,
    places: Vec<i32>,
    counts: Vec<i32>,
    sequences: Vec<i32>,
    lists: Vec<*mut i32>,
    outputs: Vec<i8>,
}

/// Contexts are made one at a time: making one writes to its model.
static MAKING: Mutex<()> = Mutex::new(());

impl Context {
    /// A context of this shape. `abort` ends what is being computed once it is set.
    pub(crate) fn new(
        model: Arc<Model>,
        shape: Shape,
        abort: Arc<AtomicBool>,
    ) -> Result<Self, ContextError> {
        let tokens = shape.context.saturating_mul(shape.sequences);
        let create = |said: String| ContextError::Create { tokens, said };
        if shape.sequences == 0 || shape.sequences > MOST_SEQUENCES {
            return Err(create(format!("{} sequences, 1 to 256 are possible", shape.sequences)));
        }
        if shape.rows < shape.sequences {
            return Err(create(format!("{} rows for {} sequences", shape.rows, shape.sequences)));
        }
        if shape.context == 0 || tokens > i32::MAX as usize / 2 || shape.rows == 0 {
            return Err(create("the number of tokens is out of range".to_owned()));
        }
        // SAFETY: no arguments.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = tokens as u32;
        params.n_batch = shape.rows as u32;
        params.n_ubatch = shape.rows as u32;
        params.n_seq_max = shape.sequences as u32;
        // The library ends the process when there are fewer outputs than sequences, or than rows of an encoder.
        let outputs = if shape.rank { shape.rows } else { shape.outputs.max(shape.sequences) };
        params.n_outputs_max = outputs.min(shape.rows) as u32;
        params.n_threads = shape.threads.max(1) as i32;
        params.n_threads_batch = params.n_threads;
        params.flash_attn_type = match shape.flash {
            true => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
            false => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        params.kv_unified = shape.unified;
        params.type_k = match shape.kv {
            Kv::F32 => sys::GGML_TYPE_F32,
            Kv::F16 => sys::GGML_TYPE_F16,
        };
        params.type_v = params.type_k;
        // Windows are computed by the mask: a prefix can then be kept whatever came after it.
        params.swa_full = true;
        params.no_perf = true;
        params.embeddings = shape.rank;
        params.pooling_type = match shape.rank {
            true => sys::LLAMA_POOLING_TYPE_RANK,
            false => sys::LLAMA_POOLING_TYPE_NONE,
        };
        if shape.gelu {
            (params.cb_eval, params.cb_eval_user_data) = gelu::callback(shape.threads);
        }
        params.abort_callback = Some(aborted);
        params.abort_callback_data = Arc::as_ptr(&abort).cast_mut().cast::<c_void>();
        complaints();
        // SAFETY: the model lives as long as the context holds it; the flag likewise.
        let raw = {
            let _inside = exit::enter();
            let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
            unsafe { sys::llama_init_from_model(model.pointer(), params) }
        };
        if raw.is_null() {
            return Err(create(complaints()));
        }
        let embeddings = shape.rank;
        Ok(Self {
            raw,
            model,
            shape,
            abort,
            embeddings,
            warm: false,
            outputs: Vec::new(),
            rows: Rows::default(),
        })
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// From the next batch on, whether hidden states are the output instead of logits.
    pub(crate) fn give_hidden_states(&mut self, wanted: bool) {
        if self.embeddings != wanted {
            // SAFETY: a context that lives.
            unsafe { sys::llama_set_embeddings(self.raw, wanted) };
            self.embeddings = wanted;
        }
    }

    /// Reads rows. Those of one sequence stand in order.
    pub(crate) fn decode(&mut self, batch: &[Row]) -> Result<Decoded, ContextError> {
        self.check(batch)?;
        let rows = &mut self.rows;
        rows.tokens.clear();
        rows.places.clear();
        rows.sequences.clear();
        rows.outputs.clear();
        self.outputs.clear();
        for row in batch {
            rows.tokens.push(row.token.cast_signed());
            rows.places.push(row.at as i32);
            rows.sequences.push(row.sequence as i32);
            let output = row.output || self.embeddings;
            rows.outputs.push(i8::from(output));
            self.outputs.push(output);
        }
        rows.counts.clear();
        rows.counts.resize(batch.len(), 1);
        rows.lists.clear();
        rows.lists.extend(rows.sequences.iter_mut().map(std::ptr::from_mut));
        let lent = sys::llama_batch {
            n_tokens: batch.len() as i32,
            token: rows.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: rows.places.as_mut_ptr(),
            n_seq_id: rows.counts.as_mut_ptr(),
            seq_id: rows.lists.as_mut_ptr(),
            logits: rows.outputs.as_mut_ptr(),
        };
        complaints();
        let inside = exit::enter();
        // SAFETY: all arrays have one entry a row and live during the call; ids, places and counts were checked.
        let code = unsafe { sys::llama_decode(self.raw, lent) };
        if !std::mem::replace(&mut self.warm, true) {
            exit::watch();
        }
        drop(inside);
        match code {
            0 => Ok(Decoded::Whole),
            2 => Ok(Decoded::Aborted),
            _ if self.abort.load(Ordering::Relaxed) => Ok(Decoded::Aborted),
            1 => Err(ContextError::Batch("there is no room for it in the cache".to_owned())),
            code => Err(ContextError::Failed { code, said: complaints() }),
        }
    }

    fn check(&self, batch: &[Row]) -> Result<(), ContextError> {
        let wrong = |what: String| Err(ContextError::Batch(what));
        if batch.is_empty() || batch.len() > self.shape.rows {
            return wrong(format!("{} rows, at most {} fit", batch.len(), self.shape.rows));
        }
        let vocabulary = self.model.vocabulary();
        for row in batch {
            if row.token as usize >= vocabulary {
                return wrong(format!("token {} of a vocabulary of {vocabulary}", row.token));
            }
            if row.sequence >= self.shape.sequences {
                return wrong(format!("sequence {} of {}", row.sequence, self.shape.sequences));
            }
            if row.at >= self.shape.context {
                return wrong(format!("place {} of {}", row.at, self.shape.context));
            }
        }
        let outputs = match self.embeddings {
            true => batch.len(),
            false => batch.iter().filter(|row| row.output).count(),
        };
        if !self.shape.rank && outputs > self.shape.outputs {
            return wrong(format!("{outputs} outputs, at most {} fit", self.shape.outputs));
        }
        Ok(())
    }

    /// The logits after this row of the latest batch, one a token of the vocabulary.
    pub(crate) fn logits(&self, row: usize) -> Result<&[f32], ContextError> {
        if self.embeddings {
            return Err(ContextError::Batch("hidden states are the output".to_owned()));
        }
        self.output(row, self.model.vocabulary(), |raw, row| {
            // SAFETY: a context that lives, and a row whose output was asked for.
            unsafe { sys::llama_get_logits_ith(raw, row) }
        })
    }

    /// The hidden state after the final norm at this row of the latest batch.
    pub(crate) fn hidden(&self, row: usize) -> Result<&[f32], ContextError> {
        if !self.embeddings {
            return Err(ContextError::Batch("logits are the output".to_owned()));
        }
        self.output(row, self.model.width(), |raw, row| {
            // SAFETY: as above.
            unsafe { sys::llama_get_embeddings_ith(raw, row) }
        })
    }

    fn output(
        &self,
        row: usize,
        count: usize,
        get: impl Fn(*mut sys::llama_context, i32) -> *mut f32,
    ) -> Result<&[f32], ContextError> {
        if self.outputs.get(row) != Some(&true) {
            return Err(ContextError::Batch(format!("row {row} has no output")));
        }
        let start = get(self.raw, row as i32);
        if start.is_null() {
            return Err(ContextError::Failed { code: 0, said: complaints() });
        }
        // SAFETY: llama.cpp holds so many numbers a row until the next batch, and that needs `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(start, count) })
    }

    /// The raw outputs of the head inside the file for a sequence of the latest batch (encoders).
    pub(crate) fn pooled(&self, sequence: usize) -> Result<&[f32], ContextError> {
        if !self.shape.rank || sequence >= self.shape.sequences {
            return Err(ContextError::Batch(format!("sequence {sequence} is not pooled")));
        }
        // SAFETY: a context that lives, and a sequence in range.
        let start = unsafe { sys::llama_get_embeddings_seq(self.raw, sequence as i32) };
        if start.is_null() {
            return Err(ContextError::Batch(format!("sequence {sequence} was not read")));
        }
        // SAFETY: one number a label until the next batch.
        Ok(unsafe { std::slice::from_raw_parts(start, self.model.labels().max(1)) })
    }

    /// Forgets a sequence from this place on. False when the model cannot forget a part: all of it is then forgotten.
    pub(crate) fn forget(&mut self, sequence: usize, from: usize) -> bool {
        if sequence >= self.shape.sequences {
            return false;
        }
        let from = i32::try_from(from).unwrap_or(i32::MAX);
        // SAFETY: a context that lives, and a sequence in range.
        unsafe {
            let memory = sys::llama_get_memory(self.raw);
            if memory.is_null() || sys::llama_memory_seq_rm(memory, sequence as i32, from, -1) {
                return true;
            }
            sys::llama_memory_seq_rm(memory, sequence as i32, -1, -1);
        }
        false
    }

    /// Makes one sequence a copy of another.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        let known = from < self.shape.sequences && to < self.shape.sequences;
        if !known || from == to {
            return;
        }
        // SAFETY: a context that lives, sequences in range, and whole sequences, as a split cache wants it.
        unsafe {
            let memory = sys::llama_get_memory(self.raw);
            if !memory.is_null() {
                sys::llama_memory_seq_rm(memory, to as i32, -1, -1);
                sys::llama_memory_seq_cp(memory, from as i32, to as i32, -1, -1);
            }
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let _inside = exit::enter();
        // SAFETY: made by `llama_init_from_model`, ended once, before its model.
        unsafe { sys::llama_free(self.raw) };
    }
}

unsafe extern "C" fn aborted(flag: *mut c_void) -> bool {
    // SAFETY: the flag that the context holds.
    exit::is_exiting()
        || unsafe { (*flag.cast_const().cast::<AtomicBool>()).load(Ordering::Relaxed) }
}
