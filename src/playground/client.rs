//! The client that the playground's calls count for: an ordinary one, made when it is first needed.
//!
//! Operators find it in the list of clients and can give it limits, a budget and allowed models, or switch it off.

use std::sync::Arc;

use crate::clock::random_bytes;
use crate::domain::{Client, Snapshot, TokenHash, hash_token, new_token};
use crate::store::{Actor, Store, StoreError};

/// Its name.
pub const CLIENT_NAME: &str = "playground";

/// The client, when it exists.
pub(super) fn find(snapshot: &Snapshot) -> Option<Arc<Client>> {
    snapshot.clients().find(|client| client.name == CLIENT_NAME).cloned()
}

/// A client that may ask for everything.
pub(super) fn template(token_hash: TokenHash) -> Client {
    Client { tags: vec![CLIENT_NAME.to_owned()], ..Client::new(CLIENT_NAME, token_hash, "—") }
}

/// The client; it is made if there is none. Nobody ever sees its token.
pub(super) async fn find_or_make(snapshot: &Snapshot, store: &Store, now_ms: i64) -> Result<Arc<Client>, StoreError> {
    if let Some(client) = find(snapshot) {
        return Ok(client);
    }
    let client = template(hash_token(&new_token(random_bytes())));
    let actor = Actor { name: CLIENT_NAME.to_owned(), address: None, now_ms };
    let make = move |edit: &mut crate::store::Edit<'_>| {
        // Two conversations may have begun at once.
        if let Some(row) = edit.catalog().all::<Client>().find(|row| row.value.name == CLIENT_NAME) {
            return Ok(row.value.clone());
        }
        Ok::<_, StoreError>(edit.create(client)?.value)
    };
    store.edit(actor, make).await
}
