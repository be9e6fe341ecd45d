//! Chat templates: from messages to the text that a model was trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::fmt;
use std::path::Path;

use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde_json::Map;

use crate::environment::{NoDate, Refusal, environment, set_date};
use crate::generation::accept_generation_blocks;
use crate::{Date, TemplateError, TokenizerConfig};

/// The only template in the engine.
const NAME: &str = "chat";
/// Variables that every rendering sets itself.
const RESERVED: [&str; 2] = ["messages", "add_generation_prompt"];

/// One message of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks: `system`, `user`, `assistant`.
    pub role: &'a str,
    /// What is said.
    pub content: &'a str,
}

/// A chat template, ready to render.
///
/// Rendering depends on nothing but the template and the arguments: no clock, no files. Settings, functions
/// and filters are those that Hugging Face tokenizers give to templates; `tools` and `documents` are none
/// unless given.
pub struct ChatTemplate {
    environment: Environment<'static>,
    origin: String,
    text: String,
    tokens: Vec<(String, String)>,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ChatTemplate");
        debug.field("origin", &self.origin).field("tokens", &self.tokens);
        debug.field("text", &self.text).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// A template from its text. It knows no special tokens until they are given.
    pub fn from_text(text: &str) -> Result<Self, TemplateError> {
        Self::new("the text given", text)
    }

    /// A template from a file of its own, such as `chat_template.jinja`. It knows no special tokens until
    /// they are given.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TemplateError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| TemplateError::Read { path: path.to_owned(), cause })?;
        Self::new(path.display().to_string(), &text)
    }

    /// The template of a model folder or of a `tokenizer_config.json`, with its special tokens.
    ///
    /// `name` chooses among named templates; without it `default` is taken, or the only one there is.
    pub fn from_config(path: impl AsRef<Path>, name: Option<&str>) -> Result<Self, TemplateError> {
        TokenizerConfig::read(path)?.chat_template(name)
    }

    pub(crate) fn new(origin: impl Into<String>, text: &str) -> Result<Self, TemplateError> {
        let origin = origin.into();
        // Templates are read as lines, whatever ends them.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut environment = environment();
        let source = accept_generation_blocks(&text).into_owned();
        environment.add_template_owned(NAME, source).map_err(|cause| TemplateError::Syntax {
            origin: origin.clone(),
            line: cause.line().unwrap_or(1),
            cause: words(&cause),
        })?;
        Ok(Self { environment, origin, text, tokens: Vec::new() })
    }

    /// The same template with the special tokens of these settings as variables, in place of its own.
    #[must_use]
    pub fn with_tokens(mut self, config: &TokenizerConfig) -> Self {
        self.tokens =
            config.tokens().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        self
    }

    /// The same template with these special tokens as variables (`bos_token` and its text, and so on), in place of its own.
    #[must_use]
    pub fn with_token_texts(mut self, tokens: Vec<(String, String)>) -> Self {
        self.tokens = tokens;
        self
    }

    /// The same template with this day, at midnight, as what `strftime_now` writes.
    #[must_use]
    pub fn at_date(mut self, date: Date) -> Self {
        set_date(&mut self.environment, Some(date));
        self
    }

    /// The text of the template, with lines that end in `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the template is from: a path, or `the text given`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Names that the template reads from outside, its functions among them.
    ///
    /// A variable that is not among them changes nothing.
    pub fn variables(&self) -> BTreeSet<String> {
        let template = self.environment.get_template(NAME);
        template.map_or_else(
            |_| BTreeSet::new(),
            |template| template.undeclared_variables(false).into_iter().collect(),
        )
    }

    /// The messages as one text.
    ///
    /// `add_generation_prompt` adds what stands before an answer of the model. `extra` holds further template
    /// variables, such as `enable_thinking` or `date_string`; they go before special tokens of the same name.
    ///
    /// # Errors
    ///
    /// [`TemplateError::Refused`] when the template itself rejects the messages; `NeedsDate` when it writes
    /// the date and none was given; `Reserved` for a variable that is set here; `Render` for all else.
    pub fn render(
        &self,
        messages: &[Message<'_>],
        add_generation_prompt: bool,
        extra: &Map<String, serde_json::Value>,
    ) -> Result<String, TemplateError> {
        if let Some(name) = RESERVED.into_iter().find(|name| extra.contains_key(*name)) {
            return Err(TemplateError::Reserved { name: name.to_owned() });
        }
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                Value::from_pairs([("role", message.role), ("content", message.content)])
            })
            .collect();
        let mut variables: BTreeMap<&str, Value> = BTreeMap::new();
        variables.insert("tools", Value::from(()));
        variables.insert("documents", Value::from(()));
        for (name, text) in &self.tokens {
            variables.insert(name, Value::from(text.as_str()));
        }
        for (name, value) in extra {
            variables.insert(name, Value::from(Serde(value)));
        }
        variables.insert("messages", Value::from(messages));
        variables.insert("add_generation_prompt", Value::from(add_generation_prompt));
        let variables = Value::from_pairs(variables);
        let rendered =
            self.environment.get_template(NAME).and_then(|template| template.render(variables));
        rendered.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &minijinja::Error) -> TemplateError {
        let origin = self.origin.clone();
        let line = error.line().unwrap_or(0);
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(Refusal(message)) = inner.downcast_ref() {
                return TemplateError::Refused { origin, line, message: message.clone() };
            }
            if inner.is::<NoDate>() {
                return TemplateError::NeedsDate { origin, line };
            }
            cause = inner.source();
        }
        TemplateError::Render { origin, line, cause: words(error) }
    }
}

/// The engine's words for an error, without its own account of the place.
fn words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
