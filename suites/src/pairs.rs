//! Pairs of your own: a better and a worse answer, in any file, found by a field map.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use tribunal_api::grading::{FailureRule, TieRule, best_of, chance_pair};
use tribunal_api::{
    Aggregate, Candidate, Card, Combiner, Contest, Grade, Guess, Item, Loaded, Order, Outcome,
    PathSetting, Published, Registry, Rules, SelfCheck, SettingsError, Suite, SuiteCard,
    SuiteError,
};
use tribunal_tables::FieldPath;

use crate::own_data::{self, Body, Common, Row, describe, field};

const CARD: Card = Card {
    kind: "pairs",
    summary: "Pairs of your own: a better and a worse answer in JSON, JSON lines, CSV or Parquet.",
    version: "1",
    example: "[suite.pairs]\nkind = \"pairs\"\npath = \"examples/data/pairs/pairs.csv\"\n\
              fields = { id = \"id\", subset = \"topic\", prompt = \"prompt\", chosen = \"better\", \
              rejected = \"worse\" }\n",
    self_check: SelfCheck::Skip,
};

/// The labels that are understood without being set.
const LABELS: [[&str; 3]; 2] = [["A", "a", "A>B"], ["B", "b", "B>A"]];

/// Settings of `pairs`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The data. A `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet` file, or a folder of such files.
    path: PathSetting,
    /// Where each record keeps what. Paths such as `id`, `answers.0` or `/meta/source`.
    fields: Fields,
    /// Values of the label which say that `a` is better, compared as text. Default: A, a, A>B. Numbers must be
    /// set, because 1 means the first answer in some files and the second in others.
    a_labels: Option<Vec<String>>,
    /// Values of the label which say that `b` is better, compared as text. Default: B, b, B>A.
    b_labels: Option<Vec<String>>,
    /// Paths of columns to slice reports by. No others are kept.
    #[serde(default)]
    tags: Vec<String>,
}

/// The field map of `pairs`: `chosen` and `rejected`, or `a`, `b` and `label`. Without texts (`prompt` and
/// answers left out) the items are known by subset and id alone, for recorded scores.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Fields {
    /// The id, unique within the subset. Default: the number of the record, from 1.
    id: Option<String>,
    /// The subset; `/` separates levels. Default: one subset `all`.
    subset: Option<String>,
    /// The prompt: a text, or a list of messages with `role` and `content`.
    prompt: Option<String>,
    /// The text of the better answer.
    chosen: Option<String>,
    /// The text of the worse answer.
    rejected: Option<String>,
    /// The text of the first answer.
    a: Option<String>,
    /// The text of the second answer.
    b: Option<String>,
    /// Which of `a` and `b` is better.
    label: Option<String>,
    /// Who wrote the better answer.
    chosen_author: Option<String>,
    /// Who wrote the worse answer.
    rejected_author: Option<String>,
    /// Who wrote the first answer.
    a_author: Option<String>,
    /// Who wrote the second answer.
    b_author: Option<String>,
    /// What items share that are drawn together. Default: equal prompts; without prompt, each item by itself.
    cluster: Option<String>,
}

struct Pairs {
    path: PathSetting,
    common: Common,
    texts: Option<[FieldPath; 2]>,
    authors: [Option<FieldPath>; 2],
    label: Option<Label>,
}

/// Where the label is, and the values that stand for the first and the second answer.
struct Label {
    path: FieldPath,
    values: [Vec<String>; 2],
}

/// Registers the kind `pairs`.
pub(crate) fn register(registry: &mut Registry) {
    registry.suite(CARD, |config: Config, _| Pairs::new(config));
}

impl Pairs {
    fn new(config: Config) -> Result<Self, SettingsError> {
        let fields = &config.fields;
        let ordered =
            [&fields.chosen, &fields.rejected, &fields.chosen_author, &fields.rejected_author];
        let labelled = [&fields.a, &fields.b, &fields.a_author, &fields.b_author, &fields.label];
        let given = |keys: &[&Option<String>]| keys.iter().any(|key| key.is_some());
        let fault = |message: &str, hint: &str| {
            Err(SettingsError::of_key("fields", message).with_hint(hint))
        };
        if given(&ordered) && given(&labelled) {
            return fault(
                "`chosen` and `rejected` do not go together with `a`, `b` and `label`",
                "name either the better and the worse answer, or two answers and the label",
            );
        }
        if given(&labelled) && fields.label.is_none() {
            return fault(
                "`label` is missing",
                "name the field that says whether `a` or `b` is better",
            );
        }
        if fields.label.is_none() && (config.a_labels.is_some() || config.b_labels.is_some()) {
            return fault("`label` is missing", "name the field whose values the labels are");
        }
        let [one, other, author, other_author] = match fields.label {
            Some(_) => [
                ("a", &fields.a),
                ("b", &fields.b),
                ("a-author", &fields.a_author),
                ("b-author", &fields.b_author),
            ],
            None => [
                ("chosen", &fields.chosen),
                ("rejected", &fields.rejected),
                ("chosen-author", &fields.chosen_author),
                ("rejected-author", &fields.rejected_author),
            ],
        };
        let texts = match [field(one.0, one.1)?, field(other.0, other.1)?] {
            [Some(first), Some(second)] => Some([first, second]),
            [None, None] if fields.prompt.is_some() => {
                return fault(
                    "`prompt` is there without the answers",
                    "name both answers, or leave the prompt out to know items by their ids alone",
                );
            }
            [None, None] => None,
            [first, _] => {
                let missing = if first.is_some() { other.0 } else { one.0 };
                return fault(
                    &format!("`{missing}` is missing"),
                    "name the fields of both answers",
                );
            }
        };
        let label = field("label", &fields.label)?.map(|path| {
            let or = |given: &Option<Vec<String>>, known: [&str; 3]| {
                given.clone().unwrap_or_else(|| known.map(str::to_owned).into())
            };
            Label {
                path,
                values: [or(&config.a_labels, LABELS[0]), or(&config.b_labels, LABELS[1])],
            }
        });
        if let Some(Label { values: [first, second], .. }) = &label
            && let Some(both) = first.iter().find(|value| second.contains(value))
        {
            let message = format!("`{both}` stands for both answers");
            return Err(SettingsError::of_key("b-labels", message));
        }
        Ok(Self {
            common: Common {
                id: field("id", &fields.id)?,
                subset: field("subset", &fields.subset)?,
                prompt: field("prompt", &fields.prompt)?,
                cluster: field("cluster", &fields.cluster)?,
                tags: own_data::tags(&config.tags)?,
            },
            texts,
            authors: [field(author.0, author.1)?, field(other_author.0, other_author.1)?],
            label,
            path: config.path,
        })
    }

    fn body(&self, row: &Row<'_>) -> Result<Body, SuiteError> {
        let mut candidates = vec![Candidate::default(), Candidate::default()];
        for (place, candidate) in candidates.iter_mut().enumerate() {
            if let Some(texts) = &self.texts {
                candidate.text = Some(row.text(&texts[place])?);
            }
            if let Some(author) = &self.authors[place] {
                candidate.author = row.text_or_null(author)?;
            }
        }
        let gold = match &self.label {
            Some(label) => label.gold(row)?,
            None => vec![1.0, 0.0],
        };
        Ok(Body { candidates, gold })
    }
}

impl Label {
    fn gold(&self, row: &Row<'_>) -> Result<Vec<f64>, SuiteError> {
        let value = row.value(&self.path)?;
        let text = tribunal_tables::as_text(&value);
        let means = |values: &[String]| {
            text.as_ref().is_some_and(|text| values.iter().any(|value| *value == text.trim()))
        };
        let [first, second] = &self.values;
        if means(first) {
            Ok(vec![1.0, 0.0])
        } else if means(second) {
            Ok(vec![0.0, 1.0])
        } else {
            let quoted = |values: &[String]| format!("`{}`", values.join("`, `"));
            let message = format!(
                "`{}` is {}, neither one of {} nor one of {}",
                self.path,
                describe(&value),
                quoted(first),
                quoted(second)
            );
            let hint =
                "set `a-labels` and `b-labels`, and leave records without a better answer out";
            Err(row.refuse(message).with_hint(hint))
        }
    }
}

impl Suite for Pairs {
    fn card(&self) -> SuiteCard {
        SuiteCard {
            name: "Pairs".into(),
            version: CARD.version.into(),
            licence: "that of the data".into(),
            source: "the user's own data".into(),
            published: Published {
                order: Order::Seeded,
                combiner: Combiner::MeanScore,
                ties: "loss".into(),
                failures: "wrong".into(),
            },
            // A label is stored because the order says nothing.
            neutral_order: self.label.is_some(),
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        own_data::items(self.path.as_path(), &self.common, |row| self.body(row))
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, item: &Item, outcome: &Outcome, rules: &Rules) -> Vec<Grade> {
        let ties = rules.ties.or(TieRule::Loss);
        let failures = rules.failures.or(FailureRule::Wrong);
        let credit = best_of(outcome, item, ties, failures);
        credit.map(|credit| Grade::new("accuracy", credit)).into_iter().collect()
    }

    fn chance(&self, _: &Item, guess: &Guess) -> Vec<Grade> {
        vec![Grade::new("accuracy", chance_pair(guess, guess.rules.ties.or(TieRule::Loss)))]
    }

    fn aggregates(&self, subsets: &[Arc<str>]) -> Vec<Aggregate> {
        own_data::aggregates("accuracy", subsets)
    }
}
