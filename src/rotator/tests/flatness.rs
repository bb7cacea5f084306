//! The cost of a pick does not grow with the pool.

use std::time::{Duration, Instant};

use super::*;
use crate::domain::Pattern;

/// A pick in a large pool may cost this many times one in a small pool, and this much more: the keys of a large pool are not in
/// the processor's caches, and debug builds on a busy machine are noisy. A scan of the pool would cost hundreds of times as much.
const MOST_TIMES: u32 = 2;
const MOST_MORE: Duration = Duration::from_nanos(1_000);
const PICKS: u32 = 2_000;

/// Shortest time of several runs, so that what else the machine does counts little.
fn cost(rotator: &Rotator, request: &PickRequest<'_>) -> Duration {
    let mut now = at(10_000);
    let mut run = || {
        let begun = Instant::now();
        for _ in 0..PICKS {
            now = now.plus_ms(1);
            let lease = rotator.pick(&PickRequest { affinity: Some(now.mono_ms * 7919), ..request.clone() }, now).unwrap();
            drop(lease);
        }
        begun.elapsed()
    };
    (0..7).map(|_| run()).min().unwrap() / PICKS
}

fn assert_flat(name: &str, make: impl Fn(i64) -> Arc<Rotator>, request: &PickRequest<'_>) {
    for attempt in 0.. {
        let costs = [10, 1_000, 100_000].map(|count| cost(&make(count), request));
        if costs[2] < costs[0] * MOST_TIMES + MOST_MORE {
            println!("{name}: {costs:?}");
            return;
        }
        assert!(attempt < 2, "{name}: {costs:?}");
    }
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
