//! `@NAME@`: a suite of pairs in a file of JSON lines; put your own data and rules in their place.

use std::sync::Arc;

use tribunal_api::*;

/// What it is made of. Its fields are the settings of `[suite.x]`, and their comments are shown by `tribunal show`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Pairs {
    /// The file: lines of JSON with `id`, `topic`, `prompt`, `chosen` and `rejected`.
    path: PathSetting,
}

/// A line of the file.
#[derive(serde::Deserialize)]
struct Record {
    id: String,
    topic: String,
    prompt: String,
    chosen: String,
    rejected: String,
}

impl Pairs {
    fn item(&self, record: Record) -> Item {
        Item {
            subset: record.topic.as_str().into(),
            id: record.id.into(),
            topic: record.topic.into(),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user(record.prompt)]),
            candidates: [record.chosen, record.rejected]
                .map(Candidate::of_text)
                .into(),
            // One number per candidate, larger is better: the first is right, the second is not.
            gold: Item::gold_first(1, 2),
            tags: Default::default(),
        }
    }
}

impl Suite for Pairs {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "@NAME@".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            licence: "not stated".into(),
            source: "own data".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::default(),
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        let path = self.path.as_path();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| SuiteError::at(path, cause.to_string()))?;
        let read = |(place, line): (usize, &str)| {
            let record = serde_json::from_str(line);
            let wrong = |cause| SuiteError::at(path, format!("line {}: {cause}", place + 1));
            record.map(|record| self.item(record)).map_err(wrong)
        };
        let items: Result<Vec<Item>, SuiteError> = text.lines().enumerate().map(read).collect();
        Ok(Loaded {
            items: items?,
            absent: Vec::new(),
        })
    }

    fn contest(&self, _subset: &str) -> Contest {
        Contest::BestAgainstEach
    }

    // The usual rules: the better reply must be preferred, and accuracies are means. Your own go in their place.
    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        wire::standard_grade(item, outcome, rules)
    }

    fn chance(&self, item: &Item, guess: &Guess) -> Vec<Grade> {
        wire::standard_chance(item, guess)
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        wire::standard_aggregates(subsets)
    }
}

fn register(registry: &mut Registry) {
    let card = Card {
        kind: "@NAME@",
        summary: "Pairs of a better and a worse reply.",
        version: env!("CARGO_PKG_VERSION"),
        example: "[suite.@NAME@]\nkind = \"@NAME@\"\npath = \"data/pairs.jsonl\"\n",
        self_check: SelfCheck::Skip,
    };
    registry.suite(card, |pairs: Pairs, _| Ok(pairs));
}

export_plugin!(register);
