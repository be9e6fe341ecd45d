//! Which model a server serves: from the settings, or the only one that it lists.

use serde_json::Value;
use tokio::sync::OnceCell;
use tribunal_api::{Identity, SourceError};

use crate::client::Client;
use crate::failure::{Failure, FailureKind};

/// The routes that list models, by provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `GET /v1/models` with `data[].id`; vLLM adds `root`.
    OpenAi,
    /// `GET /v1/models/{model}` of Anthropic.
    Anthropic,
    /// `GET /v1beta/models/{model}` of Gemini.
    Gemini,
    /// There is none, or it says nothing about deployments.
    None,
}

/// The name of the model.
pub(crate) struct Model {
    given: Option<String>,
    found: OnceCell<String>,
    listing: Listing,
    /// True when a request needs no name.
    optional: bool,
}

impl Model {
    /// The model that the settings name, or the only one that the server lists.
    pub fn new(given: Option<String>, listing: Listing) -> Self {
        Self { given, found: OnceCell::new(), listing, optional: false }
    }

    /// The same for servers that hold one model and do not need its name.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The name to send. Asks the server the first time when the settings name none.
    pub async fn name(&self, client: &Client) -> Result<Option<&str>, Failure> {
        if self.given.is_some() || self.optional {
            return Ok(self.given.as_deref());
        }
        let found = self.found.get_or_try_init(async || only_one(&listed(client).await?)).await?;
        Ok(Some(found))
    }

    /// Who answers: the name, and the model behind it where the server tells.
    pub async fn identify(&self, client: &Client) -> Result<Identity, SourceError> {
        let name = match self.name(client).await {
            Ok(Some(name)) => name.to_owned(),
            Ok(None) => "the model served".to_owned(),
            Err(failure) => return Err(failure.into_source_error()),
        };
        let route = match self.listing {
            Listing::OpenAi => "/v1/models".to_owned(),
            Listing::Anthropic => format!("/v1/models/{name}"),
            Listing::Gemini => format!("/v1beta/models/{}", name.trim_start_matches("models/")),
            Listing::None => return Ok(Identity::of_alias(name)),
        };
        let mut identity = Identity::of_alias(name.clone());
        match client.get(&route).await {
            Ok(reply) => {
                let models = of_list(&reply.body);
                let own = models.iter().find(|model| model.id == name);
                // A server with a single model answers with it under any name.
                let own = own.or(models.first().filter(|_| models.len() == 1));
                if self.given.is_none()
                    && let Some(own) = own
                {
                    identity = Identity::of_alias(own.id.clone());
                }
                if let Some(root) = own.and_then(|own| own.root.as_deref())
                    && root != identity.name
                {
                    identity.fingerprint = format!("{} ({root})", identity.fingerprint);
                }
                Ok(identity)
            }
            Err(failure) => match failure.kind {
                // A key for inference alone may not see the list.
                FailureKind::Denied if failure.status == Some(403) && self.given.is_some() => {
                    Ok(identity)
                }
                FailureKind::Denied if failure.status != Some(404) => Err(failure.into()),
                FailureKind::Unreachable if matches!(failure.status, None | Some(503)) => {
                    Err(failure.into())
                }
                FailureKind::Busy => Err(failure.into()),
                // Not every server lists its models; the first request will tell.
                _ => Ok(identity),
            },
        }
    }
}

/// A model that a server lists.
struct Listed {
    id: String,
    root: Option<String>,
}

async fn listed(client: &Client) -> Result<Vec<Listed>, Failure> {
    let reply = client.get("/v1/models").await.map_err(|failure| match failure.kind {
        FailureKind::NoRoute | FailureKind::Rejected => Failure {
            kind: FailureKind::Broken,
            message: format!(
                "the server does not list its models; set `model` ({})",
                failure.message
            ),
            ..failure
        },
        _ => failure,
    })?;
    Ok(of_list(&reply.body))
}

fn of_list(body: &Value) -> Vec<Listed> {
    let list = body.get("data").and_then(Value::as_array);
    let text = |model: &Value, key: &str| model.get(key)?.as_str().map(str::to_owned);
    let models = list.into_iter().flatten();
    models
        .filter_map(|model| Some(Listed { id: text(model, "id")?, root: text(model, "root") }))
        .collect()
}

fn only_one(models: &[Listed]) -> Result<String, Failure> {
    match models {
        [only] => Ok(only.id.clone()),
        [] => {
            let message = "the server lists no model; set `model`";
            Err(Failure::new(FailureKind::Broken, message))
        }
        several => {
            let names: Vec<String> =
                several.iter().take(20).map(|model| format!("`{}`", model.id)).collect();
            let message = format!(
                "the server lists {} models; set `model` to one of {}",
                several.len(),
                names.join(", ")
            );
            Err(Failure::new(FailureKind::Broken, message))
        }
    }
}
