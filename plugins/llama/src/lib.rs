//! Generators, classifiers and likelihoods on llama.cpp, in process.
//!
//! One thread owns a model with its context (`worker`); questions wait there in the order of a walk over the tree of their tokens
//! (`order`), so that a common front is computed once (`reading`).

#![deny(missing_docs)]

mod classifier;
mod dialogue;
mod ffi;
mod file;
mod generator;
mod likelihood;
mod logprob;
mod memory;
mod order;
mod reading;
mod settings;
mod threads;
mod ticket;
mod worker;

/// Registers the kinds of this crate.
pub fn register(registry: &mut tribunal_api::Registry) {
    generator::register(registry);
    classifier::register(registry);
    likelihood::register(registry);
}

tribunal_api::export_plugin!(register);
