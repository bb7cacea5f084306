//! Which key serves a call, and what an attempt's outcome means for it.
//!
//! Owns key and provider state, the strategies, leases, key limits, breakers, the retry budget and the classifier.
//! Refuses IO, async and clocks of its own: it is pure and synchronous, time and randomness are passed in.
//!
//! How a pick stays as cheap for 100,000 keys as for one:
//!
//! - `engine` holds a `pool` for each provider; `walk` goes over the targets and tiers of a call.
//! - A pool keeps a `view` for each kind of call that came up (strategy, tags, and the model or endpoint where keys differ by
//!   them). A view holds its ready keys in the `order` of its strategy, and is kept up to date key by key.
//! - What brings a key back (the end of a rest, a window that moves on) is a timer, run by the picks that come after it.
//! - What depends on the call itself (keys tried, room for its tokens) is asked of each key by `filter`, up to a bound.
//!
//! What became of an attempt is `outcome`'s matter, what that does to its key `charge`'s; what a failure means, `classifier`'s, whose rules are data.

mod account;
mod breaker;
mod budget;
mod candidates;
mod chance;
mod charge;
mod classifier;
mod engine;
mod error_body;
mod filter;
mod flight;
mod latency;
mod learned;
mod lease;
mod list;
mod mask;
mod operate;
mod order;
mod outcome;
mod pick;
mod pool;
mod provider_notes;
mod random;
mod reason;
mod request;
mod saved;
mod selections;
mod slot;
mod status;
mod sticky;
mod tally;
#[cfg(test)]
mod tests;
mod turns;
mod view;
mod wait;
mod walk;

pub use candidates::Candidates;
pub use classifier::{Evidence, Trouble, classify};
pub use engine::Rotator;
pub use learned::LearnedLimits;
pub use lease::Lease;
pub use mask::{holds_secret, mask, mask_provider_text, without_secret};
pub use operate::ProbeResult;
pub use outcome::Report;
pub use request::{Owner, OwnerKeys, PickError, PickRequest, Tried};
pub use saved::{SavedDisabled, SavedKeyState, SavedModel, SavedRest};
pub use status::{EndpointStatus, KeyState, KeyStatus, KeyView, ModelStatus, ProviderStatus};
