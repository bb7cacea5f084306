//! By what calls are summed, and over which lengths of time.

use std::sync::Arc;

use super::sums::Addition;
use crate::domain::{AttemptRecord, CallRecord, Outcome, Ref};

/// By what calls are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// All calls together.
    Total,
    /// The provider of the last attempt.
    Provider,
    /// The key of the last attempt.
    Key,
    /// The model's name in the request.
    Model,
    /// The provider's own name of the model that served.
    ServedModel,
    /// The provider of the last attempt together with its own name of the model.
    ProviderModel,
    /// The client.
    Client,
    /// How calls ended.
    Outcome,
    /// The HTTP status that the client saw.
    Status,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 9] = [
        Dimension::Total,
        Dimension::Provider,
        Dimension::Key,
        Dimension::Model,
        Dimension::ServedModel,
        Dimension::ProviderModel,
        Dimension::Client,
        Dimension::Outcome,
        Dimension::Status,
    ];

    /// The name in tables and in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Total => "total",
            Dimension::Provider => "provider",
            Dimension::Key => "key",
            Dimension::Model => "model",
            Dimension::ServedModel => "served_model",
            Dimension::ProviderModel => "provider_model",
            Dimension::Client => "client",
            Dimension::Outcome => "outcome",
            Dimension::Status => "status",
        }
    }
}

/// The length of a bucket of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Level {
    Minute,
    Quarter,
    Hour,
    Day,
    /// All time in one bucket, which begins at 0; by client only.
    Ever,
}

impl Level {
    /// The levels of every dimension.
    pub(super) const ALL: [Level; 4] = [Level::Minute, Level::Quarter, Level::Hour, Level::Day];

    pub(super) fn seconds(self) -> i64 {
        match self {
            Level::Minute => 60,
            Level::Quarter => 900,
            Level::Hour => 3600,
            Level::Day => 86_400,
            Level::Ever => i64::MAX,
        }
    }

    /// Where the bucket of a unix second begins.
    pub(super) fn floor(self, second: i64) -> i64 {
        second - second.rem_euclid(self.seconds())
    }

    pub(super) fn ceil(self, second: i64) -> i64 {
        self.floor(second + self.seconds() - 1)
    }

    /// The next finer level.
    pub(super) fn finer(self) -> Option<Self> {
        match self {
            Level::Minute => None,
            Level::Quarter => Some(Level::Minute),
            Level::Hour => Some(Level::Quarter),
            Level::Day => Some(Level::Hour),
            Level::Ever => Some(Level::Day),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Level::Minute => "minute",
            Level::Quarter => "quarter",
            Level::Hour => "hour",
            Level::Day => "day",
            Level::Ever => "ever",
        }
    }
}

/// The table of a dimension and a level.
pub(super) fn table(dimension: Dimension, level: Level) -> String {
    format!("{}_{}", dimension.as_str(), level.as_str())
}

/// The member of a dimension that a call without one (no client, no key) is counted for, so that every dimension adds
/// up to the total.
pub(super) const NO_MEMBER: i64 = 0;

/// A member as a record names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Member<'r> {
    None,
    /// A row of the catalog, and its name.
    Row(i64, &'r Arc<str>),
    /// A model's name.
    Name(&'r Arc<str>),
    /// A model's name at a provider, by that one's row.
    NameAt(i64, &'r Arc<str>),
    /// An outcome, by its place, or a status: what has no name but its number.
    Number(i64),
}

/// The row of the provider and the model's name, out of a name such as `7/gpt-4o-mini`.
pub(super) fn split_name(name: &str) -> (Option<i64>, Arc<str>) {
    let (provider, model) = name.split_once('/').unwrap_or(("", name));
    (provider.parse().ok(), model.into())
}

/// Calls `add` with everything that one call adds, for each dimension and member.
///
/// By key and by provider a call counts for the last attempt's, and each attempt for its own.
pub(super) fn contributions(record: &CallRecord, mut add: impl FnMut(Dimension, Member<'_>, &Addition)) {
    let alone = Addition::of_call(record);
    let of_all = alone.with_attempts(record.attempts.len(), failures(record, |_| true));
    shared(record, &of_all, &mut add);
    let (provider, key) = (record.provider.as_ref().map(|named| named.id), record.key.as_ref().map(|named| named.id));
    let of_provider = |attempt: &AttemptRecord| Some(attempt.provider.id) == provider;
    let of_key = |attempt: &AttemptRecord| Some(attempt.key.id) == key;
    let own = |is_own: &dyn Fn(&AttemptRecord) -> bool| {
        alone.with_attempts(record.attempts.iter().filter(|attempt| is_own(attempt)).count(), failures(record, is_own))
    };
    add(Dimension::Provider, row(&record.provider, |id| id.0), &own(&of_provider));
    add(Dimension::Key, row(&record.key, |id| id.0), &own(&of_key));
    for attempt in &record.attempts {
        let one = Addition::default().with_attempts(1, usize::from(attempt.verdict.is_some()));
        if !of_provider(attempt) {
            add(Dimension::Provider, Member::Row(attempt.provider.id.0, &attempt.provider.name), &one);
        }
        if !of_key(attempt) {
            add(Dimension::Key, Member::Row(attempt.key.id.0, &attempt.key.name), &one);
        }
    }
}

/// Calls `add` with the difference that a later usage makes.
pub(super) fn differences(before: &CallRecord, now: &CallRecord, mut add: impl FnMut(Dimension, Member<'_>, &Addition)) {
    let difference = Addition::of_amendment(before, now);
    shared(now, &difference, &mut add);
    add(Dimension::Provider, row(&now.provider, |id| id.0), &difference);
    add(Dimension::Key, row(&now.key, |id| id.0), &difference);
}

/// The dimensions in which a call has one member, whatever its attempts were.
fn shared(record: &CallRecord, addition: &Addition, add: &mut impl FnMut(Dimension, Member<'_>, &Addition)) {
    add(Dimension::Total, Member::None, addition);
    add(Dimension::Model, name(&record.model_asked), addition);
    add(Dimension::ServedModel, name(&record.model_served), addition);
    add(Dimension::ProviderModel, provider_model(record), addition);
    add(Dimension::Client, row(&record.client, |id| id.0), addition);
    add(Dimension::Outcome, outcome(record), addition);
    add(Dimension::Status, Member::Number(record.status.into()), addition);
}

fn failures(record: &CallRecord, counts: impl Fn(&AttemptRecord) -> bool) -> usize {
    record.attempts.iter().filter(|attempt| attempt.verdict.is_some() && counts(attempt)).count()
}

fn name(name: &Option<Arc<str>>) -> Member<'_> {
    name.as_ref().map_or(Member::None, Member::Name)
}

fn provider_model(record: &CallRecord) -> Member<'_> {
    match (&record.provider, &record.model_served) {
        (Some(provider), Some(model)) => Member::NameAt(provider.id.0, model),
        _ => Member::None,
    }
}

fn row<Id: Copy>(named: &Option<Ref<Id>>, number: impl FnOnce(Id) -> i64) -> Member<'_> {
    named.as_ref().map_or(Member::None, |named| Member::Row(number(named.id), &named.name))
}

fn outcome(record: &CallRecord) -> Member<'static> {
    let place = Outcome::ALL.iter().position(|outcome| *outcome == record.outcome);
    // Places count from 1: 0 is no member.
    Member::Number(place.map_or(NO_MEMBER, |place| place as i64 + 1))
}
