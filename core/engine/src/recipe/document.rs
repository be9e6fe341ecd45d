//! A TOML text as a tree of entries, each with the place it was written at.

use crate::fault::{Fault, KeyPath, Mark, Part, Place, Placed, Segment, SourceFile};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// Repeated keys of one file whose first place is looked up; each look-up reads the text once more.
const MOST_FIRST_PLACES: usize = 20;

/// An entry of a recipe and all below it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub content: Content,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    /// The entries of a table; none of anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        match &self.content {
            Content::Table(entries) => entries,
            Content::List(_) | Content::Scalar(_) => &[],
        }
    }

    /// The entry below this one.
    pub fn child(&self, segment: &Segment) -> Option<&Self> {
        match (&self.content, segment) {
            (Content::Table(entries), Segment::Key(key)) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            (Content::List(list), Segment::Index(index)) => list.get(*index),
            _ => None,
        }
    }

    /// Takes an entry out of a table.
    pub fn take(&mut self, key: &str) -> Option<Self> {
        let Content::Table(entries) = &mut self.content else { return None };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    /// The plain value, with the place of every entry in `places`.
    pub fn flatten(self, path: &KeyPath, places: &mut BTreeMap<KeyPath, Place>) -> Value {
        places.insert(path.clone(), self.place);
        match self.content {
            Content::Scalar(value) => value,
            Content::List(list) => list
                .into_iter()
                .enumerate()
                .map(|(at, node)| node.flatten(&path.index(at), places))
                .collect(),
            Content::Table(entries) => {
                let flat = entries.into_iter().map(|(key, node)| {
                    let value = node.flatten(&path.key(&*key), places);
                    (key, value)
                });
                Value::Object(flat.collect::<Map<_, _>>())
            }
        }
    }
}

/// What a text holds.
pub(super) struct Document {
    pub root: Node,
    pub faults: Vec<Placed>,
    /// Whether the tree says what the text means: false after a syntax error, not after a repeated key.
    pub sound: bool,
}

/// Reads the text of a file, as far as it can be read.
pub(super) fn read(file: &Arc<SourceFile>) -> Document {
    let text = file.text.as_deref().unwrap_or_default();
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults = Vec::new();
    let mut sound = true;
    let mut broken_line = None;
    let mut repeats: Vec<Repeat> = Vec::new();
    for error in errors {
        let mark = Mark { file: Arc::clone(file), span: error.span() };
        let repeated = error
            .span()
            .filter(|span| error.message() == "duplicate key" && text.get(span.clone()).is_some());
        let Some(span) = repeated else {
            sound = false;
            // Once lost, the parser stumbles on to the end of the line.
            let line = error.span().map(|span| line_of(text, span.start));
            if line.is_some() && std::mem::replace(&mut broken_line, line) == line {
                continue;
            }
            let mut fault = Fault::new(KeyPath::root(), lower_first(error.message()));
            if line.is_some_and(is_bare_path) {
                fault = fault.hint("put the path in quotes");
            }
            faults.push(Placed { fault, mark: Some(mark), also: Vec::new() });
            continue;
        };
        let first = if repeats.len() < MOST_FIRST_PLACES { first_place(text, &span) } else { None };
        let repeat = Repeat { first, second: span };
        if repeats.iter().any(|block| block.covers(&repeat, text)) {
            continue;
        }
        let first =
            repeat.first.clone().map(|first| Mark { file: Arc::clone(file), span: Some(first) });
        let fault = Fault::new(
            KeyPath::root(),
            format!("duplicate key `{}`", &text[repeat.second.clone()]),
        )
        .part(Part::Key)
        .label("given again")
        .hint("keep one of the two");
        let also = first.map(|mark| (mark, "first given here".to_owned())).into_iter().collect();
        faults.push(Placed { fault, mark: Some(mark), also });
        repeats.push(repeat);
    }
    let mut tree = Tree { file, offset: 0, faults: Vec::new() };
    let content = tree.table(table.into_inner(), &KeyPath::root());
    // Values of a text that could not be parsed are guesses.
    if sound {
        faults.extend(tree.faults);
    }
    Document { root: Node { content, place: Place::of_file(file) }, faults, sound }
}

/// The line around a byte of the text.
fn line_of(text: &str, at: usize) -> &str {
    let start = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// Whether a line gives a key a value that looks like a path without quotes.
fn is_bare_path(line: &str) -> bool {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    value.starts_with(['.', '/', '~'])
}

/// The tree of one value that starts at byte `offset` of its file.
pub(super) fn value_node(
    value: Spanned<DeValue<'_>>,
    file: &Arc<SourceFile>,
    offset: usize,
    path: &KeyPath,
) -> (Node, Vec<Placed>) {
    let mut tree = Tree { file, offset, faults: Vec::new() };
    let node = tree.node(None, value, path);
    (node, tree.faults)
}

struct Tree<'a> {
    file: &'a Arc<SourceFile>,
    offset: usize,
    faults: Vec<Placed>,
}

impl Tree<'_> {
    fn node(
        &mut self,
        key: Option<Range<usize>>,
        value: Spanned<DeValue<'_>>,
        path: &KeyPath,
    ) -> Node {
        let span = value.span();
        let span = span.start + self.offset..span.end + self.offset;
        let place = Place { file: Arc::clone(self.file), key, value: Some(span) };
        let content = match value.into_inner() {
            DeValue::String(text) => Content::Scalar(Value::String(text.into_owned())),
            DeValue::Boolean(truth) => Content::Scalar(Value::Bool(truth)),
            DeValue::Datetime(date) => Content::Scalar(Value::String(date.to_string())),
            DeValue::Integer(integer) => Content::Scalar(self.number(
                integer_value(&integer),
                path,
                &place,
                &format!("`{integer}` does not fit 64 bits"),
            )),
            DeValue::Float(float) => Content::Scalar(self.number(
                float_value(&float),
                path,
                &place,
                &format!("`{float}` is not a finite number"),
            )),
            DeValue::Array(list) => {
                let nodes = list
                    .into_iter()
                    .enumerate()
                    .map(|(at, value)| self.node(None, value, &path.index(at)));
                Content::List(nodes.collect())
            }
            DeValue::Table(table) => self.table(table, path),
        };
        Node { content, place }
    }

    fn table(&mut self, table: DeTable<'_>, path: &KeyPath) -> Content {
        let mut entries: Vec<_> = table.into_iter().collect();
        // The parser keeps keys in alphabetical order; a recipe means them in written order.
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            let span = key.span();
            let span = span.start + self.offset..span.end + self.offset;
            let key = key.into_inner().into_owned();
            let node = self.node(Some(span), value, &path.key(&*key));
            (key, node)
        });
        Content::Table(entries.collect())
    }

    fn number(
        &mut self,
        number: Option<Value>,
        path: &KeyPath,
        place: &Place,
        message: &str,
    ) -> Value {
        number.unwrap_or_else(|| {
            let fault = Fault::new(path.clone(), message);
            self.faults.push(Placed { fault, mark: Some(place.at(Part::Value)), also: Vec::new() });
            Value::from(0)
        })
    }
}

fn integer_value(integer: &DeInteger<'_>) -> Option<Value> {
    let (text, radix) = (integer.as_str(), integer.radix());
    let signed = i64::from_str_radix(text, radix).ok().map(Value::from);
    signed.or_else(|| u64::from_str_radix(text, radix).ok().map(Value::from))
}

fn float_value(float: &DeFloat<'_>) -> Option<Value> {
    let number: f64 = float.as_str().parse().ok()?;
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// A key given twice.
struct Repeat {
    first: Option<Range<usize>>,
    second: Range<usize>,
}

impl Repeat {
    /// Whether this is a repeated block header, and `inner` a key of both blocks: then one fault says it all.
    fn covers(&self, inner: &Self, text: &str) -> bool {
        let line = text[..self.second.start].rfind('\n').map_or(0, |at| at + 1);
        let between = text.get(self.second.end..inner.second.start);
        text[line..].trim_start().starts_with('[')
            && between.is_some_and(|between| {
                between.lines().all(|line| !line.trim_start().starts_with('['))
            })
            && match (&self.first, &inner.first) {
                (Some(outer), Some(inner)) => (outer.end..self.second.start).contains(&inner.start),
                _ => false,
            }
    }
}

/// Where a repeated key stands first.
///
/// The parser tells the second place only. With the second key renamed the text reads well, and the first one is the
/// entry of the old name in the table that the new name landed in.
fn first_place(text: &str, second: &Range<usize>) -> Option<Range<usize>> {
    let key = text.get(second.clone())?;
    let single = format!("{key} = 0");
    let (name, _) = DeTable::parse_recoverable(&single).0.into_inner().into_iter().next()?;
    let new_name =
        (0..).map(|n| format!("renamed-{n}")).find(|new| !text.contains(new.as_str()))?;
    let renamed = format!("{}{new_name}{}", &text[..second.start], &text[second.end..]);
    let (table, _) = DeTable::parse_recoverable(&renamed);
    sibling(table.get_ref(), &new_name, second.start, name.get_ref())
}

fn sibling(table: &DeTable<'_>, new_name: &str, at: usize, name: &str) -> Option<Range<usize>> {
    if table.keys().any(|key| key.get_ref() == new_name && key.span().start == at) {
        let first = table.keys().find(|key| key.get_ref() == name)?;
        return (first.span().start < at).then(|| first.span());
    }
    table.values().find_map(|value| in_value(value.get_ref(), new_name, at, name))
}

fn in_value(value: &DeValue<'_>, new_name: &str, at: usize, name: &str) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => sibling(table, new_name, at, name),
        DeValue::Array(list) => {
            list.iter().find_map(|value| in_value(value.get_ref(), new_name, at, name))
        }
        _ => None,
    }
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
