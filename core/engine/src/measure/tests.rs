//! Tests of the measures as a whole, on a small suite whose rules are plain.

use std::collections::BTreeMap;
use std::sync::Arc;

use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::{
    Abstention, Aggregate, Candidate, Cluster, Combiner, Contest, Grade, Graded, Guess, Item,
    Loaded, Order, Outcome, Published, Readout, Reason, Rules, Shown, Standing, Suite, SuiteCard,
    SuiteError, TagValue, Ties, Tree,
};

use super::*;

/// Pairs in subsets: `right` is strict. `odd` is a measure that is no mean.
#[derive(Default)]
struct Court {
    aggregates: Vec<Aggregate>,
    knows_chance_of: Option<&'static str>,
}

impl Court {
    fn of(trees: Vec<(&'static str, Standing, Tree)>) -> Self {
        let aggregates = trees.into_iter().map(|(name, standing, tree)| {
            let subset = if standing == Standing::Headline { "" } else { name };
            Aggregate::new(name, subset, standing, tree)
        });
        Self { aggregates: aggregates.collect(), knows_chance_of: Some("") }
    }
}

impl Suite for Court {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "court".into(),
            version: "1".into(),
            licence: "none".into(),
            source: "written here".into(),
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

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, rules.ties.or(TieRule::Loss), failures);
        credit.map(|credit| Grade::new("right", credit)).into_iter().collect()
    }

    fn chance(&self, item: &Item, _: &Guess) -> Vec<Grade> {
        match self.knows_chance_of {
            Some(subset) if subset.is_empty() || subset == &*item.subset => {
                vec![Grade::new("right", 1.0 / item.candidates.len() as f64)]
            }
            _ => Vec::new(),
        }
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        self.aggregates.clone()
    }

    /// The square of the drawn credit: no mean, and above 1.
    fn grade_set(&self, _: &str, graded: &[Graded<'_>], weights: &[u32]) -> Option<f64> {
        let credits = graded.iter().zip(weights);
        let sum: f64 = credits
            .map(|(item, &weight)| item.credit("right").unwrap_or(0.0) * f64::from(weight))
            .sum();
        Some(sum * sum)
    }
}

fn item(subset: &str, id: usize) -> Item {
    Item {
        subset: Arc::from(subset),
        id: Arc::from(id.to_string()),
        topic: Arc::from(subset),
        cluster: Cluster::Conversation,
        prompt: Arc::from([]),
        candidates: vec![Candidate::default(); 2],
        gold: vec![1.0, 0.0],
        tags: BTreeMap::new(),
    }
}

/// Items given as (subset, cluster), of lengths 3 and 5 characters.
fn cases(items: &[(&str, u32)]) -> Cases {
    let places = items.iter().enumerate();
    Cases::unsampled(
        places.map(|(place, (subset, _))| item(subset, place)).collect(),
        items.iter().map(|(_, cluster)| *cluster).collect(),
        vec![Some(vec![3, 5]); items.len()],
    )
}

fn verdicts(right: &[bool]) -> Vec<Option<Outcome>> {
    let one = |&right: &bool| Some(Outcome::pointwise(if right { [1.0, 0.0] } else { [0.0, 1.0] }));
    right.iter().map(one).collect()
}

fn evaluate(
    suite: &Court,
    cases: &Cases,
    outcomes: &[Option<Outcome>],
    resamples: usize,
) -> Vec<Measure> {
    let evaluation = Evaluation { suite, cases, outcomes, rules: Rules::default() };
    measure(&evaluation, &Draws::new(cases.cluster_count, resamples, 7))
}

fn named<'a>(measures: &'a [Measure], name: &str, subset: &str) -> &'a Measure {
    let found = measures.iter().find(|one| one.measure == name && &*one.subset == subset);
    found.unwrap_or_else(|| panic!("no measure `{name}` of `{subset}`"))
}

fn right(subset: &str) -> Tree {
    Tree::subset("right", subset)
}

/// 40 clusters of 1 to 3 items in two subsets, right by a fixed pattern.
fn mixed() -> (Cases, Vec<Option<Outcome>>) {
    let mut items = Vec::new();
    let mut pattern = Vec::new();
    for cluster in 0..40u32 {
        for place in 0..=cluster % 3 {
            items.push((if (cluster + place) % 2 == 0 { "a" } else { "b" }, cluster));
            pattern.push((cluster * 7 + place) % 5 != 0);
        }
    }
    (cases(&items), verdicts(&pattern))
}

#[test]
fn trees_are_evaluated_as_by_hand() {
    // a: 1, 1, 0 = 2/3. b: 1, 0 = 1/2. The part over the absent subset c is left out.
    let suite = Court::of(vec![
        ("macro", Standing::Headline, Tree::Average(vec![right("a"), right("b"), right("c")])),
        ("weighted", Standing::Beside, Tree::Weighted(vec![(3.0, right("a")), (1.0, right("b"))])),
        ("micro", Standing::Beside, Tree::all("right")),
        ("absent", Standing::Detail, right("c")),
    ]);
    let cases = cases(&[("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4)]);
    let measures = evaluate(&suite, &cases, &verdicts(&[true, true, false, true, false]), 100);
    let overall = named(&measures, "macro", "");
    assert!((overall.value.unwrap() - 7.0 / 12.0).abs() < 1e-15);
    assert!(overall.headline && overall.credit.is_none());
    assert_eq!((overall.n, overall.clusters, overall.chance), (5, 5, Some(0.5)));
    assert!((named(&measures, "weighted", "weighted").value.unwrap() - 0.625).abs() < 1e-15);
    let micro = named(&measures, "micro", "micro");
    assert_eq!((micro.value, micro.credit, micro.n), (Some(0.6), Some(3.0), 5));
    let absent = named(&measures, "absent", "absent");
    assert_eq!((absent.value, absent.low, absent.n), (None, None, 0));
}

#[test]
fn sampling_weights_move_pooled_means_and_not_the_sum_of_credits() {
    // a stands for 3 items each, b for 1: (3 x 1 + 1 x 0) / 4.
    let mut cases = cases(&[("a", 0), ("b", 1)]);
    cases.weights = vec![3.0, 1.0];
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let measures = evaluate(&suite, &cases, &verdicts(&[true, false]), 50);
    let micro = named(&measures, "micro", "");
    assert_eq!((micro.value, micro.credit, micro.n), (Some(0.75), Some(1.0), 2));
}

#[test]
fn every_resample_is_the_tree_under_the_drawn_counts() {
    let (cases, mut outcomes) = mixed();
    outcomes[3] = None;
    outcomes[8] = None;
    let tree = Tree::Average(vec![right("a"), Tree::all("right"), Tree::Set(Arc::from("b"))]);
    let suite = Court::of(vec![("mixed", Standing::Headline, tree)]);
    let evaluation =
        Evaluation { suite: &suite, cases: &cases, outcomes: &outcomes, rules: Rules::default() };
    let draws = Draws::new(cases.cluster_count, 150, 3);
    let resampled = resample_headline(&evaluation, &draws).unwrap();
    for (resample, value) in resampled.values.iter().enumerate() {
        let counts = draws.counts(resample);
        let sum = |subset: &str, of: fn(f64) -> f64| -> f64 {
            let places = cases.items.iter().zip(&outcomes).enumerate();
            places
                .filter(|(_, (item, _))| subset.is_empty() || &*item.subset == subset)
                .filter_map(|(place, (_, outcome))| {
                    let won = outcome.as_ref()?.shown[0].samples[0].scores()?[0].value();
                    Some(of(won) * f64::from(counts[cases.clusters[place] as usize]))
                })
                .sum()
        };
        let mean = |subset| sum(subset, |credit| credit) / sum(subset, |_| 1.0);
        let expected = (mean("a") + mean("") + sum("b", |credit| credit).powi(2)) / 3.0;
        assert!((value - expected).abs() < 1e-9, "{resample}: {value} {expected}");
    }
}

#[test]
fn two_equal_sources_differ_by_nothing_in_every_resample() {
    let (cases, outcomes) = mixed();
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let draws = Draws::new(cases.cluster_count, 500, 1);
    let source = |outcomes: &[Option<Outcome>]| {
        let rules = Rules::default();
        resample_headline(&Evaluation { suite: &suite, cases: &cases, outcomes, rules }, &draws)
            .unwrap()
            .values
    };
    let (one, other) = (source(&outcomes), source(&outcomes.clone()));
    assert!(one.iter().zip(&other).all(|(one, other)| one - other == 0.0));
}

#[test]
fn the_number_of_threads_changes_no_measure() {
    let (cases, outcomes) = mixed();
    let suite = Court::of(vec![
        ("macro", Standing::Headline, Tree::Average(vec![right("a"), right("b")])),
        ("b", Standing::Group, right("b")),
    ]);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| evaluate(&suite, &cases, &outcomes, 700))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn the_design_effect_is_the_cluster_size_where_clusters_are_of_one_mind() {
    // 30 clusters of 4 equal items, and 30 clusters of one.
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    for size in [4, 1] {
        let items: Vec<(&str, u32)> = (0..30 * size).map(|place| ("a", place / size)).collect();
        let pattern: Vec<bool> = (0..30 * size).map(|place| (place / size) % 3 == 0).collect();
        let measures = evaluate(&suite, &cases(&items), &verdicts(&pattern), 4_000);
        let micro = named(&measures, "micro", "");
        assert!((micro.design_effect.unwrap() - f64::from(size)).abs() < 1e-9);
        // Of 30 equal clusters 10 are right: sqrt(1/3 x 2/3 / 30) = 0.08607, whatever their size.
        assert!((micro.standard_error.unwrap() / 0.08607 - 1.0).abs() < 0.04);
    }
}

#[test]
fn the_method_follows_from_what_the_measure_rests_on() {
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let method = |clusters: u32, size: u32, wrong: u32| {
        let items: Vec<(&str, u32)> =
            (0..clusters * size).map(|place| ("a", place / size)).collect();
        let pattern: Vec<bool> = (0..clusters * size).map(|place| place >= wrong).collect();
        let measures = evaluate(&suite, &cases(&items), &verdicts(&pattern), 200);
        named(&measures, "micro", "").method.clone().unwrap()
    };
    assert_eq!(method(40, 1, 5), "wilson");
    assert_eq!(method(19, 2, 5), "wilson-clusters");
    assert_eq!(method(600, 2, 0), "wilson-clusters");
    assert_eq!(method(40, 2, 5), "wilson-effective");
    assert_eq!(method(600, 2, 5), "bootstrap-clusters");
}

#[test]
fn fractional_credits_get_the_clustered_rule() {
    // 40 items of their own clusters; one of them ties and earns one half.
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let items: Vec<(&str, u32)> = (0..40).map(|place| ("a", place)).collect();
    let pattern: Vec<bool> = (0..40).map(|place| place >= 5).collect();
    let mut outcomes = verdicts(&pattern);
    outcomes[7] = Some(Outcome::pointwise([1.0, 1.0]));
    let cases = cases(&items);
    let method = |ties| {
        let rules = Rules { ties, ..Rules::default() };
        let evaluation = Evaluation { suite: &suite, cases: &cases, outcomes: &outcomes, rules };
        let measures = measure(&evaluation, &Draws::new(40, 200, 7));
        named(&measures, "micro", "").method.clone().unwrap()
    };
    assert_eq!(method(Ties::Loss), "wilson");
    assert_eq!(method(Ties::Half), "wilson-effective");
}

#[test]
fn resamples_that_all_agree_make_no_interval() {
    // The average of a subset that is all right and one that is all wrong is 1/2 in every resample with both.
    let mut items: Vec<(&str, u32)> = (0..600).map(|place| ("a", place)).collect();
    items.extend((600..1200).map(|place| ("b", place)));
    let pattern: Vec<bool> = (0..1200).map(|place| place < 600).collect();
    let macro_mean = Tree::Average(vec![right("a"), right("b")]);
    let suite = Court::of(vec![("macro", Standing::Headline, macro_mean)]);
    let measures = evaluate(&suite, &cases(&items), &verdicts(&pattern), 200);
    let overall = named(&measures, "macro", "");
    assert_eq!((overall.value, overall.low, overall.high), (Some(0.5), None, None));
    // A set of 30 clusters, none of them right: 0 in every resample.
    let suite = Court::of(vec![("odd", Standing::Headline, Tree::Set(Arc::from("a")))]);
    let items: Vec<(&str, u32)> = (0..30).map(|place| ("a", place)).collect();
    let measures = evaluate(&suite, &cases(&items), &verdicts(&[false; 30]), 200);
    let odd = named(&measures, "odd", "");
    assert_eq!((odd.value, odd.low, odd.method.as_deref()), (Some(0.0), None, None));
}

#[test]
fn a_measure_that_holds_a_set_is_resampled_and_has_no_interval_with_few_clusters() {
    let suite = Court::of(vec![("odd", Standing::Headline, Tree::Set(Arc::from("a")))]);
    let cases = cases(&[("a", 0), ("a", 1), ("a", 2)]);
    let measures = evaluate(&suite, &cases, &verdicts(&[true, true, false]), 400);
    let odd = named(&measures, "odd", "");
    assert_eq!((odd.value, odd.n, odd.design_effect), (Some(4.0), 3, None));
    assert_eq!((odd.low, odd.high, odd.method.as_deref()), (None, None, None));
    assert!(measures.iter().all(|one| !one.measure.contains("vote@")));
    // Of 20 clusters one is right: drawn never in 0.95^20 = 36 % of resamples, and 3 times or fewer in 98.4 %.
    let items: Vec<(&str, u32)> = (0..20).map(|place| ("a", place)).collect();
    let pattern: Vec<bool> = (0..20).map(|place| place == 0).collect();
    let measures = evaluate(&suite, &self::cases(&items), &verdicts(&pattern), 4_000);
    let odd = named(&measures, "odd", "");
    assert_eq!((odd.low, odd.high), (Some(0.0), Some(9.0)));
    assert_eq!(odd.method.as_deref(), Some("bootstrap-clusters"));
}

#[test]
fn wilson_of_few_clusters_counts_clusters() {
    // 10 clusters of two equal items, 8 right; by hand 0.490158 to 0.943318 at z = 1.96.
    let items: Vec<(&str, u32)> = (0..20).map(|place| ("a", place / 2)).collect();
    let pattern: Vec<bool> = (0..20).map(|place| place < 16).collect();
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let measures = evaluate(&suite, &cases(&items), &verdicts(&pattern), 100);
    let micro = named(&measures, "micro", "");
    assert!((micro.low.unwrap() - 0.490158).abs() < 2e-5);
    assert!((micro.high.unwrap() - 0.943318).abs() < 2e-5);
}

fn abstained(reason: Reason) -> Option<Outcome> {
    let mut outcome = Outcome::pointwise([1.0, 0.0]);
    let abstention = Abstention { reason, note: String::new() };
    outcome.shown[0].samples = vec![Readout::Abstained(abstention)];
    Some(outcome)
}

#[test]
fn abstentions_are_counted_and_the_other_rules_stand_beside() {
    let suite = Court::of(vec![
        ("micro", Standing::Headline, Tree::all("right")),
        ("a", Standing::Group, right("a")),
    ]);
    let cases = cases(&[("a", 0), ("a", 1), ("b", 2), ("b", 3)]);
    let mut outcomes = verdicts(&[true, false, true, true]);
    outcomes[2] = abstained(Reason::Refused);
    outcomes[3] = abstained(Reason::Unreadable);
    let measures = evaluate(&suite, &cases, &outcomes, 100);
    let read = |name: &str| {
        let measure = named(&measures, name, "");
        (measure.value, measure.n, measure.abstained)
    };
    assert_eq!(read("micro"), (Some(0.25), 4, 2));
    assert_eq!(read("micro/excluding"), (Some(0.5), 2, 2));
    assert_eq!(read("micro/worst"), (Some(0.25), 4, 2));
    assert_eq!(read("micro/best"), (Some(0.75), 4, 2));
    // Eight readouts, one of them of each reason.
    assert_eq!(read("abstentions/refused"), (Some(1.0), 8, 1));
    assert_eq!(read("abstentions/unreadable"), (Some(1.0), 8, 1));
    assert!(measures.iter().all(|one| one.measure != "a/best"), "no item of `a` abstains");
}

#[test]
fn one_missing_verdict_of_two_brings_the_other_rules() {
    // Won and won, won and missing, lost and missing; a tie is a loss.
    let [won, lost] = [[1.0, 0.0], [0.0, 1.0]].map(|scores| Outcome::listwise(&scores));
    let missing = abstained(Reason::Refused).unwrap().shown[0].samples.clone();
    let both = |outcome: &Outcome, second: Option<[f64; 2]>| {
        let mut outcome = outcome.clone();
        let samples = match second {
            Some(scores) => Outcome::listwise(&scores).shown[0].samples.clone(),
            None => missing.clone(),
        };
        let order = outcome.shown[0].order.iter().rev().copied().collect();
        outcome.shown.push(Shown { order, samples });
        Some(outcome)
    };
    let outcomes = [both(&won, Some([0.0, 1.0])), both(&won, None), both(&lost, None)];
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let measures = evaluate(&suite, &cases(&[("a", 0), ("a", 1), ("a", 2)]), &outcomes, 100);
    let read = |name: &str| {
        let measure = named(&measures, name, "");
        (measure.credit, measure.n, measure.abstained)
    };
    assert_eq!(read("micro"), (Some(2.0), 3, 0));
    assert_eq!(read("micro/excluding"), (Some(1.0), 1, 0));
    assert_eq!(read("micro/worst"), (Some(1.0), 3, 0));
    assert_eq!(read("micro/best"), (Some(2.0), 3, 0));
}

#[test]
fn unanswered_items_are_left_out_of_everything() {
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let cases = cases(&[("a", 0), ("a", 1), ("a", 2)]);
    let mut outcomes = verdicts(&[true, false, true]);
    outcomes[1] = None;
    let measures = evaluate(&suite, &cases, &outcomes, 100);
    let micro = named(&measures, "micro", "");
    assert_eq!((micro.value, micro.n, micro.clusters), (Some(1.0), 2, 2));
    assert_eq!(named(&measures, "ties", "").n, 2);
    assert_eq!(answered(&outcomes), 2);
    let none = evaluate(&suite, &cases, &[None, None, None], 100);
    assert_eq!(none.len(), 1);
    assert_eq!((none[0].value, none[0].n), (None, 0));
}

#[test]
fn chance_is_silent_when_a_part_is_unknown() {
    let suite = Court {
        knows_chance_of: Some("a"),
        ..Court::of(vec![
            ("micro", Standing::Headline, Tree::all("right")),
            ("a", Standing::Group, right("a")),
        ])
    };
    let cases = cases(&[("a", 0), ("b", 1)]);
    let measures = evaluate(&suite, &cases, &verdicts(&[true, false]), 100);
    assert_eq!(named(&measures, "micro", "").chance, None);
    assert_eq!(named(&measures, "a", "a").chance, Some(0.5));
}

#[test]
fn the_length_line_grades_lengths_as_scores() {
    // Lengths 3 and 5: gold is the shorter one everywhere but in the last item.
    let mut cases = cases(&[("a", 0), ("a", 1), ("a", 2), ("b", 3)]);
    cases.lengths[3] = Some(vec![9, 5]);
    let suite = Court::of(vec![
        ("micro", Standing::Headline, Tree::all("right")),
        ("b", Standing::Group, right("b")),
    ]);
    let draws = Draws::new(cases.cluster_count, 100, 1);
    let lengths = measure_lengths(&suite, &cases, Rules::default(), &draws).unwrap();
    assert_eq!(named(&lengths, "micro", "").value, Some(0.25));
    assert_eq!(named(&lengths, "b", "b").value, Some(1.0));
    assert!(lengths[0].headline && lengths[0].protocol == "pointwise");
    let measures = evaluate(&suite, &cases, &verdicts(&[true, false, false, true]), 100);
    // Right, and so shorter, in the first item; the next two and the last prefer the longer.
    assert_eq!(named(&measures, "length/prefers-longer", "").value, Some(0.75));
    assert_eq!(named(&measures, "length/gold-longer", "").value, Some(0.25));
    // Tau-b of a pair is 1 where the longer wins and -1 where it loses: (3 - 1) / 4.
    assert_eq!(named(&measures, "length/tau-b", "").value, Some(0.5));
    assert_eq!(named(&measures, "length/prefers-longer", "b").n, 1);
    cases.lengths[0] = None;
    assert!(measure_lengths(&suite, &cases, Rules::default(), &draws).is_none());
}

#[test]
fn slices_cover_the_items_of_each_tag_value() {
    let mut cases = cases(&[("a", 0), ("a", 1), ("b", 2)]);
    let tag = |values: &[&str]| match values {
        [one] => TagValue::One(Arc::from(*one)),
        many => TagValue::Many(many.iter().map(|&value| Arc::from(value)).collect()),
    };
    for (item, values) in cases.items.iter_mut().zip([&["fr"][..], &["de", "fr"], &["de"]]) {
        item.tags.insert(Arc::from("language"), tag(values));
    }
    let suite = Court::of(vec![
        ("a", Standing::Group, right("a")),
        ("micro", Standing::Headline, Tree::all("right")),
    ]);
    let outcomes = verdicts(&[true, false, false]);
    let rules = Rules::default();
    let evaluation = Evaluation { suite: &suite, cases: &cases, outcomes: &outcomes, rules };
    let draws = Draws::new(cases.cluster_count, 50, 1);
    let slices = measure_slices(&evaluation, "language", &draws).unwrap();
    let read: Vec<(&str, &str, Option<f64>, u64)> = slices
        .iter()
        .map(|one| (one.slice.as_deref().unwrap(), &*one.measure, one.value, one.n))
        .collect();
    assert_eq!(
        read,
        [
            ("language=de", "micro", Some(0.0), 2),
            ("language=de", "a", Some(0.0), 1),
            ("language=fr", "micro", Some(0.5), 2),
            ("language=fr", "a", Some(0.5), 2),
        ]
    );
    assert!(slices[0].headline && !slices[1].headline);
    assert_eq!(measure_slices(&evaluation, "absent", &draws), Ok(Vec::new()));
}

#[test]
fn a_tag_with_too_many_values_says_how_many() {
    let mut cases = cases(&vec![("a", 0); 201]);
    for (place, item) in cases.items.iter_mut().enumerate() {
        item.tags.insert(Arc::from("author"), TagValue::One(Arc::from(place.to_string())));
    }
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let outcomes = verdicts(&[true; 201]);
    let rules = Rules::default();
    let evaluation = Evaluation { suite: &suite, cases: &cases, outcomes: &outcomes, rules };
    let problem =
        measure_slices(&evaluation, "author", &Draws::new(1, 10, 1)).expect_err("too many");
    assert_eq!(
        problem.to_string(),
        "tag `author` has 201 values, and a report slices by at most 200"
    );
}

#[test]
fn samples_are_read_at_every_count() {
    // One pair asked four times, right in samples 1, 2 and 4: see `votes` for the numbers.
    let mut outcome = Outcome::listwise(&[1.0, 0.0]);
    let Shown { samples, .. } = &mut outcome.shown[0];
    let lost = Outcome::listwise(&[0.0, 1.0]).shown[0].samples[0].clone();
    *samples = vec![samples[0].clone(), samples[0].clone(), lost, samples[0].clone()];
    let suite = Court::of(vec![("micro", Standing::Headline, Tree::all("right"))]);
    let measures = evaluate(&suite, &cases(&[("a", 0)]), &[Some(outcome)], 50);
    let value = |name: &str| named(&measures, name, "").value;
    assert_eq!([value("first@1"), value("first@2"), value("first@4")], [Some(1.0); 3]);
    // Ties are losses here: of 6 pairs of samples the 3 without the loss win.
    assert_eq!([value("vote@1"), value("vote@2")], [Some(0.75), Some(0.5)]);
    assert_eq!(value("vote@4"), Some(1.0));
    assert_eq!(named(&measures, "micro", "").protocol, "pairwise");
}
