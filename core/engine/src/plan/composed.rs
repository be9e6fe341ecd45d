//! Routes and panels in a plan: whom they ask about which subset, and who they then are.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tribunal_api::{
    Answer, Answers, Arity, Contest, Identity, Protocol, Question, RewardSource, SelfCheck,
    SourceError,
};

use super::{Cell, Plan, PlannedSource, forms};
use crate::ask::{Form, Manner};
use crate::cases::Cases;
use crate::digest::Digest;
use crate::fault::{Fault, KeyPath};
use crate::panel::PanelRules;
use crate::recipe::{Composed, Recipe, Route, SourceBlock, serves};
use crate::store::Member;

/// The sources that a cell asks in place of its own.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The sources and how each is asked, every source once.
    pub parts: Vec<Part>,
    /// How they become one.
    pub by: By,
}

/// One of the sources that a route or a panel stands for.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of its block.
    pub name: String,
    /// How much its vote counts in a panel, above 0.
    pub weight: f64,
    /// How it is asked. It has no levels of its own.
    pub cell: Cell,
}

/// How the parts of a cell become one.
#[derive(Clone, Debug)]
pub enum By {
    /// Each subset is put to one of them.
    Route(Route),
    /// All are asked, and vote.
    Vote(PanelRules),
}

impl Parts {
    /// The names and weights of the sources that a block stands for, every source once.
    pub(super) fn seats(composed: &Composed) -> Vec<(String, f64)> {
        if let Composed::Panel(panel) = composed {
            let seats = panel.members.iter();
            return seats.map(|seat| (seat.source.clone(), seat.weight)).collect();
        }
        let mut seats: Vec<(String, f64)> = Vec::new();
        for name in composed.names() {
            if seats.iter().all(|(known, _)| known != name) {
                seats.push((name.to_owned(), 1.0));
            }
        }
        seats
    }
}

impl By {
    pub(super) fn of(composed: &Composed) -> Self {
        match composed {
            Composed::Route(route) => By::Route(route.clone()),
            Composed::Panel(panel) => By::Vote(PanelRules {
                vote: panel.vote.into(),
                tie_break: panel.tie_break,
                normalise: panel.normalise,
            }),
        }
    }
}

/// True when a route leads to the source, be it at one level of a factor alone: it is then asked by itself only
/// where its own `suites` say so.
pub(super) fn is_led_to(recipe: &Recipe, source: &str) -> bool {
    recipe.sources.iter().any(|block| {
        block.block.kind == crate::recipe::ROUTE
            && names(recipe, block).iter().any(|name| name == source)
    })
}

/// The blocks of all sources that a source stands for, at any level of a factor, itself first.
pub(super) fn reached<'a>(recipe: &'a Recipe, source: &'a SourceBlock) -> Vec<&'a SourceBlock> {
    let mut reached = vec![source];
    let mut next = 0;
    while let Some(block) = reached.get(next).copied() {
        for name in names(recipe, block) {
            let Some(found) = recipe.source(&name) else { continue };
            if reached.iter().all(|known| known.block.name != found.block.name) {
                reached.push(found);
            }
        }
        next += 1;
    }
    reached
}

/// The sources that a route or panel names, as written and at the levels of what varies it.
fn names(recipe: &Recipe, source: &SourceBlock) -> Vec<String> {
    let Some(composed) = &source.composed else { return Vec::new() };
    let mut names: Vec<String> = composed.names().into_iter().map(str::to_owned).collect();
    let factors = recipe.factors.iter().flat_map(|factor| {
        factor.levels.iter().map(|level| vec![(factor.key.clone(), level.clone())])
    });
    let arms = recipe.arms.iter().map(|arm| arm.set.clone());
    for sets in factors.chain(arms) {
        if !sets.iter().any(|(key, _)| key.starts_with(&source.block.path)) {
            continue;
        }
        // What is wrong with a level is said where its cells are built.
        let Ok(with) = recipe.with(&sets) else { continue };
        let with = with.source(&source.block.name).and_then(|source| source.composed.as_ref());
        names.extend(with.into_iter().flat_map(Composed::names).map(str::to_owned));
    }
    names
}

/// A route or a panel as a source of the plan.
pub(super) fn planned(
    recipe: &Recipe,
    source: &SourceBlock,
    members: Vec<usize>,
    among: &[PlannedSource],
) -> PlannedSource {
    let block = &source.block;
    let settings = serde_json::Value::Object(block.settings.clone());
    let mut digest = Digest::of("tribunal-source-composed-1");
    digest.text(&block.kind).text(&settings.to_string());
    if let Some(vote) = block.common.vote {
        digest.text(&vote.to_string());
    }
    members.iter().for_each(|&member| {
        digest.digest(among[member].digest);
    });
    PlannedSource {
        name: Arc::from(block.name.as_str()),
        kind: block.kind.clone(),
        version: "1".to_owned(),
        settings,
        digest: digest.finish(),
        self_check: SelfCheck::Skip,
        source: Arc::new(NeverAsked(block.kind.clone())),
        calls: super::Calls::of(&recipe.run.common),
        generators: Vec::new(),
        plugin: None,
        model: None,
        members,
    }
}

/// Stands in the plan for a route or a panel. Nothing is asked of it: its members are asked.
struct NeverAsked(String);

#[async_trait]
impl RewardSource for NeverAsked {
    fn arity(&self) -> Arity {
        Arity { least: 1, most: u16::MAX }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Err(self.refusal())
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let refused = |_| Err::<Answer, _>(self.refusal());
        batch.iter().map(refused).collect()
    }
}

impl NeverAsked {
    fn refusal(&self) -> SourceError {
        let message = format!("a {} is not asked itself, the sources that it names are", self.0);
        SourceError::Broken { message }
    }
}

/// Who a route or a panel is: its members, known as well as the one that is known least.
pub(crate) fn identity(kind: &str, members: &[(Digest, &Identity)]) -> Identity {
    let mut fingerprint = Digest::of("tribunal-identity-composed-1");
    for (digest, identity) in members {
        fingerprint.digest(*digest).text(&identity.fingerprint);
    }
    let names: Vec<&str> = members.iter().map(|(_, identity)| identity.name.as_str()).collect();
    let strengths = members.iter().map(|(_, identity)| identity.strength);
    Identity {
        name: format!("{kind} of {}", names.join(", ")),
        fingerprint: fingerprint.finish().to_string(),
        strength: strengths.min().unwrap_or(tribunal_api::Strength::Name),
    }
}

/// The settled manners of a cell that stands for others, for the subsets that `asked` admits.
///
/// # Errors
///
/// A fault of a member that cannot be asked, of a subset that leads nowhere, or of votes that no rule reads.
pub(super) fn settle(
    plan: &Plan,
    cell: &Cell,
    parts: &Parts,
    cases: &Cases,
    asked: &dyn Fn(&str) -> bool,
) -> Result<Member, Box<Fault>> {
    let block = KeyPath::of(["source", plan.sources[cell.source].name.as_ref()]);
    let mut members = Vec::new();
    for part in &parts.parts {
        let own = |subset: &str| asked(subset) && parts.by.leads(subset, &part.name);
        let member = forms::settle_within(plan, &part.cell, cases, &own)
            .map_err(|fault| Box::new(fault.also(block.clone(), "asked for this one")))?;
        if !member.manner.forms.is_empty() {
            members.push(Member { weight: part.weight, ..member });
        }
    }
    let panel = match &parts.by {
        By::Route(route) => {
            check_leads(plan, cell, route, cases, asked)?;
            None
        }
        // A panel of one is that one.
        By::Vote(_) if parts.parts.len() == 1 => None,
        By::Vote(rules) => Some(*rules),
    };
    let forms = match &panel {
        None => members.iter().flat_map(|member| member.manner.forms.clone()).collect(),
        Some(rules) => voted_forms(plan, cell, rules, &members, cases, &block)?,
    };
    let samples = members.iter().map(|member| member.manner.samples).max().unwrap_or(1);
    let order = members.first().map_or(cell.order, |member| member.manner.order);
    let manner = Manner { order, samples, ..cell.manner(forms) };
    Ok(Member { source: cell.source, weight: 1.0, manner, members, panel })
}

impl By {
    /// True when this part is asked about the subset.
    fn leads(&self, subset: &str, part: &str) -> bool {
        match self {
            By::Route(route) => route.of(subset) == Some(part),
            By::Vote(_) => true,
        }
    }
}

/// That every subset leads somewhere.
fn check_leads(
    plan: &Plan,
    cell: &Cell,
    route: &Route,
    cases: &Cases,
    asked: &dyn Fn(&str) -> bool,
) -> Result<(), Box<Fault>> {
    let subsets = cases.subsets();
    let lost = subsets.iter().find(|subset| asked(subset) && route.of(subset).is_none());
    let Some(subset) = lost else { return Ok(()) };
    let (source, suite) = (&plan.sources[cell.source].name, &plan.suites[cell.suite].name);
    let message = format!("route `{source}` leads subset `{subset}` of suite `{suite}` nowhere");
    let fault = Fault::new(KeyPath::of(["source", source.as_ref()]), message)
        .also(KeyPath::of(["suite", suite.as_ref()]), "asked about this suite");
    let hint = "add `default = \"SOURCE\"`, name the subset, or name the route's `suites`";
    Err(Box::new(fault.hint(hint)))
}

/// In which form the members of a panel stand together.
fn voted_forms(
    plan: &Plan,
    cell: &Cell,
    rules: &PanelRules,
    members: &[Member],
    cases: &Cases,
    block: &KeyPath,
) -> Result<BTreeMap<Arc<str>, Form>, Box<Fault>> {
    let mut most: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    for case in &cases.cases {
        let most = most.entry(&case.item.subset).or_default();
        *most = (*most).max(case.item.candidates.len());
    }
    let subsets = members.first().into_iter().flat_map(|member| &member.manner.forms);
    let mut forms = BTreeMap::new();
    for (subset, &Form { contest, .. }) in subsets {
        let each = |fits: &[Protocol]| {
            members.iter().all(|member| {
                member.manner.forms.get(subset).is_some_and(|form| fits.contains(&form.protocol))
            })
        };
        let by_scores = rules.vote != tribunal_api::Vote::Majority && each(&[Protocol::Pointwise]);
        let can_name_a_best = each(&[Protocol::Pointwise, Protocol::Listwise]);
        let several = most.get(subset).is_some_and(|&most| most > 2);
        let protocol = match contest {
            _ if by_scores => Protocol::Pointwise,
            Contest::ScoresOnly => {
                let (source, suite) =
                    (&plan.sources[cell.source].name, &plan.suites[cell.suite].name);
                let message = format!(
                    "panel `{source}` votes on comparisons, and subset `{subset}` of suite `{suite}` needs scores of single candidates"
                );
                let fault = Fault::new(block.clone(), message)
                    .also(KeyPath::of(["suite", suite.as_ref()]), "asked about this suite");
                let hint = "set `vote` to `mean`, `median` or `min`, or lead the subset to another source by a route";
                return Err(Box::new(fault.hint(hint)));
            }
            Contest::BestAgainstEach if several && can_name_a_best => Protocol::Listwise,
            _ => Protocol::Pairwise,
        };
        forms.insert(subset.clone(), Form { protocol, contest });
    }
    Ok(forms)
}

/// Faults of subsets that a route names and that none of the suites it is asked about has. Where one of these is cut
/// down, its subsets are not all known and nothing is said.
pub(crate) fn unknown_subsets(plan: &Plan, suites: &[Arc<Cases>]) -> Vec<Fault> {
    let mut asked: Vec<(&str, &Route, Vec<usize>)> = Vec::new();
    for cell in &plan.cells {
        routes(plan, cell, &mut |name, route| match asked
            .iter_mut()
            .find(|(known, other, _)| *known == name && *other == route)
        {
            Some((_, _, suites)) => suites.push(cell.suite),
            None => asked.push((name, route, vec![cell.suite])),
        });
    }
    let mut faults = Vec::new();
    for (name, route, asked) in asked {
        let cases = || asked.iter().map(|&suite| &suites[suite]);
        if cases().any(|cases| !cases.limited.is_empty()) {
            continue;
        }
        let mut known: Vec<String> = cases()
            .flat_map(|cases| {
                let absent = cases.absent.iter().filter_map(|one| one.subset.clone());
                cases
                    .subsets()
                    .into_iter()
                    .map(|one| one.to_string())
                    .chain(absent.map(|one| one.to_string()))
            })
            .collect();
        known.sort();
        known.dedup();
        let path = KeyPath::of(["source", name, "subsets"]);
        for (pattern, _) in &route.subsets {
            if !known.iter().any(|subset| serves(pattern, subset)) {
                let message =
                    format!("no suite that `{name}` is asked about has a subset `{pattern}`");
                let fault = Fault::new(path.key(pattern), message).part(crate::fault::Part::Key);
                faults.push(fault.known_as("subsets", pattern, &known));
            }
        }
    }
    faults
}

/// Calls `visit` with every route that a cell asks by, and the name of its block.
fn routes<'a>(plan: &'a Plan, cell: &'a Cell, visit: &mut impl FnMut(&'a str, &'a Route)) {
    let Some(parts) = &cell.parts else { return };
    if let By::Route(route) = &parts.by {
        visit(&plan.sources[cell.source].name, route);
    }
    for part in &parts.parts {
        routes(plan, &part.cell, visit);
    }
}
