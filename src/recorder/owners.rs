//! Who made what at a provider, as the data plane asks for it.

use std::sync::Arc;

use crate::domain::ObjectOwner;
use crate::store::Store;

/// Remembers which client made which object through which key.
///
/// Recent objects are answered from memory; only an older one, which a call names, is read from disk.
#[derive(Clone, Debug)]
pub struct Owners {
    store: Arc<Store>,
}

impl Owners {
    /// Owners kept in this store.
    pub fn new(store: Arc<Store>) -> Self {
        Owners { store }
    }

    /// Remembers who made an object. Never blocks.
    pub fn remember(&self, object: &str, owner: ObjectOwner, now_ms: i64) {
        self.store.owners().remember(object, owner, now_ms);
    }

    /// The owner of an object. A store that cannot be read knows none, and says so in the log.
    pub async fn find(&self, object: &str) -> Option<Arc<ObjectOwner>> {
        let found = self.store.owners().find(object).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot look up the owner of an object");
            None
        })
    }

    /// Brings the owners of these objects into memory, where they have one.
    pub async fn recall(&self, objects: Vec<Arc<str>>) {
        if let Err(error) = self.store.owners().recall(objects).await {
            tracing::warn!(%error, "cannot look up the owners of objects");
        }
    }

    /// Whether an owner is in memory: that of an object which was made, named or recalled lately is.
    pub fn knows(&self, object: &str) -> bool {
        self.store.owners().recent(object).is_some()
    }

    /// Claims the right to bill an object's usage to the call that made it: true for the first who asks.
    pub fn claim_usage(&self, object: &str) -> bool {
        self.store.owners().claim_usage(object)
    }
}
