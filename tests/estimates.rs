//! What `plan` says a recipe would cost: calls before and after equal questions are asked once, tokens, dollars, time.

use serde_json::{Value, json};
use tribunal_scripted::{Reply, Server};

use crate::program::{Program, root, shared_data};

/// A generator that plan asks nothing of.
const GENERATOR: &str = r#"
[generator.model]
kind = "http.chat"
provider = "openai"
base-url = "http://127.0.0.1:9"
model = "local-judge"
"#;

fn plan(program: &Program, recipe: &str, more: &[&str]) -> Value {
    let path = program.write("recipe.toml", recipe);
    let arguments = ["plan", path.to_str().unwrap(), "--json"];
    program.run(arguments.iter().chain(more).copied()).with_code(0).json()
}

#[test]
fn a_pairwise_judge_on_rmb_costs_its_pairs_and_its_lists_of_which_most_are_the_same() {
    let Some(data) = shared_data() else { return };
    let program = Program::new();
    let recipe = format!(
        r#"
{GENERATOR}
[source.judge]
kind = "judge"
generator = "model"
prompt = "rmb-pairwise"
order = "both"
[suite.rmb]
kind = "rmb"
path = "{}"
"#,
        data.join("rmb").display()
    );
    let value = plan(&program, &recipe, &[]);
    let expected = &value["estimate"];
    // All of RMB holds 17131 pairs; of the data 3 files with 977 + 849 + 762 = 2588 of them are absent, so 14543 stand.
    // The lists hold 8714 comparisons of the best reply with a loser. Each is asked in both orders.
    assert_eq!(expected["before"]["calls"], 2 * (17_131 - 2_588 + 8_714));
    // Different (conversation, first text, second text), counted over the files by another program: 29015 of the pairs,
    // and 2430 of the lists that the pairs do not hold.
    assert_eq!(expected["after"]["calls"], 29_015 + 2_430);
    assert_eq!(value["total"]["new"], 29_015 + 2_430);
    assert_eq!(expected["after"]["usd"], Value::Null, "the price is not known");
    assert_eq!(value["unpriced"], json!(["local-judge"]));
    let tokens = |when: &str, what: &str| expected[when][what].as_u64().unwrap();
    assert!(tokens("after", "input-tokens") > 1000 * tokens("after", "calls") / 10);
    assert!(tokens("after", "input-tokens") < tokens("before", "input-tokens"));
}

#[test]
fn the_protocol_of_rewardbench_2_costs_a_call_a_row_and_a_call_a_completion_of_ties() {
    let program = Program::new();
    let recipe = format!(
        r#"
{GENERATOR}
[source.ranking]
kind = "judge"
generator = "model"
prompt = "rewardbench-2-ranking"
sampling = {{ max-tokens = 2048 }}
[source.ratings]
kind = "judge"
generator = "model"
prompt = "rewardbench-2-ties"
sampling = {{ max-tokens = 1024 }}
[source.protocol]
kind = "route"
default = "ranking"
subsets = {{ Ties = "ratings" }}
[suite.rewardbench-2]
kind = "rewardbench-2"
path = "{}/examples/data/rewardbench-2"
[price]
"local-judge" = {{ input = 1000000.0, output = 1000000.0 }}
"#,
        root().display()
    );
    let value = plan(&program, &recipe, &[]);
    let [before, after] = ["before", "after"].map(|when| &value["estimate"][when]);
    // The sample holds 5 x 4 = 20 rows outside Ties, ranked in one call each, and 8 rows of Ties with 40 completions
    // (40 different ones), rated in one call each.
    assert_eq!((&before["calls"], &after["calls"]), (&json!(20 + 40), &json!(20 + 40)));
    assert_eq!(after["output-tokens"], 20 * 2048 + 40 * 1024);
    // At a dollar a token the dollars are the tokens.
    let tokens = after["input-tokens"].as_u64().unwrap() + after["output-tokens"].as_u64().unwrap();
    assert_eq!(after["usd"], json!(tokens as f64));
    assert_eq!(value["prices"][0]["listed"], Value::Null, "the price is the recipe's");
}

/// A recipe with a judge over two pairs of our own.
fn small(program: &Program, base_url: &str, model: &str) -> String {
    let rows = "{\"id\": 1, \"q\": \"Why?\", \"a\": \"So.\", \"b\": \"No.\"}\n\
                {\"id\": 2, \"q\": \"How?\", \"a\": \"Thus.\", \"b\": \"Not.\"}\n";
    program.write("pairs.jsonl", rows);
    format!(
        r#"
[generator.model]
kind = "http.chat"
provider = "openai"
base-url = "{base_url}"
model = "{model}"
[source.judge]
kind = "judge"
generator = "model"
prompt = "pairwise"
order = "both"
[suite.own]
kind = "pairs"
path = "pairs.jsonl"
fields = {{ id = "id", prompt = "q", chosen = "a", rejected = "b" }}
"#
    )
}

#[test]
fn plan_names_the_price_it_used_and_never_prints_an_unknown_one_as_nothing() {
    let program = Program::new();
    let path = program.write("r.toml", &small(&program, "http://127.0.0.1:9", "gpt-4o"));
    let said = program.run(["plan", path.to_str().unwrap()]).with_code(0).out();
    assert!(said.contains("estimate: 4 calls (4 before"), "{said}");
    assert!(
        said.contains(
            "price of gpt-4o: 2.5 USD in, 10 USD out per million tokens (list prices of 20"
        ),
        "{said}"
    );
    assert!(said.contains("tokens in: estimated from characters"), "{said}");
    assert!(said.contains("time unknown (nothing measured yet)"), "{said}");
    let path = program.write("r.toml", &small(&program, "http://127.0.0.1:9", "nobody-knows"));
    let said = program.run(["plan", path.to_str().unwrap()]).with_code(0).out();
    assert!(
        said.contains("USD unknown") && said.contains("price of nobody-knows: unknown"),
        "{said}"
    );
    assert!(!said.contains("0.00"), "{said}");
}

#[test]
fn plan_of_controls_shows_no_costs() {
    let program = Program::new();
    let recipe =
        small(&program, "http://127.0.0.1:9", "m").replace("[source.judge]", "[source.length]");
    let recipe = recipe.replace(
        "kind = \"judge\"\ngenerator = \"model\"\nprompt = \"pairwise\"",
        "kind = \"baseline.length\"",
    );
    let path = program.write("r.toml", &recipe);
    let said = program.run(["plan", path.to_str().unwrap()]).with_code(0).out();
    assert!(!said.contains("USD") && !said.contains("tokens"), "{said}");
    let value = plan(&program, &recipe, &[]);
    assert_eq!((&value["estimate"], &value["cells"][0]["estimate"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_time_comes_from_an_earlier_run_of_the_same_source() {
    let server = Server::start(|_| {
        Reply::json(json!({
            "id": "1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "[[A]]" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10 },
        }))
        .after(std::time::Duration::from_millis(30))
    });
    let program = Program::new();
    let recipe = small(&program, &server.url(), "m");
    let path = program.write("r.toml", &recipe);
    let run = ["run", path.to_str().unwrap(), "--accept-unverified", "-q"];
    program.run(run).with_code(0);
    let value = plan(&program, &recipe, &[]);
    let seconds = value["estimate"]["seconds"].as_f64().expect("it was measured");
    // 4 calls of 30 ms and more, at most 4 at a time.
    assert!((0.03..30.0).contains(&seconds), "{seconds}");
}
