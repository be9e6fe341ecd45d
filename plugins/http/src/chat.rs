//! The generator `http.chat`: chat completions of OpenAI and all compatible servers, Azure, Anthropic and Gemini.

mod anthropic;
mod gemini;
pub(crate) mod openai;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{Card, Context, Registry, Role, SelfCheck, ServerRef, SettingsError, Turn};

use crate::client::{Client, Dialect};
use crate::connection::{Connection, Keys};
use crate::learned::Learned;
use crate::models::{Listing, Model};
use crate::talk::{Talk, Wire};
use crate::thinking::Tags;

const CARD: Card = Card {
    kind: "http.chat",
    summary: "Chat models over HTTP: OpenAI and compatible servers, Azure, Anthropic, Gemini.",
    version: "1",
    example: "kind = \"http.chat\"\nbase-url = \"http://127.0.0.1:8000/v1\"\nmodel = \"my-judge\"\n",
    self_check: SelfCheck::Skip,
};

/// Whose interface the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Provider {
    /// OpenAI, and every compatible server: vLLM, SGLang, llama-server, Ollama.
    #[default]
    Openai,
    /// Azure OpenAI: key in the header `api-key`, deployment named by `model` or in the base URL.
    Azure,
    /// The messages interface of Anthropic.
    Anthropic,
    /// `generateContent` of Gemini.
    Gemini,
    /// OpenRouter: compatible with OpenAI, with an address of its own.
    Openrouter,
    /// Together: compatible with OpenAI, with an address of its own.
    Together,
}

/// How several samples of one prompt are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SamplesBy {
    /// By `n` where the server takes it and gives as many; else one request each.
    #[default]
    Auto,
    /// By `n`; what is missing is asked for one by one.
    N,
    /// One request each.
    Calls,
}

/// The name of the token limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
enum TokenLimitKey {
    /// `max_tokens`.
    #[default]
    #[serde(rename = "max_tokens")]
    MaxTokens,
    /// `max_completion_tokens`.
    #[serde(rename = "max_completion_tokens")]
    MaxCompletionTokens,
}

/// What becomes of turns of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SystemPrompt {
    /// They are sent as they are.
    #[default]
    Keep,
    /// They are put before the next turn of the user, for templates without a place for them.
    Merge,
}

/// How a server is told that a reply must be one of a few texts, or follow a grammar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Choices {
    /// It is not told: the prompt's own reading of the reply decides.
    #[default]
    Ignore,
    /// vLLM: `structured_outputs` with `choice`. Gemini: an enum.
    StructuredOutputs,
    /// Older vLLM: `guided_choice`. Gemini: an enum.
    GuidedChoice,
    /// llama-server: `grammar` in GBNF.
    Grammar,
}

/// Settings of `http.chat`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Whose interface the server speaks.
    #[serde(default)]
    provider: Provider,
    /// Where the server is, with or without `/v1`. Without it, the provider's own address.
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
    /// The environment variable that holds the key. For a provider's own address the provider's usual variable stands
    /// in (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `OPENROUTER_API_KEY`, `TOGETHER_API_KEY`).
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    api_key_env: Option<String>,
    /// The version of Azure's interface.
    #[serde(default = "api_version")]
    api_version: String,
    /// Headers that go with every request. Those that carry keys belong into `headers-env`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers whose values stand in environment variables: header to variable.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    headers_env: BTreeMap<String, String>,
    /// A table merged into the body of every request, such as `chat_template_kwargs`.
    #[serde(default)]
    extra: Map<String, Value>,
    /// Most requests at the same time, at least 1.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 4096))]
    #[schemars(extend("x-tribunal-operational" = true))]
    concurrency: usize,
    /// The name of the token limit in requests. When the server refuses one name, the other is used.
    #[serde(default)]
    token_limit_key: TokenLimitKey,
    /// Whether seeds are sent. Servers read 31 bits of them.
    #[serde(default = "yes")]
    seeds: bool,
    /// How several samples of one prompt are asked for.
    #[serde(default)]
    samples_by: SamplesBy,
    /// How many of the likeliest tokens are asked for when labels are read, 0 to 20 for most servers.
    #[serde(default = "top_logprobs")]
    top_logprobs: u32,
    /// What begins and what ends reasoning at the start of a reply; an empty list when nothing does.
    #[serde(default = "think_tags")]
    think_tags: Vec<String>,
    /// True when the server's template already opens the reasoning, so that a reply starts inside it.
    #[serde(default)]
    think_opened: bool,
    /// What becomes of turns of the system.
    #[serde(default)]
    system_prompt: SystemPrompt,
    /// How a server is told that a reply must be one of a few texts, or follow a grammar.
    #[serde(default)]
    choices: Choices,
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

fn api_version() -> String {
    "2024-10-21".to_owned()
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

pub(crate) fn think_tags() -> Vec<String> {
    vec!["<think>".to_owned(), "</think>".to_owned()]
}

impl Provider {
    /// The provider's own address and the variable that usually holds its key.
    fn home(self) -> Option<(&'static str, &'static str)> {
        match self {
            Provider::Openai => Some(("https://api.openai.com", "OPENAI_API_KEY")),
            Provider::Azure => None,
            Provider::Anthropic => Some(("https://api.anthropic.com", "ANTHROPIC_API_KEY")),
            Provider::Gemini => {
                Some(("https://generativelanguage.googleapis.com", "GEMINI_API_KEY"))
            }
            Provider::Openrouter => Some(("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")),
            Provider::Together => Some(("https://api.together.xyz/v1", "TOGETHER_API_KEY")),
        }
    }

    fn dialect(self) -> Dialect {
        match self {
            Provider::Openai | Provider::Openrouter | Provider::Together => Dialect::OpenAi,
            Provider::Azure => Dialect::Azure,
            Provider::Anthropic => Dialect::Anthropic,
            Provider::Gemini => Dialect::Gemini,
        }
    }

    fn listing(self) -> Listing {
        match self {
            Provider::Openai | Provider::Openrouter | Provider::Together => Listing::OpenAi,
            Provider::Azure => Listing::None,
            Provider::Anthropic => Listing::Anthropic,
            Provider::Gemini => Listing::Gemini,
        }
    }
}

/// What all three interfaces need of the settings.
#[derive(Debug)]
struct Ways {
    extra: Map<String, Value>,
    seeds: bool,
    samples_by: SamplesBy,
    top_logprobs: u32,
    tags: Option<Tags>,
    think_opened: bool,
    system_prompt: SystemPrompt,
    choices: Choices,
    fingerprints: bool,
}

impl Ways {
    /// The turns as they are sent.
    fn turns<'a>(&self, turns: &'a [Turn]) -> Cow<'a, [Turn]> {
        match self.system_prompt {
            SystemPrompt::Keep => Cow::Borrowed(turns),
            SystemPrompt::Merge => Cow::Owned(merged(turns)),
        }
    }
}

/// Turns of the system put before the next turn of the user, or made a turn of the user when none follows.
fn merged(turns: &[Turn]) -> Vec<Turn> {
    let mut waiting: Vec<&str> = Vec::new();
    let mut kept: Vec<Turn> = Vec::new();
    for turn in turns {
        match turn.role {
            Role::System => waiting.push(&turn.content),
            Role::User if !waiting.is_empty() => {
                waiting.push(&turn.content);
                kept.push(Turn::user(waiting.join("\n\n")));
                waiting.clear();
            }
            _ => kept.push(turn.clone()),
        }
    }
    if !waiting.is_empty() {
        kept.push(Turn::user(waiting.join("\n\n")));
    }
    kept
}

/// Puts a table into a body: tables are merged, everything else is replaced.
pub(crate) fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (key, value) in extra {
        match (body.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => merge(inner, more),
            _ => {
                body.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The 31 bits of a seed that every server reads.
pub(crate) fn seed_bits(seed: u64) -> u64 {
    seed & 0x7fff_ffff
}

/// The two tags of the settings, or none.
pub(crate) fn tags(texts: &[String]) -> Result<Option<Tags>, SettingsError> {
    match texts {
        [] => Ok(None),
        [open, close] if !open.is_empty() && !close.is_empty() => {
            Ok(Some(Tags { open: open.clone(), close: close.clone() }))
        }
        _ => {
            let message = format!("`think-tags` holds {} texts", texts.len());
            Err(SettingsError::of_key("think-tags", message)
                .with_hint("write the opening and the closing tag, or an empty list"))
        }
    }
}

fn build(settings: Settings, context: &dyn Context) -> Result<Talk, SettingsError> {
    let provider = settings.provider;
    let at_home =
        settings.base_url.is_none() && settings.base_urls.is_empty() && settings.server.is_none();
    let home = provider.home().filter(|_| at_home);
    // A usual variable is never sent to an address that the recipe names: it may be somebody else's.
    let api_key_env = settings.api_key_env.as_deref().or(home.map(|(_, variable)| variable));
    let connection = Connection::of_keys(
        Keys {
            base_url: settings.base_url.as_deref(),
            base_urls: &settings.base_urls,
            server: settings.server.as_ref(),
            server_key: "server",
            default: home.map(|(url, _)| url),
            api_key_env,
            headers: &settings.headers,
            headers_env: &settings.headers_env,
            most_bytes: settings.most_bytes,
        },
        context,
    )?;
    let has_deployment = connection.endpoints.iter().all(|url| url.contains("/deployments/"));
    let named_elsewhere = match provider {
        Provider::Azure => has_deployment,
        Provider::Anthropic | Provider::Gemini => false,
        _ => !at_home,
    };
    if settings.model.is_none() && !named_elsewhere {
        return Err(SettingsError::of_key("model", "the key `model` is missing")
            .with_hint("name the model as the provider does"));
    }
    let ways = Ways {
        extra: settings.extra,
        seeds: settings.seeds,
        samples_by: settings.samples_by,
        top_logprobs: settings.top_logprobs,
        tags: tags(&settings.think_tags)?,
        think_opened: settings.think_opened,
        system_prompt: settings.system_prompt,
        choices: settings.choices,
        fingerprints: settings.fingerprints,
    };
    let azure = (provider == Provider::Azure).then(|| openai::Azure {
        version: settings.api_version,
        base: connection.endpoints.first().cloned().unwrap_or_default(),
    });
    let wire: Box<dyn Wire> = match provider {
        Provider::Anthropic => Box::new(anthropic::Messages { ways }),
        Provider::Gemini => Box::new(gemini::GenerateContent { ways }),
        _ => {
            let limit_key = settings.token_limit_key;
            Box::new(openai::ChatCompletions { ways, limit_key, azure })
        }
    };
    let model = Model::new(settings.model, provider.listing());
    Ok(Talk {
        client: Client::new(connection, provider.dialect(), context)?,
        wire,
        model: if provider == Provider::Azure { model.optional() } else { model },
        concurrency: settings.concurrency.max(1),
        learned: Learned::default(),
        kept: Mutex::new(HashMap::new()),
        may_inspect: provider == Provider::Openai && !at_home,
    })
}

/// Registers the kind.
pub(crate) fn register(registry: &mut Registry) {
    registry.generator(CARD, build);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn system(content: &str) -> Turn {
        Turn { role: Role::System, content: content.to_owned() }
    }

    #[test]
    fn turns_of_the_system_are_merged_into_the_next_turn_of_the_user() {
        let turns =
            [system("be fair"), Turn::user("hello"), Turn::assistant("hi"), Turn::user("x")];
        let wanted = [Turn::user("be fair\n\nhello"), Turn::assistant("hi"), Turn::user("x")];
        assert_eq!(merged(&turns), wanted);
        assert_eq!(merged(&[system("alone")]), [Turn::user("alone")]);
    }

    #[test]
    fn extra_tables_are_merged_and_other_values_replaced() {
        let mut body = json!({"a": {"x": 1, "y": 2}, "b": 1});
        let extra = json!({"a": {"y": 3, "z": 4}, "b": 2, "c": []});
        merge(body.as_object_mut().unwrap(), extra.as_object().unwrap());
        assert_eq!(body, json!({"a": {"x": 1, "y": 3, "z": 4}, "b": 2, "c": []}));
    }
}
