//! The call log: daily segments and their rollups, behind one read handle and one write handle.

mod histogram;
mod retention;

use std::path::Path;
use std::sync::Arc;

use super::connection::{DatabaseError, Workers, open_reader};
pub use retention::Retention;

use super::rollups::{
    self, Applied, Axis, Dimension, HourOfWeek, MemberSums, ROLLUPS, ROLLUPS_FILE, Range, Rank, RollupWriter, Series,
};
use super::segments::{self, Amended, CallPage, CallQuery, Day, Folder, LogEntry, SegmentFiles, Written};
use super::segments::{CALLS_FOLDER, SegmentReaders, SegmentWriter, bytes_of, exists};
use crate::domain::{CallId, CallRecord};

/// Threads that read segments; a slow walk over one leaves the other free.
const SEGMENT_READERS: usize = 2;
/// Threads that read rollups.
const ROLLUP_READERS: usize = 2;
/// Work that may wait for each of them.
const READ_QUEUE: usize = 256;
/// Segments that are open for writing at once: today, yesterday while its last calls end, and one for late usage.
const MOST_OPEN: usize = 3;
/// Changes that are counted in memory before they are written.
const COUNTED_AT_ONCE: usize = 50_000;

/// Reads the call log and its statistics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallLog {
    folder: Folder,
    rollups_path: Arc<Path>,
    segments: Arc<Workers<SegmentReaders>>,
    rollups: Arc<Workers<rusqlite::Connection>>,
}

/// Writes the call log; one thread owns it.
#[derive(Debug)]
pub struct CallLogWriter {
    folder: Folder,
    /// The latest used last.
    open: Vec<OpenSegment>,
    rollups: RollupWriter,
    /// Days of which the rollups may lack something, the oldest last.
    lacking: Vec<Day>,
}

#[derive(Debug)]
struct OpenSegment {
    writer: SegmentWriter,
    /// The rollups know, for good, that it may be written.
    is_announced: bool,
}

/// What the log takes on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// The segments, oldest first.
    pub segments: Vec<SegmentFiles>,
    /// Bytes of the rollups, write-ahead log included.
    pub rollups_bytes: u64,
    /// Bytes that are free for Keywheel on that disk; `None` where the system does not say.
    pub disk_free_bytes: Option<u64>,
}

/// Opens the call log in a data folder: segments in `calls/`, rollups in `rollups.db`.
///
/// A segment that cannot be used stands in nobody's way: the error comes when somebody asks for its day.
pub fn open_call_log(data: &Path) -> Result<(CallLog, CallLogWriter), DatabaseError> {
    let in_folder = |source| DatabaseError::Open { path: data.join(CALLS_FOLDER), source };
    let folder = Folder::create(data.join(CALLS_FOLDER)).map_err(in_folder)?;
    let rollups_path = data.join(ROLLUPS_FILE);
    let rollups = RollupWriter::open(&rollups_path)?;
    let mut lacking = Vec::new();
    for day in folder.days().map_err(in_folder)? {
        if rollups.may_lack(day)? {
            lacking.push(day);
        }
    }
    lacking.reverse();
    let readers = (0..SEGMENT_READERS).map(|_| SegmentReaders::new(folder.clone())).collect();
    let rollup_readers = (0..ROLLUP_READERS).map(|_| open_reader(&rollups_path, &ROLLUPS)).collect::<Result<_, _>>()?;
    let log = CallLog {
        folder: folder.clone(),
        rollups_path: rollups_path.into(),
        segments: Arc::new(Workers::start("calls-read", readers, READ_QUEUE)?),
        rollups: Arc::new(Workers::start("rollups-read", rollup_readers, READ_QUEUE)?),
    };
    Ok((log, CallLogWriter { folder, open: Vec::new(), rollups, lacking }))
}

impl CallLog {
    /// One page of a list. A segment that cannot be read is named in the page, and the others are listed.
    pub async fn list(&self, query: CallQuery) -> Result<CallPage, DatabaseError> {
        self.segments.call(move |readers| segments::list(readers, &query)).await
    }

    /// A call with its attempts, and its bodies where they are kept.
    pub async fn get(&self, id: CallId) -> Result<Option<CallRecord>, DatabaseError> {
        self.segments.call(move |readers| readers.get(id)).await
    }

    /// The sums of every member of a dimension in a stretch of time, the greatest first.
    pub async fn totals(&self, dimension: Dimension, range: Range, rank: Rank) -> Result<Vec<MemberSums>, DatabaseError> {
        self.rollups.call(move |connection| rollups::totals(connection, dimension, range, rank)).await
    }

    /// The sums of every client over all time, in no order. It takes as long however old the log is.
    pub async fn client_totals_ever(&self) -> Result<Vec<MemberSums>, DatabaseError> {
        self.rollups.call(|connection| rollups::client_totals_ever(connection)).await
    }

    /// The series of the `top` greatest members of a dimension, and of all others together.
    pub async fn series(&self, dimension: Dimension, axis: Axis, rank: Rank, top: usize) -> Result<Vec<Series>, DatabaseError> {
        self.rollups.call(move |connection| rollups::series(connection, dimension, &axis, rank, top)).await
    }

    /// The sums of an axis of hours by hour of the week: 168 of them, from Monday at 0.
    pub async fn heatmap(&self, axis: Axis) -> Result<Vec<HourOfWeek>, DatabaseError> {
        self.rollups.call(move |connection| rollups::heatmap(connection, &axis)).await
    }

    /// What the log takes on the disk.
    pub async fn size(&self) -> Result<LogSize, DatabaseError> {
        let (folder, rollups_path) = (self.folder.clone(), self.rollups_path.clone());
        let measure = move |_: &mut SegmentReaders| {
            let failed = |source| DatabaseError::Open { path: folder.path().to_owned(), source };
            Ok(LogSize {
                segments: folder.sizes().map_err(failed)?,
                rollups_bytes: bytes_of(&rollups_path),
                disk_free_bytes: rustix::fs::statvfs(folder.path()).ok().map(|disk| disk.f_bavail * disk.f_frsize),
            })
        };
        self.segments.call(measure).await
    }
}

impl CallLogWriter {
    /// Writes entries of one day, and adds them to the rollups in memory. On an error nothing of them is written. The
    /// answer says what became of each amendment, in their order.
    ///
    /// Writing the same call again changes nothing.
    pub fn write(&mut self, day: Day, entries: &[LogEntry], now_ms: i64) -> Result<Vec<Amended>, DatabaseError> {
        debug_assert!(entries.iter().all(|entry| entry.day() == day));
        let has_calls = entries.iter().any(|entry| matches!(entry, LogEntry::Call(_)));
        if !has_calls && !exists(&self.folder.calls(day)) {
            return Ok(entries.iter().map(|_| Amended::NotFound).collect());
        }
        let segment = self.segment(day, now_ms)?;
        let written = segment.write(entries)?;
        let applied = Applied { identity: segment.identity().to_owned(), mark: segment.last(), open: true };
        let mut amended = Vec::new();
        for (entry, written) in entries.iter().zip(written) {
            match (entry, written) {
                (LogEntry::Call(record), Written::Added) => self.rollups.add(record),
                (LogEntry::Amend(amendment), Written::Amended(before)) => {
                    let now = CallRecord { usage: amendment.usage.clone(), cost: amendment.cost, ..(*before).clone() };
                    self.rollups.amend(&before, &now);
                    amended.push(Amended::Applied);
                }
                (_, Written::NotAmended(why)) => amended.push(why),
                (_, Written::Added | Written::AlreadyThere | Written::Amended(_)) => {}
            }
        }
        self.rollups.set_applied(day, applied);
        Ok(amended)
    }

    /// Writes the rollups that wait in memory. On an error they go on waiting.
    pub fn commit_rollups(&mut self, now_ms: i64) -> Result<(), DatabaseError> {
        self.rollups.commit(now_ms)
    }

    /// Whether rollups wait in memory.
    pub fn has_pending_rollups(&self) -> bool {
        self.rollups.is_pending()
    }

    /// Counts what the rollups lack of one day after a crash or a restored backup. `false`: they lack nothing any more.
    pub fn catch_up(&mut self, now_ms: i64) -> Result<bool, DatabaseError> {
        let Some(day) = self.lacking.pop() else { return Ok(false) };
        self.segment(day, now_ms)?;
        if day < Day::at(now_ms) {
            self.close_day(day, now_ms)?;
        }
        Ok(true)
    }

    /// Forgets the state of the open segments, after a panic; they are opened and counted anew when they are needed.
    pub fn reopen(&mut self) {
        self.open.clear();
    }

    /// Writes all that waits and closes every file.
    pub fn close(mut self, now_ms: i64) -> Result<(), DatabaseError> {
        while let Some(segment) = self.open.last() {
            self.close_day(segment.writer.day(), now_ms)?;
        }
        self.rollups.commit(now_ms)?;
        self.rollups.checkpoint()
    }

    /// Makes a day's disk seem full: its file may grow by so many pages only.
    #[cfg(test)]
    fn limit_pages(&mut self, day: Day, more: u32) {
        self.segment(day, 0).and_then(|segment| segment.limit_pages(more)).unwrap();
    }

    fn segment(&mut self, day: Day, now_ms: i64) -> Result<&mut SegmentWriter, DatabaseError> {
        if let Some(at) = self.open.iter().position(|segment| segment.writer.day() == day) {
            self.open[at..].rotate_left(1);
        } else {
            if self.open.len() >= MOST_OPEN {
                self.close_day(self.open[0].writer.day(), now_ms)?;
            }
            let writer = self.open_and_count(day, now_ms)?;
            self.open.push(OpenSegment { writer, is_announced: false });
        }
        let last = self.open.len() - 1;
        if !self.open[last].is_announced {
            self.rollups.commit(now_ms)?;
            self.open[last].is_announced = true;
        }
        Ok(&mut self.open[last].writer)
    }

    /// Opens a segment and counts what the rollups lack of it.
    fn open_and_count(&mut self, day: Day, now_ms: i64) -> Result<SegmentWriter, DatabaseError> {
        let writer = SegmentWriter::open(&self.folder, day)?;
        let applied = |mark| Applied { identity: writer.identity().to_owned(), mark, open: true };
        // A power failure may have taken the end of the segment, but not of the rollups.
        let mark = self.rollups.mark(day, writer.identity())?.at_most(writer.last());
        let rollups = &mut self.rollups;
        rollups.set_applied(day, applied(mark));
        let mut uncommitted = 0;
        writer.changes_since(mark, |mark, change| {
            rollups.catch_up(&change);
            rollups.set_applied(day, applied(mark));
            uncommitted += 1;
            if uncommitted == COUNTED_AT_ONCE {
                uncommitted = 0;
                rollups.commit(now_ms)?;
            }
            Ok(())
        })?;
        rollups.set_applied(day, applied(writer.last()));
        Ok(writer)
    }

    fn close_day(&mut self, day: Day, now_ms: i64) -> Result<(), DatabaseError> {
        let Some(at) = self.open.iter().position(|segment| segment.writer.day() == day) else { return Ok(()) };
        let OpenSegment { writer, .. } = self.open.remove(at);
        let applied = Applied { identity: writer.identity().to_owned(), mark: writer.last(), open: false };
        self.rollups.set_applied(day, applied);
        self.rollups.commit(now_ms)?;
        writer.close()
    }
}

#[cfg(test)]
mod tests;
