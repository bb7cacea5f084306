//! `classify_error`: what it may answer, and what follows.

use super::*;
use crate::domain::{Blame, Class, Effect, Retry, Verdict};

#[test]
fn classify_error_gives_a_verdict() {
    let set = set(r#"
        fn classify_error(err, key, attempt) {
            assert_eq([err.status, err.code, err.type, err.elapsed_ms, err.bytes_sent], [418, "teapot", (), 12, 34]);
            if "brew" in err.message && err.headers["x-pot"] == "full" {
                return #{retry: "next", scope: "key", effect: "cooldown", seconds: 2.5, reason: "tea"};
            }
        }"#);
    let headers: HeaderMap = [("x-pot".parse().unwrap(), "full".parse().unwrap())].into_iter().collect();
    let parts = AttemptErrorParts {
        status: Some(418),
        code: Some("teapot".into()),
        message: "cannot brew".into(),
        headers: Arc::new(headers),
        elapsed_ms: 12,
        bytes_sent: 34,
        kind: None,
    };
    let answer = set.classify_error(&request("{}"), &AttemptError::new(parts), &pool().get(0).unwrap(), 1).unwrap();
    let built_in = Verdict {
        class: Class::Request,
        blame: Blame::Request,
        retry: Retry::None,
        effect: Effect::None,
        rule: "default".into(),
        wait_source: None,
    };
    let verdict = answer.onto(&built_in);
    assert_eq!((verdict.class, verdict.blame, verdict.retry), (Class::Request, Blame::Key, Retry::Next));
    assert_eq!((verdict.effect, &*verdict.rule), (Effect::Cooldown { ms: 2_500 }, "script a.rhai:2: tea"));
}

#[test]
fn a_verdict_s_blame_and_effect_go_together() {
    let rate_limit = (Blame::KeyModel, Effect::Cooldown { ms: 9_000 });
    let outage = (Blame::Provider, Effect::CountAgainstProvider);
    let (bad_request, minute) = ((Blame::Request, Effect::None), Effect::Cooldown { ms: 60_000 });
    for (answer, built_in, expected) in [
        (r#"#{scope: "key"}"#, outage, (Blame::Key, Effect::None)),
        (r#"#{scope: "request"}"#, outage, (Blame::Request, Effect::None)),
        (r#"#{scope: "provider"}"#, outage, outage),
        (r#"#{scope: "provider"}"#, bad_request, outage),
        (r#"#{scope: "key"}"#, rate_limit, (Blame::Key, rate_limit.1)),
        (r#"#{scope: "provider"}"#, rate_limit, (Blame::Provider, rate_limit.1)),
        (r#"#{scope: "request"}"#, rate_limit, bad_request),
        (r#"#{effect: "disable"}"#, outage, (Blame::Key, Effect::Disable)),
        (r#"#{effect: "cooldown"}"#, outage, (Blame::Provider, minute)),
        (r#"#{effect: "cooldown"}"#, bad_request, (Blame::Key, minute)),
        (r#"#{effect: "none"}"#, rate_limit, (Blame::KeyModel, Effect::None)),
        (r#"#{retry: "none"}"#, rate_limit, rate_limit),
    ] {
        let (set, req) = (set(&format!("fn classify_error(err, key, attempt) {{ {answer} }}")), request("{}"));
        let given = set.classify_error(&req, &AttemptError::new(Default::default()), &pool().get(0).unwrap(), 1).unwrap();
        let (blame, effect) = built_in;
        let built_in = Verdict {
            class: Class::Provider,
            blame,
            retry: Retry::Next,
            effect,
            rule: "default".into(),
            wait_source: Some("retry-after".into()),
        };
        let verdict = given.onto(&built_in);
        assert_eq!((verdict.blame, verdict.effect), expected, "{answer} onto {built_in:?}");
    }
}

#[test]
fn a_verdict_that_means_nothing_is_the_built_in_one() {
    for (answer, message) in [
        (r#"#{retry: "later"}"#, r#"`retry` of the answer of `classify_error` must be one of "none", "same", "next""#),
        (r#"#{effect: "cooldown", seconds: 0}"#, "must be 1 to 2678400"),
        (r#"#{effect: "disable", seconds: 5}"#, "left out unless"),
        (r#"#{effect: "cooldown", seconds: "soon"}"#, "must be 1 to"),
        (r#"#{scope: "provider", effect: "disable"}"#, "`classify_error`: a provider can rest"),
        (r#"#{scope: "model", effect: "disable"}"#, "which is scope \"key\""),
        (r#"#{scope: "request", effect: "disable"}"#, "\"disable\" contradicts the scope"),
        (r#"#{scope: "request", effect: "cooldown", seconds: 5}"#, "\"cooldown\" contradicts the scope"),
        (r#"#{who: "key"}"#, "has no member `who`"),
        ("5", "answers `()` or a map"),
    ] {
        let (set, req) = (set(&format!("fn classify_error(err, key, attempt) {{ {answer} }}")), request("{}"));
        assert_eq!(set.classify_error(&req, &AttemptError::new(Default::default()), &pool().get(0).unwrap(), 1), None);
        assert!(req.failures()[0].message.contains(message), "{:?}", req.failures());
    }
}
