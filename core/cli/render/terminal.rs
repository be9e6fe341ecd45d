//! A page as text for a terminal, a log or a file.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle, Width,
};

use super::grid::{Column, Grid, Row};
use super::page::Page;

const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-'));

/// A whole report, with a line end.
pub(super) fn page(page: &Page, width: Option<usize>, colour: bool) -> String {
    let mut text = format!("{}: {}\n", strong(&page.title, colour), state(page, colour));
    for missing in &page.missing {
        text.push_str(&format!("  missing: {missing}\n"));
    }
    for note in &page.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for source in &page.sources {
        text.push_str(&format!("source {source}\n"));
    }
    for block in &page.blocks {
        text.push_str(&format!("\n{}\n", strong(&block.heading, colour)));
        for line in &block.lines {
            text.push_str(&format!("{line}\n"));
        }
        for grid in &block.grids {
            text.push('\n');
            text.push_str(&draw(grid, width, colour));
        }
    }
    text
}

fn state(page: &Page, colour: bool) -> String {
    match (colour, page.complete) {
        (true, false) => format!("\u{1b}[1;33m{}\u{1b}[0m", page.state),
        (true, true) => format!("\u{1b}[32m{}\u{1b}[0m", page.state),
        (false, _) => page.state.clone(),
    }
}

fn strong(text: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Between two columns.
const GAP: usize = 2;

/// Text columns are not wrapped below this width.
const NARROWEST: usize = 12;

/// A grid as lines without trailing blanks. Where it is wider than `width`, its folding column becomes a heading
/// above its rows; without one, text columns are wrapped. Numbers never are.
pub fn draw(grid: &Grid, width: Option<usize>, colour: bool) -> String {
    let widths = grid.widths();
    let natural = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let too_wide = width.filter(|width| natural > *width);
    let lines = match (too_wide, grid.fold) {
        (Some(_), Some(fold)) => folded(grid.clone(), fold, colour),
        (Some(width), None) => drawn(grid, Some(width), colour),
        (None, _) => drawn(grid, None, colour),
    };
    let mut text = String::new();
    let caption = grid.caption.iter().map(|caption| format!("{caption}:"));
    for line in caption.chain(lines).chain(grid.below.iter().cloned()) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The lines of a grid, each run of equal cells in the folding column named once, above its rows.
fn folded(mut grid: Grid, fold: &str, colour: bool) -> Vec<String> {
    const HEAD: usize = 2;
    let headings = grid.take_column(fold).unwrap_or_default();
    grid.rows.iter_mut().for_each(|row| row.gap = false);
    let mut lines = drawn(&grid, None, colour).into_iter();
    let mut result: Vec<String> = lines.by_ref().take(HEAD).collect();
    let mut above: Option<&String> = None;
    for (heading, line) in headings.iter().zip(lines) {
        if above != Some(heading) {
            result.extend(above.map(|_| String::new()));
            result.push(strong(heading, colour));
            above = Some(heading);
        }
        result.push(line);
    }
    result
}

/// The header, a rule, and the rows: a line each unless they are wrapped.
fn drawn(grid: &Grid, wrapped: Option<usize>, colour: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(STYLE);
    match wrapped {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(grid.columns.iter().map(|column| aligned(column, &column.title)));
    for row in &grid.rows {
        if row.gap {
            table.add_row(grid.columns.iter().map(|_| Cell::new("")));
        }
        table.add_row(cells(&grid.columns, row, colour));
    }
    let widths = grid.widths();
    for ((column, natural), shown) in grid.columns.iter().zip(widths).zip(table.column_iter_mut()) {
        shown.set_padding((0, 1));
        if column.number {
            shown.set_constraint(ColumnConstraint::ContentWidth);
        } else if wrapped.is_some() {
            let least = u16::try_from(natural.min(NARROWEST) + 1).unwrap_or(u16::MAX);
            shown.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
    }
    table.lines().collect()
}

fn cells(columns: &[Column], row: &Row, colour: bool) -> Vec<Cell> {
    let cells = columns.iter().zip(&row.cells).map(|(column, text)| {
        let cell = aligned(column, text);
        if colour && row.strong { cell.add_attribute(Attribute::Bold) } else { cell }
    });
    cells.collect()
}

fn aligned(column: &Column, text: &str) -> Cell {
    let side = if column.number { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(side)
}
