//! Keywheel.
fn main() {}
