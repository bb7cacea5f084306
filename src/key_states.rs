//! States of keys between the rotator, where they live, and the catalog, where they survive a restart.

use std::collections::HashSet;

use crate::domain::{KeyId, Moment};
use crate::rotator::{Rotator, SavedKeyState};
use crate::store::{Edit, SavedState, Store, StoreError};

/// A state as a row; `None` where it cannot be written as JSON.
pub fn row(state: &SavedKeyState) -> Option<SavedState> {
    Some(SavedState { key: state.key, state: serde_json::to_string(state).ok()? })
}

/// Puts the states of these keys on disk, together with everything else that an edit changes.
///
/// # Errors
/// The store's.
pub fn save(edit: &mut Edit<'_>, rotator: &Rotator, keys: &HashSet<KeyId>, now: Moment) -> Result<(), StoreError> {
    let states = rotator.saved_states(now).into_iter().filter(|state| keys.contains(&state.key));
    edit.save_key_states(&states.filter_map(|state| row(&state)).collect::<Vec<_>>())
}

/// The states that were kept. One that cannot be read is forgotten with a warning: its key starts afresh. Blocks; for the
/// start.
///
/// # Errors
/// The store's.
pub fn load(store: &Store) -> Result<Vec<SavedKeyState>, StoreError> {
    let read = |saved: SavedState| match serde_json::from_str(&saved.state) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(key = saved.key.0, %error, "forgetting the state of a key that cannot be read");
            None
        }
    };
    Ok(store.load_key_states()?.into_iter().filter_map(read).collect())
}
