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

    /// Appends a row.
    pub fn push(&mut self, cells: Vec<String>) {
        self.rows.push(Row { cells, ..Row::default() });
    }

    /// Takes out the columns in which every cell is one of these texts.
    pub fn without_columns_of(mut self, title: &str, empty: &[&str]) -> Self {
        let place = self.columns.iter().position(|column| column.title == title);
        let Some(place) = place else { return self };
        if self.rows.iter().all(|row| empty.contains(&row.cells[place].as_str())) {
            self.columns.remove(place);
            for row in &mut self.rows {
                row.cells.remove(place);
            }
        }
        self
    }
}
