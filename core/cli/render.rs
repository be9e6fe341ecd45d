//! Turning what a run says into text: a table for a terminal, Markdown, CSV.
//!
//! A report becomes a page (head, notes, a block of grids for every suite) first; terminal and Markdown draw the same
//! page. CSV holds every row of the summary, one measure a row.

mod csv;
mod figures;
mod grid;
mod markdown;
mod page;
mod slices;
mod terminal;
mod words;

#[cfg(test)]
mod tests;

use tribunal_engine::summary::Summary;

use page::{Page, Shown};

pub use csv::csv;
pub use grid::Grid;
pub use terminal::draw;
pub use words::plain;

/// The report for a person at a terminal, or for a file when there is neither width nor colour.
///
/// `verbose` shows every subset and every figure. `width` is that of the terminal in columns; `None` wraps nothing.
pub fn table(summary: &Summary, verbose: bool, width: Option<usize>, colour: bool) -> String {
    terminal::page(&Page::of(summary, Shown::of(verbose)), width, colour)
}

/// The report as Markdown with pipe tables.
pub fn markdown(summary: &Summary, verbose: bool) -> String {
    markdown::page(&Page::of(summary, Shown::of(verbose)))
}

/// The width of the terminal that standard output goes to, in columns; `None` when it goes elsewhere.
pub fn width() -> Option<usize> {
    let table = comfy_table::Table::new();
    if table.is_tty() { table.width().map(usize::from) } else { None }
}
