//! Uncertainty of the length rule on the RMB files, read here without the suite of the project.

// Clippy allows `unwrap` in test functions; what they call here is a test too.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::{
    Aggregate, Candidate, Cluster, Combiner, Contest, Grade, Item, Loaded, Order, Outcome,
    Published, Rules, Standing, Suite, SuiteCard, SuiteError, Tree,
};
use tribunal_engine::measure::{Cases, Draws, Evaluation, Measure, measure};

/// RMB's four sets, each pooled over its files, and their mean.
struct Sets;

const SETS: [&str; 4] = [
    "Pairwise_set/Helpfulness",
    "Pairwise_set/Harmlessness",
    "BoN_set/Helpfulness",
    "BoN_set/Harmlessness",
];

impl Suite for Sets {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "rmb".into(),
            version: "1".into(),
            licence: "none stated".into(),
            source: "arXiv 2410.09893".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        Ok(Loaded::default())
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, _: &Rules) -> Vec<Grade> {
        let credit = best_of(outcome, item, TieRule::Loss, FailureRule::Wrong);
        credit.map(|credit| Grade::new("right", credit)).into_iter().collect()
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        let of = |set: &str| -> Vec<Arc<str>> {
            subsets.iter().filter(|subset| subset.starts_with(set)).cloned().collect()
        };
        let set = |set: &str| Tree::pooled("right", of(set));
        let overall = Tree::Average(SETS.iter().map(|name| set(name)).collect());
        let mut all = vec![Aggregate::new("overall", "", Standing::Headline, overall)];
        for name in SETS {
            all.push(Aggregate::new("accuracy", name, Standing::Group, set(name)));
            let scenarios = of(name).into_iter().map(|subset| Tree::subset("right", subset));
            let scenarios = Tree::Average(scenarios.collect());
            all.push(Aggregate::new("scenarios", name, Standing::Beside, scenarios));
        }
        for subset in subsets {
            let tree = Tree::subset("right", subset.clone());
            all.push(Aggregate::new("accuracy", subset.clone(), Standing::Detail, tree));
        }
        all
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rmb")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
}

fn load(root: &Path) -> Cases {
    let mut paths = Vec::new();
    files(root, &mut paths);
    paths.sort();
    let (mut items, mut names, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let Value::Array(records) = serde_json::from_str(&text).unwrap() else { panic!("array") };
        let subset = path.strip_prefix(root).unwrap().with_extension("");
        let subset: Arc<str> = Arc::from(subset.to_str().unwrap());
        for record in records {
            let mut replies = Vec::new();
            match record.get("loser_list") {
                Some(losers) => {
                    replies.push(&record["bon_best"]);
                    replies.extend(losers.as_array().unwrap());
                }
                None => replies.extend([&record["chosen"], &record["reject"]]),
            }
            let count = |reply: &&Value| reply["answer"].as_str().unwrap().chars().count() as u32;
            let turns = record["conversation_input"].as_array().unwrap().iter();
            let turns = turns.map(|turn| (turn["role"].to_string(), turn["content"].to_string()));
            names.push(turns.collect::<Vec<_>>());
            lengths.push(Some(replies.iter().map(count).collect()));
            items.push(Item {
                subset: subset.clone(),
                id: Arc::from(items.len().to_string()),
                topic: subset.clone(),
                cluster: Cluster::Conversation,
                prompt: Arc::from([]),
                gold: Item::gold_first(1, replies.len()),
                candidates: vec![Candidate::default(); replies.len()],
                tags: BTreeMap::new(),
            });
        }
    }
    Cases::unsampled(items, names, lengths)
}

fn named<'a>(measures: &'a [Measure], name: &str, subset: &str) -> &'a Measure {
    measures.iter().find(|one| one.measure == name && &*one.subset == subset).unwrap()
}

#[test]
fn the_length_rule_on_rmb_has_the_published_values_and_the_clustered_error() {
    if !root().is_dir() {
        println!("skipped: no RMB files beside the project");
        return;
    }
    let cases = load(&root());
    assert_eq!((cases.items.len(), cases.cluster_count), (18_329, 3_003));
    let outcomes: Vec<Option<Outcome>> = cases
        .lengths
        .iter()
        .map(|lengths| Some(Outcome::pointwise(lengths.as_ref()?.iter().copied().map(f64::from))))
        .collect();
    let start = Instant::now();
    let draws = Draws::new(cases.cluster_count, 10_000, 7);
    let drawn = start.elapsed();
    let rules = Rules::default();
    let evaluation = Evaluation { suite: &Sets, cases: &cases, outcomes: &outcomes, rules };
    let measures = measure(&evaluation, &draws);
    let all = start.elapsed();
    println!("draws {drawn:.0?}, {} measures {:.0?}", measures.len(), all - drawn);

    // Values of the published rule: check values of the suite, counted by another program.
    let known = [
        (5482, 8456, 0.661517),
        (3306, 6087, 0.540516),
        (1032, 2109, 0.495374),
        (611, 1677, 0.366255),
    ];
    for (set, (hits, of, scenarios)) in SETS.iter().zip(known) {
        let accuracy = named(&measures, "accuracy", set);
        assert_eq!((accuracy.credit, accuracy.n), (Some(f64::from(hits)), of));
        let macro_value = named(&measures, "scenarios", set).value.unwrap();
        assert!((macro_value - scenarios).abs() < 5e-7, "{set}: {macro_value}");
    }
    // The standard error of the mean of the sets is near 0.62 points, and 0.45 when items are drawn alone.
    let overall = named(&measures, "overall", "");
    let error = overall.standard_error.unwrap();
    assert!((error - 0.0062).abs() < 0.0002, "{error}");
    let alone = error / overall.design_effect.unwrap().sqrt();
    assert!((alone - 0.0045).abs() < 0.0002, "{alone}");
    for set in &SETS[..2] {
        let effect = named(&measures, "accuracy", set).design_effect.unwrap();
        assert!((1.3..1.8).contains(&effect), "{set}: {effect}");
        println!("{set}: design effect {effect:.2}");
    }
    println!(
        "overall {:.6}, standard error {:.3} points, {:.3} alone, {:?} to {:?}",
        overall.value.unwrap(),
        100.0 * error,
        100.0 * alone,
        overall.low,
        overall.high
    );
}
