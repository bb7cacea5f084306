//! Letters over TLS, from the first byte and by STARTTLS, to servers with certificates of an authority of their own.
//!
//! The authority is trusted through `SSL_CERT_FILE`, so Keywheel runs as a process of its own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::alerts_mail::{MailServer, Protection};
use crate::process::Process;

/// An authority that signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
    }

    /// What a server with a certificate for `localhost` accepts connections with.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Makes a channel, tests it, removes it; what came of the test.
async fn test(keywheel: &Process, channel: Value) -> Value {
    let made = keywheel.admin("POST", "/api/alerts/channels", channel).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/api/alerts/channels/{}", made.json()["id"]);
    let result = keywheel.admin("POST", &format!("{path}/test"), Value::Null).await;
    assert_eq!(result.status, 200, "{}", result.text());
    assert_eq!(keywheel.admin("DELETE", &path, Value::Null).await.status, 204);
    result.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_go_protected_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, &trusted.pem).unwrap();
    let keywheel = Process::start(folder.path(), "", &[("SSL_CERT_FILE", roots.to_str().unwrap())]).await;

    let (starttls, tls) = (Protection::Starttls(trusted.acceptor()), Protection::Tls(trusted.acceptor()));
    for (security, protection) in [("starttls", starttls), ("tls", tls)] {
        let server = MailServer::start_with(protection).await;
        let result = test(&keywheel, server.channel_by("localhost", security)).await;
        assert_eq!((&result["state"], &result["error"]), (&json!("delivered"), &Value::Null), "{security}: {result}");
        assert_eq!((server.letters().len(), server.bare_proofs().len()), (1, 0), "{security}");
        let result = test(&keywheel, server.channel_by("127.0.0.1", security)).await;
        assert_eq!(result["state"], "failed", "a certificate for another name, {security}: {result}");
        assert_eq!((server.letters().len(), server.bare_proofs().len()), (1, 0), "{security}");
    }
    for (security, protection) in
        [("starttls", Protection::Starttls(stranger.acceptor())), ("tls", Protection::Tls(stranger.acceptor()))]
    {
        let server = MailServer::start_with(protection).await;
        let result = test(&keywheel, server.channel_by("localhost", security)).await;
        assert_eq!(result["state"], "failed", "nobody knows the authority, {security}: {result}");
        assert_eq!((server.letters().len(), server.bare_proofs().len()), (0, 0), "{security}");
    }
    // A server, or somebody on the way, that offers no protection does not get the password without.
    let bare = MailServer::start().await;
    for security in ["starttls", "tls"] {
        let result = test(&keywheel, bare.channel_by("localhost", security)).await;
        assert_eq!(result["state"], "failed", "{security}: {result}");
    }
    assert_eq!((bare.letters().len(), bare.bare_proofs().len()), (0, 0));
    assert!(!keywheel.output().contains("the password of the relay"));
}
