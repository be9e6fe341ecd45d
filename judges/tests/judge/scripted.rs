//! A generator that says what a closure tells it to, and judges built on it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tribunal_api::settings::{self, SettingsError};
use tribunal_api::{
    Answer, Completion, Component, Context, Finish, Generator, GeneratorRef, Identity, Limits,
    Origin, Prompt, Question, Registry, RewardSource, SourceError, Text, Usage, async_trait,
};

type Said = Result<Completion, SourceError>;
type Say = Box<dyn Fn(&Prompt, usize) -> Said + Send + Sync>;

/// A generator whose replies a closure makes; it keeps the prompts.
pub struct Scripted {
    say: Say,
    pub asked: Mutex<Vec<Prompt>>,
    renders: bool,
}

impl Scripted {
    /// A generator; the closure gets the prompt and the number of prompts before it.
    pub fn new(say: impl Fn(&Prompt, usize) -> Said + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { say: Box::new(say), asked: Mutex::new(Vec::new()), renders: false })
    }

    /// A generator that always says the same.
    pub fn saying(text: &'static str) -> Arc<Self> {
        Self::new(move |prompt, _| Ok(texts(prompt, text)))
    }

    /// A generator that always says the same and writes the chat template into one text itself.
    pub fn rendering(text: &'static str) -> Arc<Self> {
        let say = move |prompt: &Prompt, _| Ok(texts(prompt, text));
        Arc::new(Self { say: Box::new(say), asked: Mutex::new(Vec::new()), renders: true })
    }

    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub fn prompt(&self, call: usize) -> Prompt {
        self.asked.lock().unwrap()[call].clone()
    }
}

/// The same text for every sample; 10 tokens read and 3 written for each.
pub fn texts(prompt: &Prompt, text: &str) -> Completion {
    completion(prompt.seeds.iter().map(|_| Text::of(text)).collect())
}

pub fn completion(texts: Vec<Text>) -> Completion {
    let count = texts.len() as u64;
    Completion {
        texts,
        usage: Usage {
            input_tokens: Some(10 * count),
            output_tokens: Some(3 * count),
            usd: Some(0.5 * count as f64),
        },
        origin: Origin { served: Some("judge-8b".into()), requests: vec!["r1".into()] },
    }
}

pub fn cut(text: &str) -> Text {
    Text { finish: Finish::Length, ..Text::of(text) }
}

#[async_trait]
impl Generator for Scripted {
    fn limits(&self) -> Limits {
        Limits { batch: 1, in_flight: 7, lane: Some("shared".into()) }
    }

    fn renders_markers(&self) -> bool {
        self.renders
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_alias("judge-8b"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Said> {
        batch
            .iter()
            .map(|prompt| {
                let mut asked = self.asked.lock().unwrap();
                asked.push(prompt.clone());
                (self.say)(prompt, asked.len() - 1)
            })
            .collect()
    }
}

struct Only(Arc<dyn Generator>);

impl Context for Only {
    fn generator(&self, _: &GeneratorRef) -> Result<Arc<dyn Generator>, SettingsError> {
        Ok(Arc::clone(&self.0))
    }
}

/// A judge of these settings beside `generator`, or what is wrong with them.
pub fn build(
    generator: &Arc<Scripted>,
    settings: Value,
) -> Result<Arc<dyn RewardSource>, SettingsError> {
    let mut registry = Registry::new();
    tribunal_judges::register(&mut registry);
    let mut all = json!({"generator": "g"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let kind = registry.find(Component::Source, "judge").unwrap();
    if let Some(fault) = settings::check(&kind.schema, &all).into_iter().next() {
        return Err(fault);
    }
    let generator: Arc<dyn Generator> = Arc::clone(generator) as Arc<dyn Generator>;
    registry.build_source("judge", all, &Only(generator))
}

pub fn judge(generator: &Arc<Scripted>, settings: Value) -> Arc<dyn RewardSource> {
    build(generator, settings).unwrap_or_else(|fault| panic!("{fault}: {:?}", fault.hint))
}

/// All samples of one question.
pub async fn ask(
    judge: &Arc<dyn RewardSource>,
    question: &Question,
) -> Result<Vec<Answer>, SourceError> {
    let mut answers = judge.score(std::slice::from_ref(question)).await.into_vec();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// The only sample of one question.
pub async fn ask_one(judge: &Arc<dyn RewardSource>, question: &Question) -> Answer {
    let mut answers = ask(judge, question).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

pub fn pair() -> Question {
    Question::of_text("Which planet is closest to the Sun?", &["Mercury.", "Neptune."])
}

pub fn numbers(answer: &Answer) -> Vec<f64> {
    let scores = answer.readout.scores().unwrap_or_else(|| panic!("{:?}", answer.readout));
    scores.iter().map(|score| score.value()).collect()
}

/// The reason of an abstention, and its note.
pub fn reason(answer: &Answer) -> (&'static str, String) {
    match &answer.readout {
        tribunal_api::Readout::Abstained(why) => (why.reason.as_str(), why.note.clone()),
        scores => panic!("{scores:?}"),
    }
}
