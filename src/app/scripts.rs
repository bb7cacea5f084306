//! The script folder: loaded at the start, watched after.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::{Config, ScriptWatching};
use crate::domain::Snapshot;
use crate::script::{LoadConfig, ScriptLimits, ScriptWatch, Scripts, ScriptsOptions, WatchMode};

/// Loads the scripts. A folder with errors starts closed.
pub(super) fn start(config: &Config, clock: Clock, snapshot: Arc<ArcSwap<Snapshot>>) -> Arc<Scripts> {
    Scripts::start(ScriptsOptions {
        folder: Some(config.scripts.clone()),
        limits: limits(config),
        clock,
        config: Box::new(move || load_config(&snapshot.load())),
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

/// The limits that the configuration sets.
fn limits(config: &Config) -> ScriptLimits {
    ScriptLimits {
        wall_ms: config.script_time.as_millis() as u64,
        operations: config.script_operations,
        ..ScriptLimits::default()
    }
}

/// What `on_load` is told of a catalog.
fn load_config(snapshot: &Snapshot) -> LoadConfig {
    let sorted = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    LoadConfig {
        providers: sorted(snapshot.providers().map(|provider| provider.name.as_str()).collect()),
        models: sorted(snapshot.models().map(|model| model.name.as_str()).collect()),
        key_tags: sorted(snapshot.keys().flat_map(|key| key.tags.iter().map(String::as_str)).collect()),
    }
}
