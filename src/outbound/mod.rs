//! Everything that leaves for a provider.
//!
//! The only room that names `reqwest`: a client per provider, auth injection, header allow-lists, the address guard.
