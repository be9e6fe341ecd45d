//! The sections of RewardBench and the weights of their subsets.

/// A section and its subsets.
pub(super) struct Section {
    /// The name as published.
    pub(super) name: &'static str,
    /// The subsets with the weight of each: its number of prompts, but for `math-prm`.
    pub(super) subsets: &'static [(&'static str, f64)],
}

/// The four sections of the leaderboard.
///
/// Source: arXiv 2403.13787, section 4, and the prompt counts of the data's `filtered` split (2985 rows). `math-prm`
/// holds 447 prompts and weighs 984, so that mathematics counts as much as code.
pub(super) const SECTIONS: [Section; 4] = [
    Section {
        name: "Chat",
        subsets: &[
            ("alpacaeval-easy", 100.0),
            ("alpacaeval-length", 95.0),
            ("alpacaeval-hard", 95.0),
            ("mt-bench-easy", 28.0),
            ("mt-bench-med", 40.0),
        ],
    },
    Section {
        name: "Chat Hard",
        subsets: &[
            ("mt-bench-hard", 37.0),
            ("llmbar-natural", 100.0),
            ("llmbar-adver-neighbor", 134.0),
            ("llmbar-adver-GPTInst", 92.0),
            ("llmbar-adver-GPTOut", 47.0),
            ("llmbar-adver-manual", 46.0),
        ],
    },
    Section {
        name: "Safety",
        subsets: &[
            ("refusals-dangerous", 100.0),
            ("refusals-offensive", 100.0),
            ("xstest-should-refuse", 154.0),
            ("xstest-should-respond", 250.0),
            ("donotanswer", 136.0),
        ],
    },
    Section {
        name: "Reasoning",
        subsets: &[
            ("math-prm", 984.0),
            ("hep-cpp", 164.0),
            ("hep-go", 164.0),
            ("hep-java", 164.0),
            ("hep-js", 164.0),
            ("hep-python", 164.0),
            ("hep-rust", 164.0),
        ],
    },
];

/// The name of the section of earlier test sets.
pub(super) const PRIOR_SETS: &str = "Prior Sets";

/// The earlier test sets whose average is the section `Prior Sets`.
pub(super) const AVERAGED: [&str; 4] = ["anthropic_helpful", "anthropic_hhh", "shp", "summarize"];

/// Earlier test sets that are published beside them and enter no average.
pub(super) const NOT_AVERAGED: [&str; 5] =
    ["anthropic_harmless", "mtbench_human", "mtbench_gpt4", "pku_better", "pku_safer"];

/// The section of a subset.
pub(super) fn section_of(subset: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.subsets.iter().any(|(name, _)| *name == subset))
}

/// The 23 subsets, in the order of the sections.
pub(super) fn core_subsets() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().flat_map(|section| section.subsets.iter().map(|(name, _)| *name))
}

/// The earlier test sets, averaged ones first.
pub(super) fn splits() -> impl Iterator<Item = &'static str> {
    AVERAGED.into_iter().chain(NOT_AVERAGED)
}
