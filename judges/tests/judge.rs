//! The kind `judge` over generators that say what a test tells them to.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

#[path = "judge/abstentions.rs"]
mod abstentions;
#[path = "judge/asking.rs"]
mod asking;
#[path = "judge/readouts.rs"]
mod readouts;
#[path = "judge/scripted.rs"]
mod scripted;
#[path = "judge/settings.rs"]
mod settings;
#[path = "judge/steps.rs"]
mod steps;
