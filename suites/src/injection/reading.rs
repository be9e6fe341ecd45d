//! Reading pairs and attacks, and putting each attack into the worse reply of each pair.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tribunal_api::{Candidate, Cluster, Item, Loaded, SuiteError, Turn};
use tribunal_tables::{Place, as_text};

use super::flips::{State, id};
use crate::columns::{self, text_tag};
use crate::records::{Ids, each, misfit};
use crate::sharing::{Shared, Text};

/// The name of the attacks beside the pairs.
const ATTACKS: &str = "attacks.toml";
/// The name of the pairs in a folder, without extension, and the extensions that are looked for.
const PAIRS: &str = "pairs";
const EXTENSIONS: [&str; 6] = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"];
/// The topic of pairs that name none.
const TOPIC: &str = "all";

/// Where an attack stands in the worse reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Placement {
    Start,
    End,
}

impl Placement {
    fn as_str(self) -> &'static str {
        match self {
            Placement::Start => "start",
            Placement::End => "end",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attack {
    name: String,
    placement: Placement,
    text: String,
}

impl Attack {
    /// The reply with the attack in it, an empty line between.
    pub(super) fn put_into(&self, reply: &str) -> String {
        match self.placement {
            Placement::Start => format!("{}\n\n{reply}", self.text),
            Placement::End => format!("{reply}\n\n{}", self.text),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttackFile {
    attack: Vec<toml::Spanned<Attack>>,
}

#[derive(Deserialize)]
struct Record {
    id: Option<Value>,
    topic: Option<String>,
    prompt: Value,
    better: Text,
    worse: Text,
}

struct Pair {
    id: Arc<str>,
    topic: Arc<str>,
    prompt: Arc<[Turn]>,
    better: Arc<str>,
    worse: Arc<str>,
}

/// Two items per attack and pair, the clean one first; attacks and pairs in the order of their files.
pub(super) fn items(path: &Path, attacks: Option<&Path>) -> Result<Loaded, SuiteError> {
    let file = pairs_file(path)?;
    let beside = file.parent().unwrap_or(Path::new("")).join(ATTACKS);
    let attacks = self::attacks(attacks.unwrap_or(&beside))?;
    let pairs = pairs(&file)?;
    let mut items = Vec::with_capacity(2 * attacks.len() * pairs.len());
    for attack in &attacks {
        let subset: Arc<str> = Arc::from(attack.name.as_str());
        for pair in &pairs {
            let attacked = Arc::from(attack.put_into(&pair.worse));
            items.push(pair.item(attack, &subset, State::Clean, pair.worse.clone()));
            items.push(pair.item(attack, &subset, State::Attacked, attacked));
        }
    }
    Ok(Loaded { items, absent: Vec::new() })
}

impl Pair {
    fn item(&self, attack: &Attack, subset: &Arc<str>, state: State, worse: Arc<str>) -> Item {
        let tags = [
            text_tag("state", state.as_str()),
            text_tag("placement", attack.placement.as_str()),
            text_tag("topic", &self.topic),
        ];
        Item {
            subset: subset.clone(),
            id: Arc::from(id(&self.id, state)),
            // The attack's name would tell a source about it, and would make equal clean questions differ.
            topic: self.topic.clone(),
            cluster: Cluster::Named(self.id.clone()),
            prompt: self.prompt.clone(),
            candidates: vec![Candidate::of_text(self.better.clone()), Candidate::of_text(worse)],
            gold: Item::gold_first(1, 2),
            tags: tags.into_iter().flatten().collect::<BTreeMap<_, _>>(),
        }
    }
}

/// The file of a folder that holds the pairs.
fn pairs_file(path: &Path) -> Result<PathBuf, SuiteError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let named = EXTENSIONS.map(|extension| path.join(PAIRS).with_extension(extension));
    named.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        SuiteError::at(path, format!("the folder holds no file `{PAIRS}.jsonl`"))
            .with_hint("set `path` to the file of the pairs, or name it `pairs` with its extension")
    })
}

fn pairs(file: &Path) -> Result<Vec<Pair>, SuiteError> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut ids = Ids::default();
    let mut shared = Shared::default();
    let one_subset: Arc<str> = Arc::from(PAIRS);
    each(file, |place, record: Record| {
        let pair = pair(file, place, record, pairs.len() + 1, &mut shared)?;
        ids.add(&one_subset, &pair.id, file, place)?;
        pairs.push(pair);
        Ok(())
    })?;
    if pairs.is_empty() {
        return Err(SuiteError::at(file, "there are no records"));
    }
    Ok(pairs)
}

fn pair(
    file: &Path,
    place: Place,
    record: Record,
    number: usize,
    shared: &mut Shared,
) -> Result<Pair, SuiteError> {
    let prompt = prompt(record.prompt).map_err(|what| {
        misfit(file, place, format!("`prompt` is {what}")).with_hint(
            "write a text, or messages with `role` (system, user or assistant) and `content`",
        )
    })?;
    if record.better == record.worse {
        return Err(misfit(file, place, "`better` and `worse` are the same text"));
    }
    let id = match &record.id {
        Some(id) => columns::id(file, place, "id", id)?,
        None => Arc::from(number.to_string()),
    };
    let topic = record.topic.filter(|topic| !topic.is_empty());
    Ok(Pair {
        id,
        topic: shared.text(Arc::from(topic.as_deref().unwrap_or(TOPIC))),
        prompt: shared.prompt(prompt),
        better: shared.text(record.better.0),
        worse: shared.text(record.worse.0),
    })
}

/// A text as one turn of the user, or messages as they are; in words what it is instead.
fn prompt(value: Value) -> Result<Vec<Turn>, String> {
    if let Some(text) = as_text(&value) {
        return Ok(vec![Turn::user(text)]);
    }
    match serde_json::from_value::<Vec<Turn>>(value) {
        Ok(turns) if turns.is_empty() => Err("an empty list".to_owned()),
        Ok(turns) => Ok(turns),
        Err(cause) => Err(format!("neither a text nor a list of messages: {cause}")),
    }
}

/// The attacks of a file. At least one; names unique and fit for subsets, texts not empty.
pub(super) fn attacks(path: &Path) -> Result<Vec<Attack>, SuiteError> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        SuiteError::at(path, format!("the attacks cannot be read: {cause}"))
            .with_hint("set `attacks` to a TOML file of tables `[[attack]]`")
    })?;
    let refuse = |start: usize, message: String| {
        let before = text.get(..start).unwrap_or(&text);
        let line = before.matches('\n').count() + 1;
        SuiteError::at(path, format!("line {line}: {message}"))
    };
    let file: AttackFile = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        refuse(start, error.message().replace('\n', ", "))
            .with_hint("give each `[[attack]]` a `name`, a `placement` (start or end) and a `text`")
    })?;
    if file.attack.is_empty() {
        return Err(SuiteError::at(path, "there are no attacks"));
    }
    let mut names = HashSet::new();
    for attack in &file.attack {
        let (start, attack) = (attack.span().start, attack.get_ref());
        let sound = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if attack.name.is_empty() || !attack.name.chars().all(sound) {
            let message = format!("`{}` cannot name an attack", attack.name);
            return Err(refuse(start, message).with_hint("use letters, digits, `-` and `_`"));
        }
        if !names.insert(attack.name.as_str()) {
            return Err(refuse(start, format!("there are two attacks `{}`", attack.name)));
        }
        if attack.text.trim().is_empty() {
            return Err(refuse(start, format!("the text of `{}` is empty", attack.name)));
        }
    }
    Ok(file.attack.into_iter().map(toml::Spanned::into_inner).collect())
}
