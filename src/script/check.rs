//! Loading a folder without a server.

use std::path::Path;
use std::sync::Arc;

use super::limits::ScriptLimits;
use super::load::{LoadConfig, LoadReport, Loader};
use super::runtime::{EstimateRequest, KvStore, LogSink, Surroundings, Time};
use super::sources::{SourceError, Sources};
use super::stats::HookStats;
use crate::clock::{Clock, Entropy};

/// Compiles the scripts of a folder, runs `on_load` and the tests, as a server would before it makes them live.
///
/// # Errors
/// The folder cannot be read.
pub fn check_folder(
    folder: &Path,
    limits: ScriptLimits,
    config: LoadConfig,
    clock: Clock,
    estimate: EstimateRequest,
) -> Result<LoadReport, SourceError> {
    let sources = Sources::read(folder)?;
    let around = Arc::new(Surroundings {
        clock,
        time: Time::Real,
        entropy: Entropy::from_system(),
        kv: Arc::new(KvStore::new(limits.kv_entries, limits.kv_bytes)),
        log: LogSink::tracing(limits.log_lines),
        estimate,
    });
    Ok(Loader { limits, config, around, stats: Arc::new(HookStats::default()) }.load(sources))
}
