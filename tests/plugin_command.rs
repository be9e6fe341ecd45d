//! `tribunal plugin`: projects that are written, built, checked and run by the commands that are printed, and plugins that break
//! their promises.

mod broken;
mod projects;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::root;

/// True when the program can be started; says so when it cannot.
fn there_is(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !found {
        println!("skipped: there is no `{program}`");
    }
    found
}

/// Compiles C into a library in a folder, by the header of this repository.
fn compile(folder: &Path, text: &str, flags: &[&str]) -> PathBuf {
    let (source, library) = (folder.join("plugin.c"), folder.join("plugin.so"));
    std::fs::write(&source, text).unwrap();
    let ran = Command::new("cc")
        .args(["-std=gnu11", "-O1", "-fPIC", "-shared", "-I"])
        .arg(root().join("plugins/sdk-c"))
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&library)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    library
}
