//! Tests of templates as models have them, of model folders, and against texts of another program.

mod families;
mod folders;
mod language;
mod reference;
