//! The stretch of time that a question is about.

use super::error::ApiError;
use crate::domain::from_rfc3339;
use crate::store::{AxisError, local_day};

const DAY_MS: i64 = 86_400_000;
/// The time zone, where the caller does not say.
pub(super) const UTC: &str = "UTC";

/// A stretch of time as the query names it.
pub(super) struct Period {
    pub(super) range: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl Period {
    /// Where it begins and ends, in unix milliseconds; `None` is open. `from` and `to` beat `range`.
    pub(super) fn read(&self, zone: &str, now_ms: i64) -> Result<(Option<i64>, Option<i64>), ApiError> {
        let (mut from, mut to) = match self.range.as_deref() {
            None => (None, None),
            Some(name) => {
                let (from, to) = named(name, zone, now_ms)?;
                (Some(from), Some(to))
            }
        };
        if let Some(text) = &self.from {
            from = Some(time("from", text)?);
        }
        if let Some(text) = &self.to {
            to = Some(time("to", text)?);
        }
        Ok((from, to))
    }
}

/// `today`, `yesterday`, or a number of minutes, hours or days up to now, such as `15m`, `24h` or `7d`.
fn named(name: &str, zone: &str, now_ms: i64) -> Result<(i64, i64), ApiError> {
    let day = |days_before| local_day(zone, now_ms, days_before).map_err(ApiError::from);
    match name {
        "today" => return day(0),
        "yesterday" => return day(1),
        _ => {}
    }
    let unit_ms = match name.chars().last() {
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => DAY_MS,
        _ => 0,
    };
    let count = name.get(..name.len().saturating_sub(1)).and_then(|count| count.parse::<u16>().ok());
    match count {
        Some(count @ 1..=9_999) if unit_ms > 0 => Ok((now_ms - i64::from(count) * unit_ms, now_ms)),
        _ => Err(ApiError::invalid("range", "range must be today, yesterday, or like 15m, 24h or 7d")),
    }
}

fn time(field: &'static str, text: &str) -> Result<i64, ApiError> {
    from_rfc3339(text).ok_or_else(|| ApiError::invalid(field, format!("{field} must be a time such as 2026-11-25T10:00:00Z")))
}

impl From<AxisError> for ApiError {
    fn from(error: AxisError) -> Self {
        let field = match error {
            AxisError::UnknownZone(_) => "zone",
            AxisError::Range => "to",
            AxisError::TooShort | AxisError::TooLong | AxisError::TooOld => "step",
        };
        ApiError::invalid(field, error.to_string())
    }
}
