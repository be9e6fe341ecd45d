//! Keys: named by an environment variable, read at the first request, never shown.

use std::fmt;
use std::sync::OnceLock;

use tribunal_api::SettingsError;

use crate::failure::{Failure, FailureKind};

/// Values shorter than this are no secrets (`x`, `no`): blanking them would blank half of every message.
const LEAST: usize = 4;
/// What people put where a server wants no key, lower case. It is not blanked in replies that are read as answers.
const PLACEHOLDERS: [&str; 22] = [
    "api-key",
    "api_key",
    "apikey",
    "default",
    "dummy",
    "empty",
    "fake",
    "local",
    "lm-studio",
    "no-key",
    "no_key",
    "nokey",
    "none",
    "not-needed",
    "null",
    "ollama",
    "placeholder",
    "secret",
    "sk-no-key-required",
    "test",
    "token",
    "unused",
];

/// A value that stands in an environment variable.
pub(crate) struct Secret {
    variable: String,
    value: OnceLock<Value>,
}

/// The value and the forms in which it may come back.
struct Value {
    plain: String,
    forms: Vec<String>,
    is_placeholder: bool,
}

impl Secret {
    /// The secret in this environment variable, which need not be set yet.
    pub fn of_variable(variable: impl Into<String>) -> Self {
        Self { variable: variable.into(), value: OnceLock::new() }
    }

    /// The secret that a setting names. A text that is no name of a variable is refused and not repeated: it may be the
    /// key itself.
    pub fn of_setting(key: &str, variable: &str) -> Result<Self, SettingsError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if variable.is_empty()
            || variable.starts_with(|c: char| c.is_ascii_digit())
            || !variable.chars().all(fits)
        {
            let message = "this is no name of an environment variable (not shown: it may be a key)";
            return Err(SettingsError::of_key(key, message).with_hint(
                "put the key into an environment variable and name that variable here",
            ));
        }
        Ok(Self::of_variable(variable))
    }

    /// The name of the variable.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The value, read now if it was not read before. A variable that is not set or empty is `Denied`.
    pub fn read(&self) -> Result<&str, Failure> {
        if let Some(value) = self.value.get() {
            return Ok(&value.plain);
        }
        let variable = &self.variable;
        let denied = |what: &str| {
            let remedy = format!("set it before the run: `export {variable}=...`");
            let message = format!("the environment variable `{variable}` {what}; {remedy}");
            Failure::new(FailureKind::Denied, message)
        };
        let found = std::env::var(variable).map_err(|cause| match cause {
            std::env::VarError::NotPresent => denied("is not set"),
            std::env::VarError::NotUnicode(_) => denied("is no text"),
        })?;
        let found = found.trim();
        if found.is_empty() {
            return Err(denied("is empty"));
        }
        Ok(&self.value.get_or_init(|| Value::of(found)).plain)
    }

    /// The text with every form of the value replaced by `[NAME]`.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in self.forms() {
            if text.contains(form) {
                text = text.replace(form, &format!("[{}]", self.variable));
            }
        }
        text
    }

    /// A text of a reply with the value replaced, or `None` when it does not hold it or the value is a placeholder.
    pub fn scrub_reply(&self, text: &str) -> Option<String> {
        self.stands_in_reply(text).then(|| self.scrub(text))
    }

    /// True when a text of a reply holds the value, and the value is no placeholder.
    pub fn stands_in_reply(&self, text: &str) -> bool {
        let forms = self.forms();
        let is_placeholder = || self.value.get().is_some_and(|value| value.is_placeholder);
        !is_placeholder() && forms.iter().any(|form| text.contains(form))
    }

    fn forms(&self) -> &[String] {
        // A value that was never read was never sent, but it may still stand in a text that is about to be shown.
        if self.read().is_err() {
            return &[];
        }
        match self.value.get() {
            Some(value) if value.plain.len() >= LEAST => &value.forms,
            _ => &[],
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.variable)
    }
}

impl Value {
    fn of(plain: &str) -> Self {
        let quoted = serde_json::Value::from(plain).to_string();
        let escaped = quoted.trim_start_matches('"').trim_end_matches('"').to_owned();
        let upper: String = plain.bytes().map(|byte| url_encoded(byte, true)).collect();
        let lower: String = plain.bytes().map(|byte| url_encoded(byte, false)).collect();
        let mut forms = vec![plain.to_owned(), escaped.replace('/', "\\/"), escaped, upper, lower];
        let mut seen = std::collections::HashSet::new();
        forms.retain(|form| seen.insert(form.clone()));
        // The longest first: a form that holds another one is replaced as a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let is_placeholder = PLACEHOLDERS.contains(&plain.to_lowercase().as_str());
        Self { plain: plain.to_owned(), forms, is_placeholder }
    }
}

/// Changes the texts and keys of a JSON value for which `change` gives another text.
pub(crate) fn each_text(value: &mut serde_json::Value, change: &impl Fn(&str) -> Option<String>) {
    match value {
        serde_json::Value::String(text) => {
            if let Some(changed) = change(text) {
                *text = changed;
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(|one| each_text(one, change)),
        serde_json::Value::Object(table) => {
            let keys: Vec<(String, String)> = table
                .keys()
                .filter_map(|key| Some((key.clone(), change(key)?)))
                .filter(|(key, changed)| key != changed)
                .collect();
            for (key, changed) in keys {
                if let Some(inner) = table.remove(&key) {
                    table.insert(changed, inner);
                }
            }
            table.values_mut().for_each(|one| each_text(one, change));
        }
        _ => {}
    }
}

fn url_encoded(byte: u8, upper: bool) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ if upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Secret {
        let secret = Secret::of_variable("MY_KEY");
        assert!(secret.value.set(Value::of(value)).is_ok());
        secret
    }

    #[test]
    fn every_form_of_a_value_is_replaced_by_its_name() {
        let secret = secret("sk/a\"b+c=1");
        for form in [
            "sk/a\"b+c=1",
            "sk/a\\\"b+c=1",
            "sk\\/a\\\"b+c=1",
            "sk%2Fa%22b%2Bc%3D1",
            "sk%2fa%22b%2bc%3d1",
        ] {
            assert_eq!(secret.scrub(&format!("<{form}>")), "<[MY_KEY]>", "{form}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(MY_KEY)");
    }

    #[test]
    fn a_placeholder_value_is_not_blanked_in_texts_of_a_model() {
        let empty = secret("EMPTY");
        assert_eq!(empty.scrub_reply("the set is EMPTY"), None);
        assert_eq!(empty.scrub("the set is EMPTY"), "the set is [MY_KEY]");
        assert_eq!(secret("x").scrub("exit"), "exit");
        assert_eq!(secret("sk-12345").scrub_reply("I saw sk-12345"), Some("I saw [MY_KEY]".into()));
    }

    #[test]
    fn a_short_key_is_blanked_in_texts_of_a_model_unless_it_is_a_placeholder() {
        assert_eq!(secret("k3y9").scrub_reply("my k3y9"), Some("my [MY_KEY]".into()));
        for placeholder in ["none", "Token", "EMPTY", "test"] {
            assert_eq!(secret(placeholder).scrub_reply(placeholder), None, "{placeholder}");
        }
    }

    #[test]
    fn texts_and_keys_of_a_value_are_changed_at_any_depth() {
        let secret = secret("sk-1234+5");
        let raw = r#"{"a": [{"sk\u002d1234\u002b5": "x sk\u002d1234\u002b5 y"}], "n": 1}"#;
        let mut value: serde_json::Value = serde_json::from_str(raw).unwrap();
        each_text(&mut value, &|text| secret.scrub_reply(text));
        let wanted = serde_json::json!({"a": [{"[MY_KEY]": "x [MY_KEY] y"}], "n": 1});
        assert_eq!(value, wanted);
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_the_remedy() {
        let secret = Secret::of_variable("TRIBUNAL_NO_SUCH_KEY");
        let failure = secret.read().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(
            failure.message.contains("`TRIBUNAL_NO_SUCH_KEY` is not set"),
            "{}",
            failure.message
        );
        assert!(failure.message.contains("export TRIBUNAL_NO_SUCH_KEY"), "{}", failure.message);
    }
}
