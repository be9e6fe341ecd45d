//! A plugin in Rust that fails as it is told to: panics everywhere, errors of every kind, a generator and a suite of its own.

mod component;

use std::time::Duration;

use serde_json::json;
use tribunal_api::*;

/// Settings of `rust.faulty`.
#[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// How it fails.
    how: String,
    /// Candidates of a question.
    #[schemars(range(min = 1, max = 4))]
    candidates: u16,
    /// Whether samples differ.
    draws: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { how: String::new(), candidates: 1, draws: false }
    }
}

struct Faulty(Config);

/// A payload that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload panics, too");
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if self.0.how == "panic-drop" {
            panic!("the end went wrong");
        }
    }
}

impl Faulty {
    fn new(config: Config) -> Result<Self, SettingsError> {
        match config.how.as_str() {
            "panic-create" => panic!("no weights today"),
            "refused" => Err(SettingsError::of_key("how", "`refused` is not a way to fail")
                .with_known(vec!["refuse".to_owned(), "nan".to_owned()])
                .with_hint("use `nan`")),
            _ => Ok(Self(config)),
        }
    }

    fn answer(&self, question: &Question) -> Result<Vec<Answer>, SourceError> {
        let message = || "as told".to_owned();
        match self.0.how.as_str() {
            "broken" => Err(SourceError::Broken { message: message() }),
            "rejected" => Err(SourceError::Rejected { message: message() }),
            "unreachable" => Err(SourceError::Unreachable { message: message() }),
            "denied" => Err(SourceError::Denied { message: message() }),
            "busy" => Err(SourceError::Busy {
                wait: Some(Duration::from_millis(5)),
                remaining: None,
                message: message(),
            }),
            "too-few-scores" => Ok(vec![Answer::scores([])?]),
            "abstains" => Ok(vec![Answer::abstain(Reason::TooLong, "8 tokens over")]),
            _ => question.seeds().iter().map(|seed| self.scored(question, *seed)).collect(),
        }
    }

    fn scored(&self, question: &Question, seed: u64) -> Result<Answer, SourceError> {
        let lengths = question.candidates().iter().map(|text| text.len() as f64);
        let mut answer = Answer::scores(lengths.clone().map(|length| length + (seed % 10) as f64))?
            .with_part("length", lengths.collect());
        answer.transcript =
            Some(json!({ "turns": question.prompt().len(), "subset": question.subset() }));
        answer.usage.input_tokens = Some(7);
        answer.origin.served = Some("model-1".to_owned());
        Ok(answer)
    }
}

#[async_trait]
impl RewardSource for Faulty {
    fn arity(&self) -> Arity {
        Arity { least: self.0.candidates, most: self.0.candidates }
    }

    fn reads(&self) -> Reads {
        Reads::Subset
    }

    fn draws(&self) -> bool {
        self.0.draws
    }

    fn limits(&self) -> Limits {
        Limits { batch: 4, in_flight: 3, lane: None }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        if self.0.how == "panic-identify" {
            panic!("who am I");
        }
        Ok(Identity::of_code("faulty", "1"))
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let rendered = format!("{:?} -> {:?}", question.prompt()[0].content, question.candidates());
        Ok(Some(Inspection { rendered, exact: true, ..Inspection::default() }))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        match self.0.how.as_str() {
            "panic" => panic!("the score went wrong"),
            "panic-bomb" => std::panic::panic_any(Bomb),
            "too-few" => batch.iter().skip(1).map(|question| self.answer(question)).collect(),
            "sleeps" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            #[cfg(feature = "tokio")]
            "waits" | "waits-long" | "panics-late" => {
                let long = self.0.how == "waits-long";
                // On the runtime of the plugin: the host's would panic here.
                let waited =
                    tokio::time::sleep(Duration::from_millis(if long { 3_600_000 } else { 100 }));
                let elsewhere = tokio::spawn(async { 7 });
                waited.await;
                assert_eq!(elsewhere.await.ok(), Some(7));
                assert!(self.0.how != "panics-late", "it went wrong later");
                batch.iter().map(|question| self.answer(question)).collect()
            }
            "polite" => {
                while !guest::cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let error = SourceError::Unreachable { message: "it was cancelled".to_owned() };
                Answers::failed(batch.len(), &error)
            }
            _ => batch.iter().map(|question| self.answer(question)).collect(),
        }
    }
}

const CARD: Card = Card {
    kind: "rust.faulty",
    summary: "Fails as it is told to.",
    version: "1",
    example: "[source.faulty]\nkind = \"rust.faulty\"\n",
    self_check: SelfCheck::Skip,
};

fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Faulty::new(config));
    component::register(registry);
}

export_plugin!(register);
