//! What a client may still do: its limits and budgets, by reservation and settlement.
//!
//! Owns the client windows and budget sums. Refuses IO, async and clocks of its own: time is passed in.
