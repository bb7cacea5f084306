//! Keys as other gateways keep them: rows of their databases, exported or read from the file itself.
//!
//! A row names where its keys go by a number or a URL; what comes out is a base URL, how a key is sent there, and the keys.
//! Only what speaks the OpenAI API comes out; the rest is named with the reason.

mod gpt_load;
mod kinds;
mod one_api;
mod rows;

use sha2::{Digest, Sha256};

use super::pasted_keys::PastedKey;
use super::provider::AuthScheme;

pub use rows::{ForeignRow, RowsFault, read_foreign_rows};

/// A gateway whose keys can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// GPT-Load: the tables `groups` and `api_keys`.
    GptLoad,
    /// One API: the table `channels`.
    OneApi,
    /// New API: the table `channels`, with several keys in one row.
    NewApi,
}

impl Gateway {
    /// Every gateway.
    pub const ALL: [Gateway; 3] = [Gateway::GptLoad, Gateway::OneApi, Gateway::NewApi];

    /// Its name in the API and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Gateway::GptLoad => "gpt-load",
            Gateway::OneApi => "one-api",
            Gateway::NewApi => "new-api",
        }
    }

    /// Reads what [`Gateway::as_str`] says.
    pub fn parse(text: &str) -> Option<Self> {
        Gateway::ALL.into_iter().find(|gateway| gateway.as_str() == text)
    }

    /// The tables of its database that hold providers and keys.
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Gateway::GptLoad => &["groups", "api_keys"],
            Gateway::OneApi | Gateway::NewApi => &["channels"],
        }
    }
}

/// Where keys go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A name for it: the vendor's, or the group's.
    pub name: String,
    /// Its base URL, with the path that stands before `/chat/completions`; `None`: the rows do not say.
    pub base_url: Option<String>,
    /// How it wants to see a key.
    pub auth: AuthScheme,
}

/// One row, or a key in it.
#[derive(Clone, Debug)]
pub struct ForeignEntry {
    /// Which row, in words, such as `channel 7`.
    pub place: String,
    /// What was found there.
    pub found: Result<ForeignKey, ForeignFault>,
}

/// A key of another gateway.
#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// Where it goes.
    pub destination: Destination,
    /// The key with its name, tags, weight, models and account.
    pub key: PastedKey,
    /// Order for the `priority` strategy: smaller is used first. Other gateways use greater ones first.
    pub priority: i32,
    /// Why it does not serve there, if it does not.
    pub disabled: Option<&'static str>,
}

/// Why a row gives no key. No message quotes what may be a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignFault {
    /// It leads to something that does not speak the OpenAI API.
    #[error("{0} does not speak the OpenAI API, or needs more than a key")]
    OtherApi(String),
    /// It has no key, as lists of the gateway's own API have none.
    #[error("there is no key in this row: give the gateway's database file, or a dump of its tables with the column `{0}`")]
    NoKey(&'static str),
    /// The key is sealed with a key of the gateway's.
    #[error(
        "this key is encrypted with the gateway's own ENCRYPTION_KEY: export the group's keys as text on its page, or undo the \
         encryption with `gpt-load migrate-keys --from KEY` on a copy, and import that"
    )]
    Encrypted,
    /// It belongs to a group that is not there.
    #[error("it belongs to group {0}, which is not there: give the table `groups` too, or a provider")]
    NoGroup(String),
    /// It says nothing about where its keys go.
    #[error("it has no base URL")]
    NoBaseUrl,
    /// It cannot be sent in a header.
    #[error("{0}")]
    Unsendable(String),
}

impl ForeignFault {
    /// Whether the row is of no use rather than wrong: an import goes on without it.
    pub fn is_of_no_use(&self) -> bool {
        matches!(self, ForeignFault::OtherApi(_))
    }
}

/// Reads rows of a gateway's tables: every key in them, and every row that gives none, in their order.
pub fn read_foreign_keys(gateway: Gateway, rows: &[ForeignRow]) -> Vec<ForeignEntry> {
    match gateway {
        Gateway::GptLoad => gpt_load::read(rows),
        Gateway::OneApi => one_api::read(rows, kinds::ONE_API),
        Gateway::NewApi => one_api::read(rows, kinds::NEW_API),
    }
}

/// A key as it came, which must be able to stand in a header.
fn sendable(secret: &str) -> Result<PastedKey, ForeignFault> {
    super::pasted_keys::plain_key(secret).map_err(|fault| ForeignFault::Unsendable(fault.to_string()))
}

fn sha256_hex(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}

/// A base URL with the path that the gateway puts between it and an operation, unless it stands there already.
fn with_path(base: &str, path: &str) -> String {
    let base = base.trim().trim_end_matches('/');
    if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") }
}

#[cfg(test)]
mod tests;
