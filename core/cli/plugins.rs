//! Kinds beyond those that are built in: the plugins of a recipe, and those found in folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tribunal_api::Registry;
use tribunal_engine::recipe::{Plugin as Named, PluginOrigin, Recipe};
use tribunal_loader::{Level, LoadError, Log, Origin, Plugin, Spec};

use crate::builtin;
use crate::exit::{Exit, Failure, tell};
use crate::render::plain;

/// The first argument by which this program starts itself to run one library on behalf of another of its processes.
pub const PLUGIN_HOST: &str = "__plugin-host";

/// Folders of libraries that are always loaded, like `PATH`.
const FOLDERS: &str = "TRIBUNAL_PLUGIN_PATH";

/// Whether details of plugins are told, too.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Tells what plugins log and what children write to standard error, too.
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// All kinds that a command knows, and the plugins that brought some of them.
pub struct Kinds {
    /// The kinds.
    pub registry: Registry,
    /// The plugins, in the order they were loaded.
    pub plugins: Vec<Plugin>,
}

impl Kinds {
    /// The built-in kinds alone.
    pub fn builtin() -> Self {
        Self { registry: builtin::registry(), plugins: Vec::new() }
    }

    /// The built-in kinds, and those of the libraries in the folders of `TRIBUNAL_PLUGIN_PATH` and of the user. A library there
    /// that cannot be loaded is told and passed over.
    pub fn with_folders() -> Self {
        let mut kinds = Self::builtin();
        for folder in folders() {
            for failure in kinds.load_folder(&folder, |path| Spec {
                host: host(),
                log: log(),
                ..Spec::new(Origin::Library(path))
            }) {
                tell(&format!("warning: {}", plain(&failure.to_string())));
            }
        }
        kinds
    }

    /// Loads the plugins of a recipe on top. What is loaded already, from a folder, is not loaded twice.
    ///
    /// # Errors
    ///
    /// Exit code 5 with the first that cannot be loaded.
    pub fn load(&mut self, recipe: &Recipe) -> Result<(), Failure> {
        for named in &recipe.plugins {
            match &named.origin {
                PluginOrigin::Library(path) => {
                    self.load_one(&spec(named, Origin::Library(path.clone())))?
                }
                PluginOrigin::Command { command, folder } => {
                    let (command, folder) = (command.clone(), folder.clone());
                    self.load_one(&spec(named, Origin::Command { command, folder }))?;
                }
                PluginOrigin::Folder(folder) => {
                    if !folder.is_dir() {
                        let message =
                            format!("there is no folder `{}` of plugins", folder.display());
                        let hint = "relative paths start at the recipe's folder".to_owned();
                        return Err(Failure::new(Exit::Plugin, message, Some(hint)));
                    }
                    let failures =
                        self.load_folder(folder, |path| spec(named, Origin::Library(path)));
                    for failure in failures {
                        tell(&format!("warning: {}", plain(&failure.to_string())));
                    }
                }
            }
        }
        Ok(())
    }

    /// What went wrong in plugins while components were planned.
    pub fn failures(&self) -> Vec<String> {
        self.plugins.iter().flat_map(Plugin::failures).collect()
    }

    fn load_one(&mut self, spec: &Spec) -> Result<(), Failure> {
        match tribunal_loader::load(spec, &mut self.registry) {
            Ok(plugin) => self.keep(plugin),
            // Two recipes, or a recipe and a folder, may name the same file.
            Err(LoadError::SameFile { known, .. })
                if self.plugins.iter().any(|plugin| plugin.origin == known) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Loads all libraries of a folder, in alphabetic order, not those of folders in it. Gives back what failed.
    fn load_folder(&mut self, folder: &Path, spec: impl Fn(PathBuf) -> Spec) -> Vec<LoadError> {
        let mut failures = Vec::new();
        for path in libraries(folder) {
            match tribunal_loader::load(&spec(path), &mut self.registry) {
                Ok(plugin) => self.keep(plugin),
                Err(LoadError::SameFile { .. }) => {}
                Err(error) => failures.push(error),
            }
        }
        failures
    }

    fn keep(&mut self, plugin: Plugin) {
        for warning in &plugin.warnings {
            tell(&format!("warning: {}", plain(warning)));
        }
        self.plugins.push(plugin);
    }
}

/// The program that runs an isolated library: this one.
pub fn host() -> Vec<String> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("tribunal"));
    vec![program.to_string_lossy().into_owned(), PLUGIN_HOST.to_owned()]
}

/// Tells warnings and errors of plugins, and everything with `--verbose`.
pub fn log() -> Log {
    Arc::new(|level, origin, line| {
        if level <= Level::Warn || VERBOSE.load(Ordering::Relaxed) {
            tell(&format!("{}: {}", plain(origin), plain(line)));
        }
    })
}

/// How a recipe wants a plugin to be run.
fn spec(named: &Named, origin: Origin) -> Spec {
    Spec {
        isolate: named.isolate,
        replicas: named.replicas as usize,
        start_within: named.start_within,
        load_within: named.load_within,
        cancel_within: named.cancel_within,
        restarts: named.restarts,
        env: named.env.clone(),
        host: host(),
        log: log(),
        ..Spec::new(origin)
    }
}

/// The folders that are always looked into, where they exist.
pub fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os(FOLDERS).unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(user_folder());
    folders.retain(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    folders
}

/// Where a user keeps plugins: `tribunal/plugins` below the folder of user data.
pub fn user_folder() -> Option<PathBuf> {
    let named =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = if cfg!(target_os = "macos") {
        named("HOME").map(|home| home.join("Library/Application Support"))
    } else if cfg!(windows) {
        named("APPDATA")
    } else {
        named("XDG_DATA_HOME").or_else(|| named("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("tribunal/plugins"))
}

/// The libraries of a folder by the suffix of this system, sorted.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.is_file()
                && path.extension().is_some_and(|suffix| suffix == std::env::consts::DLL_EXTENSION)
        })
        .collect();
    found.sort();
    found
}
