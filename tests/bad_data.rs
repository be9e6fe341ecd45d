//! Malformed data files: an error with file and record or line, exit code 2, and never a panic.

use std::io::Write;
use std::path::Path;

use crate::program::{Program, Ran, root};

/// A suite recipe over one file, checked by `validate`.
fn validate(program: &Program, kind: &str, path: &Path, more: &str) -> Ran {
    let text = format!(
        "[source.length]\nkind = \"baseline.length\"\n[suite.bad]\nkind = \"{kind}\"\npath = \"{}\"\n{more}\n",
        path.display()
    );
    let recipe = program.write("bad.toml", &text);
    program.run(["validate", recipe.to_str().unwrap()])
}

#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    let said = ran.err();
    assert_eq!(ran.code(), 2, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not said in:\n{said}");
    }
}

const PAIR: &str = r#"{"pair_uid": "1", "category_path": "Pairwise_set/Harmlessness/S1",
 "conversation_input": [{"role": "user", "content": "hi"}],
 "chosen": {"answer": "a", "llm_name": "m"}, "reject": {"answer": "b", "llm_name": "m"}}"#;

fn rmb(program: &Program, text: &[u8]) -> Ran {
    let file = program.folder().join("rmb/Pairwise_set/Harmlessness/S1.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    validate(program, "rmb", &program.folder().join("rmb"), "")
}

#[test]
fn a_sound_rmb_file_is_accepted() {
    rmb(&Program::new(), format!("[{PAIR}]").as_bytes()).with_code(0);
}

#[test]
fn truncated_json_is_refused_with_its_line() {
    let text = format!("[{PAIR},\n{}", &PAIR[..PAIR.len() - 20]);
    refused(&rmb(&Program::new(), text.as_bytes()), &["S1.json", "line"]);
}

#[test]
fn a_wrong_key_is_named_with_the_record() {
    let text = format!(
        "[{PAIR}, {}]",
        PAIR.replace("\"reject\"", "\"rejected\"").replace("\"1\"", "\"2\"")
    );
    refused(&rmb(&Program::new(), text.as_bytes()), &["S1.json", "record 2", "reject", "rejected"]);
}

#[test]
fn nan_is_refused_with_its_line() {
    let text = format!("[{}]", PAIR.replace("\"a\"", "NaN"));
    refused(&rmb(&Program::new(), text.as_bytes()), &["S1.json", "line"]);
}

#[test]
fn a_duplicate_id_is_refused_with_both_records() {
    refused(
        &rmb(&Program::new(), format!("[{PAIR},{PAIR}]").as_bytes()),
        &["S1.json", "record", "`1`"],
    );
}

#[test]
fn invalid_utf_8_is_refused() {
    let mut text = format!("[{PAIR}]").into_bytes();
    let place = text.windows(3).position(|part| part == b"\"a\"").unwrap();
    text[place + 1] = 0xff;
    refused(&rmb(&Program::new(), &text), &["S1.json", "line"]);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!("[{}]", PAIR.replace("\"a\"", &deep));
    refused(&rmb(&Program::new(), text.as_bytes()), &["S1.json"]);
}

#[test]
fn an_empty_list_of_losers_is_refused() {
    let program = Program::new();
    let file = program.folder().join("rmb/BoN_set/Harmlessness/S1.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = r#"[{"bon_uid": "7", "category_path": "BoN_set/Harmlessness/S1",
      "conversation_input": [{"role": "user", "content": "hi"}],
      "bon_best": {"answer": "a", "llm_name": "m"}, "loser_list": []}]"#;
    std::fs::write(&file, text).unwrap();
    let ran = validate(&program, "rmb", &program.folder().join("rmb"), "");
    refused(&ran, &["S1.json", "record 1"]);
}

#[test]
fn an_empty_candidate_list_is_refused_with_its_line() {
    let program = Program::new();
    let path = program.write(
        "lists.jsonl",
        "{\"id\": \"1\", \"q\": \"x\", \"c\": [\"a\", \"b\"], \"b\": 0}\n{\"id\": \"2\", \"q\": \"x\", \"c\": [], \"b\": 0}\n",
    );
    let fields = "fields = { id = \"id\", prompt = \"q\", candidates = \"c\", best = \"b\" }";
    refused(&validate(&program, "best-of", &path, fields), &["lists.jsonl", "line 2"]);
}

#[test]
fn a_line_of_200_megabytes_is_refused_and_not_kept_in_memory() {
    let program = Program::new();
    let path = program.folder().join("long.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    file.write_all(b"{\"id\": \"1\", \"q\": \"").unwrap();
    for _ in 0..200 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\"}\n").unwrap();
    drop(file);
    let fields = "fields = { id = \"id\", prompt = \"q\", candidates = \"c\", best = \"b\" }";
    refused(&validate(&program, "best-of", &path, fields), &["long.jsonl", "1"]);
}

#[test]
fn a_parquet_file_that_is_none_is_refused() {
    let program = Program::new();
    let path = program.write("rb2.parquet", "PAR1 this is no parquet file PAR1");
    refused(&validate(&program, "rewardbench-2", &path, ""), &["rb2.parquet"]);
}

#[test]
fn a_recorded_file_with_nan_stops_before_anything_is_asked() {
    let program = Program::new();
    let scores = program.write("scores.jsonl", "{\"id\": \"1\", \"s\": [1.0, NaN]}\n");
    let text = format!(
        "[source.recorded]\nkind = \"baseline.recorded\"\npath = \"{}\"\nfields = {{ id = \"id\", scores = \"s\" }}\n\
         [suite.rmb]\nkind = \"rmb\"\npath = \"{}/examples/data/rmb\"\n",
        scores.display(),
        root().display()
    );
    let recipe = program.write("r.toml", &text);
    let ran = program.run(["run", recipe.to_str().unwrap()]);
    assert_eq!(ran.code(), 6, "{}", ran.err());
    for word in ["scores.jsonl", "line 1", "hint"] {
        assert!(ran.err().contains(word), "{}", ran.err());
    }
    assert!(!program.folder().join("runs").exists());
}
