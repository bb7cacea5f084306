//! Which key serves a call, and what an attempt's outcome means for it.
//!
//! Owns key and provider state, the strategies, leases, key limits, breakers, the retry budget and the classifier.
//! Refuses IO, async and clocks of its own: it is pure and synchronous, time and randomness are passed in.
