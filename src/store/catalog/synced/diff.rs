//! How lists of models that were just read differ from what is kept.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::SyncedModel;
use crate::domain::KeyId;

/// What keys of a provider list. A key whose list is empty lists nothing any more: lists that are not to be believed do
/// not belong here.
pub type ModelLists = [(KeyId, Arc<Vec<String>>)];

/// One model that is listed otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDifference {
    /// The provider's name for it.
    pub model: String,
    /// The keys that listed it.
    pub before: BTreeSet<KeyId>,
    /// The keys that list it now; one that was not asked counts as before.
    pub after: BTreeSet<KeyId>,
    /// Since when no key listed it any more, where it was known before.
    pub vanished_ms: Option<i64>,
}

/// How lists that were read differ from what is kept, by model name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelDiff {
    /// Models that are new, or back.
    pub added: Vec<ModelDifference>,
    /// Models that no key lists any more.
    pub vanished: Vec<ModelDifference>,
    /// Models that other keys list than before.
    pub changed: Vec<ModelDifference>,
    /// Models that an operator has taken out; whatever the lists say, they stay out.
    pub taken_out: Vec<ModelDifference>,
}

impl ModelDiff {
    /// Compares what is kept of a provider with the lists of some of its keys.
    pub fn between(kept: &[SyncedModel], lists: &ModelLists) -> Self {
        let asked: HashSet<KeyId> = lists.iter().map(|(key, _)| *key).collect();
        let mut listed: BTreeMap<&str, BTreeSet<KeyId>> = BTreeMap::new();
        for (key, models) in lists {
            for model in models.iter() {
                listed.entry(model).or_default().insert(*key);
            }
        }
        let mut diff = ModelDiff::default();
        for model in kept {
            let before: BTreeSet<KeyId> = model.keys.iter().copied().collect();
            let mut after = listed.remove(&*model.model).unwrap_or_default();
            after.extend(before.iter().filter(|key| !asked.contains(key)));
            let is_listed = !after.is_empty();
            let is_changed = before != after;
            let difference = ModelDifference { model: model.model.clone(), before, after, vanished_ms: model.vanished_ms };
            match (model.removed_ms.is_some(), model.vanished_ms.is_some()) {
                (true, _) if is_listed || is_changed => diff.taken_out.push(difference),
                (false, true) if is_listed => diff.added.push(difference),
                (false, false) if !is_listed => diff.vanished.push(difference),
                (false, false) if is_changed => diff.changed.push(difference),
                _ => {}
            }
        }
        let new = listed.into_iter().map(|(model, after)| ModelDifference {
            model: model.to_owned(),
            before: BTreeSet::new(),
            after,
            vanished_ms: None,
        });
        diff.added.extend(new);
        diff.added.sort_by(|one, other| one.model.cmp(&other.model));
        diff
    }
}

/// What of a diff is taken over. What is not, stays as it is kept and is offered again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Which of the added models; `None` is all.
    pub added: Option<BTreeSet<String>>,
    /// Which of the vanished models; `None` is all.
    pub vanished: Option<BTreeSet<String>>,
    /// Which of the changed models; `None` is all.
    pub changed: Option<BTreeSet<String>>,
    /// Which of the added models are taken out at once, so that no later list brings them.
    pub refused: BTreeSet<String>,
}

impl Acceptance {
    /// The first name that the diff does not offer in its place.
    pub fn unknown_in(&self, diff: &ModelDiff) -> Option<(&'static str, &str)> {
        let parts = [
            ("added", self.added.as_ref(), &diff.added),
            ("vanished", self.vanished.as_ref(), &diff.vanished),
            ("changed", self.changed.as_ref(), &diff.changed),
            ("refused", Some(&self.refused), &diff.added),
        ];
        parts.into_iter().find_map(|(field, names, offered)| {
            let offered: HashSet<&str> = offered.iter().map(|difference| &*difference.model).collect();
            names?.iter().find(|name| !offered.contains(name.as_str())).map(|name| (field, name.as_str()))
        })
    }

    pub(super) fn adds(&self, model: &str) -> bool {
        !self.refuses(model) && takes(&self.added, model)
    }

    pub(super) fn refuses(&self, model: &str) -> bool {
        self.refused.contains(model)
    }

    pub(super) fn lets_vanish(&self, model: &str) -> bool {
        takes(&self.vanished, model)
    }

    pub(super) fn changes(&self, model: &str) -> bool {
        takes(&self.changed, model)
    }
}

fn takes(names: &Option<BTreeSet<String>>, model: &str) -> bool {
    names.as_ref().is_none_or(|names| names.contains(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(model: &str, keys: &[i64], vanished_ms: Option<i64>, removed_ms: Option<i64>) -> SyncedModel {
        let keys = keys.iter().map(|key| KeyId(*key)).collect();
        SyncedModel { model: model.to_owned(), first_seen_ms: 1, vanished_ms, removed_ms, keys }
    }

    fn list(key: i64, models: &[&str]) -> (KeyId, Arc<Vec<String>>) {
        (KeyId(key), Arc::new(models.iter().map(|model| (*model).to_owned()).collect()))
    }

    fn names(differences: &[ModelDifference]) -> String {
        differences.iter().map(|difference| &*difference.model).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_kept_and_what_is_listed_are_compared_by_model_and_key() {
        let before = [
            kept("back", &[], Some(5), None),
            kept("fewer", &[1, 2], None, None),
            kept("gone", &[1], None, None),
            kept("held by another", &[3], None, None),
            kept("long gone", &[], Some(5), None),
            kept("out", &[], None, Some(7)),
            kept("same", &[1], None, None),
        ];
        let diff = ModelDiff::between(&before, &[list(1, &["same", "new", "back", "out"]), list(2, &["fewer", "new"])]);
        assert_eq!(names(&diff.added), "back new");
        assert_eq!((diff.added[0].vanished_ms, diff.added[1].vanished_ms), (Some(5), None));
        assert_eq!(diff.added[1].after, [KeyId(1), KeyId(2)].into());
        assert_eq!(names(&diff.vanished), "gone", "a key that was not asked keeps its list");
        assert_eq!(names(&diff.changed), "fewer");
        assert_eq!((&diff.changed[0].before, &diff.changed[0].after), (&[KeyId(1), KeyId(2)].into(), &[KeyId(2)].into()));
        assert_eq!(names(&diff.taken_out), "out");
        assert_eq!(ModelDiff::between(&before, &[]), ModelDiff::default(), "nobody was asked");
    }

    #[test]
    fn only_what_is_offered_can_be_accepted() {
        let diff = ModelDiff::between(&[kept("gone", &[1], None, None)], &[list(1, &["new"])]);
        let named = |name: &str| Some([name.to_owned()].into());
        let accepts = |acceptance: Acceptance| acceptance.unknown_in(&diff).map(|(field, _)| field);
        assert_eq!(accepts(Acceptance { added: named("new"), vanished: named("gone"), ..Default::default() }), None);
        assert_eq!(accepts(Acceptance { added: named("gone"), ..Default::default() }), Some("added"));
        assert_eq!(accepts(Acceptance { vanished: named("new"), ..Default::default() }), Some("vanished"));
        assert_eq!(accepts(Acceptance { changed: named("new"), ..Default::default() }), Some("changed"));
        assert_eq!(accepts(Acceptance { refused: ["gone".to_owned()].into(), ..Default::default() }), Some("refused"));
    }
}
