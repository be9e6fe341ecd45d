//! The table of slices: the suite's own number over the items of each value of a tag.

use tribunal_engine::summary::{ReportRow, SuiteSummary};

use super::grid::{Grid, Row};
use super::page::{Order, Shown, suffix};
use super::words::{self, LevelNames, NONE, plain};

/// The slices of a suite; `None` when the report was not sliced or no item of the suite has the tag.
pub(super) fn grid(
    rows: &[&ReportRow],
    suite: &SuiteSummary,
    shown: Shown,
    names: &LevelNames,
    order: &Order,
) -> Option<Grid> {
    let mut sliced: Vec<(&str, &str, &ReportRow)> = rows
        .iter()
        .filter(|row| shown == Shown::Everything || row.headline)
        .filter_map(|row| {
            let (tag, value) = row.slice.as_deref()?.split_once('=')?;
            Some((tag, value, *row))
        })
        .collect();
    let tag = sliced.first()?.0.to_owned();
    sliced.sort_by(|one, other| {
        one.1.cmp(other.1).then(order.place(one.2, names).cmp(&order.place(other.2, names)))
    });
    let mut grid = Grid::new()
        .text(&plain(&tag))
        .text("source")
        .text("levels")
        .text("measure")
        .number("value")
        .number("95 % interval")
        .number("credit/n")
        .number("n")
        .number("clusters")
        .number("chance")
        .number("abstained");
    let mut last: Option<&str> = None;
    let several = order.several();
    for (_, value, row) in sliced {
        grid.rows.push(Row {
            cells: vec![
                plain(value),
                plain(&row.source),
                names.text(&row.levels),
                words::measure(row, suffix(suite)),
                words::number(row.value),
                words::interval(row),
                words::credit(row),
                row.n.to_string(),
                row.clusters.to_string(),
                words::number(row.chance),
                row.abstained.to_string(),
            ],
            strong: false,
            gap: several && last.is_some_and(|last| last != value),
        });
        last = Some(value);
    }
    let mut grid = grid
        .without_columns_of("levels", &[""])
        .without_columns_of("credit/n", &[NONE])
        .without_columns_of("abstained", &["0"]);
    grid.caption = Some(format!("by {}", plain(&tag)));
    Some(grid)
}
