//! What is written to the call log: a call that ended, or usage that became known later.

use super::day::Day;
use crate::domain::{CallId, CallRecord, Cost, Usage};

/// Usage of a call that became known after the call had been recorded, such as that of a background answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The call that the usage is billed to.
    pub call: CallId,
    /// What it consumed.
    pub usage: Usage,
    /// What it cost, by the price of the time at which the call was made.
    pub cost: Cost,
}

/// What became of an amendment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amended {
    /// The record and the sums now hold it.
    Applied,
    /// The call's usage was known already: nothing changed.
    AlreadyKnown,
    /// There is no record of that call (any more).
    NotFound,
    /// It could not be written, or the queue was full.
    Failed,
}

/// One thing to write.
#[derive(Clone, Debug)]
pub enum LogEntry {
    /// A call that ended.
    Call(Box<CallRecord>),
    /// Usage that became known later.
    Amend(Box<Amendment>),
}

impl LogEntry {
    /// The day whose segment takes it.
    pub fn day(&self) -> Day {
        match self {
            LogEntry::Call(record) => Day::of(record.id),
            LogEntry::Amend(amendment) => Day::of(amendment.call),
        }
    }
}

/// What became of one entry.
#[derive(Clone, Debug)]
pub(in crate::store) enum Written {
    /// The call is new.
    Added,
    /// The call had been written before: nothing changed.
    AlreadyThere,
    /// The call as it was before the amendment, with its attempts.
    Amended(Box<CallRecord>),
    /// The amendment changed nothing.
    NotAmended(Amended),
}
