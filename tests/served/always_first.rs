//! The labels of candidates carry no gold: a judge that always answers A earns what the first position earns.
//!
//! `order_bias.rs` holds that the first position earns what guessing does.

use serde_json::{Value, json};
use tribunal_scripted::Server;

use super::always_first;
use crate::program::{Program, root};

/// The suites that are shipped, the orders they allow, and the prompt that fits.
const SUITES: [(&str, &str, &str, &[&str]); 6] = [
    ("rmb", "rmb", "pairwise", &["seeded", "both", "rotations", "random:2", "swap-first"]),
    ("rewardbench", "rewardbench", "rewardbench", &["seeded", "both", "swap-first"]),
    ("rm-bench", "rm-bench", "pairwise", &["seeded", "both", "swap-first"]),
    ("judgebench", "judgebench", "judgebench-arena-hard", &["given", "seeded", "both"]),
    ("best-of", "best-of", "ranking", &["seeded", "both", "rotations", "random:3", "swap-first"]),
    (
        "rewardbench-2",
        "rewardbench-2",
        "rewardbench-2-ranking",
        &["swap-first", "seeded", "both", "rotations"],
    ),
];

#[test]
fn a_judge_that_always_answers_a_earns_what_the_first_position_earns() {
    let server = Server::start(|request| {
        let text = request.json().to_string();
        // The arena-hard protocol has labels of its own.
        if request.method == "POST" && text.contains("[[A>>B]]") {
            return tribunal_scripted::Reply::json(super::chat("[[A>B]]"));
        }
        always_first(request)
    })
    .keep_bodies(false);
    for (kind, folder, prompt, orders) in SUITES {
        // What looks at positions takes lists whole unless it is told otherwise.
        let protocol = if prompt.contains("ranking") { "listwise" } else { "pairwise" };
        let program = Program::new();
        let listed = program.run(["show", kind]).with_code(0).out();
        let data = root().join("examples/data").join(folder);
        let suite = example(&listed, &data.display().to_string(), kind);
        let recipe = format!(
            "seed = 5\n\n[generator.served]\nkind = \"http.chat\"\nbase-url = \"{}\"\nmodel = \"judge-1\"\nconcurrency = 64\n\n\
             [source.judge]\nkind = \"judge\"\ngenerator = \"served\"\nprompt = \"{prompt}\"\n\n\
             [source.first]\nkind = \"baseline.position\"\nprotocol = \"{protocol}\"\n\n{suite}\n[factors]\n\"run.order\" = {}\n",
            server.url(),
            json!(orders)
        );
        program.write("r.toml", &recipe);
        let ran = program.run(["run", "--json", "--quiet", "--accept-unverified", "r.toml"]);
        let report = ran.with_code(0).json();
        let rows = report["measures"].as_array().unwrap();
        let headline = |source: &str, order: &str| -> Vec<Value> {
            let found = rows.iter().filter(|row| {
                row["source"] == source
                    && row["levels"]["run.order"] == order
                    && ["headline", "group"].contains(&row["standing"].as_str().unwrap())
            });
            found
                .map(|row| json!([row["measure"], row["subset"], row["value"], row["n"]]))
                .collect()
        };
        for order in orders {
            let judge = headline("judge", order);
            assert!(!judge.is_empty(), "{kind} {order}");
            assert_eq!(judge, headline("first", order), "{kind} {order}");
        }
    }
}

/// A suite's block on its sample data. Ties of RewardBench 2 asks for scores of single replies and stays out.
fn example(shown: &str, data: &str, kind: &str) -> String {
    let line = |key: &str| {
        let found =
            shown.lines().map(str::trim).find(|line| line.starts_with(&format!("{key} = ")));
        found.map(|line| format!("{line}\n")).unwrap_or_default()
    };
    let path = line("path");
    let path = path.trim().trim_start_matches("path = ").trim_matches('"');
    let file = path.rsplit_once(&format!("examples/data/{kind}")).map_or("", |(_, rest)| rest);
    let mut block =
        format!("[suite.data]\nkind = \"{kind}\"\npath = '{data}{file}'\n{}", line("fields"));
    if kind == "rewardbench-2" {
        block.push_str(
            "subsets = [\"Factuality\", \"Precise IF\", \"Math\", \"Safety\", \"Focus\"]\n",
        );
    }
    block
}
