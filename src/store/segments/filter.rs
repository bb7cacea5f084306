//! Which calls a list shows, as conditions on columns.

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use super::attempt::MOST_ATTEMPTS;
use super::body_text::BodyText;
use super::names::NameReader;
use crate::domain::{Api, ClientId, KeyId, Nanodollars, Outcome, ProviderId};

/// Which calls a list shows. Every part that is given must hold; nothing given is every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Calls that began at or after this unix millisecond.
    pub from_ms: Option<i64>,
    /// Calls that began before this unix millisecond.
    pub to_ms: Option<i64>,
    /// Any of these outcomes; empty is any.
    pub outcomes: Vec<Outcome>,
    /// The least and the greatest HTTP status.
    pub status: Option<(u16, u16)>,
    /// The error's code.
    pub error_code: Option<String>,
    /// The API.
    pub api: Option<Api>,
    /// The model's name in the request.
    pub model_asked: Option<String>,
    /// The provider's own name of the model.
    pub model_served: Option<String>,
    /// The client.
    pub client: Option<ClientId>,
    /// The key of the last attempt.
    pub key: Option<KeyId>,
    /// The key of any attempt.
    pub attempted_key: Option<KeyId>,
    /// The provider of the last attempt.
    pub provider: Option<ProviderId>,
    /// Whether the client asked for a stream.
    pub stream: Option<bool>,
    /// Whether it was Keywheel's own probe.
    pub probe: Option<bool>,
    /// Calls with every one of these labels.
    pub tags: Vec<String>,
    /// Calls that cost at least this; a call of unknown cost is none.
    pub min_cost: Option<Nanodollars>,
    /// Calls that cost at most this; a call of unknown cost is none.
    pub max_cost: Option<Nanodollars>,
    /// Calls that took at least so many microseconds.
    pub min_total_us: Option<u64>,
    /// Calls that took at most so many microseconds.
    pub max_total_us: Option<u64>,
    /// Calls with at least so many input and output tokens; a call of unknown usage is none.
    pub min_tokens: Option<u64>,
    /// Calls with at most so many input and output tokens; a call of unknown usage is none.
    pub max_tokens: Option<u64>,
    /// Calls that took at least so many attempts.
    pub min_attempts: Option<u32>,
    /// Calls that took at most so many attempts.
    pub max_attempts: Option<u32>,
    /// The client's or the provider's request id.
    pub request_id: Option<String>,
    /// Calls of which a body is kept that has this text, in any case.
    pub text: Option<BodyText>,
}

/// All tokens of a call; NULL where neither count is known. A count that no signed number can hold is stored as a negative one.
macro_rules! tokens {
    () => {
        "CASE WHEN input < 0 OR output < 0 THEN 9223372036854775807 \
         ELSE coalesce(input, 0) + coalesce(output, 0) + coalesce(input, output) * 0 END"
    };
}

/// Conditions with their values, in the order of the `?`.
pub(super) struct Conditions {
    clauses: Vec<&'static str>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    /// The filter in the numbers of one segment.
    pub(super) fn of(filter: &CallFilter, connection: &Connection) -> rusqlite::Result<Self> {
        let mut all = Conditions { clauses: Vec::new(), values: Vec::new() };
        if !filter.outcomes.is_empty() {
            // At most eight outcomes exist; the list is padded with NULL, which equals nothing.
            let mut numbers = vec![Value::Null; Outcome::ALL.len()];
            for (place, outcome) in numbers.iter_mut().zip(&filter.outcomes) {
                *place = NameReader::number(connection, outcome.as_str())?.map_or(Value::Null, Value::Integer);
            }
            all.add("outcome IN (?, ?, ?, ?, ?, ?, ?, ?)", numbers);
        }
        if let Some((least, greatest)) = filter.status {
            all.add("status BETWEEN ? AND ?", [i64::from(least).into(), i64::from(greatest).into()]);
        }
        all.add_name("error_code IN (?, ?)", filter.error_code.as_deref(), connection)?;
        all.add_name("api IN (?, ?)", filter.api.map(Api::as_str), connection)?;
        all.add_name("model_asked IN (?, ?)", filter.model_asked.as_deref(), connection)?;
        all.add_name("model_served IN (?, ?)", filter.model_served.as_deref(), connection)?;
        all.add_some("client_id = ?", filter.client.map(|id| id.0));
        all.add_some("key_id = ?", filter.key.map(|id| id.0));
        all.add_some("provider_id = ?", filter.provider.map(|id| id.0));
        all.add_some("stream = ?", filter.stream.map(i64::from));
        all.add_some("probe = ?", filter.probe.map(i64::from));
        for tag in &filter.tags {
            all.add("EXISTS (SELECT 1 FROM json_each(calls.tags) WHERE value = ?)", [Value::Text(tag.clone())]);
        }
        let count = |count: Option<u64>| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        all.add_some("cost >= ?", filter.min_cost.map(|amount| amount.0));
        all.add_some("cost <= ?", filter.max_cost.map(|amount| amount.0));
        all.add_some("total_us >= ?", count(filter.min_total_us));
        all.add_some("total_us <= ?", count(filter.max_total_us));
        all.add_some(concat!(tokens!(), " >= ?"), count(filter.min_tokens));
        all.add_some(concat!(tokens!(), " <= ?"), count(filter.max_tokens));
        all.add_some("calls.attempts >= ?", filter.min_attempts.map(i64::from));
        all.add_some("calls.attempts <= ?", filter.max_attempts.map(i64::from));
        if let Some(id) = &filter.request_id {
            let id = Value::Text(id.clone());
            all.add("(client_request_id = ? OR upstream_request_id = ?)", [id.clone(), id]);
        }
        if let Some(key) = filter.attempted_key {
            let most = Value::Integer(MOST_ATTEMPTS);
            all.add(
                "EXISTS (SELECT 1 FROM attempts WHERE attempts.id >= calls.seq * ? AND attempts.id < (calls.seq + 1) * ? \
                 AND attempts.key_id = ?)",
                [most.clone(), most, key.0.into()],
            );
        }
        Ok(all)
    }

    /// ` AND …` for a statement.
    pub(super) fn sql(&self) -> String {
        self.clauses.iter().map(|clause| format!(" AND {clause}")).collect()
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.values.iter().map(|value| value as &dyn ToSql)
    }

    fn add(&mut self, clause: &'static str, values: impl IntoIterator<Item = Value>) {
        self.clauses.push(clause);
        self.values.extend(values);
    }

    fn add_some(&mut self, clause: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(clause, [Value::Integer(value)]);
        }
    }

    /// A text matches its number, and itself in rows that were written when the table of names was full.
    fn add_name(&mut self, clause: &'static str, text: Option<&str>, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(text) = text {
            let number = NameReader::number(connection, text)?.map_or(Value::Null, Value::Integer);
            self.add(clause, [number, Value::Text(text.to_owned())]);
        }
        Ok(())
    }
}
