//! The simulation of `examples/coverage.rs` in daily form: fewer replications, one setting.

#[path = "../examples/coverage.rs"]
#[allow(dead_code)]
mod coverage;

#[test]
fn intervals_on_clustered_data_hold_the_truth_about_95_times_in_100() {
    // 400 replications: the standard error of a share near 0.95 is 1.1 points; four of these are allowed.
    for accuracy in [0.5, 0.9] {
        let row = coverage::simulate(42, accuracy, 400, 300);
        assert!((90.6..=99.4).contains(&row.reported), "p {accuracy}: {:.1} %", row.reported);
        assert!(row.alone < 85.0, "drawing items alone ignores clusters: {:.1} %", row.alone);
    }
}
