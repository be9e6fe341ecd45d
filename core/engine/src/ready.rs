//! A plan made ready: items read, protocols settled, sources identified, everything that a run folder keeps.

use std::sync::Arc;
use std::time::Duration;

use tribunal_api::{Identity, SourceError};

use crate::ask::{Asked, samples_of};
use crate::cases::{self, Cases};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, KeyPath};
use crate::lane;
use crate::plan::{self, Plan, PlannedSource};
use crate::store::{FORMAT, Member, StoredCell, StoredPlan, StoredSource, StoredSuite};

/// A plan with its items, and how each cell asks about them. No source has been asked or identified.
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// The items of each suite, in plan order.
    pub suites: Vec<Arc<Cases>>,
    /// How each cell asks and grades, in plan order: by itself or through members.
    pub voices: Vec<Member>,
    /// Clusters per suite that the user allowed.
    pub limit: Option<u64>,
}

/// A loaded plan whose sources have said who they are.
pub struct Ready {
    /// The plan.
    pub plan: Plan,
    /// The items of each suite, in plan order.
    pub suites: Vec<Arc<Cases>>,
    /// What the run folder keeps.
    pub stored: StoredPlan,
}

/// A source that could not say who it is.
#[derive(Debug, thiserror::Error)]
#[error("source `{source_name}` cannot be used: {error}")]
pub struct Unidentified {
    /// Name of the source's block.
    pub source_name: String,
    /// What it said.
    pub error: SourceError,
}

impl Loaded {
    /// Reads the items of every suite and settles how each cell asks about them.
    ///
    /// # Errors
    ///
    /// Faults of the recipe: data that cannot be read, filters that name nothing, sources that do not fit.
    pub fn read(plan: Plan, limit: Option<u64>) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut suites = Vec::new();
        for planned in &plan.suites {
            let block = KeyPath::of(["suite", planned.name.as_ref()]);
            let loaded = match planned.suite.items() {
                Ok(loaded) => loaded,
                Err(error) => {
                    faults.push(unreadable(&block, &error));
                    continue;
                }
            };
            let keep = cases::Keep { limit, ..planned.keep.clone() };
            match cases::prepare(loaded, &keep) {
                Ok(cases) if cases.cases.is_empty() => {
                    faults.push(Fault::new(block, "the suite holds no items".to_owned()));
                }
                Ok(cases) => suites.push(Arc::new(cases)),
                Err(error) => {
                    let key = block.join(error.key.segments());
                    let what = match error.key.key_at(0) {
                        Some("subsets") => "subsets",
                        Some("sample") => "tags",
                        _ => "values",
                    };
                    let fault = Fault::new(key, error.message);
                    faults.push(fault.known_as(what, &error.found, error.known));
                }
            }
        }
        if !faults.is_empty() {
            return Err(plan.recipe.faults(faults));
        }
        let mut voices = Vec::new();
        for cell in &plan.cells {
            match plan::settle(&plan, cell, &suites[cell.suite]) {
                Ok(voice) => voices.push(voice),
                Err(fault) => faults.push(*fault),
            }
        }
        faults.extend(plan::unknown_subsets(&plan, &suites));
        // What was said of subsets is worth nothing where a plugin failed on the way.
        faults.extend(plan.suites.iter().filter_map(|planned| {
            let error = planned.suite.fault()?;
            Some(unreadable(&KeyPath::of(["suite", planned.name.as_ref()]), &error))
        }));
        plan.recipe.faults(faults).or_else(Self { plan, suites, voices, limit })
    }

    /// The plan as it stands when no source says more than its settings do: for counting questions.
    pub fn assume(self) -> Ready {
        let mut identities: Vec<Identity> = Vec::new();
        for source in &self.plan.sources {
            let alone = || Identity {
                fingerprint: source.settings.to_string(),
                ..Identity::of_alias(source.name.to_string())
            };
            let identity = self.composed_identity(source, &identities).unwrap_or_else(alone);
            identities.push(identity);
        }
        self.with(identities)
    }

    /// Asks every source who it is.
    ///
    /// # Errors
    ///
    /// The first source that cannot tell, after the retries that its recipe allows.
    pub async fn identify(self) -> Result<Ready, Unidentified> {
        let mut identities = Vec::new();
        for source in &self.plan.sources {
            let identity = match self.composed_identity(source, &identities) {
                Some(identity) => identity,
                None => identify(source).await.map_err(|error| Unidentified {
                    source_name: source.name.to_string(),
                    error,
                })?,
            };
            identities.push(identity);
        }
        Ok(self.with(identities))
    }

    /// Who a route or panel is, by the identities of the sources before it; `None` for a source that is asked itself.
    fn composed_identity(&self, source: &PlannedSource, known: &[Identity]) -> Option<Identity> {
        if source.members.is_empty() {
            return None;
        }
        let members = source.members.iter();
        let members: Vec<(Digest, &Identity)> =
            members.map(|&member| (self.plan.sources[member].digest, &known[member])).collect();
        Some(plan::identity(&source.kind, &members))
    }

    fn with(self, identities: Vec<Identity>) -> Ready {
        let Self { plan, suites, voices, limit } = self;
        let sources: Vec<StoredSource> = plan
            .sources
            .iter()
            .zip(identities)
            .map(|(source, identity)| stored_source(source, identity))
            .collect();
        let cells = plan
            .cells
            .iter()
            .zip(voices)
            .map(|(cell, mut voice)| {
                settle_samples(&mut voice, &sources);
                StoredCell {
                    source: cell.source,
                    suite: cell.suite,
                    levels: cell.levels.clone(),
                    manner: voice.manner,
                    members: voice.members,
                    panel: voice.panel,
                }
            })
            .collect();
        let stored_suites = plan
            .suites
            .iter()
            .zip(&suites)
            .map(|(suite, cases)| StoredSuite {
                name: suite.name.to_string(),
                kind: suite.kind.clone(),
                version: suite.version.clone(),
                plugin: suite.plugin.clone(),
                settings: suite.settings.clone(),
                card: suite.card.clone(),
                items: cases.cases.len(),
                digest: cases.digest(),
                absent: cases.absent.clone(),
                limited: cases.limited.clone(),
            })
            .collect();
        let stored = StoredPlan {
            format: FORMAT.to_owned(),
            tribunal: env!("CARGO_PKG_VERSION").to_owned(),
            name: plan.recipe.name.clone(),
            seed: plan.recipe.seed,
            limit,
            tolerance: plan.recipe.run.tolerance,
            suites: stored_suites,
            sources,
            cells,
            recipe: plan.recipe.stored(),
        };
        Ready { plan, suites, stored }
    }
}

/// Draws of a source that says the same every time are one; those of a route or panel are the most of its members'.
fn settle_samples(voice: &mut Member, sources: &[StoredSource]) {
    if voice.members.is_empty() {
        let asked = &sources[voice.source].asked;
        voice.manner.samples = samples_of(asked, voice.manner.samples);
        return;
    }
    voice.members.iter_mut().for_each(|member| settle_samples(member, sources));
    let samples = voice.members.iter().map(|member| member.manner.samples);
    voice.manner.samples = samples.max().unwrap_or(1);
}

impl Ready {
    /// Takes over what the self-check of sources of the same identity said in an earlier part of the run, so that going
    /// on costs no second check.
    pub fn recall(&mut self, earlier: &StoredPlan) {
        for source in &mut self.stored.sources {
            let known = earlier.sources.iter().find(|known| {
                known.name == source.name && known.asked.identity == source.asked.identity
            });
            if let Some(known) = known.filter(|known| known.self_check.is_some()) {
                source.self_check = known.self_check.clone();
                source.unverified = known.unverified.clone();
            }
        }
    }
}

fn stored_source(source: &PlannedSource, identity: Identity) -> StoredSource {
    let digest = Digest::of("tribunal-identity-1")
        .digest(source.digest)
        .text(&identity.fingerprint)
        .finish();
    StoredSource {
        name: source.name.to_string(),
        kind: source.kind.clone(),
        version: source.version.clone(),
        plugin: source.plugin.clone(),
        settings: source.settings.clone(),
        identity,
        asked: Asked {
            identity: digest,
            reads: source.source.reads(),
            draws: source.source.draws(),
        },
        unverified: Vec::new(),
        self_check: None,
    }
}

/// Who a source says it is, after the retries that its recipe allows.
pub(crate) async fn identify(source: &PlannedSource) -> Result<Identity, SourceError> {
    let calls = &source.calls;
    // Plugins keep a deadline of their own for it (`start-within`): digests of large weights take longer than a call.
    let within = if source.plugin.is_some() { Duration::from_secs(86_400) } else { calls.timeout };
    let call = |_: std::borrow::Cow<'_, [()]>| async {
        match tokio::time::timeout(within, source.source.identify()).await {
            Ok(answer) => Ok(vec![answer]),
            Err(_) => Err(lane::timed_out(within)),
        }
    };
    lane::retry(calls, &[()], call).await.pop().expect("one entry has one result")
}

fn unreadable(block: &KeyPath, error: &tribunal_api::SuiteError) -> Fault {
    let message = match &error.path {
        Some(path) if !error.message.contains(&*path.to_string_lossy()) => {
            format!("`{}`: {}", path.display(), error.message)
        }
        _ => error.message.clone(),
    };
    let fault = Fault::new(block.key("path"), message);
    match &error.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}
