//! Passwords: argon2id on threads that may block, few at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use poem::http::StatusCode;
use tokio::sync::Semaphore;

use super::error::ApiError;
use crate::clock::random_bytes;

/// Hashes at once: each takes 19 MiB and tens of milliseconds of a processor.
const AT_ONCE: usize = 2;
/// How long a hash waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Fewest characters of a password.
const FEWEST_CHARACTERS: usize = 8;
/// Most bytes of a password.
const MOST_BYTES: usize = 1024;
/// What the passwords of unknown users are compared with, so that they take as long: the hash of nothing that anybody knows.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$9mPBEg9qXyL0u3XkC1m3ZQ$Zt7o2pWk0m9XvE1cQe4n5yB8sJ6uL3rT0aHfGdKiVxM";

/// Hashes and compares passwords.
#[derive(Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// The hash of a new password, as a PHC string.
    pub(super) async fn hash(&self, field: &'static str, password: String) -> Result<String, ApiError> {
        if password.chars().count() < FEWEST_CHARACTERS || password.len() > MOST_BYTES {
            let message = format!("{field} must have {FEWEST_CHARACTERS} or more characters, and at most {MOST_BYTES} bytes");
            return Err(ApiError::invalid(field, message));
        }
        self.work(move || {
            let salt = SaltString::encode_b64(&random_bytes::<16>())?;
            Ok(hasher().hash_password(password.as_bytes(), &salt)?.to_string())
        })
        .await
    }

    /// Whether a password is right. Without a hash it is not, and to find that out takes as long.
    pub(super) async fn is_right(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        if password.len() > MOST_BYTES {
            return Ok(false);
        }
        self.work(move || {
            let expected = PasswordHash::new(hash.as_deref().unwrap_or(NOBODYS))?;
            let is_equal = hasher().verify_password(password.as_bytes(), &expected).is_ok();
            Ok(is_equal && hash.is_some())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = || ApiError {
            retry_after_s: Some(PATIENCE.as_secs()),
            ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many people sign in at once; try again")
        };
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await.map_err(|_| busy())?;
        let worked = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also when whoever asked has gone.
            let _turn = turn;
            work()
        });
        let result = worked.await.map_err(|error| ApiError::internal(&error))?;
        result.map_err(|error| ApiError::internal(&std::io::Error::other(error.to_string())))
    }
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::default();
        let hash = passwords.hash("password", "correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.is_right("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.is_right("correct horse ".into(), Some(hash)).await.unwrap());
        assert!(!passwords.is_right("correct horse".into(), None).await.unwrap());
        assert_eq!(passwords.hash("new", "1234567".into()).await.unwrap_err().field.as_deref(), Some("new"));
        assert!(passwords.hash("new", "x".repeat(1025)).await.is_err());
    }

    #[tokio::test]
    async fn nobodys_password_costs_as_much_as_anybodys() {
        let hash = Passwords::default().hash("password", "correct horse".into()).await.unwrap();
        let cost = |hash: &str| {
            let hash = PasswordHash::new(hash).unwrap();
            (hash.algorithm.to_string(), hash.version, Params::try_from(&hash).unwrap(), hash.hash.unwrap().len())
        };
        assert_eq!(cost(NOBODYS), cost(&hash));
    }
}
