//! Handing an answer to the client: at once, or behind a head that was sent early to keep the client waiting.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use parking_lot::Mutex;
use poem::Response;
use tokio::time::{Interval, timeout};

use super::attempt::{Answer, Head};
use super::call::Call;
use super::forward::{Ended, forward};
use super::hooks::on_response;
use super::plan::Plan;
use super::relay::{Look, Relay, RelayParts};
use crate::domain::Api;
use crate::outbound::client_headers;

const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A comment between events; without a blank line, since some clients read one as an empty event.
const KEEPALIVE: Bytes = Bytes::from_static(b": keepalive\n");

/// Runs a call's attempts and answers with their end.
///
/// A stream whose attempts take longer than the keep-alive setting gets its head early, and comments until there is
/// content; the attempts go on behind it.
pub(super) async fn deliver(mut call: Box<Call>, plan: Box<Plan>) -> Response {
    let keepalive = Duration::from_millis(plan.settings().keepalive_ms);
    let may_begin_early = plan.stream && !keepalive.is_zero();
    let mut attempts: Attempts = Box::pin(async move {
        let ended = attempts_of(&mut call, &plan).await;
        (call, plan, ended)
    });
    if !may_begin_early {
        let (call, plan, ended) = attempts.await;
        return respond(call, &plan, ended);
    }
    match timeout(keepalive, &mut attempts).await {
        Ok((call, plan, ended)) => respond(call, &plan, ended),
        Err(_) => early_head(attempts, keepalive),
    }
}

/// The end of a call's attempts, and of all that must be looked up before it is told.
async fn attempts_of(call: &mut Call, plan: &Plan) -> Ended {
    let ended = forward(call, plan).await;
    if let Ended::Answered { answer: Answer::Whole { body, .. }, .. } = &ended {
        call.recall_owners(body).await;
    }
    ended
}

type Attempts = Pin<Box<dyn Future<Output = (Box<Call>, Box<Plan>, Ended)> + Send>>;

/// The answer, when nothing of it was sent yet.
fn respond(mut call: Box<Call>, plan: &Plan, ended: Ended) -> Response {
    match ended {
        Ended::Refused(error) => {
            let mut response = error.response(plan.path.api);
            if call.debug {
                debug_headers(&call, response.headers_mut());
            }
            call.fail(&error);
            response
        }
        Ended::Verbatim { head, body, outcome } => {
            let mut response = with_head(&call, plan, &head, false, body.clone().into());
            let body = on_response(&mut call, &mut response, Some(&body)).unwrap_or(body);
            call.refused(response.status(), &body, outcome);
            response
        }
        Ended::Answered { lease, head, answer: Answer::Whole { body, meter } } => {
            let mut response = with_head(&call, plan, &head, plan.method == Method::HEAD, body.clone().into());
            let sent = on_response(&mut call, &mut response, Some(&body)).unwrap_or_else(|| body.clone());
            call.conclude_whole(&lease, &sent, meter);
            response
        }
        Ended::Answered { lease, head, answer: Answer::Flow { held, upstream, look } } => {
            let length = match look {
                Look::Events(_) => None,
                _ => upstream.length().map(|rest| rest + held.iter().map(|piece| piece.len() as u64).sum::<u64>()),
            };
            let mut response = with_head(&call, plan, &head, plan.method == Method::HEAD, poem::Body::empty());
            on_response(&mut call, &mut response, None);
            let parts = RelayParts { call, lease, held, upstream, look, api: plan.path.api, length };
            response.set_body(boxed(Relay::new(parts)));
            response
        }
    }
}

fn with_head(call: &Call, plan: &Plan, head: &Head, keeps_length: bool, body: poem::Body) -> Response {
    let mut headers = client_headers(&head.headers);
    if !keeps_length {
        headers.remove(header::CONTENT_LENGTH);
    }
    if let Some(id) = call.record.upstream_request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(UPSTREAM_REQUEST_ID, id);
    }
    if plan.stream {
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    if call.debug {
        debug_headers(call, &mut headers);
    }
    let mut response = Response::builder().status(head.status).body(body);
    *response.headers_mut() = headers;
    response
}

/// Which key and provider served or failed last, for clients that ask and may know.
fn debug_headers(call: &Call, headers: &mut HeaderMap) {
    let name_of = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
    let key = call.record.key.as_ref().and_then(|key| name_of(&key.name));
    let provider = call.record.provider.as_ref().and_then(|provider| name_of(&provider.name));
    let attempts = Some(HeaderValue::from(call.record.attempts.len()));
    for (name, value) in [("x-keywheel-key", key), ("x-keywheel-provider", provider), ("x-keywheel-attempts", attempts)] {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

fn boxed(body: impl Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static) -> poem::Body {
    poem::Body::from(BoxBody::new(Unshared(Mutex::new(body))))
}

fn early_head(attempts: Attempts, keepalive: Duration) -> Response {
    let tick = tokio::time::interval_at(tokio::time::Instant::now() + keepalive, keepalive);
    let body = Waiting { state: State::Attempts(attempts), tick, out: VecDeque::from([KEEPALIVE]) };
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "text/event-stream")
        .header(header::CACHE_CONTROL, "no-cache")
        .header(ACCEL_BUFFERING, "no")
        .body(boxed(body))
}

/// A body whose answer is still being fetched.
struct Waiting {
    state: State,
    tick: Interval,
    out: VecDeque<Bytes>,
}

enum State {
    Attempts(Attempts),
    Relay(Box<Relay>),
    Ended,
}

impl Waiting {
    /// Takes the end of the attempts. Scripts see the head that came, though the client has had another one.
    fn take(&mut self, mut call: Box<Call>, plan: &Plan, ended: Ended) {
        self.state = State::Ended;
        let api = plan.path.api;
        match ended {
            Ended::Refused(error) => {
                self.out.push_back(error.event(api));
                call.fail(&error);
            }
            Ended::Verbatim { head, body, outcome } => {
                let mut unsent = with_head(&call, plan, &head, false, poem::Body::empty());
                let body = on_response(&mut call, &mut unsent, Some(&body)).unwrap_or(body);
                self.out.push_back(as_event(api, true, &body));
                call.refused(head.status, &body, outcome);
            }
            Ended::Answered { lease, head, answer: Answer::Whole { body, meter } } => {
                let mut unsent = with_head(&call, plan, &head, false, poem::Body::empty());
                let sent = on_response(&mut call, &mut unsent, Some(&body)).unwrap_or_else(|| body.clone());
                call.record.status = StatusCode::OK.as_u16();
                self.out.push_back(as_event(api, false, &sent));
                call.conclude_whole(&lease, &sent, meter);
            }
            Ended::Answered { lease, head, answer: Answer::Flow { held, upstream, look } } => {
                let mut unsent = with_head(&call, plan, &head, false, poem::Body::empty());
                on_response(&mut call, &mut unsent, None);
                call.record.status = StatusCode::OK.as_u16();
                let parts = RelayParts { call, lease, held, upstream, look, api, length: None };
                self.state = State::Relay(Box::new(Relay::new(parts)));
            }
        }
    }
}

/// A document as one event, for a client that was promised a stream.
fn as_event(api: Api, is_error: bool, body: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(body.len() + 32);
    if is_error && matches!(api, Api::Responses | Api::Messages) {
        event.extend_from_slice(b"event: error\n");
    }
    for line in body.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    Bytes::from(event)
}

impl Body for Waiting {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(piece) = self.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Relay(relay) => return Pin::new(&mut **relay).poll_frame(context),
                State::Attempts(attempts) => match attempts.as_mut().poll(context) {
                    Poll::Ready((call, plan, ended)) => self.take(call, &plan, ended),
                    Poll::Pending => {
                        ready!(self.tick.poll_tick(context));
                        self.out.push_back(KEEPALIVE);
                    }
                },
            }
        }
    }
}

/// A body behind a lock that is never taken, since only its connection polls it: what is `Send` becomes `Sync`.
struct Unshared<B>(Mutex<B>);

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for Unshared<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(self.get_mut().0.get_mut()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}
