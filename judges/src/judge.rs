//! The kind `judge`: a prompt and a readout over any generator.

mod ask;
mod build;
mod criteria;
mod identity;
mod memory;
mod read;
mod record;
mod references;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use tribunal_api::{
    Answers, Arity, Card, Counted, Estimate, Generator, Identity, Inspection, Limits, Prompt,
    Question, Quota, Reads, Registry, RewardSource, Role, Sampling, SelfCheck, SourceError, Turn,
};

use crate::prompt::{ChatMarkers, Filling, JudgePrompt, Shown};
use crate::verdict::Readout;

use criteria::Criteria;
use memory::Memory;
use read::Reader;
use references::References;
use settings::{Config, SystemPrompt};

/// Version of the rules of this crate: what is asked and how it is read. A change means that answers may differ.
const RULES: &str = "2";

const CARD: Card = Card {
    kind: "judge",
    summary: "A generative judge: a prompt and a readout over any generator.",
    version: RULES,
    example: r#"[generator.chat]
kind = "http.chat"
base-url = "http://127.0.0.1:8000/v1"
model = "judge-8b"

[source.judge]
kind = "judge"
generator = "chat"
prompt = "pairwise"        # or the path of a prompt file
criteria = "general"       # none, general, per-scenario, self-generated, or a path
reasoning = "before"       # none, before, after, native
readout = "letter"         # letter, number, json, label-logprob
sampling = { temperature = 0.0, max-tokens = 1024 }
"#,
    self_check: SelfCheck::KnownPairs,
};

/// Tokens of a reply where nobody says how many.
const MAX_TOKENS: u32 = 1024;
/// Tokens of self-generated criteria where nobody says how many.
const CRITERIA_TOKENS: u32 = 512;

/// A judge.
pub(crate) struct Judge {
    generator: Arc<dyn Generator>,
    prompt: JudgePrompt,
    reader: Reader,
    criteria: Criteria,
    references: Option<References>,
    sampling: Sampling,
    criteria_sampling: Sampling,
    re_ask: u32,
    examples: bool,
    system_prompt: SystemPrompt,
    chat_markers: ChatMarkers,
    constrain: bool,
    keep_prompt: bool,
    shows_history: bool,
    memory: Memory,
}

/// The criteria of one question as they go into the prompt.
#[derive(Clone, Copy)]
struct Stated<'a> {
    text: &'a str,
    are_data: bool,
}

impl Judge {
    fn filling<'a>(&'a self, question: &Question, stated: Stated<'a>) -> Filling<'a> {
        Filling {
            readout: self.reader.readout,
            reasoning: self.reader.reasoning,
            examples: self.examples,
            criteria: stated.text,
            criteria_are_data: stated.are_data,
            reference: self.references.as_ref().and_then(|all| all.of(question)),
            chat_markers: self.chat_markers,
        }
    }

    /// The messages that are sent, the system turn treated as the recipe says.
    fn messages(
        &self,
        shown: Shown,
        question: &Question,
        stated: Stated<'_>,
    ) -> Result<Vec<Turn>, SourceError> {
        let turns = self.prompt.fill(shown, question, &self.filling(question, stated))?;
        Ok(treat_system(self.system_prompt, turns))
    }

    /// The request for a verdict, one sample per seed.
    fn judgment(
        &self,
        question: &Question,
        stated: Stated<'_>,
        seeds: Vec<u64>,
    ) -> Result<Prompt, SourceError> {
        let candidates = question.arity();
        let reader = &self.reader;
        reader.check(candidates)?;
        let labels = match reader.readout {
            Readout::LabelLogprob => {
                crate::logprob::variants(&reader.form.labels(reader.readout, candidates))
            }
            _ => Vec::new(),
        };
        let grammar = match self.constrain {
            true => reader.form.grammar(reader.readout, candidates),
            false => None,
        };
        Ok(Prompt {
            turns: self.messages(Shown::Judgment, question, stated)?,
            sampling: self.sampling.clone(),
            seeds,
            labels,
            grammar,
        })
    }

    /// The request for criteria: one text for all samples of a question, drawn with the first sample's seed.
    fn criteria_request(&self, question: &Question) -> Result<Prompt, SourceError> {
        let none = Stated { text: "", are_data: false };
        Ok(Prompt {
            turns: self.messages(Shown::SelfCriteria, question, none)?,
            sampling: self.criteria_sampling.clone(),
            seeds: vec![question.seeds()[0]],
            labels: Vec::new(),
            grammar: None,
        })
    }

    /// The criteria that are known before anything is asked, and whether the general ones stand in for the topic's.
    fn stated(&self, question: &Question) -> (Stated<'_>, bool) {
        let chosen = match &self.criteria {
            Criteria::Given(texts) => texts.of(question.subset()),
            Criteria::None | Criteria::SelfGenerated => None,
        };
        let text = chosen.map_or("", |chosen| chosen.text);
        (Stated { text, are_data: false }, chosen.is_some_and(|chosen| chosen.fell_back))
    }

    fn tokens_of(&self, prompt: &Prompt) -> (u64, Counted) {
        let count = |text: &str| self.generator.count_tokens(text);
        let counted: Option<u64> = prompt.turns.iter().map(|turn| count(&turn.content)).sum();
        match counted {
            Some(tokens) => (tokens, Counted::Tokenizer),
            None => {
                let texts = prompt.turns.iter().map(|turn| Estimate::tokens_of(&turn.content));
                (texts.sum(), Counted::Characters)
            }
        }
    }

    /// What stands for the criteria in prompts that are looked at, not sent.
    fn placeholder(&self, question: &Question) -> Stated<'_> {
        match self.criteria {
            Criteria::SelfGenerated => {
                Stated { text: "(what the first call writes)", are_data: true }
            }
            _ => self.stated(question).0,
        }
    }
}

#[async_trait]
impl RewardSource for Judge {
    fn arity(&self) -> Arity {
        let Arity { least, most } = self.prompt.candidates.arity();
        let fits = |count: &u16| self.reader.check(usize::from(*count)).is_ok();
        // A form or a parse knows so many labels, or any number of them.
        let most = match fits(&most) {
            true => most,
            false => (least..most).take_while(fits).last().unwrap_or(least),
        };
        Arity { least, most }
    }

    fn reads(&self) -> Reads {
        let by_topic = matches!(&self.criteria, Criteria::Given(texts) if texts.reads_topic());
        let writing = self.criteria == Criteria::SelfGenerated && self.prompt.criteria_read_topic();
        match by_topic || writing || self.prompt.reads_topic() {
            true => Reads::Subset,
            false => Reads::Text,
        }
    }

    fn draws(&self) -> bool {
        self.sampling.temperature > 0.0
    }

    fn limits(&self) -> Limits {
        Limits { batch: 1, in_flight: self.generator.limits().in_flight, lane: None }
    }

    fn quota(&self) -> Option<Quota> {
        self.generator.quota()
    }

    /// One call for each step, however many samples a question has: a backend without a count of samples asks for each
    /// by itself. Re-asking and follow-up turns are left out.
    fn estimate(&self, question: &Question) -> Option<Estimate> {
        let samples = question.samples() as u64;
        let seeds = question.seeds().to_vec();
        let judgment = self.judgment(question, self.placeholder(question), seeds).ok()?;
        let (mut input_tokens, counted) = self.tokens_of(&judgment);
        let mut calls = 1;
        let mut output_tokens = u64::from(self.sampling.max_tokens) * samples;
        if self.criteria == Criteria::SelfGenerated {
            let written = u64::from(self.criteria_sampling.max_tokens);
            calls += 1;
            input_tokens += self.tokens_of(&self.criteria_request(question).ok()?).0 + written;
            output_tokens += written;
        }
        Some(Estimate { calls, input_tokens, output_tokens, counted })
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let generator = self.generator.identify().await?;
        let digest = self.digest();
        Ok(Identity {
            name: format!("{} with the prompt {}", generator.name, self.prompt.name),
            fingerprint: format!("{} {}", generator.fingerprint, &digest[..32]),
            strength: generator.strength,
        })
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let prompt =
            self.judgment(question, self.placeholder(question), question.seeds().to_vec())?;
        let mut seen = match self.generator.inspect(&prompt).await? {
            Some(seen) => seen,
            None => Inspection { rendered: as_text(&prompt.turns), ..Inspection::default() },
        };
        let reader = &self.reader;
        if seen.read_at.is_empty() {
            seen.read_at = format!(
                "`{}` of the reply, parse `{}`",
                reader.readout.word(),
                reader.parse.word()
            );
        }
        seen.notes.push(format!("prompt `{}`: {}", self.prompt.name, self.prompt.source));
        if self.criteria == Criteria::SelfGenerated {
            seen.notes.push("a call before this one writes the criteria".to_owned());
        }
        if !self.shows_history && question.prompt().len() > 1 {
            seen.notes.push("the prompt shows the last turn of the dialogue alone".to_owned());
        }
        Ok(Some(seen))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let mut answers = Vec::with_capacity(batch.len());
        for question in batch {
            answers.push(self.ask(question).await);
        }
        answers.into_iter().collect()
    }
}

/// The messages with the system turns kept, merged into the first user turn, or left out.
fn treat_system(treatment: SystemPrompt, turns: Vec<Turn>) -> Vec<Turn> {
    if treatment == SystemPrompt::Keep {
        return turns;
    }
    let (system, mut others): (Vec<Turn>, Vec<Turn>) =
        turns.into_iter().partition(|turn| turn.role == Role::System);
    if treatment == SystemPrompt::Merge
        && let Some(first) = others.iter_mut().find(|turn| turn.role == Role::User)
    {
        for turn in system.iter().rev() {
            first.content = format!("{}\n\n{}", turn.content, first.content);
        }
    }
    others
}

fn as_text(turns: &[Turn]) -> String {
    let parts: Vec<String> =
        turns.iter().map(|turn| format!("[{}]\n{}", turn.role.as_str(), turn.content)).collect();
    parts.join("\n\n")
}

/// Registers `judge`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, context| build::judge(config, context));
}
