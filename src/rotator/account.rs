//! Accounts: keys that share limits rest as a group.

use std::collections::HashMap;
use std::sync::Arc;

use super::slot::Rest;

/// The accounts of one provider, by a number that slots remember.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    by_name: HashMap<Arc<str>, u32>,
    accounts: Vec<Account>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: Arc<str>,
    pub(super) rest: Option<Rest>,
    /// Rests by model, each with the number of keys that were counted for it.
    pub(super) models: Vec<(Arc<str>, Rest, u32)>,
    /// Places of its keys.
    pub(super) members: Vec<u32>,
}

impl Accounts {
    /// The number of an account, new when it was not known.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let name: Arc<str> = name.into();
        let number = self.accounts.len() as u32;
        self.accounts.push(Account { name: name.clone(), rest: None, models: Vec::new(), members: Vec::new() });
        self.by_name.insert(name, number);
        number
    }

    /// The number of a known account.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, number: u32) -> &Account {
        &self.accounts[number as usize]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Account {
        &mut self.accounts[number as usize]
    }

    /// The rest of a whole account.
    pub(super) fn rest(&self, number: u32) -> Option<&Rest> {
        self.get(number).rest.as_ref()
    }

    /// The rest of an account for one model.
    pub(super) fn model_rest(&self, number: u32, model: &str) -> Option<&Rest> {
        self.get(number).models.iter().find(|(name, _, _)| **name == *model).map(|(_, rest, _)| rest)
    }
}
