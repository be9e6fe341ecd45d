//! A page as Markdown with pipe tables.

use super::grid::Grid;
use super::page::Page;

/// A whole report, with a line end.
pub(super) fn page(page: &Page) -> String {
    let state = if page.complete { page.state.clone() } else { format!("**{}**", page.state) };
    let mut text = format!("# {}: {state}\n", escaped(&page.title));
    let missing = page.missing.iter().map(|missing| format!("missing: {missing}"));
    let notes = page.notes.iter().map(|note| format!("note: {note}"));
    let sources = page.sources.iter().map(|source| format!("source {source}"));
    list(&mut text, missing.chain(notes).chain(sources));
    for block in &page.blocks {
        text.push_str(&format!("\n## {}\n", escaped(&block.heading)));
        for line in &block.lines {
            text.push_str(&format!("\n{}\n", escaped(line)));
        }
        for one in &block.grids {
            text.push('\n');
            grid(&mut text, one);
        }
    }
    text
}

fn list(text: &mut String, lines: impl Iterator<Item = String>) {
    for (place, line) in lines.enumerate() {
        if place == 0 {
            text.push('\n');
        }
        text.push_str(&format!("- {}\n", escaped(&line)));
    }
}

fn grid(text: &mut String, grid: &Grid) {
    if let Some(caption) = &grid.caption {
        text.push_str(&format!("{}:\n\n", escaped(caption)));
    }
    row(text, grid.columns.iter().map(|column| escaped(&column.title)));
    row(
        text,
        grid.columns.iter().map(|column| if column.number { "---:" } else { "---" }.to_owned()),
    );
    for one in &grid.rows {
        row(text, one.cells.iter().map(|cell| escaped(cell)));
    }
    for line in &grid.below {
        text.push_str(&format!("\n{}\n", escaped(line)));
    }
}

fn row(text: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    text.push_str(&format!("| {} |\n", cells.join(" | ")));
}

/// Text in which nothing means anything to Markdown but code in backticks, where pipes alone are escaped: they would
/// end a cell of a table there, too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut code = false;
    for character in text.chars() {
        code ^= character == '`';
        if character == '|' || (!code && matches!(character, '*' | '_' | '<' | '\\' | '#')) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
