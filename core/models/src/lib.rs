//! What model folders say about how a model is to be fed: tokenizer settings and chat templates. Pure Rust, no weights.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bos;
mod config;
mod date;
mod environment;
mod error;
mod generation;
mod methods;
mod template;
#[cfg(test)]
mod tests;
mod tojson;

pub use config::{NamedTemplate, TokenizerConfig};
pub use date::{BadDate, Date};
pub use error::TemplateError;
pub use template::{ChatTemplate, Message};
