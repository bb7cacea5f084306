//! `/api/system`

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use super::access::Viewer;
use super::error::ApiError;
use super::wire::example;
use crate::domain::to_rfc3339;
use crate::recorder::RecorderStatus;
use crate::store::SegmentFiles;

/// Operations on the installation.
pub(super) struct System;

#[OpenApi(prefix_path = "/api", tag = "Tag::System")]
impl System {
    /// Get the state of the installation
    #[oai(path = "/system", method = "get", operation_id = "get_system")]
    async fn get(&self, access: Viewer) -> Result<Json<SystemBody>, ApiError> {
        let context = access.context();
        let (uptime_ms, size) = (context.clock.uptime_ms(), context.call_log.size().await?);
        Ok(Json(SystemBody {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: to_rfc3339(access.now().unix_ms - uptime_ms as i64),
            uptime_seconds: uptime_ms / 1_000,
            calls_in_flight: context.metrics.calls_in_flight().max(0) as u64,
            recorder: context.recorder.status().into(),
            log: LogBody {
                bytes: size.segments.iter().map(|files| files.calls_bytes + files.bodies_bytes).sum(),
                statistics_bytes: size.rollups_bytes,
                disk_free_bytes: size.disk_free_bytes,
                days: size.segments.into_iter().rev().map(DayBody::from).collect(),
            },
        }))
    }
}

/// The state of the installation.
#[derive(Object)]
#[oai(rename = "System", example)]
struct SystemBody {
    /// The version that runs.
    version: String,
    /// When it was started.
    started_at: String,
    /// How long it has been running.
    uptime_seconds: u64,
    /// Calls that have not ended.
    calls_in_flight: u64,
    /// How records are taken in.
    recorder: RecorderBody,
    /// What the log of calls takes on the disk.
    log: LogBody,
}

/// How records are taken in, since the start.
#[derive(Object)]
#[oai(rename = "RecorderStatus")]
struct RecorderBody {
    /// Records that wait to be written.
    queued: u64,
    /// Records that were written.
    written: u64,
    /// Records that were lost because too many waited.
    dropped_queue: u64,
    /// Records that were lost because they could not be written.
    dropped_disk: u64,
    /// Why writing fails now; null: it does not.
    #[oai(nullable)]
    trouble: Option<String>,
}

impl From<RecorderStatus> for RecorderBody {
    fn from(status: RecorderStatus) -> Self {
        RecorderBody {
            queued: status.queued as u64,
            written: status.written,
            dropped_queue: status.dropped_queue,
            dropped_disk: status.dropped_disk,
            trouble: status.trouble,
        }
    }
}

/// What the log of calls takes on the disk.
#[derive(Object)]
#[oai(rename = "LogSize")]
struct LogBody {
    /// Bytes of all days.
    bytes: u64,
    /// Bytes of the statistics.
    statistics_bytes: u64,
    /// Bytes that are free on that disk; null: the system does not say.
    #[oai(nullable)]
    disk_free_bytes: Option<u64>,
    /// The days that are kept, the newest first.
    days: Vec<DayBody>,
}

/// One day of the log.
#[derive(Object)]
#[oai(rename = "LogDay")]
struct DayBody {
    /// The UTC day.
    day: String,
    /// Bytes of the records.
    calls_bytes: u64,
    /// Bytes of the bodies.
    bodies_bytes: u64,
}

impl From<SegmentFiles> for DayBody {
    fn from(files: SegmentFiles) -> Self {
        DayBody { day: files.day.to_string(), calls_bytes: files.calls_bytes, bodies_bytes: files.bodies_bytes }
    }
}

example!(SystemBody, {
    "version": "1.0.0", "started_at": "2026-11-25T10:00:00Z", "uptime_seconds": 86400, "calls_in_flight": 4,
    "recorder": { "queued": 0, "written": 120_408, "dropped_queue": 0, "dropped_disk": 0, "trouble": null },
    "log": {
        "bytes": 52_428_800, "statistics_bytes": 4_194_304, "disk_free_bytes": 42_949_672_960_u64,
        "days": [{ "day": "2026-11-25", "calls_bytes": 18_874_368, "bodies_bytes": 0 }],
    },
});
