//! RM-Bench: BENCHMARKS.md 4.1.

use super::Finished;

/// The check values with length as score: subset, hard, normal, easy, mean.
const LENGTH: [(&str, [&str; 4]); 4] = [
    ("chat", ["0.025840", "0.284238", "0.811370", "0.373816"]),
    ("safety-refuse", ["0.023474", "0.158451", "0.889671", "0.357199"]),
    ("safety-response", ["0.237792", "0.777070", "0.987261", "0.667374"]),
    ("safety", ["0.099773", "0.378685", "0.924414", "0.467624"]),
];

#[test]
fn length_gives_the_figures_of_every_present_domain() {
    let Some(run) = Finished::of_real("rm-bench-length.toml") else { return };
    for (subset, expected) in LENGTH {
        for (measure, expected) in ["hard", "normal", "easy", "accuracy"].into_iter().zip(expected)
        {
            let row = run.row("length", "rm-bench", subset, measure);
            assert_eq!(row.value(6), expected, "{subset} {measure}");
        }
    }
    let bytes = run.row("length-in-bytes", "rm-bench", "safety-refuse", "hard");
    assert_eq!(bytes.value(6), "0.021127");
    // 129 chat prompts, 284 + 157 safety prompts pooled by example.
    assert_eq!(run.row("length", "rm-bench", "chat", "accuracy").number("n"), 129.0);
    assert_eq!(run.row("length", "rm-bench", "safety", "accuracy").number("n"), 441.0);
}
