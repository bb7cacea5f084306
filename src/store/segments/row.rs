//! A call as a row: written and read in one order of columns. The columns of a list's line come first.

use std::borrow::Cow;
use std::net::IpAddr;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use uuid::Uuid;

use super::columns::{RowReader, RowWriter, json_unless, unreadable};
use super::names::{Name, NameWriter};
use super::summary::CallSummary;
use crate::domain::{
    Api, BodyCapture, CallId, CallRecord, ClientId, Cost, KeyId, Nanodollars, Outcome, ProviderId, Ref, Usage, UsageQuality,
};

/// The columns of [`CallSummary`], in the order of [`read_summary`].
pub(super) const SUMMARY_COLUMNS: &str = "id, started_ms, total_us, first_token_us, method, path, api, stream, status, outcome, \
     error_code, client_id, client_name, model_asked, model_served, provider_id, provider_name, key_id, key_name, attempts, \
     probe, blank, cost, input, output, cached_read, reasoning, usage_quality, bytes_in, bytes_out, tags";
/// The further columns of a whole record, in the order of [`read_call`].
pub(super) const DETAIL_COLUMNS: &str = "client_request_id, upstream_request_id, client_ip, usage_partial, cache_write, \
     audio_input, audio_output, image_input, image_output, pictures, audio_ms, characters, usage_raw, error_message, \
     attributes, dropped_headers, script_notes, headers, estimated_tokens";
const COLUMNS: usize = 1 + 31 + 19;
/// Columns that came with a later version of a segment, and with which.
const LATER_COLUMNS: [(&str, i64); 3] = [(", script_notes", 2), (", headers", 3), (", estimated_tokens", 4)];

/// The further columns of a whole record in a segment of a version: nobody but its writer changes a file, so an old one has none
/// of the later columns.
pub(super) fn detail_columns(version: i64) -> Cow<'static, str> {
    let missing = LATER_COLUMNS.iter().filter(|(_, since)| version < *since);
    missing.fold(DETAIL_COLUMNS.into(), |columns, (column, _)| columns.replace(column, ", NULL").into())
}

/// The statement that inserts a call, unless a call of that id is there already.
pub(super) fn prepare_insert(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    let places = vec!["?"; COLUMNS].join(", ");
    connection.prepare_cached(&format!(
        "INSERT INTO calls (seq, {SUMMARY_COLUMNS}, {DETAIL_COLUMNS}) VALUES ({places}) ON CONFLICT (id) DO NOTHING"
    ))
}

/// Inserts a call without its attempts; `false` when it is there already.
pub(super) fn insert_call(
    statement: &mut CachedStatement<'_>,
    connection: &Connection,
    names: &mut NameWriter,
    seq: i64,
    record: &CallRecord,
) -> rusqlite::Result<bool> {
    let mut row = RowWriter::new(statement);
    row.put(seq)?;
    row.put(Id(record.id))?;
    row.put(record.started_ms)?;
    row.put_count(record.total_us)?;
    row.put_some_count(record.first_token_us)?;
    row.put(names.intern(connection, &record.method)?)?;
    row.put(names.intern(connection, &record.path)?)?;
    row.put(names.intern(connection, record.api.as_str())?)?;
    row.put(record.stream)?;
    row.put(record.status)?;
    row.put(names.intern(connection, record.outcome.as_str())?)?;
    row.put(some_name(names, connection, record.error_code.as_deref())?)?;
    row.put_ref(some_ref(names, connection, &record.client, |id| id.0)?)?;
    row.put(some_name(names, connection, record.model_asked.as_deref())?)?;
    row.put(some_name(names, connection, record.model_served.as_deref())?)?;
    row.put_ref(some_ref(names, connection, &record.provider, |id| id.0)?)?;
    row.put_ref(some_ref(names, connection, &record.key, |id| id.0)?)?;
    row.put(record.attempts.len() as i64)?;
    row.put(record.probe)?;
    row.put(record.blank)?;
    row.put(record.cost.known().map(|amount| amount.0))?;
    let usage = &record.usage;
    for count in [usage.input, usage.output, usage.cached_read, usage.reasoning] {
        row.put_some_count(count)?;
    }
    row.put(quality_number(usage.quality))?;
    row.put_count(record.bytes_in)?;
    row.put_count(record.bytes_out)?;
    row.put(json_unless(record.tags.is_empty(), &record.tags)?)?;
    row.put(&record.client_request_id)?;
    row.put(&record.upstream_request_id)?;
    row.put(record.client_ip.map(Address::from))?;
    row.put(usage.partial)?;
    for count in detail_counts(usage) {
        row.put_some_count(count)?;
    }
    row.put(usage.raw.as_deref())?;
    row.put(&record.error_message)?;
    row.put(&record.attributes)?;
    let dropped = (!record.dropped_headers.is_empty()).then(|| record.dropped_headers.join(","));
    row.put(some_name(names, connection, dropped.as_deref())?)?;
    row.put(json_unless(record.script_notes.is_empty(), &record.script_notes)?)?;
    let headers = json_unless(record.headers.is_empty(), &record.headers)?;
    row.put(some_name(names, connection, headers.as_deref())?)?;
    row.put_some_count(record.estimated_tokens)?;
    row.insert()
}

/// Changes what a call consumed and cost.
pub(super) fn update_usage(connection: &Connection, seq: i64, usage: &Usage, cost: Cost) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE calls SET cost = ?, input = ?, output = ?, cached_read = ?, reasoning = ?, usage_quality = ?, \
         usage_partial = ?, cache_write = ?, audio_input = ?, audio_output = ?, image_input = ?, image_output = ?, \
         pictures = ?, audio_ms = ?, characters = ?, usage_raw = ? WHERE seq = ?",
    )?;
    let mut row = RowWriter::new(&mut statement);
    row.put(cost.known().map(|amount| amount.0))?;
    for count in [usage.input, usage.output, usage.cached_read, usage.reasoning] {
        row.put_some_count(count)?;
    }
    row.put(quality_number(usage.quality))?;
    row.put(usage.partial)?;
    for count in detail_counts(usage) {
        row.put_some_count(count)?;
    }
    row.put(usage.raw.as_deref())?;
    row.put(seq)?;
    row.insert().map(drop)
}

fn detail_counts(usage: &Usage) -> [Option<u64>; 8] {
    [
        usage.cache_write,
        usage.audio_input,
        usage.audio_output,
        usage.image_input,
        usage.image_output,
        usage.pictures,
        usage.audio_ms,
        usage.characters,
    ]
}

/// Reads the columns of a list's line.
pub(super) fn read_summary(row: &mut RowReader<'_>) -> rusqlite::Result<CallSummary> {
    Ok(CallSummary {
        id: CallId(Uuid::from_bytes(row.take()?)),
        started_ms: row.take()?,
        total_us: row.take_count()?,
        first_token_us: row.take_some_count()?,
        method: row.take_name()?,
        path: row.take_name()?,
        api: Api::parse(&row.take_name()?).ok_or_else(|| unreadable(6, "no API has this name"))?,
        stream: row.take()?,
        status: row.take()?,
        outcome: Outcome::parse(&row.take_name()?).ok_or_else(|| unreadable(9, "no outcome has this name"))?,
        error_code: row.take_some_name()?,
        client: row.take_some_ref(ClientId)?,
        model_asked: row.take_some_name()?,
        model_served: row.take_some_name()?,
        provider: row.take_some_ref(ProviderId)?,
        key: row.take_some_ref(KeyId)?,
        attempts: row.take()?,
        probe: row.take()?,
        blank: row.take()?,
        cost: row.take::<Option<i64>>()?.map_or(Cost::Unknown, |amount| Cost::Known(Nanodollars(amount))),
        input: row.take_some_count()?,
        output: row.take_some_count()?,
        cached_read: row.take_some_count()?,
        reasoning: row.take_some_count()?,
        usage_quality: read_quality(row.take()?)?,
        bytes_in: row.take_count()?,
        bytes_out: row.take_count()?,
        tags: row.take_json()?,
    })
}

/// Reads a whole record, without its attempts and bodies.
pub(super) fn read_call(row: &mut RowReader<'_>) -> rusqlite::Result<CallRecord> {
    let line = read_summary(row)?;
    Ok(CallRecord {
        id: line.id,
        started_ms: line.started_ms,
        total_us: line.total_us,
        first_token_us: line.first_token_us,
        method: line.method,
        path: line.path.to_string(),
        api: line.api,
        stream: line.stream,
        client: line.client,
        model_asked: line.model_asked,
        model_served: line.model_served,
        provider: line.provider,
        key: line.key,
        status: line.status,
        outcome: line.outcome,
        error_code: line.error_code,
        cost: line.cost,
        bytes_in: line.bytes_in,
        bytes_out: line.bytes_out,
        blank: line.blank,
        probe: line.probe,
        client_request_id: row.take()?,
        upstream_request_id: row.take()?,
        client_ip: row.take::<Option<StoredAddress>>()?.map(|address| address.0),
        usage: Usage {
            input: line.input,
            output: line.output,
            cached_read: line.cached_read,
            reasoning: line.reasoning,
            quality: line.usage_quality,
            partial: row.take()?,
            cache_write: row.take_some_count()?,
            audio_input: row.take_some_count()?,
            audio_output: row.take_some_count()?,
            image_input: row.take_some_count()?,
            image_output: row.take_some_count()?,
            pictures: row.take_some_count()?,
            audio_ms: row.take_some_count()?,
            characters: row.take_some_count()?,
            raw: row.take::<Option<String>>()?.map(String::into_boxed_str),
        },
        error_message: row.take()?,
        tags: line.tags,
        attributes: row.take()?,
        dropped_headers: row.take_some_name()?.map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        script_notes: row.take_json()?,
        headers: row.take_json_name()?,
        estimated_tokens: row.take_some_count()?,
        attempts: Vec::new(),
        bodies: BodyCapture::default(),
        trace: None,
    })
}

pub(super) fn some_name<'t>(
    names: &mut NameWriter,
    connection: &Connection,
    text: Option<&'t str>,
) -> rusqlite::Result<Option<Name<'t>>> {
    text.map(|text| names.intern(connection, text)).transpose()
}

fn some_ref<'t, Id: Copy>(
    names: &mut NameWriter,
    connection: &Connection,
    named: &'t Option<Ref<Id>>,
    number: impl FnOnce(Id) -> i64,
) -> rusqlite::Result<Option<(i64, Name<'t>)>> {
    let Some(named) = named else { return Ok(None) };
    Ok(Some((number(named.id), names.intern(connection, &named.name)?)))
}

fn quality_number(quality: UsageQuality) -> i64 {
    match quality {
        UsageQuality::Unknown => 0,
        UsageQuality::Estimated => 1,
        UsageQuality::Exact => 2,
    }
}

fn read_quality(number: i64) -> rusqlite::Result<UsageQuality> {
    match number {
        0 => Ok(UsageQuality::Unknown),
        1 => Ok(UsageQuality::Estimated),
        2 => Ok(UsageQuality::Exact),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
    }
}

/// A call id as its 16 bytes, whose order is that of time.
pub(super) struct Id(pub(super) CallId);

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.0.as_bytes())))
    }
}

/// An address as its 4 or 16 bytes.
struct Address {
    bytes: [u8; 16],
    length: usize,
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        let mut bytes = [0; 16];
        let length = match address {
            IpAddr::V4(address) => {
                bytes[..4].copy_from_slice(&address.octets());
                4
            }
            IpAddr::V6(address) => {
                bytes = address.octets();
                16
            }
        };
        Address { bytes, length }
    }
}

impl ToSql for Address {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.bytes[..self.length])))
    }
}

struct StoredAddress(IpAddr);

impl rusqlite::types::FromSql for StoredAddress {
    fn column_result(value: ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        if let Ok(four) = <[u8; 4]>::try_from(bytes) {
            return Ok(StoredAddress(four.into()));
        }
        let sixteen = <[u8; 16]>::try_from(bytes).map_err(|_| rusqlite::types::FromSqlError::InvalidType)?;
        Ok(StoredAddress(sixteen.into()))
    }
}
