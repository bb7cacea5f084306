//! Limits of a key: its own, and those that its provider told.

use super::*;
use crate::domain::{Cost, Nanodollars};

fn limited(limits: KeyLimits) -> Arc<Rotator> {
    rotator(keys(1, |key| key.limits = limits.clone()))
}

fn of_size(targets: &[Target], estimated_tokens: u64) -> PickRequest<'_> {
    PickRequest { estimated_tokens, ..PickRequest::new(targets, Strategy::RoundRobin) }
}

#[test]
fn requests_a_minute() {
    let rotator = limited(KeyLimits { rpm: Some(3), ..KeyLimits::default() });
    for ms in [0, 10_000, 20_000] {
        assert!(first(&rotator, at(ms)).is_ok());
    }
    assert_eq!(first(&rotator, at(30_000)).unwrap_err(), PickError::Resting { retry_after_ms: 30_001 });
    assert_eq!(state(&rotator, 1, at(30_000)), KeyState::Limited);
    assert!(first(&rotator, at(60_001)).is_ok());
    assert!(first(&rotator, at(60_001)).is_err());
}

#[test]
fn tokens_a_minute_by_estimate_then_by_use() {
    let rotator = limited(KeyLimits { tpm: Some(1_000), ..KeyLimits::default() });
    let targets = targets();
    let lease = rotator.pick(&of_size(&targets, 600), NOW).unwrap();
    assert_eq!(rotator.pick(&of_size(&targets, 500), at(1)).unwrap_err(), PickError::Resting { retry_after_ms: 60_000 });
    assert!(rotator.pick(&of_size(&targets, 100), at(1)).is_ok());
    rotator.succeeded(&lease, &Report { tokens: Some(50), ..Report::default() }, at(2));
    assert!(rotator.pick(&of_size(&targets, 800), at(2)).is_ok());
    assert_eq!(rotator.pick(&of_size(&targets, 1_001), at(3)).unwrap_err(), PickError::TooLarge { limit: Some(1_000) });
}

#[test]
fn a_failed_call_gives_its_tokens_back() {
    let rotator = limited(KeyLimits { tpm: Some(1_000), ..KeyLimits::default() });
    let targets = targets();
    let lease = rotator.pick(&of_size(&targets, 1_000), NOW).unwrap();
    rotator.failed(&lease, &outage(), at(1));
    assert!(rotator.pick(&of_size(&targets, 1_000), at(2)).is_ok());
}

#[test]
fn calls_in_flight() {
    let rotator = limited(KeyLimits { concurrency: Some(2), ..KeyLimits::default() });
    let held = [first(&rotator, NOW).unwrap(), first(&rotator, NOW).unwrap()];
    assert_eq!(first(&rotator, NOW).unwrap_err(), PickError::Resting { retry_after_ms: 1_000 });
    drop(held);
    assert!(first(&rotator, NOW).is_ok());
}

#[test]
fn requests_a_day_by_the_utc_day() {
    let rotator = limited(KeyLimits { rpd: Some(2), ..KeyLimits::default() });
    assert!(first(&rotator, NOW).is_ok() && first(&rotator, NOW).is_ok());
    let until_midnight = 6 * 3_600_000;
    assert_eq!(first(&rotator, at(1_000)).unwrap_err(), PickError::Resting { retry_after_ms: until_midnight - 1_000 });
    assert!(first(&rotator, at(until_midnight)).is_ok());
    assert_eq!(rotator.status(KeyId(1), at(until_midnight)).unwrap().requests_today, 1);
}

#[test]
fn money_a_month_with_calls_in_flight() {
    let rotator = limited(KeyLimits { budget_month: Some(Nanodollars::from_dollars(0.25)), ..KeyLimits::default() });
    let targets = targets();
    let ten_cents = PickRequest {
        estimated_cost: Some(Nanodollars::from_dollars(0.1)),
        ..PickRequest::new(&targets, Strategy::RoundRobin)
    };
    let held: Vec<Lease> = (0..20).filter_map(|_| rotator.pick(&ten_cents, NOW).ok()).collect();
    assert_eq!(held.len(), 2);
    assert!(matches!(rotator.pick(&ten_cents, NOW), Err(PickError::Resting { .. })));
    for (lease, cost) in held.iter().zip([0.08, 0.17]) {
        let cost = Cost::Known(Nanodollars::from_dollars(cost));
        rotator.succeeded(lease, &Report { cost, ..Report::default() }, at(10));
    }
    assert_eq!(rotator.status(KeyId(1), at(10)).unwrap().spent_month, Nanodollars::from_dollars(0.25));
    assert!(matches!(first(&rotator, at(20)), Err(PickError::Resting { retry_after_ms }) if retry_after_ms > 86_400_000));
    assert!(first(&rotator, at(6 * 86_400_000)).is_ok(), "in December");
}

#[test]
fn zero_is_none_allowed() {
    let zero = Some(0);
    for limits in [
        KeyLimits { rpm: zero, ..KeyLimits::default() },
        KeyLimits { tpm: zero, ..KeyLimits::default() },
        KeyLimits { rpd: zero, ..KeyLimits::default() },
        KeyLimits { concurrency: zero, ..KeyLimits::default() },
        KeyLimits { budget_month: Some(Nanodollars(0)), ..KeyLimits::default() },
    ] {
        assert_eq!(first(&limited(limits.clone()), NOW).unwrap_err(), PickError::NoKey, "{limits:?}");
    }
}

#[test]
fn what_the_provider_says_is_left_is_respected() {
    let rotator = rotator(keys(2, |_| {}));
    let told = |lease: &Lease, requests, tokens, now| {
        rotator.answered(lease, 10, &LearnedLimits { requests, tokens }, now);
    };
    let lease = lease_of(&rotator, 1, NOW);
    told(&lease, Some((0, 5_000)), None, at(10));
    drop(lease);
    assert!((0..10).all(|_| id(&first(&rotator, at(20)).unwrap()) == 2), "nothing is left of key 1");
    assert_eq!(rotator.status(KeyId(1), at(20)).unwrap().facts.remaining_requests, Some(0));
    let lease = lease_of(&rotator, 2, at(30));
    told(&lease, Some((2, 5_000)), Some((100, 2_000)), at(40));
    drop(lease);
    let targets = targets();
    assert_eq!(rotator.pick(&of_size(&targets, 101), at(50)).unwrap_err(), PickError::Resting { retry_after_ms: 1_990 });
    let two = [0, 1].map(|_| first(&rotator, at(50)).map(|lease| id(&lease)));
    assert_eq!(two, [Ok(2), Ok(2)]);
    assert_eq!(first(&rotator, at(60)).unwrap_err(), PickError::Resting { retry_after_ms: 4_950 });
    assert_eq!(id(&first(&rotator, at(5_010)).unwrap()), 1);
}

#[test]
fn no_limit_is_exceeded_in_any_minute_by_64_threads() {
    let limits = KeyLimits { rpm: Some(40), tpm: Some(3_000), concurrency: Some(7), ..KeyLimits::default() };
    let rotator = rotator(keys(3, |key| key.limits = limits.clone()));
    let clock = std::sync::atomic::AtomicU64::new(0);
    let picks = parking_lot::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..64u64 {
            let (rotator, clock, picks) = (&rotator, &clock, &picks);
            scope.spawn(move || {
                let targets = targets();
                for round in 0..150 {
                    let now = at(clock.fetch_add(17, std::sync::atomic::Ordering::Relaxed));
                    let tokens = 20 + (thread * 31 + round * 7) % 150;
                    let Ok(lease) = rotator.pick(&of_size(&targets, tokens), now) else { continue };
                    let facts = rotator.status(lease.key().id, now).unwrap().facts;
                    assert!(facts.in_flight <= 7, "{}", facts.in_flight);
                    let fails = round % 3 == 0;
                    picks.lock().push((id(&lease), lease.started().mono_ms, if fails { 0 } else { tokens }));
                    if fails {
                        rotator.failed(&lease, &verdict(Class::Request, Blame::Request, Effect::None), lease.started());
                    } else {
                        rotator.succeeded(&lease, &Report { tokens: Some(tokens), ..Report::default() }, lease.started());
                    }
                }
            });
        }
    });
    let mut picks = picks.into_inner();
    picks.sort_unstable_by_key(|(_, at, _)| *at);
    assert!(picks.len() > 150, "{}", picks.len());
    for key in 1..=3 {
        let of_key: Vec<_> = picks.iter().filter(|(id, ..)| *id == key).collect();
        for (first, (_, from, _)) in of_key.iter().enumerate() {
            let minute: Vec<_> = of_key[first..].iter().take_while(|(_, at, _)| *at < from + 60_000).collect();
            assert!(minute.len() <= 40);
            assert!(minute.iter().map(|(.., tokens)| tokens).sum::<u64>() <= 3_000);
        }
    }
}

#[test]
fn a_limit_that_a_key_is_given_later_holds_and_counts_what_the_day_has_seen() {
    let rotator = limited(KeyLimits::default());
    for settled in [true, false] {
        let lease = first(&rotator, NOW).unwrap();
        if settled {
            succeed(&rotator, lease, at(1));
        }
    }
    assert_eq!(rotator.status(KeyId(1), at(2)).unwrap().requests_today, 2);
    for limits in [
        KeyLimits { rpm: Some(0), ..KeyLimits::default() },
        KeyLimits { tpm: Some(0), ..KeyLimits::default() },
        KeyLimits { rpd: Some(2), ..KeyLimits::default() },
        KeyLimits { concurrency: Some(0), ..KeyLimits::default() },
        KeyLimits { budget_month: Some(Nanodollars(0)), ..KeyLimits::default() },
    ] {
        rotator.apply(&snapshot(keys(1, |key| key.limits = limits.clone())), at(3));
        assert!(first(&rotator, at(3)).is_err(), "{limits:?}");
        rotator.apply(&snapshot(keys(1, |_| {})), at(4));
        assert!(first(&rotator, at(4)).is_ok(), "{limits:?} and none again");
    }
}
