//! `tribunal export`: trials or items of a run as a table. Nothing measured stands in it, so the same recipe and seed
//! give the same bytes.

use std::borrow::Cow;
use std::io::{self, BufWriter};

use serde_json::{Map, Value, json};
use tribunal_api::{Outcome, Readout, Suite};
use tribunal_engine::ask;
use tribunal_engine::cases::Case;
use tribunal_engine::store::StoredCell;
use tribunal_engine::summary::{self, Grader, Stored};
use tribunal_tables::{Cell, Column, ColumnKind, Format, TableError, Writer};

use crate::args::{ExportArgs, ExportFormat, Rows};
use crate::commands::{find_run, grading};
use crate::exit::{Exit, Failure, tell};
use crate::plugins::Kinds;
use crate::render::plain;

/// Writes a table of trials or items.
pub fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    if args.to == ExportFormat::Parquet && args.out.is_none() {
        return Err(Failure::usage(
            "a parquet file does not go to standard output",
            "name a file: `-o rows.parquet`",
        ));
    }
    let folder = find_run(&args.run)?;
    let stored = Stored::read(&folder)?;
    for one in &stored.trials.damage {
        tell(&format!("warning: {}", plain(&one.to_string())));
    }
    let graders = match args.rows {
        Rows::Trials => Vec::new(),
        Rows::Items => grading(&folder, &mut Kinds::builtin(), |registry| {
            summary::graders(&folder, &stored.plan, registry)
        })?,
    };
    match write(args, &stored, &graders) {
        Err(WriteError::Table(TableError::Write { cause, .. }))
            if args.out.is_none() && cause.kind() == io::ErrorKind::BrokenPipe =>
        {
            // A reader that has gone away (`| head`) has seen what it wanted.
            return Ok(Exit::Success);
        }
        Err(WriteError::Table(error)) => {
            return Err(Failure::new(
                Exit::Internal,
                error.told(),
                error.hint().map(str::to_owned),
            ));
        }
        Err(WriteError::Failure(failure)) => return Err(failure),
        Ok(()) => {}
    }
    warn_of_gaps(&stored);
    Ok(Exit::Success)
}

enum WriteError {
    Table(TableError),
    Failure(Failure),
}

impl From<TableError> for WriteError {
    fn from(error: TableError) -> Self {
        WriteError::Table(error)
    }
}

fn write(args: &ExportArgs, stored: &Stored, graders: &[Grader]) -> Result<(), WriteError> {
    let columns: Vec<Column> = match args.rows {
        Rows::Trials => trial_columns(),
        Rows::Items => item_columns(),
    };
    let format = match args.to {
        ExportFormat::Parquet => Format::Parquet,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Jsonl => Format::JsonLines,
    };
    let mut table = match &args.out {
        Some(path) => Writer::create(path, format, &columns)?,
        None => {
            let out = BufWriter::with_capacity(1 << 18, io::stdout());
            Writer::to_stream(out, "standard output", format, &columns)?
        }
    };
    match args.rows {
        Rows::Trials => trials(stored, &mut table)?,
        Rows::Items => items(stored, graders, &mut table)?,
    }
    Ok(table.finish()?)
}

fn columns(named: &[(&str, ColumnKind)]) -> Vec<Column> {
    named.iter().map(|&(name, kind)| Column::new(name, kind)).collect()
}

fn trial_columns() -> Vec<Column> {
    use ColumnKind::{Integer, Json, Text};
    columns(&[
        ("suite", Text),
        ("subset", Text),
        ("id", Text),
        ("source", Text),
        ("levels", Json),
        ("protocol", Text),
        ("trial", Text),
        ("candidates", Json),
        ("sample", Integer),
        ("scores", Json),
        ("abstained", Text),
        ("note", Text),
        ("member", Text),
    ])
}

fn item_columns() -> Vec<Column> {
    use ColumnKind::{Boolean, Integer, Json, Text};
    columns(&[
        ("suite", Text),
        ("subset", Text),
        ("id", Text),
        ("source", Text),
        ("levels", Json),
        ("cluster", Integer),
        ("answered", Boolean),
        ("abstained", Integer),
        ("grades", Json),
        ("tags", Json),
        ("gold", Json),
        ("lengths", Json),
    ])
}

/// One row a sample, in plan order: cells, items, members of a route or panel, presentations, samples. Units without
/// answer have no rows.
fn trials(stored: &Stored, table: &mut Writer) -> Result<(), WriteError> {
    for cell in &stored.plan.cells {
        let levels = Value::Object(cell.levels.clone());
        let asks = cell.asks();
        let each_ask = |case| asks.iter().map(move |&ask| (case, ask));
        for (case, ask) in stored.suites[cell.suite].cases.iter().flat_map(each_ask) {
            let form = ask.manner.forms.get(&case.item.subset);
            let protocol = form.map(|form| form.protocol.as_str());
            let member = (ask.source != cell.source)
                .then_some(stored.plan.sources[ask.source].name.as_str());
            for unit in stored.units_of(cell.suite, ask, case) {
                let Some(readouts) = stored.trials.units.get(&unit.id) else { continue };
                for (sample, readout) in readouts.iter().enumerate() {
                    let [suite, subset, id, source] = key(stored, cell, case);
                    let [scores, abstained, note] = said(readout);
                    table.write(&[
                        suite,
                        subset,
                        id,
                        source,
                        (&levels).into(),
                        protocol.into(),
                        unit.id.to_string().into(),
                        shown(&unit).into(),
                        Cell::Integer(i64::try_from(sample).unwrap_or(i64::MAX)),
                        scores,
                        abstained,
                        note,
                        member.into(),
                    ])?;
                }
            }
        }
    }
    Ok(())
}

/// Suite, subset, id and source.
fn key<'a>(stored: &'a Stored, cell: &StoredCell, case: &'a Case) -> [Cell<'a>; 4] {
    [
        stored.plan.suites[cell.suite].name.as_str().into(),
        case.item.subset.as_ref().into(),
        case.item.id.as_ref().into(),
        stored.plan.sources[cell.source].name.as_str().into(),
    ]
}

fn shown(unit: &ask::Unit) -> Value {
    unit.order.iter().map(|candidate| candidate.0).collect()
}

/// Scores, reason and note of a readout.
fn said(readout: &Readout) -> [Cell<'_>; 3] {
    match readout {
        Readout::Scores(scores) => {
            let scores: Value = scores.iter().map(|score| score.value()).collect();
            [scores.into(), Cell::Null, Cell::Null]
        }
        Readout::Abstained(abstention) => {
            let note = (!abstention.note.is_empty()).then_some(abstention.note.as_str());
            [Cell::Null, abstention.reason.as_str().into(), note.into()]
        }
    }
}

/// One row an item in a cell, in plan order. Grades are null while a trial of the item is not answered.
fn items(stored: &Stored, graders: &[Grader], table: &mut Writer) -> Result<(), WriteError> {
    for cell in &stored.plan.cells {
        let levels = Value::Object(cell.levels.clone());
        let suite = graders[cell.suite].suite();
        let (outcomes, _, _) = stored.outcomes(cell);
        for (case, outcome) in stored.suites[cell.suite].cases.iter().zip(&outcomes) {
            let [name, subset, id, source] = key(stored, cell, case);
            let [answered, abstained, grades] = earned(outcome.as_ref(), cell, case, suite);
            table.write(&[
                name,
                subset,
                id,
                source,
                (&levels).into(),
                i64::from(case.cluster).into(),
                answered,
                abstained,
                grades,
                json!(case.item.tags).into(),
                json!(case.item.gold).into(),
                case.lengths.as_ref().map(|lengths| json!(lengths)).into(),
            ])?;
        }
    }
    for grader in graders {
        grader.check().map_err(|error| WriteError::Failure(error.into()))?;
    }
    Ok(())
}

/// Whether an item is answered in full, its questions without any readout, and its credits by name.
fn earned(
    outcome: Option<&Outcome>,
    cell: &StoredCell,
    case: &Case,
    suite: &dyn Suite,
) -> [Cell<'static>; 3] {
    let Some(outcome) = outcome else {
        return [false.into(), Cell::Null, Cell::Null];
    };
    let grades: Map<String, Value> = suite
        .grade(&case.item, outcome, &cell.manner.rules)
        .into_iter()
        .map(|grade| (grade.name.into_owned(), json!(grade.credit)))
        .collect();
    let abstained = i64::try_from(outcome.abstained()).unwrap_or(i64::MAX);
    [true.into(), abstained.into(), Cell::Json(Cow::Owned(Value::Object(grades)))]
}

fn warn_of_gaps(stored: &Stored) {
    let (planned, answered) = stored
        .plan
        .cells
        .iter()
        .map(|cell| stored.answered(cell))
        .fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    if answered < planned {
        tell(&format!(
            "warning: the run is incomplete: {answered} of {planned} trials are answered"
        ));
    }
}

#[cfg(test)]
mod tests {
    use tribunal_api::{Abstention, Reason, Score};

    use super::*;

    #[test]
    fn a_readout_holds_scores_or_a_reason() {
        let scores =
            Readout::Scores(vec![Score::try_from(0.5).unwrap(), Score::try_from(2.0).unwrap()]);
        assert_eq!(said(&scores), [json!([0.5, 2.0]).into(), Cell::Null, Cell::Null]);
        let abstained =
            Readout::Abstained(Abstention { reason: Reason::Missing, note: "no row".to_owned() });
        assert_eq!(said(&abstained), [Cell::Null, "missing".into(), "no row".into()]);
    }

    #[test]
    fn parquet_needs_a_file() {
        let args = ExportArgs {
            run: "nowhere".into(),
            to: ExportFormat::Parquet,
            rows: Rows::Trials,
            out: None,
        };
        let failure = export(&args).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.text.contains("hint: name a file"), "{}", failure.text);
    }
}
