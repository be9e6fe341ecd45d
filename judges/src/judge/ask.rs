//! Asking one question: criteria first where the judge writes them, then the verdict of every sample, then what is
//! missing again.

use serde_json::{Map, Value, json};
use tribunal_api::{Answer, Completion, Finish, Prompt, Question, Reason, SourceError, Text, Turn};

use super::criteria::Criteria;
use super::memory::{CallKey, key_of};
use super::read::Reading;
use super::record::Draft;
use super::{Judge, Stated};

/// What a call brought.
enum Called {
    Completed(Completion),
    /// The prompt does not fit into the model's context.
    TooLong(String),
}

/// The criteria step of a question.
struct Written {
    completion: Completion,
    request: Prompt,
}

/// The calls of one question.
struct Calls<'a> {
    judge: &'a Judge,
    question: &'a Question,
    kept: Vec<CallKey>,
}

impl Judge {
    /// All samples of a question.
    ///
    /// # Errors
    ///
    /// Those of the generator, and `Broken` where it breaks its contract. Calls that were answered before the error are
    /// kept, and not made again when the question is asked again.
    pub(super) async fn ask(&self, question: &Question) -> Result<Vec<Answer>, SourceError> {
        let mut calls = Calls { judge: self, question, kept: Vec::new() };
        let answers = calls.answers().await?;
        if !calls.kept.is_empty() {
            self.memory.forget(&calls.kept);
        }
        Ok(answers)
    }

    /// True when a question may take more than one call.
    fn may_call_again(&self) -> bool {
        self.criteria == Criteria::SelfGenerated
            || self.re_ask > 0
            || self.reader.form.follow_up().is_some()
    }
}

impl Calls<'_> {
    async fn answers(&mut self) -> Result<Vec<Answer>, SourceError> {
        let judge = self.judge;
        let samples = self.question.samples();
        let (stated, fell_back) = judge.stated(self.question);
        let mut notes = Map::new();
        if fell_back {
            notes.insert("criteria".to_owned(), json!("general"));
        }
        if !judge.shows_history && self.question.prompt().len() > 1 {
            notes.insert("turns-not-shown".to_owned(), json!(self.question.prompt().len() - 1));
        }
        let abstain = |reason: Reason, note: &str| Draft::new(Reading::abstained(reason, note));
        let written = match judge.criteria {
            Criteria::SelfGenerated => match self.written_criteria().await? {
                Ok(written) => Some(written),
                Err(note) => {
                    let draft = abstain(Reason::TooLong, &note);
                    return Ok(finished(vec![draft; samples], &notes, None));
                }
            },
            Criteria::None | Criteria::Given(_) => None,
        };
        if let Some(why) =
            written.as_ref().and_then(|written| why_unusable(&written.completion.texts[0]))
        {
            let mut drafts = vec![abstain(why.0, why.1); samples];
            self.enter_criteria(&mut drafts, written.as_ref());
            return Ok(finished(drafts, &notes, None));
        }
        let stated = match &written {
            Some(written) => {
                Stated { text: written.completion.texts[0].text.trim(), are_data: true }
            }
            None => stated,
        };
        let prompt = judge.judgment(self.question, stated, self.question.seeds().to_vec())?;
        let mut drafts = match self.call(&prompt).await? {
            Called::TooLong(note) => vec![abstain(Reason::TooLong, &note); samples],
            Called::Completed(completion) => {
                let mut drafts = Vec::with_capacity(samples);
                for (place, text) in completion.texts.iter().enumerate() {
                    let mut draft = abstain(Reason::Unreadable, "");
                    draft.pay(&completion, place);
                    self.read_into(&mut draft, &prompt, text, prompt.seeds[place]).await?;
                    drafts.push(draft);
                }
                drafts
            }
        };
        self.enter_criteria(&mut drafts, written.as_ref());
        self.ask_again(&mut drafts, &prompt).await?;
        Ok(finished(drafts, &notes, judge.keep_prompt.then_some(&prompt)))
    }

    /// What the judge is to judge by, in its own words; the inner error says that the question does not fit.
    async fn written_criteria(&mut self) -> Result<Result<Written, String>, SourceError> {
        let request = self.judge.criteria_request(self.question)?;
        Ok(match self.call(&request).await? {
            Called::Completed(completion) => Ok(Written { completion, request }),
            Called::TooLong(note) => Err(note),
        })
    }

    /// Notes the criteria step in every sample; the first one pays for it.
    fn enter_criteria(&self, drafts: &mut [Draft], written: Option<&Written>) {
        let Some(Written { completion, request }) = written else { return };
        for draft in drafts.iter_mut() {
            draft.criteria(&completion.texts[0], self.judge.keep_prompt.then_some(request));
        }
        if let Some(first) = drafts.first_mut() {
            first.pay(completion, 0);
        }
    }

    /// Reads a reply into a draft, and asks for the verdict in a follow-up turn where the form has one and none was found.
    async fn read_into(
        &mut self,
        draft: &mut Draft,
        prompt: &Prompt,
        text: &Text,
        seed: u64,
    ) -> Result<(), SourceError> {
        let reader = &self.judge.reader;
        let candidates = self.question.arity();
        let first = reader.reply(text);
        draft.reading = reader.read(text, first, candidates);
        draft.replied(text, first);
        let Some(follow_up) = reader.form.follow_up().filter(|_| draft.reading.missing) else {
            return Ok(());
        };
        let mut turns = prompt.turns.clone();
        turns.extend([Turn::assistant(first), Turn::user(follow_up)]);
        let second = Prompt { turns, seeds: vec![seed], ..prompt.clone() };
        let Called::Completed(completion) = self.call(&second).await? else { return Ok(()) };
        let said = &completion.texts[0];
        let whole = format!("{first}\n{}", reader.reply(said));
        draft.pay(&completion, 0);
        draft.step("verdict", text);
        draft.step("follow-up", said);
        draft.reading = reader.read(said, &whole, candidates);
        draft.replied(said, &whole);
        Ok(())
    }

    /// Asks again for the samples whose verdict cannot be read, each time with other seeds.
    async fn ask_again(
        &mut self,
        drafts: &mut [Draft],
        prompt: &Prompt,
    ) -> Result<(), SourceError> {
        for attempt in 1..=self.judge.re_ask {
            let places: Vec<usize> =
                (0..drafts.len()).filter(|place| drafts[*place].reading.is_unreadable()).collect();
            if places.is_empty() {
                return Ok(());
            }
            let seeds =
                places.iter().map(|place| other_seed(prompt.seeds[*place], attempt)).collect();
            let again = Prompt { seeds, ..prompt.clone() };
            let Called::Completed(completion) = self.call(&again).await? else { return Ok(()) };
            for (at, &place) in places.iter().enumerate() {
                let draft = &mut drafts[place];
                draft.set_aside();
                draft.pay(&completion, at);
                self.read_into(draft, &again, &completion.texts[at], again.seeds[at]).await?;
            }
        }
        Ok(())
    }

    /// Makes a call, unless it was answered before.
    async fn call(&mut self, prompt: &Prompt) -> Result<Called, SourceError> {
        let judge = self.judge;
        let key = judge.may_call_again().then(|| key_of(self.question, prompt));
        if let Some(found) = key.as_ref().and_then(|key| judge.memory.find(key)) {
            self.kept.extend(key);
            return Ok(Called::Completed(found));
        }
        let mut results = judge.generator.generate(std::slice::from_ref(prompt)).await;
        let completion = match (results.pop(), results.is_empty()) {
            (Some(Ok(completion)), true) => completion,
            (Some(Err(error)), true) => return too_long(error).map(Called::TooLong),
            _ => return Err(broken("one prompt was not answered by one completion")),
        };
        if completion.texts.len() != prompt.seeds.len() {
            return Err(broken(&format!(
                "{} samples were asked for, {} came back",
                prompt.seeds.len(),
                completion.texts.len()
            )));
        }
        if let Some(key) = key {
            judge.memory.keep(key, completion.clone());
            self.kept.push(key);
        }
        Ok(Called::Completed(completion))
    }
}

fn finished(
    drafts: Vec<Draft>,
    notes: &Map<String, Value>,
    prompt: Option<&Prompt>,
) -> Vec<Answer> {
    drafts.into_iter().map(|draft| draft.into_answer(notes.clone(), prompt)).collect()
}

/// Why criteria cannot be judged by.
fn why_unusable(text: &Text) -> Option<(Reason, &'static str)> {
    match text.finish {
        Finish::Refused => Some((Reason::Refused, "no criteria were written")),
        Finish::Length => {
            Some((Reason::Truncated, "the criteria were cut: raise `criteria-sampling.max-tokens`"))
        }
        Finish::Stop if text.text.trim().is_empty() => {
            Some((Reason::Unreadable, "no criteria were written"))
        }
        Finish::Stop => None,
    }
}

/// A question that is too long is an abstention; every other error stands.
fn too_long(error: SourceError) -> Result<String, SourceError> {
    match &error {
        SourceError::Rejected { message } => match message.strip_prefix("too long: ") {
            Some(note) => Ok(note.to_owned()),
            None => Err(error),
        },
        _ => Err(error),
    }
}

fn broken(message: &str) -> SourceError {
    SourceError::Broken { message: format!("the generator broke its contract, {message}") }
}

/// Another seed for another attempt: a step of splitmix64, so that attempts are as independent as samples.
fn other_seed(seed: u64, attempt: u32) -> u64 {
    let mut mixed = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
