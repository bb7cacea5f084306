//! What belongs to an account: files, responses, batches and vector stores that only its own keys can see.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

/// Objects that an account keeps; the oldest goes first.
const MAX_OBJECTS: usize = 10_000;

/// An object and what belongs to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// The object as a `GET` shows it.
    pub(super) object: Value,
    /// A file's bytes.
    pub(super) content: Bytes,
    /// Items that belong to it: a response's input, a vector store's files.
    pub(super) items: Vec<Value>,
    /// How often it was looked at while it was not complete.
    pub(super) polls: u32,
    /// What it becomes when it is complete.
    pub(super) complete: Option<Value>,
}

#[derive(Debug, Default)]
struct Account {
    objects: HashMap<String, Stored>,
    order: VecDeque<String>,
    requests: VecDeque<u64>,
}

/// Every account of a simulated provider.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    accounts: Mutex<HashMap<String, Account>>,
}

impl Accounts {
    pub(super) fn keep(&self, account: &str, id: &str, stored: Stored) {
        self.with(account, |account| {
            if account.objects.insert(id.to_owned(), stored).is_none() {
                account.order.push_back(id.to_owned());
            }
            if account.order.len() > MAX_OBJECTS
                && let Some(oldest) = account.order.pop_front()
            {
                account.objects.remove(&oldest);
            }
        });
    }

    /// Runs `change` on an object, if the account has it.
    pub(super) fn change<T>(&self, account: &str, id: &str, change: impl FnOnce(&mut Stored) -> T) -> Option<T> {
        self.with(account, |account| account.objects.get_mut(id).map(change))
    }

    pub(super) fn get(&self, account: &str, id: &str) -> Option<Stored> {
        self.change(account, id, |stored| stored.clone())
    }

    pub(super) fn has(&self, account: &str, id: &str) -> bool {
        self.with(account, |account| account.objects.contains_key(id))
    }

    pub(super) fn remove(&self, account: &str, id: &str) -> bool {
        self.with(account, |account| {
            account.order.retain(|other| other != id);
            account.objects.remove(id).is_some()
        })
    }

    /// Objects whose id begins with `prefix`, newest first.
    pub(super) fn list(&self, account: &str, prefix: &str) -> Vec<Value> {
        self.with(account, |account| {
            let ids = account.order.iter().rev().filter(|id| id.starts_with(prefix));
            ids.filter_map(|id| account.objects.get(id)).map(|stored| stored.object.clone()).collect()
        })
    }

    /// Counts a request in a window; when the window is full, the milliseconds until it has room.
    pub(super) fn admit(&self, account: &str, now_ms: u64, limit: usize, window_ms: u64) -> Result<(), u64> {
        self.with(account, |account| {
            while account.requests.front().is_some_and(|at| at + window_ms <= now_ms) {
                account.requests.pop_front();
            }
            match account.requests.front() {
                Some(oldest) if account.requests.len() >= limit => Err(oldest + window_ms - now_ms),
                _ => {
                    account.requests.push_back(now_ms);
                    Ok(())
                }
            }
        })
    }

    fn with<T>(&self, account: &str, work: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock();
        match accounts.get_mut(account) {
            Some(account) => work(account),
            None => work(accounts.entry(account.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_and_empties() {
        let accounts = Accounts::default();
        assert_eq!(accounts.admit("a", 1_000, 2, 500), Ok(()));
        assert_eq!(accounts.admit("a", 1_100, 2, 500), Ok(()));
        assert_eq!(accounts.admit("a", 1_200, 2, 500), Err(300));
        assert_eq!(accounts.admit("b", 1_200, 2, 500), Ok(()));
        assert_eq!(accounts.admit("a", 1_500, 2, 500), Ok(()));
    }

    #[test]
    fn objects_belong_to_their_account() {
        let accounts = Accounts::default();
        accounts.keep("a", "file-1", Stored::default());
        assert!(accounts.has("a", "file-1") && !accounts.has("b", "file-1"));
        assert_eq!(accounts.list("a", "file-").len(), 1);
        assert!(accounts.remove("a", "file-1") && !accounts.remove("a", "file-1"));
    }
}
