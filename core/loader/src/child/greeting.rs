//! The greeting: who the child is, which protocol it speaks, what it offers.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_api::{Component, SelfCheck};

use super::ended::Failure;
use super::launch::Launch;
use super::process::{Caps, Process, Reply, shown};
use crate::error::LoadError;

/// The version of the protocol that this program speaks.
pub(crate) const PROTOCOL: [u16; 2] = [1, 0];
/// Largest schema of a kind, in bytes of JSON.
const LARGEST_SCHEMA: usize = 1 << 20;
/// What the child says first.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) protocol: [u16; 2],
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sdk: String,
    pub(super) caps: Caps,
    pub(super) kinds: Vec<Offered>,
}

/// A kind that it offers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) component: Component,
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) version: String,
    pub(super) example: String,
    pub(super) schema: Value,
    pub(super) self_check: SelfCheck,
}

/// What every version of a greeting has.
#[derive(Deserialize)]
struct Versions {
    op: Option<String>,
    protocol: [u16; 2],
    #[serde(default)]
    sdk: String,
}

#[derive(Deserialize)]
struct Hello {
    protocol: [u16; 2],
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    sdk: String,
    #[serde(default)]
    caps: Vec<String>,
    #[serde(default)]
    kinds: Vec<Offer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Offer {
    component: String,
    kind: String,
    #[serde(default)]
    summary: String,
    version: Option<String>,
    #[serde(default)]
    example: String,
    schema: Option<Value>,
    #[serde(default = "yes")]
    self_check: bool,
}

fn yes() -> bool {
    true
}

/// Starts a child and greets it.
pub(super) fn start(
    launch: &Launch,
    replica: usize,
    within: Duration,
) -> Result<(Process, Greeting), LoadError> {
    let origin = || launch.terms.origin.to_string();
    let process =
        launch.start(replica).map_err(|cause| LoadError::Start { origin: origin(), cause })?;
    let hello = json!({
        "op": "hello",
        "protocol": PROTOCOL,
        "host": concat!("tribunal ", env!("CARGO_PKG_VERSION")),
        "caps": ["blob", "cancel", "load"],
        "replica": replica,
    });
    let greeting = match process.greet(format!("{hello}\n").into_bytes(), within) {
        Ok(reply) => read(&origin(), &reply, || process.tail()),
        Err(Failure::Late(what)) => {
            Err(LoadError::Greeting { origin: origin(), what, tail: process.tail() })
        }
        Err(Failure::Ended(end)) => Err(LoadError::Greeting {
            origin: origin(),
            what: format!("it {}", end.what),
            tail: end.tail.clone(),
        }),
    };
    match greeting {
        Ok(greeting) => {
            process.set_caps(greeting.caps);
            Ok((process, greeting))
        }
        Err(error) => {
            process.kill();
            Err(error)
        }
    }
}

fn read(origin: &str, reply: &Reply, tail: impl Fn() -> String) -> Result<Greeting, LoadError> {
    let refused =
        |what: String| LoadError::Greeting { origin: origin.to_owned(), what, tail: tail() };
    let first = shown(reply.line.as_bytes());
    let Versions { op, protocol, sdk } = serde_json::from_str(&reply.line)
        .map_err(|cause| refused(format!("its first line is no greeting ({cause}): {first}")))?;
    if op.as_deref() != Some("hello") {
        return Err(refused(format!("its first line is no greeting: {first}")));
    }
    if protocol[0] != PROTOCOL[0] {
        let sdk = if sdk.is_empty() { "an unknown kit".to_owned() } else { sdk };
        let (theirs, ours) = (protocol[0], PROTOCOL[0]);
        return Err(LoadError::Major { origin: origin.to_owned(), sdk, theirs, ours });
    }
    let hello: Hello = serde_json::from_str(&reply.line)
        .map_err(|cause| refused(format!("its greeting cannot be read ({cause}): {first}")))?;
    hello.check().map_err(|what| LoadError::Broken { origin: origin.to_owned(), what })
}

impl Hello {
    /// What is checked here is what only children can do wrong; the rest is checked for all plugins alike.
    fn check(self) -> Result<Greeting, String> {
        let Self { protocol, name, version, sdk, caps, kinds } = self;
        let kinds =
            kinds.into_iter().map(|offer| offer.check(&version)).collect::<Result<_, _>>()?;
        let has = |cap: &str| caps.iter().any(|known| known == cap);
        let caps = Caps { cancel: has("cancel"), blob: has("blob"), load: has("load") };
        Ok(Greeting { protocol, name, version, sdk, caps, kinds })
    }
}

impl Offer {
    fn check(self, version: &str) -> Result<Offered, String> {
        let component = [Component::Source, Component::Generator, Component::Suite]
            .into_iter()
            .find(|component| component.as_str() == self.component)
            .ok_or_else(|| {
                format!(
                    "its kind `{}` is a {:?}; `source`, `generator` and `suite` are known",
                    self.kind, self.component
                )
            })?;
        let schema = self.schema.unwrap_or_else(|| json!({ "type": "object" }));
        let size = schema.to_string().len();
        if size > LARGEST_SCHEMA {
            return Err(format!(
                "the schema of the {component} kind `{}` has {size} bytes",
                self.kind
            ));
        }
        Ok(Offered {
            component,
            name: self.kind,
            summary: self.summary,
            version: self.version.unwrap_or_else(|| version.to_owned()),
            example: self.example,
            schema,
            self_check: match self.self_check {
                true => SelfCheck::KnownPairs,
                false => SelfCheck::Skip,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(line: Value) -> Result<Greeting, LoadError> {
        read("x", &Reply { line: line.to_string(), error: None }, || "\ntail".to_owned())
    }

    fn offering(kinds: Value) -> Result<Greeting, LoadError> {
        greeting(json!({"op": "hello", "protocol": [1, 7], "version": "3", "kinds": kinds}))
    }

    #[test]
    fn only_component_and_name_are_needed() {
        let found = offering(json!([{"component": "source", "kind": "a.b-1"}])).unwrap();
        let kind = &found.kinds[0];
        assert_eq!((kind.version.as_str(), kind.self_check), ("3", SelfCheck::KnownPairs));
        assert_eq!(kind.schema, json!({"type": "object"}));
    }

    #[test]
    fn an_unknown_component_and_a_large_schema_are_refused() {
        for (kind, what) in [
            (
                json!({"component": "judge", "kind": "a"}),
                "its kind `a` is a \"judge\"; `source`, `generator` and `suite` are known",
            ),
            (
                json!({"component": "source", "kind": "c", "schema": {"title": "x".repeat(1 << 20)}}),
                "the schema of the source kind `c` has 1048588 bytes",
            ),
        ] {
            let error = offering(json!([kind])).expect_err("it is wrong").to_string();
            assert_eq!(error, format!("the plugin `x` is broken: {what}"));
        }
    }

    #[test]
    fn another_major_is_refused_before_the_rest_is_read() {
        let error = greeting(json!({"op": "hello", "protocol": [2, 0], "kinds": "whatever"}));
        assert!(matches!(error, Err(LoadError::Major { theirs: 2, ours: 1, .. })));
    }

    #[test]
    fn another_line_is_no_greeting() {
        for line in [
            json!({"id": 1}),
            json!({"op": "hi", "protocol": [1, 0]}),
            json!({"op": "hello", "protocol": "1"}),
        ] {
            let error = greeting(line).expect_err("it is wrong").to_string();
            assert!(
                error.starts_with("the plugin `x` did not greet: its first line is no greeting"),
                "{error}"
            );
            assert!(error.ends_with("\ntail"));
        }
    }
}
