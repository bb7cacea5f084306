//! Limits that providers tell in their headers, respected before they are hit.

use http::HeaderMap;

use super::wait::read_wait;
use crate::domain::Moment;

/// A learned limit blocks a key no longer than this, whatever the header says.
const LONGEST_MS: u64 = 3_600_000;

/// Header names of one limit: what remains, and when it is whole again.
struct Family {
    remaining: &'static str,
    reset: &'static str,
    counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Requests,
    Tokens,
}

const FAMILIES: [Family; 8] = [
    family("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", Counts::Requests),
    family("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", Counts::Tokens),
    family("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset", Counts::Requests),
    family("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset", Counts::Tokens),
    family("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset", Counts::Tokens),
    family("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset", Counts::Tokens),
    family("x-ratelimit-remaining", "x-ratelimit-reset", Counts::Requests),
    family("ratelimit-remaining", "ratelimit-reset", Counts::Requests),
];

const fn family(remaining: &'static str, reset: &'static str, counts: Counts) -> Family {
    Family { remaining, reset, counts }
}

/// What a provider's headers said about a key's limits for a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LearnedLimits {
    /// Requests left, and milliseconds until the limit is whole again.
    pub requests: Option<(u64, u64)>,
    /// Tokens left, and milliseconds until the limit is whole again.
    pub tokens: Option<(u64, u64)>,
}

impl LearnedLimits {
    /// Reads `x-ratelimit-*`, `anthropic-ratelimit-*` and `ratelimit-*`. Of several limits of a kind the smallest counts; one
    /// without a readable reset is left out.
    pub fn from_headers(headers: &HeaderMap, now: Moment) -> Self {
        let mut learned = LearnedLimits::default();
        if !headers.keys().any(|name| is_of_a_family(name.as_str())) {
            return learned;
        }
        for family in &FAMILIES {
            let Some(remaining) = remaining(headers, family.remaining) else { continue };
            let Some(wait_ms) = text(headers, family.reset).and_then(|text| read_wait(text, now)) else { continue };
            let limit = match family.counts {
                Counts::Requests => &mut learned.requests,
                Counts::Tokens => &mut learned.tokens,
            };
            if limit.is_none_or(|(least, _)| remaining < least) {
                *limit = Some((remaining, wait_ms.min(LONGEST_MS)));
            }
        }
        learned
    }

    /// Milliseconds until a limit that has nothing left is whole again.
    pub(super) fn exhausted_ms(&self) -> Option<u64> {
        [self.requests, self.tokens].into_iter().flatten().filter(|(left, _)| *left == 0).map(|(_, wait_ms)| wait_ms).max()
    }

    /// Whether the headers said nothing.
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

/// Milliseconds until the exhausted limit is whole again: of the limits with nothing left the latest reset, or of those that
/// tell only a reset.
pub(super) fn exhausted_reset(headers: &HeaderMap, now: Moment) -> Option<u64> {
    let resets = FAMILIES.iter().filter(|family| remaining(headers, family.remaining).unwrap_or(0) == 0);
    resets.filter_map(|family| read_wait(text(headers, family.reset)?, now)).max()
}

/// Whether a header may belong to a family: most answers have none, and one look is cheaper than one for every name.
fn is_of_a_family(name: &str) -> bool {
    ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"].iter().any(|prefix| name.starts_with(prefix))
}

fn remaining(headers: &HeaderMap, name: &str) -> Option<u64> {
    let number: f64 = text(headers, name)?.trim().parse().ok()?;
    number.is_finite().then_some(number.max(0.0) as u64)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What is left of a key's limits for a model, counted down between two answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Learned {
    requests: Option<Left>,
    tokens: Option<Left>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    amount: u64,
    reset_ms: u64,
}

impl Learned {
    /// Takes what an answer said. `others` are the key's other calls in flight, which the provider may not have counted yet.
    pub(super) fn update(&mut self, limits: &LearnedLimits, others: u32, now_ms: u64) {
        let left = |limit: Option<(u64, u64)>, old: Option<Left>, pending: u64| match limit {
            Some((amount, wait_ms)) => Some(Left { amount: amount.saturating_sub(pending), reset_ms: now_ms + wait_ms }),
            None => old,
        };
        self.requests = left(limits.requests, self.requests, others.into());
        self.tokens = left(limits.tokens, self.tokens, 0);
    }

    /// Counts a call that goes out.
    pub(super) fn take(&mut self, tokens: u64) {
        for (left, amount) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(left) = left {
                left.amount = left.amount.saturating_sub(amount);
            }
        }
    }

    /// Monotonic time of the reset, when a limit has nothing left.
    pub(super) fn exhausted_until(&self, now_ms: u64) -> Option<u64> {
        [self.requests, self.tokens]
            .iter()
            .flatten()
            .filter(|left| left.amount == 0 && now_ms < left.reset_ms)
            .map(|l| l.reset_ms)
            .max()
    }

    /// Monotonic time at which a call of this size fits, when it does not now.
    pub(super) fn too_few_tokens_until(&self, tokens: u64, now_ms: u64) -> Option<u64> {
        self.tokens.filter(|left| left.amount < tokens && now_ms < left.reset_ms).map(|left| left.reset_ms)
    }

    /// Whether nothing of it counts any more.
    pub(super) fn is_stale(&self, now_ms: u64) -> bool {
        [self.requests, self.tokens].iter().flatten().all(|left| left.reset_ms <= now_ms)
    }

    /// Requests left, while that counts.
    pub(super) fn requests_left(&self, now_ms: u64) -> Option<u64> {
        self.requests.filter(|left| now_ms < left.reset_ms).map(|left| left.amount)
    }

    /// Tokens left, while that counts.
    pub(super) fn tokens_left(&self, now_ms: u64) -> Option<u64> {
        self.tokens.filter(|left| now_ms < left.reset_ms).map(|left| left.amount)
    }

    /// The latest reset ahead, monotonic.
    pub(super) fn reset_ms(&self, now_ms: u64) -> Option<u64> {
        [self.requests, self.tokens].iter().flatten().map(|left| left.reset_ms).filter(|reset| now_ms < *reset).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { mono_ms: 3_600_000, unix_ms: 1_795_629_600_000 };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn every_family_is_looked_for() {
        assert!(FAMILIES.iter().all(|family| is_of_a_family(family.remaining) && is_of_a_family(family.reset)));
        assert!(!is_of_a_family("content-type"));
    }

    #[test]
    fn the_exhausted_limit_counts() {
        let both = headers(&[
            ("x-ratelimit-remaining-requests", "12"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "12ms"),
        ]);
        assert_eq!(exhausted_reset(&both, NOW), Some(12));
        let learned = LearnedLimits::from_headers(&both, NOW);
        assert_eq!(learned, LearnedLimits { requests: Some((12, 360_000)), tokens: Some((0, 12)) });
        assert_eq!(exhausted_reset(&headers(&[("x-ratelimit-reset", "1795629605")]), NOW), Some(5_000));
        assert_eq!(exhausted_reset(&headers(&[("x-ratelimit-reset-tokens", "soon")]), NOW), None);
        let anthropic = headers(&[
            ("anthropic-ratelimit-input-tokens-remaining", "100"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-25T18:00:30Z"),
            ("anthropic-ratelimit-tokens-remaining", "400"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-25T18:00:10Z"),
        ]);
        assert_eq!(LearnedLimits::from_headers(&anthropic, NOW).tokens, Some((100, 30_000)));
    }

    #[test]
    fn a_limit_is_counted_down_between_answers() {
        let mut learned = Learned::default();
        learned.update(&LearnedLimits { requests: Some((3, 10_000)), tokens: Some((500, 5_000)) }, 1, 1_000);
        assert_eq!(learned.requests_left(1_000), Some(2));
        learned.take(400);
        assert_eq!(learned.too_few_tokens_until(101, 1_000), Some(6_000));
        assert_eq!(learned.too_few_tokens_until(100, 1_000), None);
        assert_eq!(learned.exhausted_until(1_000), None);
        learned.take(100);
        assert_eq!(learned.exhausted_until(1_000), Some(11_000));
        assert_eq!(learned.exhausted_until(11_000), None);
        assert!(learned.is_stale(11_000));
    }
}
