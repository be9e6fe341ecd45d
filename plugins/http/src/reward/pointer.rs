//! JSON pointers in which `*` stands for every entry of a list: `/data/*/score`.

use serde_json::Value;

use super::row::described;

/// A pointer that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A key of a table, or a position in a list.
    Key(String),
    /// Every entry of a list.
    Every,
}

impl Pointer {
    /// Reads a pointer: empty for the whole reply, else steps that each begin with `/`. In a key `~1` is `/` and `~0`
    /// is `~`.
    ///
    /// Source: RFC 6901; the `*` is an addition.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        if !text.is_empty() {
            let Some(rest) = text.strip_prefix('/') else {
                return Err(format!("the pointer `{text}` does not begin with `/`"));
            };
            for step in rest.split('/') {
                steps.push(match step {
                    "*" => Step::Every,
                    key => Step::Key(key.replace("~1", "/").replace("~0", "~")),
                });
            }
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The pointer as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// True when a `*` stands in it.
    pub(super) fn is_many(&self) -> bool {
        self.steps.contains(&Step::Every)
    }

    /// What it points at, in the order of the lists. Without a `*` there is exactly one value.
    pub(super) fn find<'a>(&self, root: &'a Value) -> Result<Vec<&'a Value>, String> {
        let mut found = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                match (step, value) {
                    (Step::Every, Value::Array(list)) => next.extend(list),
                    (Step::Every, other) => {
                        return Err(format!(
                            "the pointer `{}` expects a list at `*`, found {}",
                            self.text,
                            described(other)
                        ));
                    }
                    (Step::Key(key), value) => next.push(self.enter(key, value)?),
                }
            }
            found = next;
        }
        Ok(found)
    }

    fn enter<'a>(&self, key: &str, value: &'a Value) -> Result<&'a Value, String> {
        let inner = match value {
            Value::Object(table) => table.get(key),
            Value::Array(list) => key.parse::<usize>().ok().and_then(|place| list.get(place)),
            _ => None,
        };
        inner.ok_or_else(|| {
            format!("the pointer `{}` finds no `{key}` in {}", self.text, described(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(pointer: &str, root: &Value) -> Result<Vec<Value>, String> {
        Ok(Pointer::parse(pointer)?.find(root)?.into_iter().cloned().collect())
    }

    #[test]
    fn a_star_stands_for_every_entry() {
        let root = json!({"data": [{"score": [1]}, {"score": [2, 3]}], "a/b": {"~": 4}});
        assert_eq!(find("/data/*/score/*", &root).unwrap(), [json!(1), json!(2), json!(3)]);
        assert_eq!(find("/data/1/score/0", &root).unwrap(), [json!(2)]);
        assert_eq!(find("/a~1b/~0", &root).unwrap(), [json!(4)]);
        assert_eq!(find("", &root).unwrap(), [root]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let root = json!({"data": 3});
        let error = find("/data/*/score", &root).unwrap_err();
        assert_eq!(
            error,
            "the pointer `/data/*/score` expects a list at `*`, found the number `3`"
        );
        let error = find("/dat", &root).unwrap_err();
        assert_eq!(error, "the pointer `/dat` finds no `dat` in a table of `data`");
        assert!(find("data", &root).unwrap_err().contains("does not begin with `/`"));
    }
}
