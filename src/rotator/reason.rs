//! What keeps a key from serving.

use crate::domain::PassedOverReason;

/// Why a key cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reason {
    /// Disabled, by a verdict or by an operator.
    Disabled,
    /// It rests.
    Cooling,
    /// Its rest is over, and one call is finding out whether it serves again.
    Trial,
    /// Its account rests.
    Account,
    /// As many calls are in flight as it may have.
    Busy,
    /// A limit is reached.
    Limit,
    /// It rests for the model.
    Model,
    /// It does not know the model.
    ModelUnknown,
    /// It lacks the right for the endpoint.
    Endpoint,
}

impl Reason {
    /// Every reason, by its number.
    pub(super) const ALL: [Reason; 9] = [
        Reason::Disabled,
        Reason::Cooling,
        Reason::Trial,
        Reason::Account,
        Reason::Busy,
        Reason::Limit,
        Reason::Model,
        Reason::ModelUnknown,
        Reason::Endpoint,
    ];

    /// The word for it on a call's record.
    pub(super) fn on_record(self) -> PassedOverReason {
        match self {
            Reason::Disabled => PassedOverReason::Disabled,
            Reason::Cooling | Reason::Trial => PassedOverReason::Cooling,
            Reason::Account => PassedOverReason::AccountCooling,
            Reason::Busy | Reason::Limit => PassedOverReason::Limit,
            Reason::Model | Reason::ModelUnknown => PassedOverReason::CoolingForModel,
            Reason::Endpoint => PassedOverReason::Endpoint,
        }
    }
}

/// What keeps a key from serving, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) reason: Reason,
    /// Monotonic time at which it ends by itself, when that is known.
    pub(super) until_ms: Option<u64>,
}

impl Block {
    pub(super) fn new(reason: Reason, until_ms: Option<u64>) -> Self {
        Block { reason, until_ms }
    }

    /// Of two blocks with known ends the one that ends later.
    pub(super) fn later(one: Option<Block>, other: Option<Block>) -> Option<Block> {
        one.into_iter().chain(other).max_by_key(|block| block.until_ms)
    }
}
