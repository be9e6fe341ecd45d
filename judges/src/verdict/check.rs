//! Whether a `[verdict]` table makes sense, and which questions it can be asked about.

use super::{LABEL_SLOT, NUMBER_SLOT, Readout, VerdictForm};

/// Something wrong with a `[verdict]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormFault {
    /// The key, with dots, from the top of the prompt file.
    pub key: &'static str,
    /// What is wrong, without full stop.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl VerdictForm {
    /// What is wrong with this form for questions of `most` candidates, each with a remedy; empty when nothing is.
    pub fn faults(&self, most: usize) -> Vec<FormFault> {
        let mut faults = Vec::new();
        let mut fault = |key: &'static str, message: String, hint: &'static str| {
            faults.push(FormFault { key, message, hint });
        };
        if self.follow_up.as_ref().is_some_and(|text| text.trim().is_empty()) {
            let message = "the follow-up turn says nothing".to_owned();
            fault("verdict.follow-up", message, "write what is asked, or leave `follow-up` out");
        }
        if self.readouts().is_empty() {
            let hint = "add `[verdict.letter]`, `[verdict.number]` or `[verdict.json]`";
            fault("verdict", "the form describes no readout".into(), hint);
        }
        if let Some(readout) = self.readout.filter(|one| !self.readouts().contains(one)) {
            let message = format!("the readout `{}` is not described", readout.word());
            fault("verdict.readout", message, "add its table, or name another readout");
        }
        let slots = [
            (
                "verdict.letter.marker",
                LABEL_SLOT,
                self.letter.as_ref().and_then(|form| form.marker.as_ref()),
            ),
            (
                "verdict.number.marker",
                NUMBER_SLOT,
                self.number.as_ref().and_then(|form| form.marker.as_ref()),
            ),
        ];
        for (key, slot, marker) in slots {
            if let Some(marker) = marker.filter(|marker| marker.matches(slot).count() != 1) {
                let message = format!("the marker `{marker}` does not hold `{slot}` once");
                fault(
                    key,
                    message,
                    "write the marker with its slot, such as `[[{label}]]` or `[[{number}]]`",
                );
            }
        }
        if let Some(form) = self.number.as_ref().filter(|form| form.low >= form.high) {
            let message = format!("the scale from `{}` to `{}` is empty", form.low, form.high);
            fault("verdict.number.high", message, "make `high` larger than `low`");
        }
        if let Some(form) = &self.letter {
            // Readings that do not look at case have to tell labels apart too.
            let lower = |labels: &mut dyn Iterator<Item = &String>| -> Vec<String> {
                labels.map(|label| label.trim().to_lowercase()).collect()
            };
            let twice = |mut labels: Vec<String>| {
                let named = labels.len();
                labels.sort();
                labels.dedup();
                labels.len() != named || labels.iter().any(String::is_empty)
            };
            let tie = form.tie.as_ref().filter(|_| form.words.is_empty());
            let all: Vec<String> = (0..most.max(form.candidates.len()))
                .map(|position| self.candidate_label(position))
                .chain(tie.cloned())
                .collect();
            if twice(lower(&mut form.candidates.iter()))
                || twice(lower(&mut form.words.keys()))
                || (tie.is_some() && twice(lower(&mut all.iter())))
            {
                let message = "labels are empty or occur twice".to_owned();
                fault(
                    "verdict.letter.candidates",
                    message,
                    "give each candidate and the tie a label of its own",
                );
            }
            if form.words.values().any(|score| !score.is_finite()) {
                let message = "a word's score is not finite".to_owned();
                fault("verdict.letter.words", message, "give each word a finite score");
            }
            if form.comparison && !form.words.is_empty() {
                let message = "`comparison` and `words` exclude one another".to_owned();
                fault("verdict.letter.words", message, "leave one of them out");
            }
        }
        if let Some(form) = &self.json {
            let keys = [&form.winner, &form.rating, &form.ratings];
            if keys.iter().filter(|key| key.is_some()).count() != 1 {
                let message =
                    "not exactly one of `winner`, `rating` and `ratings` is named".to_owned();
                fault("verdict.json", message, "name the key that holds the verdict");
            }
        }
        if self.label_logprob.is_some() && self.letter.is_none() && self.number.is_none() {
            let message = "there are no labels to take probabilities of".to_owned();
            fault("verdict.label-logprob", message, "add `[verdict.letter]` or `[verdict.number]`");
        }
        faults
    }

    /// Whether this readout can be asked about so many candidates; else the reason, with values in backticks.
    pub fn fits(&self, readout: Readout, candidates: usize) -> Result<(), String> {
        let refuse = |reason: String| Err(reason);
        if !self.readouts().contains(&readout) {
            return refuse(format!(
                "the prompt does not describe the readout `{}`",
                readout.word()
            ));
        }
        let letters = match readout {
            Readout::Letter => true,
            Readout::LabelLogprob => self.letter.is_some(),
            Readout::Json => self.json.as_ref().is_some_and(|form| form.winner.is_some()),
            Readout::Number => false,
        };
        let ratings = self.json.as_ref().is_some_and(|form| form.ratings.is_some());
        let form = self.letter.as_ref();
        let words = form.is_some_and(|form| !form.words.is_empty());
        match (letters, candidates) {
            (true, 1) if words => Ok(()),
            (true, 1) => refuse("one candidate leaves nothing to choose".to_owned()),
            (true, n) if words => refuse(format!("`words` speak of one candidate, not of `{n}`")),
            (true, n) if n != 2 && form.is_some_and(|form| form.comparison) => {
                refuse(format!("`comparison` takes two candidates, not `{n}`"))
            }
            (true, n) => match form.map_or(0, |form| form.candidates.len()) {
                0 => Ok(()),
                named if named < n => {
                    refuse(format!("`{named}` labels are named for `{n}` candidates"))
                }
                _ => Ok(()),
            },
            (false, 1) => Ok(()),
            (false, _) if readout == Readout::Json && ratings => Ok(()),
            (false, n) => refuse(format!("a rating is about one candidate, not about `{n}`")),
        }
    }
}
