//! Sealing: how secrets lie in the database, and where the master key comes from.
//!
//! A sealed value is a random nonce of 24 bytes, then XChaCha20-Poly1305 text. The table, the column and the row id are
//! bound to it, so a value copied into another row does not open.

mod master_key;

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::clock::random_bytes;

pub(super) use master_key::{CANARY, MASTER_KEY_FILE, MasterKey, SealedContents};
pub use master_key::{MasterKeyError, MasterKeySource};

const NONCE_BYTES: usize = 24;

/// A sealed value that does not open: the master key, the row or the bytes are not those it was sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be opened: it was altered, or moved to another row")]
pub struct Unopened;

/// Seals and opens secrets with keys derived from the master key.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    fingerprint_key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sealer")
    }
}

impl Sealer {
    pub(super) fn new(master: &MasterKey) -> Self {
        let sealing_key = Zeroizing::new(hmac_sha256(master.bytes(), b"keywheel sealing 1"));
        Sealer {
            cipher: XChaCha20Poly1305::new((&*sealing_key).into()),
            fingerprint_key: Zeroizing::new(hmac_sha256(master.bytes(), b"keywheel fingerprint 1")),
        }
    }

    /// Seals a secret for one column (`table.column`) of one row.
    pub(super) fn seal(&self, column: &str, row: i64, secret: &str) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_BYTES>();
        let payload = Payload { msg: secret.as_bytes(), aad: &place(column, row) };
        // Fails only for messages of more than 256 GiB.
        let text = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &text].concat()
    }

    /// Opens what [`Sealer::seal`] made for the same column and row.
    pub(super) fn open(&self, column: &str, row: i64, sealed: &[u8]) -> Result<SecretString, Unopened> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unopened)?;
        let payload = Payload { msg: text, aad: &place(column, row) };
        let plain = Zeroizing::new(self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| Unopened)?);
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|_| Unopened)
    }

    /// A keyed hash that finds a secret again without opening any.
    pub(super) fn fingerprint(&self, secret: &str) -> [u8; 32] {
        hmac_sha256(&self.fingerprint_key, secret.as_bytes())
    }
}

fn place(column: &str, row: i64) -> Vec<u8> {
    [column.as_bytes(), &[0], &row.to_be_bytes()].concat()
}

/// HMAC with SHA-256 (RFC 2104) for a key of 32 bytes.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let padded = |pad: u8| Zeroizing::new(std::array::from_fn::<u8, BLOCK, _>(|at| key.get(at).unwrap_or(&0) ^ pad));
    let inner = Sha256::new().chain_update(*padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(*padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_opens_only_in_its_place() {
        let sealer = Sealer::new(&MasterKey::from_bytes([1; 32]));
        let sealed = sealer.seal("keys.secret", 7, "sk-a");
        assert_eq!(sealer.open("keys.secret", 7, &sealed).unwrap().expose_secret(), "sk-a");
        assert_ne!(sealed, sealer.seal("keys.secret", 7, "sk-a"), "every value has its own nonce");
        assert!(!sealed.windows(4).any(|window| window == b"sk-a"));
        assert!(sealer.open("keys.secret", 8, &sealed).is_err());
        assert!(sealer.open("providers.proxy", 7, &sealed).is_err());
        assert!(Sealer::new(&MasterKey::from_bytes([2; 32])).open("keys.secret", 7, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open("keys.secret", 7, &altered).is_err());
            assert!(sealer.open("keys.secret", 7, &sealed[..at]).is_err());
        }
    }

    #[test]
    fn a_fingerprint_depends_on_key_and_secret() {
        let (one, two) = (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]));
        let fingerprint = |master, secret| Sealer::new(master).fingerprint(secret);
        assert_eq!(fingerprint(&one, "a"), fingerprint(&one, "a"));
        assert_ne!(fingerprint(&one, "a"), fingerprint(&one, "b"));
        assert_ne!(fingerprint(&one, "a"), fingerprint(&two, "a"));
    }

    /// RFC 4231 has no key of 32 bytes; this value is from Python's `hmac`.
    #[test]
    fn hmac_is_the_one_of_the_standard() {
        let digest = hmac_sha256(&[0x0b; 32], b"Hi There");
        assert_eq!(digest[..8], EXPECTED);
    }

    const EXPECTED: [u8; 8] = [0x19, 0x8a, 0x60, 0x7e, 0xb4, 0x4b, 0xfb, 0xc6];
}
