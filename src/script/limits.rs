//! How much a script may use.

use serde::{Deserialize, Serialize};

/// Limits of scripts. A hook that passes one of them is stopped and counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptLimits {
    /// Steps that one run of a hook may take.
    pub operations: u64,
    /// Milliseconds that one run of a hook may take.
    pub wall_ms: u64,
    /// Milliseconds that a whole load may take: top-level statements, `on_load` and each `test_*` separately.
    pub load_ms: u64,
    /// Bytes in one string.
    pub string_bytes: usize,
    /// Elements in one array, those of nested arrays included.
    pub array_len: usize,
    /// Members in one map, those of nested maps included.
    pub map_len: usize,
    /// Functions that call each other, counted from the hook.
    pub call_depth: usize,
    /// Values of one body that a script may look at.
    pub body_values: usize,
    /// Entries in the store behind `kv_get` and its like.
    pub kv_entries: usize,
    /// Bytes of all keys and values in that store.
    pub kv_bytes: usize,
    /// Lines that all scripts together may log in a second.
    pub log_lines: u32,
    /// Failures in a row after which a hook is left out until the next reload.
    pub quarantine: u32,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits {
            operations: 200_000,
            wall_ms: 25,
            load_ms: 2_000,
            string_bytes: 2 * 1024 * 1024,
            array_len: 10_000,
            map_len: 10_000,
            call_depth: 24,
            body_values: 200_000,
            kv_entries: 10_000,
            kv_bytes: 16 * 1024 * 1024,
            log_lines: 50,
            quarantine: 20,
        }
    }
}

/// Longest source of one file, in bytes.
pub(super) const SOURCE_BYTES: u64 = 1024 * 1024;
/// Most files in a folder.
pub(super) const SOURCE_FILES: usize = 200;
