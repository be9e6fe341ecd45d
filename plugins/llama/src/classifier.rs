//! Reward models with a head: the backbone's last hidden state, and the head in plain arithmetic.
//!
//! llama.cpp computes logits for every token once hidden states are wanted of one. So a text is read without any output up to its last
//! tokens, and those alone are read with hidden states on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{
    Answer, Answers, Arity, Card, Identity, Inspection, Limits, PathSetting, Question, Reason,
    Registry, RewardSource, Scale, SelfCheck, SettingsError, SourceError, Usage, async_trait,
};
use tribunal_models::head::{Head, PromptEnd, Reading};

use crate::dialogue::{Chosen, DialogueKeys, Dialogues, Encoded};
use crate::ffi::{Context, ContextError, Decoded, Row};
use crate::file::ModelFile;
use crate::order::Waiting;
use crate::reading::{Read, Trunk, shared};
use crate::settings::{Compute, Mode, Truncation, Wanted};
use crate::ticket::Promise;
use crate::worker::{Abort, Engine, Worker};

const CARD: Card = Card {
    kind: "llama.classifier",
    summary: "A reward model on this machine: a GGUF file with a head beside it, computed by llama.cpp.",
    version: "1",
    example: "[source.rm]\nkind = \"llama.classifier\"\nmodel = \"models/skywork-reward-0.6b.gguf\"\n",
    self_check: SelfCheck::KnownPairs,
};

/// Hidden states are read for so many rows at once: the last token's, one before it since none is computed alone, and room.
const OUTPUTS: usize = 4;
/// Questions that wait on the computing thread, so that those with a common front are neighbours.
const IN_FLIGHT: usize = 32;

/// Settings of `llama.classifier`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The GGUF file, or the first of a split one. `tribunal model import` makes it.
    model: PathSetting,
    /// The head. Default: the file `NAME.head.safetensors` beside the model. An encoder has its head inside.
    head: Option<PathSetting>,
    /// Whether results must be the same bits whatever else is asked (`exact`), or may be faster (`fast`).
    #[serde(default)]
    mode: Mode,
    /// The longest text in tokens. Default: what the model was trained on, at most 8192.
    #[schemars(range(min = 4, max = 1_048_576))]
    context: Option<u32>,
    /// What becomes of a longer one.
    #[serde(default)]
    truncation: Truncation,
    /// Of an encoder with several labels: the one that is the score, from 0.
    label: Option<usize>,
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
    /// Whether the vocabulary adds its special tokens. Default: unless the rendered text begins with the begin token.
    add_special_tokens: Option<bool>,
    /// Where and with how much it computes.
    #[serde(default)]
    compute: Compute,
}

/// Registers the kind.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |settings: Settings, _| Classifier::new(settings));
}

struct Classifier {
    settings: Settings,
    chosen: Arc<Chosen>,
    worker: Worker<Computing>,
}

impl Classifier {
    fn new(settings: Settings) -> Result<Self, SettingsError> {
        let keys = DialogueKeys {
            template: settings.template.clone(),
            template_name: settings.template_name.clone(),
            template_date: settings.template_date.clone(),
            template_variables: settings.template_variables.clone(),
            system_prompt: settings.system_prompt.clone(),
            add_special_tokens: settings.add_special_tokens,
        };
        let chosen = Arc::new(keys.choose()?);
        let (own, same) = (settings.clone(), chosen.clone());
        let worker = Worker::new(move |abort| Computing::load(&own, &same, abort));
        Ok(Self { settings, chosen, worker })
    }
}

/// The head's file: the one named, or the one beside the model if it is there.
fn head_path(settings: &Settings, file: &ModelFile) -> Option<PathBuf> {
    match &settings.head {
        Some(path) => Some(path.as_path().to_owned()),
        None => {
            let beside = file.first().with_file_name(format!("{}.head.safetensors", file.name()));
            beside.is_file().then_some(beside)
        }
    }
}

#[async_trait]
impl RewardSource for Classifier {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn scale(&self) -> Scale {
        Scale::Logit
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
        let head = head_path(&self.settings, &file);
        let further: Vec<_> = head.as_deref().into_iter().collect();
        let digest = file.digest(&further, self.chosen.template_text())?;
        let name = format!("{} ({})", file.name(), self.settings.mode.as_str());
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
pub(crate) enum Job {
    Score { question: Question, promise: Promise<Result<Answer, SourceError>> },
    Inspect { question: Question, promise: Promise<Result<Inspection, SourceError>> },
}

/// A text that waits for its score.
struct Text {
    /// Tokens of the whole text, where it was cut.
    uncut: Option<usize>,
    /// The place of the last token of the prompt, for heads that look there.
    prompt_end: Option<usize>,
    promise: Promise<Result<Answer, SourceError>>,
}

/// Model, context and head on their thread.
pub(crate) struct Computing {
    context: Context,
    dialogues: Dialogues,
    head: Option<Head>,
    label: Option<usize>,
    truncation: Truncation,
    trunk: Trunk,
    waiting: Waiting<Text>,
    abort: Abort,
    /// The latest prompt whose end was looked at.
    looked_at: Option<(Vec<u32>, Vec<f32>)>,
}

impl Computing {
    fn load(settings: &Settings, chosen: &Chosen, abort: Abort) -> Result<Self, SourceError> {
        let broken = |message: String| SourceError::Broken { message };
        let file = ModelFile::find(settings.model.as_path())?;
        let path = head_path(settings, &file);
        // Headers are cheap: a missing or wrong head is told before gigabytes are read.
        let head = match &path {
            Some(path) => Some(
                Head::read(path).map_err(|error| broken(format!("{error}; {}", error.hint())))?,
            ),
            None => None,
        };
        let model = settings.compute.load(&file)?;
        if model.is_encoder() {
            if model.is_encoder_decoder() {
                return Err(broken(format!(
                    "`{}` is an encoder with a decoder behind it: scores are read from one or the other alone",
                    file.first().display()
                )));
            }
            if !model.has_head() {
                return Err(broken(format!(
                    "`{}` is an encoder without a head: its hidden states are no scores; use one that was trained to classify",
                    file.first().display()
                )));
            }
            if let Some(path) = path {
                return Err(broken(format!(
                    "`{}` is an encoder, which has its head inside: `{}` cannot be applied to it",
                    file.first().display(),
                    path.display()
                )));
            }
            let labels = model.labels();
            match settings.label {
                None if labels > 1 => {
                    return Err(broken(format!(
                        "`{}` has {labels} labels, and nothing says which is the score: name it with `label`, from 0",
                        file.first().display()
                    )));
                }
                Some(label) if label >= labels.max(1) => {
                    return Err(broken(format!(
                        "`label` is {label}, and `{}` has {labels} labels, counted from 0",
                        file.first().display()
                    )));
                }
                _ => {}
            }
        } else {
            if settings.label.is_some() {
                let message = "`label` is for encoders: which label of a decoder is the score, its head file says";
                return Err(broken(message.to_owned()));
            }
            let head = head.as_ref().ok_or_else(|| {
                broken(format!(
                    "`{}` has no head: there is no `{}.head.safetensors` beside it; import the whole model with `tribunal model import`, or name the file with `head`",
                    file.first().display(),
                    file.name()
                ))
            })?;
            if head.width() != model.width() {
                return Err(broken(format!(
                    "the head `{}` reads hidden states of {} numbers, and those of `{}` have {}",
                    path.unwrap_or_default().display(),
                    head.width(),
                    file.first().display(),
                    model.width()
                )));
            }
        }
        let wanted = Wanted {
            context: settings.context,
            sequences: 1,
            outputs: OUTPUTS,
            mode: settings.mode,
        };
        let context = settings.compute.context(&model, wanted, abort.flag())?;
        let dialogues = Dialogues::new(&model, chosen).map_err(|error| file.blamed(error))?;
        Ok(Self {
            context,
            dialogues,
            head,
            label: settings.label,
            truncation: settings.truncation,
            trunk: Trunk::new(0),
            waiting: Waiting::default(),
            abort,
            looked_at: None,
        })
    }

    /// A question as the model reads it: text and tokens with what the head appends, before any cut.
    fn encode(&self, question: &Question) -> Result<Encoded, SourceError> {
        let model = self.context.model();
        let mut encoded = self.dialogues.dialogue(model, question, 0)?;
        if let Some(token) = self.head.as_ref().and_then(Head::appended_token) {
            encoded.tokens.push(token);
        }
        match encoded.tokens.is_empty() {
            true => {
                Err(SourceError::Rejected { message: "the rendered text has no tokens".to_owned() })
            }
            false => Ok(encoded),
        }
    }

    /// Tokens as they are read, and how many there were before the cut. An error is an abstention's note.
    fn fit(&self, tokens: Vec<u32>) -> Result<(Vec<u32>, Option<usize>), String> {
        let most = self.context.shape().context;
        let count = tokens.len();
        if count <= most {
            return Ok((tokens, None));
        }
        let bos = self.context.model().bos();
        let kept = match self.truncation {
            Truncation::None => {
                return Err(format!("the text has {count} tokens, and `context` is {most}"));
            }
            Truncation::Right => {
                let mut kept = tokens[..most].to_vec();
                // A reward token is what the score is read at.
                if self.head.as_ref().and_then(Head::appended_token).is_some() {
                    kept[most - 1] = tokens[count - 1];
                }
                kept
            }
            Truncation::Left => {
                let mut kept = tokens[count - most..].to_vec();
                if bos.is_some_and(|bos| tokens[0] == bos) {
                    kept[0] = tokens[0];
                }
                kept
            }
        };
        Ok((kept, Some(count)))
    }

    fn prepare(&self, question: &Question) -> Result<Result<Prepared, Answer>, SourceError> {
        let encoded = self.encode(question)?;
        let prompt_end = match self.head.as_ref().is_some_and(Head::wants_prompt_end) {
            true => Some(self.prompt_end(question, &encoded.tokens)?),
            false => None,
        };
        let count = encoded.tokens.len();
        let (mut tokens, uncut) = match self.fit(encoded.tokens) {
            Ok(fitting) => fitting,
            Err(note) => return Ok(Err(Answer::abstain(Reason::TooLong, note))),
        };
        let cut = count - tokens.len();
        // What stands behind the token that is read changes nothing.
        tokens.truncate(self.reading_place(&tokens) + 1);
        let prompt_end = prompt_end.map(|place| match self.truncation {
            Truncation::Left => place.saturating_sub(cut),
            _ => place.min(tokens.len() - 1),
        });
        Ok(Ok(Prepared { tokens, uncut, prompt_end }))
    }

    /// The place in a text whose state the head reads.
    fn reading_place(&self, tokens: &[u32]) -> usize {
        match &self.head {
            Some(head) => head.reading_place(tokens),
            None => tokens.len() - 1,
        }
    }

    /// Where the head reads the prompt: at a pattern of tokens, or at the last token that the template writes before the answer.
    fn prompt_end(&self, question: &Question, tokens: &[u32]) -> Result<usize, SourceError> {
        let pattern = match self.head.as_ref().and_then(Head::prompt_end) {
            Some(PromptEnd::Pattern { tokens }) => tokens,
            _ => {
                let rendered = self.dialogues.render(question.prompt(), None, false)?;
                let prompt = self.dialogues.encode(self.context.model(), &rendered);
                return Ok(shared(&prompt, tokens).saturating_sub(1));
            }
        };
        let found = tokens.windows(pattern.len().max(1)).rposition(|window| window == pattern);
        found.ok_or_else(|| SourceError::Rejected {
            message: "the tokens at which the head reads the prompt do not stand in the text"
                .to_owned(),
        })
    }

    fn inspect(&self, question: &Question) -> Result<Inspection, SourceError> {
        let encoded = self.encode(question)?;
        let bos = self.context.model().bos();
        let leading = |bos| encoded.tokens.iter().take_while(|token| **token == bos).count();
        let last = self.reading_place(&encoded.tokens);
        let piece = self.context.model().piece(encoded.tokens[last], true);
        let piece = String::from_utf8_lossy(&piece).into_owned();
        Ok(Inspection {
            bos: bos.map(|bos| (bos, leading(bos))),
            most_tokens: Some(self.context.shape().context as u64),
            read_at: match &self.head {
                Some(_) => format!("hidden state of token {last}, {piece:?}"),
                None => "the head inside the file, over the pooled text".to_owned(),
            },
            rendered: encoded.rendered,
            exact: true,
            tokens: encoded.tokens,
            notes: Vec::new(),
        })
    }

    /// The head's reading of a text; `None` when it was aborted.
    fn compute(&mut self, text: &Prepared) -> Result<Option<Reading>, ContextError> {
        let Some(head) = &self.head else { return self.compute_encoder(&text.tokens) };
        let last = text.tokens.len() - 1;
        let prompt_end = match text.prompt_end {
            None => None,
            Some(place) => {
                let prompt = &text.tokens[..=place];
                let known = self.looked_at.as_ref().filter(|(known, _)| known == prompt);
                if known.is_none() {
                    let state = hidden(&mut self.context, &mut self.trunk, prompt)?;
                    let Some(state) = state else { return Ok(None) };
                    self.looked_at = Some((prompt.to_vec(), state));
                }
                self.looked_at.as_ref().map(|(_, state)| state.as_slice())
            }
        };
        let state = hidden(&mut self.context, &mut self.trunk, &text.tokens[..=last])?;
        Ok(state.map(|state| head.score(&state, prompt_end)))
    }

    /// The raw output of a head inside the file.
    fn compute_encoder(&mut self, tokens: &[u32]) -> Result<Option<Reading>, ContextError> {
        self.context.forget(0, 0);
        let row = |(at, token): (usize, &u32)| Row { token: *token, at, sequence: 0, output: true };
        let rows: Vec<Row> = tokens.iter().enumerate().map(row).collect();
        if self.context.decode(&rows)? == Decoded::Aborted {
            return Ok(None);
        }
        let labels = self.context.pooled(0)?;
        let label = self.label.unwrap_or(0);
        let parts = match labels {
            [_] => Vec::new(),
            labels => labels
                .iter()
                .enumerate()
                .map(|(place, value)| (format!("label-{place}"), f64::from(*value)))
                .collect(),
        };
        Ok(Some(Reading { score: f64::from(labels[label]), parts }))
    }
}

/// A question's tokens, and where its head looks.
struct Prepared {
    tokens: Vec<u32>,
    uncut: Option<usize>,
    prompt_end: Option<usize>,
}

/// The hidden state at the end of a text; `None` when it was aborted.
fn hidden(
    context: &mut Context,
    trunk: &mut Trunk,
    tokens: &[u32],
) -> Result<Option<Vec<f32>>, ContextError> {
    let silent = tokens.len().saturating_sub(2);
    // A single row in front would be computed alone.
    let silent = if silent == 1 { 0 } else { silent };
    context.give_hidden_states(false);
    if trunk.read_silently(context, &tokens[..silent])? == Read::Aborted {
        return Ok(None);
    }
    context.give_hidden_states(true);
    let last = tokens.len() - 1;
    let mut state = None;
    let read = trunk.read(context, tokens, silent, |context, row, at| {
        if at == last {
            state = Some(context.hidden(row)?.to_vec());
        }
        Ok(())
    });
    context.give_hidden_states(false);
    Ok(match read? {
        Read::Whole => state,
        Read::Aborted => None,
    })
}

impl Engine for Computing {
    type Job = Job;

    fn take(&mut self, job: Job) {
        match job {
            Job::Inspect { question, promise } => promise.keep(self.inspect(&question)),
            Job::Score { question, promise } => match self.prepare(&question) {
                Err(error) => promise.keep(Err(error)),
                Ok(Err(abstention)) => promise.keep(Ok(abstention)),
                Ok(Ok(Prepared { tokens, uncut, prompt_end })) => {
                    let text = Text { uncut, prompt_end, promise };
                    self.waiting.push(tokens, text);
                }
            },
        }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn step(&mut self) {
        self.waiting.retain(|text| text.promise.is_wanted());
        let Some((tokens, text)) = self.waiting.next(self.trunk.held()) else { return };
        let Text { uncut, prompt_end, promise } = text;
        let prepared = Prepared { tokens, uncut, prompt_end };
        let abort = self.abort.clone();
        let computed = abort.while_wanted(promise.wanted(), || self.compute(&prepared));
        let count = prepared.tokens.len();
        let answer = match computed {
            // Nobody waits, or the thread ends; should somebody wait after all, it waits on.
            Ok(None) if promise.is_wanted() && !self.abort.is_closing() => {
                let text = Text { uncut, prompt_end, promise };
                self.waiting.push(prepared.tokens, text);
                return;
            }
            Ok(None) => return,
            Ok(Some(reading)) => answer(reading, count, uncut),
            Err(error) => Err(error.into()),
        };
        promise.keep(answer);
    }
}

fn answer(reading: Reading, tokens: usize, uncut: Option<usize>) -> Result<Answer, SourceError> {
    let mut answer = Answer::score(reading.score)?;
    let parts: BTreeMap<String, Vec<f64>> =
        reading.parts.into_iter().map(|(name, value)| (name, vec![value])).collect();
    answer.parts = parts;
    if uncut.is_some() {
        answer.parts.insert("truncated".to_owned(), vec![1.0]);
    }
    answer.usage = Usage { input_tokens: Some(tokens as u64), ..Usage::default() };
    Ok(answer)
}
