//! Leading one sequence from text to text, keeping what they share.
//!
//! In exact mode no product has a single row: one-row products take another kernel, whose sums differ in the last bits. Rows of a
//! product with two or more do not depend on how many there are, so a text gives the same numbers however it is cut and whatever
//! was read before it.

use std::ops::Range;

use crate::ffi::{Context, ContextError, Decoded, Row};

/// A sequence of a context, and the tokens that its cache holds.
pub(crate) struct Trunk {
    sequence: usize,
    held: Vec<u32>,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Whole,
    Aborted,
}

impl Trunk {
    pub(crate) fn new(sequence: usize) -> Self {
        Self { sequence, held: Vec::new() }
    }

    /// Its sequence.
    pub(crate) fn sequence(&self) -> usize {
        self.sequence
    }

    /// Tokens at the front that need not be read again.
    pub(crate) fn shared(&self, tokens: &[u32]) -> usize {
        shared(&self.held, tokens)
    }

    /// What it holds.
    pub(crate) fn held(&self) -> &[u32] {
        &self.held
    }

    /// Reads `tokens` up to their end without any output, as much as is not held already.
    pub(crate) fn read_silently(
        &mut self,
        context: &mut Context,
        tokens: &[u32],
    ) -> Result<Read, ContextError> {
        self.read_to(context, tokens, None, |_, _, _| Ok(()))
    }

    /// Reads `tokens` up to their end, as much as is not held already. Of the rows from `first_output` on, `each` is told the outputs:
    /// the context, the row of its latest batch, and the place in the text.
    ///
    /// Some rows before `first_output` may be computed with an output, too; `each` is not told of them.
    pub(crate) fn read(
        &mut self,
        context: &mut Context,
        tokens: &[u32],
        first_output: usize,
        each: impl FnMut(&Context, usize, usize) -> Result<(), ContextError>,
    ) -> Result<Read, ContextError> {
        self.read_to(context, tokens, Some(first_output), each)
    }

    fn read_to(
        &mut self,
        context: &mut Context,
        tokens: &[u32],
        first_output: Option<usize>,
        mut each: impl FnMut(&Context, usize, usize) -> Result<(), ContextError>,
    ) -> Result<Read, ContextError> {
        let shape = context.shape();
        let limits = Limits { rows: shape.rows, outputs: shape.outputs };
        let held = self.shared(tokens).min(first_output.unwrap_or(usize::MAX));
        if held >= tokens.len() {
            return Ok(Read::Whole);
        }
        let mut plan = plan(held, first_output, tokens.len(), limits);
        let start = plan.first().map_or(held, |part| part.rows.start);
        if self.forget_from(context, start) < start {
            // A model that cannot forget a part begins again.
            plan = self::plan(0, first_output, tokens.len(), limits);
        }
        for Part { rows, output } in plan {
            let batch: Vec<Row> = rows
                .clone()
                .map(|at| Row {
                    token: tokens[at],
                    at,
                    sequence: self.sequence,
                    output: at >= output,
                })
                .collect();
            let decoded = context.decode(&batch);
            if decoded != Ok(Decoded::Whole) {
                self.forget_from(context, 0);
                return decoded.map(|_| Read::Aborted);
            }
            self.held.extend_from_slice(&tokens[rows.clone()]);
            let told = first_output.map_or(rows.end, |first| first.max(output));
            for at in rows.clone().filter(|at| *at >= told) {
                each(context, at - rows.start, at)?;
            }
        }
        if tokens.len() == 1 {
            // It was computed as a single row, which nothing else may build on.
            self.forget_from(context, 0);
        }
        Ok(Read::Whole)
    }

    /// Forgets what stands from `start` on; how much is still held.
    pub(crate) fn forget_from(&mut self, context: &mut Context, start: usize) -> usize {
        if start < self.held.len() || start == 0 {
            match context.forget(self.sequence, start) {
                true => self.held.truncate(start),
                false => self.held.clear(),
            }
        }
        self.held.len()
    }
}

/// How many tokens two texts share at the front.
pub(crate) fn shared(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// What fits into one batch.
#[derive(Clone, Copy, Debug)]
struct Limits {
    rows: usize,
    outputs: usize,
}

/// One batch: the places that it reads, and the first whose output is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    rows: Range<usize>,
    output: usize,
}

/// Cuts a text into batches, beginning at `start` or a little before.
///
/// No batch has one row, and none has one output, unless the text has one token.
fn plan(start: usize, first_output: Option<usize>, end: usize, limits: Limits) -> Vec<Part> {
    let mut start = start.min(end.saturating_sub(2));
    let mut output = match first_output {
        Some(first) => first.min(end.saturating_sub(2)).max(start),
        None => end,
    };
    if output - start == 1 && end > 1 {
        match start.checked_sub(1) {
            Some(before) => start = before,
            None => output = start,
        }
    }
    let most = limits.rows.min(limits.outputs);
    let silent = pieces(start..output, limits.rows).map(|rows| Part { output: rows.end, rows });
    let told = pieces(output..end, most).map(|rows| Part { output: rows.start, rows });
    silent.chain(told).collect()
}

/// A range in pieces of at most so many, none of them of one where that can be helped.
fn pieces(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let left = range.end - at;
        let take = match left {
            0 => return None,
            left if left == most + 1 && most > 2 => most - 1,
            left => left.min(most),
        };
        let piece = at..at + take;
        at += take;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_covers_the_text_without_single_rows_or_outputs() {
        let limits = Limits { rows: 7, outputs: 4 };
        for end in 1..40 {
            for start in 0..end {
                for first_output in start..end {
                    let plan = plan(start, Some(first_output), end, limits);
                    let begin = plan[0].rows.start;
                    assert!(begin <= start && begin + 3 >= start.min(end - 1), "{plan:?}");
                    let mut at = begin;
                    for part in &plan {
                        assert_eq!(part.rows.start, at);
                        at = part.rows.end;
                        let outputs = part.rows.end - part.output.min(part.rows.end);
                        assert!(part.rows.len() <= 7 && outputs <= 4, "{plan:?}");
                        if end > 1 {
                            assert!(part.rows.len() > 1 && outputs != 1, "{plan:?}");
                        }
                    }
                    assert_eq!(at, end);
                    let told = plan.iter().find(|part| part.output < part.rows.end);
                    assert!(told.is_some_and(|part| part.output <= first_output.max(begin)));
                }
            }
        }
    }

    #[test]
    fn a_silent_plan_has_no_outputs_and_no_single_rows() {
        let limits = Limits { rows: 7, outputs: 4 };
        for end in 2..40 {
            for start in 0..end {
                let plan = plan(start, None, end, limits);
                assert!(plan[0].rows.start <= start && plan[plan.len() - 1].rows.end == end);
                for part in &plan {
                    assert!(part.rows.len() > 1 && part.output == part.rows.end, "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn pieces_are_as_long_as_they_may_be() {
        let lengths = |count| pieces(0..count, 5).map(|piece| piece.len()).collect::<Vec<_>>();
        assert_eq!(lengths(10), [5, 5]);
        assert_eq!(lengths(11), [5, 4, 2]);
        assert_eq!(lengths(6), [4, 2]);
        assert_eq!(lengths(1), [1]);
        assert_eq!(lengths(0), [0; 0]);
    }

    #[test]
    fn texts_share_their_common_front() {
        assert_eq!(shared(&[1, 2, 3], &[1, 2, 4, 5]), 2);
        assert_eq!(shared(&[], &[1]), 0);
    }
}
