//! The catalog, the rollups and the daily segments.
//!
//! The only room that names `rusqlite`: no SQL anywhere else. Owns files, migrations, sealing of secrets, and the threads of the connections.
