//! From the catalog to what calls read: each edit becomes a snapshot before it is acknowledged.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::domain::{PriceTable, Snapshot};
use crate::store::{Actor, Edit, Store, StoreError};

/// Told of every new snapshot, before calls can see it.
type Listener = Box<dyn Fn(&Snapshot) + Send + Sync>;

/// Edits the catalog and publishes what calls read.
pub struct Publisher {
    store: Arc<Store>,
    prices: Arc<PriceTable>,
    current: Arc<ArcSwap<Snapshot>>,
    listener: Listener,
    /// The revision that was published last; held while publishing, so that an older view never replaces a newer one.
    published: Mutex<Option<u64>>,
}

impl Publisher {
    /// A publisher for a store. `listener` is told of each snapshot first: the rotator, so that it knows every key that a
    /// call can be sent with.
    pub fn new(store: Arc<Store>, prices: Arc<PriceTable>, listener: impl Fn(&Snapshot) + Send + Sync + 'static) -> Arc<Self> {
        let publisher =
            Publisher { store, prices, current: Arc::default(), listener: Box::new(listener), published: Mutex::new(None) };
        publisher.publish();
        Arc::new(publisher)
    }

    /// The view that calls read.
    pub fn current(&self) -> Arc<ArcSwap<Snapshot>> {
        self.current.clone()
    }

    /// The catalog behind it.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Runs an edit. When this returns `Ok`, all of it is on disk and the next call obeys it.
    ///
    /// # Errors
    /// The edit's own, or the store's; nothing was changed then.
    pub async fn edit<T, E, F>(&self, actor: Actor, edit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    {
        let answer = self.store.edit(actor, edit).await?;
        self.publish();
        Ok(answer)
    }

    /// Publishes the catalog as it stands, unless that was done already.
    pub fn publish(&self) {
        let mut published = self.published.lock();
        let catalog = self.store.catalog();
        if published.is_some_and(|revision| revision >= catalog.revision()) {
            return;
        }
        let snapshot = Arc::new(Snapshot::new(catalog.parts(self.prices.clone())));
        (self.listener)(&snapshot);
        self.current.store(snapshot);
        *published = Some(catalog.revision());
    }
}
