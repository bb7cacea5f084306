//! A logged call as scripts would be shown it once more.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{AttemptRecord, CallRecord, Client, Ref, Snapshot, StoredBody};
use crate::script::{AttemptErrorParts, Missing, RequestParts, ResponseParts, Scripts, TrialEvent, TrialInput};

/// Values of a body that a script may look at.
pub(super) const BODY_VALUES: usize = 200_000;

/// Events of a logged stream that a draft is shown.
const MOST_EVENTS: usize = 100;

/// Why a logged call has nothing to say about scripts.
pub(super) fn is_skipped(record: &CallRecord) -> bool {
    let is_answered_here = &*record.method != "POST" && record.path.starts_with("/v1/models");
    record.probe || record.client.is_none() || is_answered_here
}

/// What is known of a logged call: its client by today's catalog; its body, and those of its headers, that were kept.
pub(super) fn input(record: CallRecord, snapshot: &Snapshot, scripts: &Scripts) -> TrialInput {
    let body = request_body(&record);
    let request = RequestParts {
        id: record.id,
        method: record.method.clone(),
        path: record.path.as_str().into(),
        model: record.model_asked.clone(),
        stream: record.stream,
        client: record.client.as_ref().map(|client| client_of(client, snapshot)),
        client_ip: record.client_ip,
        headers: Arc::new(record.headers.to_map()),
        estimated_tokens: estimated_tokens(&record, body.as_ref(), scripts),
        body: body.clone().unwrap_or_default(),
        body_values: BODY_VALUES,
    };
    TrialInput {
        missing: Missing { body: body.is_none(), headers: true },
        headers: Arc::new(record.headers.clone()),
        at_ms: record.started_ms,
        errors: record.attempts.iter().filter_map(error).collect(),
        response: response(&record),
        request,
        record: Some(Box::new(record)),
        ..TrialInput::default()
    }
}

fn request_body(record: &CallRecord) -> Option<Bytes> {
    match &record.bodies.request {
        // A body that was packed, or is no JSON, is nothing that scripts were shown as it lies here.
        Some(body) => whole(body).filter(|bytes| bytes.trim_ascii_start().first() == Some(&b'{')),
        None => (record.bytes_in == 0).then(Bytes::new),
    }
}

fn whole(body: &StoredBody) -> Option<Bytes> {
    (!body.truncated).then(|| body.bytes.clone())
}

/// The number that scripts were told when the call was made. Records of older versions do not have it: it is counted again from a
/// body that is kept, and else what comes nearest is what the provider counted.
fn estimated_tokens(record: &CallRecord, body: Option<&Bytes>, scripts: &Scripts) -> u64 {
    let counted = || body.map(|body| scripts.estimate_request(&record.path, body));
    let nearest = || record.usage.input.unwrap_or(record.bytes_in / 4);
    record.estimated_tokens.or_else(counted).unwrap_or_else(nearest)
}

/// The events of a streamed answer, as the client got them: the first of those that are kept.
pub(super) fn events(record: &CallRecord) -> Vec<TrialEvent> {
    let body = record.bodies.response.as_ref().filter(|_| record.stream);
    let text = body.map(|body| String::from_utf8_lossy(&body.bytes).replace("\r\n", "\n")).unwrap_or_default();
    // What follows the last blank line may be half an event.
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let field = |line: &str, name: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let event = |text: &str| {
        let data: Vec<String> = text.lines().filter_map(|line| field(line, "data")).collect();
        let name = text.lines().find_map(|line| field(line, "event"));
        (!data.is_empty()).then(|| TrialEvent { name, data: data.join("\n").into() })
    };
    whole.split("\n\n").filter_map(event).take(MOST_EVENTS).collect()
}

fn client_of(client: &Ref<crate::domain::ClientId>, snapshot: &Snapshot) -> Arc<Client> {
    let gone = || Arc::new(Client { id: client.id, ..Client::new(&*client.name, [0; 32], "") });
    snapshot.client(client.id).cloned().unwrap_or_else(gone)
}

fn error(attempt: &AttemptRecord) -> Option<AttemptErrorParts> {
    attempt.verdict.as_ref()?;
    let message = attempt.message.clone().unwrap_or_default();
    let said = serde_json::from_str::<serde_json::Value>(&message).unwrap_or_default();
    let word = |name: &str| said["error"][name].as_str().map(str::to_owned);
    Some(AttemptErrorParts {
        status: attempt.status,
        code: word("code"),
        kind: word("type"),
        elapsed_ms: attempt.timings.last_byte_us.unwrap_or(0) / 1_000,
        message,
        ..AttemptErrorParts::default()
    })
}

/// The answer: its head, and its body where that is kept and was no stream.
fn response(record: &CallRecord) -> Option<ResponseParts> {
    let body = record.bodies.response.as_ref().and_then(whole).filter(|_| !record.stream);
    let is_known = record.stream || body.is_some();
    let parts = ResponseParts { status: record.status, headers: Arc::default(), body, body_values: BODY_VALUES };
    (is_known && !record.attempts.is_empty()).then_some(parts)
}
