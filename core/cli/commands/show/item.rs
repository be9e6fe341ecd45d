//! One item of a run: what is known of it, all that every source said about it, and what that earned.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};
use tribunal_api::{Grade, Reason, TagValue, Turn};
use tribunal_engine::ask;
use tribunal_engine::cases::Case;
use tribunal_engine::digest::Digest;
use tribunal_engine::fault::nearest;
use tribunal_engine::store::{self, RunFolder, StoredCell, StoredSample, StoredUnit};
use tribunal_engine::summary::{self, Stored};

use crate::args::ShowArgs;
use crate::commands::grading;
use crate::commands::list::as_json;
use crate::exit::Failure;
use crate::plugins::Kinds;
use crate::render::plain;

/// Shows an item.
pub(super) fn show(
    folder: &RunFolder,
    id: &str,
    args: &ShowArgs,
    kinds: &mut Kinds,
) -> Result<String, Failure> {
    let stored = Stored::read(folder)?;
    let (suite, place) = find(&stored, id, args)?;
    let case = &stored.suites[suite].cases[place];
    let cells: Vec<&StoredCell> =
        stored.plan.cells.iter().filter(|cell| cell.suite == suite).collect();
    let wanted = cells.iter().flat_map(|cell| stored.units(cell, case)).map(|unit| (unit.id, None));
    let mut units: HashMap<Digest, Option<StoredUnit>> = wanted.collect();
    store::visit_trials(folder, |unit| {
        // The first line of a trial counts, as in reports.
        if let Some(place @ None) = units.get_mut(&unit.trial) {
            *place = Some(unit);
        }
    })?;
    let units_by_id = &units;
    let graders =
        grading(folder, kinds, |registry| summary::graders(folder, &stored.plan, registry))?;
    let grader = &graders[suite];
    let views = cells.into_iter().map(|cell| {
        let outcome = stored.outcome(cell, place);
        let presentations = cell.asks().into_iter().flat_map(|ask| {
            let member = (ask.source != cell.source).then(|| &stored.plan.sources[ask.source].name);
            let units = stored.units_of(suite, ask, case).into_iter();
            units.map(move |unit| Presentation {
                member: member.cloned(),
                ..Presentation::of(unit, units_by_id)
            })
        });
        CellView {
            source: stored.plan.sources[cell.source].name.clone(),
            levels: cell.levels.clone(),
            protocol: cell
                .manner
                .forms
                .get(&case.item.subset)
                .map(|form| form.protocol.as_str())
                .unwrap_or_default(),
            presentations: presentations.collect(),
            grades: outcome
                .map(|outcome| grader.suite().grade(&case.item, &outcome, &cell.manner.rules)),
        }
    });
    let views = views.collect();
    grader.check()?;
    let view = ItemView::of(folder, &stored, suite, case, views);
    if args.json { as_json(&view) } else { Ok(view.text()) }
}

/// The places of the suite and in it of the one item that the command line names.
fn find(stored: &Stored, id: &str, args: &ShowArgs) -> Result<(usize, usize), Failure> {
    let plan = &stored.plan;
    let names: Vec<&str> = plan.suites.iter().map(|suite| suite.name.as_str()).collect();
    if let Some(suite) = args.suite.as_deref().filter(|suite| !names.contains(suite)) {
        return Err(Failure::usage(
            format!("the run has no suite `{suite}`"),
            format!("use one of: {}", names.join(", ")),
        ));
    }
    let within = |place: usize, case: &Case| {
        args.suite.as_deref().is_none_or(|suite| suite == names[place])
            && args.subset.as_deref().is_none_or(|subset| subset == case.item.subset.as_ref())
    };
    let all =
        || {
            stored.suites.iter().enumerate().flat_map(|(suite, cases)| {
                cases.cases.iter().enumerate().map(move |at| (suite, at))
            })
        };
    let found: Vec<(usize, (usize, &Case))> = all()
        .filter(|&(suite, (_, case))| case.item.id.as_ref() == id && within(suite, case))
        .collect();
    match found.as_slice() {
        [(suite, (place, _))] => Ok((*suite, *place)),
        [] => {
            let ids: Vec<&str> = all()
                .filter(|&(suite, (_, case))| within(suite, case))
                .map(|(_, (_, case))| case.item.id.as_ref())
                .collect();
            let hint = match (nearest(id, &ids), ids.first()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Some(first)) => format!("ids look like `{first}`"),
                (None, None) => "check `--suite` and `--subset`: no item is there".to_owned(),
            };
            Err(Failure::usage(format!("the run has no item `{id}` there"), hint))
        }
        several => {
            const MOST: usize = 20;
            let mut list: Vec<String> = several
                .iter()
                .take(MOST)
                .map(|(suite, (_, case))| {
                    format!("--suite '{}' --subset '{}'", names[*suite], case.item.subset)
                })
                .collect();
            if several.len() > MOST {
                list.push(format!("and {} more", several.len() - MOST));
            }
            Err(Failure::usage(
                format!("{} items have the id `{id}`", several.len()),
                format!("add one of:\n  {}", list.join("\n  ")),
            ))
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ItemView {
    run: String,
    suite: String,
    subset: String,
    id: String,
    topic: String,
    cluster: u32,
    tags: BTreeMap<String, TagValue>,
    candidates: Vec<CandidateView>,
    /// The conversation; absent when the run kept no texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt: Vec<Turn>,
    cells: Vec<CellView>,
}

#[derive(Serialize)]
struct CandidateView {
    candidate: usize,
    gold: f64,
    author: Option<String>,
    characters: Option<u32>,
    text: Option<String>,
}

#[derive(Serialize)]
struct CellView {
    source: String,
    levels: Map<String, Value>,
    protocol: &'static str,
    presentations: Vec<Presentation>,
    /// Absent while a trial of the item is not answered; empty when the rules leave the item out.
    grades: Option<Vec<Grade>>,
}

#[derive(Serialize)]
struct Presentation {
    /// Who was asked for a route or panel.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    trial: String,
    /// Candidates in the order shown.
    shown: Vec<u16>,
    /// Absent when it is not answered.
    samples: Option<Vec<SampleView>>,
}

#[derive(Serialize)]
struct SampleView {
    /// In the order shown.
    scores: Option<Vec<Scored>>,
    abstained: Option<Reason>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parts: BTreeMap<String, Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<Value>,
}

#[derive(Serialize)]
struct Scored {
    candidate: u16,
    score: f64,
}

impl Presentation {
    fn of(unit: ask::Unit, stored: &HashMap<Digest, Option<StoredUnit>>) -> Self {
        let shown: Vec<u16> = unit.order.iter().map(|candidate| candidate.0).collect();
        let stored = stored.get(&unit.id).and_then(Option::as_ref);
        let samples = stored
            .map(|stored| stored.samples.iter().map(|one| SampleView::of(one, &shown)).collect());
        Self { member: None, trial: unit.id.to_string(), shown, samples }
    }
}

impl SampleView {
    fn of(sample: &StoredSample, shown: &[u16]) -> Self {
        let scores = sample.scores.as_ref().map(|scores| {
            let scored = shown.iter().zip(scores);
            scored.map(|(&candidate, score)| Scored { candidate, score: score.value() }).collect()
        });
        Self {
            scores,
            abstained: sample.abstained,
            note: sample.note.clone(),
            parts: sample.parts.clone(),
            transcript: sample.transcript.clone(),
        }
    }

    fn text(&self) -> String {
        let mut text = match (&self.scores, self.abstained) {
            (Some(scores), None) => {
                let scores = scores.iter().map(|one| format!("[{}] {}", one.candidate, one.score));
                scores.collect::<Vec<_>>().join("  ")
            }
            (_, reason) => {
                format!("abstained: {}", reason.map_or("unreadable", Reason::as_str))
            }
        };
        if !self.note.is_empty() {
            text.push_str(&format!(" ({})", plain(&self.note)));
        }
        text
    }
}

impl ItemView {
    fn of(
        folder: &RunFolder,
        stored: &Stored,
        suite: usize,
        case: &Case,
        cells: Vec<CellView>,
    ) -> Self {
        let item = &case.item;
        let candidates =
            item.candidates.iter().enumerate().map(|(index, candidate)| CandidateView {
                candidate: index,
                gold: item.gold[index],
                author: candidate.author.as_deref().map(str::to_owned),
                characters: case.lengths.as_ref().map(|lengths| lengths[index]),
                text: candidate.text.as_deref().map(str::to_owned),
            });
        Self {
            run: folder.path().display().to_string(),
            suite: stored.plan.suites[suite].name.clone(),
            subset: item.subset.to_string(),
            id: item.id.to_string(),
            topic: item.topic.to_string(),
            cluster: case.cluster,
            tags: item.tags.iter().map(|(name, tag)| (name.to_string(), tag.clone())).collect(),
            candidates: candidates.collect(),
            prompt: item.prompt.to_vec(),
            cells,
        }
    }

    fn text(&self) -> String {
        let mut text =
            plain(&format!("item {} of suite {}, subset {}", self.id, self.suite, self.subset));
        text.push('\n');
        for (name, tag) in &self.tags {
            let values: Vec<&str> = tag.values().iter().map(AsRef::as_ref).collect();
            text.push_str(&plain(&format!("  {name}: {}", values.join(", "))));
            text.push('\n');
        }
        for turn in &self.prompt {
            text.push_str(&format!("\n{}:\n", turn.role.as_str()));
            indented(&mut text, &turn.content);
        }
        text.push('\n');
        for candidate in &self.candidates {
            text.push_str(&candidate.text());
        }
        if self.candidates.iter().all(|candidate| candidate.text.is_none()) {
            text.push_str(
                "the run holds no texts; set `keep-texts = true` in the recipe to keep them\n",
            );
        }
        for cell in &self.cells {
            text.push('\n');
            text.push_str(&cell.text());
        }
        text
    }
}

impl CandidateView {
    fn text(&self) -> String {
        let mut line = format!("candidate [{}]: gold {}", self.candidate, self.gold);
        if let Some(characters) = self.characters {
            line.push_str(&format!(", {characters} characters"));
        }
        if let Some(author) = &self.author {
            line.push_str(&format!(", by {author}"));
        }
        let mut text = plain(&line);
        text.push('\n');
        if let Some(candidate) = &self.text {
            indented(&mut text, candidate);
        }
        text
    }
}

impl CellView {
    fn text(&self) -> String {
        let levels = levels(&self.levels);
        let levels = if levels.is_empty() { levels } else { format!(" at {levels}") };
        let mut text = plain(&format!("source {}{levels}, {}", self.source, self.protocol));
        text.push('\n');
        for presentation in &self.presentations {
            let shown: Vec<String> =
                presentation.shown.iter().map(|candidate| format!("[{candidate}]")).collect();
            let member = presentation.member.as_ref().map(|name| plain(&format!("{name}: ")));
            let member = member.unwrap_or_default();
            let trial = &presentation.trial;
            text.push_str(&format!("  {member}shown {}, trial {trial}\n", shown.join(" ")));
            let Some(samples) = &presentation.samples else {
                text.push_str("    not answered\n");
                continue;
            };
            for (number, sample) in samples.iter().enumerate() {
                let number =
                    if samples.len() > 1 { format!("sample {number}: ") } else { String::new() };
                text.push_str(&format!("    {number}{}\n", sample.text()));
                for (name, values) in &sample.parts {
                    text.push_str(&format!("      {}: {values:?}\n", plain(name)));
                }
                if let Some(transcript) = &sample.transcript {
                    written(&mut text, transcript);
                }
            }
        }
        text.push_str(&match &self.grades {
            None => "  no grade: a trial is not answered\n".to_owned(),
            Some(grades) if grades.is_empty() => {
                "  no grade: the rules leave the item out\n".to_owned()
            }
            Some(grades) => {
                let grades = grades.iter().map(|grade| {
                    let weight = match grade.weight {
                        1.0 => String::new(),
                        weight => format!(" (weight {weight})"),
                    };
                    format!("{} {}{weight}", plain(&grade.name), grade.credit)
                });
                format!("  grade: {}\n", grades.collect::<Vec<_>>().join(", "))
            }
        });
        text
    }
}

/// Varied keys and their values.
pub(super) fn levels(levels: &Map<String, Value>) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    };
    levels.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What a source wrote or read: text line by line, all else as JSON.
fn written(text: &mut String, transcript: &Value) {
    match transcript {
        Value::String(words) => indented(text, words),
        Value::Object(table) => {
            for (key, value) in table {
                text.push_str(&format!("      {}:\n", plain(key)));
                match value {
                    Value::String(words) => indented(text, words),
                    other => indented(text, &other.to_string()),
                }
            }
        }
        other => indented(text, &other.to_string()),
    }
}

/// Foreign text, line by line, behind a bar.
fn indented(text: &mut String, foreign: &str) {
    for line in foreign.lines() {
        text.push_str(&format!("    | {}\n", plain(line)));
    }
}
