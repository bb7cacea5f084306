//! What providers say, and what it means.

use http::{HeaderMap, HeaderName};

use super::*;
use crate::domain::{ErrorRule, RuleMatch};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn judge(
    change: impl FnOnce(&mut Evidence<'_>),
    status: u16,
    head: &[(&'static str, &str)],
    body: impl AsRef<[u8]>,
) -> Verdict {
    judge_of(&provider(1), change, status, head, body.as_ref())
}

fn judge_of(
    provider: &Provider,
    change: impl FnOnce(&mut Evidence<'_>),
    status: u16,
    head: &[(&'static str, &str)],
    body: &[u8],
) -> Verdict {
    let headers = headers(head);
    let mut evidence = Evidence {
        provider,
        model: "m",
        path: "/chat/completions",
        status: Some(status),
        headers: &headers,
        body,
        trouble: None,
        added_stream_options: false,
        retry_sent_timeouts: false,
        now: NOW,
    };
    change(&mut evidence);
    classify(&evidence, &[])
}

fn of(status: u16, body: &str) -> Verdict {
    judge(|_| {}, status, &[], body)
}

/// Class, blame and retry of a verdict.
fn short(verdict: &Verdict) -> (Class, Blame, Retry) {
    (verdict.class, verdict.blame, verdict.retry)
}

/// Milliseconds and source of a rate limit's rest.
fn rest(head: &[(&'static str, &str)], body: &str) -> (u64, String) {
    let verdict = judge(|_| {}, 429, head, body);
    assert_eq!(verdict.class, Class::RateLimit, "{body}");
    let Effect::Cooldown { ms } = verdict.effect else { panic!("{verdict:?}") };
    (ms, verdict.wait_source.unwrap().to_string())
}

const QUOTA: (Class, Blame, Retry) = (Class::Quota, Blame::Key, Retry::Next);
const RATE: (Class, Blame, Retry) = (Class::RateLimit, Blame::KeyModel, Retry::Next);
const PROVIDER: (Class, Blame, Retry) = (Class::Provider, Blame::Provider, Retry::Next);
const REQUEST: (Class, Blame, Retry) = (Class::Request, Blame::Request, Retry::None);

/// A provider's answer and what it means.
#[derive(serde::Deserialize)]
struct Answer {
    status: u16,
    body: String,
    means: String,
    rule: String,
}

#[test]
fn what_providers_say() {
    let mut file: std::collections::HashMap<String, Vec<Answer>> = toml::from_str(include_str!("answers.toml")).unwrap();
    let answers = file.remove("answers").unwrap();
    assert!(answers.len() > 50);
    for Answer { status, body, means, rule } in answers {
        let expected = match means.as_str() {
            "invalid_key" => (Class::InvalidKey, Blame::Key, Retry::Next),
            "quota" => QUOTA,
            "rate_limit" => RATE,
            "model_not_found" => (Class::ModelNotFound, Blame::KeyModel, Retry::Next),
            "too_large" => (Class::TooLarge, Blame::Nobody, Retry::Next),
            "region" => (Class::Region, Blame::Provider, Retry::NextTier),
            "permission" => (Class::Permission, Blame::KeyEndpoint, Retry::Next),
            "provider" => PROVIDER,
            "not_found" => (Class::NotFound, Blame::Request, Retry::None),
            "request" => REQUEST,
            other => panic!("{other}"),
        };
        let verdict = of(status, &body);
        assert_eq!((short(&verdict), &*verdict.rule), (expected, rule.as_str()), "{status} {body}");
    }
}

#[test]
fn effects_fit_their_verdicts() {
    assert_eq!(of(401, "").effect, Effect::Disable);
    assert_eq!(of(402, "").effect, Effect::Backoff { ms: 3_600_000 });
    assert_eq!(of(404, r#"{"error":{"code":"model_not_found"}}"#).effect, Effect::Cooldown { ms: 600_000 });
    assert_eq!(of(500, "").effect, Effect::CountAgainstProvider);
    assert_eq!(of(400, "").effect, Effect::None);
    let too_large = of(429, r#"{"error":{"message":"Request too large: Limit 30000, Requested 36055."}}"#);
    assert_eq!(too_large.effect, Effect::SizeLimit { tokens: Some(30_000) });
}

#[test]
fn how_long_a_rate_limit_lasts() {
    let said = |ms, source: &str| (ms, source.to_owned());
    let delay = |text: &str| format!(r#"{{"error":{{"code":429,"details":[{{"retryDelay":"{text}"}}]}}}}"#);
    assert_eq!(rest(&[], ""), said(60_000, "default"));
    assert_eq!(rest(&[("retry-after", "2")], ""), said(2_000, "retry-after"));
    assert_eq!(rest(&[("retry-after", "Wed, 25 Nov 2026 18:01:00 GMT")], ""), said(60_000, "retry-after"));
    assert_eq!(rest(&[("retry-after", "-5")], ""), said(1_000, "retry-after"));
    assert_eq!(rest(&[("retry-after", "1e9")], ""), said(3_600_000, "retry-after"));
    assert_eq!(rest(&[("retry-after", "NaN")], ""), said(60_000, "default"));
    assert_eq!(rest(&[("retry-after", "9"), ("retry-after-ms", "2500")], ""), said(2_500, "retry-after-ms"));
    assert_eq!(rest(&[("retry-after-ms", "NaN"), ("retry-after", "9")], ""), said(9_000, "retry-after"));
    let resets = [
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ];
    assert_eq!(rest(&resets, &delay("39.4s")), said(360_000, "reset header"));
    assert_eq!(rest(&[], &delay("39.4s")), said(39_400, "body"));
    assert_eq!(rest(&[("retry-after", "5")], &delay("39.4s")), said(5_000, "retry-after"));
    assert_eq!(rest(&[], &delay("900000s")), said(3_600_000, "body"));
    assert_eq!(rest(&[], &delay("-3s")), said(1_000, "body"));
    assert_eq!(rest(&[], &delay("soon")), said(60_000, "default"));
    let words = |text: &str| format!(r#"{{"error":{{"message":"{text}","code":"rate_limit_exceeded"}}}}"#);
    assert_eq!(rest(&[], &words("Please try again in 7m12s. Visit x")), said(432_000, "body"));
    assert_eq!(rest(&[], &words("Retry after 20 seconds.")), said(20_000, "body"));
    assert_eq!(rest(&[], &words("Your limit will reset at 2026-11-25 18:41:44")), said(2_504_000, "body"));
    assert_eq!(rest(&[], &words("Your limit will reset at 2026-11-25 22:00:00")), said(4 * 3_600_000, "body"), "until then");
    assert_eq!(rest(&[], &words("gpt-4o-2024-08-06 is busy")), said(60_000, "default"));
}

#[test]
fn times_without_a_zone_are_the_provider_s() {
    let verdict = judge_in_shanghai(r#"{"error":{"code":"1308","message":"您的限额将在 2026-11-26 02:41:44 重置。"}}"#);
    assert_eq!(verdict.effect, Effect::Cooldown { ms: 2_504_000 });
}

fn judge_in_shanghai(body: &str) -> Verdict {
    let provider = Provider { time_zone: Some("Asia/Shanghai".into()), ..provider(1) };
    judge_of(&provider, |_| {}, 429, &[], body.as_bytes())
}

#[test]
fn a_daily_quota_rests_until_its_reset() {
    let body = r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[
        {"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"retryDelay":"39s"}]}}]"#;
    let verdict = of(429, body);
    assert_eq!((&*verdict.rule, verdict.wait_source.as_deref()), ("gemini.daily_quota", Some("daily reset")));
    assert_eq!(verdict.effect, Effect::Cooldown { ms: 14 * 3_600_000 }, "midnight in California");
    assert_eq!(judge_in_shanghai(body).effect, Effect::Cooldown { ms: 22 * 3_600_000 });
}

#[test]
fn a_member_that_keywheel_added() {
    let body = r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#;
    let added = judge(|evidence| evidence.added_stream_options = true, 422, &[], body);
    assert_eq!((short(&added), added.effect), ((Class::AddedMember, Blame::Nobody, Retry::Same), Effect::None));
    assert_eq!(short(&of(422, body)), REQUEST, "the client sent it itself");
    let other = judge(|evidence| evidence.added_stream_options = true, 400, &[], r#"{"error":{"message":"bad temperature"}}"#);
    assert_eq!(short(&other), REQUEST);
}

#[test]
fn troubles_without_an_error_status() {
    let trouble = |trouble| short(&judge(|evidence| evidence.trouble = Some(trouble), 200, &[], ""));
    let network = (Class::Network, Blame::Provider, Retry::Next);
    assert_eq!(trouble(Trouble::Send { may_have_been_sent: false }), network);
    assert_eq!(trouble(Trouble::Send { may_have_been_sent: true }), network);
    assert_eq!(trouble(Trouble::Broken), network);
    assert_eq!(trouble(Trouble::Empty), PROVIDER);
    assert_eq!(trouble(Trouble::Redirect), PROVIDER);
    assert_eq!(trouble(Trouble::FirstByteTimeout), (Class::Timeout, Blame::Provider, Retry::Next));
    assert_eq!(trouble(Trouble::AnswerTimeout), (Class::Timeout, Blame::Provider, Retry::None), "it may be generating");
    let again =
        judge(|evidence| (evidence.trouble, evidence.retry_sent_timeouts) = (Some(Trouble::AnswerTimeout), true), 200, &[], "");
    assert_eq!(again.retry, Retry::Next);
}

#[test]
fn errors_inside_a_success() {
    let inside = |body: &str| short(&judge(|evidence| evidence.trouble = Some(Trouble::ErrorInside), 200, &[], body));
    assert_eq!(inside(r#"{"error":{"message":"Oops","type":"server_error"}}"#), PROVIDER);
    assert_eq!(inside(r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"x"}}}"#), PROVIDER);
    assert_eq!(inside(r#"{"error":"something"}"#), PROVIDER);
    assert_eq!(inside(r#"{"error":{"code":429,"message":"slow down"}}"#), RATE);
    assert_eq!(inside(r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"x"}}}"#), RATE);
    assert_eq!(inside(r#"{"error":{"code":"insufficient_quota"}}"#), QUOTA);
    assert_eq!(inside(r#"{"error":{"code":502,"message":"Provider returned error"}}"#), PROVIDER);
}

#[test]
fn operators_rules_come_first() {
    let rule = |matches, effect| ErrorRule {
        id: "mine".into(),
        matches,
        class: Class::Quota,
        blame: Blame::Key,
        retry: Retry::Next,
        effect,
    };
    let by_text = RuleMatch { status: Some(400), text: Some("Trial OVER".into()), ..RuleMatch::default() };
    let for_other = RuleMatch { provider: Some("another".into()), ..RuleMatch::default() };
    let rules = [rule(for_other, Effect::None), rule(by_text, Effect::Cooldown { ms: 7_000 })];
    let (provider, headers) = (provider(1), HeaderMap::new());
    let judge = |body: &str| {
        let evidence = Evidence {
            provider: &provider,
            model: "m",
            path: "/x",
            status: Some(400),
            headers: &headers,
            body: body.as_bytes(),
            trouble: None,
            added_stream_options: false,
            retry_sent_timeouts: false,
            now: NOW,
        };
        classify(&evidence, &rules)
    };
    let verdict = judge("your trial over, sorry");
    assert_eq!((&*verdict.rule, verdict.effect), ("mine", Effect::Cooldown { ms: 7_000 }));
    assert_eq!(&*judge("something else").rule, "status.400");
}

proptest::proptest! {
    /// Whatever a provider answers is judged, within bounds.
    #[test]
    fn anything_is_judged(status in 100..1_000u16, body in proptest::collection::vec(proptest::num::u8::ANY, 0..400), wait in "\\PC{0,12}") {
        let head: Vec<(&'static str, &str)> =
            if wait.is_ascii() { vec![("retry-after", &wait), ("x-ratelimit-reset-tokens", &wait)] } else { Vec::new() };
        let verdict = judge(|_| {}, status, &head, &body);
        if let Effect::Cooldown { ms } = verdict.effect {
            proptest::prop_assert!((1_000..=3_600_000 * 25).contains(&ms));
        }
    }

    /// No digit-rich run of a key survives masking, wherever it stands.
    #[test]
    fn keys_are_masked_anywhere(before in "[ -~]{0,20}", key in "sk-[A-Za-z0-9]{20,40}", after in "[ .,\"']{1,5}") {
        let masked = mask_provider_text(&format!("{before} {key}{after}"));
        proptest::prop_assert!(!masked.contains(&key[3..]), "{masked}");
    }
}
