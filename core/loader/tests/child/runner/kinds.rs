//! Kinds that answer as tests need it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::settings::{SettingsError, Step};
use tribunal_api::{
    Absent, Aggregate, Answer, Answers, Arity, Card, Completion, Contest, Finish, Generator, Grade,
    Identity, Inspection, Item, Limits, Loaded, Order, Outcome, Prompt, Published, Question, Reads,
    Reason, Registry, RewardSource, Rules, Scale, SelfCheck, SourceError, Standing, Suite,
    SuiteCard, SuiteError, Text, Token, Tree, Turn, Usage, async_trait,
};

/// Settings of all kinds here.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What a score is multiplied by.
    factor: Option<f64>,
    /// What it does in place of answering.
    instead: Option<String>,
}

/// Answers with lengths, and with all else that an answer may hold.
struct Rich(Config);

#[async_trait]
impl RewardSource for Rich {
    fn arity(&self) -> Arity {
        Arity { least: 1, most: u16::MAX }
    }

    fn reads(&self) -> Reads {
        Reads::Key
    }

    fn draws(&self) -> bool {
        true
    }

    fn scale(&self) -> Scale {
        Scale::Logit
    }

    fn limits(&self) -> Limits {
        Limits { batch: 9, in_flight: 3, lane: Some("lane".to_owned()) }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_content("rich", "digest"))
    }

    async fn inspect(&self, question: &Question) -> Result<Option<Inspection>, SourceError> {
        let rendered = question.candidates().join("|");
        Ok(Some(Inspection { rendered, exact: true, ..Inspection::default() }))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        match self.0.instead.as_deref() {
            Some("sleep") => tokio::time::sleep(Duration::from_secs(60)).await,
            Some("block") => std::thread::sleep(Duration::from_secs(60)),
            Some("panic") => panic!("no scores today"),
            Some("abort") => std::process::abort(),
            Some("print") => println!("Loading checkpoint shards: 100%"),
            _ => {}
        }
        batch.iter().map(|question| self.samples(question)).collect()
    }
}

impl Rich {
    fn samples(&self, question: &Question) -> Result<Vec<Answer>, SourceError> {
        if question.candidates().first().is_some_and(|text| &**text == "rejected") {
            return Err(SourceError::Rejected { message: "not this one".to_owned() });
        }
        question.seeds().iter().map(|seed| self.sample(question, *seed)).collect()
    }

    fn sample(&self, question: &Question, seed: u64) -> Result<Answer, SourceError> {
        let factor = self.0.factor.unwrap_or(0.1);
        if question.candidates().is_empty() {
            let Some(key) = question.key() else {
                return Ok(Answer::abstain(Reason::Missing, "neither text nor key"));
            };
            return Answer::scores(key.candidates.iter().map(|index| f64::from(index.0)));
        }
        let lengths: Vec<f64> =
            question.candidates().iter().map(|text| text.len() as f64 * factor).collect();
        let turns: Vec<String> = question
            .prompt()
            .iter()
            .map(|turn| format!("{}: {}", turn.role.as_str(), turn.content))
            .collect();
        let plain = question.samples() == 1 && question.key().is_none();
        let mut answer = Answer::scores(lengths.iter().map(|length| length + (seed % 7) as f64))?;
        if !plain {
            answer = answer.with_part("length", lengths);
            answer.transcript =
                Some(serde_json::json!({ "turns": turns, "seed": seed.to_string() }));
            answer.usage = Usage { input_tokens: Some(3), output_tokens: None, usd: Some(0.25) };
            answer.origin.served = Some("model-1".to_owned());
        }
        Ok(answer)
    }
}

/// Repeats the last turn.
struct Echo;

#[async_trait]
impl Generator for Echo {
    fn limits(&self) -> Limits {
        Limits { batch: 2, in_flight: 4, lane: None }
    }

    fn renders_markers(&self) -> bool {
        true
    }

    fn samples_at_once(&self) -> usize {
        5
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_alias("echo"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let one = |prompt: &Prompt| {
            let Some(turn) = prompt.turns.last() else {
                return Err(SourceError::Busy {
                    wait: Some(Duration::from_secs(2)),
                    remaining: None,
                    message: "empty".to_owned(),
                });
            };
            let text = |seed: &u64| Text {
                text: format!("{} {seed}", turn.content),
                reasoning: Some("r".to_owned()),
                finish: Finish::Length,
                tokens: vec![Token {
                    text: "A".to_owned(),
                    logprob: -0.125,
                    others: prompt.labels.iter().map(|label| (label.clone(), -2.5)).collect(),
                }],
                ..Text::default()
            };
            let texts = prompt.seeds.iter().map(text).collect();
            Ok(Completion { texts, ..Completion::default() })
        };
        batch.iter().map(one).collect()
    }
}

/// 2500 items, graded by rules of its own.
struct Own(Config);

impl Suite for Own {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "Own".into(),
            version: "2".into(),
            licence: "CC0".into(),
            source: "here".into(),
            published: Published {
                order: Order::Random(3),
                combiner: Default::default(),
                ties: "half".into(),
                failures: "wrong".into(),
            },
            neutral_order: true,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        if self.0.instead.is_some() {
            return Err(SuiteError::at("/data.jsonl", "line 3 is no record").with_hint("mend it"));
        }
        let item = |number: usize| Item {
            subset: if number.is_multiple_of(2) { "even".into() } else { "odd".into() },
            id: number.to_string().into(),
            topic: "numbers".into(),
            cluster: tribunal_api::Cluster::Named("c".into()),
            prompt: Arc::from([Turn::user(format!("prompt {number}"))]),
            candidates: ["a", "b"].map(tribunal_api::Candidate::of_text).to_vec(),
            gold: vec![0.0, number as f64 + 0.1],
            tags: BTreeMap::from([("t".into(), tribunal_api::TagValue::One("v".into()))]),
        };
        let absent = vec![Absent { what: "a file".to_owned(), subset: Some("odd".into()) }];
        Ok(Loaded { items: (0..2500).map(item).collect(), absent })
    }

    fn contest(&self, subset: &str) -> Contest {
        if subset == "odd" { Contest::ScoresOnly } else { Contest::EveryChosenRejected }
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let tie = matches!(rules.ties, tribunal_api::Ties::Half);
        vec![Grade {
            name: "own".into(),
            credit: item.gold[1] / 10.0 + f64::from(u8::from(tie)),
            weight: outcome.shown.len() as f64 + 0.5,
        }]
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let trees = subsets.iter().map(|subset| (0.3, Tree::subset("own", subset.clone())));
        vec![Aggregate::new("overall", "", Standing::Headline, Tree::Weighted(trees.collect()))]
    }
}

fn card(kind: &'static str, self_check: SelfCheck) -> Card {
    Card { kind, summary: "A sentence.", version: "7", example: "kind = \"x\"", self_check }
}

/// All of them.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.source(card("rich", SelfCheck::Skip), |config: Config, _| match config.factor {
        Some(0.0) => Err(SettingsError {
            path: vec![Step::Key("factor".to_owned())],
            at_key: false,
            message: "a factor of 0 says nothing".to_owned(),
            known: vec!["1".to_owned()],
            hint: Some("choose another".to_owned()),
        }),
        _ => Ok(Rich(config)),
    });
    registry.generator(card("echo", SelfCheck::KnownPairs), |_: Config, _| Ok(Echo));
    registry.suite(card("own", SelfCheck::KnownPairs), |config: Config, _| Ok(Own(config)));
    registry
}

/// Questions of every shape.
pub fn questions() -> Vec<Question> {
    let key = |candidates: &[u16]| tribunal_api::Key {
        suite: "s".into(),
        subset: "u".into(),
        id: "i".into(),
        candidates: candidates.iter().map(|index| tribunal_api::CandidateIndex(*index)).collect(),
    };
    let prompt: Arc<[Turn]> = Arc::from([Turn::user("é \"q\"\n\u{0}"), Turn::assistant("")]);
    let texts =
        |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect::<Vec<Arc<str>>>();
    vec![
        Question::new(prompt.clone(), texts(&["a"])),
        Question::new(prompt.clone(), texts(&["日本", "", "\\\"\u{7f}"]))
            .with_seeds(vec![5, u64::MAX]),
        Question::of_text("other", &["rejected"]),
        Question::new(prompt, texts(&["b"])).with_key(key(&[0])),
        Question::new(Vec::new(), Vec::new()).with_key(key(&[2, 1])),
    ]
}
