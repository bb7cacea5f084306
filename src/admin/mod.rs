//! The control plane: `/api/*`, one file per noun.
//!
//! Wire types live beside their handlers. Never imports `proxy`.
