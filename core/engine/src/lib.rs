//! From a recipe to a report: plan, run, store and measure.
//!
//! Five steps, each a function of what came before it: [`recipe::Recipe::load`] reads text,
//! [`plan::Plan::resolve`] expands cells and checks settings, [`ready::Loaded::read`] reads items and
//! [`ready::Loaded::identify`] asks sources who they are, [`run::drive`] asks and stores, and
//! [`summary::summarise`] reads what is stored and measures it. Nothing flows back: reporters cannot touch a run,
//! suites do not know sources, sources never see gold, measures do not know plugins. Nothing here prints.

#![forbid(unsafe_code)]

pub mod ask;
pub mod cases;
mod closing;
pub mod digest;
pub mod estimate;
pub mod event;
pub mod fault;
pub mod lane;
pub mod measure;
mod opening;
pub mod panel;
pub mod plan;
pub mod present;
pub mod price;
pub mod probe;
pub mod ready;
pub mod recipe;
pub mod run;
pub mod store;
pub mod summary;
