//! A run that is killed asks nothing twice but what was under way.

use std::collections::HashMap;
use std::time::Duration;

use tribunal_scripted::{Reply, Server};

use super::*;

const IN_FLIGHT: usize = 16;

#[test]
fn a_kill_repeats_only_the_requests_that_were_under_way() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => models(),
        _ => Reply::json(chat("[[A]]")).after(Duration::from_millis(20)),
    });
    let program = Program::new();
    let suite = pairs(&program, 200);
    let generator = format!("concurrency = {IN_FLIGHT}");
    program.write("r.toml", &judge(&server.url(), &suite, &generator, ""));
    for kill_at in [150, 250] {
        let mut child =
            program.command(["run", "--quiet", "--accept-unverified", "r.toml"]).spawn().unwrap();
        assert!(server.wait_for(kill_at, Duration::from_secs(60)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let before = stored_trials(&run_folder(&program)).len();
    assert!(before > 50, "{before}");
    program.run(["run", "--json", "--quiet", "--accept-unverified", "r.toml"]).with_code(0);
    let stored = stored_trials(&run_folder(&program));
    assert_eq!((stored.len(), different(&stored)), (400, 400));
    // The self-check's questions are asked by every process; they name no sums.
    let mut times: HashMap<String, usize> = HashMap::new();
    for prompt in prompts(&server.requests()).into_iter().filter(|text| text.contains("It is ")) {
        *times.entry(prompt).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 400);
    let repeated: usize = times.values().map(|count| count - 1).sum();
    assert!(repeated <= 2 * IN_FLIGHT, "{repeated} requests were sent again");
}
