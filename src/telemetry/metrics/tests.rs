//! Metrics as Prometheus reads them.

use super::*;
use crate::domain::{AttemptRecord, Blame, Effect, KeyId, Nanodollars, ProviderId, Ref, Retry, Verdict};

fn attempt(provider: &str, class: Option<Class>) -> AttemptRecord {
    let verdict = class.map(|class| Verdict {
        class,
        blame: Blame::Key,
        retry: Retry::Next,
        effect: Effect::None,
        rule: "r".into(),
        wait_source: None,
    });
    AttemptRecord {
        offset_us: 0,
        provider: Ref { id: ProviderId(1), name: provider.into() },
        key: Ref { id: KeyId(1), name: "k".into() },
        model: None,
        status: None,
        verdict,
        message: None,
        timings: Default::default(),
        why: Default::default(),
    }
}

fn call(provider: &str, outcome: Outcome) -> CallRecord {
    CallRecord {
        outcome,
        provider: Some(Ref { id: ProviderId(1), name: provider.into() }),
        attempts: vec![attempt(provider, Some(Class::RateLimit)), attempt(provider, None)],
        total_us: 1_500_000,
        first_token_us: Some(200_000),
        usage: Usage { input: Some(30), output: Some(20), quality: UsageQuality::Exact, ..Usage::default() },
        cost: Cost::Known(Nanodollars(250_000_000)),
        ..CallRecord::default()
    }
}

#[track_caller]
fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
    }
}

#[test]
fn calls_attempts_tokens_and_money_are_counted() {
    let metrics = Metrics::new();
    metrics.observe(&call("openai", Outcome::Success));
    metrics.observe(&CallRecord { cost: Cost::Unknown, ..call("openai", Outcome::Interrupted) });
    metrics.observe(&CallRecord { outcome: Outcome::Rejected, ..CallRecord::default() });
    metrics.observe(&CallRecord { probe: true, ..call("openai", Outcome::Success) });
    let text = metrics.encode(&Readings::default());
    assert_has(
        &text,
        &[
            r#"keywheel_calls_total{provider="openai",outcome="success"} 1"#,
            r#"keywheel_calls_total{provider="openai",outcome="interrupted"} 1"#,
            r#"keywheel_calls_total{provider="none",outcome="rejected"} 1"#,
            r#"keywheel_attempts_total{provider="openai",class="ok"} 3"#,
            r#"keywheel_attempts_total{provider="openai",class="rate_limit"} 3"#,
            r#"keywheel_tokens_total{provider="openai",kind="input"} 60"#,
            r#"keywheel_cost_dollars_total{provider="openai"} 0.25"#,
            r#"keywheel_unpriced_calls_total{provider="openai"} 1"#,
            r#"keywheel_call_duration_seconds_bucket{le="1.0",provider="openai"} 0"#,
            r#"keywheel_call_duration_seconds_bucket{le="2.5",provider="openai"} 2"#,
            r#"keywheel_first_token_seconds_count{provider="openai"} 2"#,
            &format!(r#"keywheel_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")),
            "# EOF",
        ],
    );
}

#[test]
fn readings_are_those_of_the_moment() {
    let metrics = Metrics::new();
    let (first, second) = (metrics.in_flight(), metrics.in_flight());
    drop(first);
    let count = |state, keys| KeyCount { provider: "openai".into(), state, keys };
    let hook = HookReading { hook: "on_request", runs: 9, failures: 2, total_us: 1_500, quarantined: true };
    let readings = Readings {
        keys: vec![count("active", 7), count("cooling", 2)],
        queued_records: 4,
        dropped_queue: 5,
        dropped_disk: 6,
        hooks: vec![hook],
        script_reloads: 3,
        failed_script_reloads: 1,
    };
    let text = metrics.encode(&readings);
    assert_has(
        &text,
        &[
            "keywheel_calls_in_flight 1",
            r#"keywheel_keys{provider="openai",state="cooling"} 2"#,
            "keywheel_records_queued 4",
            r#"keywheel_records_dropped_total{reason="queue_full"} 5"#,
            r#"keywheel_records_dropped_total{reason="disk"} 6"#,
            r#"keywheel_hook_runs_total{hook="on_request"} 9"#,
            r#"keywheel_hook_failures_total{hook="on_request"} 2"#,
            r#"keywheel_hook_duration_seconds_total{hook="on_request"} 0.0015"#,
            r#"keywheel_hook_quarantined{hook="on_request"} 1"#,
            r#"keywheel_script_reloads_total{result="failed"} 1"#,
        ],
    );
    drop(second);
    let text = metrics.encode(&Readings { keys: vec![count("active", 9)], ..Readings::default() });
    assert_has(&text, &["keywheel_calls_in_flight 0", r#"keywheel_keys{provider="openai",state="active"} 9"#]);
    assert!(!text.contains("cooling"), "a state without keys is not shown");
}

#[test]
fn a_name_cannot_break_out_of_its_label() {
    let metrics = Metrics::new();
    metrics.observe(&call("a\"} 1\nforged{x=\"\\", Outcome::Success));
    let text = metrics.encode(&Readings::default());
    assert!(!text.lines().any(|line| line.starts_with("forged")));
    assert!(text.contains(r#"provider="a\"} 1\nforged{x=\"\\",outcome="success"} 1"#), "{text}");
}
