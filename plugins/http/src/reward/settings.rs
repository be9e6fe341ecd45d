//! The settings of `http.reward` as they stand in a recipe.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{PathSetting, ServerRef};

use super::server::Server;

/// Settings of `http.reward`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    /// Which server answers, and at which of its routes.
    pub(super) server: Server,
    /// Where the server is, `http://host:port`. One of `base-url`, `base-urls` and `managed` is needed.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) base_url: Option<String>,
    /// Several servers of the same model that share the load. One that fails is left alone for a few seconds.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) base_urls: Option<Vec<String>>,
    /// A `[server.x]` block that the program starts and stops itself.
    pub(super) managed: Option<ServerRef>,
    /// The served model's name. Left out, the server's only model answers.
    pub(super) model: Option<String>,
    /// The environment variable that holds the key. Left out, no key is sent.
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) api_key_env: Option<String>,
    /// Headers of every request, by name. Those that carry keys belong into `headers-env`.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Headers whose value an environment variable holds: header to variable.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) headers_env: BTreeMap<String, String>,
    /// The most requests at the same time. Default 8.
    #[schemars(range(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) concurrency: Option<usize>,
    /// The most texts in one request. The default depends on the server.
    #[schemars(range(min = 1))]
    pub(super) batch_size: Option<usize>,
    /// The most bytes of a reply that are read.
    #[schemars(range(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    pub(super) most_bytes: Option<u64>,
    /// Who turns a dialogue into the text that the model reads. Default: `template` where `template` is set, else `server`
    /// where the server can, else `plain` for `generic` and where prompt and reply are sent apart. Others need one of
    /// the two keys.
    pub(super) render: Option<Render>,
    /// A model folder, a `tokenizer_config.json` or a chat template in Jinja (`.jinja`), which renders dialogue and reply.
    pub(super) template: Option<PathSetting>,
    /// Which template is taken of several that have names. Default `default`, or the only one.
    pub(super) template_name: Option<String>,
    /// The day that the template writes where it writes today's, such as `2024-07-26`.
    pub(super) template_date: Option<String>,
    /// Variables of the template beside the messages, such as `bos_token` or `enable_thinking`.
    #[serde(default)]
    pub(super) template_variables: Map<String, Value>,
    /// The class whose value is the reward, by its number from 0 (below 0: from the end) or by the name that the server
    /// gives it. Needed where the model has more than one.
    pub(super) label: Option<Label>,
    /// Ids of the tokens whose probability is read, for `sglang-score`.
    #[schemars(length(min = 1))]
    pub(super) label_tokens: Option<Vec<u32>>,
    /// What is done to the value that was read.
    #[serde(default)]
    pub(super) transform: Transform,
    /// What becomes of a text that is longer than the model reads.
    #[serde(default)]
    pub(super) truncate: Truncate,
    /// Whether the server puts its tokenizer's special tokens (BOS) around a text. Default: not where the template has
    /// written BOS itself. Servers that always put them are sent the text without the template's BOS, unless this is
    /// `true` or the tokenizer's settings say that it adds none.
    pub(super) special_tokens: Option<bool>,
    /// Which row is read of a model that gives one row of values per token or step.
    pub(super) step: Option<Step>,
    /// What is sent, for `generic`.
    pub(super) request: Option<Request>,
    /// Where the reply's parts are, for `generic`.
    pub(super) pointers: Option<Pointers>,
}

/// Who turns a dialogue into text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Render {
    /// The chat template at `template`.
    Template,
    /// The server, with the template of its model.
    Server,
    /// Nobody: the plain join. One user turn is its text; of several, each is `Role: text`. The reply follows after an
    /// empty line.
    Plain,
}

/// The class whose value is the reward.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum Label {
    /// Its number, from 0; below 0 it counts from the end.
    Number(i64),
    /// Its name.
    Name(String),
}

impl TryFrom<Value> for Label {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(name) => Ok(Label::Name(name)),
            Value::Number(number) => number
                .as_i64()
                .map(Label::Number)
                .ok_or_else(|| format!("`{number}` is not the number of a class")),
            other => Err(format!("`{other}` is neither the number nor the name of a class")),
        }
    }
}

impl JsonSchema for Label {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Label".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}

/// What is done to the value that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Transform {
    /// The value is the reward.
    #[default]
    None,
    /// Minus the value: the server's scale says how bad a reply is.
    Negate,
    /// ln(p / (1 - p)) of a probability between 0 and 1, both left out.
    Logit,
}

/// What becomes of a text that is longer than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Truncate {
    /// It is not scored: the question abstains.
    #[default]
    Error,
    /// The server drops its beginning.
    Left,
    /// The server drops its end.
    Right,
}

/// Which row is read of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// The last row, and its last value where `label` names no other.
    Last,
}

/// What is sent to a server of one's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Request {
    /// The path after the base URL, such as `/reward`; or a whole URL, and then no base URL is needed.
    pub(super) url: String,
    /// The method.
    #[serde(default)]
    pub(super) method: Method,
    /// The body: a minijinja text that renders to JSON. It knows `texts`, `prompts`, `candidates`, `messages` (lists,
    /// one entry a question) and `model`; with a batch size of 1 also `text`, `prompt`, `candidate` and `turns`.
    pub(super) body: String,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Method {
    /// POST.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// PUT.
    #[serde(rename = "PUT")]
    Put,
}

impl Method {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
        }
    }
}

/// Where the parts of a reply are: JSON pointers, in which `*` stands for every entry of a list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Pointers {
    /// The scores: `/data/*/score`, a list such as `/rewards`, or the one score of a batch size of 1.
    pub(super) scores: String,
    /// The position in the request of each score, from 0, where the server may reorder them: `/data/*/index`.
    pub(super) index: Option<String>,
    /// The text of an error that comes in a reply of status 200: `/error/message`.
    pub(super) error: Option<String>,
    /// The name of the model that answered.
    pub(super) model: Option<String>,
}
