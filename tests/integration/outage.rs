//! Keys in trouble and providers that go away: who is blamed, how often is tried again, and how soon it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keywheel::clock::Clock;
use keywheel::domain::CallRecord;
use keywheel::mock::{Behaviour, MockProvider};
use keywheel::rotator::ProviderStatus;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{TestApp, bootstrap_of, chat_body, eventually, read, secrets_seen};
use crate::process::number_from;

/// Seconds that the provider is away: `KEYWHEEL_TEST_OUTAGE_S=60` for a longer look.
fn outage_seconds() -> u64 {
    number_from("KEYWHEEL_TEST_OUTAGE_S", 6)
}

/// Time between two calls: 200 a second.
const PACE: Duration = Duration::from_millis(5);

/// One call: when it was sent, and its answer's status.
#[derive(Clone, Copy, Debug)]
struct Sample {
    sent: Instant,
    status: u16,
}

/// Calls at a steady pace, whatever becomes of those before, until `end`.
async fn steady_calls(app: &TestApp, end: impl Fn() -> bool) -> Vec<Sample> {
    let mut calls = JoinSet::new();
    let mut tick = tokio::time::interval(PACE);
    while !end() {
        tick.tick().await;
        let request = app.request("POST", "/v1/chat/completions").body(chat_body(false));
        calls.spawn(async move {
            let sent = Instant::now();
            Sample { sent, status: read(request).await.status }
        });
    }
    let mut samples = calls.join_all().await;
    samples.sort_by_key(|sample| sample.sent);
    samples
}

fn named_keys(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("key-{number}"), format!("sk-mock-healthy-{number}"))).collect()
}

async fn app_with(provider: &MockProvider, keys: &[(String, String)]) -> TestApp {
    let keys: Vec<_> = keys.iter().map(|(name, secret)| (name.as_str(), secret.as_str())).collect();
    TestApp::start(&bootstrap_of(provider, "", &keys)).await
}

fn provider_status(app: &TestApp) -> ProviderStatus {
    let provider = app.app.publisher().current().load().providers().next().expect("the provider").id;
    app.app.rotator().provider_status(provider, Clock::start().now()).expect("a known provider")
}

/// Sends steady calls: for a second all is well, then `failing` is set for `away`, then five seconds to recover and one to
/// be well again. Returns the samples, the moment of the provider's return, and whether the breaker was seen open.
async fn ride_out(app: &TestApp, failing: &AtomicBool, away: Duration) -> (Vec<Sample>, Instant, bool) {
    let began = Instant::now();
    let (leaves, returns) = (Duration::from_secs(1), Duration::from_secs(1) + away);
    let opened = AtomicBool::new(false);
    let watching = async {
        tokio::time::sleep_until((began + leaves).into()).await;
        failing.store(true, Ordering::SeqCst);
        while began.elapsed() < returns {
            opened.fetch_or(provider_status(app).breaker.is_some(), Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        failing.store(false, Ordering::SeqCst);
        Instant::now()
    };
    let last = returns + Duration::from_secs(6);
    let (returned, samples) = tokio::join!(watching, steady_calls(app, || began.elapsed() > last));
    (samples, returned, opened.into_inner())
}

/// How long after the provider's return the last failing call was sent.
fn recovery(samples: &[Sample], returned: Instant) -> Duration {
    let last_failing = samples.iter().rev().find(|sample| sample.status != 200).expect("the outage was noticed");
    last_failing.sent.saturating_duration_since(returned)
}

fn attempts(records: &[CallRecord]) -> usize {
    records.iter().map(|record| record.attempts.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_charges_no_key_and_is_over_soon_after_the_provider_returns() {
    let provider = MockProvider::start().await;
    let failing = Arc::new(AtomicBool::new(false));
    let is_failing = failing.clone();
    provider.behave(move |_| {
        let unavailable = || Behaviour::answer(503).json(&json!({"error": {"message": "down for maintenance"}}));
        is_failing.load(Ordering::SeqCst).then(unavailable)
    });
    let keys = named_keys(50);
    let app = app_with(&provider, &keys).await;
    let (samples, returned, opened) = ride_out(&app, &failing, Duration::from_secs(outage_seconds())).await;
    let recovery = recovery(&samples, returned);
    let seconds = (samples.last().unwrap().sent - samples[0].sent).as_secs_f64();

    let records = app.records().await;
    assert_eq!(records.len(), samples.len(), "one record for each call");
    let most = records.iter().map(|record| record.attempts.len()).max().unwrap();
    let retries = attempts(&records) - records.iter().filter(|record| !record.attempts.is_empty()).count();
    let failed = samples.iter().filter(|sample| sample.status != 200).count();
    println!(
        "{} calls in {seconds:.1} s, {failed} failed; {} attempts, {retries} retries, {most} at most for a call; recovered {} ms after the return",
        samples.len(),
        attempts(&records),
        recovery.as_millis()
    );
    assert!(opened, "the breaker opened");
    assert!(most <= 3, "{most} attempts for one call");
    assert!(retries as f64 <= 0.2 * samples.len() as f64 + 10.0 * (seconds + 1.0), "{retries} retries");
    assert!(recovery < Duration::from_secs(5), "{recovery:?}");
    assert!(provider_status(&app).breaker.is_none());
    for (name, _) in &keys {
        let status = app.key(name);
        assert_eq!((status.state.as_str(), status.facts.failures), ("active", 0), "{name} was charged: {:?}", status.reason);
        assert!(status.models.is_empty(), "{name}: {:?}", status.models);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_the_address_does_not_empty_the_pool() {
    for retry_after in [None, Some("30")] {
        let provider = MockProvider::start().await;
        let failing = Arc::new(AtomicBool::new(false));
        let is_failing = failing.clone();
        provider.behave(move |_| {
            let limited = || {
                let answer = Behaviour::answer(429)
                    .json(&json!({"error": {"message": "Too many requests", "code": "rate_limit_exceeded"}}));
                retry_after.map_or(answer.clone(), |seconds| answer.header("retry-after", seconds))
            };
            is_failing.load(Ordering::SeqCst).then(limited)
        });
        let keys = named_keys(20);
        let app = app_with(&provider, &keys).await;
        let (samples, returned, opened) = ride_out(&app, &failing, Duration::from_secs(3)).await;
        let recovery = recovery(&samples, returned);
        let resting: Vec<_> = keys.iter().filter(|(name, _)| app.key(name).state.as_str() != "active").collect();
        let for_a_model: Vec<_> = keys.iter().filter(|(name, _)| !app.key(name).models.is_empty()).collect();
        println!(
            "retry-after {retry_after:?}: recovered after {} ms, {} keys rest, {} for the model",
            recovery.as_millis(),
            resting.len(),
            for_a_model.len()
        );
        assert!(opened, "the breaker opened");
        assert!(recovery < Duration::from_secs(5), "{recovery:?}");
        assert!(resting.is_empty(), "{resting:?}");
        // Three failures open the breaker, unless the answer to a call of before comes in between.
        assert!(for_a_model.len() < keys.len() / 2, "only those rest that failed before the breaker opened: {for_a_model:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_among_ten_is_disabled_and_no_client_notices() {
    let provider = MockProvider::start().await;
    let mut keys = named_keys(10);
    keys[6].1 = "sk-mock-invalid-6".to_owned();
    let app = app_with(&provider, &keys).await;
    let mut calls = JoinSet::new();
    let gate = Arc::new(tokio::sync::Semaphore::new(8));
    for _ in 0..400 {
        let request = app.request("POST", "/v1/chat/completions").body(chat_body(false));
        let gate = gate.clone();
        calls.spawn(async move {
            let _turn = gate.acquire().await;
            read(request).await.status
        });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let refused = secrets_seen(&provider).iter().filter(|secret| *secret == "sk-mock-invalid-6").count();
    println!("the bad key was asked {refused} times");
    assert!((1..=8).contains(&refused), "only calls that were on their way already may ask a refused key: {refused}");
    for (name, _) in &keys {
        let expected = if name == "key-6" { "disabled_auto" } else { "active" };
        assert_eq!(app.key(name).state.as_str(), expected, "{name}");
    }
    assert_eq!(app.key("key-6").reason.as_deref(), Some("openai.invalid_api_key"));
    eventually("every call is recorded", async || app.records().await.len() == 400).await;
}
