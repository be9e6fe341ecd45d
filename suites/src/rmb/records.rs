//! One file of RMB becomes items.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tribunal_api::{Candidate, Cluster, Item, Role, SuiteError, TagValue, Turn};
use tribunal_tables::Place;

use super::files::ScenarioFile;
use super::scenarios::{Goal, Scenario, Set};
use crate::records::{Ids, each, misfit};
use crate::sharing::{Shared, Text};

#[derive(Deserialize)]
struct Pair {
    pair_uid: Text,
    category_path: Text,
    conversation_input: Vec<Message>,
    chosen: Reply,
    reject: Reply,
}

#[derive(Deserialize)]
struct List {
    bon_uid: Text,
    category_path: Text,
    conversation_input: Vec<Message>,
    bon_best: Reply,
    loser_list: Vec<Reply>,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: String,
    language: Option<Text>,
}

#[derive(Deserialize)]
struct Reply {
    answer: Text,
    llm_name: Option<Text>,
}

/// A record of either set: the better answer, then the others.
struct Case {
    id: Text,
    category_path: Text,
    conversation: Vec<Message>,
    replies: Vec<Reply>,
}

impl From<Pair> for Case {
    fn from(pair: Pair) -> Self {
        Self {
            id: pair.pair_uid,
            category_path: pair.category_path,
            conversation: pair.conversation_input,
            replies: vec![pair.chosen, pair.reject],
        }
    }
}

impl From<List> for Case {
    fn from(list: List) -> Self {
        let mut replies = Vec::with_capacity(1 + list.loser_list.len());
        replies.push(list.bon_best);
        replies.extend(list.loser_list);
        Self {
            id: list.bon_uid,
            category_path: list.category_path,
            conversation: list.conversation_input,
            replies,
        }
    }
}

/// The items of a file, in file order. Equal texts and conversations of the file share memory.
pub(super) fn items(file: &ScenarioFile) -> Result<Vec<Item>, SuiteError> {
    let mut reading = Reading::new(file);
    let path = &file.path;
    match file.set {
        Set::Pairwise => each(path, |place, pair: Pair| reading.take(place, pair.into()))?,
        Set::BestOfN => each(path, |place, list: List| reading.take(place, list.into()))?,
    }
    Ok(reading.items)
}

struct Reading<'a> {
    path: &'a Path,
    set: Set,
    subset: Arc<str>,
    topic: Arc<str>,
    tags: BTreeMap<Arc<str>, TagValue>,
    language: Arc<str>,
    turns: Arc<str>,
    losers: Arc<str>,
    shared: Shared,
    ids: Ids,
    items: Vec<Item>,
}

impl<'a> Reading<'a> {
    fn new(file: &'a ScenarioFile) -> Self {
        let topic = file.topic();
        let mut tags = BTreeMap::new();
        let mut tag = |name: &str, value: &str| {
            tags.insert(Arc::from(name), TagValue::One(Arc::from(value)));
        };
        tag("set", file.set.folder());
        if let [goal, between @ .., scenario] = &file.levels[..] {
            tag("goal", goal);
            tag("scenario", scenario);
            if goal == Goal::Helpfulness.folder() {
                between.iter().for_each(|task| tag("task", task));
            }
        }
        if let Some(known) = Scenario::of(&topic).filter(|known| !known.hazard.is_empty()) {
            tag("hazard", known.hazard);
        }
        Self {
            path: &file.path,
            set: file.set,
            subset: Arc::from(file.subset()),
            topic: Arc::from(topic),
            tags,
            language: Arc::from("language"),
            turns: Arc::from("turns"),
            losers: Arc::from("losers"),
            shared: Shared::default(),
            ids: Ids::default(),
            items: Vec::new(),
        }
    }

    fn take(&mut self, place: Place, case: Case) -> Result<(), SuiteError> {
        let refuse = |message: String| Err(misfit(self.path, place, message));
        if *case.category_path.0 != *self.subset {
            let stored = case.category_path.0;
            let message =
                format!("`category_path` is `{stored}`, the file stands at `{}`", self.subset);
            let hint = "put the file where its records say, with its published name";
            return refuse(message).map_err(|error| error.with_hint(hint));
        }
        if case.id.0.is_empty() {
            return refuse("the uid is empty".to_owned());
        }
        if case.conversation.is_empty() {
            return refuse("`conversation_input` is empty".to_owned());
        }
        if case.replies.len() < 2 {
            return refuse("`loser_list` is empty".to_owned());
        }
        self.ids.add(&self.subset, &case.id.0, self.path, place)?;
        let tags = self.tags_of(&case);
        let turns = case
            .conversation
            .into_iter()
            .map(|message| Turn { role: message.role, content: message.content });
        let prompt = self.shared.prompt(turns.collect());
        let gold = Item::gold_first(1, case.replies.len());
        let candidates = case.replies.into_iter().map(|reply| Candidate {
            text: Some(self.shared.text(reply.answer.0)),
            author: reply.llm_name.map(|name| self.shared.text(name.0)),
        });
        let candidates = candidates.collect();
        self.items.push(Item {
            subset: self.subset.clone(),
            id: case.id.0,
            topic: self.topic.clone(),
            cluster: Cluster::Conversation,
            prompt,
            candidates,
            gold,
            tags,
        });
        Ok(())
    }

    fn tags_of(&mut self, case: &Case) -> BTreeMap<Arc<str>, TagValue> {
        let mut tags = self.tags.clone();
        let last = case.conversation.iter().rev().find(|message| message.role == Role::User);
        let language = last.and_then(|message| message.language.as_ref());
        let language =
            language.map_or_else(|| Arc::from("unstated"), |language| language.0.clone());
        let mut tag = |name: &Arc<str>, value: Arc<str>| {
            tags.insert(name.clone(), TagValue::One(self.shared.text(value)));
        };
        tag(&self.language, language);
        tag(&self.turns, Arc::from(case.conversation.len().to_string()));
        if self.set == Set::BestOfN {
            tag(&self.losers, Arc::from((case.replies.len() - 1).to_string()));
        }
        tags
    }
}
