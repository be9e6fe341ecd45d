//! A summary as CSV: one measure a row, every column of the JSON report.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tribunal_engine::summary::{ReportRow, Summary};
use tribunal_tables::{Cell, Column, ColumnKind, Format, TableError, Writer};

/// The columns: those of a row in the JSON report, rules in columns of their own, and whether the run is complete.
const COLUMNS: [(&str, ColumnKind); 29] = {
    use ColumnKind::{Boolean, Float, Integer, Json, Text};
    [
        ("source", Text),
        ("suite", Text),
        ("subset", Text),
        ("slice", Text),
        ("levels", Json),
        ("measure", Text),
        ("headline", Boolean),
        ("standing", Text),
        ("protocol", Text),
        ("rules.order", Text),
        ("rules.samples", Integer),
        ("rules.combiner", Text),
        ("rules.vote", Text),
        ("rules.ties", Text),
        ("rules.failures", Text),
        ("value", Float),
        ("credit", Float),
        ("n", Integer),
        ("counted", Text),
        ("clusters", Integer),
        ("chance", Float),
        ("abstained", Integer),
        ("low", Float),
        ("high", Float),
        ("method", Text),
        ("standard_error", Float),
        ("design_effect", Float),
        ("run", Text),
        ("complete", Text),
    ]
};

/// The report as CSV with a header. `complete` says `complete`, or what the run is instead.
///
/// # Errors
///
/// When a number of the summary is not finite.
pub fn csv(summary: &Summary) -> Result<String, TableError> {
    let bytes = Bytes::default();
    let columns = COLUMNS.map(|(name, kind)| Column::new(name, kind));
    let mut table = Writer::to_stream(bytes.clone(), "the report", Format::Csv, &columns)?;
    let state = summary.complete.words.join(" ");
    for row in &summary.measures {
        table.write(&cells(row, &summary.run.name, &state))?;
    }
    table.finish()?;
    Ok(bytes.text())
}

fn cells<'a>(row: &'a ReportRow, run: &'a str, state: &'a str) -> [Cell<'a>; 29] {
    let rules = &row.rules;
    [
        row.source.as_str().into(),
        row.suite.as_str().into(),
        row.subset.as_str().into(),
        row.slice.as_deref().into(),
        Value::Object(row.levels.clone()).into(),
        row.measure.as_str().into(),
        row.headline.into(),
        row.standing.as_str().into(),
        row.protocol.as_str().into(),
        rules.order.as_str().into(),
        i64::from(rules.samples).into(),
        rules.combiner.as_str().into(),
        rules.vote.as_deref().into(),
        rules.ties.as_str().into(),
        rules.failures.as_str().into(),
        row.value.into(),
        row.credit.into(),
        whole(row.n),
        row.counted.as_str().into(),
        whole(row.clusters),
        row.chance.into(),
        whole(row.abstained),
        row.low.into(),
        row.high.into(),
        row.method.as_deref().into(),
        row.standard_error.into(),
        row.design_effect.into(),
        run.into(),
        state.into(),
    ]
}

fn whole(count: u64) -> Cell<'static> {
    Cell::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Bytes that a writer fills and that are read when it is done.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Bytes {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
