//! From a question to the text that a server is sent: the chat template, the server's own, or the plain join.

use std::path::Path;

use serde_json::{Map, Value};
use tribunal_api::{PathSetting, Question, Role, SettingsError, SourceError};
use tribunal_models::{ChatTemplate, Date, Message, TemplateError, TokenizerConfig};

use super::piece::{Piece, candidate_of, dialogue, whole};
use super::server::{Sends, Server, Specials};
use super::settings::{Config, Render};
use crate::begin::written;

/// What the reply of the trial rendering says.
const TRIAL: &str = "Paris it is.";

/// A chat template with its variables.
#[derive(Debug)]
pub(crate) struct Template {
    template: ChatTemplate,
    variables: Map<String, Value>,
    /// Digest of the template's text and its special tokens.
    pub(crate) digest: String,
    /// The begin token that the template writes at the start of a text.
    pub(crate) bos: Option<String>,
    /// Whether the model's tokenizer adds its begin token; `None` when nothing says it.
    adds_bos: Option<bool>,
}

/// The keys of a kind's settings that make a template.
pub(crate) struct TemplateKeys<'a> {
    /// `template`.
    pub(crate) path: &'a PathSetting,
    /// `template-name`.
    pub(crate) name: Option<&'a str>,
    /// `template-date`.
    pub(crate) date: Option<&'a str>,
    /// `template-variables`.
    pub(crate) variables: &'a Map<String, Value>,
}

impl Template {
    /// Reads the template and renders a dialogue of our own with it.
    pub(crate) fn open(keys: &TemplateKeys<'_>) -> Result<Self, SettingsError> {
        let path = keys.path.as_path();
        let fault = |error: &TemplateError| {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            let message = format!("{error}{}", cause.unwrap_or_default());
            let hint = match path.file_name().and_then(|name| name.to_str()) {
                Some(word @ ("server" | "plain" | "none")) if !path.exists() => {
                    let word = if word == "none" { "plain" } else { word };
                    format!("write `render = \"{word}\"` to do without a template")
                }
                _ => error.hint(),
            };
            SettingsError::of_key("template", message).with_hint(hint)
        };
        let (mut template, config) = open(path, keys.name).map_err(|error| fault(&error))?;
        if let Some(text) = keys.date {
            let date: Date = text.parse().map_err(|error: tribunal_models::BadDate| {
                SettingsError::of_key("template-date", error.to_string())
                    .with_hint("write it like `2024-07-26`")
            })?;
            template = template.at_date(date);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(template.text().as_bytes());
        for (name, token) in config.iter().flat_map(TokenizerConfig::tokens) {
            hasher.update(format!("\0{name}={token}").as_bytes());
        }
        let digest = hasher.finalize().to_hex()[..32].to_owned();
        let adds_bos = config.as_ref().and_then(TokenizerConfig::adds_bos);
        let mut opened =
            Self { template, variables: keys.variables.clone(), digest, bos: None, adds_bos };
        let trial = Question::of_text("What is the capital of France?", &[TRIAL]);
        let rendered = opened.text(&trial).map_err(|error| fault(&error))?;
        if !rendered.contains(TRIAL) {
            return Err(SettingsError::of_key("template", "the template leaves the reply out")
                .with_hint("use a template that writes the turns of the assistant"));
        }
        let named = config.as_ref().and_then(|config| config.bos_token.as_deref());
        let given = keys.variables.get("bos_token").and_then(Value::as_str);
        opened.bos = written(&rendered, given.into_iter().chain(named)).map(str::to_owned);
        Ok(opened)
    }

    /// The template's begin token where a tokenizer that adds special tokens would double it. A tokenizer of which
    /// nothing is known is taken to add one, as most do.
    pub(crate) fn server_bos(&self) -> Option<&str> {
        self.bos.as_deref().filter(|_| self.adds_bos.unwrap_or(true))
    }

    /// Dialogue and reply as one text, without the start of a further turn.
    pub(crate) fn text(&self, question: &Question) -> Result<String, TemplateError> {
        self.with_reply(question, candidate_of(question))
    }

    /// The dialogue alone, without the start of a further turn.
    pub(crate) fn dialogue(&self, question: &Question) -> Result<String, TemplateError> {
        self.template.render(&messages(question, None), false, &self.variables)
    }

    fn with_reply(&self, question: &Question, reply: &str) -> Result<String, TemplateError> {
        self.template.render(&messages(question, Some(reply)), false, &self.variables)
    }

    /// The part of the text that stands before any reply.
    pub(crate) fn before_reply(&self, question: &Question) -> Result<String, TemplateError> {
        let one = self.with_reply(question, "A")?;
        let other = self.with_reply(question, "B")?;
        let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other);
        Ok(same.map(|(same, _)| same).collect())
    }
}

fn open(
    path: &Path,
    name: Option<&str>,
) -> Result<(ChatTemplate, Option<TokenizerConfig>), TemplateError> {
    if path.is_dir() || path.extension().is_some_and(|ending| ending == "json") {
        let config = TokenizerConfig::read(path)?;
        Ok((config.chat_template(name)?, Some(config)))
    } else {
        Ok((ChatTemplate::from_file(path)?, None))
    }
}

fn messages<'a>(question: &'a Question, reply: Option<&'a str>) -> Vec<Message<'a>> {
    let turns = question
        .prompt()
        .iter()
        .map(|turn| Message { role: turn.role.as_str(), content: turn.content.as_str() });
    let reply = reply.map(|content| Message { role: Role::Assistant.as_str(), content });
    turns.chain(reply).collect()
}

/// How a question becomes what is sent.
#[derive(Debug)]
pub(super) enum Rendering {
    /// A chat template of ours.
    Template(Box<Template>),
    /// The server's own.
    Server,
    /// The plain join.
    Plain,
}

impl Rendering {
    /// The rendering that the settings ask for.
    pub(super) fn new(config: &Config) -> Result<Self, SettingsError> {
        let server = config.server;
        let render = match (config.render, &config.template) {
            (Some(render), _) => render,
            (None, Some(_)) => Render::Template,
            (None, None) if server.renders() => Render::Server,
            (None, None) if server.sends() == Sends::Documents || server == Server::Generic => {
                Render::Plain
            }
            (None, None) => {
                let message = format!(
                    "nothing says how a dialogue becomes the text that `{}` is sent",
                    server.as_str()
                );
                return Err(SettingsError::of_key("template", message).with_hint(
                    "set `template` to the model's `tokenizer_config.json`, or `render = \"plain\"`",
                ));
            }
        };
        match (render, &config.template) {
            (Render::Template, None) => Err(SettingsError::of_key(
                "template",
                "`render` asks for a template, and none is set",
            )
            .with_hint("set `template` to the model's `tokenizer_config.json`")),
            (Render::Server | Render::Plain, Some(_)) => {
                Err(SettingsError::of_key("template", "`render` leaves the template unused")
                    .with_hint("leave one of `render` and `template` out"))
            }
            (Render::Server, None) if !server.renders() => {
                let message = format!("`{}` applies no chat template", server.as_str());
                Err(SettingsError::of_key("render", message)
                    .with_hint("set `template` to the model's `tokenizer_config.json`"))
            }
            (Render::Template, Some(_))
                if server.sends() == Sends::Documents && server != Server::SglangScore =>
            {
                let message =
                    format!("`{}` joins prompt and reply in a form of its own", server.as_str());
                Err(SettingsError::of_key("template", message).with_hint("leave `template` out"))
            }
            (Render::Template, Some(path)) => {
                let keys = TemplateKeys {
                    path,
                    name: config.template_name.as_deref(),
                    date: config.template_date.as_deref(),
                    variables: &config.template_variables,
                };
                Ok(Self::Template(Box::new(Template::open(&keys)?)))
            }
            (Render::Server, None) => Ok(Self::Server),
            (Render::Plain, None) => Ok(Self::Plain),
        }
    }

    /// The template of ours, if one is used.
    pub(super) fn template(&self) -> Option<&Template> {
        match self {
            Self::Template(template) => Some(template),
            Self::Server | Self::Plain => None,
        }
    }

    /// The question made ready for this server. A question without a candidate is rejected, and so are messages that
    /// the template refuses.
    pub(super) fn piece<'a>(
        &self,
        question: &'a Question,
        server: Server,
        begins: &Begins,
    ) -> Result<Piece<'a>, SourceError> {
        let [candidate] = question.candidates() else {
            let count = question.candidates().len();
            let message = format!("one candidate with its text is needed, found {count}");
            return Err(SourceError::Rejected { message });
        };
        let rejected = |error: TemplateError| SourceError::Rejected { message: error.to_string() };
        let (lead, text) = match (self, server.sends()) {
            (Self::Template(template), Sends::Texts) => {
                (String::new(), begins.strip(template.text(question).map_err(rejected)?))
            }
            (Self::Template(template), Sends::Documents) => {
                let lead = template.before_reply(question).map_err(rejected)?;
                let text = template.text(question).map_err(rejected)?;
                match text.strip_prefix(&lead) {
                    Some(rest) => (lead.clone(), rest.to_owned()),
                    None => (String::new(), text),
                }
            }
            (Self::Server | Self::Plain, Sends::Texts) => (String::new(), whole(question)),
            (Self::Server | Self::Plain, Sends::Documents) => {
                let gap = if server == Server::SglangScore { "\n\n" } else { "" };
                (dialogue(question.prompt()) + gap, candidate.to_string())
            }
        };
        Ok(Piece { question, lead, text })
    }
}

/// What is done so that a text begins with one BOS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Begins {
    /// What the request says about special tokens; `None`: nothing.
    pub(super) field: Option<bool>,
    /// The template's BOS that is cut off, since the server writes its own.
    pub(super) cut: Option<String>,
}

impl Begins {
    /// Settles who writes BOS.
    pub(super) fn new(config: &Config, rendering: &Rendering) -> Result<Self, SettingsError> {
        let asked = config.special_tokens;
        let server = config.server.as_str();
        let fault = |message: String, hint: &str| {
            Err(SettingsError::of_key("special-tokens", message).with_hint(hint))
        };
        let template = rendering.template();
        let bos = template.and_then(|template| template.bos.clone());
        match (config.server.specials(), asked) {
            (Specials::Field, asked) => {
                let field = match rendering {
                    Rendering::Server => asked,
                    Rendering::Template(_) | Rendering::Plain => {
                        Some(asked.unwrap_or(bos.is_none()))
                    }
                };
                Ok(Self { field, cut: None })
            }
            (Specials::Always, Some(false)) => fault(
                format!("`{server}` always puts special tokens around a text"),
                "leave the key out: a BOS that the template writes is then cut off",
            ),
            (Specials::Always, None) => {
                let cut = template.and_then(Template::server_bos).map(str::to_owned);
                Ok(Self { field: None, cut })
            }
            (Specials::Never, Some(true)) => fault(
                format!("`{server}` never puts special tokens around a text"),
                "write BOS with the template",
            ),
            (Specials::Unknown, Some(_)) => fault(
                format!("`special-tokens` changes nothing for `{server}`"),
                "leave the key out",
            ),
            (Specials::Always, Some(true))
            | (Specials::Never, None | Some(false))
            | (Specials::Unknown, None) => Ok(Self::default()),
        }
    }

    fn strip(&self, text: String) -> String {
        match self.cut.as_deref().and_then(|bos| text.strip_prefix(bos)) {
            Some(rest) => rest.to_owned(),
            None => text,
        }
    }
}
