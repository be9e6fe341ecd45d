//! llama.cpp behind checks: all `unsafe` of this crate.
//!
//! Model and vocabulary are llama-cpp-2's. The context is made and driven here, because that crate has neither the
//! embeddings switch nor the abort callback, and because several of its safe calls can abort the process: every precondition is
//! checked before the call (batch size, context, sequence and token ids, outputs).
#![allow(unsafe_code)]

mod backend;
mod context;
mod exit;
mod gelu;
mod model;

pub(crate) use backend::offloads;
pub(crate) use context::{Context, ContextError, Decoded, Kv, Row, Shape};
pub(crate) use model::{LoadError, Loading, Model, to_llama as token};
