//! How the simulated provider answers when nothing else is said.

use std::time::Duration;

/// Settings of a simulated provider.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tokens of an answer, which is also the number of content events of a stream; `None`: 24 to 71 by the request.
    pub answer_tokens: Option<usize>,
    /// Pause between two events of a stream.
    pub event_pause: Duration,
    /// Wait before every head.
    pub first_byte: Duration,
    /// Wait before the head, for keys and models that are slow to begin (`slowfirst`).
    pub slow_first_byte: Duration,
    /// Pause between two events for slow keys and models (`slow`).
    pub slow_event_pause: Duration,
    /// How often a background response is looked at before it is complete.
    pub background_polls: u32,
    /// Whether requests are remembered and scripts asked; for tests only, since it grows.
    pub record: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            answer_tokens: None,
            event_pause: Duration::ZERO,
            first_byte: Duration::ZERO,
            slow_first_byte: Duration::from_secs(20),
            slow_event_pause: Duration::from_millis(120),
            background_polls: 5,
            record: false,
        }
    }
}
