//! Generative judges: a prompt and a readout over any generator, described in TOML.
//!
//! One kind, `judge`. A *prompt* (`prompts/*.toml`, or a file of your own) holds the turns that a model is sent and says what
//! a verdict looks like; a *readout* says what is asked for (a letter, a number, a JSON object, the probability of a label);
//! a *parse* says how exactly the reply must match. `docs/judges.md` is the reference of prompt files.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod builtin;
pub mod fence;
mod judge;
pub mod logprob;
pub mod prompt;
mod transcript;
pub mod verdict;

/// Registers the kind `judge`.
pub fn register(registry: &mut tribunal_api::Registry) {
    judge::register(registry);
}
