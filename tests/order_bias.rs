//! No order leaks gold: a source that looks at positions alone scores at chance.
//!
//! RMB, RewardBench and RM-Bench store the better reply first, RewardBench 2 too.

use serde_json::{Value, json};

use crate::program::{Program, root, shared_data};

/// What `baseline.position` earns under each order, as rows of the report.
fn rows(program: &Program, suite: &str, orders: &[&str]) -> Vec<Value> {
    let recipe = format!(
        "seed = 11\n\n[source.first]\nkind = \"baseline.position\"\n\n[suite.data]\n{suite}\n[factors]\n\"run.order\" = {}\n",
        json!(orders)
    );
    program.write("order.toml", &recipe);
    let report = program.run(["run", "--json", "--quiet", "order.toml"]).with_code(0).json();
    let rows = report["measures"].as_array().unwrap().iter().cloned();
    rows.filter(|row| row["source"] == "first").collect()
}

fn of_order<'a>(rows: &'a [Value], order: &'a str) -> impl Iterator<Item = &'a Value> {
    rows.iter().filter(move |row| row["levels"]["run.order"] == order)
}

/// Every headline and group under `seeded` and `swap-first` lies within three standard errors of `chance`.
#[track_caller]
fn at_chance(rows: &[Value], chance: f64) {
    standing_at_chance(rows, &["headline", "group"], chance);
}

#[track_caller]
fn standing_at_chance(rows: &[Value], standings: &[&str], chance: f64) {
    for order in ["seeded", "swap-first"] {
        let mut seen = 0;
        for row in of_order(rows, order) {
            if !standings.contains(&row["standing"].as_str().unwrap())
                || row["measure"].as_str().unwrap().contains('/')
            {
                continue;
            }
            seen += 1;
            let (value, error) =
                (row["value"].as_f64().unwrap(), row["standard_error"].as_f64().unwrap());
            assert!(error > 0.0 && error < 0.1, "{row:#}");
            assert!((value - chance).abs() < 3.0 * error, "{value} is not {chance}: {row:#}");
        }
        assert!(seen > 0, "{order}");
    }
}

/// Shown in both orders, every comparison is a tie, and a tie earns nothing.
#[track_caller]
fn all_ties(rows: &[Value]) {
    let value = |measure: &str| {
        let found: Vec<&Value> = of_order(rows, "both")
            .filter(|row| row["subset"] == "" && row["measure"] == measure)
            .collect();
        assert_eq!(found.len(), 1, "{measure}");
        (found[0]["value"].as_f64().unwrap(), found[0]["n"].as_u64().unwrap())
    };
    let (ties, comparisons) = value("ties");
    assert_eq!(ties, 1.0);
    assert!(comparisons > 0);
    let headline = of_order(rows, "both").find(|row| row["headline"] == true).unwrap();
    assert_eq!(headline["value"], 0.0);
}

const ORDERS: [&str; 3] = ["seeded", "swap-first", "both"];

#[test]
fn the_position_tells_nothing_about_the_pairs_of_rmb() {
    let Some(data) = shared_data() else { return };
    let suite = format!(
        "kind = \"rmb\"\npath = '{}'\nsubsets = [\"Pairwise_set\"]\n",
        data.join("rmb").display()
    );
    let rows = rows(&Program::new(), &suite, &ORDERS);
    at_chance(&rows, 0.5);
    all_ties(&rows);
}

#[test]
fn the_position_tells_nothing_about_the_pairs_of_rm_bench() {
    let Some(data) = shared_data() else { return };
    let suite = format!("kind = \"rm-bench\"\npath = '{}'\n", data.join("rm-bench").display());
    let rows = rows(&Program::new(), &suite, &ORDERS);
    at_chance(&rows, 0.5);
    all_ties(&rows);
}

#[test]
fn the_position_tells_nothing_about_the_pairs_of_rewardbench() {
    let subsets =
        ["alpacaeval-easy", "llmbar-natural", "refusals-dangerous", "math-prm", "hep-python"];
    let mut text = String::new();
    for subset in subsets {
        for number in 0..200 {
            let row = json!({
                "prompt": format!("What is {number} and {}?", number + 1), "subset": subset, "id": number,
                "chosen": format!("{} by {subset}", 2 * number + 1), "chosen_model": "one",
                "rejected": format!("{} by {subset}", 2 * number + 3), "rejected_model": "two",
            });
            text.push_str(&format!("{row}\n"));
        }
    }
    let program = Program::new();
    program.write("filtered.jsonl", &text);
    let rows = rows(&program, "kind = \"rewardbench\"\npath = \"filtered.jsonl\"\n", &ORDERS);
    at_chance(&rows, 0.5);
    all_ties(&rows);
}

/// 400 four-way rows of each subset but Ties, which asks for scores of single replies.
fn four_way(program: &Program) -> String {
    let mut text = String::new();
    for subset in ["Factuality", "Precise IF", "Math", "Safety", "Focus"] {
        for number in 0..400 {
            let reply = |wrong: u32| format!("{} by {subset}", 3 * number + wrong);
            let row = json!({
                "id": number.to_string(), "prompt": format!("What is {number} times 3, in {subset}?"),
                "chosen": [reply(0)], "rejected": [reply(1), reply(2), reply(5)], "subset": subset,
                "num_correct": 1, "num_incorrect": 3, "total_completions": 4,
                "models": ["a", "b", "c", "d"], "additional_metadata": null,
            });
            text.push_str(&format!("{row}\n"));
        }
    }
    program.write("test.jsonl", &text);
    "kind = \"rewardbench-2\"\npath = \"test.jsonl\"\n".to_owned()
}

#[test]
fn the_position_tells_nothing_about_four_replies_shown_together() {
    let program = Program::new();
    let suite = four_way(&program);
    at_chance(&rows(&program, &suite, &ORDERS), 0.25);
}

#[test]
fn the_position_tells_nothing_about_four_replies_shown_in_pairs() {
    let program = Program::new();
    let suite = four_way(&program) + "protocol = \"pairwise\"\n";
    // Three independent games must be won: 2^-3. The headline alone: a group with few wins by chance also has too small
    // a standard error, and ten of them are looked at.
    standing_at_chance(&rows(&program, &suite, &ORDERS), &["headline"], 0.125);
}

/// JudgeBench's stored order is neutral, so it may be shown as it is; the sample's labels stand half and half.
#[test]
fn a_given_order_is_shown_as_it_is_stored() {
    let data = root().join("examples/data/judgebench");
    let suite =
        format!("kind = \"judgebench\"\nrule = \"single-game\"\npath = '{}'\n", data.display());
    let rows = rows(&Program::new(), &suite, &["given"]);
    let headline = of_order(&rows, "given").find(|row| row["headline"] == true).unwrap();
    // examples/data/README.md: each of the two labels occurs twelve times.
    assert_eq!((headline["credit"].as_f64(), headline["n"].as_u64()), (Some(12.0), Some(24)));
}
