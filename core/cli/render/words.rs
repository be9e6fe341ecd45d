//! Numbers, levels, rules and foreign text as they stand in reports.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tribunal_engine::summary::{ReportRow, RuleWords};

/// What stands where there is no number.
pub(super) const NONE: &str = "-";

/// Text from files and servers with its control characters written out, so that it cannot steer a terminal.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Four decimals.
pub(super) fn number(value: Option<f64>) -> String {
    decimals(value, 4)
}

/// `low to high` with three decimals.
pub(super) fn interval(row: &ReportRow) -> String {
    match (row.low, row.high) {
        (Some(low), Some(high)) => {
            format!("{} to {}", decimals(Some(low), 3), decimals(Some(high), 3))
        }
        _ => NONE.to_owned(),
    }
}

fn decimals(value: Option<f64>, places: usize) -> String {
    let Some(value) = value else { return NONE.to_owned() };
    let text = format!("{value:.places$}");
    // A negative number that rounds to zero is zero.
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|digit| matches!(digit, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

/// `5482/8456` where the value is that share of whole credits.
pub(super) fn credit(row: &ReportRow) -> String {
    const CLOSE: f64 = 1e-9;
    match (row.credit, row.value) {
        (Some(credit), Some(value))
            if row.n > 0
                && (credit - credit.round()).abs() < CLOSE
                && (credit.round() / row.n as f64 - value).abs() < CLOSE =>
        {
            format!("{}/{}", credit.round(), row.n)
        }
        _ => NONE.to_owned(),
    }
}

/// What a measure is called: its name, and the subset where it covers one.
pub(super) fn measure(row: &ReportRow, suffix: &str) -> String {
    let name = if row.headline { format!("{}{suffix}", row.measure) } else { row.measure.clone() };
    if row.subset.is_empty() { plain(&name) } else { plain(&format!("{name} ({})", row.subset)) }
}

/// Short names of varied keys: the last part of each, and more where that is not enough.
pub(super) struct LevelNames(BTreeMap<String, String>);

impl LevelNames {
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = &'a ReportRow>) -> Self {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for key in rows.into_iter().flat_map(|row| row.levels.keys()) {
            names.entry(key.clone()).or_insert_with(|| key.clone());
        }
        let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        let keys: Vec<String> = names.keys().cloned().collect();
        for key in &keys {
            if keys.iter().filter(|other| last(other) == last(key)).count() == 1 {
                names.insert(key.clone(), last(key));
            }
        }
        Self(names)
    }

    /// `criteria=none, reasoning=before`; empty when nothing varies.
    pub(super) fn text(&self, levels: &Map<String, Value>) -> String {
        let one = |(key, value): (&String, &Value)| {
            let key = self.0.get(key).unwrap_or(key);
            format!("{key}={}", plain(&bare(value)))
        };
        levels.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A value without the quotes of JSON text.
pub(super) fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The keys of the parts of [`rules`].
pub(super) const RULES: [&str; 6] = ["order", "samples", "combiner", "vote", "ties", "failures"];

/// Rules that go without saying where all rows share them.
pub(super) const USUAL_RULES: [&str; 3] = ["1 sample", "mean-score", MEAN];

/// The rule that samples are averaged, which is said of nobody: where another holds, that one is named.
pub(super) const MEAN: &str = "vote mean";

/// The rules in a few words, part by part, in a fixed order.
pub(super) fn rules(rules: &RuleWords) -> [String; 6] {
    let several = |count: u32| if count == 1 { "" } else { "s" };
    [
        format!("order {}", rules.order),
        format!("{} sample{}", rules.samples, several(rules.samples)),
        rules.combiner.clone(),
        format!("vote {}", rules.vote.as_deref().unwrap_or("mean")),
        format!("ties {}", rules.ties),
        format!("failures {}", rules.failures),
    ]
    .map(|part| plain(&part))
}
