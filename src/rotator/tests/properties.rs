//! What must hold for any pool and any course of events.

use proptest::prelude::{Just, ProptestConfig, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

/// What a course of events is made of.
#[derive(Clone, Debug)]
enum Step {
    Pick,
    Drop(usize),
    Outcome(usize, u8),
    Switch(i64, bool),
    Pass(u64),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::strategy::Strategy;
    prop_oneof![
        4 => Just(Step::Pick),
        2 => (0..8usize).prop_map(Step::Drop),
        3 => (0..8usize, 0..5u8).prop_map(|(lease, outcome)| Step::Outcome(lease, outcome)),
        1 => (1..9i64, any::<bool>()).prop_map(|(key, on)| Step::Switch(key, on)),
        2 => (0..30_000u64).prop_map(Step::Pass),
    ]
}

fn outcome(number: u8) -> Option<Verdict> {
    [None, Some(rate_limit(5_000)), Some(quota()), Some(outage()), Some(invalid_key())][usize::from(number)].clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Shares follow the weights within 1 % of the picks, also while keys leave and return.
    #[test]
    fn round_robin_holds_the_weights(weights in prop::collection::vec(1..12u32, 2..9), comings in prop::collection::vec((1..9i64, 0..3_000usize), 0..12)) {
        let count = weights.len() as i64;
        let rotator = rotator(keys(count, |key| key.weight = weights[key.id.0 as usize - 1]));
        let mut out = std::collections::HashSet::new();
        let mut comings: Vec<(i64, usize)> = comings.into_iter().filter(|(key, _)| *key <= count).collect();
        comings.sort_by_key(|(_, at)| *at);
        let mut expected = vec![0.0; weights.len()];
        let mut counted = vec![0.0; weights.len()];
        for pick in 0..10_000 {
            for (key, _) in comings.iter().filter(|(_, at)| *at * 3 == pick) {
                if out.remove(key) {
                    rotator.enable(KeyId(*key), "test", NOW);
                } else if out.len() + 1 < weights.len() {
                    out.insert(*key);
                    rotator.disable(KeyId(*key), None, "test", NOW);
                }
            }
            let ready = |key: usize| !out.contains(&(key as i64 + 1));
            let total: u32 = weights.iter().enumerate().filter(|(key, _)| ready(*key)).map(|(_, weight)| weight).sum();
            for (key, weight) in weights.iter().enumerate().filter(|(key, _)| ready(*key)) {
                expected[key] += f64::from(*weight) / f64::from(total);
            }
            counted[id(&first(&rotator, NOW).unwrap()) as usize - 1] += 1.0;
        }
        for (expected, counted) in expected.iter().zip(&counted) {
            prop_assert!((expected - counted).abs() <= 100.0, "{expected} {counted}");
        }
    }

    /// A key that rests moves only its own clients, and they come back with it.
    #[test]
    fn sticky_moves_only_the_resting_keys_clients(count in 2..60i64, gone in 1..60i64, salt in any::<u64>()) {
        let gone = 1 + gone % count;
        let rotator = rotator(keys(count, |key| key.weight = 1 + (key.id.0 % 3) as u32));
        let targets = targets();
        let home = |client: u64| {
            let affinity = Some(salt ^ client.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let request = PickRequest { affinity, ..PickRequest::new(&targets, Strategy::Sticky) };
            id(&rotator.pick(&request, NOW).unwrap())
        };
        let before: Vec<i64> = (0..300).map(home).collect();
        rotator.disable(KeyId(gone), None, "test", NOW);
        for (client, before) in before.iter().enumerate() {
            let now = home(client as u64);
            prop_assert!(now != gone && (*before == gone || now == *before));
        }
        rotator.enable(KeyId(gone), "test", NOW);
        prop_assert_eq!((0..300).map(home).collect::<Vec<_>>(), before);
    }

    /// However a provider fails, no key rests or is disabled for it, and one success brings the pool back.
    #[test]
    fn an_outage_never_empties_a_pool(count in 1..20i64, gaps in prop::collection::vec(1..2_000u64, 1..200)) {
        let rotator = rotator(keys(count, |_| {}));
        let mut now = NOW;
        for gap in gaps {
            now = now.plus_ms(gap);
            match first(&rotator, now) {
                Ok(lease) => rotator.failed(&lease, &outage(), now.plus_ms(1)),
                Err(error) => {
                    let open = matches!(error, PickError::BreakerOpen { .. });
                    prop_assert!(open, "{error}");
                }
            }
        }
        now = now.plus_ms(1_001);
        prop_assert!((1..=count).all(|key| state(&rotator, key, now) == KeyState::Active));
        let lease = first(&rotator, now).unwrap();
        succeed(&rotator, lease, now.plus_ms(1));
        prop_assert_eq!(first(&rotator, now.plus_ms(1)).unwrap().why().ready, count as u32);
    }

    /// Of any waits the latest end counts.
    #[test]
    fn the_latest_end_of_all_rests_counts(waits in prop::collection::vec((0..5_000u64, 1_000..60_000u64), 1..8)) {
        let rotator = rotator(keys(1, |_| {}));
        let leases: Vec<Lease> = waits.iter().map(|_| first(&rotator, NOW).unwrap()).collect();
        let mut waits = waits;
        waits.sort_unstable();
        for (lease, (said_at, ms)) in leases.iter().zip(&waits) {
            rotator.failed(lease, &rate_limit(*ms), at(*said_at));
        }
        let end = waits.iter().map(|(said_at, ms)| said_at + ms).max().unwrap();
        let last = waits.last().unwrap().0;
        prop_assert_eq!(first(&rotator, at(last)).unwrap_err(), PickError::Resting { retry_after_ms: end - last });
        prop_assert!(first(&rotator, at(end)).is_ok());
    }

    /// Any course of events: a pick never yields a key that is out, leases add up, and saving and restoring keeps every state.
    #[test]
    fn any_course_of_events(steps in prop::collection::vec(step(), 1..120), strategy in prop::sample::select(Strategy::ALL.to_vec())) {
        let make = || keys(8, |key| {
            key.weight = 1 + (key.id.0 % 2) as u32;
            key.limits.concurrency = (key.id.0 % 4 == 0).then_some(2);
            key.account = (key.id.0 > 6).then(|| "a".into());
        });
        let rotator = rotator(make());
        let targets = targets();
        let mut held: Vec<Lease> = Vec::new();
        let mut now = NOW;
        for step in steps {
            now = now.plus_ms(1);
            match step {
                Step::Pick => match rotator.pick(&PickRequest::new(&targets, strategy), now) {
                    Ok(lease) => {
                        let status = rotator.status(lease.key().id, now).unwrap();
                        let serves = matches!(status.state, KeyState::Active | KeyState::Probing | KeyState::Limited);
                        prop_assert!(serves);
                        prop_assert!(lease.why().ready >= 1);
                        held.push(lease);
                    }
                    Err(PickError::Resting { retry_after_ms } | PickError::BreakerOpen { retry_after_ms, .. }) => {
                        prop_assert!(retry_after_ms >= 1);
                    }
                    Err(error) => prop_assert_eq!(error, PickError::NoKey),
                },
                Step::Drop(at) if at < held.len() => drop(held.swap_remove(at)),
                Step::Outcome(at, number) if at < held.len() => match outcome(number) {
                    Some(verdict) => rotator.failed(&held.swap_remove(at), &verdict, now),
                    None => succeed(&rotator, held.swap_remove(at), now),
                },
                Step::Switch(key, true) => drop(rotator.enable(KeyId(key), "test", now)),
                Step::Switch(key, false) => drop(rotator.disable(KeyId(key), None, "test", now)),
                Step::Pass(ms) => now = now.plus_ms(ms),
                _ => {}
            }
        }
        for key in 1..=8 {
            let facts = rotator.status(KeyId(key), now).unwrap().facts;
            prop_assert_eq!(facts.in_flight as usize, held.iter().filter(|lease| id(lease) == key).count());
        }
        held.clear();
        let restored = Rotator::new(3);
        restored.restore(rotator.saved_states(now), now);
        restored.apply(&snapshot(make()), now);
        for key in 1..=8 {
            let (old, new) = (rotator.status(KeyId(key), now).unwrap(), restored.status(KeyId(key), now).unwrap());
            let group = old.account_until_ms.is_some();
            prop_assert!(old.state == new.state || group, "key {}: {:?} {:?}", key, old.state, new.state);
            prop_assert_eq!((old.until_ms, old.reason, old.models), (new.until_ms, new.reason, new.models));
            prop_assert_eq!((old.facts.failures, old.requests_today), (new.facts.failures, new.requests_today));
        }
    }
}
