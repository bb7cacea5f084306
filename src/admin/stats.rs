//! `/api/stats`
#![expect(clippy::too_many_arguments, reason = "each argument is a query parameter, described where it stands")]

mod body;
mod words;

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use super::access::{Access, Viewer};
use super::error::ApiError;
use super::period::{Period, UTC};
use super::wire::example;
use crate::domain::{Outcome, to_rfc3339};
use crate::store::{Axis, Dimension, HourOfWeek, Range, Rank, Step, Sums};
pub(super) use body::BucketBody;
pub(super) use words::StepWord;

use body::{MemberBody, SeriesBody, SumsBody};
use words::{By, RankWord};

const DAY_MS: i64 = 86_400_000;
const HEATMAP_RANGE: &str = "30d";
/// Members of their own, where the caller does not say.
const TOP: u32 = 10;
/// Most members of their own in a series, and in a list of totals.
const MOST_SERIES: u32 = 50;
const MOST_TOTALS: u32 = 10_000;

/// Operations on statistics.
pub(super) struct Stats;

#[OpenApi(prefix_path = "/api", tag = "Tag::Stats")]
impl Stats {
    /// Sums over a stretch of time
    ///
    /// By member, the greatest first, and all together. The stretch begins with the first whole step in it and ends with
    /// it or with the running step, just as a series does, so that both show the same figures.
    #[oai(path = "/stats/totals", method = "get", operation_id = "get_totals")]
    async fn totals(
        &self,
        access: Viewer,
        /// By what; all together if left out.
        by: Query<Option<By>>,
        /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `15m`, `24h`, `7d`; `24h` if left out.
        range: Query<Option<String>>,
        /// Where the stretch begins; beats `range`.
        from: Query<Option<String>>,
        /// Where it ends; beats `range`.
        to: Query<Option<String>>,
        /// The length of a step; chosen by the length of the stretch if left out.
        step: Query<Option<StepWord>>,
        /// The IANA time zone of local days and hours; UTC if left out.
        zone: Query<Option<String>>,
        /// By what members are ranked; by calls if left out.
        rank: Query<Option<RankWord>>,
        /// Most members, 1 to 10000; all of them up to that number if left out.
        limit: Query<Option<u32>>,
        /// Whether to add the sums of the period before, over the same elapsed part.
        #[oai(default)]
        former: Query<bool>,
    ) -> Result<Json<TotalsBody>, ApiError> {
        let period = Period { range: range.0, from: from.0, to: to.0 };
        let axis = axis(&access, &period, step.0, zone.0.as_deref())?;
        let limit = within("limit", limit.0.unwrap_or(MOST_TOTALS), MOST_TOTALS)?;
        access.context().settle_records().await;
        let call_log = &access.context().call_log;
        let members = match by.0.unwrap_or(By::Total) {
            By::Total => Vec::new(),
            by => call_log.totals(by.into(), axis.range(), rank.0.unwrap_or(RankWord::Calls).into()).await?,
        };
        let as_body = |(member, sums): (_, Sums)| MemberSumsBody { member, sums: SumsBody::from(&sums) };
        let members = members.into_iter().take(limit).map(|line| as_body((MemberBody::from(line.member), line.sums)));
        Ok(Json(TotalsBody {
            from: to_rfc3339(axis.from_ms()),
            to: to_rfc3339(axis.to_ms()),
            total: SumsBody::from(&total(&access, axis.range()).await?),
            former: if former.0 { Some(former_sums(&access, &axis).await?) } else { None },
            members: members.collect(),
        }))
    }

    /// Figures over time
    ///
    /// Every step is there, also those without calls. The members with the greatest sums have series of their own, all
    /// others share one.
    #[oai(path = "/stats/series", method = "get", operation_id = "get_series")]
    async fn series(
        &self,
        access: Viewer,
        /// By what; all together if left out.
        by: Query<Option<By>>,
        /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `15m`, `24h`, `7d`; `24h` if left out.
        range: Query<Option<String>>,
        /// Where the stretch begins; beats `range`.
        from: Query<Option<String>>,
        /// Where it ends; beats `range`.
        to: Query<Option<String>>,
        /// The length of a step; chosen by the length of the stretch if left out. Minutes reach back 48 hours.
        step: Query<Option<StepWord>>,
        /// The IANA time zone of local days and hours; UTC if left out.
        zone: Query<Option<String>>,
        /// By what members are ranked; by calls if left out.
        rank: Query<Option<RankWord>>,
        /// Members with a series of their own, 1 to 50; 10 if left out.
        top: Query<Option<u32>>,
        /// Whether to add the sums of the period before, over the same elapsed part.
        #[oai(default)]
        former: Query<bool>,
    ) -> Result<Json<SeriesListBody>, ApiError> {
        let period = Period { range: range.0, from: from.0, to: to.0 };
        let axis = axis(&access, &period, step.0, zone.0.as_deref())?;
        let top = within("top", top.0.unwrap_or(TOP), MOST_SERIES)?;
        access.context().settle_records().await;
        let (dimension, rank) = (by.0.unwrap_or(By::Total).into(), rank.0.unwrap_or(RankWord::Calls).into());
        let series = access.context().call_log.series(dimension, axis.clone(), rank, top).await?;
        Ok(Json(SeriesListBody {
            from: to_rfc3339(axis.from_ms()),
            to: to_rfc3339(axis.to_ms()),
            step: axis.step.into(),
            former: if former.0 { Some(former_sums(&access, &axis).await?) } else { None },
            buckets: axis.buckets.iter().map(BucketBody::from).collect(),
            zone: axis.zone,
            series: series.into_iter().map(SeriesBody::from).collect(),
        }))
    }

    /// Figures by hour of the week
    ///
    /// Every hour of the week in the local time of a zone, over up to 125 days.
    #[oai(path = "/stats/heatmap", method = "get", operation_id = "get_heatmap")]
    async fn heatmap(
        &self,
        access: Viewer,
        /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `7d`, `30d`; `30d` if left out.
        range: Query<Option<String>>,
        /// Where the range begins; beats `range`.
        from: Query<Option<String>>,
        /// Where it ends; beats `range`.
        to: Query<Option<String>>,
        /// The IANA time zone of days and hours; UTC if left out.
        zone: Query<Option<String>>,
    ) -> Result<Json<HeatmapBody>, ApiError> {
        let range = range.0.or_else(|| from.0.is_none().then(|| HEATMAP_RANGE.to_owned()));
        let period = Period { range, from: from.0, to: to.0 };
        let axis = axis(&access, &period, Some(StepWord::Hour), zone.0.as_deref())
            .map_err(|error| ApiError { field: error.field.map(|field| field.replace("step", "from")), ..error })?;
        access.context().settle_records().await;
        let hours = access.context().call_log.heatmap(axis.clone()).await?;
        Ok(Json(HeatmapBody {
            from: to_rfc3339(axis.from_ms()),
            to: to_rfc3339(axis.to_ms()),
            zone: axis.zone,
            hours: hours.into_iter().map(HourOfWeekBody::from).collect(),
        }))
    }
}

/// The sums of an hour of the week over the whole range.
#[derive(Object)]
#[oai(rename = "HourOfWeek", example)]
struct HourOfWeekBody {
    /// From 1, Monday, to 7, Sunday.
    weekday: u8,
    /// The hour of the day, 0 to 23.
    hour: u8,
    /// How often it lies in the range, the running hour included; divide by it for a mean.
    times: u32,
    /// Calls.
    calls: i64,
    /// Calls that succeeded.
    succeeded: i64,
    /// Input tokens.
    input: i64,
    /// Output tokens.
    output: i64,
    /// What the calls of known cost cost together, in US dollars.
    cost_usd: f64,
}

impl From<HourOfWeek> for HourOfWeekBody {
    fn from(hour: HourOfWeek) -> Self {
        let HourOfWeek { weekday, hour, times, sums } = hour;
        HourOfWeekBody {
            weekday,
            hour,
            times,
            calls: sums.calls,
            succeeded: sums.with_outcome(Outcome::Success),
            input: sums.input,
            output: sums.output,
            cost_usd: sums.cost.as_dollars(),
        }
    }
}

/// When in the week calls come.
#[derive(Object)]
#[oai(rename = "Heatmap", example)]
struct HeatmapBody {
    /// Where the range begins.
    from: String,
    /// Where it ends.
    to: String,
    /// The time zone of days and hours.
    zone: String,
    /// All 168 hours of the week, from Monday at 0.
    hours: Vec<HourOfWeekBody>,
}

fn axis(access: &Access, period: &Period, step: Option<StepWord>, zone: Option<&str>) -> Result<Axis, ApiError> {
    let (zone, now_ms) = (zone.unwrap_or(UTC), access.now().unix_ms);
    let (from, to) = period.read(zone, now_ms)?;
    let to = to.unwrap_or(now_ms);
    Ok(Axis::new(from.unwrap_or(to - DAY_MS), to, step.map(Step::from), zone, now_ms)?)
}

async fn total(access: &Access, range: Range) -> Result<Sums, ApiError> {
    let totals = access.context().call_log.totals(Dimension::Total, range, Rank::Calls).await?;
    Ok(totals.into_iter().next().map(|line| line.sums).unwrap_or_default())
}

async fn former_sums(access: &Access, axis: &Axis) -> Result<FormerBody, ApiError> {
    let range = axis.former(access.now().unix_ms)?;
    let sums = SumsBody::from(&total(access, range).await?);
    Ok(FormerBody { from: to_rfc3339(range.from_ms()), to: to_rfc3339(range.to_ms()), sums })
}

fn within(field: &'static str, value: u32, most: u32) -> Result<usize, ApiError> {
    if (1..=most).contains(&value) {
        Ok(value as usize)
    } else {
        Err(ApiError::invalid(field, format!("{field} must be 1 to {most}")))
    }
}

/// Sums over a stretch of time.
#[derive(Object)]
#[oai(rename = "Totals", example)]
struct TotalsBody {
    /// Where the stretch begins.
    from: String,
    /// Where it ends.
    to: String,
    /// All calls together.
    total: SumsBody,
    /// The period before, where it was asked for.
    #[oai(nullable)]
    former: Option<FormerBody>,
    /// By member, the greatest first; empty where nothing was asked for.
    members: Vec<MemberSumsBody>,
}

/// The sums of one member.
#[derive(Object)]
#[oai(rename = "MemberSums")]
struct MemberSumsBody {
    /// Of whom.
    #[oai(flatten)]
    member: MemberBody,
    /// What.
    sums: SumsBody,
}

/// The period before, over the part of it that corresponds to what has elapsed.
#[derive(Object)]
#[oai(rename = "Former")]
struct FormerBody {
    /// Where it begins.
    from: String,
    /// Where it ends.
    to: String,
    /// All calls together.
    sums: SumsBody,
}

/// Figures over time.
#[derive(Object)]
#[oai(rename = "SeriesList", example)]
struct SeriesListBody {
    /// Where the axis begins.
    from: String,
    /// Where it ends.
    to: String,
    /// The length of a step.
    step: StepWord,
    /// The time zone of local days and hours.
    zone: String,
    /// The steps, oldest first.
    buckets: Vec<BucketBody>,
    /// The greatest first, all others together last.
    series: Vec<SeriesBody>,
    /// The period before, where it was asked for.
    #[oai(nullable)]
    former: Option<FormerBody>,
}

example!(TotalsBody, {
    "from": "2026-11-25T10:00:00Z", "to": "2026-11-25T11:00:00Z", "total": SumsBody::example().to_json(), "former": null,
    "members": [{ "id": 1, "name": "openai", "is_others": false, "sums": SumsBody::example().to_json() }],
});
example!(SeriesListBody, {
    "from": "2026-11-25T10:00:00Z", "to": "2026-11-25T11:00:00Z", "step": "1h", "zone": "UTC",
    "buckets": [BucketBody::example().to_json()], "series": [SeriesBody::example().to_json()], "former": null,
});
example!(HourOfWeekBody, {
    "weekday": 1, "hour": 9, "times": 4, "calls": 3648, "succeeded": 3616, "input": 1_240_000, "output": 176_000, "cost_usd": 0.28,
});
example!(HeatmapBody, {
    "from": "2026-10-28T10:00:00Z", "to": "2026-11-25T10:00:00Z", "zone": "UTC", "hours": [HourOfWeekBody::example().to_json()],
});
