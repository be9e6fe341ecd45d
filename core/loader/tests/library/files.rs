//! Files that are no plugins, found before any of their code runs.

use std::fs;

use tribunal_loader::{LoadError, inspect};

use super::built::{Built, load};

fn error(built: &Built, macros: &[&str]) -> LoadError {
    load(&built.faulty(macros)).err().unwrap()
}

#[test]
fn what_is_no_library_is_named_for_what_it_is() {
    let built = Built::new();
    let missing = built.path("missing.so");
    assert!(matches!(inspect(&missing), Err(LoadError::Unreadable { .. })));
    let dangling = built.path("dangling.so");
    std::os::unix::fs::symlink(&missing, &dangling).unwrap();
    assert!(matches!(inspect(&dangling), Err(LoadError::Unreadable { .. })));
    let what = |name: &str, bytes: &[u8]| {
        let path = built.path(name);
        fs::write(&path, bytes).unwrap();
        match inspect(&path) {
            Err(LoadError::NotALibrary { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(what("empty.so", b""), "it is an empty file");
    assert_eq!(what("text.so", b"#!/bin/sh\necho hello there\n"), "it is a text file");
    assert_eq!(what("noise.so", &[0xfe; 600]), "it is in no known format");
    let folder = built.path("folder.so");
    fs::create_dir(&folder).unwrap();
    assert!(inspect(&folder).unwrap_err().to_string().ends_with("it is a folder"));
    let program = std::env::current_exe().unwrap();
    assert!(inspect(&program).unwrap_err().to_string().ends_with("it is a program"));
}

#[test]
fn a_library_that_is_cut_off_anywhere_is_refused() {
    let built = Built::new();
    let whole = fs::read(built.faulty(&[])).unwrap();
    let path = built.path("cut.so");
    for part in 1..64 {
        fs::write(&path, &whole[..whole.len() * part / 64]).unwrap();
        let error = inspect(&path).unwrap_err();
        assert!(matches!(error, LoadError::NotALibrary { .. }), "{part}/64: {error:?}");
    }
}

#[test]
fn a_library_for_another_machine_is_refused_before_it_is_opened() {
    let built = Built::new();
    let mut bytes = fs::read(built.faulty(&[])).unwrap();
    // e_machine of ELF: 183 is AArch64, 62 is x86-64.
    let other = if bytes[18] == 62 { 183 } else { 62 };
    bytes[18] = other;
    let path = built.path("other.so");
    fs::write(&path, &bytes).unwrap();
    let error = inspect(&path).unwrap_err();
    assert!(matches!(error, LoadError::Machine { .. }), "{error:?}");
    assert!(error.to_string().contains("is built for arm64") || other == 62, "{error}");
}

#[test]
fn records_are_checked_in_order() {
    let built = Built::new();
    assert!(matches!(error(&built, &["NO_RECORD"]), LoadError::NoRecord { .. }));
    let magic = error(&built, &["WRONG_MAGIC"]);
    assert!(matches!(magic, LoadError::Magic { .. }), "{magic:?}");
    let major = error(&built, &["MAJOR=2", "NO_ENTRY"]);
    assert!(matches!(&major, LoadError::Major { theirs: 2, ours: 1, .. }), "{major:?}");
    assert!(major.to_string().contains("built with faulty sdk"), "{major}");
    assert!(major.hint().unwrap().starts_with("use a newer Tribunal"));
    let minor = error(&built, &["NEEDS=7"]);
    assert!(matches!(minor, LoadError::Minor { needs: 7, have: 0, .. }), "{minor:?}");
    assert!(matches!(error(&built, &["NO_ENTRY"]), LoadError::NoEntry { .. }));
}

#[test]
fn a_symbol_that_nobody_has_is_found_when_the_library_is_opened() {
    let built = Built::new();
    let error = error(&built, &["UNDEFINED"]);
    assert!(matches!(error, LoadError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("a_function_that_nobody_has"), "{error}");
}

#[test]
fn tables_that_break_the_rules_are_refused() {
    let built = Built::new();
    let what = |macros: &[&str]| match error(&built, macros) {
        LoadError::Broken { what, .. } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(&["NO_SCORE"]), "the kind `faulty` has no function `score`");
    assert_eq!(what(&["SMALL_TABLE"]), "source table 0 holds 8 bytes, 184 are needed");
    assert_eq!(what(&["ENTRY_FAILS"]), "its entry returned status -1");
    assert!(what(&["NAME=\"Faulty One\""]).contains("other than lower case letters"));
}

#[test]
fn the_same_file_is_loaded_once_by_whatever_path() {
    let built = Built::new();
    let path = built.faulty(&[]);
    load(&path).unwrap();
    let link = built.path("link.so");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let detour = path.parent().unwrap().join("x/../faulty.so");
    fs::create_dir(path.parent().unwrap().join("x")).unwrap();
    for other in [path.clone(), link, detour] {
        let error = load(&other).err().unwrap();
        assert!(
            matches!(&error, LoadError::SameFile { known, .. } if **known == *path.to_str().unwrap()),
            "{error:?}"
        );
    }
}

#[test]
fn a_copy_is_another_plugin_whose_kinds_are_taken() {
    let built = Built::new();
    let path = built.faulty(&[]);
    let (mut registry, _) = load(&path).unwrap();
    let copy = built.path("copy.so");
    fs::copy(&path, &copy).unwrap();
    let spec = tribunal_loader::Spec::new(tribunal_loader::Origin::Library(copy));
    let error = tribunal_loader::load(&spec, &mut registry).unwrap_err();
    assert!(matches!(error, LoadError::Taken { .. }), "{error:?}");
    assert!(
        error.to_string().contains("the source kind `faulty` exists already: it is of `"),
        "{error}"
    );
}

#[test]
fn a_build_that_aborts_on_panic_is_flagged() {
    let built = Built::new();
    let (_, plugin) = load(&built.faulty(&["FLAGS=1"])).unwrap();
    assert_eq!(plugin.warnings.len(), 1);
    assert!(
        plugin.warnings[0].contains("a panic of it ends this program"),
        "{:?}",
        plugin.warnings
    );
    assert!(
        load(&built.c("tests/plugins/faulty.c", "sound.so", &[])).unwrap().1.warnings.is_empty()
    );
}
