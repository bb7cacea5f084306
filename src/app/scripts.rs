//! The script folder: loaded at the start, watched after.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::{Config, ScriptWatching};
use crate::domain::{KeyEvent, Snapshot};
use crate::proxy::estimate_request;
use crate::script::{
    Hook, HookReport, LoadConfig, ScriptLimits, ScriptStatus, ScriptWatch, Scripts, ScriptsOptions, WatchMode,
};
use crate::telemetry::HookReading;

/// Loads the scripts. A folder with errors starts closed.
pub(super) fn start(config: &Config, clock: Clock, snapshot: Arc<ArcSwap<Snapshot>>) -> Arc<Scripts> {
    Scripts::start(ScriptsOptions {
        folder: Some(config.scripts.clone()),
        limits: limits(config),
        clock,
        config: Box::new(move || load_config(&snapshot.load())),
        estimate: estimate_request,
    })
}

/// Watches the folder as the configuration says.
pub(super) fn watch(scripts: &Arc<Scripts>, watching: ScriptWatching) -> Option<ScriptWatch> {
    match watching {
        ScriptWatching::Events => Some(scripts.watch(WatchMode::Events)),
        ScriptWatching::Poll(every) => Some(scripts.watch(WatchMode::Poll(every.as_millis() as u64))),
        ScriptWatching::Off => None,
    }
}

/// Runs `on_key_event` for events, off the threads that serve calls.
pub(super) fn tell(scripts: &Scripts, snapshot: &Arc<Snapshot>, events: &[KeyEvent]) {
    let Some(set) = scripts.live().filter(|set| set.has(Hook::OnKeyEvent) && !events.is_empty()) else { return };
    let (snapshot, events) = (snapshot.clone(), events.to_vec());
    tokio::task::spawn_blocking(move || {
        for event in &events {
            let provider = snapshot.provider(event.provider).map_or("", |provider| &provider.name);
            let key = event.key.and_then(|id| snapshot.key(id)).map(|key| key.name.as_str());
            set.on_key_event(event, provider, key);
        }
    });
}

/// What the metrics tell of hooks.
pub(super) fn hook_readings(status: &ScriptStatus) -> Vec<HookReading> {
    let seen = status.hooks.iter().filter(|hook| hook.calls > 0 || hook.quarantined);
    let reading = |hook: &HookReport| HookReading {
        hook: hook.hook,
        runs: hook.calls,
        failures: hook.failures,
        total_us: hook.total_us,
        quarantined: hook.quarantined,
    };
    seen.map(reading).collect()
}

/// The limits that the configuration sets.
pub(crate) fn limits(config: &Config) -> ScriptLimits {
    ScriptLimits {
        wall_ms: config.script_time.as_millis() as u64,
        operations: config.script_operations,
        ..ScriptLimits::default()
    }
}

/// What `on_load` is told of a catalog.
pub(crate) fn load_config(snapshot: &Snapshot) -> LoadConfig {
    let sorted = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    LoadConfig {
        providers: sorted(snapshot.providers().map(|provider| provider.name.as_str()).collect()),
        models: sorted(snapshot.models().map(|model| model.name.as_str()).collect()),
        key_tags: sorted(snapshot.keys().flat_map(|key| key.tags.iter().map(String::as_str)).collect()),
    }
}
