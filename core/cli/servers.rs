//! The managed servers of a plan: started before anything is asked, stopped when all is done, however it ends.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tribunal_engine::plan::{Plan, PlannedServer};
use tribunal_engine::recipe::Recipe;
use tribunal_http::server::{Hidden, Running, ServerError, Spec};

use crate::exit::{Exit, Failure, tell};
use crate::progress::Level;

/// How often a person is told that a server is still loading.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// The servers of a plan while they run. Dropping them stops them.
pub struct Servers {
    running: Vec<Running>,
    /// Where their logs are until a run folder is known.
    folder: Option<PathBuf>,
    level: Level,
}

impl Servers {
    /// Starts the servers of the plan that `wanted` admits, and waits until all of them are ready, unless `stopped`
    /// says that nobody waits any longer. Their logs go to a folder of their own until [`Servers::keep_logs`].
    ///
    /// # Errors
    ///
    /// Exit code 6 with the end of its log when a server ends or is not ready in time.
    pub fn start(
        plan: &Plan,
        level: Level,
        wanted: &dyn Fn(&str) -> bool,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Self, Failure> {
        let mut servers = Self { running: Vec::new(), folder: None, level };
        let chosen: Vec<&PlannedServer> =
            plan.servers.iter().filter(|server| wanted(&server.name)).collect();
        if chosen.is_empty() {
            return Ok(servers);
        }
        let program = std::env::current_exe()?;
        let folder = scratch_folder()?;
        servers.folder = Some(folder.clone());
        let hidden = secret_variables(&plan.recipe);
        for server in chosen {
            servers.tell(&format!("starting server `{}` on port {}", server.name, server.port));
            server.release_port();
            let log = folder.join(log_name(&server.name));
            let hidden = Hidden::of_variables(hidden.iter().cloned());
            let running = Running::start(spec(server), &program, log, hidden).map_err(failure)?;
            servers.running.push(running);
        }
        for running in &mut servers.running {
            let name = running.name().to_owned();
            let mut told = Duration::ZERO;
            let ready = running.await_ready(&mut |waited, last| {
                if level != Level::Quiet && waited >= told + TELL_EVERY {
                    told = waited;
                    tell(&format!("server `{name}`: {last} after {} s", waited.as_secs()));
                }
                !stopped()
            });
            ready.map_err(failure)?;
            if level != Level::Quiet {
                tell(&format!("server `{name}` is ready"));
            }
        }
        Ok(servers)
    }

    /// Puts the logs into a run folder.
    pub fn keep_logs(&mut self, folder: &Path) {
        // A server is started in a folder of its own, so the path must not depend on ours.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        for running in &mut self.running {
            let log = folder.join(log_name(running.name()));
            running.keep_log(&log);
        }
    }

    /// Removes the logs when the servers are stopped.
    pub fn discard_logs(&mut self) {
        self.running.iter_mut().for_each(Running::discard_log);
    }

    /// Says which servers have ended although nobody stopped them, with the ends of their logs.
    pub fn tell_ended(&mut self) {
        for running in &mut self.running {
            if let Some(how) = running.ended() {
                let (name, tail) = (running.name(), running.tail());
                tell(&format!("warning: server `{name}` ended during the run ({how}){tail}"));
            }
        }
    }

    /// Stops all servers at the same time and waits until they are gone.
    pub fn stop(self) {
        if !self.running.is_empty() {
            self.tell("stopping the servers");
        }
    }

    fn tell(&self, line: &str) {
        if self.level == Level::Verbose {
            tell(line);
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.running.iter_mut().for_each(Running::dismiss);
        self.running.drain(..).for_each(Running::stop);
        if let Some(folder) = &self.folder {
            // Logs that nobody took stay for a person to read; an empty folder goes.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// The servers that a source of the recipe may need: those whose names stand in its settings, or in those of what its
/// settings name.
pub fn needed_by(recipe: &Recipe, source: &str) -> Vec<String> {
    let mut names = vec![source.to_owned()];
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        let settings = [recipe.source(&name).map(|source| &source.block), recipe.generator(&name)];
        for block in settings.into_iter().flatten() {
            block.settings.values().for_each(|value| collect_texts(value, &mut names));
            let factors =
                recipe.factors.iter().filter(|factor| factor.key.starts_with(&block.path));
            factors
                .flat_map(|factor| &factor.levels)
                .for_each(|level| collect_texts(level, &mut names));
            let arms = recipe.arms.iter().flat_map(|arm| &arm.set);
            arms.filter(|(key, _)| key.starts_with(&block.path))
                .for_each(|(_, value)| collect_texts(value, &mut names));
        }
    }
    names.retain(|name| recipe.server(name).is_some());
    names
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if !texts.contains(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(table) => table.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

/// The environment variables that a recipe names for keys.
fn secret_variables(recipe: &Recipe) -> Vec<String> {
    let mut names = Vec::new();
    collect_variables(&recipe.value, &mut names);
    names
}

fn collect_variables(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect_variables(value, names)),
        Value::Object(table) => {
            for (key, value) in table {
                // A factor or an arm has the whole path as its key.
                match key.ends_with("api-key-env") {
                    true => collect_texts(value, names),
                    false => collect_variables(value, names),
                }
            }
        }
        _ => {}
    }
}

fn log_name(server: &str) -> String {
    format!("server-{server}.log")
}

fn spec(server: &PlannedServer) -> Spec {
    Spec {
        name: server.name.to_string(),
        command: server.command.clone(),
        port: server.port,
        ready: server.ready.clone(),
        ready_within: server.ready_within,
        env: server.env.clone(),
        folder: server.folder.clone(),
    }
}

/// A fresh folder that nobody else may read.
fn scratch_folder() -> std::io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let name = format!("tribunal-servers-{}-{now}", std::process::id());
    let folder = std::path::absolute(std::env::temp_dir().join(name))?;
    DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

fn failure(error: ServerError) -> Failure {
    let exit = match error {
        ServerError::Interrupted { .. } => Exit::Interrupted,
        _ => Exit::Unreachable,
    };
    let hint = error.hint().to_owned();
    Failure::new(exit, error, Some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
[server.one]
command = ["serve", "{port}"]
[server.two]
command = ["serve", "{port}"]
[server.three]
command = ["serve", "{port}"]
[generator.g]
kind = "http.chat"
server = "two"
api-key-env = "MY_KEY"
[source.judge]
kind = "judge"
generator = "g"
[source.reward]
kind = "http.reward"
managed = "one"
[suite.s]
kind = "pairs"
[factors]
"source.reward.api-key-env" = ["KEY_A", "KEY_B"]
"#;

    #[test]
    fn a_source_needs_the_servers_that_it_and_its_generator_name() {
        let recipe = Recipe::parse(RECIPE, Path::new("r.toml"), &[]).expect("a sound recipe");
        assert_eq!(needed_by(&recipe, "judge"), ["two"]);
        assert_eq!(needed_by(&recipe, "reward"), ["one"]);
    }

    #[test]
    fn the_variables_of_keys_are_found_in_blocks_and_factors() {
        let recipe = Recipe::parse(RECIPE, Path::new("r.toml"), &[]).expect("a sound recipe");
        assert_eq!(secret_variables(&recipe), ["MY_KEY", "KEY_A", "KEY_B"]);
    }
}
