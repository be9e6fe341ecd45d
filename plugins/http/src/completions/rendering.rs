//! From a dialogue to the text that a model continues.

use std::path::Path;

use serde_json::{Map, Value};
use tribunal_api::{Role, SettingsError, Turn};
use tribunal_models::{ChatTemplate, Message, TemplateError, TokenizerConfig};

use crate::begin::written;
use crate::failure::{Failure, FailureKind};

/// How dialogues become text.
pub(crate) enum Rendering {
    /// By no template.
    Plain,
    /// By the template that the model was trained with.
    Template {
        /// The template.
        template: Box<ChatTemplate>,
        /// The begin token that the template writes and the server would write again.
        doubled: Option<String>,
        /// Further variables.
        variables: Map<String, Value>,
    },
}

impl Rendering {
    /// Reads the template at this path: a folder, a `tokenizer_config.json`, or a template file. `begins` is false for
    /// a server that is told to add no special tokens.
    pub fn new(
        path: Option<&Path>,
        variables: Map<String, Value>,
        begins: bool,
    ) -> Result<Self, SettingsError> {
        let Some(path) = path else {
            return match variables.keys().next() {
                None => Ok(Rendering::Plain),
                Some(name) => {
                    let message = format!("`{name}` has no template to stand in");
                    Err(SettingsError::of_key("template-variables", message)
                        .with_hint("set `template`, or leave the variables out"))
                }
            };
        };
        let fault = |error: TemplateError| {
            SettingsError::of_key("template", error.to_string()).with_hint(error.hint())
        };
        let is_config =
            path.is_dir() || path.extension().is_some_and(|extension| extension == "json");
        let (template, config) = if is_config {
            let config = TokenizerConfig::read(path).map_err(fault)?;
            (config.chat_template(None).map_err(fault)?, Some(config))
        } else {
            (ChatTemplate::from_file(path).map_err(fault)?, None)
        };
        // Completion routes add special tokens to every text; a tokenizer of which nothing is known may have one.
        let adds = config.as_ref().and_then(TokenizerConfig::adds_bos).unwrap_or(true);
        let trial = [Message { role: Role::User.as_str(), content: "Hello." }];
        let trial = template.render(&trial, true, &variables).ok();
        let named = config.as_ref().and_then(|config| config.bos_token.as_deref());
        let given = variables.get("bos_token").and_then(Value::as_str);
        let doubled = trial
            .filter(|_| adds && begins)
            .and_then(|trial| written(&trial, given.into_iter().chain(named)).map(str::to_owned));
        Ok(Rendering::Template { template: Box::new(template), doubled, variables })
    }

    /// The text that the model continues. A begin token that the server adds by itself is left to it.
    pub fn render(&self, turns: &[Turn]) -> Result<String, Failure> {
        let (template, doubled, variables) = match self {
            Rendering::Plain => return Ok(plain(turns)),
            Rendering::Template { template, doubled, variables } => (template, doubled, variables),
        };
        let messages: Vec<Message<'_>> = turns
            .iter()
            .map(|turn| Message { role: turn.role.as_str(), content: &turn.content })
            .collect();
        let rendered = template.render(&messages, true, variables).map_err(|error| {
            let message = format!("{error}; {}", error.hint());
            Failure::new(FailureKind::Rejected, message)
        })?;
        Ok(match doubled.as_deref().and_then(|bos| rendered.strip_prefix(bos)) {
            Some(rest) => rest.to_owned(),
            None => rendered,
        })
    }

    /// Text that differs whenever renderings may differ; `None` without a template.
    pub fn fingerprint(&self) -> Option<String> {
        match self {
            Rendering::Plain => None,
            Rendering::Template { template, .. } => {
                let digest = blake3::hash(template.text().as_bytes()).to_hex();
                Some(format!("template {}", &digest[..16]))
            }
        }
    }
}

/// One turn as it is; several as lines that begin with the speaker, ending where the assistant speaks.
fn plain(turns: &[Turn]) -> String {
    if let [only] = turns {
        return only.content.clone();
    }
    let speaker = |role| match role {
        Role::System => "System",
        Role::User => "User",
        Role::Assistant => "Assistant",
    };
    let lines = turns.iter().map(|turn| format!("{}: {}\n\n", speaker(turn.role), turn.content));
    lines.chain(["Assistant:".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_template_one_turn_is_sent_as_it_is_and_several_with_their_speakers() {
        let rendering = Rendering::new(None, Map::new(), true).unwrap();
        assert_eq!(rendering.render(&[Turn::user("2+2=")]).unwrap(), "2+2=");
        let turns = [Turn::user("hi"), Turn::assistant("yes?"), Turn::user("2+2")];
        let wanted = "User: hi\n\nAssistant: yes?\n\nUser: 2+2\n\nAssistant:";
        assert_eq!(rendering.render(&turns).unwrap(), wanted);
    }

    #[test]
    fn a_begin_token_that_the_server_adds_too_is_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer_config.json");
        for (adds, wanted) in [(true, "[hi]"), (false, "<s>[hi]")] {
            let config = serde_json::json!({"bos_token": "<s>", "add_bos_token": adds,
                "chat_template": "{{ bos_token }}{% for m in messages %}[{{ m['content'] }}]{% endfor %}"});
            std::fs::write(&path, config.to_string()).unwrap();
            let rendering = Rendering::new(Some(&path), Map::new(), true).unwrap();
            assert_eq!(rendering.render(&[Turn::user("hi")]).unwrap(), wanted);
            assert!(rendering.fingerprint().is_some());
        }
    }

    #[test]
    fn a_begin_token_that_nobody_declares_is_known_by_sight() {
        let folder = tempfile::tempdir().unwrap();
        let template =
            "<|begin_of_text|>{% for m in messages %}[{{ m['content'] }}]{% endfor %}".to_owned();
        let path = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let config = serde_json::json!({"chat_template": template,
            "bos_token": "<|begin_of_text|>", "tokenizer_class": "PreTrainedTokenizerFast"});
        let bare = serde_json::json!({"chat_template": template});
        let turns = [Turn::user("<|begin_of_text|>hi")];
        for path in [
            path("chat.jinja", template.clone()),
            path("tokenizer_config.json", config.to_string()),
            path("bare.json", bare.to_string()),
        ] {
            let rendering = Rendering::new(Some(&path), Map::new(), true).unwrap();
            // One is left to the server; what a turn says stands.
            assert_eq!(rendering.render(&turns).unwrap(), "[<|begin_of_text|>hi]", "{path:?}");
            let told = Rendering::new(Some(&path), Map::new(), false).unwrap();
            assert!(told.render(&turns).unwrap().starts_with("<|begin_of_text|>["), "{path:?}");
        }
    }

    #[test]
    fn a_template_that_is_not_there_is_a_fault_of_the_settings() {
        let error =
            Rendering::new(Some(Path::new("/nowhere/x.jinja")), Map::new(), true).err().unwrap();
        assert!(error.hint.is_some());
    }
}
