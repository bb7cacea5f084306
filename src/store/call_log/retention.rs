//! What leaves the log: days that are too old or too many, and single calls that somebody wants gone. Sums stay.

use super::CallLogWriter;
use crate::domain::CallId;
use crate::store::connection::DatabaseError;
use crate::store::segments::{Day, exists, remove_database};

/// A day is closed an hour after its end, when its long calls have ended; a later entry opens it again.
const CLOSED_AFTER_MS: i64 = 3_600_000;

/// How long calls are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days for which records are kept, 1 or more; today counts.
    pub record_days: u32,
    /// Days for which bodies are kept, 1 or more.
    pub body_days: u32,
    /// Most bytes that records and bodies may take; `None` is no limit. What belongs to today stays.
    pub bytes: Option<u64>,
}

impl CallLogWriter {
    /// Removes what is beyond its retention, closes days that are over, and removes old minutes of the rollups. The
    /// answer is the days whose records were removed.
    ///
    /// A log that takes too much loses the oldest bodies first, then the oldest records.
    pub fn maintain(&mut self, retention: Retention, now_ms: i64) -> Result<Vec<Day>, DatabaseError> {
        let today = Day::at(now_ms);
        let over: Vec<Day> = self.open.iter().map(|segment| segment.writer.day()).collect();
        for day in over.into_iter().filter(|day| day.end_ms() + CLOSED_AFTER_MS < now_ms) {
            self.close_day(day, now_ms)?;
        }
        let mut removed = self.remove_old(retention, today, now_ms)?;
        if let Some(bytes) = retention.bytes {
            removed.extend(self.remove_most(bytes, today, now_ms)?);
        }
        self.rollups.remove_old_minutes(now_ms)?;
        Ok(removed)
    }

    /// Removes calls of one day with all that belongs to them, for good. Statistics keep them. The answer is how many of
    /// them there were.
    pub fn remove(&mut self, day: Day, calls: &[CallId], now_ms: i64) -> Result<usize, DatabaseError> {
        if !exists(&self.folder.calls(day)) {
            return Ok(0);
        }
        self.segment(day, now_ms)?;
        // Whatever the sums have not written yet could not be counted again after a crash.
        self.rollups.commit(now_ms)?;
        self.rollups.set_thinned(day)?;
        let segment = self.segment(day, now_ms)?;
        let removed = segment.remove(calls)?;
        if day < Day::at(now_ms) && segment.is_empty()? {
            self.remove_day(day, now_ms)?;
        }
        Ok(removed)
    }

    fn remove_old(&mut self, retention: Retention, today: Day, now_ms: i64) -> Result<Vec<Day>, DatabaseError> {
        let oldest = |days: u32| today.minus(days.max(1) - 1);
        let oldest_body = oldest(retention.body_days.min(retention.record_days));
        for day in self.folder.days_with_bodies().map_err(self.folder_failed())? {
            if day < oldest_body {
                self.remove_bodies(day)?;
            }
        }
        let oldest_record = oldest(retention.record_days);
        let mut removed = self.folder.days().map_err(self.folder_failed())?;
        removed.retain(|day| *day < oldest_record);
        for day in &removed {
            self.remove_day(*day, now_ms)?;
        }
        Ok(removed)
    }

    /// Removes the oldest until all of it takes no more than so many bytes.
    fn remove_most(&mut self, most: u64, today: Day, now_ms: i64) -> Result<Vec<Day>, DatabaseError> {
        let files = self.folder.sizes().map_err(self.folder_failed())?;
        let mut bytes: u64 = files.iter().map(|files| files.calls_bytes + files.bodies_bytes).sum();
        let past = || files.iter().filter(|files| files.day < today);
        for files in past().filter(|files| files.bodies_bytes > 0) {
            if bytes <= most {
                break;
            }
            self.remove_bodies(files.day)?;
            bytes -= files.bodies_bytes;
        }
        let mut removed = Vec::new();
        for files in past() {
            if bytes <= most {
                break;
            }
            self.remove_day(files.day, now_ms)?;
            bytes -= files.calls_bytes;
            removed.push(files.day);
        }
        Ok(removed)
    }

    fn remove_day(&mut self, day: Day, now_ms: i64) -> Result<(), DatabaseError> {
        self.remove_bodies(day)?;
        self.close_day(day, now_ms)?;
        let path = self.folder.calls(day);
        remove_database(&path).map_err(|source| DatabaseError::Open { path, source })?;
        self.rollups.forget(day)
    }

    fn remove_bodies(&mut self, day: Day) -> Result<(), DatabaseError> {
        if let Some(segment) = self.open.iter_mut().find(|segment| segment.writer.day() == day) {
            segment.writer.close_bodies();
        }
        remove_database(&self.folder.bodies(day)).map_err(self.folder_failed())
    }

    fn folder_failed(&self) -> impl Fn(std::io::Error) -> DatabaseError + use<> {
        let path = self.folder.path().to_owned();
        move |source| DatabaseError::Open { path: path.clone(), source }
    }
}
