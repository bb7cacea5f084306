//! The catalog, the rollups and the daily segments.
//!
//! The only room that names `rusqlite`: no SQL anywhere else. Owns files, migrations, sealing of secrets, and the threads of the connections.

#[allow(dead_code, reason = "the catalog and the segments, which stand on it, come next")]
mod connection;

pub use connection::DatabaseError;
