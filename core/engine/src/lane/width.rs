//! How many calls a lane lets through at once: additive increase, multiplicative decrease.
//!
//! A lane starts with a few places. While all of them are taken and calls succeed, it doubles every round trip, until
//! the backend first asks for patience; after that it grows by a twentieth (at least one place) a round trip. A backend
//! that asks for patience costs a fifth of the places, at most once a second; calls that were under way at the last cut
//! cost nothing more. While more than a tenth of the calls fail, the lane does not grow. Less than a tenth of a
//! quota left narrows it in proportion.

use std::time::{Duration, Instant};

use tribunal_api::Quota;

use super::Signal;

/// Places of a new lane, where its backend takes as many.
const START: usize = 16;

/// What is left of the places when the backend asks for patience.
const CUT: f64 = 0.8;

/// The least time between two cuts.
const BETWEEN_CUTS: Duration = Duration::from_secs(1);

/// The share by which a lane that has been cut grows in a round trip.
const GROWTH: f64 = 0.05;

/// The share of failing calls above which a lane does not grow.
const TROUBLED: f64 = 0.1;

/// The weight of the latest call in the share of failing calls.
const LATEST: f64 = 0.05;

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
    /// The share of failing calls among the latest ones, each weighing less than the one after it.
    failing: f64,
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
            failing: 0.0,
        }
    }

    /// Lets it grow to `most`, if that is more than before; places to add now.
    pub(super) fn admit(&mut self, most: usize) -> usize {
        if most > self.most {
            if self.allowed == self.most {
                self.allowed = most;
            }
            self.most = most;
            self.wanted = self.wanted.max(most.min(START) as f64);
        }
        self.widen()
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
        let failed = if signal == Signal::Failing { 1.0 } else { 0.0 };
        self.failing += LATEST * (failed - self.failing);
        match signal {
            Signal::Busy => {
                self.doubling = false;
                // Calls that were under way at the last cut say nothing about the narrower lane.
                let due = |cut| started > cut && now.duration_since(cut) >= BETWEEN_CUTS;
                if self.cut_at.is_none_or(due) {
                    self.wanted = (self.wanted * CUT).max(1.0);
                    self.cut_at = Some(now);
                }
            }
            Signal::Failing => {}
            Signal::Fine => {
                if crowded && self.failing <= TROUBLED {
                    let step = if self.doubling { 1.0 } else { GROWTH.max(1.0 / self.wanted) };
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
        assert_eq!(width.places(), 42, "40.96 and 40 twentieths are 42.96");
    }

    #[test]
    fn many_failures_stop_growth_and_cut_nothing_and_a_few_do_neither() {
        let start = Instant::now();
        let mut width = Width::new(1000);
        round(&mut width, start, 0.0, Signal::Failing);
        assert_eq!(width.places(), 16);
        width.learn(start, start, Signal::Fine, true, None);
        assert_eq!((width.widen(), width.places()), (0, 16), "16 of 17 calls failed");
        // One call in fifty fails: a share of 0.02, and 0.07 right after each failure.
        let mut width = Width::new(1000);
        for call in 0..500 {
            let signal = if call % 50 == 0 { Signal::Failing } else { Signal::Fine };
            width.learn(start, start, signal, true, None);
            width.widen();
        }
        assert_eq!(width.places(), 16 + 490);
    }

    #[test]
    fn refusals_within_a_second_of_a_cut_cost_nothing() {
        let start = Instant::now();
        let mut width = Width::new(16);
        for tenth in 0..10 {
            let began = after(start, 0.1 * f64::from(tenth) + 0.01);
            width.learn(began, began, Signal::Busy, true, None);
        }
        assert_eq!(width.surplus(), 4, "16 x 0.8 = 12.8, once");
    }

    #[test]
    fn a_wider_user_of_a_lane_widens_it_and_a_narrower_one_does_not() {
        let mut width = Width::new(1);
        assert_eq!((width.admit(8), width.admit(4), width.places()), (7, 0, 8));
        assert_eq!((width.admit(64), width.places()), (8, 16));
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
