//! What decides a judge's answers beside its generator, in one digest.

use serde_json::{Value, json};

use super::criteria::Criteria;
use super::settings::SystemPrompt;
use super::{Judge, RULES};

impl Judge {
    /// Digest of the rules of this crate, what the files say, and all that the settings come to: what is asked, how
    /// tokens are drawn, and how a reply is read. Equal for settings left out and the same values written out.
    pub(super) fn digest(&self) -> String {
        let (criteria, drawn) = match &self.criteria {
            Criteria::None => (json!("none"), Value::Null),
            Criteria::SelfGenerated => (json!("self-generated"), json!(self.criteria_sampling)),
            Criteria::Given(texts) => (json!({ "given": texts.digest }), Value::Null),
        };
        let resolved = json!([
            RULES,
            self.prompt.digest(),
            criteria,
            drawn,
            self.references.as_ref().map(|all| &all.digest),
            self.reader.readout.word(),
            self.reader.parse.word(),
            self.reader.reasoning.as_str(),
            self.sampling,
            self.re_ask,
            self.examples,
            self.constrain,
            match self.system_prompt {
                SystemPrompt::Keep => "keep",
                SystemPrompt::Merge => "merge",
                SystemPrompt::Drop => "drop",
            },
            self.chat_markers,
        ]);
        blake3::hash(resolved.to_string().as_bytes()).to_hex().to_string()
    }
}
