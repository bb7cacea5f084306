//! The cost of a pick does not grow with the pool.

use std::time::{Duration, Instant};

use super::*;
use crate::domain::Pattern;

/// A pick in a large pool may cost this many times one in a small pool, and this much more: the keys of a large pool are not in
/// the processor's caches, and debug builds on a busy machine are noisy. A scan of the pool would cost hundreds of times as much.
const MOST_TIMES: u32 = 2;
const MOST_MORE: Duration = Duration::from_nanos(1_000);
const PICKS: u32 = 500;
/// Rounds of all pools in turn, so that what else the machine does meets them alike; the best of each counts.
const ROUNDS: std::ops::RangeInclusive<u32> = 8..=200;

fn cost(rotator: &Rotator, request: &PickRequest<'_>, now: &mut Moment) -> Duration {
    let begun = Instant::now();
    for _ in 0..PICKS {
        *now = now.plus_ms(1);
        drop(rotator.pick(&PickRequest { affinity: Some(now.mono_ms * 7919), ..request.clone() }, *now).unwrap());
    }
    begun.elapsed() / PICKS
}

fn assert_flat(name: &str, make: impl Fn(i64) -> Arc<Rotator>, request: &PickRequest<'_>) {
    let pools = [10, 1_000, 100_000].map(make);
    let mut best = [Duration::MAX; 3];
    let mut now = at(10_000);
    for round in 1..=*ROUNDS.end() {
        for (pool, best) in pools.iter().zip(&mut best) {
            *best = cost(pool, request, &mut now).min(*best);
        }
        if round >= *ROUNDS.start() && best[2] < best[0] * MOST_TIMES + MOST_MORE {
            println!("{name}: {best:?}");
            return;
        }
    }
    panic!("{name}: {best:?} a pick with 10, 1,000 and 100,000 keys");
}

#[test]
fn every_strategy_is_flat() {
    let targets = targets();
    for strategy in Strategy::ALL {
        let request = PickRequest::new(&targets, strategy);
        let mixed =
            |count| rotator(keys(count, |key| (key.weight, key.priority) = (1 + (key.id.0 % 7) as u32, (key.id.0 % 3) as i32)));
        assert_flat(strategy.as_str(), mixed, &request);
    }
}

#[test]
fn a_pool_in_which_nearly_all_rest_is_flat() {
    let targets = targets();
    for strategy in Strategy::ALL {
        let make = |count| {
            let rotator = rotator(keys(count, |_| {}));
            for key in (1..=count).filter(|key| key % 10 != 0) {
                rotator.disable(KeyId(key), None, "test", NOW);
            }
            rotator.take_events();
            rotator
        };
        assert_flat(&format!("{} with nine of ten out", strategy.as_str()), make, &PickRequest::new(&targets, strategy));
    }
}

#[test]
fn limits_models_tags_and_model_rests_are_flat() {
    let targets = targets();
    let tags = ["paid".to_owned()];
    let request = PickRequest { key_tags: Some(&tags), ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let make = |count| {
        let rotator = rotator(keys(count, |key| {
            key.tags = if key.id.0 % 2 == 0 { vec!["paid".into()] } else { vec!["free".into()] };
            key.models = Some(vec![Pattern::new(if key.id.0 % 4 < 2 { "m*" } else { "*" })]);
            key.limits = KeyLimits { rpm: Some(1_000_000), tpm: Some(1_000_000_000), ..KeyLimits::default() };
        }));
        let targets = [target(1, 1)];
        for key in (1..=count).step_by(5) {
            let request = PickRequest { again: Some(KeyId(key)), ..PickRequest::new(&targets, Strategy::RoundRobin) };
            let lease = rotator.pick(&request, NOW).unwrap();
            rotator.answered(&lease, 5, &LearnedLimits::default(), NOW);
            let unknown = verdict(Class::ModelNotFound, Blame::KeyModel, Effect::Cooldown { ms: 3_600_000 });
            rotator.failed(&lease, &unknown, NOW);
        }
        rotator.take_events();
        rotator
    };
    assert_flat("limits, models, tags, rests", make, &request);
}

#[test]
fn names_that_no_list_has_share_a_view() {
    let lists = |key: &mut Key| {
        let list: &[&str] = match key.id.0 % 3 {
            0 => return,
            1 => &["m-1", "gpt-4o*"],
            _ => &["m-2"],
        };
        key.models = Some(list.iter().map(|pattern| Pattern::new(*pattern)).collect());
    };
    let rotator = rotator(keys(9, lists));
    let serving = |model: &str| {
        let targets = [Target { model: model.into(), ..target(1, 1) }];
        let request = PickRequest::new(&targets, Strategy::RoundRobin);
        let mut ids: Vec<i64> = (0..9).map(|_| id(&rotator.pick(&request, NOW).unwrap())).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    for number in 0..500 {
        assert_eq!(serving(&format!("unheard-of-{number}")), [3, 6, 9]);
    }
    assert_eq!(serving("m-2"), [2, 3, 5, 6, 8, 9]);
    assert_eq!(serving("gpt-4o-mini"), [1, 3, 4, 6, 7, 9]);
    let views: usize = rotator.pools.load().values().map(|pool| pool.lock().views.len()).sum();
    assert_eq!(views, 3, "one for all names that nobody lists, and one for each that somebody does");
}
