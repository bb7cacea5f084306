//! What the control plane remembers about people while it runs.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::passwords::Passwords;
use super::throttle::Throttle;
use crate::domain::AdminTokenId;

/// What the control plane remembers about people while it runs: failed attempts, and what was noted last.
#[derive(Debug, Default)]
pub struct People {
    /// Where everything lies, such as `/kw`; empty is the root.
    pub(super) base_path: String,
    pub(super) passwords: Passwords,
    pub(super) throttle: Throttle,
    /// When the last use of an admin token was noted, in UTC unix milliseconds.
    pub(super) tokens_noted: Mutex<HashMap<AdminTokenId, i64>>,
    /// Told of each write of the admin API: it may have ended somebody's right to read on.
    pub(super) writes: watch::Sender<()>,
}

impl People {
    /// Knows nobody yet. `base_path` is the sub-path in front of every path, such as `/kw`; empty is none.
    pub fn new(base_path: &str) -> Self {
        People { base_path: base_path.to_owned(), ..People::default() }
    }
}
