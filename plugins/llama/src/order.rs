//! Which of the questions that wait is answered next.

use crate::reading::shared;

/// How often others may be taken before the one that has waited longest.
const PATIENCE: u32 = 64;

/// Questions that wait, each with its tokens.
pub(crate) struct Waiting<T> {
    /// In the order in which they came.
    all: Vec<(Vec<u32>, T)>,
    /// How often the first was passed over.
    passed: u32,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { all: Vec::new(), passed: 0 }
    }
}

impl<T> Waiting<T> {
    pub(crate) fn push(&mut self, tokens: Vec<u32>, one: T) {
        self.all.push((tokens, one));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Drops those that nobody wants any longer.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&T) -> bool) {
        self.all.retain(|(_, one)| wanted(one));
    }

    /// Takes the one that shares most with what was read last. Among equals the one whose tokens sort first, so that a walk over all
    /// of them passes every branch of their tree once; nobody is passed over for ever.
    pub(crate) fn next(&mut self, held: &[u32]) -> Option<(Vec<u32>, T)> {
        let best = (0..self.all.len()).min_by(|one, other| {
            let (one, other) = (&self.all[*one].0, &self.all[*other].0);
            let by_shared = shared(held, other).cmp(&shared(held, one));
            by_shared.then_with(|| one.cmp(other))
        })?;
        let taken = if self.passed >= PATIENCE { 0 } else { best };
        self.passed = if taken == 0 { 0 } else { self.passed + 1 };
        Some(self.all.remove(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_passes_every_branch_once() {
        let mut waiting = Waiting::default();
        for text in [[1, 2, 9], [7, 7, 7], [1, 2, 3], [1, 5, 5], [1, 2, 4]] {
            waiting.push(text.to_vec(), ());
        }
        let mut held = Vec::new();
        let mut walk = Vec::new();
        while let Some((tokens, ())) = waiting.next(&held) {
            walk.push(tokens.clone());
            held = tokens;
        }
        assert_eq!(walk, [[1, 2, 3], [1, 2, 4], [1, 2, 9], [1, 5, 5], [7, 7, 7]]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut waiting = Waiting::default();
        waiting.push(vec![9, 9], "patient");
        let mut taken = 0;
        loop {
            waiting.push(vec![1, taken], "pushing");
            taken += 1;
            if waiting.next(&[1]).is_some_and(|(_, who)| who == "patient") {
                break;
            }
        }
        assert_eq!(taken, PATIENCE + 1);
    }
}
