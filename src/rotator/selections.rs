//! Which models the keys of a pool may serve, by distinct list: thousands of keys usually share a few.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Pattern;

/// Stands for every name that no list has: no model is called so.
const UNLISTED: &str = "\0";

/// The distinct lists of models, each with the number of its keys; `None` is every model.
#[derive(Debug, Default)]
pub(super) struct Selections {
    keys: HashMap<Option<Vec<Pattern>>, usize>,
}

impl Selections {
    /// A key with this list was added.
    pub(super) fn add(&mut self, models: &Option<Vec<Pattern>>) {
        match self.keys.get_mut(models) {
            Some(keys) => *keys += 1,
            None => drop(self.keys.insert(models.clone(), 1)),
        }
    }

    /// A key with this list is gone.
    pub(super) fn remove(&mut self, models: &Option<Vec<Pattern>>) {
        if let Some(keys) = self.keys.get_mut(models) {
            *keys -= 1;
            if *keys == 0 {
                self.keys.remove(models);
            }
        }
    }

    /// Whether keys differ by the models that they may serve.
    pub(super) fn differ(&self) -> bool {
        self.keys.keys().any(Option::is_some)
    }

    /// The name that stands for a model which only keys for all such names may serve, so that names which nobody has heard of
    /// share one view. `None`: some list has the model.
    pub(super) fn stand_in(&self, model: &str) -> Option<Arc<str>> {
        let mut lists = self.keys.keys().flatten();
        let is_unlisted = lists.all(|models| has(models, model) == has(models, UNLISTED));
        is_unlisted.then(|| UNLISTED.into())
    }

    /// Whether any key may serve the model; a call without a model is served by every key.
    pub(super) fn serve(&self, model: &str) -> bool {
        let serves = |models: &Option<Vec<Pattern>>| models.as_ref().is_none_or(|models| has(models, model));
        self.keys.is_empty() || model.is_empty() || self.keys.keys().any(serves)
    }
}

fn has(models: &[Pattern], model: &str) -> bool {
    models.iter().any(|pattern| pattern.matches(model))
}
