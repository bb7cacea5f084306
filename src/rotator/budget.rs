//! The retry budget: retries are a share of calls plus a few a second, so that an outage is not multiplied.

/// Thousandths of a retry.
const ONE: u64 = 1_000;
/// Retries that calls may save up.
const MOST_SHARED: u64 = 100 * ONE;

/// How many retries are allowed now.
#[derive(Debug)]
pub(super) struct RetryBudget {
    share: u64,
    burst: u64,
    shared: u64,
    steady: u64,
    refilled_ms: u64,
}

impl RetryBudget {
    /// A budget of `share` retries a call (0 to 1) and `burst` a second.
    pub(super) fn new(share: f64, burst: u32) -> Self {
        let burst = u64::from(burst);
        RetryBudget { share: thousandths(share), burst, shared: 0, steady: burst * ONE, refilled_ms: 0 }
    }

    /// Changes the figures; what is saved up stays, within the new bounds.
    pub(super) fn configure(&mut self, share: f64, burst: u32) {
        let burst = u64::from(burst);
        if burst > self.burst {
            self.steady += (burst - self.burst) * ONE;
        }
        self.share = thousandths(share);
        self.burst = burst;
        self.steady = self.steady.min(burst * ONE);
    }

    /// A call came in.
    pub(super) fn count_call(&mut self) {
        self.shared = (self.shared + self.share).min(MOST_SHARED);
    }

    /// Takes one retry, when one is left.
    pub(super) fn take(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.refilled_ms);
        self.refilled_ms = self.refilled_ms.max(now_ms);
        self.steady = self.steady.saturating_add(passed.saturating_mul(self.burst)).min(self.burst * ONE);
        for left in [&mut self.steady, &mut self.shared] {
            if *left >= ONE {
                *left -= ONE;
                return true;
            }
        }
        false
    }
}

fn thousandths(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * ONE as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_calls_and_some_a_second() {
        let mut budget = RetryBudget::new(0.2, 10);
        let retries = |budget: &mut RetryBudget, now| (0..1000).take_while(|_| budget.take(now)).count();
        assert_eq!(retries(&mut budget, 1_000), 10);
        (0..100).for_each(|_| budget.count_call());
        assert_eq!(retries(&mut budget, 1_000), 20);
        assert_eq!(retries(&mut budget, 1_500), 5);
        assert_eq!(retries(&mut budget, 60_000), 10, "a quiet minute saves up one second only");
        (0..100_000).for_each(|_| budget.count_call());
        assert_eq!(retries(&mut budget, 60_000), 100);
    }

    #[test]
    fn nothing_is_allowed_by_zeros() {
        let mut budget = RetryBudget::new(0.0, 0);
        budget.count_call();
        assert!(!budget.take(1_000_000));
    }
}
