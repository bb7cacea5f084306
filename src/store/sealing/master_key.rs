//! The master key: given by a variable or a file, made once, never replaced while anything is sealed with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Sealer;
use crate::clock::random_bytes;

const VARIABLE: &str = "KEYWHEEL_MASTER_KEY";
const FILE_VARIABLE: &str = "KEYWHEEL_MASTER_KEY_FILE";
/// The file in the data folder that a generated key is written to.
pub(in crate::store) const MASTER_KEY_FILE: &str = "master.key";
/// Column and row of the text that tells whether a master key is the right one.
pub(in crate::store) const CANARY: (&str, i64) = ("sealing.canary", 1);

/// Where an operator may have put the master key.
#[derive(Clone, Debug, Default)]
pub struct MasterKeySource {
    /// The value of `KEYWHEEL_MASTER_KEY`: 32 bytes as base64 or hex.
    pub variable: Option<SecretString>,
    /// The path in `KEYWHEEL_MASTER_KEY_FILE`.
    pub file: Option<PathBuf>,
}

/// Why the master key is refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Secrets exist, and no key was given.
    #[error(
        "the master key is missing, and {} cannot be read without it: {VARIABLE} and {FILE_VARIABLE} are not set and {} does not exist; \
         restore that file, or set one of the variables to the same key (nothing was changed)",
        in_words(*.secrets), .file.display()
    )]
    Missing {
        /// Where the key would be.
        file: PathBuf,
        /// How many secrets need it.
        secrets: u64,
    },
    /// Secrets exist, and the key does not open them.
    #[error(
        "the master key from {origin} does not open what is stored ({}); restore {} or set {VARIABLE} or \
         {FILE_VARIABLE} to the key that they were sealed with (nothing was changed)",
        in_words(*.secrets), .file.display()
    )]
    Mismatch {
        /// Where the key came from.
        origin: String,
        /// Where the key would be.
        file: PathBuf,
        /// How many secrets need another one.
        secrets: u64,
    },
    /// Two places hold different keys.
    #[error(
        "{first} and {second} hold different master keys; keep the one that opens what is stored ({}) and remove the other \
         (nothing was changed)",
        in_words(*.secrets)
    )]
    Disagreement {
        /// One place.
        first: String,
        /// The other place.
        second: String,
        /// How many secrets need a key.
        secrets: u64,
    },
    /// A key is no key.
    #[error("the master key from {origin} must be 32 bytes as base64 or hex, such as `openssl rand -base64 32` prints")]
    Malformed {
        /// Where it came from.
        origin: String,
    },
    /// A file cannot be read, written or kept to its owner.
    #[error("cannot {action} {origin} ({} stored): {source}", in_words(*.secrets))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file, and the variable that names it.
        origin: String,
        /// How many secrets need it.
        secrets: u64,
        /// Why.
        source: io::Error,
    },
}

fn in_words(secrets: u64) -> String {
    if secrets == 1 { "1 secret".to_owned() } else { format!("{secrets} secrets") }
}

/// What a database holds that a master key must open.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct SealedContents {
    /// A known text that was sealed when the key was first used.
    pub(in crate::store) canary: Option<Vec<u8>>,
    /// How many secrets are stored.
    pub(in crate::store) secrets: u64,
}

/// 32 secret bytes.
#[derive(Clone)]
pub(in crate::store) struct MasterKey(Zeroizing<[u8; 32]>);

/// A master key that fits the database.
pub(in crate::store) struct Accepted {
    pub(in crate::store) sealer: Sealer,
    /// The database does not know this key yet: a canary must be stored.
    pub(in crate::store) is_new: bool,
}

impl MasterKey {
    pub(in crate::store) fn from_bytes(bytes: [u8; 32]) -> Self {
        MasterKey(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        const ANY_PADDING: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = text.trim();
        let standard = text.replace('-', "+").replace('_', "/");
        let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY_PADDING);
        let bytes = Zeroizing::new(from_hex(text).or_else(|| engine.decode(standard).ok())?);
        Some(MasterKey(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// Finds the key for a database, or makes one when nothing is sealed yet. Refuses before anything is written.
    pub(in crate::store) fn accept(
        source: &MasterKeySource,
        data_dir: &Path,
        held: &SealedContents,
    ) -> Result<Accepted, MasterKeyError> {
        let file = data_dir.join(MASTER_KEY_FILE);
        let secrets = held.secrets;
        let Some((origin, key)) = find(source, &[&file], secrets)? else {
            if secrets > 0 {
                return Err(MasterKeyError::Missing { file, secrets });
            }
            let key = MasterKey::from_bytes(random_bytes());
            write_file(&file, &key).map_err(|source| file_error("write", file.display(), 0, source))?;
            return Ok(Accepted { sealer: Sealer::new(&key), is_new: true });
        };
        let sealer = Sealer::new(&key);
        let opens = held.is_opened_by(&sealer);
        if !opens && secrets > 0 {
            return Err(MasterKeyError::Mismatch { origin, file, secrets });
        }
        keep_to_owner(&file).map_err(|error| file_error("keep to its owner", file.display(), secrets, error))?;
        Ok(Accepted { sealer, is_new: !opens })
    }

    /// The key that opens a database, of those that the source and these files hold; `None` where nothing needs one and
    /// none fits. Nothing is made or changed.
    pub(in crate::store) fn fitting(
        source: &MasterKeySource,
        files: &[&Path],
        held: &SealedContents,
    ) -> Result<Option<Self>, MasterKeyError> {
        let (secrets, file) = (held.secrets, files.first().copied().unwrap_or(Path::new(MASTER_KEY_FILE)).to_owned());
        match find(source, files, secrets)? {
            Some((_, key)) if held.is_opened_by(&Sealer::new(&key)) => Ok(Some(key)),
            Some((origin, _)) if secrets > 0 => Err(MasterKeyError::Mismatch { origin, file, secrets }),
            None if secrets > 0 => Err(MasterKeyError::Missing { file, secrets }),
            _ => Ok(None),
        }
    }

    /// The key as its file holds it.
    pub(in crate::store) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", general_purpose::STANDARD.encode(self.bytes())))
    }
}

impl SealedContents {
    fn is_opened_by(&self, sealer: &Sealer) -> bool {
        self.canary.as_ref().is_some_and(|canary| sealer.open(CANARY.0, CANARY.1, canary).is_ok())
    }
}

/// The one key that the variable, the named file and the own files agree on.
fn find(source: &MasterKeySource, own: &[&Path], secrets: u64) -> Result<Option<(String, MasterKey)>, MasterKeyError> {
    let mut found: Option<(String, MasterKey)> = None;
    let mut add = |origin: String, text: &str| {
        let Some(key) = MasterKey::parse(text) else { return Err(MasterKeyError::Malformed { origin }) };
        match &found {
            Some((first, other)) if !bool::from(other.bytes().ct_eq(key.bytes())) => {
                Err(MasterKeyError::Disagreement { first: first.clone(), second: origin, secrets })
            }
            Some(_) => Ok(()),
            None => {
                found = Some((origin, key));
                Ok(())
            }
        }
    };
    if let Some(text) = source.variable.as_ref().map(|text| text.expose_secret()).filter(|text| !text.trim().is_empty()) {
        add(VARIABLE.to_owned(), text)?;
    }
    if let Some(path) = &source.file {
        let origin = format!("{} ({FILE_VARIABLE})", path.display());
        let text = fs::read_to_string(path).map(Zeroizing::new);
        add(origin.clone(), &text.map_err(|error| file_error("read", origin, secrets, error))?)?;
    }
    for path in own {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => add(path.display().to_string(), &text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(file_error("read", path.display(), secrets, error)),
        }
    }
    Ok(found)
}

fn file_error(action: &'static str, origin: impl ToString, secrets: u64, source: io::Error) -> MasterKeyError {
    MasterKeyError::File { action, origin: origin.to_string(), secrets, source }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| (0..32).filter_map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()).collect())
}

fn write_file(path: &Path, key: &MasterKey) -> io::Result<()> {
    let text = key.to_text();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // The name must be on disk before the first secret is.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Takes the key file away from group and others, and says so.
#[cfg(unix)]
fn keep_to_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        tracing::warn!(path = %path.display(), "the master key could be read by others; it is now kept to its owner");
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_to_owner(_path: &Path) -> io::Result<()> {
    Ok(())
}
