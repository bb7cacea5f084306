//! What a refusal means for its key: how long it rests, whether it is disabled, remembered, or spared.

use keywheel::domain::Outcome;
use keywheel::mock::Behaviour;
use keywheel::rotator::ModelStatus;
use serde_json::{Value, json};

use crate::app::chat_body;
use crate::scene::{GOOD_COST, MODEL, Scene, assert_billed, assert_ended, assert_free, attempts, good, good_stream, refusal};

/// What a 429 says, and until when the key then rests for the model: in milliseconds, and from where that is known.
struct Wait {
    what: String,
    behaviour: Behaviour,
    ms: u64,
    source: &'static str,
}

fn too_fast() -> Behaviour {
    refusal(429, "rate_limit_exceeded", "Rate limit reached for requests")
}

fn with_headers(headers: &[(&str, String)], ms: u64, source: &'static str) -> Wait {
    let behaviour = headers.iter().fold(too_fast(), |answer, (name, value)| answer.header((*name).to_owned(), value.clone()));
    Wait { what: format!("{headers:?}"), behaviour, ms, source }
}

fn with_body(body: Value, ms: u64, source: &'static str) -> Wait {
    Wait { what: body.to_string(), behaviour: Behaviour::answer(429).json(&body), ms, source }
}

fn model_of<'a>(status: &'a keywheel::rotator::KeyStatus, what: &str) -> &'a ModelStatus {
    status.models.iter().find(|model| &*model.model == MODEL).unwrap_or_else(|| panic!("{what}: {status:#?}"))
}

fn at(ms_from_now: i64) -> jiff::Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    jiff::Timestamp::from_millisecond(now + ms_from_now).unwrap()
}

/// Plays each refusal on key `a`: the client sees key `b`'s answer at once, and `a` rests as long as it was told.
async fn assert_rests(scene: &Scene, waits: Vec<Wait>) {
    scene.plays("b", [good()]);
    for Wait { what, behaviour, ms, source } in waits {
        let id = scene.key("a").key;
        let now = keywheel::clock::Clock::start().now();
        assert!(scene.app.app.rotator().reset(id, now));
        scene.plays("a", [behaviour]);
        let answer = scene.chat().await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let record = scene.record_of(&answer).await;
        assert_eq!(record.outcome, Outcome::Success, "{what}");
        assert_eq!(record.attempts.iter().map(|attempt| &*attempt.key.name).collect::<Vec<_>>(), ["a", "b"], "{what}");
        assert_billed(&record, (10, 20), GOOD_COST, &what);
        let verdict = record.attempts[0].verdict.clone().expect("a verdict");
        assert_eq!(verdict.wait_source.as_deref(), Some(source), "{what}: {verdict:?}");
        let status = scene.key("a");
        let rest = model_of(&status, &what);
        assert_eq!((status.state.as_str(), rest.wait_source.as_deref()), ("active", Some(source)), "{what}");
        let until = rest.until_ms.expect("an end") - record.started_ms;
        assert!((ms as i64 - 1_500..=ms as i64 + 4_000).contains(&until), "{what}: {until} ms, not {ms}");
        let passed = scene.requests();
        assert_eq!(scene.chat().await.status, 200, "{what}");
        assert_eq!(scene.requests(), passed + 1, "{what}: who rests is not asked");
        scene.assert_unharmed(&["b"], &what);
    }
    assert_eq!(scene.provider_status().breaker, None);
}

#[tokio::test]
async fn a_rate_limited_key_rests_as_long_as_the_headers_say() {
    let scene = Scene::new(&["a", "b"]).await;
    let http_date = at(60_000).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let header = |name: &'static str, value: &str, ms, source| with_headers(&[(name, value.to_owned())], ms, source);
    let reset = |value: &str, ms| header("x-ratelimit-reset-requests", value, ms, "reset header");
    assert_rests(
        &scene,
        vec![
            header("retry-after", "2", 2_000, "retry-after"),
            header("retry-after", &http_date, 60_000, "retry-after"),
            header("retry-after", "-5", 1_000, "retry-after"),
            header("retry-after", "NaN", 60_000, "default"),
            header("retry-after", "soon", 60_000, "default"),
            header("retry-after", "1e9", 3_600_000, "retry-after"),
            with_headers(&[("retry-after", "90".into()), ("retry-after-ms", "20500".into())], 20_500, "retry-after-ms"),
            reset("1s", 1_000),
            reset("6m0s", 360_000),
            reset("2m59.56s", 179_560),
            reset("12ms", 1_000),
            reset("60", 60_000),
            reset(&at(90_000).to_string(), 90_000),
            reset(&at(90_000).as_second().to_string(), 90_000),
            reset(&at(90_000).as_millisecond().to_string(), 90_000),
            reset("later", 60_000),
        ]
        .into_iter()
        .map(|wait| if wait.what.contains("later") { Wait { source: "default", ..wait } } else { wait })
        .chain([with_headers(
            &[
                ("x-ratelimit-remaining-requests", "12".into()),
                ("x-ratelimit-reset-requests", "6m0s".into()),
                ("x-ratelimit-remaining-tokens", "0".into()),
                ("x-ratelimit-reset-tokens", "30s".into()),
            ],
            30_000,
            "reset header",
        )])
        .collect(),
    )
    .await;
}

#[tokio::test]
async fn a_rate_limited_key_rests_as_long_as_the_body_says() {
    let scene = Scene::with("time_zone = \"Asia/Shanghai\"", &["a", "b"]).await;
    let google = |details: Value| json!([{ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota", "details": [details] } }]);
    let delay = |delay: &str| google(json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }));
    let words = |message: String| json!({ "error": { "message": message, "type": "rate_limit_error", "code": "1302" } });
    let shanghai = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let local = at(2_000_000).to_zoned(shanghai).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let midnight = at(0).in_tz("Asia/Shanghai").unwrap().tomorrow().unwrap().start_of_day().unwrap();
    let to_midnight = (midnight.timestamp().as_millisecond() - at(0).as_millisecond()) as u64;
    let mut per_day = google(json!({ "violations": [{ "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier" }] }));
    per_day[0]["error"]["details"].as_array_mut().unwrap().push(json!({ "retryDelay": "7s" }));
    let mut beaten = with_body(delay("39.4s"), 5_000, "retry-after");
    beaten.behaviour = beaten.behaviour.header("retry-after", "5");
    assert_rests(
        &scene,
        vec![
            with_body(delay("39.4s"), 39_400, "body"),
            beaten,
            with_body(delay("900000s"), 3_600_000, "body"),
            with_body(delay("-3s"), 1_000, "body"),
            with_body(delay("soon"), 60_000, "default"),
            with_body(words(format!("Your limit will reset at {local}")), 2_000_000, "body"),
            with_body(
                words("Rate limit reached: Limit 10000, Used 8554, Requested 3082. Please try again in 9.8s.".into()),
                9_800,
                "body",
            ),
            with_body(words("Rate limit reached".into()), 60_000, "default"),
            with_body(per_day, to_midnight.max(1_000), "daily reset"),
        ],
    )
    .await;
}

#[tokio::test]
async fn when_all_rest_the_client_hears_of_the_first_that_is_back() {
    for (keys, waits) in [(&["a", "b"][..], &["9", "5"][..]), (&["a", "b", "c"], &["9", "5", "7"])] {
        let scene = Scene::new(keys).await;
        keys.iter().zip(waits).for_each(|(key, wait)| scene.plays(key, [too_fast().header("retry-after", *wait)]));
        for round in 0..2 {
            let answer = scene.chat().await;
            assert_eq!((answer.status, answer.code().as_str()), (429, "all_keys_resting"), "{}", answer.text());
            let wait: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!((3..=5).contains(&wait), "round {round}: {wait}");
            let record = scene.last().await;
            let wanted = if round == 0 { keys.len() } else { 0 };
            assert_eq!((record.outcome, record.attempts.len()), (Outcome::NoKey, wanted));
            assert_free(&record, "all rest");
        }
        assert_eq!(scene.requests(), keys.len(), "who rests is not asked");
    }
}

/// A key that is dead by its provider's words, however it says so.
#[tokio::test]
async fn a_dead_key_is_disabled_and_the_next_answers() {
    let google = json!({ "error": { "code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID" }] } });
    let cases = [
        ("401", refusal(401, "invalid_api_key", "Incorrect API key provided: sk-proj-ab****yz")),
        ("401 without words", Behaviour::answer(401).json(&json!({}))),
        ("400 API_KEY_INVALID", Behaviour::answer(400).json(&google)),
        ("the same in an array", Behaviour::answer(400).json(&json!([google]))),
        ("403 suspended", refusal(403, "forbidden", "Consumer 'api_key:abc' has been suspended.")),
        ("403 deactivated", refusal(403, "account_deactivated", "The account was deactivated")),
        (
            "a vendor's own code",
            Behaviour::answer(401).json(&json!({ "error": { "code": "1002", "message": "Authorization Token invalid" } })),
        ),
        (
            "200 with it inside",
            Behaviour::answer(200).json(&json!({ "error": { "code": "invalid_api_key", "message": "no" } })),
        ),
    ];
    for (what, behaviour) in cases {
        let scene = Scene::new(&["a", "b"]).await;
        scene.plays("a", [behaviour]);
        scene.plays("b", [good(), good_stream()]);
        assert_eq!(scene.chat().await.status, 200, "{what}");
        let record = scene.last().await;
        assert_eq!((record.outcome, record.attempts.len()), (Outcome::Success, 2), "{what}");
        assert_billed(&record, (10, 20), GOOD_COST, what);
        let verdict = record.attempts[0].verdict.as_ref().expect("a verdict");
        let status = scene.key("a");
        assert_eq!((status.state.as_str(), status.reason.as_ref()), ("disabled_auto", Some(&verdict.rule)), "{what}");
        assert!(scene.app.chat_stream().await.status == 200 && scene.requests() == 3, "{what}: it is not asked again");
        scene.assert_unharmed(&["b"], what);
    }
}

/// An empty balance rests for an hour at first, however it is told.
#[tokio::test]
async fn a_key_without_quota_rests_long() {
    let cases = [
        refusal(429, "insufficient_quota", "You exceeded your current quota"),
        refusal(429, "billing_hard_limit_reached", "Billing hard limit has been reached"),
        refusal(402, "payment_required", "Insufficient Balance"),
        refusal(400, "invalid_request_error", "Your credit balance is too low to access the API"),
    ];
    for behaviour in cases {
        let what = format!("{behaviour:?}");
        let scene = Scene::new(&["a", "b"]).await;
        scene.plays("a", [behaviour.header("retry-after", "1")]);
        scene.plays("b", [good()]);
        assert_eq!(scene.chat().await.status, 200);
        assert_eq!(attempts(&scene.last().await)[1], ("b", ""), "{what}");
        let status = scene.key("a");
        assert_eq!(status.state.as_str(), "cooling", "{what}");
        let rest = status.until_ms.expect("an end") - scene.last().await.started_ms;
        assert!((3_590_000..3_610_000).contains(&rest), "{what}: {rest}");
        assert_eq!(scene.chat().await.status, 200);
        assert_eq!(scene.requests(), 3, "{what}");
    }
}

/// Whatever the keys are refused for is between the provider and the operator.
#[tokio::test]
async fn a_provider_s_401_is_not_the_client_s() {
    let told = "Incorrect API key provided: sk-proj-abcdefgh*****yz. You belong to org-AbCdEf123456; see https://platform.example.com/keys.";
    let cases =
        [(401, "invalid_api_key"), (402, "insufficient_balance"), (403, "account_deactivated"), (403, "unknown_reason")];
    for (status, code) in cases {
        let scene = Scene::new(&["a", "b"]).await;
        let behaviour =
            refusal(status, code, told).header("openai-organization", "org-AbCdEf123456").header("www-authenticate", "Bearer");
        scene.all_play(&["a", "b"], &behaviour);
        for round in 0..4 {
            let answer = scene.app.post("/v1/chat/completions", chat_body(round % 2 == 1)).await;
            // Later calls find the keys disabled, or at rest until a moment that is told.
            let wanted =
                if round == 0 || status != 402 { (503, "no_available_key", false) } else { (429, "all_keys_resting", true) };
            let told = answer.headers.contains_key("retry-after");
            assert_eq!((answer.status, answer.code().as_str(), told), wanted, "{status} {code} {round}");
            let all = format!("{:?} {}", answer.headers, answer.text());
            for secret in ["sk-", "org-", "platform.example", "AbCdEf", "127.0.0.1", "www-authenticate"] {
                assert!(!all.contains(secret), "{status} {code}: {secret} in {all}");
            }
        }
        let records = scene.app.records().await;
        assert_eq!(records[0].outcome, Outcome::NoKey);
        assert_eq!(records[0].attempts.len(), 2);
        let words = records[0].attempts[0].message.as_deref().expect("the provider's words");
        assert!(words.contains("Incorrect API key provided: [masked]") && !words.contains("org-AbC"), "{words}");
        assert_free(&records[0], code);
        assert_eq!(scene.requests(), 2, "refused keys are not asked again");
    }
}

/// No wait helps a call that is too large for a key: it is remembered, and nothing rests.
#[tokio::test]
async fn a_call_too_large_for_a_key_goes_to_a_larger_one() {
    let told = "Request too large for gpt-4o-mini on tokens per min (TPM): Limit 30000, Requested 36055.";
    let large = format!(r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(36_000));
    for status in [429, 413] {
        let scene = Scene::new(&["a", "b"]).await;
        scene.plays("a", [refusal(status, "rate_limit_exceeded", told), good()]);
        scene.plays("b", [good()]);
        let post = async |body: &str| scene.app.post("/v1/chat/completions", body.to_owned()).await;
        assert_eq!(post(&large).await.status, 200);
        assert_ended(&scene.last().await, Outcome::Success, &[("a", "openai.request_too_large"), ("b", "")], told);
        let key = scene.key("a");
        assert_eq!(
            (key.state.as_str(), model_of(&key, told).size_limit, model_of(&key, told).until_ms),
            ("active", Some(30_000), None)
        );
        assert_eq!(post(&large).await.status, 200);
        assert_ended(&scene.last().await, Outcome::Success, &[("b", "")], "larger calls skip it");
        assert_eq!(scene.chat().await.status, 200);
        assert_ended(&scene.last().await, Outcome::Success, &[("a", "")], "small ones use it");

        let scene = Scene::new(&["a", "b"]).await;
        let refused = refusal(status, "rate_limit_exceeded", told);
        scene.all_play(&["a", "b"], &refused);
        let answer = scene.app.post("/v1/chat/completions", large.clone()).await;
        assert_eq!((answer.status, answer.json()["error"]["message"].as_str()), (status, Some(told)), "verbatim");
        let record = scene.last().await;
        let rule = "openai.request_too_large";
        assert_ended(&record, Outcome::RequestError, &[("a", rule), ("b", rule)], "one pass");
        assert_free(&record, told);
        assert!(["a", "b"].iter().all(|name| scene.key(name).state.as_str() == "active"), "nothing rests");
    }
}
