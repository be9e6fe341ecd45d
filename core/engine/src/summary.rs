//! Measuring a run folder.
