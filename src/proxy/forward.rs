//! The attempts of a call: pick a key, try, judge the outcome, go on or stop.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::attempt::{Answer, Failure, Head, attempt};
use super::call::Call;
use super::error::ProxyError;
use super::plan::Plan;
use super::{hooks, refusal};
use crate::domain::{Blame, Class, Moment, Outcome, Retry, Verdict};
use crate::rotator::{Evidence, Lease, Owner, PickError, PickRequest, Tried, Trouble, mask};

/// Most attempts of a call that its limit does not count.
const MOST_SPARED: u32 = 16;

/// How the attempts of a call ended.
#[expect(clippy::large_enum_variant, reason = "there is one for each call, and the large variant is the common one")]
pub(super) enum Ended {
    /// With an answer to commit to.
    Answered { lease: Lease, head: Head, answer: Answer },
    /// With a provider's refusal that goes back word for word.
    Verbatim { head: Head, body: Bytes, outcome: Outcome },
    /// With an error of Keywheel's own.
    Refused(ProxyError),
}

/// What the loop remembers between two attempts.
struct Loop {
    tried: Vec<Tried>,
    attempts: u32,
    /// Those of them that the limit does not count.
    spared: u32,
    again: Option<crate::domain::KeyId>,
    min_tier: u32,
    add_include_usage: bool,
    last: Option<(Failure, Verdict)>,
}

/// Tries a call until an answer can be committed to, or nothing is left to try.
pub(super) async fn forward(call: &mut Call, plan: &Plan) -> Ended {
    let mut state = Loop {
        tried: Vec::new(),
        attempts: 0,
        spared: 0,
        again: None,
        min_tier: 0,
        add_include_usage: plan.wants_include_usage(),
        last: None,
    };
    loop {
        let waited_from = call.elapsed_us();
        let (mut lease, script) = match pick(call, plan, &state).await {
            Ok(picked) => picked,
            Err(error) => return without_key(call, plan, &error, state.last),
        };
        let remembered = (lease.provider().id, plan.path.endpoint);
        state.add_include_usage &= !call.deps.refuses_include_usage(remembered);
        state.attempts += 1;
        let queue_us = call.elapsed_us() - waited_from;
        call.open_attempt(&mut lease, queue_us, script);
        let failure = match attempt(call, plan, &lease, state.add_include_usage).await {
            Ok((head, answer)) => {
                call.committed(plan, &lease, &head);
                return Ended::Answered { lease, head, answer };
            }
            Err(Failure::Unprepared(error)) => {
                call.drop_attempt();
                return Ended::Refused(error);
            }
            Err(failure) => failure,
        };
        let now = call.deps.clock.now();
        let message = words(&failure, &lease);
        let verdict = judge(plan, &lease, &failure, state.add_include_usage, now);
        let verdict = hooks::classify_error(call, plan, &lease, &failure, message.as_deref(), verdict);
        let account = match &failure {
            Failure::Status { head, .. } => call.learn_account(&lease, &head.headers),
            _ => lease.account(),
        };
        call.deps.rotator.failed(&lease, &verdict, now);
        call.close_attempt(verdict.clone(), message);
        if verdict.class == Class::AddedMember {
            call.deps.remember_include_usage_refused(remembered);
            state.add_include_usage = false;
        }
        state.spared += u32::from(state.has_met(account.as_deref(), &verdict));
        if !may_go_on(call, plan, &lease, &verdict, state.attempts - state.spared, now) {
            return after(call, plan, failure, &verdict);
        }
        state.note(plan, &lease, account, failure, verdict);
    }
}

impl Loop {
    /// Whether a key turned out to be of an account that was too fast in this call already. Such attempts count as one: had the
    /// account been known, there would have been one.
    fn has_met(&self, account: Option<&str>, verdict: &Verdict) -> bool {
        let of_account = |tried: &Tried| tried.account.as_deref() == account;
        verdict.class == Class::RateLimit && account.is_some() && self.spared < MOST_SPARED && self.tried.iter().any(of_account)
    }

    fn note(&mut self, plan: &Plan, lease: &Lease, account: Option<Arc<str>>, failure: Failure, verdict: Verdict) {
        self.again = (verdict.retry == Retry::Same).then(|| lease.key().id);
        if self.again.is_none() {
            self.tried.push(Tried { key: lease.key().id, provider: lease.provider().id, account, blame: verdict.blame });
        }
        if verdict.retry == Retry::NextTier {
            self.min_tier = lease.tier() + 1;
        }
        // Another key would not help, and a script has named another model.
        let is_models_fault = verdict.blame == Blame::Provider || verdict.class == Class::ModelNotFound;
        if is_models_fault && let Some(fallback) = plan.fallback_after(lease.tier()) {
            self.min_tier = self.min_tier.max(fallback);
        }
        self.last = Some((failure, verdict));
    }
}

/// Picks a key, and says which script chose it, if one did. When the call names an object whose owner rests, waits for it as
/// long as the settings allow.
async fn pick(call: &Call, plan: &Plan, state: &Loop) -> Result<(Lease, Option<Arc<str>>), PickError> {
    let mut left_ms = plan.settings().owner_wait_ms;
    loop {
        let now = call.deps.clock.now();
        let first = first_request(call, plan);
        let mut request = PickRequest { tried: &state.tried, again: state.again, min_tier: state.min_tier, ..first };
        let chosen = hooks::select_key(call, &request, state.attempts + 1, now);
        if let Some(chosen) = &chosen {
            request.preferred = &chosen.keys;
        }
        match call.deps.rotator.pick(&request, now) {
            Ok(lease) => return Ok((lease, chosen.map(|chosen| chosen.script))),
            Err(PickError::OwnerResting { retry_after_ms }) if retry_after_ms <= left_ms => {
                left_ms -= retry_after_ms;
                tokio::time::sleep(std::time::Duration::from_millis(retry_after_ms)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// What a call's first attempt asks for.
fn first_request<'a>(call: &'a Call, plan: &'a Plan) -> PickRequest<'a> {
    PickRequest {
        targets: plan.targets(),
        strategy: plan.strategy(),
        key_tags: call.client.as_ref().and_then(|client| client.key_tags.as_deref()),
        also_tags: plan.tags.as_deref(),
        endpoint: plan.path.endpoint,
        estimated_tokens: plan.estimated_tokens,
        estimated_cost: plan.estimated_cost,
        affinity: plan.affinity,
        tried: &[],
        owner: plan.owner.as_ref().map(|owner| Owner {
            provider: owner.provider,
            key: Some(owner.key),
            account: owner.account.as_deref(),
        }),
        again: None,
        preferred: &[],
        min_tier: 0,
    }
}

/// The end of a call for which no key is left: by how its last attempt failed, unless there are keys that rest and were not
/// asked, since those of its own were disabled.
fn without_key(call: &Call, plan: &Plan, error: &PickError, last: Option<(Failure, Verdict)>) -> Ended {
    let others_rest =
        || matches!(error, PickError::Resting { .. }) && verdicts(call).all(|verdict| verdict.class == Class::InvalidKey);
    match last {
        Some((failure, verdict)) if !others_rest() => after(call, plan, failure, &verdict),
        _ => Ended::Refused(refusal::without_key(plan, error)),
    }
}

fn verdicts(call: &Call) -> impl Iterator<Item = &Verdict> {
    call.record.attempts.iter().filter_map(|attempt| attempt.verdict.as_ref())
}

/// The end of a call by how its last attempt failed. Where a key of it was too fast, the client hears when to call again.
fn after(call: &Call, plan: &Plan, failure: Failure, verdict: &Verdict) -> Ended {
    let was_too_fast = verdicts(call).any(|verdict| verdict.class == Class::RateLimit);
    let wait_ms = if was_too_fast { wait_ms(call, plan) } else { None };
    refusal::after(plan, failure, verdict, wait_ms)
}

/// Milliseconds until a call like this one finds a key that does not rest; `None`: there is one now.
fn wait_ms(call: &Call, plan: &Plan) -> Option<u64> {
    let (request, now) = (first_request(call, plan), call.deps.clock.now());
    if call.deps.rotator.candidates(&request, now).next().is_some() {
        return None;
    }
    match call.deps.rotator.pick(&request, now) {
        Err(PickError::Resting { retry_after_ms } | PickError::OwnerResting { retry_after_ms }) => Some(retry_after_ms),
        _ => None,
    }
}

fn may_go_on(call: &Call, plan: &Plan, lease: &Lease, verdict: &Verdict, attempts: u32, now: Moment) -> bool {
    if !plan.can_repeat() {
        return false;
    }
    let most = lease.provider().attempts.unwrap_or(plan.settings().attempts);
    match verdict.retry {
        Retry::None => false,
        // A call without the member that Keywheel had added is the client's own: it has not been sent yet.
        Retry::Same if verdict.class == Class::AddedMember => attempts <= most,
        Retry::Same => attempts < most && call.deps.rotator.may_retry(now),
        Retry::Next | Retry::NextTier => attempts < most && call.deps.rotator.may_retry(now),
    }
}

/// What an attempt's failure means.
fn judge(plan: &Plan, lease: &Lease, failure: &Failure, added: bool, now: Moment) -> Verdict {
    let no_headers = HeaderMap::new();
    let (status, headers, body, trouble) = match failure {
        Failure::Status { head, body } => (Some(head.status), &head.headers, &body[..], None),
        Failure::Inside { head, error } => (Some(head.status), &head.headers, &error[..], Some(Trouble::ErrorInside)),
        Failure::Redirect(head) => (Some(head.status), &head.headers, &b""[..], Some(Trouble::Redirect)),
        Failure::Send(error) => {
            (None, &no_headers, &b""[..], Some(Trouble::Send { may_have_been_sent: error.may_have_been_sent }))
        }
        Failure::FirstByteTimeout => (None, &no_headers, &b""[..], Some(Trouble::FirstByteTimeout)),
        Failure::AnswerTimeout => (None, &no_headers, &b""[..], Some(Trouble::AnswerTimeout)),
        Failure::Broken { status, .. } => (Some(*status), &no_headers, &b""[..], Some(Trouble::Broken)),
        Failure::Empty(status) => (Some(*status), &no_headers, &b""[..], Some(Trouble::Empty)),
        Failure::Unprepared(_) => (None, &no_headers, &b""[..], None),
    };
    let evidence = Evidence {
        provider: lease.provider(),
        model: lease.model(),
        path: &plan.path.rest,
        status: status.map(|status| status.as_u16()),
        headers,
        body,
        trouble,
        added_stream_options: added,
        retry_sent_timeouts: plan.settings().retry_sent_timeouts,
        now,
    };
    crate::rotator::classify(&evidence, &plan.settings().error_rules)
}

/// A failure in words for the record, without any piece of a secret.
fn words(failure: &Failure, lease: &Lease) -> Option<String> {
    let text = match failure {
        Failure::Status { body, .. } => String::from_utf8_lossy(&body[..body.len().min(2048)]).into_owned(),
        Failure::Inside { error, .. } => String::from_utf8_lossy(&error[..error.len().min(2048)]).into_owned(),
        Failure::Redirect(_) => "the provider answered with a redirect, which is not followed: check the base URL".to_owned(),
        Failure::Send(error) => error.to_string(),
        Failure::FirstByteTimeout => "the provider's first byte did not come in time".to_owned(),
        Failure::AnswerTimeout => "the provider's answer was not complete in time".to_owned(),
        Failure::Broken { error, .. } => error.to_string(),
        Failure::Empty(_) => "the stream ended with nothing in it".to_owned(),
        Failure::Unprepared(error) => error.message.clone(),
    };
    (!text.is_empty()).then(|| mask(&text, lease.key()))
}

/// Whether a failure blames a key, so that its words are for the operator only.
pub(super) fn blames_key(verdict: &Verdict) -> bool {
    matches!(verdict.blame, Blame::Key | Blame::KeyModel | Blame::KeyEndpoint)
}
