//! What a run keeps of a self-check.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// How a self-check came out, as the run folder keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// Comparisons in which the better reply scored higher.
    pub right: usize,
    /// Comparisons in which both scored the same.
    pub tied: usize,
    /// Comparisons with scores; 0 when the source was not asked.
    pub of: usize,
    /// What is wrong; empty when all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Found>,
    /// What was not checked, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    /// What is wrong.
    pub finding: String,
    /// What to do about it.
    pub remedy: String,
}

impl From<&Verdict> for Record {
    fn from(verdict: &Verdict) -> Self {
        let found = verdict.findings.iter().map(|finding| Found {
            finding: finding.to_string(),
            remedy: finding.remedy().to_owned(),
        });
        Self {
            right: verdict.right,
            tied: verdict.tied,
            of: verdict.checked,
            findings: found.collect(),
            notes: verdict.notes.clone(),
        }
    }
}
