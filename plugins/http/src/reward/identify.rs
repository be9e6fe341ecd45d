//! Who answers: what a server says of its model on the routes that give no scores.

use std::sync::OnceLock;

use serde_json::Value;
use tribunal_api::{Identity, SourceError, Strength};

use super::ask::Asker;
use super::read::text_of;
use super::server::Server;
use super::wire::Switch;
use crate::client::Client;
use crate::failure::{Failure, FailureKind};

/// The name of the model in requests.
#[derive(Debug)]
pub(super) struct Model {
    set: Option<String>,
    learned: OnceLock<String>,
}

impl Model {
    /// The name that the settings give, if they do.
    pub(super) fn new(set: Option<String>) -> Self {
        Self { set, learned: OnceLock::new() }
    }

    /// The name as set, else as learned from the server.
    pub(super) fn name(&self) -> Option<&str> {
        self.set.as_deref().or(self.learned.get().map(String::as_str))
    }
}

/// What a server says of its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The model's name or path.
    pub(super) served: Option<String>,
    /// A pinned revision.
    pub(super) revision: Option<String>,
    /// The most tokens of a text.
    pub(super) most_tokens: Option<u64>,
}

impl Asker {
    /// The identity of the model behind the server; `also` is what else decides its answers (the digest of a template).
    /// `place` names the server where it tells nothing.
    pub(super) async fn identity(&self, place: &str, also: &str) -> Result<Identity, SourceError> {
        let told = self.told().await?;
        let served = told.served.as_deref().or(self.model.name());
        let name = self.model.name().or(served).unwrap_or(place).to_owned();
        let mut fingerprint = served.unwrap_or(place).to_owned();
        if let Some(revision) = &told.revision {
            fingerprint = format!("{fingerprint}@{revision}");
        }
        if !also.is_empty() {
            fingerprint = format!("{fingerprint}; {also}");
        }
        if self.wire.server.is_vllm() && self.switch_told().await? {
            match self.known.switch() {
                Switch::UseActivation => {}
                Switch::Activation => fingerprint.push_str("; switch `activation`"),
                Switch::Absent => fingerprint.push_str("; no activation switch"),
            }
        }
        let strength = if told.revision.is_some() { Strength::Revision } else { Strength::Name };
        Ok(Identity { name, fingerprint, strength })
    }

    /// What the server says of its model; routes that it does not have are passed over.
    pub(super) async fn told(&self) -> Result<Told, SourceError> {
        match self.wire.server {
            Server::VllmClassify | Server::VllmPooling | Server::VllmScore | Server::VllmRerank => {
                self.told_by_list("max_model_len").await
            }
            Server::SglangClassify | Server::SglangEmbeddings | Server::SglangScore => {
                self.told_by_sglang().await
            }
            Server::TeiPredict | Server::TeiRerank => {
                let Some(body) = look(&self.client, "/info").await? else {
                    return Ok(Told::default());
                };
                Ok(Told {
                    served: text_of(body.get("model_id")),
                    revision: text_of(body.get("model_sha")),
                    most_tokens: body.get("max_input_length").and_then(Value::as_u64),
                })
            }
            Server::LlamaServerRerank | Server::LlamaServerEmbedding => {
                let mut told = self.told_by_list("n_ctx").await?;
                if let Some(body) = look(&self.client, "/props").await? {
                    let context = body.pointer("/default_generation_settings/n_ctx");
                    told.most_tokens = context.and_then(Value::as_u64).or(told.most_tokens);
                    told.served = told.served.or_else(|| text_of(body.get("model_path")));
                }
                Ok(told)
            }
            Server::Openrlhf | Server::Generic => Ok(Told::default()),
        }
    }

    /// `/v1/models` of vLLM and llama-server.
    async fn told_by_list(&self, limit: &str) -> Result<Told, SourceError> {
        let Some(body) = look(&self.client, "/v1/models").await? else {
            return Ok(Told::default());
        };
        let entries = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let names: Vec<String> =
            entries.iter().filter_map(|entry| text_of(entry.get("id"))).collect();
        let list = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let place = match &self.model.set {
            Some(model) => names.iter().position(|name| name == model),
            None => (names.len() == 1).then_some(0),
        };
        let Some(place) = place else {
            // llama-server answers to any name.
            let message = match &self.model.set {
                _ if names.is_empty() => return Ok(Told::default()),
                Some(_) if self.wire.server.is_llama_server() => {
                    return Ok(Told { served: names.into_iter().next(), ..Told::default() });
                }
                Some(model) => format!("the server has no model `{model}`, only {}", list()),
                None => format!("the server has several models: set `model` to one of {}", list()),
            };
            return Err(SourceError::Broken { message });
        };
        let entry = entries.iter().filter(|entry| text_of(entry.get("id")).is_some()).nth(place);
        let served = names.get(place).cloned();
        if let (None, Some(served)) = (&self.model.set, &served) {
            // Another call may have learned it first, of the same server.
            let _ = self.model.learned.set(served.clone());
        }
        let root = entry.and_then(|entry| text_of(entry.get("root")));
        let served = match (served, root) {
            (Some(served), Some(root)) if root != served => Some(format!("{served} ({root})")),
            (served, _) => served,
        };
        let most = entry.and_then(|entry| entry.get(limit).or(entry.get("meta")?.get(limit)));
        Ok(Told { served, revision: None, most_tokens: most.and_then(Value::as_u64) })
    }

    async fn told_by_sglang(&self) -> Result<Told, SourceError> {
        let Some(body) = look(&self.client, "/get_model_info").await? else {
            return Ok(Told::default());
        };
        let generates = body.get("is_generation").and_then(Value::as_bool);
        let fits = self.wire.server == Server::SglangScore;
        if generates.is_some_and(|generates| generates != fits) {
            let kind = if fits { "an embedding model" } else { "a generation model" };
            let message = format!("the server runs {kind}; {}", self.wire.server.remedy());
            return Err(SourceError::Broken { message });
        }
        Ok(Told { served: text_of(body.get("model_path")), ..Told::default() })
    }

    /// Reads from vLLM's description of itself which activation switch it knows. False when it does not say.
    async fn switch_told(&self) -> Result<bool, SourceError> {
        let Some(body) = look(&self.client, "/openapi.json").await? else { return Ok(false) };
        let word = match self.wire.server {
            Server::VllmClassify => "Classification",
            Server::VllmPooling => "Pooling",
            Server::VllmScore => "Score",
            _ => "Rerank",
        };
        let schemas = body.pointer("/components/schemas").and_then(Value::as_object);
        let requests: Vec<&Value> = schemas
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.contains(word) && name.contains("Request"))
            .filter_map(|(_, schema)| schema.get("properties"))
            .collect();
        if requests.is_empty() {
            return Ok(false);
        }
        let has = |field: &str| requests.iter().any(|properties| properties.get(field).is_some());
        let switch = [Switch::UseActivation, Switch::Activation]
            .into_iter()
            .find(|switch| switch.field().is_some_and(has))
            .unwrap_or(Switch::Absent);
        self.known.lower(switch);
        Ok(true)
    }
}

/// What stands at a route; `None` when the server has no such route or says nothing readable there.
pub(super) async fn look(client: &Client, path: &str) -> Result<Option<Value>, SourceError> {
    passed_over(client.get(path).await.map(|reply| reply.body))
}

/// The same for a route that is posted to.
pub(super) async fn ask_at(
    client: &Client,
    path: &str,
    body: &Value,
) -> Result<Option<Value>, SourceError> {
    passed_over(client.look_up(path, body).await.map(|reply| reply.body))
}

fn passed_over(found: Result<Value, Failure>) -> Result<Option<Value>, SourceError> {
    let failure = match found {
        Ok(body) => return Ok(Some(body)),
        Err(failure) => failure,
    };
    let unreadable = failure.status.is_some_and(|status| (200..300).contains(&status));
    match failure.kind {
        FailureKind::Denied if failure.status != Some(404) => Err(failure.into_source_error()),
        FailureKind::Busy => Err(failure.into_source_error()),
        FailureKind::Unreachable if !unreadable => Err(failure.into_source_error()),
        _ => Ok(None),
    }
}
