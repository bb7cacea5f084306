//! TLS from certificate files, which may be renewed while the server runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::ServerError;
use crate::config::Tls;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads a certificate chain and its key, and whether they fit each other. Errors name the file.
pub fn read_tls(tls: &Tls) -> Result<(), ServerError> {
    read(tls).map(drop)
}

/// The certificate that new connections are shown.
#[derive(Debug)]
pub(super) struct Certificate {
    files: Tls,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    pub(super) fn open(files: &Tls) -> Result<Arc<Self>, ServerError> {
        Ok(Arc::new(Certificate { files: files.clone(), current: ArcSwap::from_pointee(read(files)?) }))
    }

    /// What accepts connections with it, whichever it is then.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, ServerError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&self.files.certificate, error))?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes over what is written into the files, for ever.
    pub(super) async fn keep_up(self: Arc<Self>) {
        let mut known = Stamp::of(&self.files);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look_again(&mut known);
        }
    }

    /// Takes over files that changed. Those that do not fit, or not yet, leave the certificate as it was.
    fn look_again(&self, known: &mut Stamp) {
        let found = Stamp::of(&self.files);
        if found == *known {
            return;
        }
        *known = found;
        match read(&self.files) {
            Ok(certified) => {
                self.current.store(Arc::new(certified));
                tracing::info!(file = %self.files.certificate.display(), "new connections are shown the renewed certificate");
            }
            Err(error) => tracing::error!(%error, "the changed certificate is not used; the former one stays"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// What tells one state of the files from another: file, length and time of change of each.
#[derive(Debug, PartialEq, Eq)]
struct Stamp([Option<[i64; 4]>; 2]);

impl Stamp {
    fn of(files: &Tls) -> Self {
        let stamp = |file: &Path| {
            let metadata = std::fs::metadata(file).ok()?;
            Some([metadata.ino() as i64, metadata.len() as i64, metadata.mtime(), metadata.mtime_nsec()])
        };
        Stamp([stamp(&files.certificate), stamp(&files.key)])
    }
}

fn read(files: &Tls) -> Result<CertifiedKey, ServerError> {
    let chain = read_chain(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(&files.key, error))?;
    let key = any_supported_type(&key).map_err(|error| fault(&files.key, error))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // A kind of key that cannot be compared is taken as it is.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(fault(&files.key, error)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_fit_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let files = Tls { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let write = |name: &str| {
            let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            std::fs::write(&files.certificate, certified.cert.pem()).unwrap();
            certified.signing_key.serialize_pem()
        };
        std::fs::write(&files.key, write("first.example")).unwrap();
        let certificate = Certificate::open(&files).unwrap();
        let (mut known, first) = (Stamp::of(&files), certificate.current.load_full());
        let is_first = || Arc::ptr_eq(&first, &certificate.current.load());
        certificate.look_again(&mut known);
        assert!(is_first(), "nothing has changed");
        let key = write("the-second.example");
        certificate.look_again(&mut known);
        assert!(is_first(), "the key is still the first one's");
        std::fs::write(&files.key, format!("{key}\n")).unwrap();
        certificate.look_again(&mut known);
        assert!(!is_first());
        std::fs::remove_file(&files.key).unwrap();
        let second = certificate.current.load_full();
        certificate.look_again(&mut known);
        assert!(Arc::ptr_eq(&second, &certificate.current.load()), "a file that is gone changes nothing");
    }
}
