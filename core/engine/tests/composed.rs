//! Routes, panels and votes in whole runs, against sources and a suite made for the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, best_of};
use tribunal_api::*;
use tribunal_engine::plan::Plan;
use tribunal_engine::ready::Loaded as Read;
use tribunal_engine::ready::Ready;
use tribunal_engine::recipe::Recipe;
use tribunal_engine::run::{self, Options, Stop};
use tribunal_engine::store::RunFolder;
use tribunal_engine::summary::{self, ReportRow, Summary};

/// How often each source was asked about each question.
type Asked = Arc<Mutex<HashMap<String, usize>>>;

#[derive(Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The most candidates of a question.
    most: Option<u16>,
    /// Whether single candidates are scored.
    single: bool,
    /// Items whose last candidate wins, which is a wrong one.
    wrong: Vec<usize>,
    /// Items without a readable verdict.
    silent: Vec<usize>,
    /// Items whose candidates tie.
    tied: Vec<usize>,
    /// Items that get no answer.
    lost: Vec<usize>,
    /// What the winner scores; others score 0.
    high: Option<f64>,
    /// Added to all scores.
    offset: f64,
    /// What the winner scores, one per sample; then the source draws.
    draws: Vec<f64>,
    /// Part of the identity alone.
    nickname: String,
}

/// Knows the right candidates by their text, `right ITEM INDEX`, and errs as it is told.
struct Fake(Config, Asked);

impl Fake {
    fn answer(&self, question: &Question) -> Result<Vec<Answer>, SourceError> {
        let Config { wrong, silent, tied, lost, high, offset, draws, nickname, .. } = &self.0;
        let texts = question.candidates();
        *self.1.lock().unwrap().entry(format!("{nickname}: {}", texts.join("|"))).or_default() += 1;
        let item: usize = texts[0].split(' ').nth(1).unwrap().parse().unwrap();
        if lost.contains(&item) {
            return Err(SourceError::Rejected { message: "made for the test".into() });
        }
        if silent.contains(&item) {
            return Ok(vec![Answer::abstain(Reason::Truncated, "")]);
        }
        let given = [high.unwrap_or(1.0)];
        let draws = if draws.is_empty() { &given[..] } else { draws };
        let last = [" 3", " 3", " 3", " 3", " 2", " 2", " 1", " 1"][item];
        let wins = |text: &str| match wrong.contains(&item) {
            _ if tied.contains(&item) => false,
            true => text.ends_with(last),
            false => text.starts_with("right"),
        };
        let draws = draws.iter().map(|high| {
            let score = |text: &Arc<str>| if wins(text) { high + offset } else { *offset };
            Answer::scores(texts.iter().map(score))
        });
        draws.collect()
    }
}

#[async_trait]
impl RewardSource for Fake {
    fn arity(&self) -> Arity {
        let most = self.0.most.unwrap_or(1);
        Arity { least: if self.0.single || most == 1 { 1 } else { 2 }, most }
    }

    fn draws(&self) -> bool {
        !self.0.draws.is_empty()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let name = format!("fake {}", self.0.nickname);
        Ok(match self.0.nickname.as_str() {
            "served" => Identity::of_alias(name),
            _ => Identity::of_content(name, "0"),
        })
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        batch.iter().map(|question| self.answer(question)).collect()
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Items 0 to 7: lists of four in subset `Lists`, two of three right in `Ties`, which wants scores, pairs in `Pairs/a`.
struct Mixed;

impl Suite for Mixed {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "mixed".into(),
            version: "1".into(),
            licence: "none needed".into(),
            source: "made for the test".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "half".into(),
                failures: "wrong".into(),
            },
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        let subsets = ["Lists", "Lists", "Lists", "Lists", "Ties", "Ties", "Pairs/a", "Pairs/a"];
        let items = subsets.iter().enumerate().map(|(item, subset)| {
            let (right, count) = match *subset {
                "Lists" => (1, 4),
                "Ties" => (2, 3),
                _ => (1, 2),
            };
            let text = |index: usize| match index < right {
                true => format!("right {item} {index}"),
                false => format!("other {item} {index}"),
            };
            Item {
                subset: Arc::from(*subset),
                id: Arc::from(item.to_string()),
                topic: Arc::from("mixed"),
                cluster: Cluster::Conversation,
                prompt: Arc::from([Turn::user(format!("question {item}"))]),
                candidates: (0..count).map(|index| Candidate::of_text(text(index))).collect(),
                gold: Item::gold_first(right, count),
                tags: Default::default(),
            }
        });
        Ok(Loaded { items: items.collect(), absent: Vec::new() })
    }

    fn contest(&self, subset: &str) -> Contest {
        if subset == "Ties" { Contest::ScoresOnly } else { Contest::BestAgainstEach }
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Half);
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        let credit = if guess.protocol == Protocol::Pairwise { 0.5 } else { 0.25 };
        vec![Grade::new("accuracy", credit)]
    }

    fn aggregates(&self, _: &[Arc<str>]) -> Vec<Aggregate> {
        vec![Aggregate::new("accuracy", "", Standing::Headline, Tree::all("accuracy"))]
    }
}

fn card(kind: &'static str) -> Card {
    let self_check = SelfCheck::Skip;
    Card { kind, summary: "for tests", version: "1", example: "", self_check }
}

fn registry(asked: &Asked) -> Registry {
    let mut registry = Registry::new();
    let shared = asked.clone();
    registry.source(card("fake"), move |config: Config, _| Ok(Fake(config, shared.clone())));
    registry.suite(card("mixed"), |_: Nothing, _| Ok(Mixed));
    registry
}

/// A finished run.
struct Ran {
    ready: Ready,
    summary: Summary,
    asked: HashMap<String, usize>,
    folder: tempfile::TempDir,
}

impl Ran {
    fn rows<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a ReportRow> {
        self.summary.measures.iter().filter(move |row| row.source == source)
    }

    fn headline<'a>(&'a self, source: &'a str) -> &'a ReportRow {
        self.rows(source).find(|row| row.headline).unwrap()
    }

    fn sources(&self) -> Vec<(&str, &str)> {
        let cells = &self.ready.stored.cells;
        let sources = &self.ready.stored.sources;
        cells.iter().map(|cell| &sources[cell.source]).map(|s| (&*s.name, &*s.kind)).collect()
    }
}

/// Two sources with a suite whose subsets are cut to the lists, unless the recipe says more.
const LISTS: &str = "[suite.mixed]\nkind = \"mixed\"\nsubsets = [\"Lists\"]\n";
const ALL: &str = "[suite.mixed]\nkind = \"mixed\"\n";

fn parsed(recipe: &str) -> Recipe {
    Recipe::parse(recipe, Path::new("test.toml"), &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

async fn ran(recipe: &str) -> Ran {
    let asked = Asked::default();
    let registry = registry(&asked);
    let plan = Plan::resolve(&parsed(recipe), &registry);
    let plan = plan.unwrap_or_else(|faults| panic!("{faults}"));
    let read = Read::read(plan, None).unwrap_or_else(|faults| panic!("{faults}"));
    let ready = read.identify().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let run = RunFolder::create(path, "", &ready.stored, &ready.suites, false).unwrap();
    run::drive(&ready, &run, &Options::default(), Vec::new(), Stop::default()).await.unwrap();
    let (summary, damage) = summary::summarise(&run, &registry, None).unwrap();
    assert!(damage.is_empty());
    let asked = asked.lock().unwrap().clone();
    Ran { ready, summary, asked, folder }
}

/// All that is wrong with a recipe, in one text.
fn faults(recipe: &str) -> String {
    let recipe = match Recipe::parse(recipe, Path::new("test.toml"), &[]) {
        Ok(recipe) => recipe,
        Err(faults) => return faults.render(false),
    };
    match Plan::resolve(&recipe, &registry(&Asked::default())) {
        Err(faults) => faults.render(false),
        Ok(plan) => Read::read(plan, None).err().map(|faults| faults.render(false)).unwrap(),
    }
}

const ROUTED: &str = "[source.ranking]\nkind = \"fake\"\nnickname = \"ranks\"\nmost = 9\norder = \"swap-first\"\nwrong = [1]\n\
    [source.ratings]\nkind = \"fake\"\nnickname = \"rates\"\nwrong = [5]\n\
    [source.both]\nkind = \"route\"\ndefault = \"ranking\"\nsubsets = { Ties = \"ratings\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_route_ranks_lists_and_rates_what_needs_scores() {
    let ran = ran(&format!("{ROUTED}{ALL}")).await;
    assert_eq!(ran.sources(), [("both", "route")], "those it leads to are not asked by themselves");
    // 4 lists and 2 pairs in one presentation, 2 x 3 single candidates.
    let ranked = ran.asked.keys().filter(|key| key.starts_with("ranks")).count();
    let rated = ran.asked.keys().filter(|key| key.starts_with("rates")).count();
    assert_eq!((ranked, rated), (6, 6));
    // Wrong are list 1 and tie 5: 6 of 8.
    let row = ran.headline("both");
    assert_eq!((row.value, row.n), (Some(0.75), 8));
    assert_eq!(row.protocol, "pointwise + pairwise + listwise");
    assert_eq!(row.rules.order, "swap-first + seeded");
    let card = ran.summary.run.sources.iter().find(|source| source.name == "both").unwrap();
    assert_eq!((card.kind.as_str(), card.strength.as_str()), ("route", "weights"));
    assert_eq!(card.identity, "route of fake ranks, fake rates");
    assert!(ran.summary.complete.complete);
    assert_eq!(ran.summary.complete.planned, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_a_route_leads_to_is_asked_alone_where_its_suites_say_so_and_shares_its_answers()
 {
    let recipe = ROUTED.replace("wrong = [5]", "wrong = [5]\nsuites = [\"mixed\"]");
    let ran = ran(&format!("{recipe}{ALL}")).await;
    assert_eq!(ran.sources(), [("ratings", "fake"), ("both", "route")]);
    assert!(ran.asked.values().all(|count| *count == 1), "nothing is asked twice");
    assert_eq!(ran.headline("both").value, Some(0.75));
    assert_eq!(ran.headline("ratings").value, Some(0.875));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_subsets_is_led_by_a_star() {
    let recipe =
        ROUTED.replace("Ties = \"ratings\"", "Ties = \"ratings\", \"Pairs/*\" = \"ratings\"");
    let ran = ran(&format!("{recipe}{ALL}")).await;
    assert_eq!(ran.headline("both").protocol, "pointwise + listwise");
}

/// Members that err in items 0, 1 and 2 of the four lists, of different identities.
fn three(panel: &str) -> String {
    let member = |name: &str, wrong: usize| {
        format!(
            "[source.{name}]\nkind = \"fake\"\nnickname = \"{name}\"\nmost = 9\nwrong = [{wrong}]\n"
        )
    };
    let members = [member("one", 0), member("two", 1), member("three", 1)].concat();
    format!("{members}[source.jury]\nkind = \"panel\"\n{panel}{LISTS}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_goes_with_its_majority_and_asks_nothing_that_its_members_are_asked_alone() {
    let ran = ran(&three("members = [\"one\", \"two\", \"three\"]\n")).await;
    assert!(ran.asked.values().all(|count| *count == 1));
    assert_eq!(ran.asked.len(), 12);
    // Two of three err in item 1 alone.
    assert_eq!(ran.headline("jury").value, Some(0.75));
    assert_eq!(ran.headline("one").value, Some(0.75));
    assert_eq!(ran.headline("jury").protocol, "listwise");
    assert_eq!(ran.headline("jury").rules.vote.as_deref(), Some("majority of 3 members"));
    assert_eq!(ran.headline("one").rules.vote, None);
    assert!(ran.rows("jury").all(|row| !row.measure.starts_with("position/")));
    assert!(ran.rows("one").any(|row| row.measure.starts_with("position/")));
    let (counts, total) = run::counts(&ran.ready);
    assert_eq!((counts[3].trials, counts[3].distinct, counts[3].new), (12, 12, 0));
    assert_eq!(total.new, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_turn_a_majority() {
    // One (weight 2) errs in item 0, the others in item 1: 2 : 2 in both.
    let even = "members = [{ source = \"one\", weight = 2 }, \"two\", \"three\"]\n";
    assert_eq!(ran(&three(even)).await.headline("jury").value, Some(0.75), "two halves and two");
    let heavy = "members = [{ source = \"one\", weight = 2.5 }, \"two\", \"three\"]\n";
    let heavy = ran(&three(heavy)).await;
    assert_eq!(heavy.headline("jury").value, heavy.headline("one").value);
    // The two halves are lost, or fall to the first member, which is right in item 1 and wrong in item 0.
    let lost = format!("{even}ties = \"loss\"\n");
    assert_eq!(ran(&three(&lost)).await.headline("jury").value, Some(0.5));
    let first = format!("{lost}tie-break = \"first-member\"\n");
    assert_eq!(ran(&three(&first)).await.headline("jury").value, Some(0.75));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_alike_are_no_better_than_one() {
    let coin = |name: &str| {
        format!(
            "[source.{name}]\nkind = \"fake\"\nmost = 2\nwrong = [0, 3]\ntied = [2]\nsilent = [6]\n"
        )
    };
    let coins = ["a", "b", "c"].map(coin).concat();
    let suite = "[suite.mixed]\nkind = \"mixed\"\nsubsets = [\"Lists\", \"Pairs\"]\n";
    let recipe =
        format!("{coins}[source.jury]\nkind = \"panel\"\nmembers = [\"a\", \"b\", \"c\"]\n{suite}");
    let ran = ran(&recipe).await;
    assert!(ran.asked.values().all(|count| *count == 1), "equal sources are one");
    let said = |source: &str| {
        let row = ran.headline(source);
        (row.value, row.n, row.chance, row.low, row.high, row.abstained, row.protocol.clone())
    };
    assert_eq!(said("jury"), said("a"));
    // Right are item 1 and 7, item 2 ties (1/2), 6 abstains: 2.5 of 6.
    assert_eq!(said("jury").0, Some(2.5 / 6.0));
    let figures = |source: &str| -> Vec<(String, Option<f64>)> {
        let rows = ran.rows(source).filter(|row| !row.measure.starts_with("position/"));
        let rows = rows.filter(|row| !row.measure.starts_with("abstentions/"));
        rows.map(|row| (row.measure.clone(), row.value)).collect()
    };
    assert_eq!(figures("jury"), figures("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_of_one_is_that_one_in_every_figure() {
    let recipe = format!(
        "[source.a]\nkind = \"fake\"\nmost = 9\nsingle = true\nwrong = [0]\nsilent = [1]\n[source.jury]\nkind = \"panel\"\nmembers = [\"a\"]\n{ALL}"
    );
    let ran = ran(&recipe).await;
    let rows = |source: &str| -> Vec<ReportRow> {
        ran.rows(source).map(|row| ReportRow { source: String::new(), ..row.clone() }).collect()
    };
    assert_eq!(rows("jury"), rows("a"));
    assert_eq!(ran.headline("jury").protocol, "pointwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_different_protocols_vote_on_the_same_comparisons() {
    // A judge of pairs, a classifier, and a route: wrong in items 0, 0 and 1. Of each other item two or three are right.
    let recipe = format!(
        "[source.judge]\nkind = \"fake\"\nnickname = \"pairs\"\nmost = 2\nwrong = [0]\n\
         [source.classifier]\nkind = \"fake\"\nnickname = \"rates\"\nhigh = 9.0\nwrong = [0]\n\
         [source.ranking]\nkind = \"fake\"\nnickname = \"ranks\"\nmost = 9\nwrong = [1]\n\
         [source.led]\nkind = \"route\"\nsubsets = {{ Lists = \"ranking\" }}\nsuites = []\n\
         [source.jury]\nkind = \"panel\"\nmembers = [\"judge\", \"classifier\", \"led\"]\n{LISTS}"
    );
    let ran = ran(&recipe).await;
    let names: Vec<&str> = ran.sources().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["judge", "classifier", "jury"]);
    let row = ran.headline("jury");
    assert_eq!((row.value, row.protocol.as_str()), (Some(0.75), "pairwise best-against-each"));
    assert!(ran.asked.values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn classifiers_are_averaged_on_one_scale() {
    // Each gives its high score to one candidate of each of the six items and 0 to the other 14, so on its own scale
    // each says the same two numbers. Two small voices err in items 0 and 2, a loud one in item 1.
    let member = |name: &str, high: f64, wrong: &str| {
        format!(
            "[source.{name}]\nkind = \"fake\"\nnickname = \"{name}\"\nhigh = {high:?}\nwrong = [{wrong}]\n"
        )
    };
    let members =
        [member("low", 1.0, "0, 2"), member("soft", 2.0, "0, 2"), member("loud", 900.0, "1")]
            .concat();
    let suite = "[suite.mixed]\nkind = \"mixed\"\nsubsets = [\"Pairs/a\", \"Lists\"]\n";
    let panel = |keys: &str| {
        format!(
            "{members}[source.jury]\nkind = \"panel\"\nmembers = [\"low\", \"soft\", \"loud\"]\n{keys}{suite}"
        )
    };
    let mean = ran(&panel("vote = \"mean\"\n")).await;
    assert_eq!(mean.headline("jury").protocol, "pointwise");
    // Two against one: items 0 and 2 are wrong.
    assert_eq!(mean.headline("jury").value, Some(4.0 / 6.0));
    let raw = ran(&panel("vote = \"mean\"\nnormalise = \"none\"\n")).await;
    // The loud voice decides: item 1 alone is wrong.
    assert_eq!(raw.headline("jury").value, Some(5.0 / 6.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_incomplete_when_a_member_is_unanswered_and_abstentions_of_members_are_counted()
{
    let recipe = format!(
        "[source.one]\nkind = \"fake\"\nnickname = \"one\"\nmost = 9\nlost = [3]\nsuites = []\n\
         [source.two]\nkind = \"fake\"\nnickname = \"two\"\nmost = 9\nsilent = [0]\nsuites = []\n\
         [source.jury]\nkind = \"panel\"\nmembers = [\"one\", \"two\"]\n{LISTS}"
    );
    let ran = ran(&recipe).await;
    assert_eq!(ran.sources(), [("jury", "panel")]);
    let complete = &ran.summary.complete;
    assert_eq!((complete.planned, complete.answered), (8, 7));
    let row = ran.headline("jury");
    assert_eq!((row.value, row.n, row.abstained), (Some(1.0), 3, 0));
    let silent = ran.rows("jury").find(|row| row.measure == "abstentions/truncated").unwrap();
    assert_eq!((silent.value, silent.n), (Some(1.0), 6), "of two readouts of three items");
    assert!(ran.summary.notes.iter().any(|note| note.contains("16.7 %")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_is_known_as_well_as_the_member_that_is_known_least() {
    let recipe = format!(
        "[source.one]\nkind = \"fake\"\nnickname = \"one\"\n[source.two]\nkind = \"fake\"\nnickname = \"served\"\n\
         [source.jury]\nkind = \"panel\"\nvote = \"mean\"\nmembers = [\"one\", \"two\"]\n{ALL}"
    );
    let ran = ran(&recipe).await;
    let card = ran.summary.run.sources.iter().find(|source| source.name == "jury").unwrap();
    assert_eq!(card.strength, "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_vote_as_the_recipe_says() {
    // Draws 9, -1, -1 of right candidates against 0: the mean 7/3 wins, majority, median and the least lose.
    for (vote, value) in [("mean", 1.0), ("majority", 0.0), ("median", 0.0), ("min", 0.0)] {
        let ran = drawn(vote).await;
        assert_eq!(ran.headline("one").value, Some(value), "{vote}");
        let first = ran.rows("one").find(|row| row.measure == "first@1").unwrap();
        assert_eq!(first.value, Some(1.0), "the first draw alone wins");
        let word = (vote != "mean").then(|| vote.to_owned());
        assert_eq!(ran.headline("one").rules.vote, word);
    }
}

async fn drawn(vote: &str) -> Ran {
    ran(&format!(
        "[source.one]\nkind = \"fake\"\ndraws = [9.0, -1.0, -1.0]\nsamples = 3\n{LISTS}[run]\nvote = \"{vote}\"\n"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_varies_a_member_varies_its_panel_and_its_route() {
    let recipe = format!("{ROUTED}{ALL}[factors]\n\"source.ratings.wrong\" = [[4], [4, 5]]\n");
    let ran = ran(&recipe).await;
    assert_eq!(ran.sources(), [("both", "route"), ("both", "route")]);
    let values: Vec<Option<f64>> =
        ran.rows("both").filter(|row| row.headline).map(|row| row.value).collect();
    assert_eq!(values, [Some(6.0 / 8.0), Some(5.0 / 8.0)]);
    let cards = ran.summary.run.sources.iter();
    let told = cards.filter(|card| card.name == "ratings" && !card.levels.is_empty()).count();
    assert_eq!(told, 2, "both variants of the member are told apart");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_cells_are_stored_as_they_were_before_there_were_members() {
    let ran = ran(&format!("[source.one]\nkind = \"fake\"\n{ALL}")).await;
    let cell = serde_json::to_value(&ran.ready.stored.cells[0]).unwrap();
    let keys: Vec<&str> = cell.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["source", "suite", "manner"]);
    let manner: Vec<&str> =
        cell["manner"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(manner, ["order", "samples", "combiner", "rules", "forms"]);
    let folder = RunFolder::open(ran.folder.path().join("run")).unwrap();
    assert_eq!(folder.plan().unwrap(), ran.ready.stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_panel_reads_back_and_an_odd_member_is_refused() {
    let ran = ran(&three("members = [\"one\", { source = \"two\", weight = 2 }]\n")).await;
    let path = ran.folder.path().join("run");
    let folder = RunFolder::open(&path).unwrap();
    assert_eq!(folder.plan().unwrap(), ran.ready.stored);
    let mut plan = serde_json::to_value(&ran.ready.stored).unwrap();
    plan["cells"][3]["members"][1]["source"] = serde_json::json!(99);
    std::fs::write(path.join("plan.json"), plan.to_string()).unwrap();
    assert!(folder.plan().is_err());
}

const PAIR: &str =
    "[source.one]\nkind = \"fake\"\nmost = 9\n[source.two]\nkind = \"fake\"\nmost = 9\n";

#[test]
fn what_is_wrong_with_a_route_or_a_panel_is_said_at_its_place() {
    let said = |blocks: &str| faults(&format!("{PAIR}{blocks}{LISTS}"));
    let has = |text: &str, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
    };
    has(
        &said("[source.r]\nkind = \"route\"\ndefault = \"onne\"\n"),
        &["there is no source `onne`", "did you mean `one`", "test.toml:9:11"],
    );
    has(&said("[source.r]\nkind = \"route\"\n"), &["route `r` leads nowhere"]);
    has(&said("[source.r]\nkind = \"route\"\ndefault = \"r\"\n"), &["route `r` names itself"]);
    let circle = said(
        "[source.r]\nkind = \"route\"\ndefault = \"p\"\n[source.p]\nkind = \"panel\"\nmembers = [\"one\", \"r\"]\n",
    );
    has(&circle, &["route `r` leads back to itself: `r`, `p`, `r`"]);
    assert_eq!(circle.matches("leads back").count(), 1);
    has(
        &said("[source.r]\nkind = \"route\"\ndefault = \"one\"\norder = \"both\"\nsubset = 1\n"),
        &[
            "a route is not asked itself, so it takes no `order`",
            "unknown key `subset`",
            "did you mean `subsets`",
        ],
    );
    has(&said("[source.p]\nkind = \"panel\"\n"), &["panel `p` has no `members`"]);
    has(&said("[source.p]\nkind = \"panel\"\nmembers = []\n"), &["`members` is empty"]);
    has(
        &said(
            "[source.p]\nkind = \"panel\"\nmembers = [\"one\", { source = \"one\", weight = 0 }, { weigth = 1 }, 7]\n",
        ),
        &[
            "`weight` takes a number above 0",
            "unknown key `weigth`",
            "names no `source`",
            "not the number `7`",
        ],
    );
    has(
        &said(
            "[source.p]\nkind = \"panel\"\nmembers = [\"one\", \"one\"]\nnormalise = \"z\"\ntie-break = \"coin\"\n",
        ),
        &[
            "member twice",
            "`normalise` means nothing",
            "`tie-break` has no value `coin`",
            "tie, first-member, seeded",
        ],
    );
    has(
        &said(
            "[source.p]\nkind = \"panel\"\nvote = \"min\"\nmembers = [\"one\", { source = \"two\", weight = 2 }]\n",
        ),
        &["`weight` means nothing"],
    );
    has(&said("[source.p]\nkind = \"pannel\"\n"), &["did you mean `panel`"]);
}

#[test]
fn subsets_that_a_route_names_must_be_there_and_all_must_lead_somewhere() {
    let routed = |keys: &str| faults(&format!("{PAIR}[source.r]\nkind = \"route\"\n{keys}{ALL}"));
    let text = routed("default = \"one\"\nsubsets = { Tie = \"two\" }\n");
    assert!(text.contains("has a subset `Tie`") && text.contains("did you mean `Ties`"), "{text}");
    let text = routed("subsets = { Lists = \"two\" }\n");
    assert!(text.contains("route `r` leads subset `Pairs/a` of suite `mixed` nowhere"), "{text}");
    let text = routed("default = \"one\"\n");
    assert!(text.contains("needs scores of single candidates"), "{text}");
    assert!(text.contains("asked for this one"), "{text}");
}

#[test]
fn a_majority_cannot_answer_what_needs_scores() {
    let raters = "[source.one]\nkind = \"fake\"\n[source.two]\nkind = \"fake\"\n";
    let text = faults(&format!(
        "{raters}[source.p]\nkind = \"panel\"\nmembers = [\"one\", \"two\"]\n{ALL}"
    ));
    assert!(text.contains("panel `p` votes on comparisons, and subset `Ties`"), "{text}");
}

#[test]
fn a_recipe_that_asks_nobody_says_so() {
    let text = faults(&format!("[source.one]\nkind = \"fake\"\nsuites = []\n{LISTS}"));
    assert!(text.contains("no source is asked about any suite"), "{text}");
}
