//! Trunk and slots of a generator, on their thread.

use std::collections::HashMap;
use std::sync::Arc;

use tribunal_api::{
    Completion, Finish, Inspection, Prompt, Role, SourceError, Text, Token, Turn, Usage,
};

use super::constraint::Constraints;
use super::sample::Drawing;
use super::writing::{Drawn, Tags, Terms, Writing};
use super::{Settings, Thinking};
use crate::dialogue::{Chosen, Dialogues};
use crate::ffi::{Context, ContextError, Decoded, Model, Row};
use crate::file::ModelFile;
use crate::logprob::{log_sum_exp, top};
use crate::memory;
use crate::order::Waiting;
use crate::reading::{Read, Trunk};
use crate::settings::{Mode, Truncation, Wanted};
use crate::ticket::Promise;
use crate::worker::{Abort, Engine};

/// How many likely tokens are listed beside each token of a reply.
const LISTED: usize = 20;

/// What the thread is asked.
pub(crate) enum Job {
    Generate { prompt: Prompt, promise: Promise<Result<Completion, SourceError>> },
    Inspect { prompt: Prompt, promise: Promise<Result<Inspection, SourceError>> },
}

/// A prompt that waits for the trunk.
struct Pending {
    prompt: Prompt,
    terms: Arc<Terms>,
    promise: Promise<Result<Completion, SourceError>>,
}

/// A prompt whose samples are being written.
struct Task {
    promise: Promise<Result<Completion, SourceError>>,
    texts: Vec<Option<Text>>,
    labels: Arc<Labels>,
    input_tokens: usize,
    output_tokens: u64,
}

/// Labels whose log-probabilities are wanted, with their tokens.
type Labels = Vec<(String, u32)>;

/// A sample with the token that it goes on with.
struct Sample {
    task: u64,
    place: usize,
    writing: Writing,
    next: u32,
}

/// A sample in a sequence of its own.
struct Slot {
    sample: Sample,
    /// Where its next token stands.
    at: usize,
}

/// Model and context with everything under way.
pub(crate) struct Computing {
    context: Context,
    dialogues: Dialogues,
    constraints: Constraints,
    tags: Option<Arc<Tags>>,
    exact: bool,
    truncation: Truncation,
    reply_start: String,
    trunk: Trunk,
    /// Samples that wait for a copy of the trunk as it is.
    ready: Vec<Sample>,
    slots: Vec<Option<Slot>>,
    tasks: HashMap<u64, Task>,
    next_task: u64,
    waiting: Waiting<Pending>,
    /// Tokens by their bytes, made when labels are first asked for.
    by_piece: Option<HashMap<Vec<u8>, u32>>,
    /// Those of one row, kept for their memory.
    logits: Vec<f32>,
    abort: Abort,
}

impl Computing {
    pub(crate) fn load(
        settings: &Settings,
        chosen: &Chosen,
        abort: Abort,
    ) -> Result<Self, SourceError> {
        let file = ModelFile::find(settings.model.as_path())?;
        // Before weights take their share.
        let free = memory::free();
        let model = settings.compute.load(&file)?;
        if model.is_encoder() {
            let message = "the model is an encoder, which writes no text; \
                           `llama.classifier` reads its scores"
                .to_owned();
            return Err(file.blamed(SourceError::Broken { message }));
        }
        // No token is computed alone: a second slot is there for company.
        let slots = settings.slots().max(2);
        let slots = match settings.slots {
            Some(_) => slots,
            None => {
                let each = settings.compute.cache_bytes(&model, settings.context, settings.mode);
                memory::slots_in(free, model.bytes(), each, slots)
            }
        };
        let wanted = Wanted {
            context: settings.context,
            sequences: slots + 1,
            outputs: slots.max(4),
            mode: settings.mode,
        };
        let context = settings.compute.context(&model, wanted, abort.flag())?;
        let dialogues = Dialogues::new(&model, chosen).map_err(|error| file.blamed(error))?;
        let tags = settings.thinking().map(|Thinking { open, close, budget }| {
            let closing = dialogues.bare(&model, &format!("\n{close}\n\n"));
            Arc::new(Tags { open, close, budget, closing })
        });
        Ok(Self {
            context,
            dialogues,
            constraints: Constraints::default(),
            tags,
            exact: settings.mode == Mode::Exact,
            truncation: settings.truncation,
            reply_start: settings.reply_start.clone(),
            trunk: Trunk::new(slots),
            ready: Vec::new(),
            slots: (0..slots).map(|_| None).collect(),
            tasks: HashMap::new(),
            next_task: 0,
            waiting: Waiting::default(),
            by_piece: None,
            logits: Vec::new(),
            abort,
        })
    }

    fn model(&self) -> &Arc<Model> {
        self.context.model()
    }

    /// A prompt as text and tokens, with what the reply begins with. A last turn of the assistant is what it continues.
    fn encode(&self, prompt: &Prompt) -> Result<(String, Vec<u32>), SourceError> {
        let rendered = match prompt.turns.split_last() {
            Some((Turn { role: Role::Assistant, content }, before)) => {
                self.dialogues.render(before, None, true)? + content
            }
            _ => self.dialogues.render(&prompt.turns, None, true)? + &self.reply_start,
        };
        let tokens = self.dialogues.encode(self.model(), &rendered);
        match tokens.len() {
            0 | 1 => Err(SourceError::Rejected {
                message: "the rendered prompt has fewer than two tokens".to_owned(),
            }),
            _ => Ok((rendered, tokens)),
        }
    }

    /// Tokens that leave room for a reply.
    fn fit(&self, mut tokens: Vec<u32>, reply: u32) -> Result<Vec<u32>, SourceError> {
        let context = self.context.shape().context;
        // A cut prompt leaves the reply at most half of the room; one that is not cut, what is left.
        let most = match self.truncation {
            Truncation::None => context - 1,
            _ => context - (reply as usize).clamp(1, context / 2),
        };
        let count = tokens.len();
        if count <= most {
            return Ok(tokens);
        }
        match self.truncation {
            Truncation::None => Err(SourceError::Rejected {
                message: format!(
                    "too long: the prompt has {count} tokens, and `context` is {context}"
                ),
            }),
            Truncation::Right => {
                tokens.truncate(most);
                Ok(tokens)
            }
            Truncation::Left => {
                let mut kept = tokens[count - most..].to_vec();
                if self.model().bos() == Some(tokens[0]) {
                    kept[0] = tokens[0];
                }
                Ok(kept)
            }
        }
    }

    fn accept(&mut self, prompt: Prompt, promise: Promise<Result<Completion, SourceError>>) {
        let fitting = self.encode(&prompt).and_then(|(rendered, tokens)| {
            Ok((rendered, self.fit(tokens, prompt.sampling.max_tokens)?))
        });
        let (rendered, tokens) = match fitting {
            Ok(fitting) => fitting,
            Err(error) => return promise.keep(Err(error)),
        };
        let continues = prompt.turns.last().is_some_and(|turn| turn.role == Role::Assistant);
        let start = if continues { "" } else { &*self.reply_start };
        let before = rendered.strip_suffix(start).unwrap_or(&rendered);
        let opened =
            self.tags.as_ref().is_some_and(|tags| before.trim_end().ends_with(&*tags.open));
        let terms = Arc::new(Terms {
            start: start.to_owned(),
            most_tokens: prompt.sampling.max_tokens.max(1),
            stop: prompt.sampling.stop.clone(),
            tags: self.tags.clone(),
            opened,
        });
        self.waiting.push(tokens, Pending { prompt, terms, promise });
    }

    fn inspect(&self, prompt: &Prompt) -> Result<Inspection, SourceError> {
        let (rendered, tokens) = self.encode(prompt)?;
        let leading = |bos| tokens.iter().take_while(|token| **token == bos).count();
        Ok(Inspection {
            bos: self.model().bos().map(|bos| (bos, leading(bos))),
            most_tokens: Some(self.context.shape().context as u64),
            read_at: "what the model writes behind the text".to_owned(),
            rendered,
            exact: true,
            tokens,
            notes: Vec::new(),
        })
    }

    /// The tokens that stand for labels; a label of several tokens has none.
    fn labels(&mut self, wanted: &[String]) -> Labels {
        if wanted.is_empty() {
            return Labels::new();
        }
        let model = self.context.model();
        let by_piece = self.by_piece.get_or_insert_with(|| {
            let mut known = HashMap::new();
            // Vocabularies of pieces have a letter twice, as a piece and as a byte: texts are written with the piece.
            let all = || 0..model.vocabulary() as u32;
            let pieces = all().filter(|token| !model.is_byte(*token));
            for token in pieces.chain(all()) {
                known.entry(model.piece(token, false)).or_insert(token);
            }
            known
        });
        let token = |label: &String| Some((label.clone(), *by_piece.get(label.as_bytes())?));
        wanted.iter().filter_map(token).collect()
    }

    /// Leads the trunk to a prompt and draws the first token of all its samples.
    fn begin(&mut self, tokens: Vec<u32>, pending: Pending) {
        let Pending { prompt, terms, promise } = pending;
        let labels = Arc::new(self.labels(&prompt.labels));
        let mut logits = Vec::new();
        let abort = self.abort.clone();
        let (trunk, context) = (&mut self.trunk, &mut self.context);
        let read = abort.while_wanted(promise.wanted(), || {
            trunk.read(context, &tokens, tokens.len() - 1, |context, row, _| {
                logits = context.logits(row)?.to_vec();
                Ok(())
            })
        });
        match read {
            Ok(Read::Whole) => {}
            // Nobody waits, or the thread ends; should somebody wait after all, it waits on.
            Ok(Read::Aborted) if promise.is_wanted() && !self.abort.is_closing() => {
                return self.waiting.push(tokens, Pending { prompt, terms, promise });
            }
            Ok(Read::Aborted) => return,
            Err(error) => return promise.keep(Err(error.into())),
        }
        let id = self.next_task;
        self.next_task += 1;
        let task = Task {
            promise,
            texts: prompt.seeds.iter().map(|_| None).collect(),
            labels,
            input_tokens: tokens.len(),
            output_tokens: 0,
        };
        self.tasks.insert(id, task);
        for (place, seed) in prompt.seeds.iter().enumerate() {
            let constraint = prompt.grammar.as_ref();
            let constraint =
                constraint.map(|grammar| self.constraints.of(self.context.model(), grammar));
            let constraint = match constraint.transpose() {
                Ok(constraint) => constraint,
                Err(error) => return self.fail(id, error),
            };
            let drawing = Drawing::new(&prompt.sampling, *seed);
            let mut writing = Writing::new(terms.clone(), drawing, constraint);
            let begun = self.constraints.tokens(self.context.model(), writing.begun());
            if !begun.is_ok_and(|begun| writing.fits(&begun)) {
                let message =
                    "`reply-start` does not fit the shape that the reply must have".to_owned();
                return self.fail(id, SourceError::Rejected { message });
            }
            self.go_on(Sample { task: id, place, writing, next: 0 }, tokens.len(), &logits, None);
        }
        self.complete(id);
    }

    /// Draws a sample's next token. It then waits for a slot, goes on in its own, or is over.
    fn go_on(&mut self, mut sample: Sample, at: usize, logits: &[f32], slot: Option<usize>) {
        let drawn = match sample.writing.draw(logits) {
            Ok(Some(drawn)) => drawn,
            Ok(None) => {
                let message = "the shape of the reply leaves no token to go on with".to_owned();
                return self.fail(sample.task, SourceError::Rejected { message });
            }
            Err(message) => return self.fail(sample.task, SourceError::Rejected { message }),
        };
        let Drawn { token, last } = drawn;
        if self.context.model().ends(token) {
            return self.end(sample, Finish::Stop);
        }
        let Some(task) = self.tasks.get(&sample.task) else { return };
        let labels = task.labels.clone();
        let report = (!labels.is_empty()).then(|| self.report(token, logits, &labels));
        let piece = self.context.model().piece(token, true);
        let finish = sample.writing.write(&piece, report);
        let finish = if last { Some(Finish::Stop) } else { finish };
        let full = at + 1 >= self.context.shape().context;
        if let Some(finish) = finish.or(full.then_some(Finish::Length)) {
            return self.end(sample, finish);
        }
        sample.next = token;
        match slot {
            Some(slot) => self.slots[slot] = Some(Slot { sample, at }),
            None => self.ready.push(sample),
        }
    }

    /// A token with its log-probability, and what else was likely or asked for.
    fn report(&self, token: u32, logits: &[f32], labels: &Labels) -> Token {
        let total = log_sum_exp(logits);
        let logprob = |token: u32| f64::from(logits[token as usize]) - total;
        let text = |token: u32| {
            String::from_utf8_lossy(&self.context.model().piece(token, true)).into_owned()
        };
        let mut others: Vec<(String, f64)> =
            labels.iter().map(|(label, token)| (label.clone(), logprob(*token))).collect();
        for place in top(logits, LISTED) {
            let place = place as u32;
            let text = text(place);
            if !others.iter().any(|(known, _)| *known == text) {
                others.push((text, logprob(place)));
            }
        }
        Token { text: text(token), logprob: logprob(token), others }
    }

    /// A sample is over.
    fn end(&mut self, sample: Sample, finish: Finish) {
        let Sample { task: id, place, writing, .. } = sample;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.output_tokens += u64::from(writing.count());
            task.texts[place] = Some(writing.finish(finish));
            self.complete(id);
        }
    }

    /// Answers a prompt whose samples are all over.
    fn complete(&mut self, id: u64) {
        let over = |task: &Task| task.texts.iter().all(Option::is_some);
        if !self.tasks.get(&id).is_some_and(over) {
            return;
        }
        if let Some(task) = self.tasks.remove(&id) {
            let usage = Usage {
                input_tokens: Some(task.input_tokens as u64),
                output_tokens: Some(task.output_tokens),
                ..Usage::default()
            };
            let texts = task.texts.into_iter().flatten().collect();
            task.promise.keep(Ok(Completion { texts, usage, ..Completion::default() }));
        }
    }

    fn fail(&mut self, id: u64, error: SourceError) {
        self.forget(|task| task == id);
        if let Some(task) = self.tasks.remove(&id) {
            task.promise.keep(Err(error));
        }
    }

    /// Drops samples by their prompt.
    fn forget(&mut self, dropped: impl Fn(u64) -> bool) {
        self.ready.retain(|sample| !dropped(sample.task));
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| dropped(slot.sample.task)) {
                *slot = None;
            }
        }
    }

    fn drop_unwanted(&mut self) {
        self.waiting.retain(|pending| pending.promise.is_wanted());
        let unwanted: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, task)| !task.promise.is_wanted())
            .map(|(id, _)| *id)
            .collect();
        if !unwanted.is_empty() {
            self.forget(|task| unwanted.contains(&task));
            self.tasks.retain(|id, _| !unwanted.contains(id));
        }
    }

    /// Gives samples that wait copies of the trunk, lowest slot first so that slots in use stand together.
    fn launch(&mut self) {
        let at = self.trunk.held().len();
        for place in 0..self.slots.len() {
            if self.ready.is_empty() {
                return;
            }
            if self.slots[place].is_none() {
                self.context.copy(self.trunk.sequence(), place);
                let sample = self.ready.remove(0);
                self.slots[place] = Some(Slot { sample, at });
            }
        }
    }

    /// Reads one token of every slot in use.
    fn write(&mut self) -> Result<(), ContextError> {
        let used: Vec<usize> =
            (0..self.slots.len()).filter(|place| self.slots[*place].is_some()).collect();
        let (Some(first), Some(last)) = (used.first(), used.last()) else { return Ok(()) };
        // A cache for each sequence wants neighbours, and no row is computed alone.
        let range = match (self.exact, first == last) {
            (true, true) if *last + 1 < self.slots.len() => *first..*last + 2,
            (true, true) => *first - 1..*last + 1,
            _ => *first..*last + 1,
        };
        let mut rows = Vec::with_capacity(range.len());
        for sequence in range {
            match &self.slots[sequence] {
                Some(Slot { sample, at }) => {
                    rows.push(Row { token: sample.next, at: *at, sequence, output: true });
                }
                None if self.exact => {
                    self.context.forget(sequence, 0);
                    rows.push(Row { token: 0, at: 0, sequence, output: true });
                }
                None => {}
            }
        }
        if self.context.decode(&rows)? == Decoded::Aborted {
            return Ok(());
        }
        for (row, Row { sequence, .. }) in rows.into_iter().enumerate() {
            if let Some(Slot { sample, at }) = self.slots[sequence].take() {
                let mut logits = std::mem::take(&mut self.logits);
                logits.clear();
                logits.extend_from_slice(self.context.logits(row)?);
                self.go_on(sample, at + 1, &logits, Some(sequence));
                self.logits = logits;
            }
        }
        Ok(())
    }
}

impl Engine for Computing {
    type Job = Job;

    fn take(&mut self, job: Job) {
        match job {
            Job::Generate { prompt, promise } => self.accept(prompt, promise),
            Job::Inspect { prompt, promise } => promise.keep(self.inspect(&prompt)),
        }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.tasks.is_empty()
    }

    fn step(&mut self) {
        self.drop_unwanted();
        self.launch();
        let free = self.slots.iter().any(Option::is_none);
        if self.ready.is_empty()
            && free
            && let Some((tokens, pending)) = self.waiting.next(self.trunk.held())
        {
            return self.begin(tokens, pending);
        }
        if let Err(error) = self.write() {
            let error = SourceError::from(error);
            let all: Vec<u64> = self.tasks.keys().copied().collect();
            for id in all {
                self.fail(id, error.clone());
            }
        }
    }
}
