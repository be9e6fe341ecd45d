//! Who answered, and how sure that is.

use serde::{Deserialize, Serialize};

/// What an identity rests on, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// A served alias: what stands behind it may change from one day to the next.
    Name,
    /// A pinned revision or version.
    Revision,
    /// A digest of everything that decides the answers.
    Weights,
}

/// Who answers: enters every trial id, so that answers of different models never mix.
///
/// The engine adds the kind, its version and the settings; say here what those do not:
/// file digests, revisions, the model id that a server reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A short name for a person.
    pub name: String,
    /// Text that differs whenever answers may differ: a digest, a revision, a served model id.
    pub fingerprint: String,
    /// How sure it is.
    pub strength: Strength,
}

impl Identity {
    /// A source whose answers depend on its code and settings alone.
    pub fn of_code(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), fingerprint: version.into(), strength: Strength::Revision }
    }

    /// A source that is decided by content with this digest.
    pub fn of_content(name: impl Into<String>, digest: impl Into<String>) -> Self {
        Self { name: name.into(), fingerprint: digest.into(), strength: Strength::Weights }
    }

    /// A served model known by its alias alone.
    pub fn of_alias(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { fingerprint: name.clone(), name, strength: Strength::Name }
    }
}
