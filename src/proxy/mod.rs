//! The data plane: `/v1/*`.
//!
//! Owns the life of a call from its head to its record. Refuses SQL: nothing here touches the database while a call runs.
