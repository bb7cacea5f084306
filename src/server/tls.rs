//! TLS from certificate files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::ServerError;
use crate::config::Tls;

/// Reads a certificate chain and its key, and whether they fit each other. Errors name the file.
pub fn read_tls(tls: &Tls) -> Result<(), ServerError> {
    acceptor(tls).map(drop)
}

pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServerError> {
    let chain = read_chain(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| fault(&tls.key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| fault(&tls.key, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file; at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = certificates.map_err(|error| fault(path, error))?;
    if chain.is_empty() { Err(fault(path, "it holds no certificate")) } else { Ok(chain) }
}

fn fault(path: &Path, reason: impl ToString) -> ServerError {
    ServerError::Tls { path: path.display().to_string(), reason: reason.to_string() }
}
