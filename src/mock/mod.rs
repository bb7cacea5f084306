//! The simulated provider: demo mode, tests and benchmarks share it.
//!
//! A real HTTP server whose behaviour a request or a scenario chooses.
