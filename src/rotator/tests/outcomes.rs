//! What outcomes do to a key: rests, disabling, probes, and which word is the last.

use super::*;
use crate::domain::KeyEventKind;

#[test]
fn a_rate_limit_rests_the_key_for_the_model_only() {
    let rotator = rotator(keys(1, |_| {}));
    rotator.failed(&first(&rotator, NOW).unwrap(), &rate_limit(2_000), NOW);
    assert_eq!(first(&rotator, at(500)).unwrap_err(), PickError::Resting { retry_after_ms: 1_500 });
    let other = [Target { model: "other".into(), ..target(1, 1) }];
    assert!(rotator.pick(&PickRequest::new(&other, Strategy::RoundRobin), at(500)).is_ok());
    assert_eq!(state(&rotator, 1, at(500)), KeyState::Active);
    let status = rotator.status(KeyId(1), at(500)).unwrap();
    assert_eq!((&*status.models[0].model, status.models[0].until_ms), ("m", Some(NOW.unix_ms + 2_000)));
    assert!(first(&rotator, at(2_000)).is_ok());
}

#[test]
fn the_smallest_wait_is_told_when_all_rest() {
    let rotator = rotator(keys(3, |_| {}));
    for (key, ms) in [(1, 9_000), (2, 4_000), (3, 30_000)] {
        rotator.failed(&lease_of(&rotator, key, NOW), &rate_limit(ms), NOW);
    }
    assert_eq!(first(&rotator, at(1_000)).unwrap_err(), PickError::Resting { retry_after_ms: 3_000 });
}

#[test]
fn of_two_waits_the_later_end_counts_in_either_order() {
    for waits in [[2_000, 90_000], [90_000, 2_000]] {
        let rotator = rotator(keys(1, |_| {}));
        let leases = [first(&rotator, NOW).unwrap(), first(&rotator, NOW).unwrap()];
        for (lease, ms) in leases.iter().zip(waits) {
            rotator.failed(lease, &rate_limit(ms), at(10));
        }
        assert_eq!(first(&rotator, at(10)).unwrap_err(), PickError::Resting { retry_after_ms: 90_000 });
    }
}

#[test]
fn after_its_rest_one_call_tries_the_key() {
    let rotator = rotator(keys(1, |_| {}));
    rotator.failed(&first(&rotator, NOW).unwrap(), &quota(), NOW);
    assert_eq!(state(&rotator, 1, at(1)), KeyState::Cooling);
    let now = at(3_600_000);
    let trial = first(&rotator, now).unwrap();
    assert_eq!(state(&rotator, 1, now), KeyState::Probing);
    assert!(matches!(first(&rotator, now), Err(PickError::Resting { .. })), "one call only");
    rotator.answered(&trial, 100, &LearnedLimits::default(), now.plus_ms(100));
    assert_eq!(state(&rotator, 1, now.plus_ms(100)), KeyState::Active);
    assert!(first(&rotator, now.plus_ms(100)).is_ok());
}

#[test]
fn a_trial_that_ends_without_a_verdict_makes_place_for_another() {
    let rotator = rotator(keys(1, |_| {}));
    rotator.failed(&first(&rotator, NOW).unwrap(), &rate_limit(1_000), NOW);
    let trial = first(&rotator, at(1_000)).unwrap();
    assert!(first(&rotator, at(1_010)).is_err());
    rotator.given_up(&trial, &Report::default(), at(1_020));
    drop(trial);
    let second = first(&rotator, at(1_030)).unwrap();
    assert!(first(&rotator, at(1_040)).is_err());
    assert!(first(&rotator, at(3_030)).is_ok(), "an answer that takes this long was accepted");
    drop(second);
}

#[test]
fn the_growing_rest_doubles_up_to_a_day_and_a_success_resets_it() {
    let rotator = rotator(keys(1, |_| {}));
    let mut now = NOW;
    for hours in [1, 2, 4, 8, 16, 24, 24] {
        let together = [first(&rotator, now).unwrap()];
        rotator.failed(&together[0], &quota(), now);
        rotator.failed(&together[0], &quota(), now.plus_ms(5));
        let status = rotator.status(KeyId(1), now.plus_ms(5)).unwrap();
        let ms = hours * 3_600_000;
        assert!((status.until_ms.unwrap() - now.unix_ms - ms).abs() <= 5, "{hours} h");
        now = now.plus_ms(ms as u64 + 10);
    }
    let lease = first(&rotator, now).unwrap();
    succeed(&rotator, lease, now.plus_ms(10));
    rotator.failed(&first(&rotator, now.plus_ms(20)).unwrap(), &quota(), now.plus_ms(20));
    assert_eq!(rotator.status(KeyId(1), now.plus_ms(20)).unwrap().until_ms, Some(now.unix_ms + 20 + 3_600_000));
}

#[test]
fn a_refused_key_is_disabled_and_only_a_newer_success_brings_it_back() {
    let rotator = rotator(keys(2, |_| {}));
    let old = lease_of(&rotator, 1, NOW);
    rotator.failed(&lease_of(&rotator, 1, NOW), &invalid_key(), at(10));
    assert_eq!(state(&rotator, 1, at(10)), KeyState::DisabledAuto);
    succeed(&rotator, old, at(500));
    assert_eq!(state(&rotator, 1, at(500)), KeyState::DisabledAuto, "that answer began before");
    assert!((0..10).all(|_| id(&first(&rotator, at(600)).unwrap()) == 2));
    let events: Vec<_> = rotator.take_events().into_iter().map(|event| (event.key, event.kind, event.reason)).collect();
    assert_eq!(events, [(Some(KeyId(1)), KeyEventKind::DisabledAuto, "test".to_owned())]);
    assert!(rotator.take_events().is_empty());
}

#[test]
fn an_operator_s_word_beats_an_older_verdict() {
    let rotator = rotator(keys(1, |_| {}));
    let old = first(&rotator, NOW).unwrap();
    rotator.failed(&first(&rotator, NOW).unwrap(), &invalid_key(), at(10));
    assert!(rotator.enable(KeyId(1), "the bill is paid", at(100)));
    rotator.failed(&old, &invalid_key(), at(200));
    assert_eq!(state(&rotator, 1, at(200)), KeyState::Active);
    rotator.failed(&first(&rotator, at(300)).unwrap(), &invalid_key(), at(310));
    assert_eq!(state(&rotator, 1, at(310)), KeyState::DisabledAuto);
}

#[test]
fn a_manual_disabling_ends_at_its_time() {
    let rotator = rotator(keys(1, |_| {}));
    assert!(!rotator.disable(KeyId(9), None, "no such key", NOW));
    rotator.disable(KeyId(1), Some(NOW.unix_ms + 60_000), "maintenance", NOW);
    assert_eq!(state(&rotator, 1, at(1)), KeyState::DisabledManual);
    assert_eq!(first(&rotator, at(10_000)).unwrap_err(), PickError::Resting { retry_after_ms: 50_000 });
    assert!(rotator.due_probes(at(7_200_000)).is_empty(), "nobody probes what an operator switched off");
    rotator.take_events();
    assert!(first(&rotator, at(60_000)).is_ok());
    assert_eq!(rotator.take_events().last().unwrap().kind, KeyEventKind::Active);
    rotator.disable(KeyId(1), None, "for good", at(70_000));
    assert_eq!(first(&rotator, at(80_000)).unwrap_err(), PickError::NoKey);
}

#[test]
fn a_disabled_key_is_probed_by_the_hour_once() {
    let rotator = rotator(keys(2, |_| {}));
    rotator.failed(&lease_of(&rotator, 1, NOW), &invalid_key(), NOW);
    assert!(rotator.due_probes(at(3_599_999)).is_empty());
    let due = rotator.due_probes(at(3_600_000));
    assert_eq!(due, [KeyId(1)]);
    assert!(rotator.due_probes(at(3_600_001)).is_empty(), "one probe");
    for result in [ProbeResult::CannotTell, ProbeResult::Invalid("still".into())] {
        rotator.probe_result(KeyId(1), &result, at(3_600_000), at(3_601_000));
        assert_eq!(state(&rotator, 1, at(3_601_000)), KeyState::DisabledAuto);
    }
    let again = rotator.due_probes(at(7_200_000));
    assert_eq!(again.len(), 1);
    rotator.probe_result(KeyId(1), &ProbeResult::Valid, at(7_200_000), at(7_201_000));
    assert_eq!(state(&rotator, 1, at(7_201_000)), KeyState::Active);
    assert!(rotator.due_probes(at(20_000_000)).is_empty());
}

#[test]
fn a_probe_counts_against_what_was_known_when_it_began() {
    let rotator = rotator(keys(1, |_| {}));
    rotator.failed(&first(&rotator, NOW).unwrap(), &invalid_key(), at(100));
    rotator.probe_result(KeyId(1), &ProbeResult::Valid, at(50), at(200));
    assert_eq!(state(&rotator, 1, at(200)), KeyState::DisabledAuto, "it began before the key was refused");
    rotator.enable(KeyId(1), "test", at(300));
    rotator.probe_result(KeyId(1), &ProbeResult::Invalid("old".into()), at(250), at(400));
    assert_eq!(state(&rotator, 1, at(400)), KeyState::Active);
    rotator.probe_result(KeyId(1), &ProbeResult::Invalid("refused".into()), at(450), at(500));
    let status = rotator.status(KeyId(1), at(500)).unwrap();
    assert_eq!((status.state, status.reason.as_deref()), (KeyState::DisabledAuto, Some("refused")));
}

#[test]
fn a_missing_right_blocks_one_endpoint() {
    let rotator = rotator(keys(1, |_| {}));
    let targets = targets();
    let listing = PickRequest { endpoint: "/models", ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let chat = PickRequest { endpoint: "/chat/completions", ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let no_right = verdict(Class::Permission, Blame::KeyEndpoint, Effect::Cooldown { ms: 3_600_000 });
    rotator.failed(&rotator.pick(&listing, NOW).unwrap(), &no_right, NOW);
    assert_eq!(rotator.pick(&listing, at(1)).unwrap_err(), PickError::Resting { retry_after_ms: 3_599_999 });
    assert!(rotator.pick(&chat, at(1)).is_ok());
    assert_eq!(state(&rotator, 1, at(1)), KeyState::Active);
    assert_eq!(&*rotator.status(KeyId(1), at(1)).unwrap().endpoints[0].endpoint, "/models");
    assert!(rotator.pick(&listing, at(3_600_000)).is_ok());
}

#[test]
fn an_unknown_model_rests_for_every_key_and_is_told_as_such() {
    let rotator = rotator(keys(2, |_| {}));
    let unknown = verdict(Class::ModelNotFound, Blame::KeyModel, Effect::Cooldown { ms: 600_000 });
    rotator.failed(&lease_of(&rotator, 1, NOW), &unknown, NOW);
    assert_eq!(id(&first(&rotator, NOW).unwrap()), 2);
    rotator.failed(&lease_of(&rotator, 2, NOW), &unknown, NOW);
    assert_eq!(first(&rotator, at(1)).unwrap_err(), PickError::ModelUnknown);
    rotator.disable(KeyId(2), None, "test", NOW);
    assert_eq!(first(&rotator, at(1)).unwrap_err(), PickError::ModelUnknown);
}

#[test]
fn a_size_limit_is_remembered_and_nothing_rests() {
    let rotator = rotator(keys(2, |_| {}));
    let too_large = |tokens| verdict(Class::TooLarge, Blame::Nobody, Effect::SizeLimit { tokens });
    let targets = targets();
    let of_size = |estimated_tokens| PickRequest { estimated_tokens, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let lease = rotator.pick(&PickRequest { again: Some(KeyId(1)), ..of_size(36_055) }, NOW).unwrap();
    rotator.failed(&lease, &too_large(Some(30_000)), NOW);
    assert!((0..10).all(|_| id(&rotator.pick(&of_size(36_055), NOW).unwrap()) == 2), "larger calls skip it");
    let small: Vec<i64> = (0..2).map(|_| id(&rotator.pick(&of_size(30_000), NOW).unwrap())).collect();
    assert!(small.contains(&1), "small ones use it");
    let lease = rotator.pick(&PickRequest { again: Some(KeyId(2)), ..of_size(50_000) }, NOW).unwrap();
    rotator.failed(&lease, &too_large(None), NOW);
    assert_eq!(rotator.pick(&of_size(50_000), NOW).unwrap_err(), PickError::TooLarge { limit: Some(49_999) });
    assert!(rotator.pick(&of_size(40_000), NOW).is_ok());
    assert_eq!(state(&rotator, 1, NOW), KeyState::Active);
}

#[test]
fn a_reset_forgets_verdicts_and_a_new_secret_starts_anew() {
    let rotator = rotator(keys(1, |_| {}));
    let spoil = |now| {
        rotator.failed(&first(&rotator, now).unwrap(), &rate_limit(60_000), now);
        rotator.failed(&lease_for_other_model(&rotator, now), &invalid_key(), now);
        assert_eq!(state(&rotator, 1, now), KeyState::DisabledAuto);
    };
    spoil(NOW);
    assert!(rotator.reset(KeyId(1), at(10)));
    assert!(first(&rotator, at(20)).is_ok());
    spoil(at(30));
    rotator.apply(&snapshot(keys(1, |key| key.name = "renamed".into())), at(40));
    assert_eq!(state(&rotator, 1, at(40)), KeyState::DisabledAuto, "an edit leaves the state alone");
    rotator.apply(&snapshot(keys(1, |key| key.secret = "sk-new".into())), at(50));
    assert!(first(&rotator, at(60)).is_ok());
}

fn lease_for_other_model(rotator: &Rotator, now: Moment) -> Lease {
    let other = [Target { model: "other".into(), ..target(1, 1) }];
    rotator.pick(&PickRequest::new(&other, Strategy::RoundRobin), now).unwrap()
}

#[test]
fn failures_count_until_a_success() {
    let rotator = rotator(keys(1, |_| {}));
    let failures = |now| rotator.status(KeyId(1), now).unwrap().facts.failures;
    for n in 0..3 {
        let now = at(n * 10_000);
        rotator.failed(&first(&rotator, now).unwrap(), &rate_limit(1_000), now);
    }
    rotator.failed(&first(&rotator, at(40_000)).unwrap(), &outage(), at(40_000));
    assert_eq!(failures(at(40_000)), 3, "the provider's failure is not the key's");
    let lease = first(&rotator, at(50_000)).unwrap();
    succeed(&rotator, lease, at(50_100));
    assert_eq!(failures(at(50_100)), 0);
}

#[test]
fn leases_outlive_their_key() {
    let rotator = rotator(keys(2, |_| {}));
    let lease = lease_of(&rotator, 1, NOW);
    rotator.apply(&snapshot(vec![key(2), key(3)]), at(10));
    rotator.failed(&lease, &invalid_key(), at(20));
    drop(lease);
    assert!(rotator.status(KeyId(1), at(30)).is_none());
    assert_eq!([state(&rotator, 2, at(30)), state(&rotator, 3, at(30))], [KeyState::Active; 2]);
    assert_eq!(rotator.status(KeyId(3), at(30)).unwrap().facts.in_flight, 0);
}
