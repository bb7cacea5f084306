//! What runs beside the calls: states saved, keys probed, model lists read, old rows forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{App, Parts};
use super::{alerts, checks, model_lists};
use crate::admin::record_live_scripts;
use crate::domain::{Client, KeyEventKind};
use crate::key_states;
use crate::telemetry::KeyCount;

/// Time between two looks at what has changed.
const TICK: Duration = Duration::from_secs(1);
/// Time between two writings of when clients were last seen.
const USES: Duration = Duration::from_secs(5);
/// Time between two rounds of forgetting.
const HOUR: Duration = Duration::from_secs(3600);
/// How long the owner of an object is remembered.
const OWNERS_KEPT_MS: i64 = 400 * 24 * 3_600_000;

/// Starts the tasks.
pub(super) fn start(app: &App) {
    every(app, TICK, |parts| async move {
        tell_events(&parts);
        save_states(&parts).await;
    });
    every(app, USES, |parts| async move { save_uses(&parts).await });
    every(app, TICK, checks::probe_due_keys);
    every(app, TICK, record_scripts);
    every(app, HOUR, forget);
    alerts::start(app);
    let lists = Arc::new(tokio::sync::Mutex::new(model_lists::Schedule::default()));
    every(app, TICK, move |parts| {
        let lists = lists.clone();
        async move { model_lists::read_due(&parts, &mut *lists.lock().await).await }
    });
    let turns = Arc::<checks::Schedule>::default();
    every(app, TICK, move |parts| checks::check_due_keys(parts, turns.clone()));
}

pub(super) fn every<F, W>(app: &App, period: Duration, mut work: W)
where
    F: Future<Output = ()> + Send,
    W: FnMut(Arc<Parts>) -> F + Send + 'static,
{
    let parts = app.parts.clone();
    let ending = app.ending.clone();
    app.tasks.spawn(async move {
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while ending.run_until_cancelled(tick.tick()).await.is_some() {
            work(parts.clone()).await;
        }
    });
}

fn tell_events(parts: &Parts) {
    let snapshot = parts.publisher.current().load_full();
    let events = parts.rotator.take_events();
    super::scripts::tell(&parts.scripts, &snapshot, &events);
    for event in events {
        let provider = snapshot.provider(event.provider).map_or("", |provider| &provider.name);
        let key = event.key.and_then(|id| snapshot.key(id)).map_or("", |key| &key.name);
        match &event.kind {
            KeyEventKind::Active | KeyEventKind::BreakerClosed => {
                tracing::info!(provider, key, reason = event.reason, "serves again");
            }
            KeyEventKind::Cooling { until_ms, model } => {
                tracing::info!(provider, key, model = model.as_deref(), until_ms, reason = event.reason, "key rests");
            }
            KeyEventKind::DisabledAuto => tracing::warn!(provider, key, reason = event.reason, "key disabled"),
            KeyEventKind::DisabledManual { .. } => tracing::info!(provider, key, "key disabled by an operator"),
            KeyEventKind::BreakerOpened => tracing::warn!(provider, reason = event.reason, "provider fails for every key"),
        }
    }
}

/// Writes the states of keys that have changed since the last time.
pub(super) async fn save_states(parts: &Parts) {
    let now = parts.clock.now();
    let states = parts.rotator.saved_states(now);
    let mut saved = parts.saved.lock().await;
    let changed: Vec<_> = states.into_iter().filter(|state| saved.get(&state.key) != Some(state)).collect();
    if changed.is_empty() {
        return;
    }
    let rows = changed.iter().filter_map(key_states::row).collect();
    match parts.publisher.store().save_key_states(rows, now.unix_ms).await {
        Ok(()) => saved.extend(changed.into_iter().map(|state| (state.key, state))),
        Err(error) => tracing::warn!(%error, "cannot save the states of keys; they stay in memory"),
    }
}

/// Writes when clients' tokens were last used, of those that were used since the last time.
pub(super) async fn save_uses(parts: &Parts) {
    let now_ms = parts.clock.now().unix_ms;
    let uses = parts.admin.quota.used_since(parts.uses_saved_ms.load(Ordering::Relaxed));
    if uses.is_empty() {
        return;
    }
    match parts.publisher.store().touch_all::<Client>(uses).await {
        Ok(()) => parts.uses_saved_ms.store(now_ms, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "cannot save when clients were last seen; it stays in memory"),
    }
}

/// A script folder that somebody has changed becomes a version that can be brought back.
async fn record_scripts(parts: Arc<Parts>) {
    if let Err(error) = record_live_scripts(&parts.admin).await {
        tracing::warn!(%error, "cannot remember a version of the scripts");
    }
}

async fn forget(parts: Arc<Parts>) {
    let store = parts.publisher.store();
    let now_ms = parts.clock.now().unix_ms;
    if let Err(error) = store.forget_deleted(now_ms).await {
        tracing::warn!(%error, "cannot forget deleted rows");
    }
    if let Err(error) = parts.admin.forget_sessions().await {
        tracing::warn!(%error, "cannot forget sessions that have ended");
    }
    if let Err(error) = store.owners().forget_before(now_ms - OWNERS_KEPT_MS).await {
        tracing::warn!(%error, "cannot forget the owners of old objects");
    }
}

/// Keys by provider and state, for the metrics.
pub(super) fn key_counts(parts: &Parts) -> Vec<KeyCount> {
    let snapshot = parts.publisher.current().load_full();
    let now = parts.clock.now();
    let mut counts = Vec::new();
    for provider in snapshot.providers() {
        let Some(status) = parts.rotator.provider_status(provider.id, now) else { continue };
        for (state, keys) in status.states {
            counts.push(KeyCount { provider: provider.name.as_str().into(), state: state.as_str(), keys: keys.into() });
        }
    }
    counts
}
