//! The implicit reward of a model trained on preferences: how much likelier it finds a reply than the model it began as.
//!
//! Two completion endpoints echo the log-probabilities of one rendered text. The reward is the sum over the reply's
//! tokens of log p(policy) - log p(reference), without a factor and without regard to length. The reply is all that the
//! template writes after the dialogue, the header of the assistant's turn and the end token included.
//!
//! Source: Rafailov et al., "Direct Preference Optimization" (2023), section 4, without beta; the tokens that count are
//! those of RewardBench's script for such models.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{
    Answer, Answers, Arity, Card, Context, Counted, Estimate, Identity, Inspection, Limits,
    PathSetting, Question, Quota, Registry, RewardSource, SelfCheck, ServerRef, SettingsError,
    SourceError, Strength, Usage,
};

use super::ask::Miss;
use super::identify::look;
use super::read::text_of;
use super::render::{Template, TemplateKeys};
use crate::client::{Client, Dialect};
use crate::completions::echo::{EchoBy, EchoToken, echo};
use crate::connection::{Connection, Keys};
use crate::failure::{Failure, FailureKind};

const CARD: Card = Card {
    kind: "http.likelihood",
    summary: "The implicit reward of a DPO model: log-probability of the reply under it, less that under its reference.",
    version: "1",
    example: r#"[source.dpo]
kind = "http.likelihood"
policy = { base-url = "http://127.0.0.1:8000", model = "zephyr-7b-beta" }
reference = { base-url = "http://127.0.0.1:8001", model = "zephyr-7b-sft" }
template = "examples/templates/chatml.jinja"
"#,
    self_check: SelfCheck::KnownPairs,
};

/// The route that echoes.
const ROUTE: &str = "/v1/completions";
/// What a log-probability may be above 0 by rounding.
const MOST_LOGPROB: f64 = 1e-6;
/// The most texts whose first half is kept while the second has to be asked again.
const MOST_KEPT: usize = 256;

/// Settings of `http.likelihood`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The model whose preferences are read.
    policy: Endpoint,
    /// The model that it began as. Left out, the log-probability under the policy is the reward.
    reference: Option<Endpoint>,
    /// A model folder, a `tokenizer_config.json` or a chat template in Jinja (`.jinja`), which renders dialogue and reply.
    template: PathSetting,
    /// Which template is taken of several that have names. Default `default`, or the only one.
    template_name: Option<String>,
    /// The day that the template writes where it writes today's, such as `2024-07-26`.
    template_date: Option<String>,
    /// Variables of the template beside the messages, such as `bos_token`.
    #[serde(default)]
    template_variables: Map<String, Value>,
    /// What the sum is divided by. Only without a reference.
    #[serde(default)]
    normalise: Normalise,
    /// The most questions at the same time. Default 8.
    #[schemars(range(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    concurrency: Option<usize>,
}

/// Where a model answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Endpoint {
    /// Where the server is, `http://host:port`. One of `base-url`, `base-urls` and `managed` is needed.
    #[schemars(extend("x-tribunal-operational" = true))]
    base_url: Option<String>,
    /// Several servers of the same model that share the load. One that fails is left alone for a few seconds.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    base_urls: Option<Vec<String>>,
    /// A `[server.x]` block that the program starts and stops itself.
    managed: Option<ServerRef>,
    /// The served model's name.
    model: String,
    /// How the server is asked for the log-probabilities of a prompt.
    #[serde(default)]
    log_probabilities: Asked,
    /// The environment variable that holds the key. Left out, no key is sent.
    #[schemars(extend("x-tribunal-operational" = true))]
    api_key_env: Option<String>,
    /// Headers of every request, by name. Those that carry keys belong into `headers-env`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers whose value an environment variable holds: header to variable.
    #[serde(default)]
    #[schemars(extend("x-tribunal-operational" = true))]
    headers_env: BTreeMap<String, String>,
    /// The most bytes of a reply that are read.
    #[schemars(range(min = 1))]
    #[schemars(extend("x-tribunal-operational" = true))]
    most_bytes: Option<u64>,
}

/// How a server is asked for the log-probabilities of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Asked {
    /// By `echo` with `logprobs`: vLLM, SGLang, llama-cpp-python and others.
    #[default]
    Echo,
    /// By `prompt_logprobs`, as vLLM has it.
    PromptLogprobs,
}

/// What a sum of log-probabilities is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Normalise {
    /// Nothing.
    #[default]
    None,
    /// The number of the reply's tokens.
    PerToken,
}

/// One of the two models.
struct Model {
    client: Client,
    name: String,
    by: EchoBy,
}

/// What one model says of a reply.
#[derive(Clone, Debug)]
struct Half {
    /// The sum over the reply's tokens of the natural logarithm of their probability.
    sum: f64,
    /// The number of the reply's tokens.
    tokens: usize,
    usage: Usage,
    served: Option<String>,
    request: Option<String>,
}

/// A question as it is sent: the rendered text and the byte at which the reply begins.
#[derive(Clone, Debug)]
struct Subject {
    text: String,
    reply_at: usize,
}

struct Likelihood {
    policy: Model,
    reference: Option<Model>,
    template: Template,
    normalise: Normalise,
    limits: Limits,
    /// First halves that were paid for and wait for their second.
    halves: Mutex<BTreeMap<String, Half>>,
}

impl Model {
    fn new(key: &str, endpoint: &Endpoint, context: &dyn Context) -> Result<Self, SettingsError> {
        let build = || {
            let keys = Keys {
                base_url: endpoint.base_url.as_deref(),
                base_urls: endpoint.base_urls.as_deref().unwrap_or_default(),
                server: endpoint.managed.as_ref(),
                server_key: "managed",
                default: None,
                api_key_env: endpoint.api_key_env.as_deref(),
                headers: &endpoint.headers,
                headers_env: &endpoint.headers_env,
                most_bytes: endpoint.most_bytes,
            };
            Client::new(Connection::of_keys(keys, context)?, Dialect::OpenAi, context)
        };
        let client = build().map_err(|mut fault| {
            fault.path.insert(0, tribunal_api::settings::Step::Key(key.to_owned()));
            fault
        })?;
        let by = match endpoint.log_probabilities {
            Asked::Echo => EchoBy::Echo,
            Asked::PromptLogprobs => EchoBy::PromptLogprobs,
        };
        Ok(Self { client, name: endpoint.model.clone(), by })
    }

    async fn half(&self, subject: &Subject) -> Result<Half, Miss> {
        let echoed = echo(&self.client, Some(&self.name), &subject.text, self.by, &Map::new())
            .await
            .map_err(|failure| miss(&self.name, failure))?;
        let (sum, tokens) = sum_of_reply(&echoed.tokens, subject.reply_at).map_err(|message| {
            let message = format!("`{}`: {message}", self.name);
            Miss::Error(SourceError::Broken { message })
        })?;
        Ok(Half {
            sum,
            tokens,
            usage: echoed.usage,
            served: echoed.served,
            request: echoed.request_id,
        })
    }

    async fn served(&self) -> Result<String, SourceError> {
        let found = look(&self.client, "/v1/models").await?;
        let entries = found.as_ref().and_then(|body| body.get("data")?.as_array());
        let entry = entries.into_iter().flatten().find(|entry| entry["id"] == *self.name);
        let root = entry.and_then(|entry| text_of(entry.get("root")));
        Ok(match root {
            Some(root) if root != self.name => format!("{} ({root})", self.name),
            _ => self.name.clone(),
        })
    }
}

fn miss(model: &str, failure: Failure) -> Miss {
    use tribunal_api::Reason;
    let message = format!("`{model}`: {}", failure.message);
    match failure.kind {
        FailureKind::TooLong | FailureKind::BatchTooLarge => {
            Miss::Abstains(Reason::TooLong, message)
        }
        FailureKind::Refused => Miss::Abstains(Reason::Refused, message),
        _ => Miss::Error(Failure { message, ..failure }.into_source_error()),
    }
}

/// The sum of the log-probabilities of the tokens that begin at this byte or later, and their number.
fn sum_of_reply(tokens: &[EchoToken], reply_at: usize) -> Result<(f64, usize), String> {
    let mut sum = 0.0;
    let mut count = 0;
    for token in tokens.iter().filter(|token| token.offset >= reply_at) {
        let logprob = token.logprob.filter(|logprob| logprob.is_finite());
        let Some(logprob) = logprob else {
            return Err(format!("the reply's token `{}` has no log-probability", token.text));
        };
        if logprob > MOST_LOGPROB {
            return Err(format!("`{logprob}` is no log-probability: it is above 0"));
        }
        sum += logprob;
        count += 1;
    }
    if count == 0 { Err("no token of the reply was echoed".to_owned()) } else { Ok((sum, count)) }
}

impl Likelihood {
    fn new(config: &Config, context: &dyn Context) -> Result<Self, SettingsError> {
        if config.reference.is_some() && config.normalise != Normalise::None {
            return Err(SettingsError::of_key(
                "normalise",
                "a difference of two models is not divided by tokens",
            )
            .with_hint("leave `normalise` or `reference` out"));
        }
        let template = Template::open(&TemplateKeys {
            path: &config.template,
            name: config.template_name.as_deref(),
            date: config.template_date.as_deref(),
            variables: &config.template_variables,
        })?;
        let policy = Model::new("policy", &config.policy, context)?;
        let reference = config.reference.as_ref();
        let reference = reference.map(|each| Model::new("reference", each, context)).transpose()?;
        let in_flight = config.concurrency.unwrap_or(super::CONCURRENCY).max(1);
        let limits = Limits { batch: 1, in_flight, lane: Some(policy.client.lane()) };
        Ok(Self {
            policy,
            reference,
            template,
            normalise: config.normalise,
            limits,
            halves: Mutex::default(),
        })
    }

    fn subject(&self, question: &Question) -> Result<Subject, SourceError> {
        let rejected = |message: String| SourceError::Rejected { message };
        if question.candidates().len() != 1 {
            let count = question.candidates().len();
            return Err(rejected(format!("one candidate with its text is needed, found {count}")));
        }
        let text = self.template.text(question).map_err(|error| rejected(error.to_string()))?;
        // Some templates close the dialogue in another way when no reply follows.
        let dialogue = self.template.dialogue(question).ok();
        let reply_at = match dialogue.filter(|dialogue| text.starts_with(dialogue.as_str())) {
            Some(dialogue) => dialogue.len(),
            None => {
                let before = self.template.before_reply(question);
                before.map_err(|error| rejected(error.to_string()))?.len()
            }
        };
        // Completion routes write BOS themselves.
        let cut =
            self.template.server_bos().filter(|bos| text.starts_with(bos)).map_or(0, str::len);
        Ok(Subject { text: text[cut..].to_owned(), reply_at: reply_at.saturating_sub(cut) })
    }

    async fn answer(&self, question: &Question) -> Result<Answer, SourceError> {
        let subject = self.subject(question)?;
        let kept = self.halves.lock().unwrap_or_else(PoisonError::into_inner).remove(&subject.text);
        let policy = match kept {
            Some(half) => half,
            None => match self.policy.half(&subject).await {
                Ok(half) => half,
                Err(miss) => return miss.into_answer(),
            },
        };
        let Some(model) = &self.reference else {
            let value = match self.normalise {
                Normalise::None => policy.sum,
                Normalise::PerToken => policy.sum / policy.tokens as f64,
            };
            return Ok(told(Answer::score(value)?, &policy, None));
        };
        match model.half(&subject).await {
            Ok(reference) => {
                let answer = Answer::score(policy.sum - reference.sum)?;
                Ok(told(answer, &policy, Some(&reference)))
            }
            Err(miss) => {
                if matches!(&miss, Miss::Error(error) if error.may_retry()) {
                    let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
                    if halves.len() < MOST_KEPT {
                        halves.insert(subject.text, policy);
                    }
                }
                miss.into_answer()
            }
        }
    }
}

/// The answer with both halves, what they cost and who gave them.
fn told(answer: Answer, policy: &Half, reference: Option<&Half>) -> Answer {
    let mut answer = answer
        .with_part("policy", vec![policy.sum])
        .with_part("tokens", vec![policy.tokens as f64]);
    if let Some(reference) = reference {
        answer = answer.with_part("reference", vec![reference.sum]);
    }
    let halves = [Some(policy), reference];
    let halves = || halves.iter().flatten();
    answer.usage = Usage {
        input_tokens: halves().map(|half| half.usage.input_tokens).sum(),
        output_tokens: halves().map(|half| half.usage.output_tokens).sum(),
        usd: halves().map(|half| half.usage.usd).sum(),
    };
    let served: Option<Vec<&str>> = halves().map(|half| half.served.as_deref()).collect();
    answer.origin.served = served.map(|served| served.join(" against "));
    answer.origin.requests = halves().filter_map(|half| half.request.clone()).collect();
    answer
}

#[async_trait]
impl RewardSource for Likelihood {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn quota(&self) -> Option<Quota> {
        let models = [Some(&self.policy), self.reference.as_ref()];
        let quotas = models.into_iter().flatten().filter_map(|model| model.client.quota());
        quotas.min_by(|one, other| one.left.total_cmp(&other.left))
    }

    fn estimate(&self, question: &Question) -> Option<Estimate> {
        let turns = question.prompt().iter().map(|turn| turn.content.as_str());
        let texts = turns.chain(question.candidates().iter().map(|text| &**text));
        let tokens: u64 = texts.map(|text| Estimate::tokens_of(text) + super::TOKENS_A_TURN).sum();
        let calls = if self.reference.is_some() { 2 } else { 1 };
        Some(Estimate {
            calls,
            input_tokens: calls * tokens,
            output_tokens: calls,
            counted: Counted::Characters,
        })
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let policy = self.policy.served().await?;
        let (name, models) = match &self.reference {
            Some(reference) => (
                format!("{} against {}", self.policy.name, reference.name),
                format!("{policy} against {}", reference.served().await?),
            ),
            None => (self.policy.name.clone(), policy),
        };
        let fingerprint = format!("{models}; template {}", self.template.digest);
        Ok(Identity { name, fingerprint, strength: Strength::Name })
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let subject = self.subject(question)?;
        let at = subject.text[..subject.reply_at].chars().count();
        let mut notes =
            vec![format!("the reply's tokens are those that begin at character {at} or later")];
        if let Some(bos) = self.template.server_bos() {
            notes.push(format!(
                "the template's `{bos}` is cut off, since completion routes write their own"
            ));
        }
        Ok(Some(Inspection {
            rendered: subject.text,
            exact: true,
            read_at: format!(
                "choices[0].logprobs.token_logprobs of {ROUTE}, summed over the reply"
            ),
            notes,
            ..Inspection::default()
        }))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let mut answers = Vec::with_capacity(batch.len());
        for question in batch {
            answers.push(self.answer(question).await);
        }
        answers.into_iter().collect()
    }
}

/// Registers `http.likelihood`.
pub(super) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, context| Likelihood::new(&config, context));
}
