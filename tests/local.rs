//! Models on this machine: the library of `plugins/llama` as it is shipped, in the built program. Without the library these tests are skipped.

mod damaged;
mod interrupted;
mod refused;
mod shipped;
mod stopped;

use std::path::PathBuf;

use crate::program::{Program, root};

/// The library, where `make plugins` has put it.
fn library() -> Option<PathBuf> {
    let names = ["libtribunal_llama.so", "libtribunal_llama.dylib"];
    let folder = root().join("target/plugins");
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: there is no library in `target/plugins`; `make plugins` builds it");
    }
    found
}

/// Makes a tiny model of some kind in a folder of that name.
fn make(program: &Program, kind: &str) {
    // With this seed the judge's verdicts differ.
    let args = ["model", "make-tiny", "-o", kind, "--kind", kind, "--gguf"];
    program.run([&args[..], &["--family", "qwen3", "--seed", "4"]].concat()).with_code(0);
}

/// A block of a recipe for a tiny model.
fn block(name: &str, kind: &str, model: &str) -> String {
    format!(
        "[{name}]\nkind = \"{kind}\"\nmodel = \"{model}/{model}.gguf\"\ncontext = 4096\ncompute = {{ threads = 1 }}\n"
    )
}

/// The beginning of a recipe: its library with further keys.
fn plugin(keys: &str) -> Option<String> {
    let library = library()?;
    Some(format!("name = \"local\"\nseed = 3\n[[plugin]]\nlibrary = {library:?}\n{keys}"))
}

/// RMB in the samples of the repository, so many of its clusters.
fn suite(clusters: usize) -> String {
    let data = root().join("examples/data/rmb");
    format!("[suite.rmb]\nkind = \"rmb\"\npath = {data:?}\nsample = {clusters}\n")
}

/// A prompt of few words, so that there is little to compute. Returns what recipes name it by.
fn short_prompt(program: &Program) -> &'static str {
    program.write(
        "short.toml",
        r#"
name = "short"
source = "own wording"
candidates = 2

[[turns]]
role = "user"
text = """
{{ dialogue }}
A: {{ answer_a }}
B: {{ answer_b }}
{{ verdict }}"""

[verdict.letter]
marker = "[[{label}]]"

[verdict.label-logprob]
"#,
    );
    "./short.toml"
}
