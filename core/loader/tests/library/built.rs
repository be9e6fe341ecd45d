//! Building the C plugins of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Registry, RewardSource, SettingsError};
use tribunal_loader::{LoadError, Origin, Plugin, Spec};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).unwrap()
}

/// A folder of built plugins that goes with the test.
pub struct Built {
    folder: tempfile::TempDir,
}

impl Built {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles a C file of the repository with these macros.
    pub fn c(&self, source: &str, name: &str, macros: &[&str]) -> PathBuf {
        let out = self.path(name);
        let mut command = Command::new("cc");
        command
            .args(["-std=gnu11", "-O1", "-fPIC", "-shared", "-pthread"])
            // `make test-sanitizers` instruments the plugins, too.
            .args(std::env::var("TRIBUNAL_CFLAGS").unwrap_or_default().split_whitespace())
            .arg("-I")
            .arg(root().join("plugins/sdk-c"))
            .args(macros.iter().map(|name| format!("-D{name}")))
            .arg(root().join(source))
            .arg("-o")
            .arg(&out)
            .arg("-lm");
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}");
        out
    }

    /// The plugin that fails as told, built with these macros.
    pub fn faulty(&self, macros: &[&str]) -> PathBuf {
        let name = format!("{}faulty.so", macros.concat().replace(['"', ' ', '='], "-"));
        self.c("tests/plugins/faulty.c", &name, macros)
    }
}

/// A plugin loaded into a registry of its own.
pub fn load(path: &Path) -> Result<(Registry, Plugin), LoadError> {
    load_with(Spec::new(Origin::Library(path.to_owned())))
}

pub fn load_with(spec: Spec) -> Result<(Registry, Plugin), LoadError> {
    let mut registry = Registry::new();
    let plugin = tribunal_loader::load(&spec, &mut registry)?;
    Ok((registry, plugin))
}

/// The source of `faulty` that fails in this way.
pub fn source(
    registry: &Registry,
    how: &str,
) -> Result<std::sync::Arc<dyn RewardSource>, SettingsError> {
    registry.build_source("faulty", json!({ "how": how }), &NoGenerators)
}
