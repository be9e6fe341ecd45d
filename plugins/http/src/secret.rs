//! Keys: named by an environment variable, read at the first request, never shown.

use std::fmt;
use std::sync::OnceLock;

use tribunal_api::SettingsError;

use crate::failure::{Failure, FailureKind};

/// Values shorter than this are no secrets (`x`, `none`): blanking them would blank half of every message.
const LEAST_IN_MESSAGES: usize = 4;
/// Values shorter than this are not blanked in replies that are read as answers (`EMPTY`, `none`, `token`).
const LEAST_IN_REPLIES: usize = 8;

/// A value that stands in an environment variable.
pub(crate) struct Secret {
    variable: String,
    value: OnceLock<Value>,
}

/// The value and the forms in which it may come back.
struct Value {
    plain: String,
    forms: Vec<String>,
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
        for form in self.forms(LEAST_IN_MESSAGES) {
            if text.contains(form) {
                text = text.replace(form, &format!("[{}]", self.variable));
            }
        }
        text
    }

    /// A reply with the value replaced, or `None` when it does not hold it.
    pub fn scrub_reply(&self, text: &str) -> Option<String> {
        let held = self.forms(LEAST_IN_REPLIES).iter().any(|form| text.contains(form));
        held.then(|| self.scrub(text))
    }

    fn forms(&self, least: usize) -> &[String] {
        // A value that was never read was never sent, but it may still stand in a text that is about to be shown.
        if self.read().is_err() {
            return &[];
        }
        match self.value.get() {
            Some(value) if value.plain.len() >= least => &value.forms,
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
        Self { plain: plain.to_owned(), forms }
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
