//! Reading replies: for each server, which row of values belongs to which text.
//!
//! A reply as a whole may be wrong (a text too few, an index twice), and then nothing of it is used. A single row may
//! be wrong (null for a score), and then the other rows stand.

use serde_json::Value;

use super::row::{Row, by_index, counted, described, list, list_of, number, values};
use super::server::Server;
use super::settings::Step;

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    /// One row per text, in the order asked, or what is wrong with it.
    pub(super) rows: Vec<Result<Row, String>>,
    /// The model that answered, as the reply names it.
    pub(super) model: Option<String>,
    /// The tokens of all texts together.
    pub(super) tokens: Option<u64>,
    /// The reply's own id.
    pub(super) id: Option<String>,
}

/// Reads the reply of a known server to `count` texts. `generic` is read by its pointers instead.
pub(super) fn page(
    server: Server,
    body: &Value,
    count: usize,
    step: Option<Step>,
) -> Result<Page, String> {
    let rows = match server {
        Server::VllmClassify => {
            rows_of(by_index(list_of(body, "data")?, count, "data")?, class_row)
        }
        Server::VllmPooling => {
            rows_of(by_index(list_of(body, "data")?, count, "data")?, |entry, at| {
                value_row(entry, "data", at, step)
            })
        }
        Server::VllmScore => {
            rows_of(by_index(list_of(body, "data")?, count, "data")?, |entry, at| {
                value_row(entry, "score", at, None)
            })
        }
        Server::VllmRerank | Server::LlamaServerRerank => {
            rows_of(by_index(list_of(body, "results")?, count, "results")?, |entry, at| {
                value_row(entry, "relevance_score", at, None)
            })
        }
        Server::SglangClassify => sglang_rows(body, count)?,
        Server::SglangEmbeddings => {
            rows_of(by_index(list_of(body, "data")?, count, "data")?, |entry, at| {
                value_row(entry, "embedding", at, None)
            })
        }
        Server::SglangScore => in_order(list_of(body, "scores")?, count, "scores", None)?,
        Server::TeiPredict => tei_rows(body, count)?,
        Server::TeiRerank => {
            rows_of(by_index(list(body, "reply")?, count, "reply")?, |entry, at| {
                value_row(entry, "score", at, None)
            })
        }
        // Versions before lists of texts answer one text with a bare table.
        Server::LlamaServerEmbedding if count == 1 && body.get("embedding").is_some() => {
            vec![value_row(body, "embedding", "reply", step)]
        }
        Server::LlamaServerEmbedding => {
            rows_of(by_index(list(body, "reply")?, count, "reply")?, |entry, at| {
                value_row(entry, "embedding", at, step)
            })
        }
        Server::Openrlhf => {
            let key = if body.get("rewards").is_some_and(|found| !found.is_null()) {
                "rewards"
            } else {
                "scores"
            };
            let found = list_of(body, key).map_err(|_| {
                format!("expected `rewards` or `scores`, found {}", described(body))
            })?;
            in_order(unwrapped(found, count), count, key, None)?
        }
        Server::Generic => return Err("a generic reply is read by its pointers".to_owned()),
    };
    let tokens = body.pointer("/usage/prompt_tokens").or(body.pointer("/usage/total_tokens"));
    Ok(Page {
        rows,
        model: text_of(body.get("model")),
        tokens: tokens.and_then(Value::as_u64),
        id: text_of(body.get("id")),
    })
}

/// A text that is not empty.
pub(super) fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn rows_of(
    entries: Vec<&Value>,
    read: impl Fn(&Value, &str) -> Result<Row, String>,
) -> Vec<Result<Row, String>> {
    let one = |(place, entry)| read(entry, &format!("[{place}]"));
    entries.into_iter().enumerate().map(one).collect()
}

/// A list with one entry per text, which stand in the order sent.
fn in_order(
    entries: &[Value],
    count: usize,
    at: &str,
    step: Option<Step>,
) -> Result<Vec<Result<Row, String>>, String> {
    counted(entries.len(), count, at)?;
    let one = |(place, entry): (usize, &Value)| {
        let values = values(entry, &format!("{at}[{place}]"), step)?;
        Ok(Row { values, ..Row::default() })
    };
    Ok(entries.iter().enumerate().map(one).collect())
}

/// A list inside a list with one entry, as some servers send it for several texts.
fn unwrapped(entries: &[Value], count: usize) -> &[Value] {
    match entries {
        [Value::Array(inner)] if count != 1 => inner,
        entries => entries,
    }
}

fn value_row(entry: &Value, key: &str, at: &str, step: Option<Step>) -> Result<Row, String> {
    let at = format!("{at}.{key}");
    let Some(found) = entry.get(key) else {
        return Err(format!("expected a number at `{at}`, found {}", described(entry)));
    };
    let tokens = entry.pointer("/meta_info/prompt_tokens").or(entry.get("tokens_evaluated"));
    Ok(Row {
        values: values(found, &at, step)?,
        names: Vec::new(),
        tokens: tokens.and_then(Value::as_u64),
        cut: entry.get("truncated") == Some(&Value::Bool(true)),
    })
}

/// `{"label":"LABEL_0","probs":[1.73],"num_classes":1}`.
fn class_row(entry: &Value, at: &str) -> Result<Row, String> {
    let row = value_row(entry, "probs", at, None)?;
    match entry.get("num_classes").and_then(Value::as_u64) {
        Some(classes) if classes != row.values.len() as u64 => Err(format!(
            "`{at}.probs` holds {} values, and `num_classes` says {classes}",
            row.values.len()
        )),
        _ => Ok(row),
    }
}

/// A list of tables for a list of texts; a bare table when there is one text.
fn sglang_rows(body: &Value, count: usize) -> Result<Vec<Result<Row, String>>, String> {
    let entries = match body {
        Value::Object(table) if count == 1 && table.contains_key("embedding") => {
            std::slice::from_ref(body)
        }
        body => list(body, "reply")?,
    };
    counted(entries.len(), count, "reply")?;
    Ok(rows_of(entries.iter().collect(), |entry, at| value_row(entry, "embedding", at, None)))
}

/// A list of classes per text; for a single text some versions send its classes alone.
fn tei_rows(body: &Value, count: usize) -> Result<Vec<Result<Row, String>>, String> {
    let entries = list(body, "reply")?;
    if count == 1 && !entries.is_empty() && entries.iter().all(Value::is_object) {
        return Ok(vec![label_row(body, "[0]")]);
    }
    counted(entries.len(), count, "reply")?;
    Ok(rows_of(entries.iter().collect(), label_row))
}

/// `[{"label":"LABEL_0","score":1.73}]`, the likeliest first.
fn label_row(entry: &Value, at: &str) -> Result<Row, String> {
    let classes = list(entry, at)?;
    if classes.is_empty() {
        return Err(format!("expected classes at `{at}`, found an empty list"));
    }
    let mut row = Row::default();
    for (place, class) in classes.iter().enumerate() {
        let at = format!("{at}[{place}]");
        let name = class.get("label").and_then(Value::as_str);
        let Some(name) = name else {
            return Err(format!("expected a class at `{at}.label`, found {}", described(class)));
        };
        if row.names.iter().any(|known| known == name) {
            return Err(format!("the class `{name}` stands twice at `{at}`"));
        }
        let score = class.get("score").unwrap_or(&Value::Null);
        row.values.push(number(score, &format!("{at}.score"))?);
        row.names.push(name.to_owned());
    }
    Ok(row)
}

#[cfg(test)]
mod tests;
