//! Calls that were answered while their question was not: kept, so that asking the question again does not pay them twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tribunal_api::{Completion, Prompt, Question};

/// Most completions kept; the oldest go first.
const MOST: usize = 4096;

/// A call: the digest of its question and prompt.
pub(super) type CallKey = [u8; 32];

/// Completions of questions that are not answered yet.
#[derive(Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    completions: HashMap<CallKey, Completion>,
    oldest_first: VecDeque<CallKey>,
}

impl Memory {
    /// What a call brought, if it is kept.
    pub(super) fn find(&self, key: &CallKey) -> Option<Completion> {
        self.kept().completions.get(key).cloned()
    }

    /// Keeps what a call brought.
    pub(super) fn keep(&self, key: CallKey, completion: Completion) {
        let mut kept = self.kept();
        if kept.completions.insert(key, completion).is_none() {
            kept.oldest_first.push_back(key);
        }
        while kept.completions.len() > MOST {
            let Some(oldest) = kept.oldest_first.pop_front() else { break };
            kept.completions.remove(&oldest);
        }
    }

    /// Drops the calls of a question that is answered.
    pub(super) fn forget(&self, keys: &[CallKey]) {
        let mut kept = self.kept();
        for key in keys {
            kept.completions.remove(key);
        }
        kept.oldest_first.retain(|key| !keys.contains(key));
    }

    /// The number of completions kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().completions.len()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a call for a question.
pub(super) fn key_of(question: &Question, prompt: &Prompt) -> CallKey {
    let mut hasher = blake3::Hasher::new();
    let mut put = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    for turn in question.prompt().iter().chain(&prompt.turns) {
        put(turn.role.as_str());
        put(&turn.content);
    }
    question.candidates().iter().for_each(|text| put(text));
    put(question.subset().unwrap_or_default());
    for seed in prompt.seeds.iter().chain(question.seeds()) {
        put(&seed.to_string());
    }
    put(&prompt.sampling.max_tokens.to_string());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_completions_go_first() {
        let memory = Memory::default();
        let key = |number: usize| {
            let mut key = [0u8; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            key
        };
        for number in 0..MOST + 3 {
            memory.keep(key(number), Completion::default());
        }
        assert_eq!(memory.len(), MOST);
        assert!(memory.find(&key(2)).is_none() && memory.find(&key(3)).is_some());
        memory.forget(&[key(3)]);
        assert_eq!(memory.len(), MOST - 1);
    }
}
