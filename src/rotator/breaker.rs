//! The breaker: when several keys of a provider fail alike, the provider is to blame, not its keys.

use crate::domain::KeyId;

/// Failures within this time belong together.
const WITHIN_MS: u64 = 10_000;
/// Failures of this many distinct keys (or accounts) open the breaker.
const DISTINCT: usize = 3;
/// While it is open, one call is let through in this time.
const TRY_MS: u64 = 1_000;

/// What the keys of a provider fail of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storm {
    /// The provider fails, does not answer, or cannot be reached.
    Outage,
    /// Every key is told that it is too fast: the limit is on the address, not on a key.
    RateLimit,
    /// Keys that served before are all refused.
    Refusal,
    /// Answers begin well and break off: only one that comes to its end speaks against it.
    Interruption,
}

/// Opens on failures of several keys without a success between, closes on the first success.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: Vec<Failure>,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    storm: Storm,
    key: KeyId,
    account: Option<u32>,
    at_ms: u64,
}

/// An open breaker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) storm: Storm,
    pub(super) since_ms: u64,
    pub(super) next_try_ms: u64,
}

impl Breaker {
    /// The open state, when it is open.
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// A call passes while the breaker is open.
    pub(super) fn trying(&mut self, now_ms: u64) {
        if let Some(open) = &mut self.open {
            open.next_try_ms = now_ms + TRY_MS;
        }
    }

    /// Lets nothing through for a while, then one call after the other.
    pub(super) fn pause(&mut self, ms: u64, now_ms: u64) {
        let next_try_ms = self.open.map_or(0, |open| open.next_try_ms).max(now_ms + ms);
        self.open = Some(Open { storm: Storm::Outage, since_ms: now_ms, next_try_ms });
    }

    /// Counts a failure. Returns the keys that failed alike when this one opens the breaker. Failures of one account count as
    /// one where the account may be the cause.
    pub(super) fn failed(&mut self, storm: Storm, key: KeyId, account: Option<u32>, now_ms: u64) -> Option<Vec<KeyId>> {
        if self.open.is_some() {
            return None;
        }
        self.failures.retain(|failure| failure.at_ms + WITHIN_MS >= now_ms && failure.key != key);
        self.failures.push(Failure { storm, key, account, at_ms: now_ms });
        let alike: Vec<&Failure> = self.failures.iter().filter(|failure| failure.storm == storm).collect();
        let distinct = match storm {
            Storm::Outage | Storm::Refusal | Storm::Interruption => alike.len(),
            Storm::RateLimit => {
                let first_of_account = |at: usize| {
                    let account = alike[at].account;
                    account.is_none() || alike[..at].iter().all(|other| other.account != account)
                };
                (0..alike.len()).filter(|at| first_of_account(*at)).count()
            }
        };
        if distinct < DISTINCT {
            return None;
        }
        let keys = alike.iter().map(|failure| failure.key).collect();
        self.open = Some(Open { storm, since_ms: now_ms, next_try_ms: now_ms + TRY_MS });
        self.failures.clear();
        Some(keys)
    }

    /// An answer began at `answered_ms`: failures before it are no outage. Returns whether this closes the breaker.
    pub(super) fn succeeded(&mut self, answered_ms: u64) -> bool {
        self.end(answered_ms, |storm| storm != Storm::Interruption)
    }

    /// An answer came to its end at `ended_ms`: interruptions before it were single ones. Returns whether this closes the
    /// breaker.
    pub(super) fn completed(&mut self, ended_ms: u64) -> bool {
        self.end(ended_ms, |storm| storm == Storm::Interruption)
    }

    fn end(&mut self, at_ms: u64, ends: impl Fn(Storm) -> bool) -> bool {
        if !self.failures.is_empty() {
            self.failures.retain(|failure| failure.at_ms > at_ms || !ends(failure.storm));
        }
        if self.open.is_some_and(|open| open.since_ms <= at_ms && ends(open.storm)) {
            self.open = None;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, storm: Storm, key: i64, account: Option<u32>, now: u64) -> bool {
        breaker.failed(storm, KeyId(key), account, now).is_some()
    }

    #[test]
    fn three_keys_within_ten_seconds_open_it() {
        let mut breaker = Breaker::default();
        assert!(!fail(&mut breaker, Storm::Outage, 1, None, 1_000));
        assert!(!fail(&mut breaker, Storm::Outage, 1, None, 1_100));
        assert!(!fail(&mut breaker, Storm::Outage, 2, None, 1_200));
        assert!(!fail(&mut breaker, Storm::RateLimit, 4, None, 1_200), "another failure");
        assert!(!fail(&mut breaker, Storm::Outage, 3, None, 11_150), "the first is too old");
        assert!(fail(&mut breaker, Storm::Outage, 4, None, 11_160));
        assert_eq!(breaker.open().unwrap().next_try_ms, 12_160);
        breaker.trying(12_160);
        assert_eq!(breaker.open().unwrap().next_try_ms, 13_160);
        assert!(!breaker.succeeded(11_000), "that answer began before it opened");
        assert!(breaker.succeeded(12_300));
        assert!(breaker.open().is_none());
    }

    #[test]
    fn a_success_between_keeps_it_closed() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, Storm::Outage, 1, None, 1_000);
        fail(&mut breaker, Storm::Outage, 2, None, 2_000);
        breaker.succeeded(1_500);
        assert!(!fail(&mut breaker, Storm::Outage, 3, None, 3_000));
        assert!(fail(&mut breaker, Storm::Outage, 4, None, 3_100));
    }

    #[test]
    fn only_a_whole_answer_speaks_against_interruptions() {
        let mut breaker = Breaker::default();
        for key in [1, 2] {
            fail(&mut breaker, Storm::Interruption, key, None, 1_000);
            assert!(!breaker.succeeded(1_500), "another answer begins");
        }
        assert!(fail(&mut breaker, Storm::Interruption, 3, None, 2_000));
        assert!(!breaker.succeeded(3_000));
        assert!(breaker.completed(3_500));
        fail(&mut breaker, Storm::Interruption, 1, None, 4_000);
        fail(&mut breaker, Storm::Interruption, 2, None, 4_000);
        assert!(!breaker.completed(4_500));
        assert!(!fail(&mut breaker, Storm::Interruption, 3, None, 5_000), "a whole answer came between");
    }

    #[test]
    fn keys_of_one_account_are_one_voice_about_a_rate_limit() {
        let mut breaker = Breaker::default();
        for key in 0..5 {
            assert!(!fail(&mut breaker, Storm::RateLimit, key, Some(7), 1_000));
        }
        assert!(!fail(&mut breaker, Storm::RateLimit, 8, Some(8), 1_000));
        assert!(fail(&mut breaker, Storm::RateLimit, 9, None, 1_000));
    }
}
