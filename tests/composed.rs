//! Routes and panels through the program: what is planned, stored, reported and exported.

use serde_json::{Value, json};

use crate::program::{Program, root};

fn example() -> String {
    root().join("examples/recipes/06-panel.toml").to_str().unwrap().to_owned()
}

/// A judge of pairs on the sample of RMB in our own texts, whose 25 best-of-N comparisons are all among its 29 pairs.
fn pairwise_judge(keys: &str) -> String {
    let data = root().join("examples/data/rmb");
    format!(
        "[source.judge]\nkind = \"baseline.position\"\nprotocol = \"pairwise\"\norder = \"both\"\n\
         [suite.rmb]\nkind = \"rmb\"\npath = {:?}\n{keys}",
        data.to_str().unwrap()
    )
}

#[test]
fn best_of_n_by_a_judge_of_pairs_asks_nothing_that_the_pairs_did_not() {
    let program = Program::new();
    let planned = |name: &str, keys: &str| {
        program.write(name, &pairwise_judge(keys));
        program.run(["plan", "--json", name]).with_code(0).json()["total"].clone()
    };
    let pairs = planned("pairs.toml", "subsets = [\"Pairwise_set\"]\n");
    let all = planned("all.toml", "");
    // Both orders: 29 pairs, and 25 best-of-N comparisons beside them.
    assert_eq!(pairs["trials"], json!(58));
    assert_eq!((&all["trials"], &all["new"]), (&json!(108), &json!(58)));
    assert_eq!(all["new"], pairs["new"]);
    program.run(["run", "-q", "all.toml", "-o", "run"]).with_code(0);
    let stored: usize = std::fs::read_dir(program.folder().join("run/trials"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .map(|text| text.lines().filter(|line| line.contains("\"trial\"")).count())
        .sum();
    assert_eq!(stored, 58, "as many calls as the pairs need");
}

#[test]
fn the_export_of_a_panel_lists_what_its_members_said() {
    let program = Program::new();
    program.run(["run", "-q", &example(), "-o", "run"]).with_code(0);
    let out = program.run(["export", "run", "--to", "jsonl"]).with_code(0).out();
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |source: &str, member: Value| -> Vec<(&Value, &Value)> {
        let rows = rows.iter().filter(|row| row["source"] == source && row["member"] == member);
        rows.map(|row| (&row["trial"], &row["scores"])).collect()
    };
    for member in ["coin", "first", "longest"] {
        assert!(!said("jury", json!(member)).is_empty(), "{member}");
    }
    let on_rmb = |pairs: Vec<(&Value, &Value)>| pairs.len();
    assert_eq!(on_rmb(said("jury", json!("first"))), on_rmb(said("first", Value::Null)));
    assert_eq!(said("jury", json!("first")), said("first", Value::Null));
    assert!(said("jury", Value::Null).is_empty(), "a panel says nothing by itself");
    assert!(rows.iter().all(|row| row["source"] != "longest"), "a route leads to it");
    let grades = program.run(["export", "run", "--rows", "items", "--to", "jsonl"]).with_code(0);
    let grades = grades.out();
    let jury = grades.lines().filter(|line| line.contains("\"source\":\"jury\"")).count();
    assert_eq!(jury, 40, "one row for each of the 40 items of RMB");
}

#[test]
fn plan_show_and_report_name_members_protocols_and_votes() {
    let program = Program::new();
    let plan = program.run(["plan", "--json", &example()]).with_code(0).json();
    let cell = |source: &str| {
        let cells = plan["cells"].as_array().unwrap();
        cells.iter().find(|cell| cell["source"] == source).unwrap().clone()
    };
    assert_eq!(cell("ranked")["protocols"], json!(["listwise", "pointwise"]));
    assert_eq!(cell("ranked")["order"], json!("swap-first"));
    assert_eq!(cell("blend")["protocols"], json!(["pointwise"]));
    let report = program.run(["run", "--json", &example(), "-o", "run"]).with_code(0).json();
    let rows = report["measures"].as_array().unwrap();
    let row = |source: &str, suite: &str| {
        let headline = |row: &&Value| {
            row["headline"] == true && row["source"] == source && row["suite"] == suite
        };
        rows.iter().find(headline).unwrap()
    };
    assert_eq!(row("ranked", "rewardbench-2")["protocol"], json!("pointwise + listwise"));
    assert_eq!(row("jury", "rmb")["rules"]["vote"], json!("majority of 3 members"));
    assert_eq!(row("blend", "rmb")["rules"]["vote"], json!("mean of 2 members"));
    assert!(row("coin", "rmb")["rules"].get("vote").is_none());
    let shown = program.run(["show", "run"]).with_code(0).out();
    assert!(shown.contains("coin, first, longest"), "{shown}");
    let item = program.run([
        "show",
        "run",
        "--id",
        "8",
        "--suite",
        "rmb",
        "--subset",
        "BoN_set/Harmlessness/S2",
    ]);
    let item = item.with_code(0).out();
    for text in ["source jury", "  first: shown [", "  longest: shown ["] {
        assert!(item.contains(text), "`{text}` is not in:\n{item}");
    }
    let again = program.run(["report", "run", "--json"]).with_code(0).json();
    assert_eq!(again, report, "a report needs the folder alone");
}
