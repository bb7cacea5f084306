//! The catalog, the rollups and the daily segments.
//!
//! The only room that names `rusqlite`: no SQL anywhere else. Owns files, migrations, sealing of secrets, backups, and the
//! threads of the connections.

mod backup;
mod call_log;
mod catalog;
mod connection;
mod foreign;
mod rollups;
mod sample;
mod sealing;
mod segments;

pub use backup::{BackupCounts, BackupError, BackupPlan, Manifest, Unpacked, back_up, holds_data, set_aside, unpack};
pub use call_log::{CallLog, CallLogWriter, LogSize, Retention, open_call_log};
pub use catalog::{
    Acceptance, Actor, AlertsSoFar, AuditEntry, AuditFilter, Catalog, ChatCursor, ChatPage, ChatQuery, Edit, FileValues,
    KeyCheck, Link, LinkPurpose, ModelDiff, ModelDifference, ModelLists, NewImage, NewTurn, Noun, ObjectOwners, SavedState,
    ScriptTexts, ScriptVersion, Session, Store, StoreError, Stored, SyncOutcome, SyncedModel, Turn,
};
pub use connection::DatabaseError;
pub use foreign::{is_database, read_foreign_tables};
pub use rollups::{
    Axis, AxisError, Bucket, Dimension, Histogram, HourOfWeek, MemberName, MemberSums, Range, Rank, Series, Step, Sums,
    local_day,
};
pub use sample::{SampleHistory, SampleKey, SampleModel};
pub use sealing::{MasterKeyError, MasterKeySource};
pub use segments::{
    Amended, Amendment, BodyText, BodyTextError, CallCounts, CallCursor, CallFilter, CallOrder, CallPage, CallQuery,
    CallSummary, CountLimits, Day, LogEntry, OutcomeCounts, SegmentFiles,
};
