//! Which key a pick takes: strategies, tags, models, tiers, retries, owners.

use super::*;
use crate::domain::{PassedOverReason, Pattern};

#[test]
fn round_robin_takes_turns_by_weight() {
    let rotator = rotator(keys(3, |key| key.weight = if key.id.0 == 3 { 2 } else { 1 }));
    let mut counts = [0; 4];
    for _ in 0..400 {
        counts[id(&first(&rotator, NOW).unwrap()) as usize] += 1;
    }
    assert_eq!(counts[1..], [100, 100, 200]);
}

#[test]
fn every_strategy_finds_the_one_key_that_is_ready() {
    for strategy in Strategy::ALL {
        let rotator = rotator(keys(100, |_| {}));
        for key in (1..=100).filter(|key| *key != 42) {
            rotator.disable(KeyId(key), None, "test", NOW);
        }
        for _ in 0..20 {
            let lease = pick_by(&rotator, strategy, NOW);
            assert_eq!((id(&lease), &*lease.why().chosen_by), (42, strategy.as_str()));
        }
    }
}

#[test]
fn least_in_flight_and_fastest_and_priority() {
    let rotator = rotator(keys(3, |key| key.priority = -(key.id.0 as i32)));
    let held: Vec<Lease> = (0..5).map(|_| pick_by(&rotator, Strategy::LeastInFlight, NOW)).collect();
    assert_eq!(held.iter().map(id).collect::<Vec<_>>(), [1, 2, 3, 1, 2]);
    assert_eq!(id(&pick_by(&rotator, Strategy::LeastInFlight, NOW)), 3);
    drop(held);
    assert_eq!(id(&pick_by(&rotator, Strategy::Priority, NOW)), 3, "the smallest figure goes first");
    let leases = [2, 3, 1].map(|key| lease_of(&rotator, key, NOW));
    for (lease, ms) in leases.into_iter().zip([50, 700, 900]) {
        succeed(&rotator, lease, at(ms));
    }
    let of_fastest = (0..300).filter(|_| id(&pick_by(&rotator, Strategy::Fastest, at(1_000))) == 2).count();
    assert!(of_fastest > 140, "{of_fastest} of 300: whenever it is one of the two");
}

#[test]
fn sticky_keeps_a_client_and_spills_when_its_key_is_hot() {
    let rotator = rotator(keys(8, |_| {}));
    let targets = targets();
    let request = PickRequest { affinity: Some(99), ..PickRequest::new(&targets, Strategy::Sticky) };
    let home = id(&rotator.pick(&request, NOW).unwrap());
    let held: Vec<Lease> = (0..20).map(|_| rotator.pick(&request, NOW).unwrap()).collect();
    assert!(held[..4].iter().all(|lease| id(lease) == home));
    assert!(held.iter().filter(|lease| id(lease) == home).count() < 12, "the rest spills over");
    drop(held);
    assert_eq!(id(&rotator.pick(&request, NOW).unwrap()), home);
}

#[test]
fn tags_and_models_choose_the_pool() {
    let rotator = rotator(keys(4, |key| {
        key.tags = if key.id.0 <= 2 { vec!["paid".into()] } else { vec!["free".into(), "eu".into()] };
        key.models = match key.id.0 {
            1 => Some(vec![Pattern::new("m")]),
            2 => Some(vec![Pattern::new("other*")]),
            4 => Some(Vec::new()),
            _ => None,
        };
    }));
    let targets = targets();
    let with = |tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let request = PickRequest { key_tags: Some(&tags), ..PickRequest::new(&targets, Strategy::RoundRobin) };
        rotator.pick(&request, NOW).map(|lease| (id(&lease), lease.why().pool))
    };
    assert_eq!(with(&["paid"]), Ok((1, 1)));
    assert_eq!(with(&["eu", "unknown"]), Ok((3, 1)));
    assert_eq!(with(&[]), Err(PickError::NoKey));
    let other = [Target { model: "paid-keys-lack-it".into(), ..target(1, 1) }];
    let paid = ["paid".to_owned()];
    let request = PickRequest { key_tags: Some(&paid), ..PickRequest::new(&other, Strategy::RoundRobin) };
    assert_eq!(rotator.pick(&request, NOW).unwrap_err(), PickError::NoKey);
    let no_model = [Target { model: "".into(), ..target(1, 1) }];
    let request = PickRequest { key_tags: Some(&paid), ..PickRequest::new(&no_model, Strategy::RoundRobin) };
    assert_eq!(rotator.pick(&request, NOW).unwrap().why().pool, 2, "a call without a model asks for no model");
    rotator.apply(&snapshot(keys(2, |key| key.models = Some(vec![Pattern::new("a*")]))), NOW);
    assert_eq!(first(&rotator, NOW).unwrap_err(), PickError::ModelUnknown);
}

#[test]
fn a_key_or_target_of_weight_zero_takes_no_calls() {
    let rotator = rotator(keys(2, |key| key.weight = (key.id.0 == 2).into()));
    assert!((0..10).all(|_| id(&first(&rotator, NOW).unwrap()) == 2));
    let idle = [Target { weight: 0, ..target(1, 1) }];
    assert_eq!(rotator.pick(&PickRequest::new(&idle, Strategy::RoundRobin), NOW).unwrap_err(), PickError::NoKey);
    rotator.apply(&snapshot(keys(1, |key| key.weight = 0)), NOW);
    assert_eq!(first(&rotator, NOW).unwrap_err(), PickError::NoKey);
}

#[test]
fn tiers_are_used_in_order_and_targets_by_weight() {
    let mut all = keys(2, |_| {});
    all.extend(keys(4, |key| (key.id, key.provider) = (KeyId(key.id.0 + 10), ProviderId(2))));
    let rotator = rotator(all);
    let tiers = [target(1, 1), target(2, 2)];
    let request = PickRequest::new(&tiers, Strategy::RoundRobin);
    assert!((0..20).all(|_| rotator.pick(&request, NOW).unwrap().tier() == 1));
    rotator.disable(KeyId(1), None, "test", NOW);
    rotator.disable(KeyId(2), None, "test", NOW);
    let lease = rotator.pick(&request, NOW).unwrap();
    assert_eq!((lease.tier(), lease.provider().id), (2, ProviderId(2)));
    rotator.enable(KeyId(1), "test", NOW);
    let later = PickRequest { min_tier: 2, ..request.clone() };
    assert_eq!(rotator.pick(&later, NOW).unwrap().tier(), 2);
    let weighted = [Target { weight: 3, ..target(1, 1) }, target(2, 1)];
    let request = PickRequest::new(&weighted, Strategy::RoundRobin);
    let of_first = (0..1_000).filter(|_| rotator.pick(&request, NOW).unwrap().provider().id == ProviderId(1)).count();
    assert!(of_first.abs_diff(750) <= 5, "{of_first}");
}

#[test]
fn a_retry_prefers_another_account_then_another_provider_then_the_next_tier() {
    let mut all = keys(3, |key| key.account = Some(if key.id.0 < 3 { "a" } else { "b" }.into()));
    all.push(Key { provider: ProviderId(2), ..key(20) });
    let rotator = rotator(all);
    let tiers = [target(1, 1), target(2, 2)];
    let request = PickRequest::new(&tiers, Strategy::RoundRobin);
    let one = lease_of(&rotator, 1, NOW);
    let mut so_far = vec![tried(&one, &quota())];
    let mut order = Vec::new();
    while let Ok(lease) = rotator.pick(&PickRequest { tried: &so_far, ..request.clone() }, NOW) {
        order.push(id(&lease));
        so_far.push(tried(&lease, &quota()));
    }
    assert_eq!(order, [3, 2, 20]);
    let error = rotator.pick(&PickRequest { tried: &so_far, ..request.clone() }, NOW).unwrap_err();
    assert_eq!(error, PickError::AllTried);
    let same_tier = [target(1, 1), target(2, 1)];
    for _ in 0..10 {
        let failed = [tried(&one, &outage())];
        let request = PickRequest { tried: &failed, ..PickRequest::new(&same_tier, Strategy::RoundRobin) };
        assert_eq!(id(&rotator.pick(&request, NOW).unwrap()), 20, "the provider that failed comes last");
    }
}

#[test]
fn a_single_key_gets_one_more_try_when_it_was_not_to_blame() {
    let rotator = rotator(keys(1, |_| {}));
    let targets = targets();
    let with = |tried: &[Tried]| {
        rotator.pick(&PickRequest { tried, ..PickRequest::new(&targets, Strategy::RoundRobin) }, NOW).map(|lease| id(&lease))
    };
    let lease = first(&rotator, NOW).unwrap();
    let once = tried(&lease, &outage());
    assert_eq!(with(std::slice::from_ref(&once)), Ok(1));
    assert_eq!(with(&[once.clone(), once.clone()]), Err(PickError::AllTried));
    assert_eq!(with(&[tried(&lease, &quota())]), Err(PickError::AllTried));
}

#[test]
fn what_was_passed_over_is_told_with_reasons() {
    let rotator = rotator(keys(5, |_| {}));
    rotator.disable(KeyId(1), None, "test", NOW);
    let lease = lease_of(&rotator, 2, NOW);
    rotator.failed(&lease, &quota(), NOW);
    let lease = lease_of(&rotator, 3, NOW);
    rotator.failed(&lease, &rate_limit(5_000), NOW);
    let targets = targets();
    let so_far = [Tried { key: KeyId(4), provider: ProviderId(1), account: None, blame: Blame::Key }];
    let lease = rotator.pick(&PickRequest { tried: &so_far, ..PickRequest::new(&targets, Strategy::RoundRobin) }, NOW).unwrap();
    let mut told: Vec<_> =
        lease.why().passed_over.iter().map(|line| (line.key.as_ref().unwrap().id.0, line.reason, line.until_ms)).collect();
    told.sort_by_key(|(id, ..)| *id);
    assert_eq!(
        told,
        [
            (1, PassedOverReason::Disabled, None),
            (2, PassedOverReason::Cooling, Some(NOW.unix_ms + 3_600_000)),
            (3, PassedOverReason::CoolingForModel, Some(NOW.unix_ms + 5_000)),
            (4, PassedOverReason::Tried, None),
        ]
    );
    assert_eq!((lease.why().pool, id(&lease)), (5, 5));
}

#[test]
fn many_passed_over_keys_are_counted_not_named() {
    let rotator = rotator(keys(1_000, |_| {}));
    (1..=900).for_each(|key| assert!(rotator.disable(KeyId(key), None, "test", NOW)));
    let why = first(&rotator, NOW).unwrap().take_why();
    assert_eq!((why.pool, why.ready), (1_000, 100));
    let counts: Vec<_> = why.passed_over.iter().map(|line| (line.key.is_none(), line.reason, line.count)).collect();
    assert_eq!(counts, [(true, PassedOverReason::Disabled, 900)]);
}

#[test]
fn an_object_goes_to_its_owner_only() {
    let rotator = rotator(keys(4, |key| key.account = (key.id.0 < 3).then(|| "a".into())));
    let targets = targets();
    let with = |key: Option<i64>, account: Option<&str>, now| {
        let owner = OwnerKeys { provider: ProviderId(1), key: key.map(KeyId), account: account.map(str::to_owned) };
        let request = PickRequest { owner: Some(owner.as_owner()), ..PickRequest::new(&targets, Strategy::RoundRobin) };
        rotator.pick(&request, now).map(|lease| (id(&lease), lease.why().chosen_by.to_string()))
    };
    assert_eq!(with(Some(4), None, NOW), Ok((4, "owner".into())));
    rotator.disable(KeyId(1), None, "test", NOW);
    assert_eq!(with(Some(1), Some("a"), NOW), Ok((2, "owner".into())), "another key of the account");
    assert_eq!(with(Some(1), None, NOW), Err(PickError::OwnerGone));
    assert_eq!(with(Some(77), None, NOW), Err(PickError::OwnerGone));
    rotator.failed(&lease_of(&rotator, 2, NOW), &quota(), NOW);
    assert_eq!(with(Some(1), Some("a"), at(1_000)), Err(PickError::OwnerResting { retry_after_ms: 3_599_000 }));
}

#[test]
fn keys_that_a_script_prefers_go_first() {
    let rotator = rotator(keys(5, |_| {}));
    let targets = targets();
    rotator.disable(KeyId(4), None, "test", NOW);
    let preferred = [KeyId(99), KeyId(4), KeyId(3)];
    let request = PickRequest { preferred: &preferred, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let lease = rotator.pick(&request, NOW).unwrap();
    assert_eq!((id(&lease), &*lease.why().chosen_by), (3, "script"));
    let useless = [KeyId(4)];
    let request = PickRequest { preferred: &useless, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    assert_eq!(&*rotator.pick(&request, NOW).unwrap().why().chosen_by, "round_robin");
}

#[test]
fn a_script_cannot_prefer_a_key_that_was_tried() {
    let rotator = rotator(keys(2, |_| {}));
    let targets = targets();
    let so_far = [tried(&lease_of(&rotator, 1, NOW), &quota())];
    let preferred = [KeyId(1)];
    let request = PickRequest { tried: &so_far, preferred: &preferred, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    assert_eq!(id(&rotator.pick(&request, NOW).unwrap()), 2);
}
