//! Aggregates computed from grades, for the tests of this crate alone, and where those find data.

use std::path::PathBuf;
use std::sync::Arc;

use tribunal_api::{Aggregate, Grade, Item, Outcome, Over, Rules, Suite, Tree};

/// Grades by subset: one entry an item.
pub(crate) type Grades = Vec<(Arc<str>, Vec<Grade>)>;

/// The grades that outcomes earn under the published rules.
pub(crate) fn graded(
    suite: &dyn Suite,
    items: &[Item],
    mut outcome: impl FnMut(&Item) -> Outcome,
) -> Grades {
    let mut grade = |item: &Item| suite.grade(item, &outcome(item), &Rules::default());
    items.iter().map(|item| (item.subset.clone(), grade(item))).collect()
}

/// The value of a measure; `None` when it is not defined.
///
/// # Panics
///
/// When the suite does not report it.
pub(crate) fn measure(
    suite: &dyn Suite,
    grades: &Grades,
    measure: &str,
    subset: &str,
) -> Option<f64> {
    let aggregates = aggregates(suite, grades);
    let found = aggregates
        .iter()
        .find(|aggregate| aggregate.measure == measure && aggregate.subset.as_ref() == subset);
    let found = found.unwrap_or_else(|| panic!("no measure `{measure}` of `{subset}`"));
    value(&found.tree, grades)
}

/// The measures that a suite reports for these grades.
pub(crate) fn aggregates(suite: &dyn Suite, grades: &Grades) -> Vec<Aggregate> {
    let mut subsets: Vec<Arc<str>> = grades.iter().map(|(subset, _)| subset.clone()).collect();
    subsets.sort();
    subsets.dedup();
    suite.aggregates(&subsets)
}

/// The sum of credits and of weights of a grade over the subsets inside.
pub(crate) fn credit(grades: &Grades, name: &str, inside: impl Fn(&str) -> bool) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for (_, given) in grades.iter().filter(|(subset, _)| inside(subset)) {
        for grade in given.iter().filter(|grade| grade.name == name) {
            sums.0 += grade.credit * grade.weight;
            sums.1 += grade.weight;
        }
    }
    sums
}

fn value(tree: &Tree, grades: &Grades) -> Option<f64> {
    let ratio = |(sum, weight): (f64, f64)| (weight > 0.0).then(|| sum / weight);
    match tree {
        Tree::Mean { grade, over } => ratio(credit(grades, grade, |subset| match over {
            Over::All => true,
            Over::Subset(one) => one.as_ref() == subset,
            Over::Subsets(several) => several.iter().any(|one| one.as_ref() == subset),
        })),
        Tree::Average(parts) => {
            let parts = parts.iter().filter_map(|part| value(part, grades));
            ratio(parts.fold((0.0, 0.0), |(sum, count), part| (sum + part, count + 1.0)))
        }
        Tree::Weighted(parts) => {
            let parts =
                parts.iter().filter_map(|(weight, part)| Some((weight, value(part, grades)?)));
            ratio(
                parts.fold((0.0, 0.0), |(sum, all), (weight, part)| {
                    (sum + weight * part, all + weight)
                }),
            )
        }
        Tree::Set(_) => panic!("suites with sets are evaluated by their own tests"),
    }
}

/// Real data beside the project; `None`, with a printed line, when it is not there.
pub(crate) fn shared(below: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(below);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A folder of the sample suites.
pub(crate) fn example(below: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data")).join(below)
}

/// The six digits after the point that check values are printed with.
pub(crate) fn six(value: Option<f64>) -> String {
    format!("{:.6}", value.expect("the measure is defined"))
}
