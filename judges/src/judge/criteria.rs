//! What is judged by: texts for all items, texts by topic, or what the judge itself writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::prompt::FileFault;

/// The criteria of a judge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Criteria {
    /// None are given.
    None,
    /// Texts from a file.
    Given(Texts),
    /// A first call writes them.
    SelfGenerated,
}

/// The texts of a criteria file, and those of `general` for topics that it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Texts {
    set: Set,
    fallback: Option<Goals>,
    /// Digest of all that is said here.
    pub(crate) digest: String,
}

/// The criteria of one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// True when the set holds nothing for the topic, and the general criteria stand in.
    pub(crate) fell_back: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Set {
    One(String),
    Goals(Goals),
    Topics(BTreeMap<String, String>),
}

/// Criteria of two goals, and both in one text.
#[derive(Clone, Debug, PartialEq)]
struct Goals {
    helpfulness: String,
    harmlessness: String,
    both: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CriteriaFile {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default, rename = "source")]
    _source: String,
    text: Option<String>,
    goals: Option<GoalsTable>,
    topics: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GoalsTable {
    helpfulness: String,
    harmlessness: String,
}

impl Texts {
    /// Reads criteria files whose topics are put together. `general` is the text of the file that stands in for topics
    /// left out.
    pub(crate) fn read(files: &[(&str, &str)], general: Option<&str>) -> Result<Self, FileFault> {
        let mut hasher = blake3::Hasher::new();
        let mut topics = BTreeMap::new();
        let mut only = None;
        for (place, text) in files {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            match read_one(place, text)? {
                Set::Topics(more) => topics.extend(more),
                other => only = Some(other),
            }
        }
        let set = only.unwrap_or(Set::Topics(topics));
        let fallback = match (&set, general) {
            (Set::Topics(_), Some(text)) => match read_one("general", text)? {
                Set::Goals(goals) => {
                    hasher.update(text.as_bytes());
                    Some(goals)
                }
                _ => None,
            },
            _ => None,
        };
        Ok(Self { set, fallback, digest: hasher.finalize().to_hex().to_string() })
    }

    /// True when the item's topic decides which text applies.
    pub(crate) fn reads_topic(&self) -> bool {
        matches!(self.set, Set::Topics(_))
    }

    /// The text for a topic. Of a table, the topic's own entry, else the longest key ending in `*` that it starts with,
    /// else the general text. Of the general criteria, those of the goal that the topic names, else both.
    pub(crate) fn of(&self, topic: Option<&str>) -> Option<Chosen<'_>> {
        match &self.set {
            Set::One(text) => Some(Chosen { text, fell_back: false }),
            Set::Goals(goals) => Some(Chosen { text: goals.of(topic), fell_back: false }),
            Set::Topics(topics) => {
                let own = topic.and_then(|topic| entry(topics, topic)).or_else(|| topics.get("*"));
                match own {
                    Some(text) => Some(Chosen { text, fell_back: false }),
                    None => {
                        let goals = self.fallback.as_ref()?;
                        Some(Chosen { text: goals.of(topic), fell_back: true })
                    }
                }
            }
        }
    }
}

impl Goals {
    fn of(&self, topic: Option<&str>) -> &str {
        let first = topic.unwrap_or_default().split('/').next().unwrap_or_default().to_lowercase();
        match first.as_str() {
            "helpfulness" => &self.helpfulness,
            "harmlessness" => &self.harmlessness,
            _ => &self.both,
        }
    }
}

fn entry<'a>(topics: &'a BTreeMap<String, String>, topic: &str) -> Option<&'a String> {
    topics.get(topic).or_else(|| {
        let fitting = topics
            .iter()
            .filter(|(key, _)| key.strip_suffix('*').is_some_and(|start| topic.starts_with(start)));
        fitting.max_by_key(|(key, _)| key.len()).map(|(_, text)| text)
    })
}

fn read_one(place: &str, text: &str) -> Result<Set, FileFault> {
    let file: CriteriaFile =
        toml::from_str(text).map_err(|error| FileFault::of_toml(place, text, &error))?;
    let trimmed = |text: String| text.trim().to_owned();
    match (file.text, file.goals, file.topics) {
        (Some(text), None, None) if !text.trim().is_empty() => Ok(Set::One(trimmed(text))),
        (None, Some(goals), None) => {
            let (helpfulness, harmlessness) =
                (trimmed(goals.helpfulness), trimmed(goals.harmlessness));
            let both = format!("{helpfulness}\n\n{harmlessness}");
            Ok(Set::Goals(Goals { helpfulness, harmlessness, both }))
        }
        (None, None, Some(topics)) if !topics.is_empty() => {
            Ok(Set::Topics(topics.into_iter().map(|(key, text)| (key, trimmed(text))).collect()))
        }
        _ => {
            Err(FileFault::new(place, "the file does not hold one of `text`, `goals` and `topics`")
                .with_hint("write `text = \"...\"`, or a table `[topics]` from topic to text"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERAL: &str =
        "name = \"g\"\n[goals]\nhelpfulness = \"help\"\nharmlessness = \"no harm\"\n";

    fn chosen(texts: &Texts, topic: &str) -> (String, bool) {
        let chosen = texts.of(Some(topic)).unwrap();
        (chosen.text.to_owned(), chosen.fell_back)
    }

    #[test]
    fn the_topic_chooses_its_own_text_then_the_longest_start_then_the_general_one() {
        let file =
            "name = \"t\"\n[topics]\n\"Code/Tests\" = \"a\"\n\"Code/*\" = \"b\"\n\"C*\" = \"c\"\n";
        let texts = Texts::read(&[("t", file)], Some(GENERAL)).unwrap();
        assert!(texts.reads_topic());
        assert_eq!(chosen(&texts, "Code/Tests"), ("a".to_owned(), false));
        assert_eq!(chosen(&texts, "Code/Docs"), ("b".to_owned(), false));
        assert_eq!(chosen(&texts, "Chat"), ("c".to_owned(), false));
        assert_eq!(chosen(&texts, "Math"), ("help\n\nno harm".to_owned(), true));
        assert_eq!(chosen(&texts, "Harmlessness/S2"), ("no harm".to_owned(), true));
    }

    #[test]
    fn general_criteria_hold_both_goals_unless_the_topic_names_one() {
        let texts = Texts::read(&[("g", GENERAL)], None).unwrap();
        assert!(!texts.reads_topic());
        assert_eq!(texts.of(None).unwrap().text, "help\n\nno harm");
        assert_eq!(texts.of(Some("Helpfulness/Code")).unwrap().text, "help");
    }

    #[test]
    fn a_file_that_says_nothing_is_a_fault() {
        for file in [
            "name = \"x\"",
            "name = \"x\"\ntext = \" \"",
            "name = \"x\"\ntext = \"a\"\n[topics]\nb = \"c\"",
        ] {
            let fault = Texts::read(&[("x.toml", file)], None).unwrap_err();
            assert!(fault.message.contains("does not hold one of"), "{fault:?}");
        }
        let fault = Texts::read(&[("x.toml", "name = \"x\"\n\ntexts = 3\n")], None).unwrap_err();
        assert_eq!(fault.line, Some(3), "{fault:?}");
    }
}
