//! Numbers out of replies: what a server says of one text, or why that is no score.

use serde_json::Value;

use super::settings::Step;

/// The deepest nesting of lists with one entry that is looked through.
const DEEPEST: usize = 8;

/// What a server said of one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// One value per class, at least one, all finite.
    pub(super) values: Vec<f64>,
    /// The names of the classes; empty when the server gives none.
    pub(super) names: Vec<String>,
    /// The tokens of this text, where the server counts them by text.
    pub(super) tokens: Option<u64>,
    /// True when the server says that it cut the text.
    pub(super) cut: bool,
}

#[cfg(test)]
impl Row {
    /// A row of one value.
    pub(super) fn of(value: f64) -> Self {
        Self { values: vec![value], ..Self::default() }
    }
}

/// What stands there, in words.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) => {
            let start: String = text.chars().take(40).collect();
            format!("the text `{start}`")
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(table) => {
            let keys: Vec<&str> = table.keys().map(String::as_str).take(6).collect();
            format!("a table of `{}`", keys.join("`, `"))
        }
    }
}

/// The number at this place. Lists with one entry around it are looked through.
pub(super) fn number(value: &Value, at: &str) -> Result<f64, String> {
    let mut inner = value;
    for _ in 0..DEEPEST {
        match inner {
            Value::Array(list) if list.len() == 1 => inner = &list[0],
            _ => break,
        }
    }
    match inner.as_f64() {
        Some(number) if number.is_finite() => Ok(number),
        _ => Err(format!("expected a number at `{at}`, found {}", described(inner))),
    }
}

/// The values at this place: a number, a list of numbers, or rows of them. Of several rows the last is read when `step`
/// says so, else they are an error.
pub(super) fn values(value: &Value, at: &str, step: Option<Step>) -> Result<Vec<f64>, String> {
    let mut inner = value;
    for _ in 0..DEEPEST {
        match inner {
            Value::Array(list) if list.len() == 1 && list[0].is_array() => inner = &list[0],
            _ => break,
        }
    }
    let Value::Array(list) = inner else { return Ok(vec![number(inner, at)?]) };
    match (list.last(), step) {
        (None, _) => Err(format!("expected values at `{at}`, found an empty list")),
        (Some(last @ Value::Array(_)), Some(Step::Last)) => values(last, at, None),
        (Some(Value::Array(_)), None) => Err(format!(
            "`{at}` holds {} rows, one per token or step: set `step = \"last\"` if the last one is the reward",
            list.len()
        )),
        (Some(_), _) => list.iter().map(|value| number(value, at)).collect(),
    }
}

/// The list at this place.
pub(super) fn list<'a>(value: &'a Value, at: &str) -> Result<&'a [Value], String> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(format!("expected a list at `{at}`, found {}", described(other))),
    }
}

/// The list under this key of the reply.
pub(super) fn list_of<'a>(body: &'a Value, key: &str) -> Result<&'a [Value], String> {
    match body.get(key) {
        Some(found) => list(found, key),
        None => Err(format!("expected a list at `{key}`, found {}", described(body))),
    }
}

/// The entries of a list in the order asked: each holds its `index`, from 0, each index once.
pub(super) fn by_index<'a>(
    entries: &'a [Value],
    count: usize,
    at: &str,
) -> Result<Vec<&'a Value>, String> {
    counted(entries.len(), count, at)?;
    let places: Result<Vec<u64>, String> = entries
        .iter()
        .enumerate()
        .map(|(place, entry)| {
            let index = entry.get("index").unwrap_or(&Value::Null);
            index.as_u64().ok_or_else(|| {
                format!("expected a position at `{at}[{place}].index`, found {}", described(index))
            })
        })
        .collect();
    let order = order(&places?, count, at)?;
    Ok(order.into_iter().map(|place| &entries[place]).collect())
}

/// For each position asked, where its entry stands. Each position from 0 to `count` must occur once.
pub(super) fn order(places: &[u64], count: usize, at: &str) -> Result<Vec<usize>, String> {
    counted(places.len(), count, at)?;
    let mut order: Vec<Option<usize>> = vec![None; count];
    for (entry, place) in places.iter().enumerate() {
        let slot = usize::try_from(*place).ok().and_then(|place| order.get_mut(place));
        match slot {
            None => {
                return Err(format!("the index `{place}` at `{at}` is none of the {count} asked"));
            }
            Some(Some(_)) => return Err(format!("the index `{place}` stands twice at `{at}`")),
            Some(free) => *free = Some(entry),
        }
    }
    // As many entries as positions, none twice: none is missing.
    Ok(order.into_iter().flatten().collect())
}

/// Checks that there are as many results as texts asked.
pub(super) fn counted(found: usize, asked: usize, at: &str) -> Result<(), String> {
    if found == asked {
        Ok(())
    } else {
        Err(format!("{asked} texts were sent, and `{at}` holds {found} results"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_with_one_entry_are_looked_through() {
        assert_eq!(number(&json!([[1.25]]), "rewards"), Ok(1.25));
        assert_eq!(values(&json!([[-1.5]]), "data", None), Ok(vec![-1.5]));
        assert_eq!(values(&json!(3), "data", None), Ok(vec![3.0]));
    }

    #[test]
    fn what_is_no_number_is_named_with_its_place() {
        for (value, found) in [
            (json!(null), "null"),
            (json!("NaN"), "the text `NaN`"),
            (json!([1, 2]), "a list of 2"),
            (json!({"score": 1}), "a table of `score`"),
            (json!([]), "a list of 0"),
        ] {
            let error = number(&value, "data[0].score").unwrap_err();
            assert_eq!(error, format!("expected a number at `data[0].score`, found {found}"));
        }
    }

    #[test]
    fn of_several_rows_the_last_is_read_only_when_the_setting_says_so() {
        let rows = json!([[0.1, 0.9], [0.3, 0.7]]);
        assert!(values(&rows, "data", None).unwrap_err().contains("step = \"last\""));
        assert_eq!(values(&rows, "data", Some(Step::Last)), Ok(vec![0.3, 0.7]));
    }

    #[test]
    fn an_order_needs_every_position_once() {
        assert_eq!(order(&[2, 0, 1], 3, "data"), Ok(vec![1, 2, 0]));
        assert!(order(&[0, 0, 1], 3, "data").unwrap_err().contains("twice"));
        assert!(order(&[0, 3, 1], 3, "data").unwrap_err().contains("none of the 3"));
        assert!(order(&[0, 1], 3, "data").unwrap_err().contains("2 results"));
    }
}
