//! What scripts see of keys.

use super::*;

#[test]
fn candidates_are_the_ready_and_untried_keys() {
    let rotator = rotator(keys(6, |key| key.tags = vec![if key.id.0 % 2 == 0 { "even" } else { "odd" }.into()]));
    rotator.disable(KeyId(5), None, "test", NOW);
    let targets = targets();
    let busy = lease_of(&rotator, 2, NOW);
    let so_far = [tried(&lease_of(&rotator, 1, NOW), &quota())];
    let request = PickRequest { tried: &so_far, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let candidates = rotator.candidates(&request, NOW);
    let ids = |candidates: &Candidates| {
        let mut ids: Vec<i64> = (0..candidates.len()).map(|at| candidates.get(at).unwrap().key.id.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&candidates), [2, 3, 4, 6]);
    assert!(candidates.get(4).is_none());
    let even = candidates.with_tag("even");
    assert_eq!(ids(&even), [2, 4, 6]);
    assert!((0..6).all(|_| even.least_in_flight().unwrap().key.id.0 != 2));
    assert_eq!(even.with_tag("odd").len(), 1, "the last tag counts");
    assert!(candidates.with_tag("none").is_empty());
    assert!(candidates.with_tag("none").next().is_none());
    let turns: Vec<i64> = (0..4).map(|_| candidates.next().unwrap().key.id.0).collect();
    assert_eq!(turns, [2, 3, 4, 6]);
    assert!(candidates.fastest().is_some());
    drop(busy);
}

#[test]
fn candidates_come_from_the_first_tier_that_has_any() {
    let mut all = keys(2, |_| {});
    all.extend(keys(3, |key| (key.id, key.provider) = (KeyId(key.id.0 + 10), ProviderId(2))));
    let rotator = rotator(all);
    let tiers = [target(1, 1), target(2, 2)];
    let request = PickRequest::new(&tiers, Strategy::RoundRobin);
    assert_eq!(rotator.candidates(&request, NOW).len(), 2);
    rotator.disable(KeyId(1), None, "test", NOW);
    rotator.disable(KeyId(2), None, "test", NOW);
    let candidates = rotator.candidates(&request, NOW);
    assert_eq!((candidates.len(), candidates.get(0).unwrap().provider.id), (3, ProviderId(2)));
    let both = [target(1, 1), target(2, 1)];
    assert_eq!(rotator.candidates(&PickRequest::new(&both, Strategy::RoundRobin), NOW).len(), 3);
}

#[test]
fn a_key_s_facts() {
    let rotator = rotator(keys(1, |_| {}));
    let targets = targets();
    let request = PickRequest { estimated_tokens: 70, ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let lease = rotator.pick(&request, at(100)).unwrap();
    let limits = LearnedLimits { requests: Some((9, 30_000)), tokens: Some((4_000, 20_000)) };
    rotator.answered(&lease, 120, &limits, at(220));
    let view = rotator.candidates(&request, at(300)).get(0).unwrap();
    let facts = view.facts;
    assert_eq!((facts.in_flight, facts.rpm_used, facts.tpm_used, facts.failures), (1, 1, 70, 0));
    assert_eq!((facts.remaining_requests, facts.remaining_tokens), (Some(9), Some(4_000)));
    assert_eq!((facts.reset_at, facts.last_used), (Some(NOW.unix_ms + 30_220), Some(NOW.unix_ms + 100)));
    assert_eq!(facts.ewma_ms, Some(120.0));
    assert!(!format!("{view:?}").contains("sk-test"));
}
