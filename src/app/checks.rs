//! Checks that nobody asks for: every key of a provider that wants them, each at its own moment, and keys that a verdict disabled,
//! until one brings them back.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;

use super::Parts;
use crate::domain::{KeyId, Snapshot};
use crate::key_check::{Checked, KeyChecker};
use crate::rotator::KeyState;
use crate::store::Actor;

/// Keys that are checked at once.
const AT_ONCE: usize = 4;
/// Spreads keys over the time between two checks: a large odd number, so that neighbours lie far apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which turn of its schedule each key has seen last.
#[derive(Default)]
pub(super) struct Schedule {
    turns: Mutex<HashMap<KeyId, u64>>,
}

impl Schedule {
    /// The keys whose turn has come since the last look. A key that is seen for the first time waits for its next one, so
    /// that a start asks nobody.
    fn due(&self, snapshot: &Snapshot, unix_s: u64) -> Vec<KeyId> {
        let mut turns = self.turns.lock();
        let mut due = Vec::new();
        let mut next = HashMap::new();
        for key in snapshot.keys() {
            let provider = snapshot.provider(key.provider).filter(|provider| provider.enabled && provider.probe.enabled);
            let Some(every_s) = provider.and_then(|provider| provider.probe.check_every_s) else { continue };
            let turn = turn(key.id, every_s.max(1), unix_s);
            if turns.get(&key.id).is_some_and(|seen| *seen < turn) {
                due.push(key.id);
            }
            next.insert(key.id, turn);
        }
        *turns = next;
        due
    }
}

fn turn(key: KeyId, every_s: u64, unix_s: u64) -> u64 {
    let phase = (key.0 as u64).wrapping_mul(SPREAD) % every_s;
    (unix_s + phase) / every_s
}

/// Checks the keys whose turn has come. Keys that are switched off are left to their probes and their operator.
pub(super) async fn check_due_keys(parts: Arc<Parts>, schedule: Arc<Schedule>) {
    let now = parts.clock.now();
    let due = schedule.due(&parts.publisher.current().load(), now.unix_ms as u64 / 1000);
    let is_on = |key: &KeyId| {
        let state = parts.rotator.state(*key, now);
        !matches!(state, None | Some(KeyState::DisabledAuto | KeyState::DisabledManual))
    };
    let checker = parts.admin.key_checker();
    let on: Vec<KeyId> = due.into_iter().filter(is_on).collect();
    let mut found = stream::iter(on).map(|key| checker.ask(key, "schedule")).buffer_unordered(AT_ONCE).ready_chunks(AT_ONCE);
    while let Some(checked) = found.next().await {
        settle(&checker, checked, "schedule").await;
    }
}

/// Asks about the keys that a verdict disabled, when they are due, all at once: the rotator hands out only a few.
pub(super) async fn probe_due_keys(parts: Arc<Parts>) {
    let due = parts.rotator.due_probes(parts.clock.now());
    if due.is_empty() {
        return;
    }
    let checker = parts.admin.key_checker();
    let checked = join_all(due.into_iter().map(|key| checker.ask(key, "probe"))).await;
    settle(&checker, checked, "probe").await;
}

async fn settle(checker: &KeyChecker, checked: Vec<Option<Checked>>, by: &str) {
    let actor = Actor { name: by.to_owned(), address: None, now_ms: checker.clock.now().unix_ms };
    if let Err(error) = checker.settle(checked.into_iter().flatten().collect(), actor, false).await {
        tracing::warn!(%error, "cannot keep what checks of keys found out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_turn_in_its_time_and_keys_are_spread() {
        let hour = 3_600;
        let mut moments = Vec::new();
        for key in 1..=100 {
            let turns = (0..hour).filter(|second| turn(KeyId(key), hour, *second) != turn(KeyId(key), hour, second + 1));
            let turns: Vec<u64> = turns.collect();
            assert_eq!(turns.len(), 1, "one turn an hour");
            moments.push(turns[0]);
        }
        for quarter in 0..4 {
            let inside = moments.iter().filter(|moment| **moment / 900 == quarter).count();
            assert!((15..=35).contains(&inside), "{inside} of 100 in one quarter of an hour");
        }
    }
}
