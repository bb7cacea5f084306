//! Tests of the body room, by its doors.

mod decode;
mod patch;
mod peek;
