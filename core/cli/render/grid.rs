//! A grid of texts with a header, before it has a format.

/// A column of a grid.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// True for numbers: they stand at the right and are never wrapped.
    pub number: bool,
}

/// A row of a grid.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// One text per column.
    pub cells: Vec<String>,
    /// True for rows that lead.
    pub strong: bool,
    /// True when a blank line stands above it.
    pub gap: bool,
}

/// A table of texts.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// A line above the header.
    pub caption: Option<String>,
    /// Title of the column that becomes a heading above its rows where the grid is too wide.
    pub fold: Option<&'static str>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Row>,
    /// Lines below the rows.
    pub below: Vec<String>,
}

impl Grid {
    /// An empty grid.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same grid with a column of text.
    pub fn text(mut self, title: &str) -> Self {
        self.columns.push(Column { title: title.to_owned(), number: false });
        self
    }

    /// The same grid with a column of numbers.
    pub fn number(mut self, title: &str) -> Self {
        self.columns.push(Column { title: title.to_owned(), number: true });
        self
    }

    /// The width that each column needs, in characters.
    pub fn widths(&self) -> Vec<usize> {
        let columns = self.columns.iter().enumerate().map(|(place, column)| {
            let cells = self.rows.iter().map(|row| row.cells[place].chars().count());
            cells.max().unwrap_or(0).max(column.title.chars().count())
        });
        columns.collect()
    }

    /// Takes out a column and returns its cells; `None` when there is no such column.
    pub fn take_column(&mut self, title: &str) -> Option<Vec<String>> {
        let place = self.columns.iter().position(|column| column.title == title)?;
        self.columns.remove(place);
        Some(self.rows.iter_mut().map(|row| row.cells.remove(place)).collect())
    }

    /// Appends a row.
    pub fn push(&mut self, cells: Vec<String>) {
        self.rows.push(Row { cells, ..Row::default() });
    }

    /// The same grid without that column, when every cell of it is one of these texts.
    pub fn without_columns_of(mut self, title: &str, empty: &[&str]) -> Self {
        let place = self.columns.iter().position(|column| column.title == title);
        let Some(place) = place else { return self };
        if self.rows.iter().all(|row| empty.contains(&row.cells[place].as_str())) {
            self.take_column(title);
        }
        self
    }
}
