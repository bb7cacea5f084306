//! The clock and the source of randomness: the only places that ask the machine for either.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Moment;

/// Reads both clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic side starts at one hour, so that windows of the past can be subtracted from it.
    pub fn start() -> Self {
        Clock { origin: Instant::now() }
    }

    /// The current moment.
    pub fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { mono_ms: 3_600_000 + self.origin.elapsed().as_millis() as u64, unix_ms: unix.as_millis() as i64 }
    }
}

/// Random bytes from the operating system, for ids, tokens and nonces.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has no randomness");
    bytes
}
