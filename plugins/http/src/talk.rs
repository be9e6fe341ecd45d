//! Asking a server for all samples of a prompt, whatever the server's interface.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tribunal_api::{
    Completion, Finish, Generator, Identity, Inspection, Limits, Prompt, Quota, SourceError, Text,
    Usage, async_trait,
};

use crate::body::Body;
use crate::client::Client;
use crate::failure::{Failure, FailureKind};
use crate::learned::{Learned, Parameter};
use crate::models::Model;
use crate::together::together;

/// Most samples that are kept of prompts that failed in part.
const MOST_KEPT: usize = 4096;

/// An interface of servers: how a prompt is written and a reply is read.
pub(crate) trait Wire: Send + Sync {
    /// The route of a request.
    fn route(&self, model: Option<&str>) -> String;

    /// The body of a request for one sample per seed.
    fn body<'a>(
        &self,
        prompt: &'a Prompt,
        seeds: &[u64],
        model: Option<&str>,
        learned: &Learned,
    ) -> Result<Body<'a>, Failure>;

    /// What a reply says: at least one text, and no more than the reply holds.
    fn read(&self, body: &Value, prompt: &Prompt) -> Result<Heard, Failure>;

    /// Most samples that one request may ask for.
    fn most_at_once(&self) -> usize;

    /// Where in a reply the text stands.
    fn read_at(&self) -> &'static str;

    /// What decides the answers beside the model: nothing, or the digest of a template.
    fn fingerprint(&self) -> Option<String> {
        None
    }

    /// True when turns become one text on our side, in which the server reads markers wherever they stand.
    fn renders_markers(&self) -> bool {
        false
    }

    /// The text that the model reads, when we write it ourselves.
    fn rendered(&self, prompt: &Prompt) -> Option<Result<String, Failure>> {
        let _ = prompt;
        None
    }
}

/// What one reply says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The texts, in the order of the reply.
    pub texts: Vec<Text>,
    /// What it cost.
    pub usage: Usage,
    /// The model that the server says it is.
    pub served: Option<String>,
    /// The server's id of the request.
    pub request: Option<String>,
}

/// A generator over one interface.
pub(crate) struct Talk {
    /// The way to the server.
    pub client: Client,
    /// The interface.
    pub wire: Box<dyn Wire>,
    /// The model's name.
    pub model: Model,
    /// Most requests at the same time.
    pub concurrency: usize,
    /// What the server was found not to take.
    pub learned: Learned,
    /// Samples of prompts of which another sample failed: asked again, they are not paid again.
    pub kept: Mutex<HashMap<(usize, String), Heard>>,
    /// True when the server may be asked how it renders and counts.
    pub may_inspect: bool,
}

/// What became of a request.
enum Asked {
    Heard(Heard),
    /// The server gives one sample a request.
    OneAtATime,
}

impl Talk {
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, Failure> {
        let wanted = prompt.seeds.len();
        if wanted == 0 {
            return Err(Failure::new(
                FailureKind::Broken,
                "a prompt without seeds wants no sample",
            ));
        }
        let model = self.model.name(&self.client).await?;
        let mut heard: Vec<(usize, Heard)> = Vec::new();
        let mut have = 0;
        while have < wanted && !self.learned.drops(Parameter::Several) {
            let at_once = (wanted - have).min(self.wire.most_at_once());
            if at_once < 2 {
                break;
            }
            let seeds = &prompt.seeds[have..have + at_once];
            let reply = match self.ask(prompt, have, seeds, model).await {
                Ok(Asked::Heard(reply)) => reply,
                Ok(Asked::OneAtATime) => break,
                Err(failure) => {
                    self.keep(heard, prompt, model);
                    return Err(failure);
                }
            };
            let count = reply.texts.len();
            self.learned.came(count, at_once);
            heard.push((have, reply));
            have += count;
        }
        // One after the other: the engine counts this as one call, and asks for single samples from the next one on.
        for place in have..wanted {
            let seeds = &prompt.seeds[place..=place];
            let failure = match self.ask(prompt, place, seeds, model).await {
                Ok(Asked::Heard(reply)) => {
                    heard.push((place, reply));
                    continue;
                }
                Ok(Asked::OneAtATime) => {
                    let message = "the server refuses even a single sample";
                    Failure::new(FailureKind::Rejected, message)
                }
                Err(failure) => failure,
            };
            self.keep(heard, prompt, model);
            return Err(failure);
        }
        Ok(joined(heard.into_iter().map(|(_, reply)| reply)))
    }

    /// One request for the samples from `place` on, without the parameters that the server was found not to take.
    async fn ask(
        &self,
        prompt: &Prompt,
        place: usize,
        seeds: &[u64],
        model: Option<&str>,
    ) -> Result<Asked, Failure> {
        // Every round leaves out one parameter more, so this ends; the bound says so.
        for _ in 0..8 {
            // Requests on their way when another one was refused learn it again, and are asked again like that one.
            let other_limit_key = self.learned.drops(Parameter::LimitKey);
            let body = self.wire.body(prompt, seeds, model, &self.learned)?;
            if let Some(kept) = self.take_kept(place, &body) {
                return Ok(Asked::Heard(kept));
            }
            let reply = match self.client.post(&self.wire.route(model), &body).await {
                Ok(reply) => reply,
                Err(failure) if failure.kind == FailureKind::Refused => {
                    let refused = Text { finish: Finish::Refused, ..Text::default() };
                    let texts = vec![refused; seeds.len()];
                    let request = failure.request_id;
                    return Ok(Asked::Heard(Heard { texts, request, ..Heard::default() }));
                }
                Err(failure) => match self.learned.refused(&failure, &body.table) {
                    Some(Parameter::LimitKey) if other_limit_key => return Err(failure),
                    Some(parameter) => {
                        self.learned.drop(parameter);
                        if parameter == Parameter::Several {
                            return Ok(Asked::OneAtATime);
                        }
                        continue;
                    }
                    None => return Err(failure),
                },
            };
            let read = self.wire.read(&reply.body, prompt);
            let mut heard = read.map_err(|failure| Failure {
                status: Some(reply.status),
                request_id: reply.request_id.clone(),
                message: self.client.scrub(&failure.message),
                ..failure
            })?;
            heard.texts.truncate(seeds.len());
            heard.request = reply.request_id;
            return Ok(Asked::Heard(heard));
        }
        Err(Failure::new(FailureKind::Rejected, "the server refuses one parameter after another"))
    }

    /// Keeps the samples of a prompt that failed in part, each with the place of its first one.
    fn keep(&self, heard: Vec<(usize, Heard)>, prompt: &Prompt, model: Option<&str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, reply) in heard {
            let seeds = prompt.seeds.get(place..place + reply.texts.len()).unwrap_or_default();
            if let Ok(body) = self.wire.body(prompt, seeds, model, &self.learned) {
                if kept.len() >= MOST_KEPT {
                    kept.clear();
                }
                kept.insert((place, written(&body)), reply);
            }
        }
    }

    fn take_kept(&self, place: usize, body: &Body<'_>) -> Option<Heard> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return None;
        }
        kept.remove(&(place, written(body)))
    }

    async fn look(&self, prompt: &Prompt) -> Result<Inspection, Failure> {
        let model = self.model.name(&self.client).await?;
        let seeds = prompt.seeds.get(..1).unwrap_or_default();
        let body = self.wire.body(prompt, seeds, model, &self.learned)?;
        let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
        let mut inspection = Inspection {
            rendered: pretty,
            read_at: format!("{} of {}", self.wire.read_at(), self.wire.route(model)),
            notes: self.learned.notes(),
            ..Inspection::default()
        };
        if let Some(rendered) = self.wire.rendered(prompt) {
            inspection.rendered = rendered?;
            inspection.exact = true;
        }
        if self.may_inspect {
            let body = serde_json::to_value(&body).unwrap_or_default();
            crate::inspecting::ask_server(&self.client, &body, &mut inspection).await;
        }
        inspection.rendered = self.client.scrub(&inspection.rendered);
        Ok(inspection)
    }
}

/// A body as text, by which kept samples are found again.
fn written(body: &Body<'_>) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

fn joined(heard: impl Iterator<Item = Heard>) -> Completion {
    let mut completion = Completion::default();
    for reply in heard {
        completion.texts.extend(reply.texts);
        completion.origin.requests.extend(reply.request);
        completion.origin.served = completion.origin.served.or(reply.served);
        let usage = &mut completion.usage;
        usage.input_tokens = sum(usage.input_tokens, reply.usage.input_tokens);
        usage.output_tokens = sum(usage.output_tokens, reply.usage.output_tokens);
        usage.usd = sum(usage.usd, reply.usage.usd);
    }
    completion
}

fn sum<T: std::ops::Add<Output = T>>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

#[async_trait]
impl Generator for Talk {
    fn limits(&self) -> Limits {
        Limits { batch: 1, in_flight: self.concurrency, lane: Some(self.client.lane()) }
    }

    fn quota(&self) -> Option<Quota> {
        self.client.quota()
    }

    fn renders_markers(&self) -> bool {
        self.wire.renders_markers()
    }

    fn samples_at_once(&self) -> usize {
        match self.learned.drops(Parameter::Several) {
            true => 1,
            false => self.wire.most_at_once(),
        }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let mut identity = self.model.identify(&self.client).await?;
        if let Some(more) = self.wire.fingerprint() {
            identity.fingerprint = format!("{} {more}", identity.fingerprint);
        }
        Ok(identity)
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        Ok(Some(self.look(prompt).await?))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let completions =
            together(batch.iter().map(|prompt| self.complete(prompt)).collect()).await;
        completions.into_iter().map(|one| one.map_err(SourceError::from)).collect()
    }
}
