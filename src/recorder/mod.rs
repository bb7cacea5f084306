//! One record for each call: a bounded queue, batches, the live feed.
//!
//! Never blocks a call; what does not fit is dropped and counted.
