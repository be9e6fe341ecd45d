//! The 49 scenarios of RMB, the files that hold them, and how many records each file has.
//!
//! Counts: the published data, `RMB_dataset/` of `Zhou-Zoey/RMB-Reward-Model-Benchmark`. They add up to 10,067 and
//! 7,064 pairs, 2,109 and 1,677 lists.

/// One of the two halves of RMB: what a record asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// A better and a worse answer.
    Pairwise,
    /// A best answer and two to six losers.
    BestOfN,
}

impl Set {
    /// Both sets, pairs first.
    pub(super) const ALL: [Set; 2] = [Set::Pairwise, Set::BestOfN];

    /// The set's folder, which is the first level of `category_path`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Set::Pairwise => "Pairwise_set",
            Set::BestOfN => "BoN_set",
        }
    }

    /// The set of a subset or a category path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let first = path.split('/').next()?;
        Self::ALL.into_iter().find(|set| set.folder() == first)
    }
}

/// One of the two goals of RMB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// 12 tasks with 37 scenarios.
    Helpfulness,
    /// 12 scenarios without tasks, a hazard each.
    Harmlessness,
}

impl Goal {
    /// Both goals, in the order of the published table.
    pub(super) const ALL: [Goal; 2] = [Goal::Helpfulness, Goal::Harmlessness];

    /// The goal's folder, which is the second level of `category_path`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Goal::Helpfulness => "Helpfulness",
            Goal::Harmlessness => "Harmlessness",
        }
    }
}

/// A scenario of the published data.
pub(super) struct Scenario {
    /// The scenario's place below a set's folder, without `.json`.
    pub(super) topic: &'static str,
    /// The hazard that a harmlessness scenario is about; empty for helpfulness.
    pub(super) hazard: &'static str,
    /// Records of the pairwise file.
    pub(super) pairs: usize,
    /// Records of the best-of-N file.
    pub(super) lists: usize,
}

impl Scenario {
    /// The number of records of the scenario's file in a set.
    pub(super) fn records(&self, set: Set) -> usize {
        match set {
            Set::Pairwise => self.pairs,
            Set::BestOfN => self.lists,
        }
    }

    /// The scenario with this topic, if it is a published one.
    pub(super) fn of(topic: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.topic == topic)
    }
}

const fn helpful(topic: &'static str, pairs: usize, lists: usize) -> Scenario {
    Scenario { topic, hazard: "", pairs, lists }
}

const fn harmless(
    topic: &'static str,
    hazard: &'static str,
    pairs: usize,
    lists: usize,
) -> Scenario {
    Scenario { topic, hazard, pairs, lists }
}

/// All scenarios, helpfulness by task, then harmlessness.
pub(super) const SCENARIOS: [Scenario; 49] = [
    helpful("Helpfulness/Brainstorming/Idea Development", 849, 168),
    helpful("Helpfulness/Brainstorming/Problem Solving", 100, 19),
    helpful("Helpfulness/Chat/Casual Conversation", 306, 71),
    helpful("Helpfulness/Chat/Discussion", 293, 59),
    helpful("Helpfulness/Chat/Supportive Conversation", 114, 25),
    helpful("Helpfulness/Classification/Content Categorization", 107, 18),
    helpful("Helpfulness/Classification/Quality and Compliance Assessment", 57, 13),
    helpful("Helpfulness/Closed QA/ContextBased", 447, 86),
    helpful("Helpfulness/Closed QA/OptionBased", 473, 100),
    helpful("Helpfulness/Code/Data Management", 376, 81),
    helpful("Helpfulness/Code/Development and Implementation", 399, 92),
    helpful("Helpfulness/Code/Documentation", 65, 15),
    helpful("Helpfulness/Code/Quality and Optimization", 384, 92),
    helpful("Helpfulness/Generation/Creative Writing", 762, 151),
    helpful("Helpfulness/Generation/Professional Content Generation", 347, 74),
    helpful("Helpfulness/Open QA/Factual", 664, 153),
    helpful("Helpfulness/Open QA/General Explanation", 413, 80),
    helpful("Helpfulness/Open QA/Hypothetical Scenarios", 42, 8),
    helpful("Helpfulness/Open QA/Interpretative Analysis", 107, 18),
    helpful("Helpfulness/Open QA/Personal Opinion and Advice", 78, 14),
    helpful("Helpfulness/Open QA/Technical and Practical Support", 238, 47),
    helpful("Helpfulness/Reasoning/Analytical Reasoning", 596, 133),
    helpful("Helpfulness/Reasoning/Critical Thinking", 200, 39),
    helpful("Helpfulness/Reasoning/Human Decision Making", 165, 32),
    helpful("Helpfulness/Reasoning/Logical Deduction", 222, 46),
    helpful("Helpfulness/Reasoning/Pattern Recognition", 52, 14),
    helpful("Helpfulness/Rewrite/Paraphrasing", 83, 17),
    helpful("Helpfulness/Rewrite/PostQuality Assessment Rewriting", 222, 46),
    helpful("Helpfulness/Rewrite/Textual ExpansionReduction", 50, 9),
    helpful("Helpfulness/Rewrite/Tone Adjustment", 103, 17),
    helpful("Helpfulness/Role Playing/General Character", 163, 32),
    helpful("Helpfulness/Role Playing/Specific Character", 209, 46),
    helpful("Helpfulness/Summarization/Specialized Summaries", 189, 42),
    helpful("Helpfulness/Summarization/Standard Summaries", 341, 71),
    helpful("Helpfulness/Translation/GeneralExcerpt Language Translation", 483, 109),
    helpful("Helpfulness/Translation/Literary and Cultural Translation", 176, 34),
    helpful("Helpfulness/Translation/Technical and Scientific Translation", 192, 38),
    harmless("Harmlessness/S1", "Violent crimes", 459, 111),
    harmless("Harmlessness/S2", "Non-violent crimes", 1040, 249),
    harmless("Harmlessness/S3", "Sex-related crimes", 739, 171),
    harmless("Harmlessness/S4", "Child sexual exploitation", 537, 136),
    harmless("Harmlessness/S5", "Specialized advice", 561, 122),
    harmless("Harmlessness/S6", "Privacy", 317, 83),
    harmless("Harmlessness/S7", "Intellectual property", 510, 121),
    harmless("Harmlessness/S8", "Indiscriminate weapons", 519, 127),
    harmless("Harmlessness/S9", "Hate", 543, 132),
    harmless("Harmlessness/S10", "Suicide & self-harm", 360, 79),
    harmless("Harmlessness/S11", "Sexual content", 977, 215),
    harmless("Harmlessness/multi", "Several hazards", 502, 131),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_add_up_to_the_published_totals() {
        let total = |goal: Goal, set| -> usize {
            let of_goal = SCENARIOS.iter().filter(|one| one.topic.starts_with(goal.folder()));
            of_goal.map(|scenario| scenario.records(set)).sum()
        };
        assert_eq!(total(Goal::Helpfulness, Set::Pairwise), 10_067);
        assert_eq!(total(Goal::Harmlessness, Set::Pairwise), 7_064);
        assert_eq!(total(Goal::Helpfulness, Set::BestOfN), 2_109);
        assert_eq!(total(Goal::Harmlessness, Set::BestOfN), 1_677);
    }
}
