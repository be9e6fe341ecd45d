//! Managed servers: each gets its port when the recipe is planned, so that whoever names it knows its URL.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tribunal_api::registry::Registered;

use super::check;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::recipe::{PORT, Recipe, ServerBlock};

/// A server that a source or generator of the plan names. Nothing has been started.
#[derive(Debug)]
pub struct PlannedServer {
    /// Name of its block.
    pub name: Arc<str>,
    /// Program, then arguments, with the port put in.
    pub command: Vec<String>,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Path that answers with a status from 200 to 299 once it is ready.
    pub ready: String,
    /// Longest wait until it is ready.
    pub ready_within: Duration,
    /// Variables that are set for it.
    pub env: BTreeMap<String, String>,
    /// Folder that it is started in.
    pub folder: PathBuf,
    /// Keeps others from the port until the server is started.
    held: Mutex<Option<TcpListener>>,
}

impl PlannedServer {
    fn of(block: &ServerBlock) -> std::io::Result<Self> {
        let (port, held) = match block.port {
            Some(port) => (port, None),
            None => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                (listener.local_addr()?.port(), Some(listener))
            }
        };
        let text = port.to_string();
        Ok(Self {
            name: Arc::from(block.name.as_str()),
            command: block.command.iter().map(|part| part.replace(PORT, &text)).collect(),
            port,
            ready: block.ready.clone(),
            ready_within: block.ready_within,
            env: block.env.clone(),
            folder: block.folder.clone(),
            held: Mutex::new(held),
        })
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets go of the port that was kept free for it, just before it is started.
    pub fn release_port(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The servers that the components built so far name, each once.
#[derive(Default)]
pub(super) struct Servers(Vec<PlannedServer>);

impl Servers {
    /// The base URLs of the servers that settings name, by name; and the digest of `identity` together with their
    /// commands, `identity` itself where there are none.
    pub(super) fn named(
        &mut self,
        recipe: &Recipe,
        kind: &Registered,
        settings: &Value,
        identity: Digest,
    ) -> Result<(BTreeMap<String, String>, Digest), Box<Fault>> {
        let mut urls = BTreeMap::new();
        let mut commands = Digest::of("tribunal-served-1");
        commands.digest(identity);
        for name in check::references(kind, settings, "server") {
            // A name without a block, or a block with faults, is reported where it is checked.
            let Some(block) = recipe.server(&name) else { continue };
            commands.number(block.command.len() as u64);
            for part in &block.command {
                commands.text(part);
            }
            urls.insert(name, self.url(block)?);
        }
        let digest = if urls.is_empty() { identity } else { commands.finish() };
        Ok((urls, digest))
    }

    pub(super) fn into_vec(self) -> Vec<PlannedServer> {
        self.0
    }

    fn url(&mut self, block: &ServerBlock) -> Result<String, Box<Fault>> {
        if let Some(known) = self.0.iter().find(|known| *known.name == *block.name) {
            return Ok(known.url());
        }
        let planned = PlannedServer::of(block).map_err(|cause| {
            let message = format!("there is no free port for server `{}`: {cause}", block.name);
            Box::new(Fault::new(block.path.clone(), message).hint("name one: `port = 8080`"))
        })?;
        self.0.push(planned);
        Ok(self.0.last().map(PlannedServer::url).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
