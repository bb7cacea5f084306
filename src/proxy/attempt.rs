//! One attempt: send, wait for the head, and hold the answer back until it is worth committing to.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::call::Call;
use super::error::ProxyError;
use super::hooks::{chunk_editor, on_upstream_request};
use super::meter::{Meter, RequestFacts};
use super::plan::{Payload, Plan};
use super::relay::Look;
use super::watch::Watch;
use crate::domain::{Api, Key};
use crate::outbound::{BodyError, SendError, SendRequest, UpstreamBody, upstream_request_id};
use crate::rotator::{Lease, holds_secret, without_secret};

/// Longest plain answer that is held whole before it is sent, so that an error inside can go to the next key, in bytes.
const WHOLE_BYTES: usize = 1024 * 1024;
/// Most bytes of a failed answer that are read and passed on.
const FAILURE_BYTES: usize = 1024 * 1024;
/// Longest wait for the body of a failed answer.
const FAILURE_WAIT: Duration = Duration::from_secs(10);
/// Most bytes of an answer with pictures that are kept for the meter, since it must count them.
const PICTURES_BYTES: usize = 48 * 1024 * 1024;
/// Bytes kept of the end of any other long answer: usage stands there.
const END_BYTES: usize = 64 * 1024;

/// An answer's head.
pub(super) struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// An answer that an attempt commits to.
#[expect(clippy::large_enum_variant, reason = "there is one for each call, and the large variant is the common one")]
pub(super) enum Answer {
    /// The whole body is in hand.
    Whole { body: Bytes, meter: Meter },
    /// What is in hand, and the rest as it comes.
    Flow { held: VecDeque<Bytes>, upstream: UpstreamBody, look: Look },
}

/// Why an attempt failed.
pub(super) enum Failure {
    /// The provider answered with an error status.
    Status { head: Head, body: Bytes },
    /// The provider answered 2xx, and the body or its first event says that it failed.
    Inside { head: Head, error: Bytes },
    /// The provider answered with a redirect, which is never followed.
    Redirect(Head),
    /// There was no head.
    Send(SendError),
    /// A stream's head or first event did not come in time.
    FirstByteTimeout,
    /// A plain answer was not complete in time.
    AnswerTimeout,
    /// The answer broke off before anything of it was sent.
    Broken { status: StatusCode, error: BodyError },
    /// A stream ended with nothing in it.
    Empty(StatusCode),
    /// The request could not be prepared.
    Unprepared(ProxyError),
}

/// A long answer that is metered while it passes: its beginning and its end are kept, with pictures all of it.
pub(super) struct Document {
    meter: Meter,
    begin: BytesMut,
    most_at_begin: usize,
    end: BytesMut,
}

impl Document {
    fn new(meter: Meter, api: Api, begin: BytesMut) -> Self {
        let most_at_begin = if api == Api::Images { PICTURES_BYTES } else { WHOLE_BYTES };
        Document { meter, begin, most_at_begin, end: BytesMut::new() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        if self.begin.len() < self.most_at_begin {
            return self.begin.extend_from_slice(piece);
        }
        self.end.extend_from_slice(piece);
        if self.end.len() > 2 * END_BYTES {
            self.end = self.end.split_off(self.end.len() - END_BYTES);
        }
    }

    /// The meter, once it has read what was kept.
    pub fn read(mut self) -> Meter {
        self.begin.extend_from_slice(&self.end);
        self.meter.observe_body(&self.begin);
        self.meter
    }
}

/// The limits in time of one attempt.
struct Limits {
    first_byte: Instant,
    answer: Instant,
    idle: Duration,
}

/// Tries a call against one key, up to an answer that can be committed to.
pub(super) async fn attempt(
    call: &mut Call,
    plan: &Plan,
    lease: &Lease,
    add_include_usage: bool,
) -> Result<(Head, Answer), Failure> {
    let limits = limits(plan, lease);
    let body = plan.prepare(lease.model(), add_include_usage).map_err(Failure::Unprepared)?;
    let mut outgoing = on_upstream_request(call, plan, lease, body).map_err(Failure::Unprepared)?;
    if let Some(header) = call.traceparent() {
        // A script that set the header has the last word.
        outgoing.extra.insert(0, header);
    }
    let request = SendRequest {
        provider: lease.provider(),
        key: lease.key(),
        method: plan.method.clone(),
        path: outgoing.path.as_deref().unwrap_or(&plan.path.rest),
        query: plan.query.as_deref(),
        client_headers: outgoing.headers.as_ref().unwrap_or(&plan.headers),
        extra_headers: &outgoing.extra,
        body: outgoing.body,
    };
    let head_limit = if plan.stream { limits.first_byte } else { limits.answer };
    let sent = timeout_at(head_limit, call.deps.outbound.send(request)).await;
    let upstream = match sent {
        Ok(Ok(upstream)) => upstream,
        Ok(Err(error)) => return Err(Failure::Send(error)),
        Err(_) if plan.stream => return Err(Failure::FirstByteTimeout),
        Err(_) => return Err(Failure::AnswerTimeout),
    };
    note_head(call, lease, &upstream);
    let mut head = Head { status: upstream.status, headers: upstream.headers };
    leave_out_secret(&mut head.headers, lease.key());
    let status = head.status;
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(Failure::Redirect(head));
    }
    if status.is_client_error() || status.is_server_error() {
        let body = timeout_at(Instant::now() + FAILURE_WAIT, upstream.body.collect(FAILURE_BYTES)).await;
        let body = without_secret(body.ok().and_then(Result::ok).unwrap_or_default(), lease.key());
        return Err(Failure::Status { head, body });
    }
    let meter = Meter::new(plan.metered_api(), request_facts(plan));
    if is_event_stream(&head.headers) {
        let watch = Watch::new(meter, add_include_usage, Some(lease.key().clone())).edited_by(chunk_editor(call));
        return hold_stream(call, plan, head, upstream.body, watch, &limits).await;
    }
    hold_plain(plan, head, upstream.body, meter, &limits).await
}

fn limits(plan: &Plan, lease: &Lease) -> Limits {
    let timeouts = &lease.provider().timeouts;
    let now = Instant::now();
    let answer_ms = plan.model_at(lease.tier()).and_then(|model| model.answer_ms).unwrap_or(timeouts.answer_ms);
    Limits {
        first_byte: now + Duration::from_millis(timeouts.first_byte_ms),
        answer: now + Duration::from_millis(answer_ms),
        idle: Duration::from_millis(timeouts.idle_ms),
    }
}

fn request_facts(plan: &Plan) -> RequestFacts {
    RequestFacts {
        generates: plan.generates(),
        estimated_input: Some(plan.estimated_tokens).filter(|tokens| *tokens > 0),
        input_characters: match &plan.payload {
            Payload::Json(peek) if plan.path.endpoint == "/audio/speech" => peek.input_characters(),
            _ => None,
        },
    }
}

fn note_head(call: &mut Call, lease: &Lease, upstream: &crate::outbound::Upstream) {
    let elapsed = call.attempt_us();
    let request_id = upstream_request_id(&upstream.headers).and_then(|id| id.to_str().ok());
    call.record.upstream_request_id = request_id.filter(|id| !holds_secret(id, lease.key())).map(str::to_owned);
    if call.record.dropped_headers.is_empty() && !upstream.dropped_headers.is_empty() {
        call.record.dropped_headers = upstream.dropped_headers.iter().map(|name| name.as_str().to_owned()).collect();
    }
    let (status, connect_us) = (upstream.status.as_u16(), upstream.connect_us);
    if let Some(attempt) = call.attempt() {
        attempt.status = Some(status);
        attempt.timings.connect_us = connect_us;
        attempt.timings.first_byte_us = Some(elapsed);
    }
}

/// Leaves out what echoes the key, before a script or a client sees it.
fn leave_out_secret(headers: &mut HeaderMap, key: &Key) {
    while let Some((name, _)) = headers.iter().find(|(_, value)| holds_secret(value, key)) {
        let name = name.clone();
        headers.remove(name);
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.starts_with("text/event-stream"))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// Holds a stream back until its first content, in bytes and in time.
async fn hold_stream(
    call: &mut Call,
    plan: &Plan,
    head: Head,
    mut upstream: UpstreamBody,
    mut watch: Watch,
    limits: &Limits,
) -> Result<(Head, Answer), Failure> {
    let settings = plan.settings();
    let commit_at = Instant::now() + Duration::from_millis(settings.commit_ms);
    let mut held = VecDeque::new();
    let mut deadline = limits.first_byte;
    let mut received = 0;
    loop {
        let chunk = match timeout_at(deadline.min(commit_at), upstream.chunk()).await {
            Err(_) if received > 0 && Instant::now() >= commit_at => break,
            Err(_) => return Err(Failure::FirstByteTimeout),
            Ok(None) => {
                watch.end(&mut held);
                if watch.is_empty() {
                    return Err(Failure::Empty(head.status));
                }
                break;
            }
            Ok(Some(Err(error))) => return Err(Failure::Broken { status: head.status, error }),
            Ok(Some(Ok(chunk))) => chunk,
        };
        received += chunk.len() as u64;
        let seen = watch.feed(chunk, &mut held);
        if let Some(error) = seen.error {
            return Err(Failure::Inside { head, error });
        }
        if seen.content {
            call.first_content();
            break;
        }
        if received > settings.commit_bytes {
            break;
        }
        deadline = Instant::now() + limits.idle;
    }
    Ok((head, Answer::Flow { held, upstream, look: Look::Events(Box::new(watch)) }))
}

/// Holds a plain answer back until it is whole, when it is of a kind that can say "error" behind a 200.
async fn hold_plain(
    plan: &Plan,
    head: Head,
    mut upstream: UpstreamBody,
    mut meter: Meter,
    limits: &Limits,
) -> Result<(Head, Answer), Failure> {
    let is_json = content_type(&head.headers).is_none_or(|kind| kind.contains("json"));
    if !is_json {
        return Ok((head, Answer::Flow { held: VecDeque::new(), upstream, look: Look::Other(Box::new(meter)) }));
    }
    let mut pieces = VecDeque::new();
    let mut length = 0;
    loop {
        let piece = match timeout_at(limits.answer, upstream.chunk()).await {
            Err(_) => return Err(Failure::AnswerTimeout),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(Failure::Broken { status: head.status, error }),
            Ok(Some(Ok(piece))) => piece,
        };
        length += piece.len();
        pieces.push_back(piece);
        if length > WHOLE_BYTES {
            let document = Document::new(meter, plan.metered_api(), join(&pieces));
            return Ok((head, Answer::Flow { held: pieces, upstream, look: Look::Document(Box::new(document)) }));
        }
    }
    let body = if pieces.len() == 1 { pieces.pop_front().unwrap_or_default() } else { join(&pieces).freeze() };
    if plan.generates() && head.status == StatusCode::OK && body.trim_ascii().is_empty() {
        return Err(Failure::Empty(head.status));
    }
    if let Some(error) = meter.observe_body(&body) {
        let error = Bytes::copy_from_slice(error);
        return Err(Failure::Inside { head, error });
    }
    Ok((head, Answer::Whole { body, meter }))
}

fn join(pieces: &VecDeque<Bytes>) -> BytesMut {
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        whole.extend_from_slice(piece);
    }
    whole
}
