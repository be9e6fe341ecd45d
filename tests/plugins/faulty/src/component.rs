//! A generator that echoes, and a suite that grades itself.

use std::sync::Arc;

use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::*;

/// Settings of `rust.echo` and `rust.suite`.
#[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// How it fails.
    how: String,
}

struct Echo(Config);

#[async_trait]
impl Generator for Echo {
    fn limits(&self) -> Limits {
        Limits { batch: 2, in_flight: 2, lane: Some("echo".to_owned()) }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("echo", "1"))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        if self.0.how == "panic" {
            panic!("no words");
        }
        let one = |prompt: &Prompt| match self.0.how.as_str() {
            "rejected" => Err(SourceError::Rejected { message: "as told".to_owned() }),
            how => {
                let last = prompt.turns.last().map_or("", |turn| turn.content.as_str());
                let text = if how.is_empty() { last.to_owned() } else { how.to_owned() };
                Ok(Completion {
                    texts: prompt.seeds.iter().map(|_| Text::of(text.clone())).collect(),
                    ..Completion::default()
                })
            }
        };
        batch.iter().map(one).collect()
    }
}

struct Own(Config);

impl Suite for Own {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "Own".into(),
            version: "1".into(),
            licence: "none".into(),
            source: "the tests".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "half".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        if self.0.how == "unreadable" {
            return Err(
                SuiteError::at("/data/x.jsonl", "line 3 is cut off").with_hint("get it again")
            );
        }
        let item = |number: usize| Item {
            subset: Arc::from(if number.is_multiple_of(2) { "even" } else { "odd" }),
            id: Arc::from(number.to_string()),
            topic: Arc::from("numbers"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([Turn::user(format!("Write {number} letters."))]),
            candidates: vec![
                Candidate::of_text("x".repeat(number + 1)),
                Candidate::of_text("y".repeat((number * 7) % 5)),
            ],
            gold: vec![1.0, 0.0],
            tags: [(Arc::from("parity"), TagValue::One(Arc::from((number % 2).to_string())))]
                .into(),
        };
        let absent = vec![Absent { what: "the large numbers".to_owned(), subset: None }];
        Ok(Loaded { items: (0..1500).map(item).collect(), absent })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        if self.0.how == "panic-grade" {
            panic!("no grades today");
        }
        let (ties, failures) =
            (rules.ties.or(TieRule::Half), rules.failures.or(FailureRule::Wrong));
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("share", credit)).into_iter().collect()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let all = Aggregate::new("share", "", Standing::Headline, Tree::all("share"));
        let each = subsets.iter().map(|subset| {
            let tree = match self.0.how == "set" {
                true => Tree::Set(subset.clone()),
                false => Tree::subset("share", subset.clone()),
            };
            Aggregate::new("share", subset.clone(), Standing::Detail, tree)
        });
        std::iter::once(all).chain(each).collect()
    }
}

/// Registers both.
pub(crate) fn register(registry: &mut Registry) {
    let card = |kind, summary, example| Card {
        kind,
        summary,
        version: "1",
        example,
        self_check: SelfCheck::Skip,
    };
    registry.generator(
        card("rust.echo", "Says what it is told.", "[generator.echo]\nkind = \"rust.echo\"\n"),
        |config: Config, _| Ok(Echo(config)),
    );
    registry.suite(
        card("rust.suite", "Grades itself.", "[suite.own]\nkind = \"rust.suite\"\n"),
        |config: Config, _| Ok(Own(config)),
    );
}
