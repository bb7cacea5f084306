//! When pieces of an answer are gathered to go out at once.

use std::time::Duration;

use tokio::time::Instant;

/// A piece that comes this soon behind the last one belongs to a burst.
const BURST: Duration = Duration::from_micros(500);
/// How often a piece is held back before it is sent: the HTTP library asks twice before others have their turn.
const WAITS: u8 = 2;
/// Most bytes that are gathered to go out at once.
const GATHERED_BYTES: usize = 16 * 1024;
/// The same while more is at hand than goes out: the HTTP library keeps 16 pieces for a client that reads slowly.
const OVERFLOWING_BYTES: usize = 1024;

/// Decides when pieces are gathered to go out at once.
///
/// The provider's connection hands over one piece at a time, though it may have read many: each would be written to the client
/// on its own. Holding one back until that connection had another turn costs little, and is done where it was worth it
/// the last time, or where a piece came right behind the last one.
#[derive(Default)]
pub(super) struct Gathering {
    /// When the newest piece came of what was sent last.
    sent: Option<Instant>,
    /// How often what is at hand was held back since the newest piece.
    waits: u8,
    /// Whether waiting brought more, for what is at hand.
    gained: bool,
    /// Whether it did so for what was sent last.
    is_worth_it: bool,
    /// As much as may be gathered was sent, and the provider has not paused since.
    is_overflowing: bool,
}

impl Gathering {
    /// How many bytes at hand are sent without looking for more.
    pub fn enough(&self) -> usize {
        if self.is_overflowing { OVERFLOWING_BYTES } else { GATHERED_BYTES }
    }

    /// A piece came.
    pub fn heard(&mut self) {
        self.gained |= self.waits > 0;
        self.waits = 0;
    }

    /// Whether what is at hand, whose newest piece came at `heard`, is held back once more.
    pub fn waits(&mut self, heard: Instant) -> bool {
        let is_burst = || self.sent.is_some_and(|sent| heard.duration_since(sent) < BURST);
        if self.waits == WAITS || !(self.waits > 0 || self.gained || self.is_worth_it || is_burst()) {
            return false;
        }
        self.waits += 1;
        true
    }

    /// What was at hand is sent: as much as may be gathered, or all that there was.
    pub fn sent(&mut self, heard: Instant, is_enough: bool) {
        if self.waits > 0 || self.gained {
            self.is_worth_it = self.gained;
        }
        (self.waits, self.gained, self.sent) = (0, false, Some(heard));
        self.is_overflowing = is_enough;
    }
}
