//! How long a new connection took, told to the request that waited for it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CONNECT_US: Cell<Option<u64>>;
}

/// Runs a request; besides its result come the microseconds that its new connection took, TLS included, or `None` when
/// the request went out on a connection that stood already.
pub(super) async fn measured<T>(request: impl Future<Output = T>) -> (T, Option<u64>) {
    CONNECT_US
        .scope(Cell::new(None), async {
            let result = request.await;
            (result, CONNECT_US.with(Cell::get))
        })
        .await
}

/// Wraps the connector with [`MeasuredConnector`].
#[derive(Clone, Copy, Debug)]
pub(super) struct MeasureConnect;

impl<Connector> Layer<Connector> for MeasureConnect {
    type Service = MeasuredConnector<Connector>;

    fn layer(&self, connector: Connector) -> Self::Service {
        MeasuredConnector { connector: Arc::new(connector) }
    }
}

/// A connector that reports how long it took. It costs nothing where a connection is reused: the client library clones its
/// connector several times for every request, so the one inside is shared, and cloned only where it connects.
#[derive(Debug)]
pub(super) struct MeasuredConnector<Connector> {
    connector: Arc<Connector>,
}

impl<Connector> Clone for MeasuredConnector<Connector> {
    fn clone(&self) -> Self {
        MeasuredConnector { connector: self.connector.clone() }
    }
}

impl<Connector, Destination> Service<Destination> for MeasuredConnector<Connector>
where
    Connector: Service<Destination> + Clone + Send + 'static,
    Connector::Future: Send,
    Destination: Send + 'static,
{
    type Response = Connector::Response;
    type Error = Connector::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Destination) -> Self::Future {
        let mut connector = Connector::clone(&self.connector);
        Box::pin(async move {
            let begun = Instant::now();
            poll_fn(|context| connector.poll_ready(context)).await?;
            let connection = connector.call(destination).await;
            // The pool may finish a connection in the background after its request took another one: nobody listens then.
            let _ = CONNECT_US.try_with(|slot| slot.set(Some(begun.elapsed().as_micros() as u64)));
            connection
        })
    }
}
