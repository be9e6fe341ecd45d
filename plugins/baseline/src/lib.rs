//! Reward sources without a model: controls that any reward model must beat, and recorded answers.
//!
//! | kind | what it prefers |
//! |---|---|
//! | `baseline.length` | the longest or the shortest candidate |
//! | `baseline.position` | the candidate shown first or last |
//! | `baseline.constant` | nothing: one score for every candidate |
//! | `baseline.coin` | a candidate drawn from the question's seed |
//! | `baseline.recorded` | what a file of recorded scores, verdicts or rankings says |

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod coin;
mod constant;
mod length;
mod position;
mod recorded;

use tribunal_api::{Limits, Registry};

/// Registers all kinds of this crate.
pub fn register(registry: &mut Registry) {
    length::register(registry);
    position::register(registry);
    constant::register(registry);
    coin::register(registry);
    recorded::register(registry);
}

/// What sources that only compute can take: large batches, two of them at once.
fn computing() -> Limits {
    Limits { batch: 256, in_flight: 2, lane: None }
}
