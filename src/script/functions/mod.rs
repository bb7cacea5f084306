//! The functions that scripts can call, besides Rhai's own.

mod bounded;
mod kv;
mod mock;
mod pattern;
mod report;
mod text;
mod time;

use super::limits::ScriptLimits;
use super::register::Registrar;

pub use bounded::register as register_bounded;
pub use pattern::Patterns;

/// Registers every function.
pub fn register(registrar: &mut Registrar<'_>, limits: &ScriptLimits) {
    kv::register(registrar);
    time::register(registrar);
    text::register(registrar);
    pattern::register(registrar, &Patterns::default(), limits.array_len);
    report::register(registrar);
    mock::register(registrar);
}
