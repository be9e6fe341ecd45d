//! Model folders and files: weights, vocabularies, heads and chat templates, and their conversion to GGUF. Pure Rust; nothing here
//! runs a model.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bos;
mod checkpoint;
mod config;
mod date;
mod environment;
mod error;
mod files;
mod generation;
pub mod gguf;
pub mod head;
pub mod import;
pub mod info;
mod methods;
pub mod quantise;
mod template;
#[cfg(test)]
mod tests;
pub mod text_rules;
pub mod tiny;
mod tojson;
pub mod vocabulary;

pub use checkpoint::{Checkpoint, CheckpointError, Dtype, MOST_HEADER_BYTES, StoredTensor};
pub use config::{NamedTemplate, TokenizerConfig};
pub use date::{BadDate, Date};
pub use error::TemplateError;
pub use template::{ChatTemplate, Message};
