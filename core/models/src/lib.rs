//! What model folders say about how a model is to be fed: tokenizer settings and chat templates. Pure Rust, no weights.

#![deny(missing_docs)]
#![forbid(unsafe_code)]
