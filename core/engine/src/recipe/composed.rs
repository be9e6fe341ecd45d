//! Sources that stand for others: routes, which lead each subset to a source, and panels, whose members vote.

use super::reader::Reader;
use super::{Block, Normalise, Section, SourceBlock, TieBreak, Vote};
use crate::fault::{Fault, KeyPath, Part};
use serde_json::{Map, Value};

/// The kind of a route.
pub const ROUTE: &str = "route";
/// The kind of a panel.
pub const PANEL: &str = "panel";

/// What a source block of kind `route` or `panel` says.
#[derive(Clone, Debug, PartialEq)]
pub enum Composed {
    /// Each subset is put to one source.
    Route(Route),
    /// Several sources vote.
    Panel(Panel),
}

/// Where the subsets of a suite lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The source of all subsets that `subsets` leaves out.
    pub default: Option<String>,
    /// Names of subsets, or `GROUP/*` for all below a group, with their source, in written order.
    pub subsets: Vec<(String, String)>,
}

/// Several sources that vote as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The members, in written order: at least one, no source twice.
    pub members: Vec<Seat>,
    /// How they become one (default majority).
    pub vote: Vote,
    /// Who wins an even split.
    pub tie_break: TieBreak,
    /// How their scores are put on one scale, where scores of single candidates are combined.
    pub normalise: Normalise,
}

/// A member of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Name of the source.
    pub source: String,
    /// How much its vote counts: finite, above 0.
    pub weight: f64,
}

impl Composed {
    /// The names of the sources it stands for, in written order; one may stand twice.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Route(route) => {
                let named = route.subsets.iter().map(|(_, source)| source.as_str());
                route.default.as_deref().into_iter().chain(named).collect()
            }
            Self::Panel(panel) => panel.members.iter().map(|seat| seat.source.as_str()).collect(),
        }
    }
}

impl Route {
    /// The source of a subset: the one of its name, else that of the longest group it lies below, else the default.
    pub fn of(&self, subset: &str) -> Option<&str> {
        let exact = self.subsets.iter().find(|(pattern, _)| pattern == subset);
        let below = || {
            let groups = self.subsets.iter().filter(|(pattern, _)| serves(pattern, subset));
            groups.max_by_key(|(pattern, _)| pattern.len())
        };
        let found = exact.or_else(below).map(|(_, source)| source.as_str());
        found.or(self.default.as_deref())
    }
}

/// True when a pattern of a route names the subset, or a group above it.
pub(crate) fn serves(pattern: &str, subset: &str) -> bool {
    let below = |group: &str| subset.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'));
    pattern == subset || pattern.strip_suffix("/*").is_some_and(below)
}

/// What a source block says, where its kind is a word of the engine.
pub(super) fn read(
    reader: &mut Reader<'_>,
    block: &Block,
    table: &Map<String, Value>,
    sources: &[&str],
) -> Option<Composed> {
    let keys: &[&str] = match block.kind.as_str() {
        ROUTE => &["kind", "default", "subsets", "suites", "ties", "failures"],
        PANEL => {
            &["kind", "members", "vote", "tie-break", "normalise", "suites", "ties", "failures"]
        }
        _ => return None,
    };
    for key in table.keys().filter(|key| !keys.contains(&key.as_str())) {
        let path = block.path.key(key);
        reader.fault(match Section::Source.engine_keys().contains(&key.as_str()) {
            true => {
                let message =
                    format!("a {} is not asked itself, so it takes no `{key}`", block.kind);
                Fault::new(path, message).part(Part::Key).hint("set it in the sources it names")
            }
            false => Fault::unknown_key(path, keys),
        });
    }
    match block.kind.as_str() {
        ROUTE => route(reader, block, table, sources).map(Composed::Route),
        _ => panel(reader, block, table, sources).map(Composed::Panel),
    }
}

fn route(
    reader: &mut Reader<'_>,
    block: &Block,
    table: &Map<String, Value>,
    sources: &[&str],
) -> Option<Route> {
    let path = block.path.key("default");
    let default = table.get("default").and_then(|value| name(reader, &path, value, sources));
    let mut subsets = Vec::new();
    if let Some(value) = table.get("subsets") {
        let path = block.path.key("subsets");
        for (subset, value) in reader.table(&path, value)? {
            if let Some(source) = name(reader, &path.key(subset), value, sources) {
                subsets.push((subset.clone(), source));
            }
        }
    }
    if default.is_none() && subsets.is_empty() {
        if !table.contains_key("default") && !table.contains_key("subsets") {
            let message = format!("route `{}` leads nowhere", block.name);
            let hint = "add `default = \"SOURCE\"`, or `subsets = { SUBSET = \"SOURCE\" }`";
            reader.fault(Fault::new(block.path.clone(), message).hint(hint));
        }
        return None;
    }
    Some(Route { default, subsets })
}

fn panel(
    reader: &mut Reader<'_>,
    block: &Block,
    table: &Map<String, Value>,
    sources: &[&str],
) -> Option<Panel> {
    let path = block.path.key("members");
    let Some(value) = table.get("members") else {
        let fault =
            Fault::new(block.path.clone(), format!("panel `{}` has no `members`", block.name));
        reader.fault(fault.hint("add `members = [\"SOURCE\", \"SOURCE\"]`"));
        return None;
    };
    let wanted = "a list of names of sources, or of tables with `source` and `weight`";
    let list = reader.list(&path, value, wanted)?;
    if list.is_empty() {
        reader
            .fault(Fault::new(path.clone(), "`members` is empty").hint("name at least one source"));
    }
    let vote = block.common.vote.unwrap_or(Vote::Majority);
    let mut members: Vec<Seat> = Vec::new();
    let mut whole = !list.is_empty();
    for (at, value) in list.iter().enumerate() {
        let Some(seat) = seat(reader, &path.index(at), value, sources) else {
            whole = false;
            continue;
        };
        if vote == Vote::Min && seat.weight != 1.0 {
            let message = "`weight` means nothing where the least score counts";
            let at = path.index(at).key("weight");
            reader.fault(Fault::new(at, message).part(Part::Key).hint("leave it out"));
        }
        if let Some(first) = members.iter().position(|one| one.source == seat.source) {
            let message = format!("source `{}` is a member twice", seat.source);
            let fault = Fault::new(path.index(at), message).also(path.index(first), "first here");
            reader.fault(fault.hint("give it a `weight`"));
        }
        members.push(seat);
    }
    let word = |key: &str| table.get(key).map(|value| (block.path.key(key), value));
    let tie_break = word("tie-break").and_then(|(path, value)| reader.word(&path, value));
    let normalise = word("normalise").and_then(|(path, value)| reader.word(&path, value));
    if vote == Vote::Majority && normalise == Some(Normalise::Z) {
        let message = "`normalise` means nothing where the majority wins: no scores are combined";
        let fault = Fault::new(block.path.key("normalise"), message).part(Part::Key);
        reader.fault(fault.hint("leave it out, or set `vote` to `mean`, `median` or `min`"));
    }
    let by_scores = if vote == Vote::Majority { Normalise::None } else { Normalise::Z };
    whole.then_some(Panel {
        members,
        vote,
        tie_break: tie_break.unwrap_or(TieBreak::Tie),
        normalise: normalise.unwrap_or(by_scores),
    })
}

fn seat(reader: &mut Reader<'_>, path: &KeyPath, value: &Value, sources: &[&str]) -> Option<Seat> {
    if value.is_string() {
        let source = name(reader, path, value, sources)?;
        return Some(Seat { source, weight: 1.0 });
    }
    let Some(table) = value.as_object() else {
        return reader.wrong(path, "names of sources, or tables with `source` and `weight`", value);
    };
    reader.only_known(path, table, &["source", "weight"]);
    let Some(source) = table.get("source") else {
        let fault = Fault::new(path.clone(), "this member names no `source`");
        reader.fault(fault.hint("add `source = \"...\"`"));
        return None;
    };
    let source = name(reader, &path.key("source"), source, sources)?;
    let weight = table.get("weight").and_then(|value| {
        let number = value.as_f64().filter(|weight| weight.is_finite() && *weight > 0.0);
        number.or_else(|| reader.wrong(&path.key("weight"), "a number above 0", value))
    });
    let weight = weight.unwrap_or(1.0);
    Some(Seat { source, weight })
}

/// The name of a source that there is.
fn name(
    reader: &mut Reader<'_>,
    path: &KeyPath,
    value: &Value,
    sources: &[&str],
) -> Option<String> {
    let name = reader.text(path, value)?;
    if sources.contains(&name) {
        return Some(name.to_owned());
    }
    reader.absence(Fault::unknown_name(path.clone(), "sources", name, sources));
    None
}

/// A fault for every route or panel from which a way leads back to it; of a circle, at its first block.
pub(super) fn circles(sources: &[SourceBlock]) -> Vec<Fault> {
    let place = |name: &str| sources.iter().position(|source| source.block.name == name);
    let mut faults = Vec::new();
    for (start, source) in sources.iter().enumerate() {
        let Some(way) = way_back(sources, &place, start) else { continue };
        if way.iter().any(|&step| step < start) {
            continue;
        }
        let names: Vec<String> = way
            .iter()
            .chain([&start])
            .map(|&step| format!("`{}`", sources[step].block.name))
            .collect();
        let block = &source.block;
        let message = match way.as_slice() {
            [_] => format!("{} `{}` names itself", block.kind, block.name),
            _ => format!(
                "{} `{}` leads back to itself: {}",
                block.kind,
                block.name,
                names.join(", ")
            ),
        };
        let fault = Fault::new(block.path.clone(), message);
        faults.push(fault.hint("name sources that answer, or routes and panels that end in such"));
    }
    faults
}

/// The blocks on a shortest way from a block to itself, that block first.
fn way_back(
    sources: &[SourceBlock],
    place: &impl Fn(&str) -> Option<usize>,
    start: usize,
) -> Option<Vec<usize>> {
    let mut seen = vec![false; sources.len()];
    let mut ways = vec![vec![start]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = *way.last()?;
            let Some(composed) = &sources[last].composed else { continue };
            for next in composed.names().into_iter().filter_map(place) {
                if next == start {
                    return Some(way);
                }
                if !std::mem::replace(&mut seen[next], true) {
                    longer.push([way.as_slice(), &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_leads_by_its_name_before_its_group_before_the_default() {
        let route = |default: Option<&str>| Route {
            default: default.map(str::to_owned),
            subsets: [("BoN_set/*", "list"), ("BoN_set/Harmlessness/*", "harm"), ("Ties", "rate")]
                .map(|(pattern, source)| (pattern.to_owned(), source.to_owned()))
                .to_vec(),
        };
        let of = |subset| route(Some("rest")).of(subset).map(str::to_owned);
        assert_eq!(of("Ties").as_deref(), Some("rate"));
        assert_eq!(of("BoN_set/Helpfulness/Chat").as_deref(), Some("list"));
        assert_eq!(of("BoN_set/Harmlessness/S2").as_deref(), Some("harm"));
        assert_eq!(of("BoN_set").as_deref(), Some("rest"));
        assert_eq!(of("BoN_sets/Chat").as_deref(), Some("rest"));
        assert_eq!(route(None).of("Math"), None);
    }
}
