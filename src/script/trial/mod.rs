//! Trying scripts: sets that are not live walk requests through their hooks, and nothing follows from what they decide.
//!
//! A trial is the same however often it is made: `rand` starts from the call's id, `now_ms` tells when the call began, and the
//! store behind `kv_get` belongs to the trial. No provider is contacted, and nothing that a script sets is kept.

mod afterwards;
mod compare;
mod input;
mod installation;
mod set;
mod shadow;
mod stand_in;
mod step;
mod walk;

pub use compare::{Aspect, ChangeCount, Comparison, CostSums, SideBySide};
pub use input::{TrialEvent, TrialInput, TrialKeyEvent};
pub use installation::{Destination, Installation, Nowhere, Placement, Wish};
pub use set::{TrialSet, TrialStore};
pub(super) use shadow::ShadowSlot;
pub use shadow::{ShadowOptions, ShadowReport};
pub use step::Step;
pub use walk::{Decision, Ending, Walk};
