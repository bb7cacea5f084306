//! Segments: the call log, one SQLite file for each UTC day, and one more for the bodies of that day.
//!
//! Retention unlinks files. A call's id says which file holds it. Owns rows, names, lists and the removal of days; knows
//! nothing of sums.

mod attempt;
mod bodies;
mod body_text;
mod columns;
mod count;
mod day;
mod entry;
mod files;
mod filter;
mod list;
mod names;
mod reader;
mod remove;
mod row;
mod span;
mod summary;
mod writer;

pub use body_text::{BodyText, BodyTextError};
pub use count::{CallCounts, CountLimits, OutcomeCounts};
pub use day::Day;
pub use entry::{Amended, Amendment, LogEntry};
pub use files::SegmentFiles;
pub use filter::CallFilter;
pub use list::{CallCursor, CallOrder, CallPage, CallQuery};
pub use summary::CallSummary;

pub(super) use count::count;
pub(super) use entry::Written;
pub(super) use files::{Folder, bytes_of, remove_database};
pub(super) use list::list;
pub(super) use reader::SegmentReaders;
pub(super) use writer::{Change, Mark, SegmentWriter, exists};

use super::connection::Schema;

/// The folder of the days in the data folder.
pub(super) const CALLS_FOLDER: &str = "calls";

pub(super) const CALLS: Schema = Schema {
    name: "call log",
    application_id: 0x4b57_434c, // "KWCL"
    migrations: &[
        include_str!("../../../db/migrations/segment/0001_calls.sql"),
        include_str!("../../../db/migrations/segment/0002_script_notes.sql"),
        include_str!("../../../db/migrations/segment/0003_headers.sql"),
        include_str!("../../../db/migrations/segment/0004_estimated_tokens.sql"),
    ],
};

pub(super) const BODIES: Schema = Schema {
    name: "call bodies",
    application_id: 0x4b57_4342, // "KWCB"
    migrations: &[include_str!("../../../db/migrations/bodies/0001_bodies.sql")],
};
