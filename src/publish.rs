//! From the catalog to what calls read: each edit becomes a snapshot before it is acknowledged.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::{PriceTable, Snapshot};
use crate::store::{Actor, Catalog, Edit, Store, StoreError};

/// Edits the catalog and publishes what calls read.
pub struct Publisher {
    store: Arc<Store>,
    current: Arc<ArcSwap<Snapshot>>,
}

impl Publisher {
    /// A publisher for a store. `listener` is told of each snapshot before calls can see it: the rotator, so that it knows
    /// every key that a call can be sent with.
    pub fn new(store: Arc<Store>, prices: Arc<PriceTable>, listener: impl Fn(&Snapshot) + Send + Sync + 'static) -> Arc<Self> {
        let current: Arc<ArcSwap<Snapshot>> = Arc::default();
        let publish = {
            let current = current.clone();
            move |catalog: &Catalog| {
                let snapshot = Arc::new(Snapshot::new(catalog.parts(prices.clone())));
                listener(&snapshot);
                current.store(snapshot);
            }
        };
        publish(&store.catalog());
        // The store tells of its edits one after another, so an older view never replaces a newer one; and it tells also
        // of an edit whose caller has gone away.
        store.on_edit(publish);
        Arc::new(Publisher { store, current })
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
        self.store.edit(actor, edit).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};

    use super::*;
    use crate::domain::Settings;
    use crate::store::MasterKeySource;

    fn set_attempts(attempts: u32) -> impl FnOnce(&mut Edit<'_>) -> Result<(), StoreError> + Send + 'static {
        move |edit| {
            let change = |settings: &mut Settings| {
                settings.attempts = attempts;
                Ok(())
            };
            edit.update_settings(None, change).map(drop)
        }
    }

    #[tokio::test]
    async fn an_edit_is_published_even_when_its_caller_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), &MasterKeySource::default()).unwrap());
        let publisher = Publisher::new(store, Arc::default(), |_| {});
        let actor = || Actor { name: "test".into(), address: None, now_ms: 1 };
        let attempts = || publisher.current().load().settings.attempts;
        publisher.edit(actor(), set_attempts(4)).await.unwrap();
        assert_eq!(attempts(), 4);
        {
            let mut abandoned = Box::pin(publisher.edit(actor(), set_attempts(5)));
            assert!(abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        publisher.edit(actor(), |_| Ok::<_, StoreError>(())).await.unwrap();
        assert_eq!(attempts(), 5);
    }
}
