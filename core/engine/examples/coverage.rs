//! How often 95 % intervals hold the true value, on synthetic suites whose items come in clusters.
//!
//! Cluster sizes go 1, 2, ... 10 and around again. The items of a cluster are right with a probability of
//! their own, drawn from a beta distribution with mean p, such that outcomes of one cluster correlate by
//! 0.3 (beta-binomial, drawn as Polya's urn). The measure is the accuracy over all items.
//!
//! `cargo run --release -p tribunal-engine --example coverage [replications] [resamples]` prints the table
//! of `docs/uncertainty.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::{
    Aggregate, Candidate, Cluster, Combiner, Contest, Grade, Item, Loaded, Order, Outcome,
    Published, Rules, Standing, Suite, SuiteCard, SuiteError, Tree,
};
use tribunal_engine::measure::intervals::{normal_quantile, percentile_interval, wilson};
use tribunal_engine::measure::{Cases, Draws, Evaluation, measure, resample_headline};

const CORRELATION: f64 = 0.3;
const CLUSTERS: [u32; 6] = [8, 20, 42, 100, 200, 1_000];
const ACCURACIES: [f64; 3] = [0.5, 0.9, 0.98];

/// Pairs, right when the first candidate is preferred.
struct Pairs;

impl Suite for Pairs {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "synthetic".into(),
            version: "1".into(),
            licence: "none".into(),
            source: "drawn".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            neutral_order: true,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        Ok(Loaded::default())
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, _: &Rules) -> Vec<Grade> {
        best_of(outcome, item, TieRule::Loss, FailureRule::Wrong)
            .map(|credit| Grade::new("right", credit))
            .into_iter()
            .collect()
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("right"))]
    }
}

fn cases(clusters: u32) -> Cases {
    let names: Vec<u32> = (0..clusters)
        .flat_map(|cluster| std::iter::repeat_n(cluster, (cluster % 10) as usize + 1))
        .collect();
    let items: Vec<Item> = (0..names.len())
        .map(|place| Item {
            subset: Arc::from("s"),
            id: Arc::from(place.to_string()),
            topic: Arc::from("s"),
            cluster: Cluster::Conversation,
            prompt: Arc::from([]),
            candidates: vec![Candidate::default(); 2],
            gold: vec![1.0, 0.0],
            tags: BTreeMap::new(),
        })
        .collect();
    let lengths = vec![None; items.len()];
    Cases::unsampled(items, names, lengths)
}

fn uniform(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

fn outcomes(cases: &Cases, accuracy: f64, random: &mut ChaCha8Rng) -> Vec<Option<Outcome>> {
    let balls = 1.0 / CORRELATION - 1.0;
    let (mut cluster, mut right, mut drawn) = (u32::MAX, 0.0, 0.0);
    let mut outcomes = Vec::with_capacity(cases.items.len());
    for &next in &cases.clusters {
        if next != cluster {
            (cluster, right, drawn) = (next, 0.0, 0.0);
        }
        let hit = uniform(random) < (accuracy * balls + right) / (balls + drawn);
        drawn += 1.0;
        right += if hit { 1.0 } else { 0.0 };
        outcomes.push(Some(Outcome::pointwise(if hit { [1.0, 0.0] } else { [0.0, 1.0] })));
    }
    outcomes
}

/// Whether each kind of interval held the accuracy, how wide the reported one was, and how it was made.
struct Trial {
    reported: bool,
    percentile: bool,
    alone: bool,
    width: f64,
    method: String,
    design_effect: Option<f64>,
}

fn trial(cases: &Cases, accuracy: f64, resamples: usize, seed: u64) -> Trial {
    // Far from the seeds of the draws, whose streams would else repeat the data's.
    let mut random = ChaCha8Rng::seed_from_u64(seed | 1 << 40);
    let outcomes = outcomes(cases, accuracy, &mut random);
    let draws = Draws::new(cases.cluster_count, resamples, seed);
    let evaluation =
        Evaluation { suite: &Pairs, cases, outcomes: &outcomes, rules: Rules::default() };
    let headline = measure(&evaluation, &draws)
        .into_iter()
        .find(|measure| measure.headline)
        .expect("the suite has a headline");
    let holds = |(low, high): (f64, f64)| low <= accuracy && accuracy <= high;
    let interval = headline.low.zip(headline.high).expect("every item is answered");
    let resampled = resample_headline(&evaluation, &draws).expect("every item is answered");
    let percentile = percentile_interval(&resampled.values).expect("every resample has items");
    Trial {
        reported: holds(interval),
        percentile: holds(percentile),
        alone: holds(wilson(resampled.value, headline.n as f64, normal_quantile())),
        width: interval.1 - interval.0,
        method: headline.method.expect("an interval has a method"),
        design_effect: headline.design_effect,
    }
}

/// One line of the table; shares in percent.
pub struct Row {
    /// The number of items.
    pub items: usize,
    /// How often the interval of the report held.
    pub reported: f64,
    /// How that interval was made in most replications.
    pub method: String,
    /// Its mean width.
    pub width: f64,
    /// How often the percentiles of the resampled values held.
    pub percentile: f64,
    /// How often Wilson's interval held that takes items for independent.
    pub alone: f64,
    /// The mean design effect.
    pub design_effect: f64,
}

/// Repeats a setting.
pub fn simulate(clusters: u32, accuracy: f64, replications: u64, resamples: usize) -> Row {
    let cases = cases(clusters);
    let trials: Vec<Trial> = (1..=replications)
        .into_par_iter()
        .map(|replication| trial(&cases, accuracy, resamples, replication))
        .collect();
    let mean =
        |of: &dyn Fn(&Trial) -> f64| trials.iter().map(of).sum::<f64>() / trials.len() as f64;
    let share = |of: fn(&Trial) -> bool| mean(&|trial| if of(trial) { 100.0 } else { 0.0 });
    let mut methods: BTreeMap<&str, usize> = BTreeMap::new();
    trials.iter().for_each(|trial| *methods.entry(&trial.method).or_default() += 1);
    let most = methods.into_iter().max_by_key(|(_, count)| *count);
    let effects: Vec<f64> = trials.iter().filter_map(|trial| trial.design_effect).collect();
    Row {
        items: cases.items.len(),
        reported: share(|trial| trial.reported),
        method: most.map(|(method, _)| method.to_owned()).unwrap_or_default(),
        width: mean(&|trial| trial.width),
        percentile: share(|trial| trial.percentile),
        alone: share(|trial| trial.alone),
        design_effect: effects.iter().sum::<f64>() / effects.len() as f64,
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let replications = arguments.next().and_then(Result::ok).unwrap_or(4_000);
    let resamples = arguments.next().and_then(Result::ok).unwrap_or(1_000) as usize;
    println!("{replications} replications, {resamples} resamples each, correlation {CORRELATION}");
    println!();
    println!(
        "| clusters | items | p | reported | method | width | percentile | items alone | design effect |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for clusters in CLUSTERS {
        for accuracy in ACCURACIES {
            let row = simulate(clusters, accuracy, replications, resamples);
            let Row { items, reported, method, width, percentile, alone, design_effect } = row;
            println!(
                "| {clusters} | {items} | {accuracy} | {reported:.1} % | {method} | {width:.3} | {percentile:.1} % \
                 | {alone:.1} % | {design_effect:.2} |"
            );
        }
    }
}
