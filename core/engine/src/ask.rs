//! From an item to questions: what a cell asks of its source, in which presentations, under which trial ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tribunal_api::{
    CandidateIndex, Combiner, Contest, Key, Order, Protocol, Question, Reads, Rules, Vote,
};

use crate::cases::Case;
use crate::digest::Digest;
use crate::present;

/// What a source is, as far as its trials are concerned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Asked {
    /// Digest of kind, version, settings and reported identity.
    pub identity: Digest,
    /// What a question lends it.
    pub reads: Reads,
    /// True when its samples differ.
    pub draws: bool,
}

/// How one subset is put to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// One, two or all candidates a question.
    pub protocol: Protocol,
    /// Which pairs are formed of a list.
    pub contest: Contest,
}

/// The settled rules of a cell: everything that turns its items into questions and its outcomes into grades.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manner {
    /// In which orders candidates are shown.
    pub order: Order,
    /// Draws of each question.
    pub samples: u32,
    /// How presentations combine.
    pub combiner: Combiner,
    /// How the samples of one presentation become one score.
    #[serde(default, skip_serializing_if = "is_mean")]
    pub vote: Vote,
    /// What ties and abstentions are worth.
    pub rules: Rules,
    /// How each subset is put to the source.
    pub forms: BTreeMap<Arc<str>, Form>,
}

fn is_mean(vote: &Vote) -> bool {
    *vote == Vote::Mean
}

/// One question in one presentation with all its samples: the unit that is asked, answered and stored whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The trial id.
    pub id: Digest,
    /// Digest of the question whatever its presentation and source: decides the shard.
    pub question: Digest,
    /// The candidates in the order shown.
    pub order: Vec<CandidateIndex>,
}

/// The units that a cell plans for an item, in the order they are asked.
pub fn units(suite: &str, case: &Case, asked: &Asked, manner: &Manner, seed: u64) -> Vec<Unit> {
    let Some(form) = manner.forms.get(&case.item.subset) else { return Vec::new() };
    let mut units = Vec::new();
    for group in questions(case, *form) {
        let question = question_digest(suite, case, &group, asked.reads);
        for order in present::presentations(case, &group, manner.order, seed) {
            let id = unit_id(question, case, &order, asked, manner.samples, seed);
            units.push(Unit { id, question, order });
        }
    }
    units
}

/// The question of a unit, as the source sees it. The case holds its texts.
pub fn question(
    suite: &Arc<str>,
    case: &Case,
    unit: &Unit,
    asked: &Asked,
    manner: &Manner,
    seed: u64,
) -> Question {
    let item = &case.item;
    let question = match asked.reads {
        Reads::Key => Question::new(Arc::from([]), Arc::from([])).with_key(Key {
            suite: suite.clone(),
            subset: item.subset.clone(),
            id: item.id.clone(),
            candidates: unit.order.clone(),
        }),
        Reads::Text | Reads::Subset => {
            let candidates: Vec<Arc<str>> = unit
                .order
                .iter()
                .filter_map(|candidate| item.candidates[candidate.at()].text.clone())
                .collect();
            let question = Question::new(item.prompt.clone(), candidates);
            match asked.reads {
                Reads::Subset => question.with_subset(item.topic.clone()),
                _ => question,
            }
        }
    };
    question.with_seeds(sample_seeds(case, unit, samples_of(asked, manner.samples), seed))
}

/// How many readouts a unit of this source holds.
pub fn samples_of(asked: &Asked, samples: u32) -> u32 {
    if asked.draws { samples.max(1) } else { 1 }
}

/// How an item of this form is put to a source: a list of two is a pair, whatever the rest of its subset is.
pub(crate) fn protocol_of(case: &Case, form: Form) -> Protocol {
    match form.protocol {
        Protocol::Listwise if case.item.candidates.len() == 2 => Protocol::Pairwise,
        protocol => protocol,
    }
}

/// The groups of candidates that are asked together, each in stored order.
pub(crate) fn questions(case: &Case, form: Form) -> Vec<Vec<CandidateIndex>> {
    let item = &case.item;
    match form.protocol {
        Protocol::Pointwise => item.indices().map(|index| vec![index]).collect(),
        Protocol::Listwise => vec![item.indices().collect()],
        Protocol::Pairwise if item.candidates.len() == 2 => vec![item.indices().collect()],
        Protocol::Pairwise => item
            .correct()
            .flat_map(|correct| {
                item.wrong().map(move |wrong| {
                    if correct < wrong { vec![correct, wrong] } else { vec![wrong, correct] }
                })
            })
            .collect(),
    }
}

fn question_digest(suite: &str, case: &Case, group: &[CandidateIndex], reads: Reads) -> Digest {
    let mut fields = Digest::of("tribunal-question-1");
    if reads == Reads::Key {
        fields.text("key").text(suite).text(&case.item.subset).text(&case.item.id);
        for candidate in group {
            fields.number(u64::from(candidate.0));
        }
        return fields.finish();
    }
    match reads {
        Reads::Subset => fields.text("subset").text(&case.item.topic),
        _ => fields.text("text"),
    };
    fields.digest(case.prompt);
    let mut texts: Vec<Digest> = group.iter().map(|candidate| case.texts[candidate.at()]).collect();
    texts.sort();
    for text in texts {
        fields.digest(text);
    }
    fields.finish()
}

fn unit_id(
    question: Digest,
    case: &Case,
    order: &[CandidateIndex],
    asked: &Asked,
    samples: u32,
    seed: u64,
) -> Digest {
    let mut fields = Digest::of("tribunal-trial-1");
    fields.digest(asked.identity).digest(question);
    for candidate in order {
        match asked.reads {
            Reads::Key => fields.number(u64::from(candidate.0)),
            _ => fields.digest(case.texts[candidate.at()]),
        };
    }
    if asked.draws {
        fields.number(seed).number(u64::from(samples_of(asked, samples)));
    }
    fields.finish()
}

/// One seed per sample: a pure function of the recipe's seed, the question as shown, and the sample.
fn sample_seeds(case: &Case, unit: &Unit, samples: u32, seed: u64) -> Vec<u64> {
    (0..samples)
        .map(|sample| {
            let mut fields = Digest::of("tribunal-seed-1");
            fields.number(seed).digest(unit.question);
            for candidate in &unit.order {
                fields.digest(case.texts[candidate.at()]);
            }
            fields.number(u64::from(sample)).finish().number()
        })
        .collect()
}
