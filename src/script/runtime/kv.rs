//! The store behind `kv_get`, `kv_set` and `kv_incr`: shared by all scripts and calls, bounded, in memory.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use parking_lot::Mutex;

/// Longest key, in bytes.
pub const KEY_BYTES: usize = 256;
/// Longest value, in bytes.
pub const VALUE_BYTES: usize = 64 * 1024;
/// Longest time to live, in seconds.
pub const TTL_S: i64 = 31 * 24 * 3600;
/// Parts that are locked separately, so that calls on several threads rarely meet.
const SHARDS: usize = 16;
/// What an entry costs besides its key and value.
const ENTRY_BYTES: usize = 64;

/// A value that outlives a call.
#[derive(Clone, Debug, PartialEq)]
pub enum KvValue {
    /// A whole number.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// A text.
    Text(Box<str>),
    /// A list or map, as JSON text.
    Json(Box<str>),
}

impl KvValue {
    fn bytes(&self) -> usize {
        match self {
            KvValue::Text(text) | KvValue::Json(text) => text.len(),
            _ => 8,
        }
    }
}

/// Why a value was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The key is empty or too long.
    #[error("a key must have 1 to {KEY_BYTES} bytes, not {0}")]
    Key(usize),
    /// The value is too long.
    #[error("a value may have {VALUE_BYTES} bytes, not {0}")]
    Value(usize),
    /// The time to live is out of range.
    #[error("the time to live must be 1 to {TTL_S} seconds, not {0}")]
    Ttl(i64),
    /// The store is full of entries that have not expired.
    #[error("the store is full: {0}")]
    Full(&'static str),
    /// The entry holds something that cannot be counted.
    #[error("`{0}` holds no whole number")]
    NotANumber(String),
    /// The count leaves the range of a whole number.
    #[error("`{0}` would leave the range of a whole number")]
    Overflow(String),
}

#[derive(Clone, Debug)]
struct Entry {
    value: KvValue,
    /// Unix milliseconds.
    expires_ms: i64,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Box<str>, Entry>,
    bytes: usize,
}

/// The store. Every entry has a time to live; full shards drop what has expired and then refuse.
#[derive(Debug)]
pub struct KvStore {
    shards: [Mutex<Shard>; SHARDS],
    shard_entries: usize,
    shard_bytes: usize,
}

impl KvStore {
    /// An empty store for `entries` entries and `bytes` bytes.
    pub fn new(entries: usize, bytes: usize) -> Self {
        KvStore {
            shards: Default::default(),
            shard_entries: entries.div_ceil(SHARDS).max(1),
            shard_bytes: bytes.div_ceil(SHARDS).max(VALUE_BYTES + KEY_BYTES + ENTRY_BYTES),
        }
    }

    /// A store of its own with what has not expired in this one.
    pub fn copy(&self, now_ms: i64) -> Self {
        let copied = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            let alive = shard.entries.iter().filter(|(_, entry)| entry.expires_ms > now_ms);
            let entries: HashMap<Box<str>, Entry> = alive.map(|(key, entry)| (key.clone(), entry.clone())).collect();
            let bytes = entries.iter().map(|(key, entry)| cost(key, &entry.value)).sum();
            Mutex::new(Shard { entries, bytes })
        };
        KvStore { shards: self.shards.each_ref().map(copied), shard_entries: self.shard_entries, shard_bytes: self.shard_bytes }
    }

    /// The value of a key that has not expired.
    pub fn get(&self, key: &str, now_ms: i64) -> Option<KvValue> {
        let shard = self.shard(key).lock();
        shard.entries.get(key).filter(|entry| entry.expires_ms > now_ms).map(|entry| entry.value.clone())
    }

    /// Sets a key for `ttl_s` seconds.
    pub fn set(&self, key: &str, value: KvValue, ttl_s: i64, now_ms: i64) -> Result<(), KvError> {
        check_key(key)?;
        let expires_ms = expiry(ttl_s, now_ms)?;
        if value.bytes() > VALUE_BYTES {
            return Err(KvError::Value(value.bytes()));
        }
        let mut shard = self.shard(key).lock();
        self.put(&mut shard, key, Entry { value, expires_ms }, now_ms)
    }

    /// Adds to a number and returns the sum. A key that is missing or has expired counts from 0 and then lives for `ttl_s`
    /// seconds; a later addition does not make it live longer, so that a count belongs to one window of time.
    pub fn increment(&self, key: &str, by: i64, ttl_s: i64, now_ms: i64) -> Result<i64, KvError> {
        check_key(key)?;
        let expires_ms = expiry(ttl_s, now_ms)?;
        let mut shard = self.shard(key).lock();
        if let Some(entry) = shard.entries.get_mut(key).filter(|entry| entry.expires_ms > now_ms) {
            let KvValue::Int(count) = &mut entry.value else { return Err(KvError::NotANumber(key.to_owned())) };
            *count = count.checked_add(by).ok_or_else(|| KvError::Overflow(key.to_owned()))?;
            return Ok(*count);
        }
        self.put(&mut shard, key, Entry { value: KvValue::Int(by), expires_ms }, now_ms).map(|()| by)
    }

    /// Removes a key.
    pub fn remove(&self, key: &str) {
        let mut shard = self.shard(key).lock();
        if let Some((key, entry)) = shard.entries.remove_entry(key) {
            shard.bytes -= cost(&key, &entry.value);
        }
    }

    fn put(&self, shard: &mut Shard, key: &str, entry: Entry, now_ms: i64) -> Result<(), KvError> {
        let added = cost(key, &entry.value);
        let replaced = shard.entries.get(key).map_or(0, |old| cost(key, &old.value));
        let is_full = |shard: &Shard| {
            let one_more = usize::from(replaced == 0);
            match (shard.entries.len() + one_more > self.shard_entries, shard.bytes - replaced + added > self.shard_bytes) {
                (true, _) => Some("too many entries"),
                (_, true) => Some("too many bytes"),
                _ => None,
            }
        };
        if is_full(shard).is_some() {
            drop_expired(shard, now_ms, key);
        }
        if let Some(reason) = is_full(shard) {
            return Err(KvError::Full(reason));
        }
        shard.bytes = shard.bytes - replaced + added;
        shard.entries.insert(key.into(), entry);
        Ok(())
    }

    fn shard(&self, key: &str) -> &Mutex<Shard> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.shards[hasher.finish() as usize % SHARDS]
    }
}

/// Drops what has expired, except `keep`, whose size the caller has already looked at.
fn drop_expired(shard: &mut Shard, now_ms: i64, keep: &str) {
    let bytes = &mut shard.bytes;
    shard.entries.retain(|key, entry| {
        let stays = entry.expires_ms > now_ms || &**key == keep;
        if !stays {
            *bytes -= cost(key, &entry.value);
        }
        stays
    });
}

fn cost(key: &str, value: &KvValue) -> usize {
    key.len() + value.bytes() + ENTRY_BYTES
}

fn check_key(key: &str) -> Result<(), KvError> {
    if (1..=KEY_BYTES).contains(&key.len()) { Ok(()) } else { Err(KvError::Key(key.len())) }
}

fn expiry(ttl_s: i64, now_ms: i64) -> Result<i64, KvError> {
    if (1..=TTL_S).contains(&ttl_s) { Ok(now_ms.saturating_add(ttl_s * 1000)) } else { Err(KvError::Ttl(ttl_s)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lives_as_long_as_it_was_told() {
        let kv = KvStore::new(100, 1 << 20);
        kv.set("a", KvValue::Text("x".into()), 2, 1_000).unwrap();
        assert_eq!(kv.get("a", 2_999), Some(KvValue::Text("x".into())));
        assert_eq!(kv.get("a", 3_000), None);
        kv.set("a", KvValue::Bool(true), 2, 1_000).unwrap();
        kv.remove("a");
        assert_eq!(kv.get("a", 1_000), None);
    }

    #[test]
    fn a_count_belongs_to_one_window() {
        let kv = KvStore::new(100, 1 << 20);
        assert_eq!(kv.increment("n", 2, 10, 0), Ok(2));
        assert_eq!(kv.increment("n", 3, 10, 9_999), Ok(5));
        assert_eq!(kv.increment("n", 1, 10, 10_000), Ok(1));
        assert_eq!(kv.increment("n", i64::MAX, 10, 10_000), Err(KvError::Overflow("n".into())));
        kv.set("t", KvValue::Text("1".into()), 10, 0).unwrap();
        assert_eq!(kv.increment("t", 1, 10, 0), Err(KvError::NotANumber("t".into())));
    }

    #[test]
    fn a_full_store_drops_the_expired_and_refuses_the_rest() {
        let kv = KvStore::new(160, 16 * 200_000);
        let filled = (0..10_000).filter(|n| kv.set(&format!("k{n}"), KvValue::Int(1), 1, 0).is_ok()).count();
        assert_eq!(filled, 160);
        assert!(kv.set("late", KvValue::Int(1), 1, 1_000).is_ok(), "expired entries make room");
        let long = KvValue::Text("x".repeat(VALUE_BYTES).into());
        let kept = (0..1_000).filter(|n| kv.set(&format!("v{n}"), long.clone(), 9, 5_000).is_ok()).count();
        assert!((16..=48).contains(&kept), "{kept} values of 64 KiB in 3.2 MB");
        kv.set("late", KvValue::Int(2), 9, 5_000).unwrap();
        assert_eq!(kv.get("late", 5_000), Some(KvValue::Int(2)));
    }

    #[test]
    fn sizes_and_times_are_checked() {
        let kv = KvStore::new(16, 1 << 20);
        assert_eq!(kv.set("", KvValue::Int(1), 1, 0), Err(KvError::Key(0)));
        assert_eq!(kv.set(&"k".repeat(257), KvValue::Int(1), 1, 0), Err(KvError::Key(257)));
        assert_eq!(kv.set("k", KvValue::Text("x".repeat(70_000).into()), 1, 0), Err(KvError::Value(70_000)));
        assert_eq!(kv.set("k", KvValue::Int(1), 0, 0), Err(KvError::Ttl(0)));
        assert_eq!(kv.increment("k", 1, TTL_S + 1, 0), Err(KvError::Ttl(TTL_S + 1)));
    }
}
