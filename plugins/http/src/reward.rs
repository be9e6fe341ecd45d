//! Reward models behind HTTP: one kind for the servers that are known, and for one's own.
//!
//! Raw values are asked for everywhere: most servers put a sigmoid or a softmax over a reward unless they are told
//! otherwise. Results are put back by their `index`; a reply that leaves a text out, repeats one or holds anything but
//! finite numbers gives an error, never a score at another text's place.

mod ask;
mod generic;
mod identify;
mod inspect;
mod kept;
mod likelihood;
mod piece;
mod pointer;
mod read;
mod render;
mod row;
mod server;
mod settings;
mod verdict;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use tribunal_api::settings::Step;
use tribunal_api::{
    Answer, Answers, Arity, Card, Context, Counted, Estimate, Identity, Inspection, Limits,
    Question, Quota, Registry, RewardSource, Scale, SelfCheck, SettingsError, SourceError, Usage,
};

use self::ask::{Asker, Found, Miss};
use self::generic::{Generic, parted};
use self::identify::Model;
use self::kept::Kept;
use self::piece::Piece;
use self::render::{Begins, Rendering};
use self::server::{Sends, Server};
use self::settings::{Config, Label, Transform, Truncate};
use self::verdict::Choice;
use self::wire::{Known, Wire};
use crate::client::{Client, Dialect};
use crate::connection::{Connection, Keys};

const CARD: Card = Card {
    kind: "http.reward",
    summary: "A reward model behind HTTP: vLLM, SGLang, TEI, llama-server, OpenRLHF or a server of one's own.",
    version: "1",
    example: r#"[source.skywork]
kind = "http.reward"
server = "vllm-classify"    # which server answers, and at which of its routes
base-url = "http://127.0.0.1:8000"
model = "skywork-reward"    # left out: the server's only model
"#,
    self_check: SelfCheck::KnownPairs,
};

/// The most requests at the same time when the settings do not say.
const CONCURRENCY: usize = 8;
/// Tokens that a template writes around a turn, for estimates.
const TOKENS_A_TURN: u64 = 5;

/// A served reward model.
struct Served {
    asker: Asker,
    rendering: Rendering,
    choice: Choice,
    limits: Limits,
    /// What to call the server when it does not say which model it holds.
    place: String,
}

impl Served {
    fn new(config: &Config, context: &dyn Context) -> Result<Self, SettingsError> {
        check_server_keys(config)?;
        let rendering = Rendering::new(config)?;
        let begins = Begins::new(config, &rendering)?;
        let messages = matches!(rendering, Rendering::Server);
        if messages && config.batch_size.is_some_and(|size| size > 1) {
            return Err(SettingsError::of_key(
                "batch-size",
                "the server renders one dialogue a request",
            )
            .with_hint("leave the key out, or set `template` to render here"));
        }
        let default = if messages { 1 } else { config.server.batch() };
        let batch = config.batch_size.unwrap_or(default).max(1);
        let generic = match (&config.request, &config.pointers) {
            (Some(request), Some(pointers)) => {
                let model = config.model.as_deref();
                Some(Generic::new(request, pointers, model, batch, config.label.is_some())?)
            }
            _ => None,
        };
        let client = client(config, context)?;
        let host = client.lane();
        let place = match &config.managed {
            Some(managed) => format!("{} of `{}`", config.server.as_str(), managed.0),
            None => format!("{} at {host}", config.server.as_str()),
        };
        let limits = Limits {
            batch,
            in_flight: config.concurrency.unwrap_or(CONCURRENCY).max(1),
            lane: Some(host),
        };
        let wire = Wire {
            server: config.server,
            messages,
            begins,
            truncate: config.truncate,
            step: config.step,
            label_tokens: config.label_tokens.clone().unwrap_or_default(),
        };
        let choice =
            Choice { label: config.label.clone(), transform: config.transform, step: config.step };
        let asker = Asker {
            client,
            wire,
            generic,
            model: Model::new(config.model.clone()),
            most: AtomicUsize::new(batch),
            known: Known::default(),
            kept: Kept::default(),
        };
        Ok(Self { asker, rendering, choice, limits, place })
    }

    fn piece<'a>(&self, question: &'a Question) -> Result<Piece<'a>, SourceError> {
        self.rendering.piece(question, self.asker.wire.server, &self.asker.wire.begins)
    }

    fn answer(&self, found: Result<Found, Miss>) -> Result<Answer, SourceError> {
        let found = match found {
            Ok(found) => found,
            Err(miss) => return miss.into_answer(),
        };
        let mut answer = self.choice.answer(&found.row)?;
        answer.usage = Usage { input_tokens: found.tokens, ..Usage::default() };
        answer.origin.served = found.served;
        answer.origin.requests = found.request.into_iter().collect();
        Ok(answer)
    }
}

/// Refuses settings that this server cannot follow.
fn check_server_keys(config: &Config) -> Result<(), SettingsError> {
    let server = config.server;
    let fault = |key: &str, message: String, hint: &str| {
        Err(SettingsError::of_key(key, message).with_hint(hint))
    };
    let word = server.as_str();
    let is_generic = server == Server::Generic;
    let only_generic =
        [("request", config.request.is_some()), ("pointers", config.pointers.is_some())];
    for (key, is_set) in only_generic {
        if is_set != is_generic {
            let (message, hint) = if is_generic {
                (
                    format!("`{word}` needs `{key}`"),
                    "say what is sent in `request` and where the scores are in `pointers`",
                )
            } else {
                (
                    format!("`{key}` belongs to `generic`, not to `{word}`"),
                    "leave it out, or set `server = \"generic\"`",
                )
            };
            return fault(key, message, hint);
        }
    }
    if config.truncate != Truncate::Error && !server.truncates() {
        let message = format!("`{word}` cannot be asked to cut long texts");
        return fault("truncate", message, "leave the key out: long texts then abstain");
    }
    if config.step.is_some() && !server.has_steps() {
        let message = format!("`{word}` gives one row of values a text");
        return fault("step", message, "leave the key out");
    }
    if config.label_tokens.is_some() != (server == Server::SglangScore) {
        let (message, hint) = if config.label_tokens.is_none() {
            (
                format!("`{word}` needs `label-tokens`"),
                "set it to the ids of the tokens whose probability is read",
            )
        } else {
            (format!("`label-tokens` belongs to `sglang-score`, not to `{word}`"), "leave it out")
        };
        return fault("label-tokens", message, hint);
    }
    match &config.label {
        Some(Label::Name(name)) if server != Server::TeiPredict => fault(
            "label",
            format!("`{word}` gives no names of classes, so there is no `{name}`"),
            "write the number of the class, from 0",
        ),
        Some(Label::Number(number)) if server == Server::TeiPredict => fault(
            "label",
            format!("`{word}` sorts its classes by their scores, so `{number}` is none of them"),
            "write the name of the class, such as `\"LABEL_0\"`",
        ),
        _ => Ok(()),
    }
}

fn client(config: &Config, context: &dyn Context) -> Result<Client, SettingsError> {
    let whole = config.request.as_ref().and_then(|request| parted(&request.url));
    let given = config.base_url.is_some() || config.base_urls.is_some() || config.managed.is_some();
    if whole.is_some() && given {
        let message = "a base URL and the whole URL in `request.url` both say where the server is";
        return Err(SettingsError::of_key("request", message)
            .with_hint("write only the path in `request.url`"));
    }
    let keys = Keys {
        base_url: whole.map(|(base, _)| base).or(config.base_url.as_deref()),
        base_urls: config.base_urls.as_deref().unwrap_or_default(),
        server: config.managed.as_ref(),
        server_key: "managed",
        default: None,
        api_key_env: config.api_key_env.as_deref(),
        headers: &config.headers,
        headers_env: &config.headers_env,
        most_bytes: config.most_bytes,
    };
    let connection = Connection::of_keys(keys, context).map_err(|mut fault| {
        if whole.is_some() && fault.path == [Step::Key("base-url".to_owned())] {
            fault.path = ["request", "url"].map(|key| Step::Key(key.to_owned())).to_vec();
        }
        fault
    })?;
    Client::new(connection, Dialect::OpenAi, context)
}

#[async_trait]
impl RewardSource for Served {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn scale(&self) -> Scale {
        match self.choice.transform {
            Transform::Logit => Scale::Logit,
            Transform::None | Transform::Negate => self.asker.wire.server.scale(),
        }
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn quota(&self) -> Option<Quota> {
        self.asker.client.quota()
    }

    fn estimate(&self, question: &Question) -> Option<Estimate> {
        let turns = question.prompt().iter().map(|turn| turn.content.as_str());
        let texts = turns.chain(question.candidates().iter().map(|text| &**text));
        Some(Estimate {
            calls: 1,
            input_tokens: texts.map(|text| Estimate::tokens_of(text) + TOKENS_A_TURN).sum(),
            output_tokens: 0,
            counted: Counted::Characters,
        })
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let also = match self.rendering.template() {
            Some(template) => format!("template {}", template.digest),
            None => String::new(),
        };
        self.asker.identity(&self.place, &also).await
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let piece = self.piece(question)?;
        let bos = self.rendering.template().and_then(|template| template.bos.as_deref());
        self.asker.inspection(&piece, bos).await.map(Some)
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let pieces: Vec<Result<Piece<'_>, SourceError>> =
            batch.iter().map(|question| self.piece(question)).collect();
        let mut answers: Vec<Result<Answer, SourceError>> = pieces
            .iter()
            .map(|piece| match piece {
                Ok(_) => Err(SourceError::Broken { message: "a text was not asked".to_owned() }),
                Err(error) => Err(error.clone()),
            })
            .collect();
        let apart = self.asker.wire.server.sends() == Sends::Documents;
        // Replies to one dialogue go together; whole texts all have the same, empty, lead.
        let mut groups: Vec<Vec<(usize, &Piece<'_>)>> = Vec::new();
        let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, piece) in pieces.iter().enumerate() {
            let Ok(piece) = piece else { continue };
            let lead = if apart { piece.lead.as_str() } else { "" };
            let group = *group_of.entry(lead).or_insert(groups.len());
            match groups.get_mut(group) {
                Some(group) => group.push((place, piece)),
                None => groups.push(vec![(place, piece)]),
            }
        }
        let last = groups.len().saturating_sub(1);
        for (number, group) in groups.into_iter().enumerate() {
            let asked: Vec<&Piece<'_>> = group.iter().map(|(_, piece)| *piece).collect();
            let rows = self.asker.rows(&asked, number < last).await;
            for ((place, _), row) in group.into_iter().zip(rows) {
                answers[place] = self.answer(row);
            }
        }
        let asked: Vec<&Piece<'_>> = pieces.iter().flatten().collect();
        self.asker.kept.forget(&asked);
        answers.into_iter().collect()
    }
}

/// Registers `http.reward` and `http.likelihood`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, context| Served::new(&config, context));
    likelihood::register(registry);
}
