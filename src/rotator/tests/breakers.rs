//! Breakers: an outage never empties a pool, and ends within seconds of the provider's return.

use super::*;
use crate::domain::KeyEventKind;

/// Fails calls on `count` keys in turn.
fn storm(rotator: &Rotator, count: i64, verdict: &Verdict, now: Moment) {
    for key in 1..=count {
        rotator.failed(&lease_of(rotator, key, now), verdict, now);
    }
}

#[test]
fn an_outage_opens_the_breaker_and_charges_no_key() {
    let rotator = rotator(keys(5, |_| {}));
    storm(&rotator, 3, &outage(), NOW);
    assert_eq!(first(&rotator, at(400)).unwrap_err(), PickError::BreakerOpen { provider: ProviderId(1), retry_after_ms: 600 });
    assert_eq!([1, 2, 3, 4].map(|key| state(&rotator, key, at(1))), [KeyState::Active; 4]);
    assert_eq!(rotator.status(KeyId(1), at(1)).unwrap().facts.failures, 0);
    assert_eq!(rotator.provider_status(ProviderId(1), at(1)).unwrap().breaker, Some((NOW.unix_ms, "outage")));
    let trial = first(&rotator, at(1_000)).unwrap();
    assert!(first(&rotator, at(1_500)).is_err(), "one call a second");
    rotator.failed(&trial, &outage(), at(1_600));
    let trial = first(&rotator, at(2_000)).unwrap();
    succeed(&rotator, trial, at(2_100));
    assert!((0..5).all(|_| first(&rotator, at(2_100)).is_ok()));
    let kinds: Vec<_> = rotator.take_events().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [KeyEventKind::BreakerOpened, KeyEventKind::BreakerClosed]);
}

#[test]
fn a_call_that_hangs_does_not_keep_the_breaker_open() {
    let rotator = rotator(keys(5, |_| {}));
    storm(&rotator, 3, &outage(), NOW);
    let hanging = first(&rotator, at(1_000)).unwrap();
    let next = first(&rotator, at(2_000)).unwrap();
    succeed(&rotator, next, at(2_050));
    assert!(first(&rotator, at(2_050)).is_ok());
    drop(hanging);
}

#[test]
fn a_success_of_another_key_between_keeps_it_closed() {
    let rotator = rotator(keys(5, |_| {}));
    storm(&rotator, 2, &outage(), NOW);
    succeed(&rotator, lease_of(&rotator, 4, at(10)), at(20));
    rotator.failed(&lease_of(&rotator, 3, at(30)), &outage(), at(30));
    assert!(first(&rotator, at(40)).is_ok());
}

#[test]
fn a_stream_that_began_before_the_outage_says_nothing_about_it() {
    let rotator = rotator(keys(5, |_| {}));
    let long = lease_of(&rotator, 5, NOW);
    storm(&rotator, 3, &outage(), at(5_000));
    rotator.succeeded(&long, &Report { first_byte_ms: 100, ..Report::default() }, at(5_500));
    assert!(first(&rotator, at(5_600)).is_err());
}

#[test]
fn while_one_provider_is_out_another_serves() {
    let mut all = keys(3, |_| {});
    all.push(Key { provider: ProviderId(2), ..key(20) });
    let rotator = rotator(all);
    storm(&rotator, 3, &outage(), NOW);
    let tiers = [target(1, 1), target(2, 2)];
    let lease = rotator.pick(&PickRequest::new(&tiers, Strategy::RoundRobin), at(1)).unwrap();
    assert_eq!(id(&lease), 20);
    let told: Vec<_> = lease.why().passed_over.iter().map(|line| (line.reason, line.count)).collect();
    assert_eq!(told, [(crate::domain::PassedOverReason::Breaker, 3)]);
}

#[test]
fn a_rate_limit_on_the_address_does_not_burn_the_pool() {
    let rotator = rotator(keys(10, |_| {}));
    let mut now = NOW;
    let mut refused = 0;
    for _ in 0..600 {
        now = now.plus_ms(100);
        match first(&rotator, now) {
            Ok(lease) => rotator.failed(&lease, &rate_limit(3_600_000), now),
            Err(PickError::Resting { retry_after_ms }) => {
                assert!(retry_after_ms <= 1_000);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 500);
    let resting = (1..=10).filter(|key| !rotator.status(KeyId(*key), now).unwrap().models.is_empty()).count();
    assert_eq!(resting, 3);
    now = now.plus_ms(1_000);
    succeed(&rotator, first(&rotator, now).unwrap(), now);
    assert!((0..20).all(|_| first(&rotator, now).is_ok()));
}

#[test]
fn all_keys_resting_is_no_storm() {
    let rotator = rotator(keys(3, |_| {}));
    storm(&rotator, 3, &rate_limit(20_000), NOW);
    assert_eq!(first(&rotator, at(1_000)).unwrap_err(), PickError::Resting { retry_after_ms: 19_000 });
    assert_eq!(rotator.provider_status(ProviderId(1), at(1_000)).unwrap().breaker, None);
}

#[test]
fn keys_that_never_served_are_disabled_however_many() {
    let rotator = rotator(keys(5, |_| {}));
    storm(&rotator, 5, &invalid_key(), NOW);
    assert_eq!(first(&rotator, at(10)).unwrap_err(), PickError::NoKey);
}

#[test]
fn keys_that_served_are_not_disabled_when_all_are_refused_at_once() {
    let rotator = rotator(keys(6, |_| {}));
    for key in 1..=6 {
        succeed(&rotator, lease_of(&rotator, key, NOW), NOW);
    }
    storm(&rotator, 3, &invalid_key(), at(1_000));
    assert_eq!([1, 2, 3].map(|key| state(&rotator, key, at(1_001))), [KeyState::Active; 3], "the blame moved");
    assert_eq!(first(&rotator, at(1_500)).unwrap_err(), PickError::NoKey);
    for second in 2..10 {
        rotator.failed(&first(&rotator, at(second * 1_000)).unwrap(), &invalid_key(), at(second * 1_000));
    }
    assert!((1..=6).all(|key| state(&rotator, key, at(10_000)) == KeyState::Active));
    succeed(&rotator, first(&rotator, at(10_000)).unwrap(), at(10_010));
    assert!((0..6).all(|_| first(&rotator, at(10_010)).is_ok()));
}

#[test]
fn a_pause_lets_nothing_through() {
    let rotator = rotator(keys(2, |_| {}));
    let pause = verdict(Class::Provider, Blame::Provider, Effect::Cooldown { ms: 5_000 });
    rotator.failed(&first(&rotator, NOW).unwrap(), &pause, NOW);
    assert!(matches!(first(&rotator, at(4_999)), Err(PickError::BreakerOpen { retry_after_ms: 1, .. })));
    succeed(&rotator, first(&rotator, at(5_000)).unwrap(), at(5_010));
    assert!(first(&rotator, at(5_010)).is_ok());
}

#[test]
fn a_wrong_base_url_and_a_refused_region_are_told() {
    let rotator = rotator(keys(2, |_| {}));
    let not_found = verdict(Class::NotFound, Blame::Request, Effect::None);
    storm(&rotator, 2, &not_found, NOW);
    assert!(!rotator.provider_status(ProviderId(1), NOW).unwrap().check_base_url);
    storm(&rotator, 2, &not_found, NOW);
    let status = rotator.provider_status(ProviderId(1), NOW).unwrap();
    assert_eq!((status.check_base_url, status.states), (true, vec![(KeyState::Active, 2)]));
    succeed(&rotator, first(&rotator, NOW).unwrap(), NOW);
    assert!(!rotator.provider_status(ProviderId(1), NOW).unwrap().check_base_url);
    let region = verdict(Class::Region, Blame::Provider, Effect::None);
    rotator.failed(&first(&rotator, at(5)).unwrap(), &region, at(5));
    assert_eq!(rotator.provider_status(ProviderId(1), at(5)).unwrap().region_refused_ms, Some(NOW.unix_ms + 5));
    assert!(first(&rotator, at(6)).is_ok());
}

#[test]
fn a_refused_region_is_told_until_the_provider_serves_or_is_elsewhere() {
    let rotator = rotator(keys(2, |_| {}));
    let refused_at = |now: Moment| rotator.provider_status(ProviderId(1), now).unwrap().region_refused_ms;
    let refuse = |now: Moment| {
        rotator.failed(&first(&rotator, now).unwrap(), &verdict(Class::Region, Blame::Provider, Effect::None), now);
        assert_eq!(refused_at(now), Some(now.unix_ms));
    };
    let earlier = first(&rotator, NOW).unwrap();
    refuse(at(5));
    succeed(&rotator, earlier, at(10));
    assert_eq!(refused_at(at(10)), Some(NOW.unix_ms + 5), "that call was begun before");
    succeed(&rotator, first(&rotator, at(20)).unwrap(), at(30));
    assert_eq!(refused_at(at(30)), None);

    let (old, change) = (provider(1), |provider: Provider| rotator.apply(&snapshot_of([provider], keys(2, |_| {})), at(50)));
    refuse(at(40));
    change(Provider { attempts: Some(2), ..old.clone() });
    assert_eq!(refused_at(at(50)), Some(NOW.unix_ms + 40), "it is where it was");
    change(Provider { base_url: BaseUrl::parse("http://127.0.0.1:10", false).unwrap(), ..old.clone() });
    assert_eq!(refused_at(at(50)), None);
    refuse(at(60));
    change(Provider { proxy: Some("socks5://127.0.0.1:1080".to_owned()), ..old });
    assert_eq!(refused_at(at(70)), None);
}
