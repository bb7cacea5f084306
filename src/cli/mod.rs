//! The commands: one file each.
//!
//! Reads arguments and environment through `config`, prints, and returns exit codes.
