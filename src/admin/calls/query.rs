//! Reading the filters of a list of calls.

use crate::admin::error::ApiError;
use crate::domain::{CallId, Nanodollars};
use crate::store::CallCursor;

/// The least and the greatest status that `429`, `4xx` or `400-499` stand for.
pub(super) fn status(text: &str) -> Result<(u16, u16), ApiError> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    let range = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(class), _) => number(&format!("{class}00")).map(|least| (least, least + 99)),
        (None, Some((least, greatest))) => number(least).zip(number(greatest)),
        (None, None) => number(text).map(|status| (status, status)),
    };
    range.ok_or_else(|| ApiError::invalid("status", "status must be like 429, 4xx or 400-499"))
}

/// An amount of dollars.
pub(super) fn dollars(field: &'static str, dollars: f64) -> Result<Nanodollars, ApiError> {
    if (0.0..=1e9).contains(&dollars) {
        Ok(Nanodollars::from_dollars(dollars))
    } else {
        Err(ApiError::invalid(field, format!("{field} must be 0 to 1,000,000,000 dollars")))
    }
}

/// Milliseconds as microseconds.
pub(super) fn microseconds(field: &'static str, ms: f64) -> Result<u64, ApiError> {
    if (0.0..=1e12).contains(&ms) {
        Ok((ms * 1e3) as u64)
    } else {
        Err(ApiError::invalid(field, format!("{field} must be 0 to 1,000,000,000,000")))
    }
}

/// Before the id in the cursor of a page before.
const BEFORE: &str = "before-";

/// A cursor as [`write_cursor`] writes it.
pub(super) fn cursor(text: &str) -> Result<CallCursor, ApiError> {
    match text.strip_prefix(BEFORE) {
        Some(id) => call_id("cursor", id).map(CallCursor::Before),
        None => call_id("cursor", text).map(CallCursor::After),
    }
}

/// A cursor as the API shows it.
pub(super) fn write_cursor(cursor: CallCursor) -> String {
    match cursor {
        CallCursor::After(id) => id.to_string(),
        CallCursor::Before(id) => format!("{BEFORE}{id}"),
    }
}

/// A call's id in the field `field`.
pub(super) fn call_id(field: &'static str, text: &str) -> Result<CallId, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(field, format!("{field} must be the id of a call")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, expected) in [
            ("429", Some((429, 429))),
            ("4xx", Some((400, 499))),
            ("500-504", Some((500, 504))),
            ("", None),
            ("9xx", None),
            ("4x", None),
            ("-1", None),
            ("600", None),
            ("400-", None),
        ] {
            assert_eq!(status(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn amounts_and_times() {
        assert_eq!(dollars("min_cost_usd", 0.25), Ok(Nanodollars(250_000_000)));
        assert_eq!(microseconds("min_duration_ms", 1.5), Ok(1_500));
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(dollars("max_cost_usd", wrong).unwrap_err().field.as_deref(), Some("max_cost_usd"));
            assert_eq!(microseconds("max_duration_ms", wrong).unwrap_err().field.as_deref(), Some("max_duration_ms"));
        }
    }
}
