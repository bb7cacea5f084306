//! The clock and the source of randomness: the only places that ask the machine for either.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
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

    /// Microseconds since the clock was started.
    pub fn micros(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }

    /// Milliseconds since the clock was started.
    pub fn uptime_ms(&self) -> u64 {
        self.origin.elapsed().as_millis() as u64
    }

    /// Microseconds of processor time that this thread has used. Asking costs a call of the kernel.
    pub fn thread_micros(&self) -> u64 {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        used.tv_sec as u64 * 1_000_000 + used.tv_nsec as u64 / 1_000
    }

    /// The current moment.
    pub fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { mono_ms: 3_600_000 + self.origin.elapsed().as_millis() as u64, unix_ms: unix.as_millis() as i64 }
    }
}

/// A fast source of random numbers for ids and choices, never for secrets: a SplitMix64 sequence that starts at a random
/// place and is shared by all threads.
#[derive(Debug)]
pub struct Entropy {
    state: AtomicU64,
    ids: AtomicU16,
}

impl Entropy {
    /// A sequence that starts at `seed`.
    pub fn from_seed(seed: u64) -> Self {
        Entropy { state: AtomicU64::new(seed), ids: AtomicU16::new(0) }
    }

    /// A sequence that starts at a place chosen by the operating system.
    pub fn from_system() -> Self {
        Entropy::from_seed(u64::from_le_bytes(random_bytes()))
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Ten bytes, as a call id needs them: a count, so that ids of one millisecond stand in their order, and random ones.
    pub fn ten_bytes(&self) -> [u8; 10] {
        let ([first, second], random) = (self.ids.fetch_add(1, Ordering::Relaxed).to_be_bytes(), self.next_u64().to_le_bytes());
        std::array::from_fn(|at| match at {
            0 => first,
            1 => second,
            _ => random[at - 2],
        })
    }
}

/// Random bytes from the operating system, for ids, tokens and nonces.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has no randomness");
    bytes
}
