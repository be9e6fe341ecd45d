//! The generator `http.completions`: text in, text out, with the chat template applied on our side.

pub(crate) mod echo;
mod llama_server;
mod openai;
mod rendering;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{Card, Context, PathSetting, Registry, SelfCheck, ServerRef, SettingsError};

use crate::chat::{tags, think_tags};
use crate::client::{Client, Dialect};
use crate::connection::{Connection, Keys};
use crate::learned::Learned;
use crate::models::{Listing, Model};
use crate::talk::{Talk, Wire};
use crate::thinking::Tags;
use rendering::Rendering;

const CARD: Card = Card {
    kind: "http.completions",
    summary: "Completions of plain text over HTTP, with a chat template from a file.",
    version: "1",
    example: "kind = \"http.completions\"\nbase-url = \"http://127.0.0.1:8000/v1\"\nmodel = \"my-judge\"\n",
    self_check: SelfCheck::Skip,
};

/// Whose interface the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Provider {
    /// `POST /v1/completions`: vLLM, SGLang, llama-server and others.
    #[default]
    Openai,
    /// `POST /completion` of llama-server.
    LlamaServer,
}

/// Settings of `http.completions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Whose interface the server speaks.
    #[serde(default)]
    provider: Provider,
    /// Where the server is, with or without `/v1`.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    base_url: Option<String>,
    /// Several servers of the same model that share the load. One that fails is left alone for a few seconds.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    base_urls: Vec<String>,
    /// A server that the program starts and stops itself.
    #[serde(default)]
    server: Option<ServerRef>,
    /// The model's name. Without it, the only model that the server lists.
    #[serde(default)]
    model: Option<String>,
    /// A model folder, a `tokenizer_config.json` or a template file (`.jinja`). Without it, a prompt of one turn is sent
    /// as it is, and a longer one as lines that begin with the speaker's name. A begin token (BOS) that the template
    /// writes is cut off, since servers write their own, unless `tokenizer_config.json` or the `tokenizer.json` beside
    /// it says that the tokenizer adds none, or `extra` holds `add_special_tokens = false`.
    #[serde(default)]
    template: Option<PathSetting>,
    /// Variables for the template, such as `enable_thinking`.
    #[serde(default)]
    template_variables: Map<String, Value>,
    /// The environment variable that holds the key.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    api_key_env: Option<String>,
    /// Headers that go with every request. Those that carry keys belong into `headers-env`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers whose values stand in environment variables: header to variable.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    headers_env: BTreeMap<String, String>,
    /// A table merged into the body of every request.
    #[serde(default)]
    extra: Map<String, Value>,
    /// Most requests at the same time, at least 1.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 4096))]
    #[schemars(extend("x-tribunal-operational" = true))]
    concurrency: usize,
    /// Whether seeds are sent. Servers read 31 bits of them.
    #[serde(default = "yes")]
    seeds: bool,
    /// True when several samples may be asked for by `n`; what is missing is asked for one by one.
    #[serde(default = "yes")]
    n: bool,
    /// How many of the likeliest tokens are asked for when labels are read; many servers take 5 to 20.
    #[serde(default = "top_logprobs")]
    top_logprobs: u32,
    /// What begins and what ends reasoning at the start of a reply; an empty list when nothing does.
    #[serde(default = "think_tags")]
    think_tags: Vec<String>,
    /// Whether the server's `system_fingerprint` is a part of the model's name in replies, so that a run stops when it
    /// changes. OpenAI alternates between several for one model.
    #[serde(default)]
    fingerprints: bool,
    /// The largest reply that is read, in bytes; 16 MiB unless set.
    #[serde(default)]
    #[schemars(range(min = 1024))]
    #[schemars(extend("x-tribunal-operational" = true))]
    most_bytes: Option<u64>,
}

fn concurrency() -> usize {
    32
}

fn yes() -> bool {
    true
}

fn top_logprobs() -> u32 {
    20
}

/// What both interfaces need of the settings.
struct Ways {
    rendering: Rendering,
    extra: Map<String, Value>,
    seeds: bool,
    n: bool,
    fingerprints: bool,
    top_logprobs: u32,
    tags: Option<Tags>,
}

impl Ways {
    /// True when the prompt ends with the tag that opens the reasoning.
    fn opens(&self, rendered: &str) -> bool {
        self.tags.as_ref().is_some_and(|tags| rendered.trim_end().ends_with(&*tags.open))
    }
}

fn build(settings: Settings, context: &dyn Context) -> Result<Talk, SettingsError> {
    let connection = Connection::of_keys(
        Keys {
            base_url: settings.base_url.as_deref(),
            base_urls: &settings.base_urls,
            server: settings.server.as_ref(),
            server_key: "server",
            default: None,
            api_key_env: settings.api_key_env.as_deref(),
            headers: &settings.headers,
            headers_env: &settings.headers_env,
            most_bytes: settings.most_bytes,
        },
        context,
    )?;
    let template = settings.template.as_ref().map(PathSetting::as_path);
    let begins = settings.extra.get("add_special_tokens") != Some(&Value::Bool(false));
    let ways = Ways {
        rendering: Rendering::new(template, settings.template_variables, begins)?,
        fingerprints: settings.fingerprints,
        extra: settings.extra,
        seeds: settings.seeds,
        n: settings.n,
        top_logprobs: settings.top_logprobs,
        tags: tags(&settings.think_tags)?,
    };
    let model = Model::new(settings.model, Listing::OpenAi);
    let (wire, model): (Box<dyn Wire>, Model) = match settings.provider {
        Provider::Openai => (Box::new(openai::Completions { ways }), model),
        Provider::LlamaServer => (Box::new(llama_server::Completion { ways }), model.optional()),
    };
    Ok(Talk {
        client: Client::new(connection, Dialect::OpenAi, context)?,
        wire,
        model,
        concurrency: settings.concurrency.max(1),
        learned: Learned::default(),
        kept: Mutex::new(HashMap::new()),
        may_inspect: true,
    })
}

/// Registers the kind.
pub(crate) fn register(registry: &mut Registry) {
    registry.generator(CARD, build);
}
