//! What is kept of one sample: every reply on the way to its answer, what it cost, and who said it.

use serde_json::{Map, Value, json};
use tribunal_api::{Answer, Completion, Finish, Origin, Prompt, Readout, Text, Usage};

use super::read::Reading;

/// One sample of a question while it is asked.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// What the latest reply says.
    pub(super) reading: Reading,
    reply: Value,
    criteria: Option<Value>,
    steps: Vec<Value>,
    attempts: Vec<Value>,
    usage: Usage,
    origin: Origin,
}

impl Draft {
    /// A sample with its first reading, and no reply that is worth keeping.
    pub(super) fn new(reading: Reading) -> Self {
        Self {
            reading,
            reply: Value::Null,
            criteria: None,
            steps: Vec::new(),
            attempts: Vec::new(),
            usage: Usage::default(),
            origin: Origin::default(),
        }
    }

    /// Adds a call that came before the verdict, by its name.
    pub(super) fn step(&mut self, name: &str, text: &Text) {
        self.steps.push(step(name, text, None));
    }

    /// Adds the call that wrote the criteria.
    pub(super) fn criteria(&mut self, text: &Text, prompt: Option<&Prompt>) {
        self.criteria = Some(step("criteria", text, prompt));
    }

    /// Sets the reply that the reading is of.
    pub(super) fn replied(&mut self, text: &Text, whole: &str) {
        self.reply = Value::Object(said(text, whole));
    }

    /// Puts the reply aside as an attempt that brought nothing, before another one is read.
    pub(super) fn set_aside(&mut self) {
        let mut attempt = match std::mem::take(&mut self.reply) {
            Value::Object(attempt) => attempt,
            _ => Map::new(),
        };
        if !self.steps.is_empty() {
            attempt.insert("steps".to_owned(), Value::Array(std::mem::take(&mut self.steps)));
        }
        if let Readout::Abstained(why) = &self.reading.scored {
            attempt.insert("abstained".to_owned(), json!(why));
        }
        self.attempts.push(Value::Object(attempt));
    }

    /// Adds this sample's part of what a call for several samples cost, and who answered it.
    pub(super) fn pay(&mut self, completion: &Completion, place: usize) {
        let samples = completion.texts.len().max(1);
        let share = |tokens: u64| {
            let samples = samples as u64;
            tokens / samples + u64::from((place as u64) < tokens % samples)
        };
        let cost = completion.usage;
        add(&mut self.usage.input_tokens, cost.input_tokens.map(share));
        add(&mut self.usage.output_tokens, cost.output_tokens.map(share));
        if let Some(usd) = cost.usd {
            self.usage.usd = Some(self.usage.usd.unwrap_or(0.0) + usd / samples as f64);
        }
        let origin = &completion.origin;
        self.origin.served = origin.served.clone().or_else(|| self.origin.served.take());
        match origin.requests.get(place) {
            Some(own) if origin.requests.len() == samples => self.origin.requests.push(own.clone()),
            _ => self.origin.requests.extend(origin.requests.iter().cloned()),
        }
    }

    /// The answer, with a transcript that holds nothing that is measured.
    pub(super) fn into_answer(self, notes: Map<String, Value>, prompt: Option<&Prompt>) -> Answer {
        let mut transcript = match self.reply {
            Value::Object(reply) => reply,
            _ => Map::new(),
        };
        if !self.reading.shares.is_empty() {
            let shares =
                self.reading.shares.iter().map(|(label, share)| (label.clone(), json!(share)));
            transcript.insert("labels".to_owned(), Value::Object(shares.collect()));
        }
        transcript.extend(notes);
        let steps: Vec<Value> = self.criteria.into_iter().chain(self.steps).collect();
        if !steps.is_empty() {
            transcript.insert("steps".to_owned(), Value::Array(steps));
        }
        if !self.attempts.is_empty() {
            transcript.insert("attempts".to_owned(), Value::Array(self.attempts));
        }
        if let Some(prompt) = prompt {
            transcript.insert("prompt".to_owned(), messages(prompt));
        }
        Answer {
            parts: self.reading.parts,
            transcript: (!transcript.is_empty()).then_some(Value::Object(transcript)),
            usage: self.usage,
            origin: self.origin,
            ..Answer::new(self.reading.scored)
        }
    }
}

fn step(name: &str, text: &Text, prompt: Option<&Prompt>) -> Value {
    let mut step = Map::new();
    step.insert("step".to_owned(), json!(name));
    step.extend(said(text, &text.text));
    if let Some(prompt) = prompt {
        step.insert("prompt".to_owned(), messages(prompt));
    }
    Value::Object(step)
}

fn said(text: &Text, whole: &str) -> Map<String, Value> {
    let mut said = Map::new();
    said.insert("reply".to_owned(), json!(whole));
    if let Some(reasoning) = &text.reasoning {
        said.insert("reasoning".to_owned(), json!(reasoning));
    }
    let finish = match text.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Refused => "refused",
    };
    said.insert("finish".to_owned(), json!(finish));
    said
}

fn messages(prompt: &Prompt) -> Value {
    json!(prompt.turns)
}

fn add(sum: &mut Option<u64>, one: Option<u64>) {
    if let Some(one) = one {
        *sum = Some(sum.unwrap_or(0).saturating_add(one));
    }
}
