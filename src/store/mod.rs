//! The catalog, the rollups and the daily segments.
//!
//! The only room that names `rusqlite`: no SQL anywhere else. Owns files, migrations, sealing of secrets, and the threads of the connections.

mod catalog;
#[allow(dead_code, reason = "the segments, which use the rest of it, come next")]
mod connection;
mod sealing;

pub use catalog::{
    Actor, AuditEntry, AuditFilter, Catalog, Edit, FileValues, Noun, ObjectOwners, SavedState, Store, StoreError, Stored,
    SyncOutcome, SyncedModel,
};
pub use connection::DatabaseError;
pub use sealing::{MasterKeyError, MasterKeySource};
