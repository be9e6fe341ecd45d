//! A question as it is sent: its texts, and the plain join that stands in for a chat template.

use serde_json::{Value, json};
use tribunal_api::{Question, Role, Turn};

/// A question with one candidate, made ready to be sent.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    /// The question.
    pub(super) question: &'a Question,
    /// The dialogue, on routes that take it once for several replies; else empty.
    pub(super) lead: String,
    /// The whole text, or the reply alone where `lead` holds the dialogue.
    pub(super) text: String,
}

impl Piece<'_> {
    /// The dialogue in the plain join.
    pub(super) fn prompt(&self) -> String {
        dialogue(self.question.prompt())
    }

    /// The candidate reply.
    pub(super) fn candidate(&self) -> &str {
        candidate_of(self.question)
    }

    /// The number of characters, by which the tokens of a request are shared out.
    pub(super) fn weight(&self) -> u64 {
        (self.lead.chars().count() + self.text.chars().count()) as u64
    }
}

/// The one candidate, empty when there is none.
pub(super) fn candidate_of(question: &Question) -> &str {
    question.candidates().first().map_or("", |text| text)
}

/// The plain join of a dialogue: one user turn is its text; of several turns each is `Role: text`, with an empty line
/// between them.
pub(super) fn dialogue(turns: &[Turn]) -> String {
    if let [Turn { role: Role::User, content }] = turns {
        return content.clone();
    }
    let turns: Vec<String> = turns.iter().map(spoken).collect();
    turns.join("\n\n")
}

/// The plain join of dialogue and reply: the reply follows after an empty line, with its role where the others have one.
pub(super) fn whole(question: &Question) -> String {
    let reply = candidate_of(question);
    let turns = question.prompt();
    match &turns[..] {
        [] => reply.to_owned(),
        [Turn { role: Role::User, content }] => format!("{content}\n\n{reply}"),
        turns => format!("{}\n\n{}", dialogue(turns), spoken(&Turn::assistant(reply))),
    }
}

fn spoken(turn: &Turn) -> String {
    let role = match turn.role {
        Role::System => "System",
        Role::User => "User",
        Role::Assistant => "Assistant",
    };
    format!("{role}: {}", turn.content)
}

/// Dialogue and reply as a list of messages.
pub(super) fn turns_as_json(question: &Question) -> Value {
    let reply = Turn::assistant(candidate_of(question));
    let turns = question.prompt().iter().chain(std::iter::once(&reply));
    turns.map(|turn| json!({"role": turn.role.as_str(), "content": turn.content})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_plain_join_names_roles_only_where_several_speak() {
        let one = Question::of_text("Why?", &["Because."]);
        assert_eq!(dialogue(one.prompt()), "Why?");
        assert_eq!(whole(&one), "Why?\n\nBecause.");
        let turns = vec![Turn::user("Why?"), Turn::assistant("What?"), Turn::user("This.")];
        let several = Question::new(turns, vec![Arc::from("So.")]);
        assert_eq!(dialogue(several.prompt()), "User: Why?\n\nAssistant: What?\n\nUser: This.");
        assert_eq!(
            whole(&several),
            "User: Why?\n\nAssistant: What?\n\nUser: This.\n\nAssistant: So."
        );
        let bare = Question::new(Vec::new(), vec![Arc::from("So.")]);
        assert_eq!(whole(&bare), "So.");
    }
}
