//! From turns to the tokens that a model reads.

use serde_json::{Map, Value};
use tribunal_api::{PathSetting, Question, SettingsError, SourceError, Turn};
use tribunal_models::text_rules::TextRules;
use tribunal_models::{ChatTemplate, Date, Message, TemplateError, TokenizerConfig};

use crate::ffi::Model;

/// The keys of a kind's settings that say how dialogues become text.
#[derive(Clone, Debug, Default)]
pub(crate) struct DialogueKeys {
    /// `template`.
    pub template: Option<PathSetting>,
    /// `template-name`.
    pub template_name: Option<String>,
    /// `template-date`.
    pub template_date: Option<String>,
    /// `template-variables`.
    pub template_variables: Map<String, Value>,
    /// `system-prompt`.
    pub system_prompt: Option<String>,
    /// `add-special-tokens`.
    pub add_special_tokens: Option<bool>,
}

/// What the settings alone decide: checked before a model is loaded.
#[derive(Debug)]
pub(crate) struct Chosen {
    template: Option<ChatTemplate>,
    date: Option<Date>,
    variables: Map<String, Value>,
    system_prompt: Option<String>,
    special: Option<bool>,
}

impl Chosen {
    /// What the template says that stands in the model's place, for the identity: whatever file it came from.
    pub(crate) fn template_text(&self) -> &str {
        self.template.as_ref().map_or("", ChatTemplate::text)
    }
}

impl DialogueKeys {
    /// Reads the template file, if one is named.
    pub(crate) fn choose(&self) -> Result<Chosen, SettingsError> {
        let date = match &self.template_date {
            None => None,
            Some(text) => Some(text.parse::<Date>().map_err(|error| {
                SettingsError::of_key("template-date", error.to_string())
                    .with_hint("write it like `2024-07-26`")
            })?),
        };
        let template = match &self.template {
            None if self.template_name.is_some() => {
                let message = "a template's name needs `template`, a model folder";
                return Err(SettingsError::of_key("template-name", message));
            }
            None => None,
            Some(path) => Some(
                open(path.as_path(), self.template_name.as_deref())
                    .map_err(|error| fault(&error))?,
            ),
        };
        Ok(Chosen {
            template,
            date,
            variables: self.template_variables.clone(),
            system_prompt: self.system_prompt.clone(),
            special: self.add_special_tokens,
        })
    }
}

fn open(path: &std::path::Path, name: Option<&str>) -> Result<ChatTemplate, TemplateError> {
    if path.is_dir() || path.extension().is_some_and(|ending| ending == "json") {
        TokenizerConfig::read(path)?.chat_template(name)
    } else {
        ChatTemplate::from_file(path)
    }
}

fn fault(error: &TemplateError) -> SettingsError {
    SettingsError::of_key("template", explained(error)).with_hint(error.hint())
}

fn explained(error: &TemplateError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// Template and tokenizer of a loaded model.
#[derive(Debug)]
pub(crate) struct Dialogues {
    template: ChatTemplate,
    variables: Map<String, Value>,
    system_prompt: Option<String>,
    special: Option<bool>,
    bos: Option<String>,
    rules: TextRules,
}

/// A text as a model reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// The text.
    pub rendered: String,
    /// Its tokens, one begin token at most among the first.
    pub tokens: Vec<u32>,
}

impl Dialogues {
    /// Joins what the settings chose with what the model file says.
    pub(crate) fn new(model: &Model, chosen: &Chosen) -> Result<Self, SourceError> {
        let text_of = |token: Option<u32>| {
            token.map(|token| String::from_utf8_lossy(&model.piece(token, true)).into_owned())
        };
        let bos = text_of(model.bos());
        let named = [("bos_token", bos.clone()), ("eos_token", text_of(model.eos()))];
        let tokens: Vec<(String, String)> =
            named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect();
        let mut template = match &chosen.template {
            Some(template) => copy(template)?,
            None => {
                let text =
                    model.meta("tokenizer.chat_template").ok_or_else(|| SourceError::Broken {
                        message: "the model file has no chat template; name one with `template`"
                            .to_owned(),
                    })?;
                ChatTemplate::from_text(&text).map_err(|error| refused(&error))?
            }
        };
        template = template.with_token_texts(tokens);
        if let Some(date) = chosen.date {
            template = template.at_date(date);
        }
        Ok(Self {
            template,
            variables: chosen.variables.clone(),
            system_prompt: chosen.system_prompt.clone(),
            special: chosen.special,
            bos: bos.filter(|text| !text.is_empty()),
            rules: model.rules().clone(),
        })
    }

    /// Turns, and a reply to them, as one text; without a reply what stands before it, with the start of the assistant's turn where
    /// `to_continue`.
    pub(crate) fn render(
        &self,
        turns: &[Turn],
        reply: Option<&str>,
        to_continue: bool,
    ) -> Result<String, SourceError> {
        let system = self
            .system_prompt
            .as_deref()
            .filter(|_| turns.first().is_none_or(|turn| turn.role != tribunal_api::Role::System));
        let messages: Vec<Message<'_>> = system
            .map(|content| Message { role: "system", content })
            .into_iter()
            .chain(
                turns
                    .iter()
                    .map(|turn| Message { role: turn.role.as_str(), content: &turn.content }),
            )
            .chain(reply.map(|content| Message { role: "assistant", content }))
            .collect();
        self.template
            .render(&messages, to_continue, &self.variables)
            .map_err(|error| refused(&error))
    }

    /// The tokens of a rendered text. One that begins with the begin token gets no special tokens from the vocabulary, any other what
    /// the vocabulary adds to texts. Of several begin tokens one is kept.
    pub(crate) fn encode(&self, model: &Model, rendered: &str) -> Vec<u32> {
        let begins = self.bos.as_deref().is_some_and(|bos| rendered.starts_with(bos));
        let special = self.special.unwrap_or(!begins);
        let mut tokens = model.tokens(&self.rules.apply(rendered), special);
        if let Some(bos) = model.bos() {
            let written = tokens.iter().take_while(|token| **token == bos).count();
            tokens.drain(..written.saturating_sub(1));
        }
        tokens
    }

    /// Tokens of a text without any special ones added.
    pub(crate) fn bare(&self, model: &Model, text: &str) -> Vec<u32> {
        model.tokens(&self.rules.apply(text), false)
    }

    /// A question's prompt and its candidate, as one text and its tokens.
    pub(crate) fn dialogue(
        &self,
        model: &Model,
        question: &Question,
        candidate: usize,
    ) -> Result<Encoded, SourceError> {
        let rendered =
            self.render(question.prompt(), Some(&question.candidates()[candidate]), false)?;
        let tokens = self.encode(model, &rendered);
        Ok(Encoded { rendered, tokens })
    }
}

/// Templates are not cloned; their text is read again.
fn copy(template: &ChatTemplate) -> Result<ChatTemplate, SourceError> {
    ChatTemplate::from_text(template.text()).map_err(|error| refused(&error))
}

/// A template that refuses a dialogue refuses this question; one that is wrong is wrong for all.
fn refused(error: &TemplateError) -> SourceError {
    let message = format!("{} ({})", explained(error), error.hint());
    match error {
        TemplateError::Refused { .. } => SourceError::Rejected { message },
        _ => SourceError::Broken { message },
    }
}
