//! Hooks: what an operator's Rhai scripts decide.
//!
//! The only room that names `rhai` and `notify`.
