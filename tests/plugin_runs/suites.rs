//! Suites and generators of plugins, and reports that need the run folder alone.

use serde_json::Value;

use super::{has, python_path};
use crate::program::Program;

/// A suite of three items and a generator that always says the same, in Python.
const THINGS: &str = r#"
class Trio:
    """Three questions."""

    def __init__(self, *, shout: bool = False):
        self.shout = shout

    def items(self):
        for number in range(3):
            better, worse = "x" * (number + 2), "y"
            yield {
                "id": str(number),
                "prompt": "Write %d letters." % (number + 2),
                "candidates": [better.upper() if self.shout else better, worse],
                "tags": {"number": str(number)},
            }


class Parrot:
    """Says B."""

    def generate(self, prompt):
        return "[[B]]"
"#;

fn recipe() -> String {
    format!(
        r#"
name = "things"
[[plugin]]
command = ["python3", "-m", "tribunal_adapter", "things.py"]
env = {{ PYTHONPATH = {:?} }}
[source.length]
kind = "baseline.length"
[source.judge]
kind = "judge"
generator = "parrot"
prompt = "pairwise"
readout = "letter"
order = "both"
[generator.parrot]
kind = "parrot"
[suite.trio]
kind = "trio"
"#,
        python_path()
    )
}

#[test]
fn a_suite_and_a_generator_in_python_run_and_are_reported_without_the_plugin() {
    if !has("python3") {
        return;
    }
    let program = Program::new();
    program.write("things.py", THINGS);
    let path = program.write("recipe.toml", &recipe());
    let path = path.to_str().unwrap();
    // The parrot always names the second reply, which the self-check finds.
    let ran = program.run(["run", path, "-o", "out", "--accept-unverified", "--json"]).with_code(0);
    let headline = |report: &Value, source: &str| -> f64 {
        let rows = report["measures"].as_array().unwrap();
        let own = |row: &&Value| row["source"] == source && row["headline"] == true;
        rows.iter().find(own).unwrap()["value"].as_f64().unwrap()
    };
    let report = ran.json();
    assert_eq!(headline(&report, "length"), 1.0);
    assert_eq!(headline(&report, "judge"), 0.0, "in both orders it ties, and a tie loses");
    assert!(program.folder().join("out/grades.jsonl").is_file());
    // The same report from the folder alone.
    std::fs::remove_file(program.folder().join("things.py")).unwrap();
    let alone = program.run(["report", "out", "--json"]).with_code(0).json();
    assert_eq!(alone["measures"], report["measures"]);
    program.run(["export", "out", "--rows", "items"]).with_code(0);
    program.run(["show", "out", "--id", "1"]).with_code(0);
    // Without what was kept the plugin is needed, and it is gone.
    std::fs::remove_file(program.folder().join("out/grades.jsonl")).unwrap();
    let lost = program.run(["report", "out"]).with_code(5);
    assert!(lost.err().contains("things.py"), "{}", lost.err());
    program.write("things.py", THINGS);
    let again = program.run(["report", "out", "--json"]).with_code(0).json();
    assert_eq!(again["measures"], report["measures"]);
}
