//! When the calls that match began.

use std::time::Duration;

use poem_openapi::Object;

use super::body::{UnreadableDay, unreadable};
use super::filters::Filters;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::stats::{BucketBody, StepWord};
use crate::admin::wire::example;
use crate::domain::{Outcome, to_rfc3339};
use crate::store::{Axis, CallCounts, CallFilter, CountLimits, Step};

/// How much of the log one histogram looks at: about 40 ms, or 300 ms where bodies are looked through.
const LIMITS: CountLimits = CountLimits { scan_limit: 60_000, text_time: Duration::from_millis(300) };
const DAY_MS: i64 = 86_400_000;

pub(super) async fn of(access: &Access, filters: Filters, step: Option<StepWord>) -> Result<CallHistogram, ApiError> {
    let (context, now_ms) = (access.context(), access.now().unix_ms);
    let zone = filters.zone().to_owned();
    let filter = filters.read(access, now_ms)?;
    context.settle_records().await;
    let to_ms = filter.to_ms.unwrap_or(now_ms + 1);
    let from_ms = match filter.from_ms {
        Some(from_ms) => from_ms,
        None => context.call_log.begins_ms().await?.unwrap_or(to_ms - DAY_MS).min(to_ms - 1),
    };
    let axis = Axis::of_log(from_ms, to_ms, step.map(Step::from), &zone, now_ms)?;
    let filter = CallFilter { from_ms: Some(from_ms), to_ms: Some(to_ms), ..filter };
    let counted = context.call_log.histogram(filter, &axis, LIMITS).await?;
    Ok(CallHistogram::new(axis, counted))
}

/// When the calls that match began, by how they ended.
#[derive(Object)]
#[oai(example)]
pub(super) struct CallHistogram {
    /// Where the axis begins.
    from: String,
    /// Where it ends.
    to: String,
    /// The length of a step.
    step: StepWord,
    /// The time zone of local days and hours.
    zone: String,
    /// The steps, oldest first; the first and the last are cut at the ends of the range.
    buckets: Vec<BucketBody>,
    /// Calls by outcome; an outcome that no call had is left out.
    series: Vec<OutcomeSeries>,
    /// All calls that were counted.
    total: u64,
    /// The count was cut short here: older calls are not counted; null: all are.
    #[oai(nullable)]
    counted_from: Option<String>,
    /// Days whose log cannot be read.
    unreadable: Vec<UnreadableDay>,
}

/// The calls of one outcome.
#[derive(Object)]
struct OutcomeSeries {
    /// How they ended.
    outcome: Outcome,
    /// How many, one number for each bucket.
    calls: Vec<u64>,
}

impl CallHistogram {
    fn new(axis: Axis, counted: CallCounts) -> Self {
        let series = Outcome::ALL.into_iter().enumerate().map(|(place, outcome)| OutcomeSeries {
            outcome,
            calls: counted.counts.iter().map(|counts| counts[place]).collect(),
        });
        CallHistogram {
            from: to_rfc3339(axis.from_ms()),
            to: to_rfc3339(axis.to_ms()),
            step: axis.step.into(),
            buckets: axis.buckets.iter().map(BucketBody::from).collect(),
            zone: axis.zone,
            series: series.filter(|series| series.calls.iter().any(|calls| *calls > 0)).collect(),
            total: counted.counts.iter().flatten().sum(),
            counted_from: counted.counted_from_ms.map(to_rfc3339),
            unreadable: unreadable(counted.unreadable),
        }
    }
}

example!(CallHistogram, {
    "from": "2026-11-25T09:00:00Z", "to": "2026-11-25T11:00:00Z", "step": "1h", "zone": "UTC",
    "buckets": [
        { "from": "2026-11-25T09:00:00Z", "to": "2026-11-25T10:00:00Z", "running": false },
        { "from": "2026-11-25T10:00:00Z", "to": "2026-11-25T11:00:00Z", "running": true },
    ],
    "series": [{ "outcome": "success", "calls": [904, 388] }, { "outcome": "no_key", "calls": [0, 3] }], "total": 1295,
    "counted_from": null, "unreadable": [],
});
