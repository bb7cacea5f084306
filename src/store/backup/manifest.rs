//! What an archive says of itself.

use serde::{Deserialize, Serialize};

/// The last entry of an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of the archive.
    pub format: u32,
    /// The version of Keywheel that wrote it.
    pub keywheel: String,
    /// When it was begun, RFC 3339.
    pub made_at: String,
    /// Whether the master key is inside.
    pub master_key: bool,
    /// How many secrets open only with the master key.
    pub secrets: u64,
    /// What is inside.
    pub counts: BackupCounts,
    /// Databases that could not be copied, each with the reason.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Every other entry.
    pub(super) files: Vec<FileEntry>,
}

/// How much of what an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupCounts {
    /// Providers.
    pub providers: u64,
    /// Keys.
    pub keys: u64,
    /// Model routes.
    pub models: u64,
    /// Clients.
    pub clients: u64,
    /// Users.
    pub users: u64,
    /// Conversations.
    pub chats: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// Days of the call log.
    pub days: u64,
    /// Recorded calls.
    pub calls: u64,
    /// Scripts.
    pub scripts: u64,
}

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Its name.
    pub(super) name: String,
    /// Its length.
    pub(super) bytes: u64,
    /// SHA-256 of its bytes in hexadecimal digits.
    pub(super) sha256: String,
}
