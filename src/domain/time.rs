//! One reading of the clocks, passed in wherever a rule depends on time.

/// A point in time on two clocks.
///
/// Rules that wait (cooldowns, windows, breakers) count on `mono_ms`, so a wall clock that jumps changes nothing;
/// what is stored or shown uses `unix_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the process started; never goes back.
    pub mono_ms: u64,
    /// UTC unix milliseconds by the wall clock.
    pub unix_ms: i64,
}

impl Moment {
    /// The wall-clock time at which the monotonic clock will show `mono_ms`, as far as this reading can tell.
    pub fn unix_at(self, mono_ms: u64) -> i64 {
        self.unix_ms + mono_ms as i64 - self.mono_ms as i64
    }

    /// The monotonic time of a wall-clock time; a time in the past is now.
    pub fn mono_at(self, unix_ms: i64) -> u64 {
        self.mono_ms + unix_ms.saturating_sub(self.unix_ms).max(0) as u64
    }

    /// This moment moved forward by `ms` milliseconds on both clocks.
    pub fn plus_ms(self, ms: u64) -> Self {
        Moment { mono_ms: self.mono_ms + ms, unix_ms: self.unix_ms + ms as i64 }
    }
}
