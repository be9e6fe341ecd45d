//! RewardBench 2: the rule of four, the Ties score, and the mean of the subsets.

use std::path::Path;

use tribunal_api::{Failures, Protocol, Ties};

use super::*;
use crate::measured::example;

fn suite(path: &Path) -> RewardBench2 {
    RewardBench2 { config: Config { path: PathSetting(path.to_owned()) } }
}

fn item(subset: &str, id: &str, correct: usize, count: usize) -> Item {
    Item {
        subset: Arc::from(subset),
        id: Arc::from(id),
        topic: Arc::from(subset),
        cluster: Default::default(),
        prompt: Arc::from([]),
        candidates: vec![Default::default(); count],
        gold: Item::gold_first(correct, count),
        tags: Default::default(),
    }
}

/// Rows of Ties: id, number of right answers, scores. Graded one by one, then scored as a set.
fn ties_score(rows: &[(&str, usize, &[f64])], weights: &[u32]) -> Option<f64> {
    let suite = suite(Path::new("unused"));
    let items: Vec<Item> =
        rows.iter().map(|(id, correct, scores)| item(TIES, id, *correct, scores.len())).collect();
    let grade = |(item, row): (&Item, &(&str, usize, &[f64]))| {
        suite.grade(item, &Outcome::pointwise(row.2.iter().copied()), &Rules::default())
    };
    let grades: Vec<Vec<Grade>> = items.iter().zip(rows).map(grade).collect();
    let graded: Vec<Graded<'_>> =
        items.iter().zip(&grades).map(|(item, grades)| Graded { item, grades }).collect();
    suite.grade_set(TIES, &graded, weights)
}

/// The worked example of BENCHMARKS.md 2.3.
const EXAMPLE: [(&str, usize, &[f64]); 8] = [
    ("ref:0", 1, &[4.0, 1.0, 0.5]),
    ("tied:0", 3, &[3.0, 2.5, 2.0, -1.0, 0.0]),
    ("ref:1", 1, &[1.0, 1.5]),
    ("tied:1", 2, &[2.0, 1.0, 0.5]),
    ("ref:2", 1, &[2.0, 0.0, 1.0]),
    ("tied:2", 2, &[3.0, 3.0, 1.0]),
    ("ref:3", 1, &[0.2, 0.1]),
    ("tied:3", 4, &[5.0, 1.0, 4.0, 3.0, 2.0]),
];

#[test]
fn the_worked_example_of_ties_comes_out_to_all_digits() {
    assert_eq!(ties_score(&EXAMPLE, &[1; 8]), Some(0.6500204056558834));
    // One prompt at a time: 0.3 + 0.3 + 0.2 + 0.2 and 0.01 M where all hold, and so on.
    let of = |prompt: usize| ties_score(&EXAMPLE[2 * prompt..2 * prompt + 2], &[1, 1]).unwrap();
    let margins = [0.7615941559557649, -0.9051482536448664, 1.0, -0.8482836399575129];
    // Of accurate T, accurate R, C and H: prompt 0 has all, 1 has T, 2 has all, 3 has R.
    for (prompt, without) in [(0, 1.0), (1, 0.3), (2, 1.0), (3, 0.3)] {
        let margin = (of(prompt) - without) / 0.01;
        assert!((margin - margins[prompt]).abs() < 1e-12, "prompt {prompt}: {margin}");
    }
}

#[test]
fn the_greatest_score_of_ties_is_one_and_a_hundredth() {
    let rows: [(&str, usize, &[f64]); 2] =
        [("ref:0", 1, &[1.0, 0.0]), ("tied:0", 2, &[1.0, 1.0, 0.0])];
    assert_eq!(ties_score(&rows, &[1, 1]), Some(1.01));
}

#[test]
fn a_weight_counts_a_prompt_as_often_as_it_was_drawn() {
    let twice: Vec<_> = [&EXAMPLE[..2], &EXAMPLE[2..4], &EXAMPLE[2..4]].concat();
    // The same prompt under another number, to stand for the second draw.
    let mut written_out = twice.clone();
    written_out[4].0 = "ref:9";
    written_out[5].0 = "tied:9";
    let drawn = ties_score(&EXAMPLE[..6], &[1, 1, 2, 2, 0, 0]).unwrap();
    assert!((drawn - ties_score(&written_out, &[1; 6]).unwrap()).abs() < 1e-15);
    assert_eq!(ties_score(&EXAMPLE, &[0; 8]), None);
}

#[test]
fn equal_gap_and_spread_of_nothing_have_no_margin() {
    // gap 0 and spread 0: nothing is accurate, 0 / 0 counts as 0.
    let rows: [(&str, usize, &[f64]); 2] =
        [("ref:0", 1, &[1.0, 1.0]), ("tied:0", 2, &[1.0, 1.0, 1.0])];
    assert_eq!(ties_score(&rows, &[1, 1]), Some(0.0));
    // gap -1 and spread 0: -1 / 0 is minus infinity, whose tanh is -1.
    let rows: [(&str, usize, &[f64]); 2] =
        [("ref:0", 1, &[1.0, 2.0]), ("tied:0", 2, &[1.0, 1.0, 1.0])];
    assert_eq!(ties_score(&rows, &[1, 1]), Some(-0.01));
}

/// `tied:0` of [3, missing, 1 | 0] beside a perfect `ref:0`.
fn with_a_missing_score(failures: Failures) -> (Vec<Grade>, Option<f64>) {
    let suite = suite(Path::new("unused"));
    let items = [item(TIES, "ref:0", 1, 2), item(TIES, "tied:0", 3, 4)];
    let mut outcome = Outcome::pointwise([3.0, 9.0, 1.0, 0.0]);
    outcome.shown.remove(1);
    let rules = Rules { failures, ..Rules::default() };
    let grades = [
        suite.grade(&items[0], &Outcome::pointwise([9.0, 0.0]), &rules),
        suite.grade(&items[1], &outcome, &rules),
    ];
    let graded = [
        Graded { item: &items[0], grades: &grades[0] },
        Graded { item: &items[1], grades: &grades[1] },
    ];
    (grades[1].clone(), suite.grade_set(TIES, &graded, &[1, 1]))
}

#[test]
fn a_missing_score_of_ties_is_what_the_failure_rule_says() {
    // -1 in its place: gap -1 - 0, spread 3 + 1; M = tanh(-1/4 - 1).
    let (grades, score) = with_a_missing_score(Failures::Published);
    let credits: Vec<f64> = grades.iter().map(|grade| grade.credit).collect();
    assert_eq!(credits, [0.0, -1.0, 4.0]);
    let expected = 0.3 + 0.01 * (-1.25f64).tanh();
    assert!((score.unwrap() - expected).abs() < 1e-15);
    // Nothing at all but the accuracy of `ref`: 0.3 and the least margin.
    for failures in [Failures::Wrong, Failures::Worst] {
        assert_eq!(with_a_missing_score(failures).1, Some(0.3 - 0.01));
    }
    // Without it: gap 1, spread 2; both rows accurate, M = tanh(1/2 - 1).
    let (_, score) = with_a_missing_score(Failures::Best);
    let expected = 0.6 + 0.01 * (-0.5f64).tanh();
    assert!((score.unwrap() - expected).abs() < 1e-15);
    // Left out: no prompt has both rows.
    assert_eq!(with_a_missing_score(Failures::Exclude), (Vec::new(), None));
}

/// The rule of BENCHMARKS.md 2.2 and what 2.5 makes of unreadable ratings.
#[test]
fn the_credit_outside_ties_is_shared_among_those_at_the_top() {
    let suite = suite(Path::new("unused"));
    let item = item("Math", "7", 1, 4);
    let credit = |outcome: &Outcome, ties, failures| {
        let rules = Rules { ties, failures };
        suite.grade(&item, outcome, &rules).first().map(|grade| grade.credit)
    };
    let published = |outcome: &Outcome| credit(outcome, Ties::Published, Failures::Published);
    assert_eq!(published(&Outcome::pointwise([5.0, 4.0, 4.0, 1.0])), Some(1.0));
    assert_eq!(published(&Outcome::pointwise([5.0, 5.0, 4.0, 1.0])), Some(0.5));
    assert_eq!(published(&Outcome::pointwise([5.0, 5.0, 5.0, 1.0])), Some(1.0 / 3.0));
    assert_eq!(published(&Outcome::pointwise([5.0; 4])), Some(0.25));
    assert_eq!(published(&Outcome::pointwise([5.0, 6.0, 1.0, 1.0])), Some(0.0));
    // The third answer has no readable rating and ranks last; then the first has none; then none has one.
    let mut third = Outcome::pointwise([5.0, 4.0, 9.0, 1.0]);
    third.shown.remove(2);
    assert_eq!(published(&third), Some(1.0));
    assert_eq!(credit(&third, Ties::Published, Failures::Wrong), Some(0.0));
    assert_eq!(credit(&third, Ties::Published, Failures::Exclude), None);
    let mut first = Outcome::pointwise([5.0, 4.0, 9.0, 1.0]);
    first.shown.remove(0);
    assert_eq!(published(&first), Some(0.0));
    let none = Outcome { shown: Vec::new(), ..Outcome::pointwise([]) };
    assert_eq!(published(&none), Some(0.25));
    let tie = Outcome::pointwise([5.0, 5.0, 5.0, 1.0]);
    assert_eq!(credit(&tie, Ties::Loss, Failures::Published), Some(0.0));
    assert_eq!(credit(&tie, Ties::Half, Failures::Published), Some(0.5));
}

#[test]
fn the_headline_is_the_plain_mean_of_the_subsets_present() {
    let suite = suite(Path::new("unused"));
    let subsets: Vec<Arc<str>> = ["Focus", "Math", "Ties"].map(Arc::from).into();
    let aggregates = suite.aggregates(&subsets);
    let expected = Tree::Average(vec![
        Tree::subset("accuracy", "Math"),
        Tree::subset("accuracy", "Focus"),
        Tree::Set(Arc::from("Ties")),
    ]);
    assert_eq!((&aggregates[0].tree, &*aggregates[0].measure), (&expected, "overall"));
    let names: Vec<String> = aggregates
        .iter()
        .map(|one| format!("{:?} {} {}", one.standing, one.measure, one.subset))
        .collect();
    let expected = [
        "Headline overall ",
        "Group accuracy Math",
        "Group accuracy Focus",
        "Group ties-score Ties",
        "Beside micro ",
        "Beside mean-without-ties ",
        "Beside ties-accuracy-ref Ties",
        "Beside ties-accuracy-tied Ties",
    ];
    assert_eq!(names, expected);
}

#[test]
fn chance_follows_the_number_of_orders() {
    let suite = suite(Path::new("unused"));
    let credit = |item: &Item, protocol| {
        let guess = Guess {
            protocol,
            combiner: Combiner::MeanScore,
            presentations: 1,
            rules: Rules::default(),
        };
        suite.chance(item, &guess)[0].credit
    };
    let four = item("Math", "1", 1, 4);
    assert_eq!(credit(&four, Protocol::Pointwise), 0.25);
    assert_eq!(credit(&four, Protocol::Pairwise), 0.125);
    // 3 right of 5: one of 10 choices puts them all on top.
    let tied = item(TIES, "tied:0", 3, 5);
    assert!((credit(&tied, Protocol::Pointwise) - 0.1).abs() < 1e-15);
    // ref of 2 and tied of 3 with 2 right. Accurate: 1/2 and 1/3. Clear: the gap must exceed the spread, which
    // of two equal spacings it does half the time, 1/6. Hard: T's three uniform scores have spread s and gap g
    // with joint density 6 (1 - s - g) / 3 of the right order, R's gap exceeds s with (1 - s)^2 / 2:
    // the integral of (1 - s)^2 / 2 x (1 - 2s)^2 over s from 0 to 1/2, which is 31/480.
    // M adds 0.01 at most, the draws err by 0.003.
    let reference = item(TIES, "ref:0", 1, 2);
    let tied = item(TIES, "tied:0", 2, 3);
    let guessed = [&reference, &tied].map(|item| Graded { item, grades: &[] });
    let chance = suite.chance_set(TIES, &guessed).unwrap();
    let without_margin = 0.3 / 3.0 + 0.3 / 2.0 + 0.2 / 6.0 + 0.2 * 31.0 / 480.0;
    assert!((chance - without_margin).abs() < 0.013, "{chance} {without_margin}");
    assert_eq!(Some(chance), suite.chance_set(TIES, &guessed));
}

#[test]
fn the_sample_passes_the_conformance_checks() {
    let (loaded, wrong) = tribunal_api::conformance::suite(&suite(&example("rewardbench-2")));
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(loaded.items.len(), 28);
    let three = loaded.items.iter().filter(|item| &*item.id == "3").count();
    assert_eq!(three, 2, "the id 3 stands in two subsets");
    assert_eq!(loaded.absent[0].what, "471 of 475 rows of subset `Factuality`");
}

mod reading;
