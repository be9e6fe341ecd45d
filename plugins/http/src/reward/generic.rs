//! A reward server of one's own: a body template, and pointers into the reply.

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use reqwest::Url;
use serde_json::{Value, json};
use tribunal_api::{Question, SettingsError, settings::Step as KeyStep};

use super::piece::{Piece, turns_as_json};
use super::pointer::Pointer;
use super::read::{Page, text_of};
use super::row::{Row, counted, described, order, values};
use super::settings::{Method, Pointers, Request};
use crate::connection::carries_key;

/// What is sent to a server of one's own, and where its reply is read.
#[derive(Debug)]
pub(super) struct Generic {
    /// The method.
    pub(super) method: Method,
    /// The path, with what follows a `?`.
    pub(super) path: String,
    body: String,
    model: Option<String>,
    single: bool,
    has_label: bool,
    scores: Pointer,
    index: Option<Pointer>,
    error: Option<Pointer>,
    served: Option<Pointer>,
}

/// Why a reply of status 200 holds no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The server says that something is wrong with the request.
    Refused(String),
    /// The reply has another shape than the pointers expect.
    Wrong(String),
}

/// The base URL in a whole URL, and what follows it; `None` for a bare path.
pub(super) fn parted(url: &str) -> Option<(&str, &str)> {
    let host = url.find("://")? + "://".len();
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    Some((&url[..end], &url[end..]))
}

impl Generic {
    /// Checks template and pointers, and renders the body once with a question of its own. `batch` is the most
    /// questions in one request.
    pub(super) fn new(
        request: &Request,
        pointers: &Pointers,
        model: Option<&str>,
        batch: usize,
        has_label: bool,
    ) -> Result<Self, SettingsError> {
        let pointer = |key: &str, text: &str| {
            Pointer::parse(text).map_err(|message| {
                fault("pointers", key, message).with_hint("write it like `/data/*/score`")
            })
        };
        let path = parted(&request.url).map_or(request.url.as_str(), |(_, path)| path);
        let anywhere = Url::parse("http://localhost").and_then(|base| base.join(path));
        if anywhere.is_ok_and(|url| carries_key(&url)) {
            let message = "a key stands behind the `?` (not shown)".to_owned();
            return Err(fault("request", "url", message)
                .with_hint("put it into an environment variable and name that in `headers-env`"));
        }
        let generic = Self {
            method: request.method,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            body: request.body.clone(),
            model: model.map(str::to_owned),
            single: batch == 1,
            has_label,
            scores: pointer("scores", &pointers.scores)?,
            index: pointers.index.as_deref().map(|text| pointer("index", text)).transpose()?,
            error: pointers.error.as_deref().map(|text| pointer("error", text)).transpose()?,
            served: pointers.model.as_deref().map(|text| pointer("model", text)).transpose()?,
        };
        let question =
            Question::of_text("Is \"this\"\na question?", &["A {reply} with \\ and \"."]);
        let sample =
            Piece { question: &question, lead: String::new(), text: "A text.\n".to_owned() };
        let samples = vec![&sample; if generic.single { 1 } else { 2 }];
        generic.body(&samples).map_err(|message| {
            fault("request", "body", message)
                .with_hint("put texts in with `| tojson`, which writes quotes and escapes")
        })?;
        Ok(generic)
    }

    /// The body for these questions.
    pub(super) fn body(&self, pieces: &[&Piece<'_>]) -> Result<Value, String> {
        let mut context = serde_json::Map::new();
        let lists = [
            ("texts", pieces.iter().map(|piece| json!(piece.text)).collect::<Vec<Value>>()),
            ("prompts", pieces.iter().map(|piece| json!(piece.prompt())).collect()),
            ("candidates", pieces.iter().map(|piece| json!(piece.candidate())).collect()),
            ("messages", pieces.iter().map(|piece| turns_as_json(piece.question)).collect()),
        ];
        let singles = ["text", "prompt", "candidate", "turns"];
        for ((name, list), single) in lists.into_iter().zip(singles) {
            if let (true, [only]) = (self.single, list.as_slice()) {
                context.insert(single.to_owned(), only.clone());
            }
            context.insert(name.to_owned(), Value::Array(list));
        }
        context.insert("model".to_owned(), json!(self.model));
        let known: Vec<String> = context.keys().cloned().collect();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("tojson", tojson);
        let context = minijinja::Value::from(Serde(Value::Object(context)));
        let text = environment
            .render_str(&self.body, context)
            .map_err(|error| self.words(&environment, &error, &known))?;
        serde_json::from_str(&text).map_err(|cause| format!("the body is no JSON: {cause}"))
    }

    /// An error of the template, with its line and the names that it does not know.
    fn words(&self, environment: &Environment<'_>, error: &Error, known: &[String]) -> String {
        let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        if error.kind() != ErrorKind::UndefinedError {
            return format!("{line}{}{detail}", error.kind());
        }
        let quoted = |names: Vec<String>| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let read = environment.template_from_str(&self.body);
        let read = read.map(|template| template.undeclared_variables(false)).unwrap_or_default();
        let globals: Vec<&str> = environment.globals().map(|(name, _)| name).collect();
        let is_strange = |name: &String| !known.contains(name) && !globals.contains(&&**name);
        let mut strange: Vec<String> = read.into_iter().filter(is_strange).collect();
        strange.sort();
        let known = quoted(known.to_vec());
        format!("{line}{}{detail}; unknown: {}; known: {known}", error.kind(), quoted(strange))
    }

    /// What the pointer `error` finds in a reply, in words; `None` when it finds nothing.
    pub(super) fn error_of(&self, body: &Value) -> Option<String> {
        let found = self.error.as_ref()?.find(body).ok()?;
        match found.first()? {
            Value::Null | Value::Bool(false) => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Reads the reply to `count` questions.
    pub(super) fn page(&self, body: &Value, count: usize) -> Result<Page, Unread> {
        if let Some(message) = self.error_of(body) {
            return Err(Unread::Refused(message));
        }
        let rows = self.rows(body, count).map_err(Unread::Wrong)?;
        let model = self.served.as_ref().and_then(|pointer| pointer.find(body).ok());
        let model = model.and_then(|found| text_of(found.first().copied()));
        Ok(Page { rows, model, tokens: None, id: None })
    }

    fn rows(&self, body: &Value, count: usize) -> Result<Vec<Result<Row, String>>, String> {
        let found = self.entries(&self.scores, body, count)?;
        counted(found.len(), count, self.scores.as_str())?;
        let found: Vec<&Value> = match &self.index {
            None => found,
            Some(index) => {
                let places: Result<Vec<u64>, String> = self
                    .entries(index, body, count)?
                    .into_iter()
                    .map(|value| {
                        value.as_u64().ok_or_else(|| {
                            let at = index.as_str();
                            format!("expected a position at `{at}`, found {}", described(value))
                        })
                    })
                    .collect();
                let order = order(&places?, count, index.as_str())?;
                order.into_iter().map(|place| found[place]).collect()
            }
        };
        let row = |value| {
            let values = values(value, self.scores.as_str(), None)?;
            Ok(Row { values, ..Row::default() })
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// The entries that a pointer finds: what its `*` stands for, the entries of a list, or one value. A list for a
    /// single question is its row of classes when a label is set.
    fn entries<'a>(
        &self,
        pointer: &Pointer,
        body: &'a Value,
        count: usize,
    ) -> Result<Vec<&'a Value>, String> {
        let found = pointer.find(body)?;
        if pointer.is_many() {
            return Ok(found);
        }
        match found.as_slice() {
            [Value::Array(list)] => {
                let classes = count == 1 && self.has_label && list.iter().all(Value::is_number);
                Ok(if classes { found } else { list.iter().collect() })
            }
            _ => Ok(found),
        }
    }
}

/// A value as JSON. A name that is not known is an error, not `null`.
fn tojson(value: minijinja::Value) -> Result<minijinja::Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    serde_json::to_string(&value)
        .map(minijinja::Value::from_safe_string)
        .map_err(|cause| Error::new(ErrorKind::BadSerialization, cause.to_string()))
}

fn fault(table: &str, key: &str, message: String) -> SettingsError {
    let path = vec![KeyStep::Key(table.to_owned()), KeyStep::Key(key.to_owned())];
    SettingsError::at(path, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(
        body: &str,
        scores: &str,
        index: Option<&str>,
        batch: usize,
    ) -> Result<Generic, SettingsError> {
        let request =
            Request { url: "/score".to_owned(), method: Method::Post, body: body.to_owned() };
        let pointers = Pointers {
            scores: scores.to_owned(),
            index: index.map(str::to_owned),
            error: Some("/error/message".to_owned()),
            model: Some("/by".to_owned()),
        };
        Generic::new(&request, &pointers, None, batch, false)
    }

    const TEXTS: &str = r#"{"t": {{ texts | tojson }}}"#;

    fn values_of(page: Page) -> Vec<f64> {
        page.rows.into_iter().map(|row| row.unwrap().values[0]).collect()
    }

    #[test]
    fn a_whole_url_is_parted_at_its_path() {
        assert_eq!(parted("http://h:1/a/b?c=d"), Some(("http://h:1", "/a/b?c=d")));
        assert_eq!(parted("http://h:1"), Some(("http://h:1", "")));
        assert_eq!(parted("http://h?c"), Some(("http://h", "?c")));
        assert_eq!(parted("/a/b"), None);
    }

    #[test]
    fn scores_are_put_in_order_by_their_index() {
        let generic = generic(TEXTS, "/d/*/s", Some("/d/*/i"), 8).unwrap();
        let body =
            json!({"by": "m", "d": [{"s": 1.5, "i": 2}, {"s": 2.5, "i": 0}, {"s": [3.5], "i": 1}]});
        let page = generic.page(&body, 3).unwrap();
        assert_eq!(page.model.as_deref(), Some("m"));
        assert_eq!(values_of(page), [2.5, 3.5, 1.5]);
        let twice = json!({"d": [{"s": 1.5, "i": 0}, {"s": 2.5, "i": 0}]});
        assert!(matches!(generic.page(&twice, 2), Err(Unread::Wrong(_))));
        assert!(matches!(generic.page(&body, 2), Err(Unread::Wrong(_))));
    }

    #[test]
    fn a_list_and_a_number_are_scores_too() {
        let list = generic(TEXTS, "/r", None, 8).unwrap();
        assert_eq!(values_of(list.page(&json!({"r": [1, [2], 3]}), 3).unwrap()), [1.0, 2.0, 3.0]);
        let one = generic(r#"{"t": {{ text | tojson }}}"#, "/score", None, 1).unwrap();
        assert_eq!(values_of(one.page(&json!({"score": -1}), 1).unwrap()), [-1.0]);
    }

    #[test]
    fn an_error_in_a_reply_of_status_200_is_found() {
        let generic = generic(TEXTS, "/r", None, 8).unwrap();
        let body = json!({"error": {"message": "no such task"}, "r": [1]});
        assert_eq!(generic.page(&body, 1), Err(Unread::Refused("no such task".to_owned())));
        let none = json!({"error": null, "r": [1]});
        assert_eq!(values_of(generic.page(&none, 1).unwrap()), [1.0]);
    }

    #[test]
    fn a_body_that_cannot_be_made_is_found_when_it_is_built() {
        let error = generic("{\"t\":\n {{ txts | tojson }} }", "/r", None, 8).unwrap_err();
        assert!(error.message.starts_with("line 2: "), "{error}");
        assert!(error.message.contains("unknown: `txts`; known: `texts`, "), "{error}");
        let error = generic("{\"t\":\n\n {% for x in texts %}", "/r", None, 8).unwrap_err();
        assert!(error.message.starts_with("line 3: "), "{error}");
        let error = generic("{\"t\": \"{{ texts[0] }}\"}", "/r", None, 8).unwrap_err();
        assert!(error.message.contains("the body is no JSON"), "{error}");
        let error = generic(r#"{"t": {{ text | tojson }}}"#, "/r", None, 8).unwrap_err();
        assert!(error.message.contains("unknown: `text`;"), "{error}");
        let error = generic(TEXTS, "r", None, 8).unwrap_err();
        assert_eq!(tribunal_api::settings::dotted(&error.path), "pointers.scores");
    }

    #[test]
    fn a_candidate_cannot_leave_its_place_in_the_body() {
        let generic = generic(
            r#"{"c": {{ candidates | tojson }}, "m": {{ messages | tojson }}}"#,
            "/r",
            None,
            8,
        )
        .unwrap();
        let nasty = "\"}], \"x\": {{ 1 }} {% raw %} \\ \u{0} </script> 🦀";
        let question = Question::of_text("q", &[nasty]);
        let piece = Piece { question: &question, lead: String::new(), text: String::new() };
        let expected = json!({"c": [nasty], "m": [[
            {"role": "user", "content": "q"}, {"role": "assistant", "content": nasty}
        ]]});
        assert_eq!(generic.body(&[&piece]).unwrap(), expected);
    }
}
