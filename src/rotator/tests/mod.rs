//! The rotator through its door.

mod accounts;
mod breakers;
mod classify;
mod flatness;
mod limits;
mod outcomes;
mod picking;
mod properties;
mod scripts;
mod survival;

use std::sync::Arc;

use super::*;
use crate::domain::{
    AuthScheme, BaseUrl, Blame, Class, Effect, Key, KeyId, KeyLimits, Moment, Provider, ProviderId, Retry, Settings, Snapshot,
    SnapshotParts, Strategy, Target, Verdict,
};

/// 2026-11-25T18:00:00Z, one hour after the start.
const NOW: Moment = Moment { mono_ms: 3_600_000, unix_ms: 1_795_629_600_000 };

fn at(ms: u64) -> Moment {
    NOW.plus_ms(ms)
}

fn provider(id: i64) -> Provider {
    let base_url = BaseUrl::parse("http://127.0.0.1:9", false).unwrap();
    Provider {
        id: ProviderId(id),
        is_default: id == 1,
        allow_private: true,
        ..Provider::new(format!("provider-{id}"), base_url, AuthScheme::Bearer)
    }
}

fn key(id: i64) -> Key {
    Key { id: KeyId(id), ..Key::new(ProviderId(1), format!("key-{id}"), format!("sk-test-{id:08}")) }
}

/// Keys 1 to `count` of provider 1, each changed by `change`.
fn keys(count: i64, change: impl Fn(&mut Key)) -> Vec<Key> {
    (1..=count)
        .map(|id| {
            let mut key = key(id);
            change(&mut key);
            key
        })
        .collect()
}

fn snapshot(keys: Vec<Key>) -> Snapshot {
    snapshot_of([provider(1), provider(2)], keys)
}

fn snapshot_of(providers: impl IntoIterator<Item = Provider>, keys: Vec<Key>) -> Snapshot {
    Snapshot::new(SnapshotParts {
        providers: providers.into_iter().map(Arc::new).collect(),
        keys: keys.into_iter().map(Arc::new).collect(),
        settings: Settings::default(),
        ..SnapshotParts::default()
    })
}

fn rotator(keys: Vec<Key>) -> Arc<Rotator> {
    let rotator = Rotator::new(1);
    rotator.apply(&snapshot(keys), NOW);
    rotator
}

fn target(provider: i64, tier: u32) -> Target {
    Target { provider: ProviderId(provider), model: "m".into(), tier, weight: 1 }
}

fn targets() -> [Target; 1] {
    [target(1, 1)]
}

fn first(rotator: &Rotator, now: Moment) -> Result<Lease, PickError> {
    rotator.pick(&PickRequest::new(&targets(), Strategy::RoundRobin), now)
}

fn pick_by(rotator: &Rotator, strategy: Strategy, now: Moment) -> Lease {
    rotator.pick(&PickRequest::new(&targets(), strategy), now).unwrap()
}

fn id(lease: &Lease) -> i64 {
    lease.key().id.0
}

/// Picks until the key with this id comes up.
fn lease_of(rotator: &Rotator, key: i64, now: Moment) -> Lease {
    let targets = targets();
    let request = PickRequest { again: Some(KeyId(key)), ..PickRequest::new(&targets, Strategy::RoundRobin) };
    let lease = rotator.pick(&request, now).unwrap();
    assert_eq!(id(&lease), key);
    lease
}

fn tried(lease: &Lease, verdict: &Verdict) -> Tried {
    Tried { key: lease.key().id, provider: lease.provider().id, account: lease.account(), blame: verdict.blame }
}

fn verdict(class: Class, blame: Blame, effect: Effect) -> Verdict {
    Verdict { class, blame, retry: Retry::Next, effect, rule: "test".into(), wait_source: None }
}

fn rate_limit(ms: u64) -> Verdict {
    verdict(Class::RateLimit, Blame::KeyModel, Effect::Cooldown { ms })
}

fn quota() -> Verdict {
    verdict(Class::Quota, Blame::Key, Effect::Backoff { ms: 3_600_000 })
}

fn invalid_key() -> Verdict {
    verdict(Class::InvalidKey, Blame::Key, Effect::Disable)
}

fn outage() -> Verdict {
    verdict(Class::Provider, Blame::Provider, Effect::CountAgainstProvider)
}

fn succeed(rotator: &Rotator, lease: Lease, now: Moment) {
    rotator.succeeded(&lease, &Report { first_byte_ms: now.mono_ms - lease.started().mono_ms, ..Report::default() }, now);
}

fn state(rotator: &Rotator, key: i64, now: Moment) -> KeyState {
    rotator.status(KeyId(key), now).unwrap().state
}
