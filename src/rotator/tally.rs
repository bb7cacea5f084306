//! A cheap count of the last minute, for display; limits are held by an exact window.

const MINUTE_MS: u64 = 60_000;

/// Counts by minute: the running one whole, the one before by the share that still lies within 60 seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    minute: u32,
    current: u32,
    previous: u32,
}

impl Tally {
    /// Counts an amount.
    pub(super) fn add(&mut self, amount: u64, now_ms: u64) {
        let minute = (now_ms / MINUTE_MS) as u32;
        if minute != self.minute {
            self.previous = if minute == self.minute.wrapping_add(1) { self.current } else { 0 };
            (self.minute, self.current) = (minute, 0);
        }
        self.current = self.current.saturating_add(amount.try_into().unwrap_or(u32::MAX));
    }

    /// About what was counted in the last 60 seconds.
    pub(super) fn last_minute(self, now_ms: u64) -> u64 {
        let rest = MINUTE_MS - now_ms % MINUTE_MS;
        let (current, previous) = (u64::from(self.current), u64::from(self.previous));
        match ((now_ms / MINUTE_MS) as u32).wrapping_sub(self.minute) {
            0 => current + previous * rest / MINUTE_MS,
            1 => current * rest / MINUTE_MS,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_minute_fades() {
        let mut tally = Tally::default();
        tally.add(60, 60_000);
        assert_eq!(tally.last_minute(119_999), 60);
        assert_eq!(tally.last_minute(150_000), 30);
        tally.add(10, 150_000);
        assert_eq!(tally.last_minute(150_000), 40);
        assert_eq!(tally.last_minute(300_000), 0);
    }
}
