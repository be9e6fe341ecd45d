//! The body of a request for text: a table, and beside it turns that are written without being copied.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use tribunal_api::Turn;

/// A body in the making.
#[derive(Clone, Debug)]
pub(crate) struct Body<'a> {
    /// All keys but `messages`.
    pub table: Map<String, Value>,
    /// The turns under `messages`, where the interface takes them so.
    pub messages: Option<Cow<'a, [Turn]>>,
}

/// A turn as servers read it.
struct Message<'a>(&'a Turn);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("role", self.0.role.as_str())?;
        map.serialize_entry("content", &self.0.content)?;
        map.end()
    }
}

impl From<Map<String, Value>> for Body<'_> {
    fn from(table: Map<String, Value>) -> Self {
        Self { table, messages: None }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.table {
            map.serialize_entry(key, value)?;
        }
        // What the settings put under the key stands in for the turns.
        if let Some(turns) =
            self.messages.as_deref().filter(|_| !self.table.contains_key("messages"))
        {
            let messages: Vec<Message<'_>> = turns.iter().map(Message).collect();
            map.serialize_entry("messages", &messages)?;
        }
        map.end()
    }
}
