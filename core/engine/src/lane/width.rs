//! How many calls a lane lets through at once: additive increase, multiplicative decrease.
//!
//! A lane starts with a few places. While all of them are taken and calls succeed, it doubles every round trip, until
//! the backend first asks for patience; after that it grows by one place a round trip. A backend that asks for patience
//! costs a fifth of the places; calls that were under way at the last cut cost nothing more. A backend that fails
//! stops growth for a while. Less than a tenth of a quota left narrows the lane in proportion.

use std::time::{Duration, Instant};

use tribunal_api::Quota;

use super::Signal;

/// Places of a new lane, where its backend takes as many.
const START: usize = 16;

/// What is left of the places when the backend asks for patience.
const CUT: f64 = 0.8;

/// How long a failure stops growth.
const PAUSE: Duration = Duration::from_secs(2);

/// The share of a quota below which the lane narrows.
const SCARCE: f64 = 0.1;

/// The width of a lane.
#[derive(Debug)]
pub(super) struct Width {
    most: usize,
    /// Places by what was learnt, at least 1; a fraction grows towards the next place.
    wanted: f64,
    /// Places that the quota allows.
    allowed: usize,
    /// Places handed out and not withdrawn.
    given: usize,
    /// True until the backend first asks for patience.
    doubling: bool,
    cut_at: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Width {
    pub(super) fn new(most: usize) -> Self {
        let start = most.min(START);
        Self {
            most,
            wanted: start as f64,
            allowed: most,
            given: start,
            doubling: true,
            cut_at: None,
            paused_until: None,
        }
    }

    /// Places to begin with.
    pub(super) fn places(&self) -> usize {
        self.given
    }

    /// Takes note of a call that began at `started` and ended `now`; `crowded` when no place was free.
    pub(super) fn learn(
        &mut self,
        started: Instant,
        now: Instant,
        signal: Signal,
        crowded: bool,
        quota: Option<Quota>,
    ) {
        match signal {
            Signal::Busy => {
                self.doubling = false;
                // Calls that were under way at the last cut say nothing about the narrower lane.
                if self.cut_at.is_none_or(|cut| started > cut) {
                    self.wanted = (self.wanted * CUT).max(1.0);
                    self.cut_at = Some(now);
                }
            }
            Signal::Failing => self.paused_until = Some(now + PAUSE),
            Signal::Fine => {
                let paused = self.paused_until.is_some_and(|until| now < until);
                if crowded && !paused {
                    let step = if self.doubling { 1.0 } else { 1.0 / self.wanted };
                    self.wanted = (self.wanted + step).min(self.most as f64);
                }
            }
        }
        self.allowed = match quota {
            Some(quota) if quota.left < SCARCE => {
                let share = (quota.left / SCARCE).clamp(0.0, 1.0);
                ((self.wanted * share) as usize).max(1)
            }
            _ => self.most,
        };
    }

    fn target(&self) -> usize {
        (self.wanted as usize).clamp(1, self.allowed.max(1))
    }

    /// Places to withdraw.
    pub(super) fn surplus(&self) -> usize {
        self.given.saturating_sub(self.target())
    }

    /// Takes note that so many places were withdrawn.
    pub(super) fn withdrawn(&mut self, places: usize) {
        self.given -= places;
    }

    /// Places to add now; they count as handed out.
    pub(super) fn widen(&mut self) -> usize {
        let more = self.target().saturating_sub(self.given);
        self.given += more;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    /// A round trip: as many calls as there are places, each ending with `signal` one second after it began.
    fn round(width: &mut Width, start: Instant, second: f64, signal: Signal) {
        for _ in 0..width.given {
            width.learn(after(start, second), after(start, second + 1.0), signal, true, None);
        }
        let surplus = width.surplus();
        width.withdrawn(surplus);
        width.widen();
    }

    #[test]
    fn a_lane_doubles_every_round_trip_up_to_the_most() {
        let start = Instant::now();
        let mut width = Width::new(100);
        let mut seen = vec![width.places()];
        for second in 0..4 {
            round(&mut width, start, f64::from(second), Signal::Fine);
            seen.push(width.places());
        }
        assert_eq!(seen, [16, 32, 64, 100, 100]);
    }

    #[test]
    fn a_round_of_refusals_cuts_once_and_growth_is_slow_after_it() {
        let start = Instant::now();
        let mut width = Width::new(1000);
        for second in 0..2 {
            round(&mut width, start, f64::from(second), Signal::Fine);
        }
        assert_eq!(width.places(), 64);
        round(&mut width, start, 10.0, Signal::Busy);
        assert_eq!(
            width.places(),
            51,
            "64 x 0.8 = 51.2, and 63 further refusals of the same round"
        );
        round(&mut width, start, 12.0, Signal::Busy);
        assert_eq!(width.places(), 40, "51.2 x 0.8 = 40.96");
        round(&mut width, start, 14.0, Signal::Fine);
        assert_eq!(width.places(), 41, "one place more a round trip");
    }

    #[test]
    fn a_failure_stops_growth_for_two_seconds_and_cuts_nothing() {
        let start = Instant::now();
        let mut width = Width::new(64);
        width.learn(start, start, Signal::Failing, true, None);
        for _ in 0..16 {
            width.learn(start, after(start, 1.0), Signal::Fine, true, None);
        }
        assert_eq!((width.widen(), width.places()), (0, 16));
        round(&mut width, start, 3.0, Signal::Fine);
        assert_eq!(width.places(), 32);
    }

    #[test]
    fn a_lane_that_is_not_full_does_not_grow() {
        let start = Instant::now();
        let mut width = Width::new(64);
        for _ in 0..100 {
            width.learn(start, start, Signal::Fine, false, None);
        }
        assert_eq!((width.widen(), width.places()), (0, 16));
    }

    #[test]
    fn a_scarce_quota_narrows_in_proportion_and_never_to_nothing() {
        let start = Instant::now();
        let quota = |left| Some(Quota { left, resets: None });
        let mut width = Width::new(16);
        width.learn(start, start, Signal::Fine, false, quota(0.05));
        assert_eq!(width.surplus(), 8, "half of a tenth left is half of the places");
        width.learn(start, start, Signal::Fine, false, quota(0.0));
        assert_eq!(width.surplus(), 15);
        width.learn(start, start, Signal::Fine, false, quota(0.5));
        assert_eq!(width.surplus(), 0);
    }

    #[test]
    fn a_backend_that_always_refuses_keeps_one_place() {
        let start = Instant::now();
        let mut width = Width::new(16);
        for second in 0..40 {
            round(&mut width, start, 2.0 * f64::from(second), Signal::Busy);
        }
        assert_eq!(width.places(), 1);
    }
}
