//! A sum over the last 60 seconds, that errs on the side of the limit.

use std::collections::VecDeque;

/// Length of the window, in milliseconds.
const SPAN_MS: u64 = 60_000;
/// Up to this many entries every entry keeps its own time.
const EXACT: usize = 64;
/// Beyond them, entries this close together are merged and leave with the later one.
const MERGE_MS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    at_ms: u64,
    amount: u64,
}

/// What was counted in the last 60 seconds of the monotonic clock.
///
/// An amount counts for at least 60 seconds, never for less, so a limit that is checked against [`SlidingWindow::sum`]
/// is not exceeded in any 60 seconds. Memory is bounded to about 130 entries: a busy window counts amounts up to a
/// second longer.
#[derive(Clone, Debug, Default)]
pub struct SlidingWindow {
    entries: VecDeque<Entry>,
    sum: u64,
}

impl SlidingWindow {
    /// The sum at `now_ms`.
    pub fn sum(&mut self, now_ms: u64) -> u64 {
        while let Some(first) = self.entries.front()
            && first.at_ms + SPAN_MS < now_ms
        {
            self.sum -= first.amount;
            self.entries.pop_front();
        }
        self.sum
    }

    /// The sum at `now_ms`, without forgetting what has left the window.
    pub fn peek(&self, now_ms: u64) -> u64 {
        self.entries.iter().filter(|entry| entry.at_ms + SPAN_MS >= now_ms).map(|entry| entry.amount).sum()
    }

    /// Counts an amount. Times that go back a little (threads that read the clock before they waited) are taken as the latest.
    pub fn add(&mut self, now_ms: u64, amount: u64) {
        self.sum(now_ms);
        self.sum = self.sum.saturating_add(amount);
        let crowded = self.entries.len() >= EXACT;
        let started = self.entries.len().checked_sub(2).map_or(0, |at| self.entries[at].at_ms);
        match self.entries.back_mut() {
            Some(last) if last.at_ms >= now_ms => last.amount = last.amount.saturating_add(amount),
            Some(last) if crowded && now_ms < started + MERGE_MS => {
                last.at_ms = now_ms;
                last.amount = last.amount.saturating_add(amount);
            }
            _ => self.entries.push_back(Entry { at_ms: now_ms, amount }),
        }
    }

    /// Replaces an estimate that was added at `added_ms` by what was really used. What is below the estimate is given back
    /// if it still counts; what is above it counts from now on when the estimate has already left.
    pub fn settle(&mut self, added_ms: u64, estimate: u64, used: u64, now_ms: u64) {
        self.sum(now_ms);
        let at = self.entries.partition_point(|entry| entry.at_ms < added_ms);
        match self.entries.get_mut(at) {
            Some(entry) if added_ms + SPAN_MS >= now_ms => {
                let before = entry.amount;
                entry.amount = before.saturating_sub(estimate).saturating_add(used);
                self.sum = self.sum - before + entry.amount;
            }
            _ if used > estimate => self.add(now_ms, used - estimate),
            _ => {}
        }
    }

    /// When an amount fits below `limit`: `None` when it never will, `now_ms` when it does already.
    pub fn fits_at(&mut self, amount: u64, limit: u64, now_ms: u64) -> Option<u64> {
        let room = limit.checked_sub(amount)?;
        let mut sum = self.sum(now_ms);
        if sum <= room {
            return Some(now_ms);
        }
        for entry in &self.entries {
            sum -= entry.amount;
            if sum <= room {
                return Some(entry.at_ms + SPAN_MS + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_count_for_sixty_seconds() {
        let mut window = SlidingWindow::default();
        window.add(1_000, 2);
        window.add(2_000, 3);
        assert_eq!(window.peek(61_001), 3);
        assert_eq!(window.sum(61_000), 5);
        assert_eq!(window.sum(61_001), 3);
        assert_eq!(window.sum(62_001), 0);
    }

    #[test]
    fn when_an_amount_fits() {
        let mut window = SlidingWindow::default();
        window.add(1_000, 2);
        window.add(2_000, 3);
        assert_eq!(window.fits_at(5, 10, 3_000), Some(3_000));
        assert_eq!(window.fits_at(6, 10, 3_000), Some(61_001));
        assert_eq!(window.fits_at(8, 10, 3_000), Some(62_001));
        assert_eq!(window.fits_at(11, 10, 3_000), None);
    }

    #[test]
    fn an_estimate_is_replaced_by_what_was_used() {
        let mut window = SlidingWindow::default();
        window.add(1_000, 100);
        window.settle(1_000, 100, 30, 5_000);
        assert_eq!(window.sum(5_000), 30);
        window.settle(1_000, 30, 50, 6_000);
        assert_eq!(window.sum(6_000), 50);
        window.settle(1_000, 50, 80, 70_000);
        assert_eq!(window.sum(70_000), 30, "the estimate has left, the excess counts now");
    }

    #[test]
    fn a_busy_window_stays_small_and_never_forgets_early() {
        let mut window = SlidingWindow::default();
        for at in 0..120_000u64 {
            window.add(at, 1);
            let least = at.min(SPAN_MS) + 1;
            let sum = window.sum(at);
            assert!(sum >= least && sum <= least + MERGE_MS + 1, "{sum} at {at}");
        }
        assert!(window.entries.len() < 140, "{}", window.entries.len());
    }
}
