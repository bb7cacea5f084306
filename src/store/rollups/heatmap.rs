//! When in the week calls come: the hours of a range, by weekday and hour of day in somebody's time zone.

use rusqlite::Connection;

use super::axis::Axis;
use super::dimension::Dimension;
use super::reader::{pieces_of, visit};
use super::sums::Sums;
use crate::store::connection::DatabaseError;

/// Hours of a week.
const HOURS: usize = 7 * 24;

/// One hour of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourOfWeek {
    /// From 1, Monday, to 7, Sunday.
    pub weekday: u8,
    /// The hour of the day, 0 to 23.
    pub hour: u8,
    /// How often it lies in the range, the running hour included. The night of a clock change has an hour twice, or lacks one.
    pub times: u32,
    /// What was summed in it, without the histograms.
    pub sums: Sums,
}

/// The sums of an axis of hours by hour of the week: 168 of them, from Monday at 0.
pub(in crate::store) fn heatmap(connection: &Connection, axis: &Axis) -> Result<Vec<HourOfWeek>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let hour_of_week =
        |at: usize| HourOfWeek { weekday: (at / 24 + 1) as u8, hour: (at % 24) as u8, times: 0, sums: Sums::default() };
    let mut hours: Vec<HourOfWeek> = (0..HOURS).map(hour_of_week).collect();
    let places = axis.hours_of_week();
    places.iter().for_each(|place| hours[*place].times += 1);
    for piece in pieces_of(axis) {
        visit(&snapshot, Dimension::Total, piece, |second, _, packed| {
            let bucket = axis.buckets.partition_point(|bucket| bucket.to_ms <= second * 1000);
            hours[*places.get(bucket)?].sums.add_packed_fields(packed).map(drop)
        })?;
    }
    Ok(hours)
}
