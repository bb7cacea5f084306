//! Statistics as the API shows them.

use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::admin::or_null::OrNull;
use crate::admin::wire::example;
use crate::domain::{Outcome, to_rfc3339};
use crate::store::{Bucket, Histogram, MemberName, Series, Sums};

/// Of whom some figures are.
#[derive(Object)]
#[oai(rename = "StatMember")]
pub(super) struct MemberBody {
    /// The id of the provider, key or client.
    #[oai(nullable)]
    id: Option<i64>,
    /// The latest name; null: calls that have none, all others together, or the total.
    #[oai(nullable)]
    name: Option<String>,
    /// Whether these are all further members together.
    is_others: bool,
}

impl From<MemberName> for MemberBody {
    fn from(member: MemberName) -> Self {
        MemberBody { id: member.id, name: member.name.map(|name| name.to_string()), is_others: member.is_others }
    }
}

/// Sums over calls. Keywheel's own probes are not among them.
#[derive(Object)]
#[oai(rename = "Sums", example)]
pub(super) struct SumsBody {
    /// Calls.
    calls: i64,
    /// Calls by how they ended.
    outcomes: OutcomeCounts,
    /// Calls that took more than one attempt.
    retried: i64,
    /// Attempts; by key and by provider those against it, whoever served the call in the end.
    attempts: i64,
    /// Attempts that failed.
    failed_attempts: i64,
    /// Input tokens.
    input: i64,
    /// Output tokens.
    output: i64,
    /// Input tokens read from a prompt cache.
    cached_read: i64,
    /// Input tokens written to a prompt cache.
    cache_write: i64,
    /// The part of the input tokens that was read from a prompt cache, 0 to 1; null: there was no input.
    #[oai(nullable)]
    cached_share: Option<f64>,
    /// Output tokens spent on reasoning.
    reasoning: i64,
    /// Calls whose usage was estimated.
    estimated: i64,
    /// What the calls of known cost cost together, in US dollars.
    cost_usd: f64,
    /// Calls that consumed something whose cost is not known.
    unpriced: i64,
    /// Body bytes from clients.
    bytes_in: i64,
    /// Body bytes to clients.
    bytes_out: i64,
    /// Milliseconds from accept to the last byte; null: no call reached a provider.
    #[oai(nullable)]
    latency_ms: Option<Distribution>,
    /// Milliseconds from accept to the first content of streams; null: there was none.
    #[oai(nullable)]
    first_token_ms: Option<Distribution>,
    /// Output tokens per second behind the first content, of streams that succeeded and whose tokens the provider counted;
    /// null: there was none.
    #[oai(nullable)]
    tokens_per_second: Option<Distribution>,
}

/// Calls by how they ended.
#[derive(Object)]
struct OutcomeCounts {
    success: i64,
    rejected: i64,
    request_error: i64,
    no_key: i64,
    upstream_error: i64,
    interrupted: i64,
    client_gone: i64,
    internal_error: i64,
}

/// How durations or speeds are spread, within 6 %.
#[derive(Object)]
struct Distribution {
    mean: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
}

impl From<&Sums> for SumsBody {
    fn from(sums: &Sums) -> Self {
        let of = |outcome| sums.with_outcome(outcome);
        SumsBody {
            calls: sums.calls,
            outcomes: OutcomeCounts {
                success: of(Outcome::Success),
                rejected: of(Outcome::Rejected),
                request_error: of(Outcome::RequestError),
                no_key: of(Outcome::NoKey),
                upstream_error: of(Outcome::UpstreamError),
                interrupted: of(Outcome::Interrupted),
                client_gone: of(Outcome::ClientGone),
                internal_error: of(Outcome::InternalError),
            },
            retried: sums.retried,
            attempts: sums.attempts,
            failed_attempts: sums.failed_attempts,
            input: sums.input,
            output: sums.output,
            cached_read: sums.cached_read,
            cache_write: sums.cache_write,
            cached_share: (sums.input > 0).then(|| (sums.cached_read as f64 / sums.input as f64).clamp(0.0, 1.0)),
            reasoning: sums.reasoning,
            estimated: sums.estimated,
            cost_usd: sums.cost.as_dollars(),
            unpriced: sums.unpriced,
            bytes_in: sums.bytes_in,
            bytes_out: sums.bytes_out,
            latency_ms: Distribution::of(&sums.latency),
            first_token_ms: Distribution::of(&sums.first_token),
            tokens_per_second: Distribution::of(&sums.speed),
        }
    }
}

impl Distribution {
    fn of(histogram: &Histogram) -> Option<Self> {
        let share = |share| histogram.percentile(share).map(thousandths);
        Some(Distribution {
            mean: histogram.mean().map(thousandths)?,
            p50: share(0.5)?,
            p90: share(0.9)?,
            p95: share(0.95)?,
            p99: share(0.99)?,
        })
    }
}

/// One bucket of the time axis.
#[derive(Object)]
#[oai(rename = "StatBucket", example)]
pub(in crate::admin) struct BucketBody {
    /// When it begins.
    from: String,
    /// When it ends.
    to: String,
    /// Whether it has not ended yet: its figures are "so far".
    running: bool,
}

impl From<&Bucket> for BucketBody {
    fn from(bucket: &Bucket) -> Self {
        BucketBody { from: to_rfc3339(bucket.from_ms), to: to_rfc3339(bucket.to_ms), running: bucket.running }
    }
}

/// The figures of one member over time: each list has one number for each bucket.
#[derive(Object)]
#[oai(rename = "StatSeries", example)]
pub(super) struct SeriesBody {
    /// Of whom.
    #[oai(flatten)]
    member: MemberBody,
    /// All buckets together.
    sums: SumsBody,
    /// Calls.
    calls: Vec<i64>,
    /// Calls that succeeded.
    succeeded: Vec<i64>,
    /// Attempts.
    attempts: Vec<i64>,
    /// Attempts that failed.
    failed_attempts: Vec<i64>,
    /// Input tokens.
    input: Vec<i64>,
    /// Output tokens.
    output: Vec<i64>,
    /// Input tokens read from a prompt cache.
    cached_read: Vec<i64>,
    /// US dollars.
    cost_usd: Vec<f64>,
    /// Calls of unknown cost.
    unpriced: Vec<i64>,
    /// Half of the calls took no more milliseconds; null: there was none.
    latency_p50_ms: Vec<OrNull<f64>>,
    /// 95 of 100 calls took no more milliseconds.
    latency_p95_ms: Vec<OrNull<f64>>,
    /// Half of the streams had their first content within so many milliseconds; null: there was none.
    first_token_p50_ms: Vec<OrNull<f64>>,
    /// 95 of 100 streams had.
    first_token_p95_ms: Vec<OrNull<f64>>,
    /// Half of the streams were no faster, in output tokens per second; null: there was none.
    tokens_per_second_p50: Vec<OrNull<f64>>,
}

impl From<Series> for SeriesBody {
    fn from(series: Series) -> Self {
        fn column<T>(series: &Series, figure: impl Fn(&Sums) -> T) -> Vec<T> {
            series.buckets.iter().map(figure).collect()
        }
        SeriesBody {
            sums: SumsBody::from(&series.sum),
            calls: column(&series, |sums| sums.calls),
            succeeded: column(&series, |sums| sums.with_outcome(Outcome::Success)),
            attempts: column(&series, |sums| sums.attempts),
            failed_attempts: column(&series, |sums| sums.failed_attempts),
            input: column(&series, |sums| sums.input),
            output: column(&series, |sums| sums.output),
            cached_read: column(&series, |sums| sums.cached_read),
            cost_usd: column(&series, |sums| sums.cost.as_dollars()),
            unpriced: column(&series, |sums| sums.unpriced),
            latency_p50_ms: column(&series, |sums| percentile(&sums.latency, 0.5)),
            latency_p95_ms: column(&series, |sums| percentile(&sums.latency, 0.95)),
            first_token_p50_ms: column(&series, |sums| percentile(&sums.first_token, 0.5)),
            first_token_p95_ms: column(&series, |sums| percentile(&sums.first_token, 0.95)),
            tokens_per_second_p50: column(&series, |sums| percentile(&sums.speed, 0.5)),
            member: series.member.into(),
        }
    }
}

/// What a share of the values does not exceed, in units of a thousand; null where nothing was measured.
fn percentile(histogram: &Histogram, share: f64) -> OrNull<f64> {
    OrNull(histogram.percentile(share).map(thousandths))
}

/// Microseconds as milliseconds, and thousandths of a token per second as tokens per second.
fn thousandths(value: u64) -> f64 {
    value as f64 / 1e3
}

example!(SumsBody, {
    "calls": 912,
    "outcomes": {
        "success": 904, "rejected": 1, "request_error": 3, "no_key": 0, "upstream_error": 2, "interrupted": 0, "client_gone": 2,
        "internal_error": 0,
    },
    "retried": 14, "attempts": 927, "failed_attempts": 17, "input": 310_000, "output": 44_000, "cached_read": 62_000,
    "cache_write": 0, "cached_share": 0.2, "reasoning": 0, "estimated": 5, "cost_usd": 0.07, "unpriced": 0,
    "bytes_in": 1_640_000, "bytes_out": 9_800_000,
    "latency_ms": { "mean": 1320.0, "p50": 1180.0, "p90": 2270.0, "p95": 2900.0, "p99": 4700.0 },
    "first_token_ms": { "mean": 340.0, "p50": 310.0, "p90": 560.0, "p95": 720.0, "p99": 1200.0 },
    "tokens_per_second": { "mean": 82.0, "p50": 84.0, "p90": 118.0, "p95": 124.0, "p99": 140.0 },
});
example!(BucketBody, { "from": "2026-11-25T10:00:00Z", "to": "2026-11-25T11:00:00Z", "running": true });

impl Example for MemberBody {
    fn example() -> Self {
        MemberBody { id: Some(1), name: Some("openai".to_owned()), is_others: false }
    }
}

impl Example for SeriesBody {
    fn example() -> Self {
        let figure = |value: f64| vec![OrNull(Some(value))];
        SeriesBody {
            member: MemberBody::example(),
            sums: SumsBody::example(),
            calls: vec![912],
            succeeded: vec![904],
            attempts: vec![927],
            failed_attempts: vec![17],
            input: vec![310_000],
            output: vec![44_000],
            cached_read: vec![62_000],
            cost_usd: vec![0.07],
            unpriced: vec![0],
            latency_p50_ms: figure(1180.0),
            latency_p95_ms: figure(2900.0),
            first_token_p50_ms: figure(310.0),
            first_token_p95_ms: figure(720.0),
            tokens_per_second_p50: figure(84.0),
        }
    }
}
