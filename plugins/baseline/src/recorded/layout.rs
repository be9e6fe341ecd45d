//! Checked settings: which parts a record must have, and how they are read.

use tribunal_api::SettingsError;
use tribunal_api::settings::Step;
use tribunal_tables::{BadPath, FieldPath};

use super::cells::Words;
use super::settings::{Config, FieldNames, Held, Paths, Swapped};

/// How the records of a file are read.
pub(super) struct Layout {
    /// Path of the suite's name, where the file tells it.
    pub(super) suite: Option<FieldPath>,
    /// Path of the subset, where the file tells it.
    pub(super) subset: Option<FieldPath>,
    /// Path of the id.
    pub(super) id: FieldPath,
    /// The number of the first candidate.
    pub(super) base: u16,
    /// The shape of the answers.
    pub(super) shape: Shape,
}

/// The shape of the answers.
pub(super) enum Shape {
    /// One record for each item, with the scores of all candidates.
    ScoreList(Entries),
    /// One record for each candidate.
    ScoreEach {
        /// Path of the candidate's number.
        candidate: FieldPath,
        /// Path of its score.
        score: FieldPath,
    },
    /// Verdicts on a pair in one or both orders.
    Verdicts {
        /// Paths of the numbers of the candidates; `None` for the first and the second candidate.
        pair: Option<[FieldPath; 2]>,
        /// The verdict in that order, then the one in the other order.
        verdicts: Entries,
        /// Which texts stand for which verdict.
        words: Words,
        /// What an order is worth that is not recorded.
        swapped: Swapped,
    },
    /// Path of the candidate numbers, best first.
    Ranking(FieldPath),
    /// Path of one rank for each candidate.
    Ranks(FieldPath),
}

/// Where several entries stand.
pub(super) enum Entries {
    /// In a list.
    List(FieldPath),
    /// Each under a path of its own.
    Each(Vec<FieldPath>),
}

impl Layout {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// The first setting that is wrong, missing, or without effect on the answers asked for.
    pub(super) fn new(config: Config) -> Result<Self, SettingsError> {
        let Config { answers, fields, candidate_base, swapped, values, .. } = config;
        refuse_foreign(answers, &fields)?;
        if answers != Held::Verdicts {
            for (key, given) in [("swapped", swapped.is_some()), ("values", values.is_some())] {
                if given {
                    return Err(foreign(vec![step(key)], key, Held::Verdicts, answers));
                }
            }
        }
        let FieldNames { suite, subset, id, .. } = &fields;
        let (suite, subset) = (optional("suite", suite)?, optional("subset", subset)?);
        let id = path(vec![step("id")], id)?;
        let shape = match answers {
            Held::Scores => scores(fields)?,
            Held::Verdicts => Shape::Verdicts {
                words: Words::new(values.unwrap_or_default())?,
                swapped: swapped.unwrap_or_default(),
                pair: match &fields.pair {
                    Some([first, second]) => Some([
                        path(vec![step("pair"), Step::Index(0)], first)?,
                        path(vec![step("pair"), Step::Index(1)], second)?,
                    ]),
                    None => None,
                },
                verdicts: verdicts(fields)?,
            },
            Held::Rankings => rankings(fields)?,
        };
        Ok(Self { suite, subset, id, base: candidate_base.unwrap_or(0), shape })
    }
}

fn scores(fields: FieldNames) -> Result<Shape, SettingsError> {
    match (fields.scores, fields.candidate, fields.score) {
        (Some(scores), None, None) => Ok(Shape::ScoreList(entries("scores", scores)?)),
        (None, Some(candidate), Some(score)) => Ok(Shape::ScoreEach {
            candidate: path(vec![step("candidate")], &candidate)?,
            score: path(vec![step("score")], &score)?,
        }),
        (Some(_), _, _) => Err(both("scores", "candidate` and `score")),
        (None, Some(_), None) => {
            Err(lacking("`candidate` needs `score`", "name the path of the score"))
        }
        (None, None, Some(_)) => Err(lacking(
            "`score` needs `candidate`",
            "name the path of the candidate's number, or write `scores` for the scores of all candidates",
        )),
        (None, None, None) => {
            Err(lacking("there is no path to scores", "set `scores`, or `candidate` and `score`"))
        }
    }
}

fn verdicts(fields: FieldNames) -> Result<Entries, SettingsError> {
    let found = match (fields.verdict, fields.verdicts) {
        (Some(one), None) => Entries::Each(vec![path(vec![step("verdict")], &one)?]),
        (None, Some(several)) => entries("verdicts", several)?,
        (Some(_), Some(_)) => return Err(both("verdicts", "verdict")),
        (None, None) => {
            return Err(lacking("there is no path to verdicts", "set `verdict` or `verdicts`"));
        }
    };
    match &found {
        Entries::Each(paths) if paths.len() > 2 => Err(fault(
            vec![step("verdicts")],
            format!("a pair has two orders, found {} paths", paths.len()),
        )
        .with_hint("name the verdict in stored order, then the one on the swapped pair")),
        _ => Ok(found),
    }
}

fn rankings(fields: FieldNames) -> Result<Shape, SettingsError> {
    match (fields.ranking, fields.ranks) {
        (Some(ranking), None) => Ok(Shape::Ranking(path(vec![step("ranking")], &ranking)?)),
        (None, Some(ranks)) => Ok(Shape::Ranks(path(vec![step("ranks")], &ranks)?)),
        (Some(_), Some(_)) => Err(both("ranking", "ranks")),
        (None, None) => Err(lacking("there is no path to rankings", "set `ranking` or `ranks`")),
    }
}

/// A field that the answers asked for do not have would silently do nothing.
fn refuse_foreign(answers: Held, fields: &FieldNames) -> Result<(), SettingsError> {
    let owned = [
        ("candidate", fields.candidate.is_some(), Held::Scores),
        ("score", fields.score.is_some(), Held::Scores),
        ("scores", fields.scores.is_some(), Held::Scores),
        ("pair", fields.pair.is_some(), Held::Verdicts),
        ("verdict", fields.verdict.is_some(), Held::Verdicts),
        ("verdicts", fields.verdicts.is_some(), Held::Verdicts),
        ("ranking", fields.ranking.is_some(), Held::Rankings),
        ("ranks", fields.ranks.is_some(), Held::Rankings),
    ];
    match owned.into_iter().find(|(_, given, owner)| *given && *owner != answers) {
        Some((key, _, owner)) => Err(foreign(vec![step("fields"), step(key)], key, owner, answers)),
        None => Ok(()),
    }
}

fn foreign(place: Vec<Step>, key: &str, owner: Held, answers: Held) -> SettingsError {
    let (owner, answers) = (owner.as_str(), answers.as_str());
    let mut fault = SettingsError::at(place, format!("`{key}` has no effect on {answers}"))
        .with_hint(format!("set `answers = \"{owner}\"`, or leave `{key}` out"));
    fault.at_key = true;
    fault
}

fn both(one: &str, other: &str) -> SettingsError {
    fault(vec![step(one)], format!("`{one}` stands beside `{other}`"))
        .with_hint(format!("leave out `{one}` or `{other}`"))
}

fn lacking(message: &str, hint: &str) -> SettingsError {
    fault(Vec::new(), message.to_owned()).with_hint(hint)
}

fn entries(key: &str, paths: Paths) -> Result<Entries, SettingsError> {
    match paths {
        Paths::One(text) => Ok(Entries::List(path(vec![step(key)], &text)?)),
        Paths::Each(texts) if texts.is_empty() => {
            Err(fault(vec![step(key)], "the list of paths is empty".to_owned()))
        }
        Paths::Each(texts) => texts
            .iter()
            .enumerate()
            .map(|(place, text)| path(vec![step(key), Step::Index(place)], text))
            .collect::<Result<_, _>>()
            .map(Entries::Each),
    }
}

fn optional(key: &str, text: &Option<String>) -> Result<Option<FieldPath>, SettingsError> {
    text.as_deref().map(|text| path(vec![step(key)], text)).transpose()
}

fn path(place: Vec<Step>, text: &str) -> Result<FieldPath, SettingsError> {
    text.parse()
        .map_err(|problem: BadPath| fault(place, problem.to_string()).with_hint(problem.hint()))
}

/// A fault in the table `fields`.
fn fault(place: Vec<Step>, message: String) -> SettingsError {
    let mut whole = vec![step("fields")];
    whole.extend(place);
    SettingsError::at(whole, message)
}

fn step(key: &str) -> Step {
    Step::Key(key.to_owned())
}
