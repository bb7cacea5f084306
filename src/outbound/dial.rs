//! Opening a connection: name, address guard, TCP, TLS.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tower_service::Service;

use super::error::{SendError, SendErrorKind};
use super::guard::{GuardedResolver, ResolveError};
use super::http1::Io;

/// Opens connections to one host.
#[derive(Debug)]
pub(super) struct Dialer {
    uri: Uri,
    connector: HttpConnector<GuardedResolver>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    limit: Duration,
}

impl Dialer {
    /// Opens to the host of `uri`, over TLS where its scheme says so, within `limit`.
    ///
    /// # Errors
    /// The machine has no certificates to trust, or the host is no name for a certificate.
    pub(super) fn new(uri: Uri, resolver: GuardedResolver, limit: Duration) -> Result<Self, SendError> {
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(Duration::from_secs(30)));
        connector.set_connect_timeout(Some(limit));
        let tls = if uri.scheme_str() == Some("https") { Some(tls_of(&uri)?) } else { None };
        Ok(Dialer { uri, connector, tls, limit })
    }

    /// A new connection.
    pub(super) async fn dial(&self) -> Result<Io, SendError> {
        let opening = async {
            let opened = self.connector.clone().call(self.uri.clone()).await;
            let socket = opened.map_err(|error| SendError::unconnected(&error))?.into_inner();
            let Some((config, name)) = &self.tls else { return Ok(Either::Left(socket)) };
            let encrypted = TlsConnector::from(config.clone()).connect(name.clone(), socket).await;
            let encrypted = encrypted.map_err(|error| SendError::unsent(SendErrorKind::Tls, error.to_string()))?;
            Ok(Either::Right(Box::new(encrypted)))
        };
        let too_late = |_| SendError::unsent(SendErrorKind::ConnectTimeout, "no connection stood in time".to_owned());
        tokio::time::timeout(self.limit, opening).await.map_err(too_late)?
    }
}

fn tls_of(uri: &Uri) -> Result<(Arc<ClientConfig>, ServerName<'static>), SendError> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let unusable = |error: &dyn std::error::Error| SendError::unsendable(format!("TLS cannot be used: {error}"));
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unusable(&error))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| unusable(&error))?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), name))
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { resolver.addresses(name.as_str()).await.map(Vec::into_iter) })
    }
}
