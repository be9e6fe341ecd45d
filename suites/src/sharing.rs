//! Holding equal texts and equal conversations once.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::HashSet;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use tribunal_api::Turn;

/// A text that is copied once on its way from a file into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Arc<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Copied;

        impl Visitor<'_> for Copied {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Arc::from(text)))
            }
        }

        deserializer.deserialize_str(Copied)
    }
}

/// The texts and conversations seen so far. Equal ones are handed out as the same pointer.
#[derive(Default)]
pub(crate) struct Shared {
    texts: HashSet<Arc<str>>,
    prompts: HashSet<ByContent>,
}

struct ByContent(Arc<[Turn]>);

impl Hash for ByContent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for turn in self.0.iter() {
            turn.role.hash(state);
            turn.content.hash(state);
        }
    }
}

impl PartialEq for ByContent {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ByContent {}

impl Shared {
    /// The text, as the pointer that was handed out first.
    pub(crate) fn text(&mut self, text: Arc<str>) -> Arc<str> {
        match self.texts.get(&text) {
            Some(known) => known.clone(),
            None => {
                self.texts.insert(text.clone());
                text
            }
        }
    }

    /// The conversation, as the pointer that was handed out first.
    pub(crate) fn prompt(&mut self, turns: Vec<Turn>) -> Arc<[Turn]> {
        let turns = ByContent(Arc::from(turns));
        match self.prompts.get(&turns) {
            Some(known) => known.0.clone(),
            None => {
                let handed_out = turns.0.clone();
                self.prompts.insert(turns);
                handed_out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_and_conversations_become_one_pointer() {
        let mut shared = Shared::default();
        let first = shared.text(Arc::from("a"));
        assert!(Arc::ptr_eq(&first, &shared.text(Arc::from("a"))));
        assert!(!Arc::ptr_eq(&first, &shared.text(Arc::from("b"))));
        let first = shared.prompt(vec![Turn::user("a")]);
        assert!(Arc::ptr_eq(&first, &shared.prompt(vec![Turn::user("a")])));
        assert!(!Arc::ptr_eq(&first, &shared.prompt(vec![Turn::assistant("a")])));
    }
}
