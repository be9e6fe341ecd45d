//! Tests of the whole program, through the built binary.

mod arrows;
mod bad_data;
mod kill;
mod program;
mod schema;
mod terminal;
mod tree;
