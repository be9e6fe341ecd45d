//! Published and recomputed numbers, end to end: the built program, recipes alone, real files.
//!
//! The recipes are those of `examples/recipes/real`, so what is shown there is what is checked here.

mod judgebench;
mod rewardbench2;
mod rm_bench;
mod rmb;

use serde_json::{Map, Value};

use crate::program::{Program, root, shared_data};

/// A finished run and its report.
pub struct Finished {
    program: Program,
    report: Value,
}

impl Finished {
    /// Runs a recipe of `examples/recipes`; `None`, with a printed line, where there are no real data.
    pub fn of_real(recipe: &str) -> Option<Self> {
        shared_data()?;
        let path = root().join("examples/recipes/real").join(recipe);
        let program = Program::new();
        Some(Self::of(program, path.to_str().unwrap()))
    }

    /// Runs a recipe in the program's scratch folder.
    pub fn of(program: Program, recipe: &str) -> Self {
        let ran = program.run(["run", "--json", "--quiet", recipe, "-o", "run"]).with_code(0);
        let report = ran.json();
        Self { program, report }
    }

    /// The only row of a source's measure on a suite. Empty levels for a recipe that varies nothing.
    #[track_caller]
    pub fn row(&self, source: &str, suite: &str, subset: &str, measure: &str) -> Row<'_> {
        self.row_at(source, suite, subset, measure, &[])
    }

    /// The only row of it in the cell with these levels.
    #[track_caller]
    pub fn row_at(
        &self,
        source: &str,
        suite: &str,
        subset: &str,
        measure: &str,
        levels: &[(&str, Value)],
    ) -> Row<'_> {
        let levels: Map<String, Value> =
            levels.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let rows: Vec<&Value> = self.report["measures"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| {
                row["source"] == source
                    && row["suite"] == suite
                    && row["subset"] == subset
                    && row["measure"] == measure
                    && row["levels"].as_object() == Some(&levels)
            })
            .collect();
        let [row] = rows.as_slice() else {
            panic!("{} rows of {source} {suite} `{subset}` {measure} at {levels:?}", rows.len());
        };
        Row(row)
    }

    /// The rows of `export`, one per trial or per item.
    pub fn export(&self, rows: &str) -> Vec<Value> {
        let ran = self.program.run(["export", "run", "--rows", rows, "--to", "jsonl"]).with_code(0);
        ran.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A row of a report.
pub struct Row<'a>(&'a Value);

impl Row<'_> {
    /// A number of the row.
    #[track_caller]
    pub fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("no `{key}` in {:#}", self.0))
    }

    /// The value with so many digits behind the point.
    #[track_caller]
    pub fn value(&self, digits: usize) -> String {
        format!("{:.digits$}", self.number("value"))
    }

    /// The value as a percentage with two digits.
    #[track_caller]
    pub fn percent(&self) -> String {
        format!("{:.2}", 100.0 * self.number("value"))
    }

    /// Credit and number of items: `675/849`.
    #[track_caller]
    pub fn count(&self) -> String {
        format!("{}/{}", self.number("credit"), self.number("n"))
    }
}
