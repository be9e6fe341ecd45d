//! Tests of templates as models have them, of model folders, of files, and against texts of another program.

mod checkpoint;
mod families;
mod folders;
mod gguf;
mod heads;
mod imports;
mod language;
mod reference;
mod refusals;
mod tinies;
