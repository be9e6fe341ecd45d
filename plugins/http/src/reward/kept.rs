//! What came of texts of a call that was given up in its middle, kept so that they are not asked again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::ask::{Found, Miss};
use super::piece::{Piece, turns_as_json};

/// Most texts that are kept.
const MOST: usize = 4096;

/// The outcomes of texts whose call is still under way, by the question's dialogue and reply.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<String, Result<Found, Miss>>>);

impl Kept {
    /// What is known of these pieces, in their order.
    pub(super) fn known(&self, pieces: &[&Piece<'_>]) -> Vec<Option<Result<Found, Miss>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return pieces.iter().map(|_| None).collect();
        }
        pieces.iter().map(|piece| kept.get(&key(piece)).cloned()).collect()
    }

    /// Keeps the outcome of a piece, unless asking again may change it.
    pub(super) fn keep(&self, piece: &Piece<'_>, outcome: &Result<Found, Miss>) {
        if matches!(outcome, Err(Miss::Error(error)) if error.may_retry()) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key(piece), outcome.clone());
    }

    /// Forgets these pieces: their call has ended and handed everything out.
    pub(super) fn forget(&self, pieces: &[&Piece<'_>]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_empty() {
            for piece in pieces {
                kept.remove(&key(piece));
            }
        }
    }
}

fn key(piece: &Piece<'_>) -> String {
    turns_as_json(piece.question).to_string()
}
