//! Providers' model lists: read at start, again after a failure, and from time to time.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future;

use super::Parts;
use crate::domain::{Moment, Provider, ProviderId, Snapshot};
use crate::model_sync::Reading;
use crate::store::{Acceptance, Actor, StoreError};

/// Keys of one provider that are asked in one round; the next round goes on behind them.
const KEYS_A_ROUND: usize = 64;
/// Wait after the first failure. It doubles with each further one.
const FIRST_RETRY_MS: u64 = 2_000;
/// Longest wait after a failure.
const LONGEST_RETRY_MS: u64 = 3_600_000;
/// Wait of a provider without keys that can ask.
const WITHOUT_KEYS_MS: u64 = 10_000;

/// When each provider's list is read next.
#[derive(Default)]
pub(super) struct Schedule {
    providers: HashMap<ProviderId, Round>,
}

/// What is remembered of a provider between two rounds.
struct Round {
    since_ms: u64,
    last: Last,
    /// Share of the wait that is waited, so that providers do not come all at once.
    jitter: f64,
    /// Where the next round begins among the keys.
    next_key: usize,
}

/// How the last round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// With a list, or there was one already.
    Listed,
    /// No key could ask.
    WithoutKeys,
    /// Without a list, so many times in a row; 0: there was no round.
    Failed(u32),
}

impl Round {
    fn wait_ms(&self, period_ms: u64) -> Option<u64> {
        let wait = match self.last {
            Last::Listed if period_ms == 0 => return None,
            Last::Listed => period_ms,
            Last::WithoutKeys => WITHOUT_KEYS_MS,
            Last::Failed(0) => 0,
            Last::Failed(times) => FIRST_RETRY_MS.saturating_mul(1 << (times - 1).min(20)).min(LONGEST_RETRY_MS),
        };
        Some((wait as f64 * self.jitter) as u64)
    }
}

impl Schedule {
    /// Providers whose list is due now. `random` is any number.
    fn due(&mut self, snapshot: &Snapshot, random: impl Fn() -> u64, now: Moment) -> Vec<Arc<Provider>> {
        let period_ms = snapshot.settings.model_sync_s * 1000;
        self.providers.retain(|id, _| snapshot.provider(*id).is_some());
        let mut due = Vec::new();
        for provider in snapshot.providers().filter(|provider| provider.enabled) {
            let round = self.providers.entry(provider.id).or_insert_with(|| Round {
                since_ms: now.mono_ms,
                last: if provider.synced_models.is_empty() { Last::Failed(0) } else { Last::Listed },
                jitter: share(random()),
                next_key: 0,
            });
            if round.wait_ms(period_ms).is_some_and(|wait| round.since_ms + wait <= now.mono_ms) {
                due.push(provider.clone());
            }
        }
        due
    }

    fn note(&mut self, provider: ProviderId, last: Last, asked: usize, random: u64, now: Moment) {
        let Some(round) = self.providers.get_mut(&provider) else { return };
        round.last = match (last, round.last) {
            (Last::Failed(_), Last::Failed(times)) => Last::Failed(times.saturating_add(1)),
            (Last::Failed(_), _) => Last::Failed(1),
            (last, _) => last,
        };
        round.since_ms = now.mono_ms;
        round.jitter = 0.9 + 0.2 * share(random);
        round.next_key = round.next_key.wrapping_add(asked);
    }

    fn next_key(&self, provider: ProviderId) -> usize {
        self.providers.get(&provider).map_or(0, |round| round.next_key)
    }
}

/// A number from 0 to 1.
fn share(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// Reads the lists that are due.
pub(super) async fn read_due(parts: &Parts, schedule: &mut Schedule) {
    let snapshot = parts.publisher.current().load_full();
    let due = schedule.due(&snapshot, || parts.entropy.next_u64(), parts.clock.now());
    let rounds = due.into_iter().map(|provider| {
        let (snapshot, first) = (&snapshot, schedule.next_key(provider.id));
        async move { (provider.id, read(parts, snapshot, provider, first).await) }
    });
    for (provider, (last, asked)) in future::join_all(rounds).await {
        schedule.note(provider, last, asked, parts.entropy.next_u64(), parts.clock.now());
    }
}

/// Asks with the provider's keys from the given one on. Returns how it ended, and how many keys were asked.
async fn read(parts: &Parts, snapshot: &Snapshot, provider: Arc<Provider>, first: usize) -> (Last, usize) {
    let model_sync = &parts.admin.model_sync;
    let keys = model_sync.keys(provider.id);
    if keys.is_empty() {
        return (Last::WithoutKeys, 0);
    }
    let asked = keys.len().min(KEYS_A_ROUND);
    let first = first % keys.len();
    let in_turn = keys.iter().cycle().skip(first).take(asked).cloned().collect();
    let reading = model_sync.read(&provider, in_turn).await;
    for (key, error) in &reading.failed {
        let key = snapshot.key(*key).map_or("", |key| &key.name);
        tracing::info!(provider = provider.name, key, error, "cannot list the provider's models");
    }
    if reading.lists(false).is_empty() {
        return (Last::Failed(0), asked);
    }
    let waits = snapshot.settings.model_sync_review && provider.models_synced_ms.is_some();
    (if waits { Last::Listed } else { keep(parts, &provider, &reading).await }, asked)
}

async fn keep(parts: &Parts, provider: &Provider, reading: &Reading) -> Last {
    let actor = Actor { name: "model list".to_owned(), address: None, now_ms: parts.clock.now().unix_ms };
    let (id, lists) = (provider.id, reading.lists(false));
    let edit = parts.publisher.edit(actor, move |edit| edit.accept_models(id, &lists, &Acceptance::default()));
    let synced: Result<_, StoreError> = edit.await;
    match synced {
        Ok(outcome) => {
            let (added, vanished) = (outcome.added.len(), outcome.vanished.len());
            tracing::info!(provider = provider.name, added, vanished, "model list read");
            Last::Listed
        }
        Err(error) => {
            tracing::warn!(provider = provider.name, %error, "cannot keep the provider's model list");
            Last::Failed(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { mono_ms: 3_600_000, unix_ms: 1_795_629_600_000 };

    fn round(last: Last, jitter: f64) -> Round {
        Round { since_ms: NOW.mono_ms, last, jitter, next_key: 0 }
    }

    #[test]
    fn failures_are_tried_again_ever_more_seldom() {
        let mut schedule = Schedule { providers: HashMap::from([(ProviderId(1), round(Last::Failed(0), 1.0))]) };
        let mut waits = Vec::new();
        for _ in 0..14 {
            schedule.note(ProviderId(1), Last::Failed(0), 1, u64::MAX / 2, NOW);
            waits.push(schedule.providers[&ProviderId(1)].wait_ms(21_600_000).unwrap());
        }
        let about = |ms: u64, wanted: u64| ms.abs_diff(wanted) <= 1;
        assert!(waits.iter().zip([2_000, 4_000, 8_000, 16_000]).all(|(wait, wanted)| about(*wait, wanted)), "{waits:?}");
        assert!(about(waits[13], LONGEST_RETRY_MS), "{waits:?}");
        schedule.note(ProviderId(1), Last::Listed, 1, u64::MAX / 2, NOW);
        assert!(about(schedule.providers[&ProviderId(1)].wait_ms(21_600_000).unwrap(), 21_600_000));
        schedule.note(ProviderId(1), Last::Failed(0), 1, u64::MAX / 2, NOW);
        assert_eq!(schedule.providers[&ProviderId(1)].last, Last::Failed(1), "a failure behind a list is a first one");
    }

    #[test]
    fn a_known_list_waits_for_its_period_and_none_without_one() {
        assert_eq!(round(Last::Failed(0), 0.7).wait_ms(1_000), Some(0), "an unknown list is read at once");
        assert_eq!(round(Last::Listed, 0.5).wait_ms(1_000), Some(500));
        assert_eq!(round(Last::Listed, 0.5).wait_ms(0), None);
        assert_eq!(round(Last::Failed(1), 1.0).wait_ms(0), Some(FIRST_RETRY_MS));
    }
}
