//! What panels make of votes and scores, by hand and by law.

use std::sync::Arc;

use tribunal_api::{Candidate, Cluster, Contest, Item, grading};

use super::*;

const A: CandidateIndex = CandidateIndex(0);
const B: CandidateIndex = CandidateIndex(1);

/// An item whose first candidates are right, with one digest a candidate.
fn case(right: usize, count: usize) -> Case {
    let texts = (0..count).map(|index| Digest::of_text(&format!("candidate {index}"))).collect();
    let item = Item {
        subset: Arc::from("s"),
        id: Arc::from("1"),
        topic: Arc::from("s"),
        cluster: Cluster::Conversation,
        prompt: Arc::from([]),
        candidates: vec![Candidate::default(); count],
        gold: Item::gold_first(right, count),
        tags: Default::default(),
    };
    let prompt = Digest::of_text("prompt");
    Case { item, prompt, texts, lengths: None, cluster: 0, weight: 1.0 }
}

fn form(protocol: Protocol) -> Form {
    Form { protocol, contest: Contest::BestAgainstEach }
}

fn rules(vote: Vote, tie_break: TieBreak) -> PanelRules {
    PanelRules { vote, tie_break, normalise: Normalise::None }
}

const MAJORITY: PanelRules =
    PanelRules { vote: Vote::Majority, tie_break: TieBreak::Tie, normalise: Normalise::None };

/// A pairwise verdict: the margin of the first candidate; none for an abstention.
fn verdict(margin: Option<f64>) -> Outcome {
    let mut outcome = Outcome::listwise(&[margin.unwrap_or(0.0), 0.0]);
    if margin.is_none() {
        let reason = Reason::Truncated;
        outcome.shown[0].samples =
            vec![Readout::Abstained(Abstention { reason, note: String::new() })];
    }
    outcome
}

fn together(
    case: &Case,
    protocol: Protocol,
    said: &[(&Outcome, f64)],
    rules: &PanelRules,
) -> Outcome {
    let voters: Vec<Voter<'_>> = said
        .iter()
        .map(|&(outcome, weight)| Voter { outcome, weight, scale: Scale::OWN })
        .collect();
    combine(case, form(protocol), &voters, rules, 7)
}

/// The votes for both candidates of a pair, by margins and weights of the members.
fn pair(members: &[(Option<f64>, f64)], rules: &PanelRules) -> Option<[f64; 2]> {
    let outcomes: Vec<Outcome> = members.iter().map(|(margin, _)| verdict(*margin)).collect();
    let said: Vec<(&Outcome, f64)> =
        outcomes.iter().zip(members).map(|(outcome, (_, weight))| (outcome, *weight)).collect();
    let outcome = together(&case(1, 2), Protocol::Pairwise, &said, rules);
    Some([outcome.score(A)?, outcome.score(B)?])
}

#[test]
fn two_votes_beat_one_whatever_their_margins() {
    let votes = pair(&[(Some(0.1), 1.0), (Some(0.2), 1.0), (Some(-9.0), 1.0)], &MAJORITY).unwrap();
    assert!((votes[0] - 2.0 / 3.0).abs() < 1e-12 && (votes[1] - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_weight_of_two_is_two_votes() {
    // 1 + 1 against 2 is even; 1 + 1 against 3 is lost.
    let even = pair(&[(Some(1.0), 1.0), (Some(1.0), 1.0), (Some(-1.0), 2.0)], &MAJORITY);
    assert_eq!(even, Some([0.5, 0.5]));
    let lost = pair(&[(Some(1.0), 1.0), (Some(1.0), 1.0), (Some(-1.0), 3.0)], &MAJORITY);
    assert_eq!(lost, Some([0.4, 0.6]));
}

#[test]
fn rounding_decides_no_even_split() {
    // In floating point 0.1 + 0.2 is more than 0.3.
    let votes = pair(&[(Some(1.0), 0.1), (Some(1.0), 0.2), (Some(-1.0), 0.3)], &MAJORITY).unwrap();
    assert_eq!(votes[0], votes[1]);
}

#[test]
fn a_tie_gives_half_a_vote_to_each_and_an_abstention_none() {
    assert_eq!(pair(&[(Some(0.0), 1.0), (Some(1.0), 1.0)], &MAJORITY), Some([0.75, 0.25]));
    assert_eq!(pair(&[(None, 5.0), (Some(-1.0), 1.0)], &MAJORITY), Some([0.0, 1.0]));
}

#[test]
fn a_panel_abstains_when_all_members_do_for_the_first_ones_reason() {
    assert_eq!(pair(&[(None, 1.0), (None, 1.0)], &MAJORITY), None);
    let silent = verdict(None);
    let outcome = together(&case(1, 2), Protocol::Pairwise, &[(&silent, 1.0)], &MAJORITY);
    assert_eq!((outcome.questions(), outcome.abstained()), (1, 1));
    let Readout::Abstained(abstention) = &outcome.shown[0].samples[0] else { panic!("it voted") };
    assert_eq!(abstention.reason, Reason::Truncated);
}

#[test]
fn an_even_split_is_settled_by_the_tie_rule() {
    let split = [(Some(-1.0), 1.0), (Some(1.0), 1.0)];
    let margin = |members: &[(Option<f64>, f64)], rule| {
        let [one, other] = pair(members, &rules(Vote::Majority, rule)).unwrap();
        one - other
    };
    assert_eq!(margin(&split, TieBreak::Tie), 0.0);
    assert!(margin(&split, TieBreak::FirstMember) < 0.0);
    assert!(margin(&[split[1], split[0]], TieBreak::FirstMember) > 0.0);
    // The first member ties itself, so the second, the first that tells them apart, decides.
    let undecided = [(Some(0.0), 1.0), (Some(-1.0), 1.0), (Some(1.0), 1.0)];
    assert!(margin(&undecided, TieBreak::FirstMember) < 0.0);
    // Which one is drawn depends on seed and texts alone, not on the order of members.
    let drawn = margin(&split, TieBreak::Seeded);
    assert_ne!(drawn, 0.0);
    assert_eq!(margin(&[split[1], split[0]], TieBreak::Seeded), drawn);
    for rule in [TieBreak::Tie, TieBreak::FirstMember, TieBreak::Seeded] {
        assert_eq!(margin(&[(Some(0.0), 1.0), (Some(0.0), 1.0)], rule), 0.0, "nobody is split");
    }
}

#[test]
fn a_seeded_tie_falls_to_either_side_about_equally() {
    let [one, other] = [verdict(Some(1.0)), verdict(Some(-1.0))];
    let seeded = rules(Vote::Majority, TieBreak::Seeded);
    // 400 prompts, p = 1/2: standard deviation 10; 4 of them are allowed.
    let won = (0..400).filter(|place| {
        let case = Case { prompt: Digest::of_text(&place.to_string()), ..case(1, 2) };
        let outcome = together(&case, Protocol::Pairwise, &[(&one, 1.0), (&other, 1.0)], &seeded);
        outcome.margin(A, B).unwrap() > 0.0
    });
    let won = won.count();
    assert!((160..=240).contains(&won), "{won}");
}

#[test]
fn votes_of_several_kinds_are_reduced_by_hand() {
    let members = [(Some(1.0), 1.0), (Some(1.0), 1.0), (Some(-1.0), 1.0)];
    let votes = |vote| pair(&members, &rules(vote, TieBreak::Tie)).unwrap();
    assert_eq!(votes(Vote::Mean), votes(Vote::Majority));
    assert_eq!(votes(Vote::Median), [1.0, 0.0]);
    // One member against: no candidate has everybody's vote.
    assert_eq!(votes(Vote::Min), [0.0, 0.0]);
    let agreed = pair(&[(Some(1.0), 1.0), (Some(2.0), 1.0)], &rules(Vote::Min, TieBreak::Tie));
    assert_eq!(agreed, Some([1.0, 0.0]));
}

#[test]
fn a_list_goes_to_the_candidate_with_most_votes() {
    // Best are 0, 1 and (2 and 1 alike): 1 vote, 1 1/2 and 1/2 of 3.
    let members = [[3.0, 1.0, 2.0], [0.0, 9.0, 8.0], [1.0, 4.0, 4.0]].map(Outcome::pointwise);
    let said: Vec<(&Outcome, f64)> = members.iter().map(|outcome| (outcome, 1.0)).collect();
    let outcome = together(&case(1, 3), Protocol::Listwise, &said, &MAJORITY);
    assert_eq!(outcome.protocol, Protocol::Listwise);
    let votes: Vec<f64> =
        case(1, 3).item.indices().map(|one| outcome.score(one).unwrap()).collect();
    for (votes, by_hand) in votes.iter().zip([1.0 / 3.0, 0.5, 1.0 / 6.0]) {
        assert!((votes - by_hand).abs() < 1e-12, "{votes}");
    }
}

#[test]
fn judges_of_pairs_and_scores_of_single_candidates_vote_in_the_same_contest() {
    // Candidate 0 is right. The judge sees 0 > 1 and 0 < 2; the scores say 0 > 1 and 0 > 2: 2 : 0 and an even split.
    let mut judge = verdict(Some(1.0));
    let mut second = verdict(Some(-1.0)).shown.remove(0);
    second.order[1] = CandidateIndex(2);
    judge.shown.push(second);
    let scores = Outcome::pointwise([5.0, 1.0, 4.0]);
    let said = [(&judge, 1.0), (&scores, 1.0)];
    let outcome = together(&case(1, 3), Protocol::Pairwise, &said, &MAJORITY);
    assert_eq!(outcome.margin(A, B), Some(1.0));
    assert_eq!(outcome.margin(A, CandidateIndex(2)), Some(0.0));
    assert_eq!(outcome.shown.len(), 2);
}

#[test]
fn one_member_alone_or_three_alike_earn_what_it_earns() {
    let lists: [&[f64]; 5] =
        [&[3.0, 1.0, 2.0], &[1.0, 3.0, 3.0], &[2.0, 2.0, 1.0], &[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]];
    let ties = [grading::TieRule::Loss, grading::TieRule::Half, grading::TieRule::Split];
    for scores in lists {
        let coin = Outcome::pointwise(scores.iter().copied());
        for (right, rule) in [(1, ties[0]), (1, ties[1]), (1, ties[2]), (2, ties[2])] {
            let case = case(right, 3);
            let credit = |outcome: &Outcome| {
                grading::best_of(outcome, &case.item, rule, grading::FailureRule::Wrong)
            };
            let protocols = [
                (Protocol::Pointwise, rules(Vote::Mean, TieBreak::Tie)),
                (Protocol::Pointwise, rules(Vote::Median, TieBreak::Tie)),
                (Protocol::Pointwise, rules(Vote::Min, TieBreak::Tie)),
                (Protocol::Listwise, MAJORITY),
            ];
            for (protocol, rules) in protocols {
                for said in [vec![(&coin, 1.0)], vec![(&coin, 1.0); 3]] {
                    let panel = together(&case, protocol, &said, &rules);
                    assert_eq!(credit(&panel), credit(&coin), "{scores:?} {protocol:?} {rule:?}");
                }
            }
        }
    }
}

#[test]
fn normalised_scores_give_the_mean_and_the_least_of_a_worked_example() {
    // Two items of a chosen and a rejected score. Member one says 1, 3 and 5, 7: mean 4, squares 9 + 1 + 1 + 9 over 4,
    // deviation sqrt 5. Member two says 30, 10 and 20, 20: mean 20, squares 100 + 100 over 4, deviation sqrt 50.
    let one = Scale::of([1.0, 3.0, 5.0, 7.0].into_iter());
    let two = Scale::of([30.0, 10.0, 20.0, 20.0].into_iter());
    let scored = |first: [f64; 2], second: [f64; 2], vote| {
        let (first, second) = (Outcome::pointwise(first), Outcome::pointwise(second));
        let voters = [
            Voter { outcome: &first, weight: 1.0, scale: one },
            Voter { outcome: &second, weight: 1.0, scale: two },
        ];
        let rules = PanelRules { vote, tie_break: TieBreak::Tie, normalise: Normalise::Z };
        let outcome = combine(&case(1, 2), form(Protocol::Pointwise), &voters, &rules, 0);
        assert_eq!(outcome.protocol, Protocol::Pointwise);
        [outcome.score(A).unwrap(), outcome.score(B).unwrap()]
    };
    let near = |found: [f64; 2], by_hand: [f64; 2]| {
        let close = |place: usize| (found[place] - by_hand[place]).abs() < 1e-12;
        assert!(close(0) && close(1), "{found:?} {by_hand:?}");
    };
    // First item: z of one -3/sqrt 5 = -1.3416 and -1/sqrt 5 = -0.4472; z of two 10/sqrt 50 = 1.4142 and -1.4142.
    let (five, fifty) = (5f64.sqrt(), 50f64.sqrt());
    let mean = [(-3.0 / five + 10.0 / fifty) / 2.0, (-1.0 / five - 10.0 / fifty) / 2.0];
    near(scored([1.0, 3.0], [30.0, 10.0], Vote::Mean), mean);
    // 0.0363 against -0.9307: right, although the raw sums would say so with 31 against 13, too; the least scores are
    // -1.3416 and -1.4142: right by little.
    assert!(mean[0] > mean[1]);
    near(scored([1.0, 3.0], [30.0, 10.0], Vote::Min), [-3.0 / five, -10.0 / fifty]);
    // Second item: 1/sqrt 5 and 3/sqrt 5 against 0 and 0: the mean and the least are wrong.
    near(scored([5.0, 7.0], [20.0, 20.0], Vote::Mean), [0.5 / five, 1.5 / five]);
    near(scored([5.0, 7.0], [20.0, 20.0], Vote::Min), [0.0, 0.0]);
}

#[test]
fn equal_scores_have_no_scale_and_no_scores_none_either() {
    assert_eq!(Scale::of([4.0, 4.0].into_iter()).apply(4.0), 0.0);
    assert_eq!(Scale::of(std::iter::empty()).apply(4.0), 4.0);
}

#[test]
fn a_member_without_a_score_for_one_candidate_has_no_vote_on_the_item() {
    let mut partial = Outcome::pointwise([100.0, 0.0]);
    partial.shown.pop();
    let whole = Outcome::pointwise([1.0, 2.0]);
    let mean = rules(Vote::Mean, TieBreak::Tie);
    let said = [(&partial, 1.0), (&whole, 1.0)];
    let outcome = together(&case(1, 2), Protocol::Pointwise, &said, &mean);
    assert_eq!((outcome.score(A), outcome.score(B)), (Some(1.0), Some(2.0)));
    let silent = together(&case(1, 2), Protocol::Pointwise, &said[..1], &mean);
    assert_eq!(silent.abstained(), 2);
}

#[test]
fn weights_of_any_size_leave_shares() {
    let most = f64::MAX;
    let votes =
        pair(&[(Some(1.0), most), (Some(-1.0), most), (Some(1.0), f64::MIN_POSITIVE)], &MAJORITY);
    assert_eq!(votes, Some([0.5, 0.5]));
}

#[test]
fn a_weighted_median_lies_where_half_of_the_weight_does() {
    let median = |said: &[(f64, f64)]| reduced(Vote::Median, said.to_vec());
    assert_eq!(median(&[(1.0, 5.0)]), Some(5.0));
    assert_eq!(median(&[(1.0, 1.0), (1.0, 4.0)]), Some(2.5));
    assert_eq!(median(&[(1.0, 9.0), (1.0, 1.0), (1.0, 4.0)]), Some(4.0));
    assert_eq!(median(&[(1.0, 1.0), (3.0, 4.0)]), Some(4.0));
    assert_eq!(median(&[(2.0, 1.0), (1.0, 4.0), (1.0, 9.0)]), Some(2.5));
    assert_eq!(median(&[]), None);
}
