//! A page as text for a terminal, a log or a file.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle,
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

/// A grid as lines without trailing blanks. Text columns are wrapped to `width`; numbers never are.
pub fn draw(grid: &Grid, width: Option<usize>, colour: bool) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    match width {
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
    for (column, shown) in grid.columns.iter().zip(table.column_iter_mut()) {
        shown.set_padding((0, 2));
        if column.number {
            shown.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = String::new();
    let caption = grid.caption.iter().map(|caption| format!("{caption}:"));
    for line in caption.chain(table.lines()).chain(grid.below.iter().cloned()) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
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
