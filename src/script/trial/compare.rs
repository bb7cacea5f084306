//! Two sets side by side: which of their decisions differ, how often, and what that would cost.

use std::collections::BTreeMap;

use super::input::TrialInput;
use super::installation::Installation;
use super::set::TrialSet;
use super::walk::{Ending, Walk};
use crate::domain::{CallId, Usage};

/// Most calls that are named for one difference.
const SAMPLES: usize = 5;
/// Most differences that are told apart; what comes on top is counted together.
const MOST_CHANGES: usize = 500;

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// Whether the request is sent, refused or answered.
    Ending,
    /// The model that serves it.
    Model,
    /// The provider that comes first.
    Provider,
    /// The key that a script chose.
    Key,
    /// The models to try afterwards.
    Fallbacks,
    /// The body.
    Body,
}

impl Aspect {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Ending => "reject",
            Aspect::Model => "model",
            Aspect::Provider => "provider",
            Aspect::Key => "key",
            Aspect::Fallbacks => "fallbacks",
            Aspect::Body => "body",
        }
    }
}

/// One difference, and how often it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeCount {
    /// What it is about.
    pub aspect: Aspect,
    /// What the live set decided.
    pub live: String,
    /// What the draft decided.
    pub draft: String,
    /// Calls.
    pub count: u64,
    /// The first of them.
    pub samples: Vec<CallId>,
}

/// What the compared calls would cost, as far as usage and prices are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostSums {
    /// Nano-dollars by the live set's decisions.
    pub live: i64,
    /// Nano-dollars by the draft's decisions.
    pub draft: i64,
    /// Calls that are in both sums.
    pub calls: u64,
    /// Calls whose usage or price is not known.
    pub unknown: u64,
}

/// Which decisions differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Calls that both sets decided alike.
    pub same: u64,
    /// Calls that they decided differently.
    pub different: u64,
    /// Calls that could not be judged because a script looked at a body that is not kept.
    pub needs_body: u64,
    /// Calls that could not be judged because a script looked at headers that are not kept.
    pub needs_headers: u64,
    /// Calls in which a hook of the live set failed.
    pub live_failures: u64,
    /// Calls in which a hook of the draft failed.
    pub draft_failures: u64,
    /// What they cost.
    pub cost: CostSums,
    /// Differences that were met after there were too many to tell apart.
    pub others: u64,
    changes: BTreeMap<(Aspect, String, String), (u64, Vec<CallId>)>,
}

impl Comparison {
    /// Calls that were looked at.
    pub fn calls(&self) -> u64 {
        self.same + self.different + self.needs_body + self.needs_headers
    }

    /// The differences, those met most often first.
    pub fn changes(&self) -> Vec<ChangeCount> {
        let change = |((aspect, live, draft), (count, samples)): (&(Aspect, String, String), &(u64, Vec<CallId>))| {
            ChangeCount { aspect: *aspect, live: live.clone(), draft: draft.clone(), count: *count, samples: samples.clone() }
        };
        let mut changes: Vec<_> = self.changes.iter().map(change).collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.count));
        changes
    }

    /// Counts a call that both sets have decided. `usage` is what it consumed.
    fn add(&mut self, call: CallId, live: &Walk, draft: &Walk, usage: Option<&Usage>) {
        self.live_failures += u64::from(live.failures().next().is_some());
        self.draft_failures += u64::from(draft.failures().next().is_some());
        if live.needed.headers || draft.needed.headers {
            self.needs_headers += 1;
            return;
        }
        if live.needed.body || draft.needed.body {
            self.needs_body += 1;
            return;
        }
        let differences = differences(live, draft);
        match differences.is_empty() {
            true => self.same += 1,
            false => self.different += 1,
        }
        for difference in differences {
            self.count(difference, call);
        }
        let costs = usage.map(|usage| (live.cost_nanodollars(usage), draft.cost_nanodollars(usage)));
        match costs {
            Some((Some(live), Some(draft))) => {
                self.cost.live += live;
                self.cost.draft += draft;
                self.cost.calls += 1;
            }
            _ => self.cost.unknown += 1,
        }
    }

    fn count(&mut self, difference: (Aspect, String, String), call: CallId) {
        if self.changes.len() >= MOST_CHANGES && !self.changes.contains_key(&difference) {
            self.others += 1;
            return;
        }
        let (count, samples) = self.changes.entry(difference).or_default();
        *count += 1;
        if samples.len() < SAMPLES {
            samples.push(call);
        }
    }
}

fn differences(live: &Walk, draft: &Walk) -> Vec<(Aspect, String, String)> {
    let (one, other) = (&live.decision, &draft.decision);
    if one.ending != other.ending {
        return vec![(Aspect::Ending, ending(&one.ending), ending(&other.ending))];
    }
    let name = |name: &Option<std::sync::Arc<str>>| name.as_deref().unwrap_or("none").to_owned();
    let key =
        |walk: &Walk| walk.decision.key.as_ref().map_or_else(|| "the strategy's".to_owned(), |(_, name)| name.to_string());
    let edits = |walk: &Walk| match walk.decision.body.len() {
        0 => "as it came".to_owned(),
        count => format!("{count} edits"),
    };
    let mut found = Vec::new();
    let mut compare = |aspect, differs: bool, live: String, draft: String| {
        if differs {
            found.push((aspect, live, draft));
        }
    };
    compare(Aspect::Model, one.model != other.model, name(&one.model), name(&other.model));
    compare(Aspect::Provider, one.provider != other.provider, name(&one.provider), name(&other.provider));
    let same_key = one.key.as_ref().map(|(id, _)| id) == other.key.as_ref().map(|(id, _)| id);
    compare(Aspect::Key, !same_key, key(live), key(draft));
    compare(Aspect::Fallbacks, one.fallbacks != other.fallbacks, one.fallbacks.join(", "), other.fallbacks.join(", "));
    compare(Aspect::Body, one.body != other.body, edits(live), edits(draft));
    found
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Sent => "sent".to_owned(),
        Ending::Rejected { status, code } => format!("rejected: {status} {code}"),
        Ending::Answered { status } => format!("answered: {status}"),
        Ending::Failed => "refused: a hook failed".to_owned(),
        Ending::Nowhere(why) => format!("refused: {}", why.0),
    }
}

/// The live set and a draft, walking the same requests.
pub struct SideBySide {
    live: TrialSet,
    draft: TrialSet,
    comparison: Comparison,
}

impl SideBySide {
    /// Nothing compared yet. Both sets' stores stay with them, so requests are to come in the order in which they began.
    pub fn new(live: TrialSet, draft: TrialSet) -> Self {
        SideBySide { live, draft, comparison: Comparison::default() }
    }

    /// Lets both sets decide about a request. `usage` is what it consumed, where that is known.
    pub fn compare(&mut self, input: &TrialInput, usage: Option<&Usage>, installation: &dyn Installation) {
        let (live, draft) = (self.live.walk(input, installation), self.draft.walk(input, installation));
        self.comparison.add(input.request.id, &live, &draft, usage);
    }

    /// Compares with another live set from now on.
    pub(super) fn set_live(&mut self, live: TrialSet) {
        self.live = live;
    }

    /// What was found so far.
    pub fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    /// The live set.
    pub fn live(&self) -> &TrialSet {
        &self.live
    }

    /// The draft.
    pub fn draft(&self) -> &TrialSet {
        &self.draft
    }
}
