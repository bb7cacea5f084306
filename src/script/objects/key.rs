//! `Key` and `Keys`: the keys that could serve an attempt, as a view. Nothing is copied but what a script looks at.

use std::fmt;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, NativeCallContext};

use super::list::StringList;
use crate::domain::{Key, KeyFacts, KeyId};
use crate::script::error::fault_at;
use crate::script::register::Registrar;
use crate::script::runtime::charge;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A key that could serve an attempt.
#[derive(Clone)]
pub struct Candidate {
    /// The key. Its secret is not shown to scripts.
    pub key: Arc<Key>,
    /// The provider's name.
    pub provider: Arc<str>,
    /// What changes about it.
    pub facts: KeyFacts,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Candidate").field("id", &self.key.id).field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// The keys that could serve an attempt. What implements this answers without copying or scanning the pool where it can.
pub trait Candidates: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The candidate at a position from 0. Another look may find another one there: calls go on meanwhile.
    fn get(&self, position: usize) -> Option<Candidate>;
    /// Whether a key is among them.
    fn contains(&self, key: KeyId) -> bool;
    /// Those that have a tag.
    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates>;
    /// The one with the fewest calls in flight for its weight.
    fn least_in_flight(&self) -> Option<Candidate>;
    /// The one with the lowest mean latency, as the strategy `fastest` finds it.
    fn fastest(&self) -> Option<Candidate>;
    /// The one that the model's own strategy would take.
    fn next(&self) -> Option<Candidate>;
    /// The one that the model's own strategy would take among these.
    fn next_among(&self, among: &[Candidate]) -> Option<Candidate>;
}

/// What a look at a key counts as, in units of [`charge`]: one step.
const CHARGED_AS: usize = 64;

/// The view that a script holds.
#[derive(Clone)]
pub struct Keys(pub(in crate::script) Arc<dyn Candidates>);

/// Candidates that were looked at and let through. What was looked at is kept: in the pool itself, keys come and go meanwhile.
struct Subset {
    of: Arc<dyn Candidates>,
    kept: Vec<Candidate>,
}

/// Those candidates of a view that have a tag, found by a look at each: for views that have no index for it. The script that
/// asks pays for every look, and the search ends when it has no more steps: it is stopped then.
pub fn tagged(of: Arc<dyn Candidates>, tag: &str) -> Arc<dyn Candidates> {
    let looks = (0..of.len()).map_while(|position| charge(0).is_ok().then(|| of.get(position)));
    let kept = looks.flatten().filter(|found| has_tag(found, tag)).collect();
    Arc::new(Subset { of, kept })
}

fn has_tag(candidate: &Candidate, tag: &str) -> bool {
    candidate.key.tags.iter().any(|own| own == tag)
}

impl Subset {
    /// Those that were kept, with a step for each that the script pays. One that has no more steps sees none, and is stopped.
    fn walked(&self) -> &[Candidate] {
        if charge(self.kept.len() * CHARGED_AS).is_ok() { &self.kept } else { &[] }
    }
}

impl Candidates for Subset {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.kept.get(position).cloned()
    }

    fn contains(&self, key: KeyId) -> bool {
        self.kept.iter().any(|candidate| candidate.key.id == key)
    }

    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates> {
        let kept = self.walked().iter().filter(|found| has_tag(found, tag)).cloned().collect();
        Arc::new(Subset { of: self.of.clone(), kept })
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        let load = |found: &Candidate| found.facts.in_flight as f64 / f64::from(found.key.weight.max(1));
        self.walked().iter().min_by(|one, other| load(one).total_cmp(&load(other))).cloned()
    }

    fn fastest(&self) -> Option<Candidate> {
        let latency = |found: &Candidate| found.facts.ewma_ms.unwrap_or(0.0);
        self.walked().iter().min_by(|one, other| latency(one).total_cmp(&latency(other))).cloned()
    }

    fn next(&self) -> Option<Candidate> {
        self.of.next_among(self.walked())
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        self.of.next_among(among)
    }
}

impl Keys {
    /// A candidate as scripts see it, with the steps that looking at it costs.
    fn get(&self, position: usize) -> Fallible<Option<Candidate>> {
        charge(0)?;
        Ok(self.0.get(position))
    }

    fn at(&self, index: i64) -> Fallible<Dynamic> {
        let at = if index < 0 { self.0.len() as i64 + index } else { index };
        let found = usize::try_from(at).ok().map(|position| self.get(position)).transpose()?;
        Ok(or_unit(found.flatten()))
    }

    fn filter(&self, ctx: &NativeCallContext<'_>, keep: &FnPtr) -> Fallible<Keys> {
        let mut kept = Vec::new();
        for position in 0..self.0.len() {
            let Some(candidate) = self.get(position)? else { continue };
            let answer: Dynamic = keep.call_within_context(ctx, (candidate.clone(),))?;
            if answer.as_bool().map_err(|_| fault_at("the function given to `filter` must answer true or false", &answer))? {
                kept.push(candidate);
            }
        }
        Ok(Keys(Arc::new(Subset { of: self.0.clone(), kept })))
    }

    fn min_by(&self, ctx: &NativeCallContext<'_>, measure: &FnPtr) -> Fallible<Dynamic> {
        let mut best: Option<(f64, Candidate)> = None;
        for position in 0..self.0.len() {
            let Some(candidate) = self.get(position)? else { continue };
            let answer: Dynamic = measure.call_within_context(ctx, (candidate.clone(),))?;
            let value = match (answer.as_int(), answer.as_float()) {
                (Ok(number), _) => number as f64,
                (_, Ok(number)) if !number.is_nan() => number,
                _ => return Err(fault_at("the function given to `min_by` must answer a number", &answer)),
            };
            if best.as_ref().is_none_or(|(least, _)| value < *least) {
                best = Some((value, candidate));
            }
        }
        Ok(or_unit(best.map(|(_, candidate)| candidate)))
    }
}

impl IntoIterator for Keys {
    type Item = Fallible<Dynamic>;
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        let len = self.0.len();
        Box::new((0..len).filter_map(move |position| self.get(position).map(|found| found.map(Dynamic::from)).transpose()))
    }
}

fn or_unit(candidate: Option<Candidate>) -> Dynamic {
    candidate.map_or(Dynamic::UNIT, Dynamic::from)
}

fn number(value: Option<u64>) -> Dynamic {
    value.map_or(Dynamic::UNIT, |value| Dynamic::from(value as i64))
}

fn text(value: &str) -> ImmutableString {
    value.into()
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    register_key(registrar);
    registrar
        .value::<Keys>(
            "Keys",
            "The keys that could serve this attempt: ready, allowed for the client and the model, not yet tried. It is a view: a \
             pool of 100,000 keys costs what the script looks at.",
        )
        .get("len: int", "How many there are.", |keys: &mut Keys| keys.0.len() as i64)
        .quietly(|engine| {
            engine.register_fn("len", |keys: &mut Keys| keys.0.len() as i64);
        })
        .get("is_empty: bool", "Whether there are none.", |keys: &mut Keys| keys.0.is_empty())
        .quietly(|engine| {
            engine.register_fn("is_empty", |keys: &mut Keys| keys.0.is_empty());
        })
        .method("get(index: int) -> Key", "The key at a position from 0; `()` outside.", |keys: &mut Keys, index: i64| {
            keys.at(index)
        })
        .syntax("keys[index]", "The same as `get`.", |engine| {
            engine.register_indexer_get(|keys: &mut Keys, index: i64| keys.at(index));
        })
        .syntax("for key in keys", "Walks over all of them: it costs as many steps as there are keys.", |engine| {
            engine.register_iterator_result::<Keys, Dynamic>();
        })
        .method("with_tag(tag: string) -> Keys", "Those that have a tag. The first tag is looked up; a further one costs a look at each key that is left.", |keys: &mut Keys, tag: &str| {
            Keys(keys.0.with_tag(tag))
        })
        .method(
            "filter(condition: function) -> Keys",
            "Those for which the function answers true, such as `keys.filter(|k| k.failures == 0)`. It looks at every key.",
            |ctx: NativeCallContext<'_>, keys: &mut Keys, keep: FnPtr| keys.filter(&ctx, &keep),
        )
        .method(
            "min_by(measure: function) -> Key",
            "The one for which the function answers the smallest number; `()` when there are none. It looks at every key.",
            |ctx: NativeCallContext<'_>, keys: &mut Keys, measure: FnPtr| keys.min_by(&ctx, &measure),
        )
        .method(
            "least_in_flight() -> Key",
            "The one with the fewest calls in flight for its weight; `()` when there are none.",
            |keys: &mut Keys| or_unit(keys.0.least_in_flight()),
        )
        .method(
            "fastest() -> Key",
            "The one with the lowest latency, as the strategy `fastest` finds it; `()` when there are none.",
            |keys: &mut Keys| or_unit(keys.0.fastest()),
        )
        .method(
            "next() -> Key",
            "The one that the model's own strategy takes among what is left; `()` when there are none.",
            |keys: &mut Keys| or_unit(keys.0.next()),
        );
}

fn register_key(registrar: &mut Registrar<'_>) {
    registrar
        .value::<Candidate>("Key", "A provider key. Scripts never see its secret.")
        .get("id: int", "Its id.", |key: &mut Candidate| key.key.id.0)
        .get("name: string", "The operator's name for it.", |key: &mut Candidate| text(&key.key.name))
        .get("provider: string", "The provider's name.", |key: &mut Candidate| text(&key.provider))
        .get("tags: StringList", "Its tags.", |key: &mut Candidate| StringList::Key(key.key.clone()))
        .get("weight: int", "Its share of calls relative to its peers.", |key: &mut Candidate| i64::from(key.key.weight))
        .get("priority: int", "Its order for the strategy `priority`; smaller is first.", |key: &mut Candidate| {
            i64::from(key.key.priority)
        })
        .get("in_flight: int", "Calls in flight.", |key: &mut Candidate| key.facts.in_flight as i64)
        .get("rpm_used: int", "Requests in the last 60 seconds.", |key: &mut Candidate| key.facts.rpm_used as i64)
        .get("tpm_used: int", "Tokens in the last 60 seconds.", |key: &mut Candidate| key.facts.tpm_used as i64)
        .get(
            "remaining_requests: int",
            "Requests that the provider says are left; `()` when it does not say.",
            |key: &mut Candidate| number(key.facts.remaining_requests),
        )
        .get(
            "remaining_tokens: int",
            "Tokens that the provider says are left; `()` when it does not say.",
            |key: &mut Candidate| number(key.facts.remaining_tokens),
        )
        .get("reset_at: int", "Unix milliseconds at which what is left is reset, or `()`.", |key: &mut Candidate| {
            key.facts.reset_at.map_or(Dynamic::UNIT, Dynamic::from)
        })
        .get("last_used: int", "Unix milliseconds of its last call, or `()`.", |key: &mut Candidate| {
            key.facts.last_used.map_or(Dynamic::UNIT, Dynamic::from)
        })
        .get(
            "ewma_ms: float",
            "Its mean latency in milliseconds, newer calls counting more, or `()`.",
            |key: &mut Candidate| key.facts.ewma_ms.map_or(Dynamic::UNIT, Dynamic::from),
        )
        .get("failures: int", "Failures in a row.", |key: &mut Candidate| key.facts.failures as i64)
        .quietly(|engine| {
            engine.register_fn("==", |key: &mut Candidate, other: Candidate| key.key.id == other.key.id);
            engine.register_fn("!=", |key: &mut Candidate, other: Candidate| key.key.id != other.key.id);
            let shown = |key: &mut Candidate| format!("key {} of {}", key.key.name, key.provider);
            engine.register_fn("to_string", shown);
            engine.register_fn("to_debug", shown);
        });
}
