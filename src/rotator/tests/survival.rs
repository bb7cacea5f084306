//! What is remembered over a restart.

use super::*;
use crate::domain::{Cost, Nanodollars};

/// The same wall-clock time in a new process, whose monotonic clock starts over.
fn after_restart(ms: u64) -> Moment {
    Moment { mono_ms: 3_600_000, unix_ms: NOW.unix_ms + ms as i64 }
}

fn restarted(old: &Rotator, keys: Vec<Key>, saved_at: Moment, ms: u64) -> Arc<Rotator> {
    let text = serde_json::to_string(&old.saved_states(saved_at)).unwrap();
    assert!(!text.contains("sk-test"), "no secret is saved");
    let rotator = Rotator::new(2);
    rotator.restore(serde_json::from_str(&text).unwrap(), after_restart(ms));
    rotator.apply(&snapshot(keys), after_restart(ms));
    rotator
}

#[test]
fn states_survive_a_restart() {
    let make = || keys(7, |key| key.limits.budget_month = Some(Nanodollars::from_dollars(5.0)));
    let old = rotator(make());
    old.failed(&lease_of(&old, 1, NOW), &invalid_key(), NOW);
    old.failed(&lease_of(&old, 2, NOW), &quota(), NOW);
    old.failed(&lease_of(&old, 3, NOW), &rate_limit(90_000), NOW);
    old.disable(KeyId(4), Some(NOW.unix_ms + 100_000), "maintenance", NOW);
    let too_large = verdict(Class::TooLarge, Blame::Nobody, Effect::SizeLimit { tokens: Some(10) });
    let lease = lease_of(&old, 5, NOW);
    old.learn_account(&lease, "org-x");
    old.failed(&lease, &too_large, NOW);
    let cost = Cost::Known(Nanodollars::from_dollars(5.0));
    let lease = lease_of(&old, 6, NOW);
    old.succeeded(&lease, &Report { first_byte_ms: 250, cost, ..Report::default() }, NOW);
    let new = restarted(&old, make(), at(5_000), 30_000);
    let now = after_restart(30_000);
    let states = [1, 2, 3, 4, 5, 6, 7].map(|key| state(&new, key, now));
    assert_eq!(
        states,
        [
            KeyState::DisabledAuto,
            KeyState::Cooling,
            KeyState::Active,
            KeyState::DisabledManual,
            KeyState::Active,
            KeyState::Limited,
            KeyState::Active,
        ]
    );
    let status = |key| new.status(KeyId(key), now).unwrap();
    assert_eq!(status(1).reason.as_deref(), Some("test"));
    assert_eq!(status(2).until_ms, Some(NOW.unix_ms + 3_600_000));
    assert_eq!(status(3).models[0].until_ms, Some(NOW.unix_ms + 90_000));
    assert_eq!(status(4).until_ms, Some(NOW.unix_ms + 100_000));
    assert_eq!((status(5).models[0].size_limit, status(5).account.as_deref()), (Some(10), Some("org-x")));
    assert_eq!((status(6).facts.ewma_ms, status(6).spent_month), (Some(250.0), Nanodollars::from_dollars(5.0)));
    assert_eq!(status(1).next_probe_ms, Some(NOW.unix_ms + 3_600_000));
    assert_eq!(new.due_probes(now.plus_ms(3_570_000)).len(), 1);
    assert_eq!(state(&new, 4, now.plus_ms(70_000)), KeyState::Active);
}

#[test]
fn a_rest_that_ended_meanwhile_is_over() {
    let old = rotator(keys(1, |_| {}));
    old.failed(&first(&old, NOW).unwrap(), &rate_limit(2_000), NOW);
    let new = restarted(&old, keys(1, |_| {}), NOW, 2_500);
    assert!(first(&new, after_restart(2_500)).is_ok());
}

#[test]
fn states_that_are_restored_after_the_keys_are_known() {
    let old = rotator(keys(2, |_| {}));
    old.disable(KeyId(2), None, "test", NOW);
    let new = rotator(keys(2, |_| {}));
    assert_eq!(id(&first(&new, NOW).unwrap()), 1);
    new.restore(old.saved_states(NOW), NOW);
    assert!((0..5).all(|_| id(&first(&new, NOW).unwrap()) == 1));
}

#[test]
fn a_wall_clock_that_jumps_changes_no_rest() {
    let rotator = rotator(keys(1, |_| {}));
    rotator.failed(&first(&rotator, NOW).unwrap(), &rate_limit(10_000), NOW);
    let jumped = Moment { mono_ms: NOW.mono_ms + 5_000, unix_ms: NOW.unix_ms + 3_605_000 };
    assert_eq!(first(&rotator, jumped).unwrap_err(), PickError::Resting { retry_after_ms: 5_000 });
    let back = Moment { mono_ms: NOW.mono_ms + 10_000, unix_ms: NOW.unix_ms - 3_600_000 };
    assert!(first(&rotator, back).is_ok());
}

#[test]
fn untouched_keys_are_not_saved() {
    let rotator = rotator(keys(3, |_| {}));
    drop(lease_of(&rotator, 2, NOW));
    assert_eq!(rotator.saved_states(NOW).iter().map(|saved| saved.key).collect::<Vec<_>>(), [KeyId(2)]);
}
