//! Keys of one account rest as a group.

use super::*;

/// Keys 1 to 3 of account `a`, 4 to 10 without one.
fn three_of_ten() -> Arc<Rotator> {
    rotator(keys(10, |key| key.account = (key.id.0 <= 3).then(|| "a".into())))
}

#[test]
fn an_account_rests_as_a_group() {
    let rotator = three_of_ten();
    rotator.failed(&lease_of(&rotator, 1, NOW), &quota(), NOW);
    assert_eq!(
        [1, 2, 3, 4].map(|key| state(&rotator, key, at(1))),
        [KeyState::Cooling, KeyState::Cooling, KeyState::Cooling, KeyState::Active]
    );
    assert!((0..20).all(|_| id(&first(&rotator, at(1)).unwrap()) > 3));
    let status = rotator.status(KeyId(2), at(1)).unwrap();
    assert_eq!((status.account.as_deref(), status.account_until_ms), (Some("a"), Some(NOW.unix_ms + 3_600_000)));
    assert_eq!(state(&rotator, 2, at(3_600_000)), KeyState::Active);
    let seen: std::collections::HashSet<i64> = (0..20).map(|_| id(&first(&rotator, at(3_600_000)).unwrap())).collect();
    assert!(seen.contains(&2) && seen.contains(&3));
}

#[test]
fn an_account_rests_for_a_model() {
    let rotator = three_of_ten();
    rotator.failed(&lease_of(&rotator, 2, NOW), &rate_limit(30_000), NOW);
    assert!((0..20).all(|_| id(&first(&rotator, at(1)).unwrap()) > 3));
    let other = [Target { model: "other".into(), ..target(1, 1) }];
    let request = PickRequest { again: Some(KeyId(1)), ..PickRequest::new(&other, Strategy::RoundRobin) };
    assert_eq!(id(&rotator.pick(&request, at(1)).unwrap()), 1, "for another model it serves");
    assert!((0..20).any(|_| id(&first(&rotator, at(30_000)).unwrap()) == 3));
}

#[test]
fn ten_keys_three_of_one_account_limited_seven_healthy() {
    let rotator = three_of_ten();
    let targets = targets();
    for call in 0..50 {
        let now = at(call * 20);
        let mut so_far = Vec::new();
        let served = (0..3).any(|_| {
            let request = PickRequest { tried: &so_far, ..PickRequest::new(&targets, Strategy::RoundRobin) };
            let lease = rotator.pick(&request, now).unwrap();
            if id(&lease) > 3 {
                succeed(&rotator, lease, now);
                return true;
            }
            rotator.failed(&lease, &rate_limit(20_000), now);
            so_far.push(tried(&lease, &rate_limit(20_000)));
            false
        });
        assert!(served, "call {call}");
    }
    assert_eq!(rotator.provider_status(ProviderId(1), at(1_000)).unwrap().breaker, None);
}

#[test]
fn an_account_is_learned_from_answers_unless_it_is_configured() {
    let rotator = rotator(keys(4, |key| key.account = (key.id.0 == 4).then(|| "mine".into())));
    for key in [1, 2, 4] {
        let lease = lease_of(&rotator, key, NOW);
        rotator.learn_account(&lease, "org-x");
        succeed(&rotator, lease, NOW);
    }
    let account = |key| rotator.status(KeyId(key), NOW).unwrap().account;
    assert_eq!(
        [1, 2, 3, 4].map(|key| account(key).map(|name| name.to_string())),
        [Some("org-x".into()), Some("org-x".into()), None, Some("mine".into())]
    );
    rotator.failed(&lease_of(&rotator, 1, NOW), &quota(), NOW);
    assert_eq!([2, 3, 4].map(|key| state(&rotator, key, NOW)), [KeyState::Cooling, KeyState::Active, KeyState::Active]);
    let lease = lease_of(&rotator, 3, at(1));
    assert_eq!(lease.account(), None);
    rotator.learn_account(&lease, "org-x");
    assert_eq!(state(&rotator, 3, at(1)), KeyState::Cooling, "it joins the resting group");
}

#[test]
fn a_refused_key_says_nothing_about_its_account() {
    let rotator = three_of_ten();
    rotator.failed(&lease_of(&rotator, 1, NOW), &invalid_key(), NOW);
    assert_eq!(state(&rotator, 2, NOW), KeyState::Active);
}

#[test]
fn a_limit_with_nothing_left_counts_for_the_account() {
    let rotator = three_of_ten();
    let lease = lease_of(&rotator, 1, NOW);
    let limits = LearnedLimits { requests: Some((0, 8_000)), tokens: Some((5, 60_000)) };
    rotator.answered(&lease, 10, &limits, at(10));
    drop(lease);
    assert!((0..20).all(|_| id(&first(&rotator, at(20)).unwrap()) > 3));
    let back: std::collections::HashSet<i64> = (0..20).map(|_| id(&first(&rotator, at(8_010)).unwrap())).collect();
    assert!(back.contains(&2) && back.contains(&3));
}
