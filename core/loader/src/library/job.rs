//! One call into a library: what it lends, what it is told back, and how it ends.
//!
//! A plugin holds a number, not a pointer: whatever it says about a job that is over finds nothing, and cannot touch freed
//! memory. What the job lends lives until it ends, however long ago its caller gave up.

use std::cell::UnsafeCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tribunal_api::abi::{self, Sink, Str};
use tribunal_api::{Answer, Question, Reason, SourceError, Usage};

/// What a slot of the output holds until a plugin writes it: a NaN that no computation makes.
pub(super) const UNWRITTEN: u64 = 0x7ff8_5452_4255_4e41;

/// What is said of one sample.
#[derive(Default)]
pub(super) struct SampleSaid {
    pub(super) abstained: Option<(Reason, String)>,
    pub(super) parts: BTreeMap<String, Vec<Option<f64>>>,
    pub(super) transcript: Option<serde_json::Value>,
    pub(super) usage: Option<Usage>,
    pub(super) served: Option<String>,
}

/// What a plugin says beside the numbers.
#[derive(Default)]
pub(super) struct Said {
    /// About all questions.
    pub(super) all: Option<SourceError>,
    pub(super) errors: HashMap<usize, SourceError>,
    pub(super) samples: HashMap<(usize, usize), SampleSaid>,
    /// Rules that it broke.
    pub(super) broke: Vec<String>,
    /// Of calls in JSON.
    pub(super) reply: Vec<u8>,
    pub(super) error: Vec<u8>,
}

/// How far a job is.
enum Progress {
    Open {
        told: Option<oneshot::Sender<i32>>,
        /// A thread has taken it up.
        begun: bool,
        /// A thread sleeps until it is over.
        awaited: bool,
    },
    /// With its status.
    Over(i32),
}

/// A call under way.
pub(super) struct Job {
    pub(super) id: usize,
    /// Which plugin it belongs to, for messages.
    pub(super) origin: Arc<str>,
    pub(super) questions: Vec<Question>,
    lent: Lent,
    out: UnsafeCell<Vec<f64>>,
    said: Mutex<Said>,
    cancelled: AtomicBool,
    progress: Mutex<Progress>,
    ended: Condvar,
    request: OnceLock<Request>,
}

/// What a call in JSON lends.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) json: String,
    pub(super) sinks: [Sink; 2],
}

impl Request {
    /// Of calls that write JSON without being asked in it.
    pub(super) fn plain(sinks: [Sink; 2]) -> Self {
        Self { method: String::new(), json: String::new(), sinks }
    }
}

// SAFETY: `lent` points into `questions` and at its own heap, which nobody changes; `out` is written by the plugin until the job ends, and
// read by the host after it ended, with the lock of `progress` in between.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

/// The tables that a call lends, which point into the questions beside them.
#[derive(Default)]
struct Lent {
    questions: Vec<abi::Question<'static>>,
    // Held for the pointers in `questions` alone.
    _turns: Vec<Vec<abi::Turn<'static>>>,
    _texts: Vec<Str<'static>>,
    _keys: Vec<String>,
}

/// Jobs by number, in parts so that threads seldom meet.
static JOBS: LazyLock<[Mutex<Jobs>; 16]> = LazyLock::new(Default::default);

type Jobs = HashMap<usize, Arc<Job>>;
static NEXT: AtomicUsize = AtomicUsize::new(1);

fn part(id: usize) -> MutexGuard<'static, Jobs> {
    JOBS[id % 16].lock().unwrap_or_else(PoisonError::into_inner)
}

/// The job that a plugin speaks of; `None` when it is over.
pub(super) fn find(job: *const abi::Job) -> Option<Arc<Job>> {
    part(job as usize).get(&(job as usize)).cloned()
}

/// How many jobs go on although nobody waits for them any longer.
pub(crate) fn given_up() -> usize {
    (0..JOBS.len()).map(|id| part(id).values().filter(|job| job.is_cancelled()).count()).sum()
}

impl Job {
    /// A job about these questions, registered, and what tells that it is over, with its status.
    pub(super) fn open(
        origin: Arc<str>,
        questions: Vec<Question>,
    ) -> (Arc<Self>, oneshot::Receiver<i32>) {
        let (sender, receiver) = oneshot::channel();
        let slots = questions.iter().map(|one| one.arity() * one.samples()).sum();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let lent = lend(&questions);
        let job = Arc::new(Self {
            id,
            origin,
            lent,
            questions,
            out: UnsafeCell::new(vec![f64::from_bits(UNWRITTEN); slots]),
            said: Mutex::default(),
            cancelled: AtomicBool::new(false),
            progress: Mutex::new(Progress::Open {
                told: Some(sender),
                begun: false,
                awaited: false,
            }),
            ended: Condvar::new(),
            request: OnceLock::new(),
        });
        part(id).insert(id, job.clone());
        (job, receiver)
    }

    /// What plugins know it by.
    pub(super) fn pointer(&self) -> *mut abi::Job {
        std::ptr::without_provenance_mut(self.id)
    }

    /// The batch as the header has it; valid as long as the job.
    pub(super) fn batch(&self) -> abi::Batch {
        abi::Batch {
            size: size_of::<abi::Batch>() as u32,
            question_stride: size_of::<abi::Question<'_>>() as u32,
            questions: self.lent.questions.as_ptr().cast(),
            n_questions: self.lent.questions.len(),
        }
    }

    /// Keeps what a call in JSON lends as long as the job: the plugin may read it while the job is pending.
    pub(super) fn keep(&self, request: Request) -> &Request {
        self.request.get_or_init(|| request)
    }

    /// Where the plugin writes, and how many numbers.
    pub(super) fn out(&self) -> (*mut f64, usize) {
        // SAFETY: the vector itself is never changed after `open`, only what it points at.
        let out = unsafe { &*self.out.get() };
        (out.as_ptr().cast_mut(), out.len())
    }

    /// The numbers, once the job is over.
    pub(super) fn numbers(&self) -> Option<&[f64]> {
        match *self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            // SAFETY: the plugin may not write any longer; that it did was ordered by the lock.
            Progress::Over(_) => Some(unsafe { &*self.out.get() }),
            Progress::Open { .. } => None,
        }
    }

    /// What the plugin said so far.
    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once nobody waits for it.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Nobody waits for it any longer.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// A thread takes the job up. False when it was given up before.
    pub(super) fn begin(&self) -> bool {
        match &mut *self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            Progress::Open { begun, .. } => {
                *begun = true;
                true
            }
            Progress::Over(_) => false,
        }
    }

    /// Ends a job that no thread has taken up: nothing has to be waited for. False when one has.
    pub(super) fn end_unless_begun(&self) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*progress, Progress::Open { begun: false, .. }) {
            return false;
        }
        *progress = Progress::Over(abi::E_CANCELLED);
        drop(progress);
        part(self.id).remove(&self.id);
        self.ended.notify_all();
        true
    }

    /// Ends the job. False when it was over already.
    pub(super) fn end(&self, status: i32) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Progress::Open { told, awaited, .. } = &mut *progress else { return false };
        let (sender, awaited) = (told.take(), *awaited);
        *progress = Progress::Over(status);
        drop(progress);
        part(self.id).remove(&self.id);
        if awaited {
            self.ended.notify_all();
        }
        if let Some(sender) = sender {
            // The caller may have given up.
            let _ = sender.send(status);
        }
        true
    }

    /// Its status, when it ended within this time or had ended before.
    pub(super) fn ends_within(&self, time: Duration) -> Option<i32> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Open { awaited, .. } = &mut *progress {
            *awaited |= !time.is_zero();
        }
        let open = |progress: &mut Progress| matches!(progress, Progress::Open { .. });
        let waited = self.ended.wait_timeout_while(progress, time, open);
        match *waited.unwrap_or_else(PoisonError::into_inner).0 {
            Progress::Over(status) => Some(status),
            Progress::Open { .. } => None,
        }
    }

    /// Waits until it is over.
    pub(super) fn wait(&self) {
        while self.ends_within(Duration::from_secs(3600)).is_none() {}
    }

    /// The results of all questions, in their order.
    pub(super) fn results(&self, status: i32) -> Vec<Result<Vec<Answer>, SourceError>> {
        let mut said = std::mem::take(&mut *self.said());
        let failed = match status {
            abi::OK => said.all.take().map(|error| name(&self.origin, error)),
            _ => Some(failure(&self.origin, status, said.all.take())),
        };
        if let Some(error) = failed {
            return self.questions.iter().map(|_| Err(error.clone())).collect();
        }
        if let Some(rule) = said.broke.first() {
            let message = format!("the plugin `{}` broke a rule: {rule}", self.origin);
            let error = SourceError::Broken { message };
            return self.questions.iter().map(|_| Err(error.clone())).collect();
        }
        let numbers = self.numbers().unwrap_or_default();
        let quiet = said.errors.is_empty() && said.samples.is_empty();
        let mut at = 0;
        let mut results = Vec::with_capacity(self.questions.len());
        for (place, question) in self.questions.iter().enumerate() {
            let slots = question.arity() * question.samples();
            let own = &numbers[at..at + slots];
            at += slots;
            let result = match quiet {
                true => samples(question, own, |_| None),
                false => match said.errors.remove(&place) {
                    Some(_) if own.iter().any(|number| number.to_bits() != UNWRITTEN) => {
                        Err("it was filled, and an error was given for it, too".to_owned())
                    }
                    Some(error) => {
                        results.push(Err(name(&self.origin, error)));
                        continue;
                    }
                    None => samples(question, own, |sample| said.samples.remove(&(place, sample))),
                },
            };
            results.push(result.map_err(|what| SourceError::Broken {
                message: format!(
                    "the plugin `{}`, question {place} of the batch: {what}",
                    self.origin
                ),
            }));
        }
        results
    }
}

/// The samples of a question: each filled, or abstained, and not both.
fn samples(
    question: &Question,
    numbers: &[f64],
    mut said: impl FnMut(usize) -> Option<SampleSaid>,
) -> Result<Vec<Answer>, String> {
    let arity = question.arity();
    let mut answers = Vec::with_capacity(question.samples());
    for (sample, own) in numbers.chunks(arity.max(1)).enumerate() {
        let extra = said(sample).unwrap_or_default();
        let unwritten = own.iter().filter(|number| number.to_bits() == UNWRITTEN).count();
        let mut answer = match extra.abstained {
            Some(_) if unwritten < own.len() => {
                return Err("it was filled, and an abstention was given for it, too".to_owned());
            }
            Some((reason, note)) => Answer::abstain(reason, note),
            None if unwritten > 0 => {
                return Err(format!("{unwritten} of {arity} scores were not written"));
            }
            None => Answer::scores(own.iter().copied()).map_err(|_| {
                let odd = own.iter().position(|number| !number.is_finite()).unwrap_or(0);
                format!(
                    "the score of candidate {odd} is `{}`, and scores are finite numbers",
                    own[odd]
                )
            })?,
        };
        for (name, values) in extra.parts {
            let whole: Option<Vec<f64>> = values.into_iter().collect();
            let Some(values) = whole else {
                return Err(format!("part `{name}` was not given for every candidate"));
            };
            if let Some(odd) = values.iter().find(|value| !value.is_finite()) {
                return Err(format!("part `{name}` is `{odd}`, and parts are finite numbers"));
            }
            answer.parts.insert(name, values);
        }
        answer.transcript = extra.transcript;
        answer.usage = extra.usage.unwrap_or_default();
        answer.origin.served = extra.served;
        answers.push(answer);
    }
    Ok(answers)
}

/// The tables of a batch. Questions about one prompt lend the same turns.
fn lend(questions: &[Question]) -> Lent {
    // SAFETY: what a question points at lives behind `Arc`s that the job holds until it ends, so borrows of it outlive every call.
    let text = |text: &str| Str::of(unsafe { std::mem::transmute::<&str, &'static str>(text) });
    let mut turns: Vec<Vec<abi::Turn<'static>>> = Vec::new();
    let mut last: Option<*const tribunal_api::Turn> = None;
    let mut prompts: HashMap<*const tribunal_api::Turn, usize> = HashMap::new();
    let mut places = Vec::with_capacity(questions.len());
    let count = questions.iter().map(|question| question.candidates().len()).sum();
    let mut texts: Vec<Str<'static>> = Vec::with_capacity(count);
    let mut keys = Vec::new();
    for question in questions {
        let prompt = question.prompt();
        let address = prompt.as_ptr();
        // Questions about one prompt mostly stand in a row.
        let place = match last == Some(address) {
            true => turns.len() - 1,
            false => *prompts.entry(address).or_insert_with(|| {
                turns.push(
                    prompt
                        .iter()
                        .map(|turn| abi::Turn {
                            role: Str::of(turn.role.as_str()),
                            content: text(&turn.content),
                        })
                        .collect(),
                );
                turns.len() - 1
            }),
        };
        last = (place + 1 == turns.len()).then_some(address);
        places.push(place);
        texts.extend(question.candidates().iter().map(|candidate| text(candidate)));
        if let Some(key) = question.key() {
            keys.push(serde_json::to_string(key).unwrap_or_default());
        }
    }
    let mut next_text = 0;
    let mut next_key = 0;
    let tables = questions.iter().zip(places).map(|(question, place)| {
        let candidates = match question.candidates().len() {
            0 => std::ptr::null(),
            count => {
                next_text += count;
                // SAFETY: within the vector, which has its final size.
                unsafe { texts.as_ptr().add(next_text - count) }
            }
        };
        let key_json = match question.key() {
            Some(_) => {
                next_key += 1;
                text(&keys[next_key - 1])
            }
            None => Str::EMPTY,
        };
        abi::Question {
            turns: turns[place].as_ptr(),
            n_turns: turns[place].len(),
            candidates,
            n_candidates: question.arity(),
            seeds: question.seeds().as_ptr(),
            n_samples: question.samples(),
            subset: question.subset().map_or(Str::EMPTY, text),
            key_json,
        }
    });
    let questions = tables.collect();
    Lent { questions, _turns: turns, _texts: texts, _keys: keys }
}

/// The status of a call that cannot be completed later: it has no job that could be named.
pub(super) fn at_once(status: i32) -> i32 {
    match status {
        abi::PENDING => abi::E_PROTOCOL,
        status => status,
    }
}

/// The error of a status, with what the plugin said about it.
pub(super) fn failure(origin: &str, status: i32, said: Option<SourceError>) -> SourceError {
    if let Some(error) = said {
        return name(origin, error);
    }
    let message = |what: &str| format!("the plugin `{origin}` {what}");
    match status {
        abi::E_CANCELLED => SourceError::Unreachable { message: message("stopped the call") },
        abi::E_BUSY => {
            SourceError::Busy { wait: None, remaining: None, message: message("is busy") }
        }
        abi::E_UNREACHABLE => {
            SourceError::Unreachable { message: message("cannot reach its backend") }
        }
        abi::E_REJECTED => SourceError::Rejected { message: message("rejects the batch") },
        abi::E_DENIED => SourceError::Denied { message: message("is denied access") },
        abi::E_PANIC => SourceError::Broken { message: message("panicked") },
        abi::E_PROTOCOL => {
            SourceError::Broken { message: message("says that a rule of the boundary was broken") }
        }
        abi::E_FAILED => SourceError::Broken { message: message("failed and did not say why") },
        status => SourceError::Broken {
            message: message(&format!("returned status {status}, which means nothing")),
        },
    }
}

/// The same error with the plugin's name in front.
pub(super) fn name(origin: &str, error: SourceError) -> SourceError {
    let add = |message: String| match message.contains(origin) {
        true => message,
        false => format!("the plugin `{origin}`: {message}"),
    };
    match error {
        SourceError::Busy { wait, remaining, message } => {
            SourceError::Busy { wait, remaining, message: add(message) }
        }
        SourceError::Unreachable { message } => SourceError::Unreachable { message: add(message) },
        SourceError::Rejected { message } => SourceError::Rejected { message: add(message) },
        SourceError::Broken { message } => SourceError::Broken { message: add(message) },
        SourceError::Denied { message } => SourceError::Denied { message: add(message) },
    }
}
