//! The table of figures beside the suite's own measures: other rules on missing readouts, ties, position, length,
//! votes, abstentions.

use tribunal_engine::summary::ReportRow;

use super::grid::Grid;
use super::page::{Order, Shown};
use super::words::{self, LevelNames, plain};

const VARIANTS: [&str; 3] = ["/excluding", "/worst", "/best"];

/// Figures of the whole suite that are shown unless there is reason not to.
const TELLING: [&str; 4] =
    ["ties", "position/agreement", "length/prefers-longer", "length/gold-longer"];

/// True for measures that the engine adds to those of a suite.
pub(super) fn is_figure(row: &ReportRow) -> bool {
    row.measure.contains(['/', '@']) || (row.measure == "ties" && row.standing == "beside")
}

/// The figures of a suite; without rows when there are none to show.
pub(super) fn grid(
    rows: &[&ReportRow],
    shown: Shown,
    names: &LevelNames,
    order: &Order,
) -> Option<Grid> {
    let headline = rows.iter().find(|row| row.headline).map(|row| row.measure.as_str());
    let mut kept: Vec<&ReportRow> = rows
        .iter()
        .copied()
        .filter(|row| row.slice.is_none() && is_figure(row))
        .filter(|row| shown == Shown::Everything || is_telling(row, headline))
        .collect();
    if kept.is_empty() {
        return None;
    }
    // A stable sort: within a source the figures keep the order of the summary.
    kept.sort_by_key(|row| order.place(row, names));
    let mut grid = Grid::new()
        .text("source")
        .text("levels")
        .text("figure")
        .number("value")
        .number("95 % interval")
        .number("n")
        .text("of")
        .number("chance");
    for row in kept {
        grid.push(vec![
            plain(&row.source),
            names.text(&row.levels),
            words::measure(row, ""),
            value(row),
            words::interval(row),
            row.n.to_string(),
            row.counted.clone(),
            words::number(row.chance),
        ]);
    }
    let mut grid = grid.without_columns_of("levels", &[""]);
    grid.caption = Some("other figures".to_owned());
    Some(grid)
}

fn is_telling(row: &ReportRow, headline: Option<&str>) -> bool {
    if !row.subset.is_empty() {
        return false;
    }
    let variant = VARIANTS.iter().find_map(|variant| row.measure.strip_suffix(variant));
    let repeated = row.rules.samples > 1
        && (row.measure.starts_with("first@") || row.measure.starts_with("vote@"));
    TELLING.contains(&row.measure.as_str())
        || row.measure.starts_with("abstentions/")
        || (variant.is_some() && variant == headline)
        || repeated
}

/// Abstentions are counts; all else are numbers with decimals.
fn value(row: &ReportRow) -> String {
    match row.value {
        Some(count) if row.measure.starts_with("abstentions/") => count.to_string(),
        value => words::number(value),
    }
}
