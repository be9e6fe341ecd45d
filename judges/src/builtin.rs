//! The prompts and criteria that come with the program, as the texts of their files.

/// The built-in prompts by name: our own first, then those that follow a published protocol.
const PROMPTS: [(&str, &str); 16] = [
    ("pairwise", include_str!("../prompts/pairwise.toml")),
    ("pairwise-tie", include_str!("../prompts/pairwise-tie.toml")),
    ("pointwise", include_str!("../prompts/pointwise.toml")),
    ("ranking", include_str!("../prompts/ranking.toml")),
    ("ratings-json", include_str!("../prompts/ratings-json.toml")),
    ("yes-no", include_str!("../prompts/yes-no.toml")),
    ("rewardbench", include_str!("../prompts/rewardbench.toml")),
    ("rewardbench-2-ranking", include_str!("../prompts/rewardbench-2-ranking.toml")),
    ("rewardbench-2-ratings", include_str!("../prompts/rewardbench-2-ratings.toml")),
    ("rewardbench-2-ties", include_str!("../prompts/rewardbench-2-ties.toml")),
    ("judgebench-arena-hard", include_str!("../prompts/judgebench-arena-hard.toml")),
    ("judgebench-vanilla", include_str!("../prompts/judgebench-vanilla.toml")),
    ("rmb-pairwise", include_str!("../prompts/rmb-pairwise.toml")),
    ("prometheus-absolute", include_str!("../prompts/prometheus-absolute.toml")),
    ("prometheus-relative", include_str!("../prompts/prometheus-relative.toml")),
    ("skywork-critic", include_str!("../prompts/skywork-critic.toml")),
];

const NAMES: [&str; PROMPTS.len()] = {
    let mut names = [""; PROMPTS.len()];
    let mut at = 0;
    while at < PROMPTS.len() {
        names[at] = PROMPTS[at].0;
        at += 1;
    }
    names
};

const GENERAL: &[(&str, &str)] = &[("general", include_str!("../criteria/general.toml"))];
const PER_SCENARIO: &[(&str, &str)] = &[
    ("rmb", include_str!("../criteria/rmb.toml")),
    ("rewardbench-2", include_str!("../criteria/rewardbench-2.toml")),
];

/// The text of a built-in prompt file, or `None` for a name that is not one of [`names`].
pub fn prompt(name: &str) -> Option<&'static str> {
    PROMPTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the built-in prompts, our own first.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// The files of a set of criteria, each with its name and text: `general`, or `per-scenario` (the topics of RMB and of
/// RewardBench 2). `None` for any other set.
pub fn criteria(set: &str) -> Option<&'static [(&'static str, &'static str)]> {
    match set {
        "general" => Some(GENERAL),
        "per-scenario" => Some(PER_SCENARIO),
        _ => None,
    }
}

/// The names of the built-in sets of criteria.
pub fn criteria_sets() -> &'static [&'static str] {
    &["general", "per-scenario"]
}
