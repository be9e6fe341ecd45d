//! Benchmarks of reward models: how their files are read, how an outcome is graded, how grades become a number.
//!
//! Published benchmarks: `rmb`, `rewardbench-2`, `rm-bench`, `judgebench`, `rewardbench`. Data of your own: `pairs` and
//! `best-of`, for any JSON, JSON lines, CSV or Parquet file with a field map. [`register`] makes all of them known
//! to a [`Registry`].

#![deny(missing_docs)]
#![forbid(unsafe_code)]

use tribunal_api::Registry;

mod best_of;
#[cfg(test)]
mod built;
mod columns;
mod folder;
mod judgebench;
#[cfg(test)]
mod measured;
mod nearest;
mod own_data;
mod pairs;
mod records;
mod rewardbench;
mod rewardbench2;
mod rm_bench;
mod rmb;
mod sharing;

/// Registers the suites of this crate.
pub fn register(registry: &mut Registry) {
    rmb::register(registry);
    rm_bench::register(registry);
    judgebench::register(registry);
    rewardbench::register(registry);
    rewardbench2::register(registry);
    pairs::register(registry);
    best_of::register(registry);
}
