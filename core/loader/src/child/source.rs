//! A source that a child answers.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use tribunal_api::wire::Declares;
use tribunal_api::{
    Answers, Arity, Identity, Inspection, Limits, Question, Reads, RewardSource, Scale, SourceError,
};

use super::answers;
use super::instance::Instance;
use super::process::{Counts, Reply};
use super::request::{self, Lends};

/// The batch of a source that declares none.
const BATCH: usize = 32;

/// Most text of one request, in bytes, as long as it has more than one question: escapes make it longer, up to the 64 MiB of a
/// line.
const PART: usize = 24 << 20;

/// A source whose component lives in children.
pub(super) struct ChildSource {
    instance: Instance,
    declares: Declares,
    limits: Limits,
    lends: Lends,
}

impl ChildSource {
    pub(super) fn new(instance: Instance, declares: Declares) -> Self {
        let limits = instance.limits(&declares, BATCH);
        let lends = Lends::of(&declares);
        Self { instance, declares, limits, lends }
    }

    async fn score_part(&self, batch: &[Question]) -> Answers {
        let lends = self.lends;
        let reply = self
            .instance
            .ask("score", Counts::AsAnswer, None, |id, handle, caps| match caps.blob {
                true => request::score_blob(id, handle, batch, lends),
                false => request::score(id, handle, batch, lends),
            })
            .await;
        match reply {
            Ok(reply) => answers::read(self.instance.origin(), &reply.line, batch),
            Err(error) => Answers::failed(batch.len(), &error),
        }
    }
}

/// How many questions from the start on go into one request, at least 1.
fn fitting(batch: &[Question]) -> usize {
    let mut bytes = 0;
    let fits = |question: &&Question| {
        let turns = question.prompt().iter().map(|turn| turn.content.len());
        bytes += turns.chain(question.candidates().iter().map(|text| text.len())).sum::<usize>();
        bytes <= PART
    };
    batch.iter().take_while(fits).count().max(1)
}

#[async_trait]
impl RewardSource for ChildSource {
    fn arity(&self) -> Arity {
        self.declares.arity()
    }

    fn reads(&self) -> Reads {
        self.declares.reads.unwrap_or(Reads::Text)
    }

    fn draws(&self) -> bool {
        self.declares.draws.unwrap_or(false)
    }

    fn unhurried(&self) -> bool {
        self.declares.unhurried.unwrap_or(false)
    }

    fn scale(&self) -> Scale {
        self.declares.scale.unwrap_or_default()
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.instance.identify().await
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let keys = json!({ "turns": &**question.prompt(), "candidates": question.candidates() });
        self.instance.inspect(&keys).await
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let mut rest = batch;
        let mut answers = Vec::with_capacity(batch.len());
        while !rest.is_empty() {
            let (part, later) = rest.split_at(fitting(rest));
            answers.extend(self.score_part(part).await.into_vec());
            rest = later;
        }
        answers.into_iter().collect()
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.instance.open().await
    }

    async fn close(&self) {
        self.instance.close().await;
    }
}

#[derive(Deserialize)]
struct Identified {
    identity: Identity,
}

#[derive(Deserialize)]
struct Inspected {
    inspection: Option<Inspection>,
}

/// What sources and generators have in common.
impl Instance {
    /// The limits of all children together.
    pub(super) fn limits(&self, declares: &Declares, batch: usize) -> Limits {
        let mut limits = declares.limits(batch);
        limits.in_flight = limits.in_flight.saturating_mul(self.replicas());
        limits
    }

    pub(super) async fn identify(&self) -> Result<Identity, SourceError> {
        let within = Some(self.start_within());
        let line = |id, handle, _| request::line("identify", id, Some(handle), &json!({}));
        let reply = self.ask("identify", Counts::NotYet, within, line).await?;
        let Identified { identity } = self.read("identify", &reply)?;
        Ok(identity)
    }

    pub(super) async fn inspect(
        &self,
        keys: &serde_json::Value,
    ) -> Result<Option<Inspection>, SourceError> {
        let line = |id, handle, _| request::line("inspect", id, Some(handle), keys);
        let reply = self.ask("inspect", Counts::NotYet, None, line).await?;
        let Inspected { inspection } = self.read("inspect", &reply)?;
        Ok(inspection)
    }

    fn read<'a, T: Deserialize<'a>>(&self, op: &str, reply: &'a Reply) -> Result<T, SourceError> {
        serde_json::from_str(&reply.line).map_err(|cause| {
            let message = format!(
                "the plugin `{}` answered `{op}` with something else: {cause}",
                self.origin()
            );
            SourceError::Broken { message }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_cut_before_it_is_too_long() {
        let text = "x".repeat(10 << 20);
        let large = Question::of_text("", &[&text]);
        let small = Question::of_text("p", &["a"]);
        assert_eq!(fitting(&vec![small.clone(); 300]), 300);
        assert_eq!(fitting(&[large.clone(), large.clone(), large.clone(), small.clone()]), 2);
        let huge = Question::of_text(&text, &[&text, &text]);
        assert_eq!(fitting(&[huge, small]), 1);
    }
}
