//! Tests of the whole program, through the built binary.

mod program;
