//! `plan.json`: everything that a run settled before it asked, so that resuming and reporting need nothing else.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tribunal_api::{Absent, Identity, SuiteCard};

use super::Member;
use crate::ask::{Asked, Manner};
use crate::digest::Digest;
use crate::panel::PanelRules;
use crate::recipe::StoredRecipe;

/// Version of the stored format: another major number cannot be read, another minor one can.
///
/// 1.1: the plugin that a kind was loaded from, and `grades.jsonl`.
pub const FORMAT: &str = "1.1";

/// The plan of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredPlan {
    /// Version of the stored format.
    pub format: String,
    /// Version of the program.
    pub tribunal: String,
    /// Name of the recipe.
    pub name: String,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Clusters per suite that `--limit` allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Share of unanswered trials that is tolerated.
    pub tolerance: f64,
    /// The suites, in plan order.
    pub suites: Vec<StoredSuite>,
    /// The sources, in plan order.
    pub sources: Vec<StoredSource>,
    /// The cells, in plan order.
    pub cells: Vec<StoredCell>,
    /// The merged recipe.
    pub recipe: StoredRecipe,
}

/// A suite of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredSuite {
    /// Name of its block.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Version of the kind's code.
    pub version: String,
    /// The plugin that the kind was loaded from; `None` where it is built in. No part of the plan's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Its settings, paths absolute.
    pub settings: Value,
    /// What it says of itself.
    pub card: SuiteCard,
    /// Number of items.
    pub items: usize,
    /// Digest of the items.
    pub digest: Digest,
    /// What the data lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
    /// How the suite was cut down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<String>,
}

/// A source of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredSource {
    /// Name of its block.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Version of the kind's code.
    pub version: String,
    /// The plugins that its kind and those of its generators were loaded from; `None` where all are built in. No part of
    /// the plan's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Its settings, paths absolute. Secrets are named by variable and never stand here.
    pub settings: Value,
    /// Who it said it is.
    pub identity: Identity,
    /// What its trials digest.
    pub asked: Asked,
    /// What the self-check found although the run went on; empty when all was well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// How the self-check before the run came out; `None` where there was nothing to check. No part of the plan's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<crate::probe::Record>,
}

/// A cell of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredCell {
    /// Place of the source.
    pub source: usize,
    /// Place of the suite.
    pub suite: usize,
    /// Varied keys and their values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub levels: Map<String, Value>,
    /// How it asks and grades.
    pub manner: Manner,
    /// Who is asked in the place of a route or panel; empty when the source is asked itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// How members become one, in a panel of several. Without, each subset belongs to one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelRules>,
}

impl StoredPlan {
    /// Digest of all that decides trials and grades: names the run folder.
    pub fn digest(&self) -> Digest {
        let mut fields = Digest::of("tribunal-plan-1");
        let keep_texts = self.recipe.value.get("keep-texts") == Some(&Value::Bool(true));
        fields.number(self.seed).number(u64::from(keep_texts));
        for suite in &self.suites {
            fields.text(&suite.name).text(&suite.kind).text(&suite.version).digest(suite.digest);
        }
        for source in &self.sources {
            fields.text(&source.name).digest(source.asked.identity);
        }
        for cell in &self.cells {
            let text = serde_json::to_string(cell).expect("a cell is plain data");
            fields.text(&text);
        }
        fields.finish()
    }

    /// What is wrong with its inner references, in words.
    pub(super) fn flaw(&self) -> Option<String> {
        let odd = self.cells.iter().position(|cell| {
            cell.suite >= self.suites.len() || !cell.voice().is_sound(self.sources.len())
        })?;
        Some(format!(
            "cell {odd} names a source or suite that is not there, or weighs a vote with nothing"
        ))
    }

    /// What differs from another plan, in words; `None` when both plan the same trials and grades.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.digest() == other.digest() {
            return None;
        }
        if self.seed != other.seed {
            return Some(format!("its seed is {}, not {}", self.seed, other.seed));
        }
        let suites = |plan: &Self| -> Vec<(String, Digest)> {
            plan.suites.iter().map(|suite| (suite.name.clone(), suite.digest)).collect()
        };
        let changed = suites(other).into_iter().find(|suite| !suites(self).contains(suite));
        if let Some((name, _)) = changed {
            return Some(format!("suite `{name}` holds other items"));
        }
        let sources = |plan: &Self| -> Vec<(String, Digest)> {
            plan.sources.iter().map(|source| (source.name.clone(), source.asked.identity)).collect()
        };
        let changed = sources(other).into_iter().find(|source| !sources(self).contains(source));
        if let Some((name, _)) = changed {
            return Some(format!("source `{name}` has another identity or other settings"));
        }
        Some("its cells or rules differ".to_owned())
    }
}
