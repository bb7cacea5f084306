//! Alerts: rules over what was observed become open alerts, and messages to channels.
//!
//! Owns which alerts are open, which deliveries wait, and what a message looks like to each receiver. Evaluation is pure: an
//! [`Observation`] and the time come in, changes come out. Refuses to observe, and to write to the database: whoever drives
//! the [`AlertDesk`] does both, and so alerts are told also while the disk is full.
//!
//! No storms: a rule has one open alert about a subject, told once when it opens and once when it is over; everything that
//! one rule finds at one time is one message; what is over before anybody was told is not told at all.

mod book;
mod desk;
mod findings;
mod message;
mod observation;
mod outbox;
mod quiet;
mod send;
#[cfg(test)]
mod tests;

pub use desk::{AlertDesk, Unsaved};
pub use observation::{ClientSeen, DisabledKey, Observation, ProviderSeen, Traffic, UsedBudget};
pub use send::{Outcome, send};
