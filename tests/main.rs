//! Tests of the whole program, through the built binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

mod arrows;
mod bad_data;
mod broken_recipes;
mod check_values;
mod composed;
mod estimates;
mod example_recipes;
mod kill;
mod model_command;
mod order_bias;
mod plugin_command;
mod plugin_runs;
mod program;
mod schema;
mod served;
mod servers;
mod terminal;
mod tree;
