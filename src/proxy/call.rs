//! A call in progress: it gathers the record and hands it over exactly once, however the call ends.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::oneshot;

use super::Deps;
use super::attempt::Head;
use super::error::ProxyError;
use super::hooks::Scripted;
use super::meter::{End, Meter, Metered};
use super::ownership::{Late, Remember};
use super::plan::Plan;
use crate::domain::{
    AttemptRecord, CallId, CallRecord, Client, Cost, Model, Moment, Nanodollars, Outcome, Price, Ref, Settings, StoredBody,
    TraceContext, Verdict,
};
use crate::quota::Reservation;
use crate::rotator::{LearnedLimits, Lease, Report};
use crate::script::{Hook, ScriptRequest, ScriptSet};
use crate::telemetry::InFlight;

/// A call from its head to its record.
///
/// Dropping it unfinished means that the client went away: the record says so.
pub(super) struct Call {
    pub deps: Arc<Deps>,
    pub record: CallRecord,
    pub client: Option<Arc<Client>>,
    /// Admission, settled at the end.
    pub reservation: Option<Reservation>,
    /// The model route that serves.
    pub route: Option<Arc<Model>>,
    /// Price of the model that serves, as it stood when the answer began.
    pub price: Option<Arc<Price>>,
    /// Whether the client may see which key served.
    pub debug: bool,
    /// The background call whose answer is being fetched.
    pub late: Option<Late>,
    /// Whether objects of the answer are remembered: by their id only, or every id in it.
    pub remember: Remember,
    /// The objects that a whole answer names, when all of them are remembered.
    pub named: Vec<Arc<str>>,
    /// The scripts of this call; `None`: none defines a hook.
    pub scripted: Option<Scripted>,
    /// Who is told of the record, besides the recorder.
    pub follower: Option<oneshot::Sender<CallRecord>>,
    generates: bool,
    /// Whether the answer is fetched later, and what it used is billed then.
    awaits_usage: bool,
    _in_flight: InFlight,
    /// Most bytes kept of a body; `None`: bodies are not kept.
    capture_bytes: Option<usize>,
    began_us: u64,
    attempt_began_us: u64,
    finished: bool,
}

impl Call {
    /// Begins a call at its head.
    pub fn begin(deps: Arc<Deps>, settings: &Settings, request: &poem::Request, ip: Option<IpAddr>, now: Moment) -> Box<Self> {
        let began_us = deps.clock.micros();
        let in_flight = deps.metrics.in_flight();
        deps.rotator.count_call(now);
        let scripted = deps.scripts.live().map(Scripted::new);
        let id = CallId::new(now.unix_ms, deps.entropy.ten_bytes());
        let record = CallRecord {
            id,
            started_ms: now.unix_ms,
            method: request.method().as_str().into(),
            path: request.uri().path().to_owned(),
            client_ip: ip,
            client_request_id: request.header("x-request-id").and_then(|id| bounded(id, 200)),
            trace: deps.recorder.is_tracing().then(|| place_in_trace(&deps, request.headers(), id)).flatten(),
            ..CallRecord::default()
        };
        // It goes through many hands: in a box, only its address is copied.
        Box::new(Call {
            deps,
            record,
            client: None,
            reservation: None,
            price: None,
            debug: false,
            late: None,
            route: None,
            remember: Remember::Nothing,
            named: Vec::new(),
            scripted,
            follower: None,
            generates: false,
            awaits_usage: false,
            _in_flight: in_flight,
            capture_bytes: settings.store_bodies.then_some(settings.body_cap_bytes as usize),
            began_us,
            attempt_began_us: began_us,
            finished: false,
        })
    }

    /// What a hook is run with, when a script defines it.
    #[inline]
    pub fn hook(&self, hook: Hook) -> Option<(&Arc<ScriptSet>, &ScriptRequest)> {
        self.scripted.as_ref().and_then(|scripted| scripted.hook(hook))
    }

    /// Notes who calls.
    pub fn set_client(&mut self, client: Arc<Client>) {
        self.record.client = Some(Ref { id: client.id, name: client.name.as_str().into() });
        self.client = Some(client);
    }

    /// Microseconds since the call began.
    pub fn elapsed_us(&self) -> u64 {
        self.deps.clock.micros() - self.began_us
    }

    /// Microseconds since the current attempt began.
    pub fn attempt_us(&self) -> u64 {
        self.deps.clock.micros() - self.attempt_began_us
    }

    /// Opens the record of an attempt with a leased key; `script` is the one that was asked for it, as `file:line`.
    pub fn open_attempt(&mut self, lease: &mut Lease, queue_us: u64, script: Option<Arc<str>>) {
        self.attempt_began_us = self.deps.clock.micros();
        let provider = Ref { id: lease.provider().id, name: lease.provider().name.as_str().into() };
        let key = Ref { id: lease.key().id, name: lease.key().name.as_str().into() };
        self.record.provider = Some(provider.clone());
        self.record.key = Some(key.clone());
        let model = Some(lease.model()).filter(|model| !model.is_empty()).cloned();
        self.record.model_served = model.clone();
        let mut attempt = AttemptRecord {
            offset_us: self.attempt_began_us - self.began_us,
            provider,
            key,
            model,
            status: None,
            verdict: None,
            message: None,
            timings: Default::default(),
            why: lease.take_why(),
        };
        attempt.timings.queue_us = queue_us;
        if &*attempt.why.chosen_by == "script" {
            attempt.why.script = script.map(|script| script.to_string());
        }
        self.record.attempts.push(attempt);
    }

    /// The record of the current attempt.
    pub fn attempt(&mut self) -> Option<&mut AttemptRecord> {
        self.record.attempts.last_mut()
    }

    /// The header that names the span of the current attempt; `None`: the call is in no trace.
    pub fn traceparent(&self) -> Option<(HeaderName, HeaderValue)> {
        let text = self.record.trace?.traceparent(self.record.attempts.len().saturating_sub(1));
        Some((TRACEPARENT, HeaderValue::from_str(&text).ok()?))
    }

    /// Forgets the current attempt: nothing was sent.
    pub fn drop_attempt(&mut self) {
        self.record.attempts.pop();
        let last = self.record.attempts.last();
        self.record.provider = last.map(|attempt| attempt.provider.clone());
        self.record.key = last.map(|attempt| attempt.key.clone());
        self.record.model_served = last.and_then(|attempt| attempt.model.clone());
    }

    /// Closes the record of the current attempt after a failure.
    pub fn close_attempt(&mut self, verdict: Verdict, message: Option<String>) {
        let elapsed = self.attempt_us();
        if let Some(attempt) = self.attempt() {
            attempt.timings.last_byte_us = Some(elapsed);
            attempt.verdict = Some(verdict);
            attempt.message = message;
        }
    }

    /// Notes that the first content arrived.
    pub fn first_content(&mut self) {
        let elapsed = self.attempt_us();
        self.record.first_token_us = Some(self.elapsed_us());
        if let Some(attempt) = self.attempt() {
            attempt.timings.first_token_us = Some(elapsed);
        }
    }

    /// Ends the call with an error of Keywheel's own.
    pub fn fail(mut self: Box<Self>, error: &ProxyError) {
        self.record.status = error.status.as_u16();
        self.record.error_code = Some((*error.code).into());
        self.record.error_message = Some(error.message.clone());
        self.finish(error.outcome);
    }

    /// Ends a call that Keywheel answered itself: from the catalog, or by a script.
    pub fn answered(mut self: Box<Self>, status: StatusCode) {
        self.record.status = status.as_u16();
        self.record.cost = Cost::Known(Nanodollars(0));
        self.finish(if status.as_u16() < 400 { Outcome::Success } else { Outcome::Rejected });
    }

    /// Notes that an attempt's answer is the call's answer.
    pub fn committed(&mut self, plan: &Plan, lease: &Lease, head: &Head) {
        self.record.status = head.status.as_u16();
        self.generates = plan.generates();
        self.route = plan.model_at(lease.tier()).cloned();
        self.price = plan.snapshot.price(self.route.as_deref(), lease.provider().id, lease.model()).cloned();
        let first_byte_us = self.record.attempts.last().and_then(|attempt| attempt.timings.first_byte_us);
        let now = self.deps.clock.now();
        let limits = LearnedLimits::from_headers(&head.headers, now);
        self.deps.rotator.answered(lease, first_byte_us.unwrap_or(0) / 1000, &limits, now);
        self.learn_account(lease, &head.headers);
    }

    /// Notes the account that a provider names as a key's. Returns the key's account, when one is known.
    pub fn learn_account(&self, lease: &Lease, headers: &HeaderMap) -> Option<Arc<str>> {
        let named = headers.get("openai-organization").and_then(|value| value.to_str().ok());
        if let Some(account) = named {
            self.deps.rotator.learn_account(lease, account);
        }
        lease.account().or_else(|| named.map(Arc::from))
    }

    /// Ends the call after an answer: what was consumed, what it cost, who owns what came of it. `verdict`: what broke the
    /// answer off.
    pub fn conclude(mut self: Box<Self>, lease: &Lease, metered: Metered, outcome: Outcome, verdict: Option<&Verdict>) {
        self.record.blank = metered.blank;
        self.awaits_usage = metered.awaits_usage();
        self.remember_owner(lease, &metered);
        if self.generates {
            self.record.cost = self.price.as_deref().map_or(Cost::Unknown, |price| metered.usage.cost(price));
            self.record.usage = metered.usage;
        } else {
            self.record.cost = Cost::Known(Nanodollars(0));
            self.bill_late_usage(metered);
        }
        let report = Report { tokens: self.record.usage.total_tokens(), cost: self.record.cost, ..Report::default() };
        let (rotator, now) = (&self.deps.rotator, self.deps.clock.now());
        match verdict {
            Some(verdict) => rotator.interrupted(lease, verdict, &report, now),
            None if outcome == Outcome::Success => rotator.succeeded(lease, &report, now),
            None => rotator.given_up(lease, &report, now),
        }
        self.finish(outcome);
    }

    /// Ends the call after an answer whose whole body is in hand.
    /// `sent` is what the client gets of it.
    pub fn conclude_whole(mut self: Box<Self>, lease: &Lease, sent: &Bytes, meter: Meter) {
        self.sent(sent);
        self.remember_all(lease);
        self.conclude(lease, meter.finish(End::Whole), Outcome::Success, None);
    }

    /// Ends the call with a provider's refusal that went back word for word.
    pub fn refused(mut self: Box<Self>, status: StatusCode, body: &Bytes, outcome: Outcome) {
        self.record.status = status.as_u16();
        self.sent(body);
        self.record.cost = Cost::Known(Nanodollars(0));
        let attempt = self.record.attempts.last();
        self.record.error_message = attempt.and_then(|attempt| attempt.message.clone());
        self.record.error_code = attempt.and_then(|attempt| attempt.verdict.as_ref()).map(|verdict| verdict.rule.clone());
        self.finish(outcome);
    }

    /// Keeps the request's body, when the settings say so.
    pub fn capture_request(&mut self, body: &Bytes) {
        self.record.bodies.request = self.capture_bytes.map(|cap| kept_of(body, cap));
    }

    /// Notes a piece of the answer that is sent to the client, and keeps it when the settings say so. A whole body is kept
    /// without a copy.
    pub fn sent(&mut self, piece: &Bytes) {
        self.record.bytes_out += piece.len() as u64;
        let Some(cap) = self.capture_bytes else { return };
        let Some(kept) = &mut self.record.bodies.response else {
            self.record.bodies.response = Some(kept_of(piece, cap));
            return;
        };
        let room = cap - kept.bytes.len();
        kept.truncated |= piece.len() > room;
        if room > 0 {
            let mut bytes = BytesMut::from(std::mem::take(&mut kept.bytes));
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
            kept.bytes = bytes.freeze();
        }
    }

    /// Whether a provider has worked for this call, so that tokens which nobody reported stand as estimated.
    fn has_consumed(&self) -> bool {
        let is_reported = self.record.usage.total_tokens().is_some() || self.record.cost.known().is_some_and(|cost| cost.0 > 0);
        let has_worked = match self.record.outcome {
            Outcome::Success | Outcome::Interrupted => self.generates && !self.awaits_usage,
            // The provider may go on after the client left.
            Outcome::ClientGone => !self.record.attempts.is_empty() && !self.awaits_usage,
            Outcome::Rejected | Outcome::RequestError | Outcome::NoKey | Outcome::UpstreamError | Outcome::InternalError => {
                false
            }
        };
        is_reported || has_worked
    }

    fn finish(&mut self, outcome: Outcome) {
        self.finished = true;
        self.record.outcome = outcome;
        if let Some(attempt) = self.record.attempts.last_mut() {
            let elapsed = self.deps.clock.micros() - self.attempt_began_us;
            attempt.timings.last_byte_us.get_or_insert(elapsed);
        }
        self.record.total_us = self.elapsed_us();
        // A reservation that is not settled gives back what it holds.
        if let Some(reservation) = self.reservation.take().filter(|_| self.has_consumed()) {
            reservation.settle(self.record.usage.total_tokens(), self.record.cost);
        }
        let mut record = std::mem::take(&mut self.record);
        let on_complete = self.scripted.take().and_then(|scripted| scripted.finish(&mut record));
        if let Some(follower) = self.follower.take() {
            // Whoever made the call may have lost interest in it.
            drop(follower.send(record.clone()));
        }
        match on_complete {
            Some(set) => self.deps.recorder.record_after(record, move |record| set.on_complete(record)),
            None => self.deps.recorder.record(record),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.finished {
            if self.record.status == 0 {
                self.record.status = CLIENT_CLOSED_REQUEST.as_u16();
            }
            self.finish(Outcome::ClientGone);
        }
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A call's place in the trace of its caller, or in one of its own where the caller names none, or more than one.
fn place_in_trace(deps: &Deps, headers: &HeaderMap, id: CallId) -> Option<TraceContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let only = given.next().filter(|_| given.next().is_none());
    TraceContext::of_call(only.and_then(|value| value.to_str().ok()), id, deps.entropy.next_u64())
}

/// The status under which a call is recorded whose client left before there was an answer (nginx's convention).
const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// What is kept of a body.
fn kept_of(body: &Bytes, cap: usize) -> StoredBody {
    StoredBody { bytes: body.slice(..body.len().min(cap)), truncated: body.len() > cap }
}

/// A text from outside, cut to `most` characters and without control characters.
pub(super) fn bounded(text: &str, most: usize) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(most).collect();
    (!clean.is_empty()).then_some(clean)
}
