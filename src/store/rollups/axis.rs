//! The time axis of a statistic: its buckets in somebody's time zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::MINUTES_KEPT_S;
use super::dimension::Level;

/// Most buckets of one series.
const MOST_BUCKETS: usize = 3_000;

/// The latest end of a range, within the year 9987: behind it lies a calendar's end.
const LATEST_MS: i64 = 253_000_000_000_000;

/// The length of one bucket of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// One minute; the last 48 hours only.
    Minute,
    /// Five minutes; the last 48 hours only.
    FiveMinutes,
    /// A quarter of an hour.
    Quarter,
    /// An hour, counted from local midnight.
    Hour,
    /// A local day, of 23, 24 or 25 hours.
    Day,
}

/// Why there is no such axis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// No IANA time zone has this name.
    #[error("{0:?} is no IANA time zone; write it like Asia/Kolkata or UTC")]
    UnknownZone(String),
    /// A time lies outside of the calendar, or the end is not after the beginning.
    #[error("`to` must be later than `from`, and both within the years 1970 to 9999")]
    Range,
    /// The range is too short to hold a whole step.
    #[error("the range is shorter than one step")]
    TooShort,
    /// The range has too many steps.
    #[error("the range has more than {MOST_BUCKETS} steps; choose a longer step")]
    TooLong,
    /// Minutes are kept for two days.
    #[error("steps shorter than a quarter of an hour reach back 48 hours; choose a longer step")]
    TooOld,
}

/// One bucket of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Unix milliseconds at which it begins.
    pub from_ms: i64,
    /// Unix milliseconds at which it ends, exclusive.
    pub to_ms: i64,
    /// Whether it has not ended yet.
    pub running: bool,
}

/// The buckets of a series, oldest first, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The step.
    pub step: Step,
    /// The name of the time zone.
    pub zone: String,
    /// At least one bucket.
    pub buckets: Vec<Bucket>,
    /// The finest sums that the axis may need.
    pub(super) finest: Level,
}

impl Axis {
    /// The axis from `from_ms` to `to_ms` (unix milliseconds) as seen at `now_ms`.
    ///
    /// It begins with the first whole step in the range and ends with the range, or with the running step. Without `step`
    /// one is chosen that gives some dozens to some hundreds of buckets.
    pub fn new(from_ms: i64, to_ms: i64, step: Option<Step>, zone: &str, now_ms: i64) -> Result<Self, AxisError> {
        let time_zone = self::zone(zone)?;
        if !(0..to_ms).contains(&from_ms) || to_ms > LATEST_MS {
            return Err(AxisError::Range);
        }
        let (from, now) = (ceil_second(from_ms), now_ms.div_euclid(1000));
        let has_minutes = from >= now - MINUTES_KEPT_S;
        let finest = if has_minutes { Level::Minute } else { Level::Quarter };
        let step = step.unwrap_or_else(|| chosen_step(to_ms.min(now_ms) - from_ms, has_minutes));
        if step < Step::Quarter && !has_minutes {
            return Err(AxisError::TooOld);
        }
        // Within the running unit nothing can lie behind the end yet, so nothing is cut off.
        let running_unit = finest.floor(now);
        let end = match to_ms.div_euclid(1000) {
            to if to >= running_unit => i64::MAX,
            to => finest.floor(to),
        };
        let steps = Steps { step, time_zone };
        let mut begin = steps.floor(from)?;
        if begin < from {
            begin = steps.next(begin)?;
        }
        let mut buckets = Vec::new();
        while begin < end && begin <= now && begin.saturating_mul(1000) < to_ms {
            let next = steps.next(begin)?;
            let until = next.min(end);
            buckets.push(Bucket { from_ms: begin * 1000, to_ms: until * 1000, running: until > now });
            if buckets.len() > MOST_BUCKETS {
                return Err(AxisError::TooLong);
            }
            begin = next;
        }
        if buckets.is_empty() {
            return Err(AxisError::TooShort);
        }
        Ok(Axis { step, zone: zone.to_owned(), buckets, finest })
    }

    /// An axis for what the log itself can tell, in which nothing of the range is left out: the first and the last bucket
    /// are cut at its ends. Steps of minutes reach as far back as any.
    pub fn of_log(from_ms: i64, to_ms: i64, step: Option<Step>, zone: &str, now_ms: i64) -> Result<Self, AxisError> {
        let time_zone = self::zone(zone)?;
        if !(0..to_ms).contains(&from_ms) || to_ms > LATEST_MS {
            return Err(AxisError::Range);
        }
        let (from, now) = (from_ms.div_euclid(1000), now_ms.div_euclid(1000));
        let finest = if from >= now - MINUTES_KEPT_S { Level::Minute } else { Level::Quarter };
        let step = step.unwrap_or_else(|| chosen_step(to_ms - from_ms, true));
        let steps = Steps { step, time_zone };
        let mut begin = steps.floor(from)?;
        let mut buckets = Vec::new();
        while begin.saturating_mul(1000) < to_ms && (begin <= now || buckets.is_empty()) {
            let next = steps.next(begin)?;
            buckets.push(Bucket {
                from_ms: from_ms.max(begin * 1000),
                to_ms: to_ms.min(next * 1000),
                running: next > now && to_ms >= now_ms,
            });
            if buckets.len() > MOST_BUCKETS {
                return Err(AxisError::TooLong);
            }
            begin = next;
        }
        Ok(Axis { step, zone: zone.to_owned(), buckets, finest })
    }

    /// Unix milliseconds at which the first bucket begins.
    pub fn from_ms(&self) -> i64 {
        self.buckets.first().map_or(0, |bucket| bucket.from_ms)
    }

    /// Unix milliseconds at which the last bucket ends.
    pub fn to_ms(&self) -> i64 {
        self.buckets.last().map_or(0, |bucket| bucket.to_ms)
    }

    /// All of it.
    pub fn range(&self) -> Range {
        Range { from_s: self.from_ms() / 1000, to_s: self.to_ms() / 1000, finest: self.finest }
    }

    /// The length of what the sums of this axis can be cut at, in milliseconds; `None`: its buckets are cut finer.
    pub(in crate::store) fn summed_ms(&self) -> Option<i64> {
        (self.step >= Step::Quarter || self.finest == Level::Minute).then_some(self.finest.seconds() * 1000)
    }

    /// The hour of the week in which each bucket begins: 0 is Monday at 0 in the axis's time zone.
    pub(super) fn hours_of_week(&self) -> Vec<usize> {
        let time_zone = zone(&self.zone).unwrap_or(TimeZone::UTC);
        let place = |bucket: &Bucket| {
            let begin = Timestamp::from_millisecond(bucket.from_ms).unwrap_or_default().to_zoned(time_zone.clone());
            begin.weekday().to_monday_zero_offset() as usize * 24 + begin.hour() as usize
        };
        self.buckets.iter().map(place).collect()
    }

    /// The period before this one, over the part of it that has elapsed at `now_ms`: the same length just before, or
    /// the same number of local days when this one begins at local midnight and lasts a day or more.
    pub fn former(&self, now_ms: i64) -> Result<Range, AxisError> {
        let (from, to) = (self.from_ms() / 1000, self.to_ms() / 1000);
        let days = (to - from + 43_200) / 86_400;
        let steps = Steps { step: Step::Day, time_zone: zone(&self.zone)? };
        let is_calendar = days > 0 && steps.floor(from)? == from && steps.floor(to)? == to;
        let former = if is_calendar {
            let earlier = steps.zoned(from)?.checked_sub(days.days()).map_err(|_| AxisError::Range)?;
            earlier.timestamp().as_second()
        } else {
            from - (to - from)
        };
        let now = now_ms.div_euclid(1000);
        let finest = if former >= now - MINUTES_KEPT_S { Level::Minute } else { Level::Quarter };
        let former = finest.floor(former.max(0));
        // A period that is over is compared with the whole of the former one, however long its days were.
        let end = if to > now { finest.ceil(former + now + 1 - from).min(from) } else { from };
        Ok(Range { from_s: former, to_s: end, finest })
    }
}

/// A stretch of time that sums can be cut at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub(super) from_s: i64,
    pub(super) to_s: i64,
    pub(super) finest: Level,
}

impl Range {
    /// The quarters of an hour from the one that holds `from_ms` to the one that holds `to_ms` (unix milliseconds), which
    /// are kept for good.
    pub fn of_quarters(from_ms: i64, to_ms: i64) -> Self {
        let finest = Level::Quarter;
        let quarter = |ms: i64| finest.floor(ms.div_euclid(1000));
        Range { from_s: quarter(from_ms), to_s: quarter(to_ms) + 900, finest }
    }

    /// Unix milliseconds at which it begins.
    pub fn from_ms(self) -> i64 {
        self.from_s * 1000
    }

    /// Unix milliseconds at which it ends, exclusive.
    pub fn to_ms(self) -> i64 {
        self.to_s * 1000
    }
}

/// The local day that holds a time, or the one so many days before, in unix milliseconds: from, and to, exclusive.
pub fn local_day(zone_name: &str, unix_ms: i64, days_before: i32) -> Result<(i64, i64), AxisError> {
    let steps = Steps { step: Step::Day, time_zone: zone(zone_name)? };
    let day = steps.zoned(unix_ms.div_euclid(1000))?.checked_sub(days_before.days()).map_err(|_| AxisError::Range)?;
    let second = day.timestamp().as_second();
    Ok((steps.midnight(second)? * 1000, steps.next_midnight(second)? * 1000))
}

fn zone(name: &str) -> Result<TimeZone, AxisError> {
    TimeZone::get(name).map_err(|_| AxisError::UnknownZone(name.to_owned()))
}

fn ceil_second(ms: i64) -> i64 {
    ms.div_euclid(1000) + i64::from(ms.rem_euclid(1000) > 0)
}

fn chosen_step(length_ms: i64, has_minutes: bool) -> Step {
    const HOUR_MS: i64 = 3_600_000;
    match length_ms {
        ..=5_400_000 if has_minutes => Step::Minute,
        ..=25_200_000 if has_minutes => Step::FiveMinutes,
        _ if length_ms <= 36 * HOUR_MS => Step::Quarter,
        _ if length_ms <= 8 * 24 * HOUR_MS => Step::Hour,
        _ => Step::Day,
    }
}

/// Where steps begin.
struct Steps {
    step: Step,
    time_zone: TimeZone,
}

impl Steps {
    /// Where the step of a unix second begins.
    fn floor(&self, second: i64) -> Result<i64, AxisError> {
        match self.step {
            Step::Minute => Ok(Level::Minute.floor(second)),
            Step::FiveMinutes => Ok(second - second.rem_euclid(300)),
            Step::Quarter => Ok(Level::Quarter.floor(second)),
            Step::Hour => {
                let midnight = self.midnight(second)?;
                Ok(midnight + Level::Hour.floor(second - midnight))
            }
            Step::Day => self.midnight(second),
        }
    }

    /// Where the step after the one that begins at a unix second begins.
    fn next(&self, begin: i64) -> Result<i64, AxisError> {
        match self.step {
            Step::Minute => Ok(begin + 60),
            Step::FiveMinutes => Ok(begin + 300),
            Step::Quarter => Ok(begin + 900),
            Step::Hour => Ok((begin + 3600).min(self.next_midnight(begin)?)),
            Step::Day => self.next_midnight(begin),
        }
    }

    /// Local midnights that are no quarters (zones of the 19th century) are moved back to one: sums cannot be cut finer.
    fn midnight(&self, second: i64) -> Result<i64, AxisError> {
        let midnight = self.zoned(second)?.start_of_day().map_err(|_| AxisError::Range)?;
        Ok(Level::Quarter.floor(midnight.timestamp().as_second()))
    }

    fn next_midnight(&self, second: i64) -> Result<i64, AxisError> {
        let tomorrow = self.zoned(second)?.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
        let midnight = tomorrow.map_err(|_| AxisError::Range)?;
        Ok(Level::Quarter.floor(midnight.timestamp().as_second()))
    }

    fn zoned(&self, second: i64) -> Result<Zoned, AxisError> {
        Ok(Timestamp::from_second(second).map_err(|_| AxisError::Range)?.to_zoned(self.time_zone.clone()))
    }
}
