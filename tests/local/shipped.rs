//! What is in the library and what is not in the program, and by which versions both are built.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol};
use toml::Value;

use super::library;
use crate::program::root;

/// Names begin with an underscore on some systems.
fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_prefix(b"_").unwrap_or(bytes)).into_owned()
}

#[test]
fn the_library_exports_what_plugins_have_and_nothing_else() {
    let Some(library) = library() else { return };
    let bytes = fs::read(library).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let names: BTreeSet<String> =
        file.exports().unwrap().iter().map(|export| name(export.name())).collect();
    assert!(names.contains("trb_plugin_abi") && names.contains("trb_plugin_entry_v1"), "{names:?}");
    let others: Vec<&String> =
        names.iter().filter(|name| !name.starts_with("trb_plugin_")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_program_knows_nothing_of_llama_cpp() {
    let bytes = fs::read(env!("CARGO_BIN_EXE_tribunal")).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let ours = |name: &str| name.starts_with("llama_") || name.starts_with("ggml_");
    let symbols = file.symbols().chain(file.dynamic_symbols());
    let found: Vec<String> = symbols
        .map(|symbol| name(symbol.name_bytes().unwrap()))
        .filter(|name| ours(name))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    // Libraries that are needed stand among the names of the dynamic linker.
    let Some(section) = file.section_by_name(".dynstr") else { return };
    let names = section.data().unwrap();
    let names: Vec<String> = names.split(|&byte| byte == 0).map(name).collect();
    assert!(names.iter().any(|name| name.starts_with("libc.so")), "{names:?}");
    for library in ["libllama", "libggml", "libgomp", "libomp", "libstdc++"] {
        assert!(!names.iter().any(|name| name.starts_with(library)), "{library} is needed");
    }
}

fn table(path: &Path) -> Value {
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn llama_cpp_is_of_one_version_that_nothing_moves() {
    let lock = table(&root().join("Cargo.lock"));
    let manifest = table(&root().join("plugins/llama/Cargo.toml"));
    for (crate_name, version) in [("llama-cpp-2", "0.1.160"), ("llama-cpp-sys-2", "0.1.161")] {
        let packages = lock["package"].as_array().unwrap().iter();
        let locked: Vec<&str> = packages
            .filter(|package| package["name"].as_str() == Some(crate_name))
            .map(|package| package["version"].as_str().unwrap())
            .collect();
        assert_eq!(locked, [version], "{crate_name} in Cargo.lock");
        let wanted = manifest["dependencies"][crate_name]["version"].as_str();
        assert_eq!(wanted, Some(&*format!("={version}")), "{crate_name} in plugins/llama");
    }
}
