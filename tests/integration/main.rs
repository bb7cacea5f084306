//! Everything that is tested from outside, in one binary: one file for each topic.

mod server;
mod support;
