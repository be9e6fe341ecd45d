//! How likely a model finds a reply: the implicit reward of a model trained on preferences, or its plain log-probability.
//!
//! The reward is the sum over the reply's tokens of log p(policy) - log p(reference), without a factor. The reply is all that the
//! template writes after the dialogue, with the header of the assistant's turn and an end token behind it. Dialogue and reply are
//! tokenised as one text, and a token that differs with the reply behind it belongs to the reply.
//!
//! Source: Rafailov et al., "Direct Preference Optimization" (2023), section 4, without beta; which tokens count is the rule of
//! RewardBench's script for such models.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Inspection, Limits, PathSetting, Question, Reason,
    Registry, RewardSource, SelfCheck, SettingsError, SourceError, Usage, async_trait,
};

use crate::dialogue::{Chosen, DialogueKeys, Dialogues};
use crate::ffi::{Context, ContextError, Model};
use crate::file::ModelFile;
use crate::logprob::log_sum_exp;
use crate::order::Waiting;
use crate::reading::{Read, Trunk, shared};
use crate::settings::{Compute, Mode, Wanted};
use crate::ticket::Promise;
use crate::worker::{Abort, Engine, Worker};

const CARD: Card = Card {
    kind: "llama.likelihood",
    summary: "The implicit reward of a DPO model on this machine: log-probability of the reply under it, less that under its reference.",
    version: "1",
    example: "[source.dpo]\nkind = \"llama.likelihood\"\nmodel = \"models/zephyr-7b-beta.gguf\"\nreference = \"models/zephyr-7b-sft.gguf\"\n",
    self_check: SelfCheck::KnownPairs,
};

/// Logits are kept for so many rows at once.
const OUTPUTS: usize = 128;
/// Questions that wait on the computing thread, so that those on one prompt are neighbours.
const IN_FLIGHT: usize = 32;

/// What becomes of the sum over tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Normalise {
    /// Nothing.
    #[default]
    Sum,
    /// It is divided by the number of the reply's tokens.
    Tokens,
    /// It is divided by the number of characters of the candidate.
    Characters,
}

/// Settings of `llama.likelihood`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// The GGUF file of the model whose preferences are read, or the first of a split one.
    model: PathSetting,
    /// The model that it began as. Left out, the log-probability under `model` is the reward.
    reference: Option<PathSetting>,
    /// What the sum over the reply's tokens is divided by.
    #[serde(default)]
    normalise: Normalise,
    /// Whether the end token is written behind a reply whose template does not end with it. Default: true.
    append_eos: Option<bool>,
    /// Whether results must be the same bits whatever else is asked (`exact`), or may be faster (`fast`).
    #[serde(default)]
    mode: Mode,
    /// The longest text in tokens; a longer one is an abstention. Default: what the model was trained on, at most 8192.
    #[schemars(range(min = 4, max = 1_048_576))]
    context: Option<u32>,
    /// Of texts that are longer than `context`: the most tokens of the prompt, cut from its beginning; the reply then loses its end.
    /// Default: such texts are abstentions.
    #[schemars(range(min = 1))]
    prompt_tokens: Option<u32>,
    /// A model folder, a `tokenizer_config.json` or a chat template in Jinja. Default: the template inside the model file.
    template: Option<PathSetting>,
    /// Which template is taken of several that have names. Default `default`, or the only one.
    template_name: Option<String>,
    /// The day that the template writes where it writes today's, such as `2024-07-26`.
    template_date: Option<String>,
    /// Variables of the template beside the messages, such as `enable_thinking`.
    #[serde(default)]
    template_variables: Map<String, Value>,
    /// A system turn for dialogues that have none. Default: none.
    system_prompt: Option<String>,
    /// Where and with how much it computes, both models alike.
    #[serde(default)]
    compute: Compute,
}

/// Registers the kind.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |settings: Settings, _| Likelihood::new(settings));
}

struct Likelihood {
    settings: Settings,
    chosen: Arc<Chosen>,
    worker: Worker<Computing>,
}

impl Likelihood {
    fn new(settings: Settings) -> Result<Self, SettingsError> {
        let keys = DialogueKeys {
            template: settings.template.clone(),
            template_name: settings.template_name.clone(),
            template_date: settings.template_date.clone(),
            template_variables: settings.template_variables.clone(),
            system_prompt: settings.system_prompt.clone(),
            add_special_tokens: Some(false),
        };
        let chosen = Arc::new(keys.choose()?);
        let (own, same) = (settings.clone(), chosen.clone());
        let worker = Worker::new(move |abort| Computing::load(&own, &same, abort));
        Ok(Self { settings, chosen, worker })
    }
}

#[async_trait]
impl RewardSource for Likelihood {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn unhurried(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        let lane = self.settings.model.as_path().display().to_string();
        Limits { batch: 1, in_flight: IN_FLIGHT, lane: Some(lane) }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let file = ModelFile::find(self.settings.model.as_path())?;
        let mut digest = file.digest(&[], self.chosen.template_text())?;
        let mut name = file.name();
        if let Some(reference) = &self.settings.reference {
            let reference = ModelFile::find(reference.as_path())?;
            digest = format!("{digest} {}", reference.digest(&[], "")?);
            name = format!("{name} against {}", reference.name());
        }
        let name = format!("{name} ({})", self.settings.mode.as_str());
        Ok(Identity::of_content(name, digest))
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let question = question.clone();
        self.worker.ask(|promise| Job::Inspect { question, promise }).await?.map(Some)
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        let mut answers = Vec::with_capacity(batch.len());
        for question in batch {
            let question = question.clone();
            let asked = self.worker.ask(|promise| Job::Score { question, promise }).await;
            answers.push(asked.and_then(|answer| answer).map(|answer| vec![answer]));
        }
        answers.into_iter().collect()
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.worker.open().await
    }

    async fn close(&self) {
        self.worker.close();
    }
}

/// What the thread is asked.
enum Job {
    Score { question: Question, promise: Promise<Result<Answer, SourceError>> },
    Inspect { question: Question, promise: Promise<Result<Inspection, SourceError>> },
}

/// A text whose reply is weighed.
struct Text {
    /// The place of the reply's first token.
    start: usize,
    /// Something was cut.
    cut: bool,
    /// Characters of the candidate.
    characters: usize,
    promise: Promise<Result<Answer, SourceError>>,
}

/// A model on its way through texts.
struct Reader {
    context: Context,
    trunk: Trunk,
}

impl Reader {
    /// The sum of log-probabilities of the tokens from `start` on; `None` when it was aborted.
    fn sum(&mut self, tokens: &[u32], start: usize) -> Result<Option<f64>, ContextError> {
        let mut sum = 0.0;
        let last = tokens.len() - 1;
        let read = self.trunk.read(
            &mut self.context,
            &tokens[..last],
            start - 1,
            |context, row, at| {
                let logits = context.logits(row)?;
                let next = tokens[at + 1] as usize;
                sum += f64::from(logits[next]) - log_sum_exp(logits);
                Ok(())
            },
        )?;
        Ok((read == Read::Whole).then_some(sum))
    }
}

struct Computing {
    policy: Reader,
    reference: Option<Reader>,
    dialogues: Dialogues,
    settings: Settings,
    waiting: Waiting<Text>,
    abort: Abort,
}

impl Computing {
    fn load(settings: &Settings, chosen: &Chosen, abort: Abort) -> Result<Self, SourceError> {
        let wanted = Wanted {
            context: settings.context,
            sequences: 1,
            outputs: OUTPUTS,
            mode: settings.mode,
        };
        let reader = |file: &ModelFile| -> Result<Reader, SourceError> {
            let model = settings.compute.load(file)?;
            if model.is_encoder() {
                let message = "the model is an encoder, which gives no probabilities of what \
                               comes next; `llama.classifier` reads its scores"
                    .to_owned();
                return Err(file.blamed(SourceError::Broken { message }));
            }
            let context = settings.compute.context(&model, wanted, abort.flag())?;
            Ok(Reader { context, trunk: Trunk::new(0) })
        };
        let found = |path: &PathSetting| ModelFile::find(path.as_path());
        let file = found(&settings.model)?;
        let policy = reader(&file)?;
        let reference = settings.reference.as_ref().map(found).transpose()?;
        let reference = reference.as_ref().map(reader).transpose()?;
        let model = policy.context.model();
        if let Some(reference) = &reference
            && reference.context.model().vocabulary() != model.vocabulary()
        {
            return Err(SourceError::Broken {
                message: format!(
                    "policy and reference have vocabularies of {} and {} tokens: they are no pair",
                    model.vocabulary(),
                    reference.context.model().vocabulary()
                ),
            });
        }
        let dialogues = Dialogues::new(model, chosen).map_err(|error| file.blamed(error))?;
        Ok(Self {
            policy,
            reference,
            dialogues,
            settings: settings.clone(),
            waiting: Waiting::default(),
            abort,
        })
    }

    fn model(&self) -> &Model {
        self.policy.context.model()
    }

    fn most_tokens(&self) -> usize {
        let reference = self.reference.as_ref().map(|reader| reader.context.shape().context);
        let policy = self.policy.context.shape().context;
        // The last token is never read: nothing follows it.
        reference.map_or(policy, |reference| reference.min(policy)) + 1
    }

    /// The text, its tokens, and the place of the reply's first.
    fn encode(&self, question: &Question) -> Result<(String, Vec<u32>, usize), SourceError> {
        let before = self.dialogues.render(question.prompt(), None, false)?;
        let reply = &question.candidates()[0];
        let whole = self.dialogues.render(question.prompt(), Some(reply), false)?;
        // Templates that treat the last turn in a special way share less than the whole prompt.
        let common: usize = whole
            .char_indices()
            .zip(before.chars())
            .take_while(|((_, one), other)| one == other)
            .map(|((_, c), _)| c.len_utf8())
            .sum();
        let model = self.model();
        let mut tokens = self.dialogues.bare(model, &whole);
        let mut start = shared(&self.dialogues.bare(model, &whole[..common]), &tokens);
        if let Some(bos) = model.bos()
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
            start += 1;
        }
        if let Some(eos) = model.eos().filter(|_| self.settings.append_eos.unwrap_or(true))
            && tokens.last() != Some(&eos)
        {
            tokens.push(eos);
        }
        match start == 0 || start >= tokens.len() {
            true => Err(SourceError::Rejected {
                message: "prompt and reply need at least one token each".to_owned(),
            }),
            false => Ok((whole, tokens, start)),
        }
    }

    /// Tokens that fit, the place of the reply's first, and whether something was cut. An error is an abstention's note.
    fn fit(&self, tokens: Vec<u32>, start: usize) -> Result<(Vec<u32>, usize, bool), String> {
        let most = self.most_tokens();
        if tokens.len() <= most {
            return Ok((tokens, start, false));
        }
        let Some(prompt) = self.settings.prompt_tokens else {
            return Err(format!("the text has {} tokens, and {most} fit", tokens.len()));
        };
        let kept = start.min(prompt as usize).min(most - 1);
        let mut cut = tokens[start - kept..].to_vec();
        cut.truncate(most);
        Ok((cut, kept, true))
    }

    fn inspect(&self, question: &Question) -> Result<Inspection, SourceError> {
        let (rendered, tokens, start) = self.encode(question)?;
        let bos = self.model().bos();
        let leading = |bos| tokens.iter().take_while(|token| **token == bos).count();
        Ok(Inspection {
            bos: bos.map(|bos| (bos, leading(bos))),
            most_tokens: Some(self.most_tokens() as u64),
            read_at: format!("log-probabilities of tokens {start} to {}", tokens.len() - 1),
            rendered,
            exact: true,
            tokens,
            notes: Vec::new(),
        })
    }

    fn compute(
        &mut self,
        tokens: &[u32],
        start: usize,
    ) -> Result<Option<(f64, Option<f64>)>, ContextError> {
        let Some(policy) = self.policy.sum(tokens, start)? else { return Ok(None) };
        let Some(reader) = &mut self.reference else { return Ok(Some((policy, None))) };
        Ok(reader.sum(tokens, start)?.map(|reference| (policy, Some(reference))))
    }

    fn answer(
        &self,
        (policy, reference): (f64, Option<f64>),
        text: &Text,
        tokens: usize,
    ) -> Result<Answer, SourceError> {
        let divisor = match self.settings.normalise {
            Normalise::Sum => 1.0,
            Normalise::Tokens => (tokens - text.start) as f64,
            Normalise::Characters => text.characters.max(1) as f64,
        };
        let score = (policy - reference.unwrap_or(0.0)) / divisor;
        let mut answer = Answer::score(score)?
            .with_part("policy", vec![policy])
            .with_part("reply-tokens", vec![(tokens - text.start) as f64]);
        if let Some(reference) = reference {
            answer = answer.with_part("reference", vec![reference]);
        }
        if text.cut {
            answer = answer.with_part("truncated", vec![1.0]);
        }
        answer.usage = Usage { input_tokens: Some(tokens as u64), ..Usage::default() };
        Ok(answer)
    }
}

impl Engine for Computing {
    type Job = Job;

    fn take(&mut self, job: Job) {
        let (question, promise) = match job {
            Job::Inspect { question, promise } => return promise.keep(self.inspect(&question)),
            Job::Score { question, promise } => (question, promise),
        };
        let (_, tokens, start) = match self.encode(&question) {
            Ok(encoded) => encoded,
            Err(error) => return promise.keep(Err(error)),
        };
        match self.fit(tokens, start) {
            Ok((tokens, start, cut)) => {
                let characters = question.candidates()[0].chars().count();
                self.waiting.push(tokens, Text { start, cut, characters, promise });
            }
            Err(note) => promise.keep(Ok(Answer::abstain(Reason::TooLong, note))),
        }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn step(&mut self) {
        self.waiting.retain(|text| text.promise.is_wanted());
        let Some((tokens, text)) = self.waiting.next(self.policy.trunk.held()) else { return };
        let abort = self.abort.clone();
        let wanted = text.promise.wanted();
        let computed = abort.while_wanted(wanted, || self.compute(&tokens, text.start));
        let answer = match computed {
            // Nobody waits, or the thread ends; should somebody wait after all, it waits on.
            Ok(None) if text.promise.is_wanted() && !self.abort.is_closing() => {
                return self.waiting.push(tokens, text);
            }
            Ok(None) => return,
            Ok(Some(sums)) => self.answer(sums, &text, tokens.len()),
            Err(error) => Err(error.into()),
        };
        text.promise.keep(answer);
    }
}
