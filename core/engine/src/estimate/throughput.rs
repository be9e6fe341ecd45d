//! How fast a source was in earlier runs: from their `timing.jsonl`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::plan::{Plan, PlannedSource};
use crate::store::{RunFolder, StoredPlan, StoredSource};

/// The most run folders that are looked at, the newest first.
const MOST_RUNS: usize = 32;
/// The most calls of a run that are read.
const MOST_LINES: usize = 100_000;

/// How fast a source answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throughput {
    /// Median time of a call over the units that it asked, in seconds.
    pub seconds_per_unit: f64,
    /// How many calls were under way at the same time, on average while any was. At least 1.
    pub width: f64,
}

impl Throughput {
    /// The seconds that so many units take.
    pub fn seconds(&self, units: u64) -> f64 {
        units as f64 * self.seconds_per_unit / self.width
    }
}

/// One call, as far as it is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    at_ms: f64,
    source: String,
    #[serde(default)]
    units: Vec<IgnoredAny>,
    took_ms: f64,
    #[serde(default)]
    answered: usize,
}

/// For each source of the plan that is `wanted`, how fast it was in the newest run below `out` that asked the same
/// source, or else the same model.
pub(super) fn measured(out: &Path, plan: &Plan, wanted: &[bool]) -> Vec<Option<Throughput>> {
    let mut same: Vec<Option<Throughput>> = vec![None; plan.sources.len()];
    let mut akin = same.clone();
    if !wanted.contains(&true) {
        return same;
    }
    for folder in newest(out) {
        let open = |found: &[Option<Throughput>]| {
            found.iter().zip(wanted).any(|(found, wanted)| *wanted && found.is_none())
        };
        if !open(&same) {
            break;
        }
        let Ok(stored) = RunFolder::open(&folder).and_then(|folder| folder.plan()) else {
            continue;
        };
        for (place, source) in plan.sources.iter().enumerate().filter(|(place, _)| wanted[*place]) {
            if same[place].is_some() {
                continue;
            }
            let names = |alike: &dyn Fn(&StoredSource) -> bool| -> Vec<&str> {
                stored.sources.iter().filter(|one| alike(one)).map(|one| &*one.name).collect()
            };
            let equal = names(&|one| one.kind == source.kind && one.settings == source.settings);
            let model = names(&|one| is_same_model(source, one, &stored));
            if !equal.is_empty() {
                same[place] = read(&folder, &equal);
            } else if !model.is_empty() && akin[place].is_none() {
                akin[place] = read(&folder, &model);
            }
        }
    }
    same.into_iter().zip(akin).map(|(same, akin)| same.or(akin)).collect()
}

fn is_same_model(planned: &PlannedSource, stored: &StoredSource, plan: &StoredPlan) -> bool {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let model = text(&stored.settings, "model").or_else(|| {
        let generator = text(&stored.settings, "generator")?;
        text(plan.recipe.value.get("generator")?.get(generator)?, "model")
    });
    planned.model.is_some() && planned.model == model
}

/// Run folders below `out`, the newest first.
fn newest(out: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(out) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let changed = std::fs::metadata(path.join("timing.jsonl")).ok()?.modified().ok()?;
            Some((changed, path))
        })
        .collect();
    found.sort();
    found.into_iter().rev().take(MOST_RUNS).map(|(_, path)| path).collect()
}

fn read(folder: &Path, sources: &[&str]) -> Option<Throughput> {
    let file = File::open(folder.join("timing.jsonl")).ok()?;
    let calls = BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .take(MOST_LINES)
        // A line that another version wrote differently is passed over.
        .filter_map(|line| serde_json::from_str::<Line>(&line).ok())
        .filter(|line| line.answered > 0 && sources.contains(&&*line.source));
    of_calls(calls.map(|line| (line.at_ms, line.took_ms, line.units.len().max(line.answered))))
}

/// From calls as (end, length, units), both times in milliseconds.
fn of_calls(calls: impl Iterator<Item = (f64, f64, usize)>) -> Option<Throughput> {
    let calls: Vec<(f64, f64, usize)> = calls
        .filter(|(end, took, _)| end.is_finite() && took.is_finite() && *took >= 0.0)
        .collect();
    let mut each: Vec<f64> = calls.iter().map(|(_, took, units)| took / *units as f64).collect();
    each.sort_by(f64::total_cmp);
    let middle = each.len() / 2;
    let median = match each.len() {
        0 => return None,
        odd if odd % 2 == 1 => each[middle],
        _ => (each[middle - 1] + each[middle]) / 2.0,
    };
    let mut spans: Vec<(f64, f64)> =
        calls.iter().map(|(end, took, _)| (end - took, *end)).collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut busy, mut until) = (0.0, f64::NEG_INFINITY);
    for (start, end) in spans {
        busy += (end - start.max(until)).max(0.0);
        until = until.max(end);
    }
    let taken: f64 = calls.iter().map(|(_, took, _)| took).sum();
    let width = if busy > 0.0 { (taken / busy).max(1.0) } else { 1.0 };
    Some(Throughput { seconds_per_unit: median / 1e3, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_calls_at_a_time_take_half_as_long() {
        // Two pairs of calls of 2 s, 4 units each: the first pair from 0 to 2 s, the second from 3 to 5 s. Busy for 4 s,
        // taken 8 s, so the width is 2; 0.5 s a unit; 100 units take 100 x 0.5 / 2 = 25 s.
        let calls = [2000.0, 2000.0, 5000.0, 5000.0].map(|end| (end, 2000.0, 4));
        let speed = of_calls(calls.into_iter()).expect("four calls");
        assert_eq!(speed, Throughput { seconds_per_unit: 0.5, width: 2.0 });
        assert_eq!(speed.seconds(100), 25.0);
    }

    #[test]
    fn nothing_measured_is_not_zero() {
        assert_eq!(of_calls(std::iter::empty()), None);
    }
}
