//! From the merged document to the typed recipe, with all faults at once.

use super::reader::{Reader, Zero};
use super::{
    Block, Budget, Common, Items, Recipe, Retry, Run, Sample, Section, SourceBlock, SuiteBlock,
    cell, composed, place_faults, plugin, price, server, vary,
};
use crate::fault::{Fault, Faults, KeyPath, Part, Place, Placed};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Keys at the top of a recipe.
const TOP_KEYS: [&str; 15] = [
    "name",
    "seed",
    "keep-texts",
    "extends",
    "unset",
    "plugin",
    "server",
    "generator",
    "source",
    "suite",
    "run",
    "price",
    "factors",
    "arm",
    "exclude",
];

/// A merged document with all that is needed to type it.
pub(super) struct Merged {
    pub value: Value,
    pub places: BTreeMap<KeyPath, Place>,
    /// Folder of the recipe's own file.
    pub base: PathBuf,
    /// Name of the recipe when it says none.
    pub default_name: String,
    pub whole: Whole,
}

/// Whether all of a recipe was read. Where an extended file is missing, nothing can be said to be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Yes,
    No,
}

/// What finds more faults in a recipe that has some already.
pub(super) type Further<'a> = dyn Fn(&Recipe) -> Vec<Fault> + 'a;

/// Types a merged document. `faults` are those found on the way to it; those of factor levels are found here, too.
pub(super) fn read(
    merged: Merged,
    faults: Vec<Placed>,
    further: &Further<'_>,
) -> Result<Recipe, Faults> {
    let whole = merged.whole;
    let (recipe, found) = recipe(merged);
    let mut faults = Faults::placed(faults);
    faults.extend(place_faults(&recipe.places, found));
    if whole == Whole::Yes {
        faults.extend(cell::level_faults(&recipe));
        if !faults.is_empty() {
            faults.extend(recipe.faults(further(&recipe)));
        }
    }
    faults.or_else(recipe)
}

/// Types a merged document as far as it can be typed.
pub(super) fn recipe(merged: Merged) -> (Recipe, Vec<Fault>) {
    let Merged { mut value, places, base, default_name, whole } = merged;
    let mut reader = Reader::new(&places, &base, whole);
    let root = KeyPath::root();
    let no_keys = Map::new();
    let top = match &value {
        Value::Object(top) => top,
        other => {
            reader.wrong::<()>(&root, "a table", other);
            &no_keys
        }
    };
    top_keys(&mut reader, top);
    let name = top.get("name").and_then(|value| recipe_name(&mut reader, value));
    let seed =
        top.get("seed").and_then(|value| reader.whole(&root.key("seed"), value, 0, u64::MAX));
    let keep_texts =
        top.get("keep-texts").and_then(|value| reader.truth(&root.key("keep-texts"), value));
    let plugins = plugin::plugins(&mut reader, top);
    let servers = server::servers(&mut reader, top);
    let generators = blocks(&mut reader, top, Section::Generator);
    let generators = generators.into_iter().map(|(block, _)| block).collect();
    let suites = blocks(&mut reader, top, Section::Suite);
    let suites = suites.into_iter().map(|(block, keys)| suite(&mut reader, block, keys)).collect();
    let suite_names: Vec<&str> = names_in(top, Section::Suite);
    let source_names: Vec<&str> = names_in(top, Section::Source);
    let sources = blocks(&mut reader, top, Section::Source);
    let sources: Vec<SourceBlock> = sources
        .into_iter()
        .map(|(block, keys)| source(&mut reader, block, keys, &suite_names, &source_names))
        .collect();
    composed::circles(&sources).into_iter().for_each(|fault| reader.fault(fault));
    let run = top.get("run").map_or_else(Run::default, |value| run(&mut reader, value));
    let prices = price::prices(&mut reader, top);
    let varied = vary::read(&mut reader, top);
    let faults = reader.faults;
    let name = name.unwrap_or(default_name);
    if let Value::Object(top) = &mut value
        && !top.contains_key("name")
    {
        top.shift_insert(0, "name".to_owned(), Value::String(name.clone()));
    }
    let recipe = Recipe {
        value,
        name,
        seed: seed.unwrap_or(0),
        keep_texts: keep_texts.unwrap_or(false),
        plugins,
        servers,
        generators,
        sources,
        suites,
        run,
        prices,
        factors: varied.factors,
        arms: varied.arms,
        excludes: varied.excludes,
        base,
        places,
    };
    (recipe, faults)
}

/// Names of the blocks of a section as written, also of those with faults; none for `run`.
pub(super) fn names_in(top: &Map<String, Value>, section: Section) -> Vec<&str> {
    let table = if section == Section::Run { None } else { top.get(section.word()) };
    table
        .and_then(Value::as_object)
        .map_or_else(Vec::new, |table| table.keys().map(String::as_str).collect())
}

/// Whether the name may become part of a file name.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char) && !name.chars().all(|c| c == '.')
}

/// Whether the character may stand in the name of a recipe.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn top_keys(reader: &mut Reader<'_>, top: &Map<String, Value>) {
    for key in top.keys() {
        let path = KeyPath::of([key.as_str()]);
        if matches!(key.as_str(), "extends" | "unset") {
            let fault = Fault::new(path, format!("a merged recipe has no `{key}`"));
            reader.fault(fault.part(Part::Key).hint("give the recipe it was merged from"));
        } else if !TOP_KEYS.contains(&key.as_str()) {
            reader.fault(Fault::unknown_key(path, TOP_KEYS));
        }
    }
}

fn recipe_name(reader: &mut Reader<'_>, value: &Value) -> Option<String> {
    let path = KeyPath::of(["name"]);
    let name = reader.text(&path, value)?;
    // The name becomes part of a folder name, so it must not be a way out of a folder.
    if !is_file_name(name) {
        let fault = Fault::new(path, format!("`name` cannot be `{name}`"));
        reader.fault(fault.hint("use letters, digits, `.`, `_` and `-`"));
        return None;
    }
    Some(name.to_owned())
}

/// The blocks of a section that have a kind, each with all of its keys.
fn blocks<'v>(
    reader: &mut Reader<'_>,
    top: &'v Map<String, Value>,
    section: Section,
) -> Vec<(Block, &'v Map<String, Value>)> {
    let path = KeyPath::of([section.word()]);
    let Some(value) = top.get(section.word()) else { return Vec::new() };
    let Some(table) = reader.table(&path, value) else { return Vec::new() };
    let entries = table.iter();
    entries
        .filter_map(|(name, value)| block(reader, section, path.key(name), name, value))
        .collect()
}

fn block<'v>(
    reader: &mut Reader<'_>,
    section: Section,
    path: KeyPath,
    name: &str,
    value: &'v Value,
) -> Option<(Block, &'v Map<String, Value>)> {
    let word = section.word();
    let Some(table) = value.as_object() else {
        let fault = Fault::new(path.clone(), format!("`{path}` is not a table"));
        reader.fault(
            fault.part(Part::Key).hint(format!("write the name of the {word}: `[{word}.NAME]`")),
        );
        return None;
    };
    if name.is_empty() || name.contains('/') || name.chars().any(char::is_control) {
        let fault = Fault::new(path.clone(), format!("a {word} cannot be called `{name}`"));
        reader
            .fault(fault.part(Part::Key).hint("give it a name without `/` and control characters"));
    }
    let common = common(reader, &path, table, section);
    let Some(kind) = table.get("kind") else {
        let fault = Fault::new(path, format!("{word} `{name}` has no `kind`"));
        reader.absence(
            fault.hint(format!("add `kind = \"...\"`; `tribunal list {word}s` shows the kinds")),
        );
        return None;
    };
    let kind = reader.text(&path.key("kind"), kind)?.to_owned();
    let settings = table.iter().filter(|(key, _)| !section.engine_keys().contains(&key.as_str()));
    let settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    Some((Block { name: name.to_owned(), kind, path, common, settings }, table))
}

fn source(
    reader: &mut Reader<'_>,
    block: Block,
    table: &Map<String, Value>,
    known: &[&str],
    sources: &[&str],
) -> SourceBlock {
    let path = block.path.key("suites");
    let suites = table.get("suites").and_then(|value| {
        let names = reader.texts(&path, value)?;
        let list = value.as_array().into_iter().flatten().enumerate();
        for (at, name) in list.filter_map(|(at, name)| Some((at, name.as_str()?))) {
            if !known.contains(&name) {
                reader.absence(Fault::unknown_name(path.index(at), "suites", name, known));
            }
        }
        Some(names)
    });
    let composed = composed::read(reader, &block, table, sources);
    SourceBlock { block, suites, composed }
}

fn suite(reader: &mut Reader<'_>, block: Block, table: &Map<String, Value>) -> SuiteBlock {
    let path = &block.path;
    let sample = table.get("sample").and_then(|value| sample(reader, &path.key("sample"), value));
    let subsets = table.get("subsets").and_then(|value| {
        let path = path.key("subsets");
        let subsets = reader.texts(&path, value)?;
        if subsets.is_empty() {
            reader.fault(
                Fault::new(path, "`subsets` is empty").hint("leave it out to keep all subsets"),
            );
        }
        Some(subsets)
    });
    let items = table.get("items").and_then(|value| items(reader, &path.key("items"), value));
    SuiteBlock { sample, subsets, items, block }
}

fn sample(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Option<Sample> {
    if !value.is_object() {
        let clusters = value.as_u64().filter(|clusters| *clusters > 0);
        let wanted = "a number of clusters of at least 1, or a table with `clusters`";
        return clusters
            .map(|clusters| Sample { clusters, by: None })
            .or_else(|| reader.wrong(path, wanted, value));
    }
    let table = reader.table(path, value)?;
    reader.only_known(path, table, &["clusters", "by"]);
    let by =
        table.get("by").and_then(|value| reader.text(&path.key("by"), value)).map(str::to_owned);
    let Some(clusters) = table.get("clusters") else {
        let fault = Fault::new(path.clone(), "`sample` has no `clusters`");
        reader.fault(fault.hint("say how many clusters to draw: `clusters = 400`"));
        return None;
    };
    let clusters = reader.whole(&path.key("clusters"), clusters, 1, u64::MAX)?;
    Some(Sample { clusters, by })
}

fn items(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Option<Items> {
    let Value::Array(list) = value else {
        if value.is_string() {
            return reader.path(path, value).map(Items::File);
        }
        return reader.wrong(path, "a list of item ids, or the path of a file of them", value);
    };
    let ids = list.iter().enumerate().filter_map(|(at, value)| match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) if id.is_u64() || id.is_i64() => Some(id.to_string()),
        other => reader.wrong(&path.index(at), "item ids", other),
    });
    Some(Items::List(ids.collect()))
}

fn common(
    reader: &mut Reader<'_>,
    path: &KeyPath,
    table: &Map<String, Value>,
    section: Section,
) -> Common {
    let mut common = Common::default();
    for (key, value) in
        table.iter().filter(|(key, _)| section.engine_keys().contains(&key.as_str()))
    {
        let at = path.key(key);
        match key.as_str() {
            "order" => common.order = reader.word(&at, value),
            "samples" => common.samples = reader.count(&at, value, 1, u32::MAX),
            "failures" => common.failures = reader.word(&at, value),
            "ties" => common.ties = reader.word(&at, value),
            "timeout" => common.timeout = reader.duration(&at, value, Zero::Refused),
            "retry" => common.retry = retry(reader, &at, value),
            "batch" => common.batch = reader.count(&at, value, 1, u32::MAX),
            "in-flight" => common.in_flight = reader.count(&at, value, 1, u32::MAX),
            "protocol" => common.protocol = reader.word(&at, value),
            "vote" => common.vote = reader.word(&at, value),
            _ => {}
        }
    }
    common
}

fn retry(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Retry {
    let mut retry = Retry::default();
    let Some(table) = reader.table(path, value) else { return retry };
    reader.only_known(path, table, &["attempts", "wait", "most"]);
    let mut duration = |key: &str| {
        table.get(key).and_then(|value| reader.duration(&path.key(key), value, Zero::Allowed))
    };
    retry.wait = duration("wait");
    retry.most = duration("most");
    retry.attempts =
        table.get("attempts").and_then(|value| reader.count(&path.key("attempts"), value, 1, 100));
    retry
}

fn run(reader: &mut Reader<'_>, value: &Value) -> Run {
    let path = KeyPath::of(["run"]);
    let mut run = Run::default();
    let Some(table) = reader.table(&path, value) else { return run };
    reader.only_known(&path, table, Section::Run.engine_keys());
    run.common = common(reader, &path, table, Section::Run);
    for (key, value) in table {
        let at = path.key(key);
        match key.as_str() {
            "tolerance" => {
                run.tolerance = reader.number(&at, value, 0.0, 1.0).unwrap_or(run.tolerance)
            }
            "budget" => run.budget = budget(reader, &at, value),
            "open-sources" => run.open_sources = reader.count(&at, value, 1, u32::MAX).unwrap_or(1),
            "accept-weak" => run.accept_weak = reader.truth(&at, value).unwrap_or(false),
            "reuse" => {
                let list =
                    reader.list(&at, value, "a list of run folders").map_or(&[][..], Vec::as_slice);
                let paths = list.iter().enumerate();
                run.reuse =
                    paths.filter_map(|(i, value)| reader.path(&at.index(i), value)).collect();
            }
            "out" => run.out = reader.path(&at, value).unwrap_or(run.out),
            _ => {}
        }
    }
    run
}

fn budget(reader: &mut Reader<'_>, path: &KeyPath, value: &Value) -> Budget {
    let Some(table) = reader.table(path, value) else { return Budget::default() };
    reader.only_known(path, table, &["usd", "tokens", "calls"]);
    Budget {
        usd: table
            .get("usd")
            .and_then(|value| reader.number(&path.key("usd"), value, 0.0, f64::MAX)),
        tokens: table
            .get("tokens")
            .and_then(|value| reader.whole(&path.key("tokens"), value, 0, u64::MAX)),
        calls: table
            .get("calls")
            .and_then(|value| reader.whole(&path.key("calls"), value, 0, u64::MAX)),
    }
}
