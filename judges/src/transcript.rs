//! Dialogues as text: one header per turn, or one pair of tags.

use serde::{Deserialize, Serialize};
use tribunal_api::{Role, Turn};

use crate::fence::Fence;

/// `[transcript]` of a prompt file: how turns are headed where the fence is the prompt's own.
///
/// A strict fence does not read it: there each turn stands between tags named after its role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Headings {
    /// Stands before a turn of the system.
    pub system: String,
    /// Stands before a turn of the user.
    pub user: String,
    /// Stands before a turn of the assistant. `{{ label }}` is the label of the candidate whose transcript it is, and
    /// nothing in a dialogue without a candidate.
    pub assistant: String,
    /// Stands between two turns.
    pub between: String,
}

impl Default for Headings {
    fn default() -> Self {
        Self {
            system: "System:\n".to_owned(),
            user: "User:\n".to_owned(),
            assistant: "Assistant:\n".to_owned(),
            between: "\n\n".to_owned(),
        }
    }
}

/// Where the label of a candidate goes in a heading.
pub const LABEL: &str = "{{ label }}";

/// A candidate as the last turn of its transcript.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The candidate's label, `A`.
    pub label: &'a str,
    /// The candidate's text.
    pub text: &'a str,
}

/// A dialogue as one text between the tags of `name`, with a candidate as its last turn if there is one.
pub fn transcript(
    name: &str,
    turns: &[Turn],
    reply: Option<Reply<'_>>,
    fence: &Fence,
    headings: &Headings,
) -> String {
    let label = reply.map_or("", |reply| reply.label);
    let said = turns.iter().map(|turn| (turn.role, turn.content.as_str()));
    let said = said.chain(reply.map(|reply| (Role::Assistant, reply.text)));
    if fence.suffix().is_some() {
        let turns: Vec<String> =
            said.map(|(role, text)| fence.around(role.as_str(), text)).collect();
        return fence.around(name, &turns.join("\n"));
    }
    let turns: Vec<String> = said
        .map(|(role, text)| {
            let heading = match role {
                Role::System => &headings.system,
                Role::User => &headings.user,
                Role::Assistant => &headings.assistant,
            };
            format!("{}{text}", labelled(heading, label))
        })
        .collect();
    turns.join(&headings.between)
}

/// A heading with the label in its place; without a label, the space before it goes too.
fn labelled(heading: &str, label: &str) -> String {
    if label.is_empty() {
        return heading.replace(&format!(" {LABEL}"), "").replace(LABEL, "");
    }
    heading.replace(LABEL, label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue() -> Vec<Turn> {
        vec![Turn::user("hi"), Turn::assistant("hello"), Turn::user("2 + 2?")]
    }

    #[test]
    fn headings_name_the_roles_and_the_candidate() {
        let headings = Headings {
            user: "### User:\n".to_owned(),
            assistant: "### Assistant {{ label }}:\n".to_owned(),
            ..Headings::default()
        };
        let turns = dialogue();
        let reply = Reply { label: "B", text: "4" };
        let whole = transcript("t", &turns, Some(reply), &Fence::published(), &headings);
        assert_eq!(
            whole,
            "### User:\nhi\n\n### Assistant B:\nhello\n\n### User:\n2 + 2?\n\n### Assistant B:\n4"
        );
        let alone = transcript("t", &turns, None, &Fence::published(), &headings);
        assert_eq!(alone, "### User:\nhi\n\n### Assistant:\nhello\n\n### User:\n2 + 2?");
    }

    #[test]
    fn a_strict_transcript_puts_each_turn_between_tags_of_its_own() {
        let turns = [Turn::user("a"), Turn::assistant("b")];
        let fence = Fence::strict(&["a", "b"]);
        let suffix = fence.suffix().unwrap();
        let text = transcript("dialogue", &turns, None, &fence, &Headings::default());
        assert_eq!(
            text,
            format!(
                "<dialogue-{suffix}>\n<user-{suffix}>\na\n</user-{suffix}>\n<assistant-{suffix}>\nb\n\
                 </assistant-{suffix}>\n</dialogue-{suffix}>"
            )
        );
    }
}
