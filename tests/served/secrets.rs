//! A key is named by its variable and stands nowhere else.

use std::path::Path;

use serde_json::json;
use tribunal_scripted::{Reply, Server};

use super::*;

const KEY: &str = "sk-made/for+this\"test";

/// All files below a folder that hold the key, as it is, in JSON, or in a URL.
fn holding_key(folder: &Path) -> Vec<String> {
    let forms = [KEY.to_owned(), json!(KEY).to_string(), "sk-made%2Ffor%2Bthis%22test".to_owned()];
    let forms = forms.map(|form| form.trim_matches('"').to_owned());
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if forms.iter().any(|form| text.contains(form.as_str())) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_key_that_the_server_echoes_everywhere_is_in_no_output_of_the_run() {
    let server = Server::start(|request| {
        if request.method == "GET" {
            return models();
        }
        let error = json!({ "error": { "message": format!("key {KEY} is tired"), "code": KEY } });
        match request.number % 9 {
            3 => Reply::status(500, error),
            5 => Reply::status(400, error),
            7 => Reply::text(200, &format!("<html>{KEY}</html>")),
            _ => Reply::json(chat(&format!("I was asked with {KEY}. [[A]]")))
                .header("x-request-id", KEY),
        }
    });
    let program = Program::new();
    let suite = pairs(&program, 30);
    let run = "retry = { attempts = 3, wait = \"5ms\" }\ntolerance = 1.0\n";
    program.write("r.toml", &judge(&server.url(), &suite, "api-key-env = \"MADE_KEY\"", run));
    let args = ["run", "--verbose", "--accept-unverified", "r.toml"];
    let output = program.command(args).env("MADE_KEY", KEY).output().unwrap();
    let said =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{}", said[1]);
    assert!(said.iter().all(|text| !text.contains(KEY)), "{}", said[1]);
    assert!(said[1].contains("[MADE_KEY]"), "{}", said[1]);
    assert_eq!(holding_key(program.folder()), Vec::<String>::new());
    // The key itself did reach the server.
    let sent = server.requests();
    let bearer = format!("Bearer {KEY}");
    assert!(sent.iter().all(|request| request.header("authorization") == Some(&bearer)));
}

#[test]
fn a_variable_that_is_not_set_is_named_with_the_remedy() {
    let server = Server::start(always_first);
    let program = Program::new();
    let suite = pairs(&program, 2);
    program.write("r.toml", &judge(&server.url(), &suite, "api-key-env = \"NO_SUCH_KEY\"", ""));
    let ran = program.run(["run", "r.toml"]).with_code(6);
    assert!(ran.err().contains("NO_SUCH_KEY"), "{}", ran.err());
}
