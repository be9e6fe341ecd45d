//! The command that a plugin's children are started with.

use std::io;
use std::path::{self, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::alive;
use super::process::{Process, Terms};
use crate::spec::{Origin, Spec};

/// The variable that tells equal children apart.
const REPLICA: &str = "TRIBUNAL_REPLICA";

/// How children of a plugin are started.
pub(super) struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    env: Vec<(String, String)>,
    pub(super) terms: Terms,
}

impl Launch {
    pub(super) fn of(spec: &Spec) -> io::Result<Self> {
        let missing = || io::Error::new(io::ErrorKind::InvalidInput, "the command is empty");
        let (program, arguments, folder) = match &spec.origin {
            Origin::Command { command, folder } => {
                let (program, arguments) = command.split_first().ok_or_else(missing)?;
                let program = match program.contains('/') {
                    true => folder.join(program),
                    false => PathBuf::from(program),
                };
                (program, arguments.to_vec(), Some(folder.clone()))
            }
            Origin::Library(library) => {
                let (program, arguments) = spec.host.split_first().ok_or_else(missing)?;
                let library = path::absolute(library)?.to_string_lossy().into_owned();
                let mut arguments = arguments.to_vec();
                arguments.push(library);
                (PathBuf::from(program), arguments, None)
            }
        };
        if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            let message = format!("there is no folder `{}`", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let terms = Terms {
            origin: Arc::from(spec.origin.to_string()),
            cancel_within: spec.cancel_within,
            log: spec.log.clone(),
        };
        let env = spec.env.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self { program, arguments, folder, env, terms })
    }

    /// Starts the child of this number.
    pub(super) fn start(&self, replica: usize) -> io::Result<Process> {
        if alive::closed() {
            return Err(io::Error::other("the program ends"));
        }
        let number = replica.to_string();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        for (key, value) in &self.env {
            command.env(key, value.replace("{replica}", &number));
        }
        command.env(REPLICA, &number);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        Process::start(command, self.terms.clone())
    }
}
