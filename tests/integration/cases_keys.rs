//! Which verdict counts, and for whom: newer over older, accounts as groups, regions, rights on one endpoint.

use std::time::Duration;

use keywheel::domain::{Blame, Outcome};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::json;

use crate::app::{TOKEN, TestApp, chat_body, eventually};
use crate::scene::{MODEL, Scene, assert_ended, attempts, good, good_stream, refusal};

fn too_fast(seconds: u32) -> Behaviour {
    refusal(429, "rate_limit_exceeded", "Rate limit reached").header("retry-after", seconds.to_string())
}

/// Two calls with one key at once, whose waits come in either order: the later end counts.
#[tokio::test]
async fn of_two_waits_the_later_end_counts() {
    for waits in [[2, 90], [90, 2]] {
        let scene = Scene::with("attempts = 1", &["a"]).await;
        scene.plays("a", [too_fast(waits[0]).delay_ms(200), too_fast(waits[1]).delay_ms(500)]);
        let (one, two) = tokio::join!(scene.chat(), scene.chat());
        assert_eq!((one.status, two.status, scene.requests()), (429, 429, 2));
        let status = scene.key("a");
        let rest = status.models[0].until_ms.expect("an end") - scene.last().await.started_ms;
        assert!((85_000..95_000).contains(&rest), "{waits:?}: {rest}");
    }
}

/// A 200 that began before the key was disabled says nothing about that.
#[tokio::test]
async fn an_answer_that_began_earlier_does_not_enable_a_key() {
    let scene = Scene::with("attempts = 1", &["a"]).await;
    scene.plays("a", [good_stream().delay_ms(600), refusal(401, "invalid_api_key", "no")]);
    let slow = scene.stream();
    let refused = async {
        let arrived = scene.provider.wait_until(Duration::from_secs(5), |provider| provider.in_flight() == 1).await;
        assert!(arrived);
        assert_eq!(scene.chat().await.status, 503);
        assert_eq!(scene.key("a").state.as_str(), "disabled_auto");
    };
    let ((status, _, whole), ()) = tokio::join!(slow, refused);
    assert_eq!((status, whole), (200, true));
    assert_eq!(scene.key("a").state.as_str(), "disabled_auto", "the newer verdict stands");
    assert_eq!(scene.chat().await.code(), "no_available_key");
    assert_eq!(scene.requests(), 2);
}

/// An edit from a form that was opened before its key was disabled does not bring the key back.
#[tokio::test]
async fn an_edit_from_an_older_form_leaves_the_key_s_state_alone() {
    let scene = Scene::new(&["a", "b"]).await;
    let path = format!("/api/keys/{}", scene.key("a").key.0);
    let form = scene.app.admin("GET", &path, json!(null)).await;
    scene.plays("a", [refusal(401, "invalid_api_key", "Incorrect API key provided")]);
    scene.plays("b", [good()]);
    assert_eq!(scene.chat().await.status, 200);
    assert_eq!(scene.key("a").state.as_str(), "disabled_auto");
    let (etag, shown) = (form.header("etag").to_owned(), form.json());
    let change = json!({ "weight": 7, "name": shown["name"], "tags": shown["tags"], "priority": shown["priority"] });
    let edited = scene.app.admin_with("PATCH", &path, &[("if-match", &etag)], change).await;
    assert!(edited.status == 200 || edited.status == 412, "{}", edited.text());
    let now = scene.app.admin("GET", &path, json!(null)).await.json();
    assert_eq!(now["weight"], if edited.status == 200 { 7 } else { 1 });
    assert_eq!(scene.key("a").state.as_str(), "disabled_auto", "it is still disabled");
    assert_eq!(scene.chat().await.status, 200);
    assert_eq!(scene.requests(), 3, "and is not asked");
}

/// Three of ten keys belong to one account that is too fast: the others serve every call.
#[tokio::test]
async fn keys_of_one_account_rest_as_a_group() {
    let names: Vec<String> = (0..10).map(|at| format!("k{at}")).collect();
    for learned in [false, true] {
        let account = if learned { "" } else { "account = \"org-one\"" };
        let keys: Vec<(&str, &str)> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), if at < 3 { account } else { "" })).collect();
        let scene = Scene::built("", &keys, "").await;
        let refused = too_fast(30).header("openai-organization", "org-one");
        names.iter().enumerate().for_each(|(at, name)| {
            let behaviour = if at < 3 { refused.clone() } else { good() };
            scene.plays(name, [behaviour]);
        });
        for call in 0..12 {
            let answer = scene.chat().await;
            assert_eq!(answer.status, 200, "call {call}: {}", answer.text());
        }
        let first = scene.app.records().await.remove(0);
        if !learned {
            assert_eq!(attempts(&first), [("k0", "openai.rate_limit"), ("k3", "")], "a retry goes to another account first");
            assert_eq!(scene.requests(), 13, "the group rests with its first key");
            let rests = |name: &str| scene.key(name).models.iter().any(|model| model.until_ms.is_some());
            assert!(rests("k1") && rests("k2") && !rests("k3"));
        }
        assert_eq!(scene.key("k0").account.as_deref(), Some("org-one"));
        assert_eq!(scene.provider_status().breaker, None);
    }
}

/// When every key is told that it is too fast, the address is limited, and no further key is burnt.
#[tokio::test]
async fn a_rate_limit_on_the_address_opens_the_breaker() {
    let names: Vec<String> = (0..12).map(|at| format!("k{at}")).collect();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let scene = Scene::new(&keys).await;
    scene.all_play(&keys, &too_fast(60));
    assert_eq!(scene.chat().await.status, 429);
    assert_eq!(scene.provider_status().breaker.map(|(_, storm)| storm), Some("rate_limit"));
    assert_eq!(scene.chat().await.status, 429);
    assert_eq!(scene.requests(), 3, "the other keys are spared");
    scene.all_play(&keys, &good());
    eventually("it closes", async || scene.chat().await.status == 200).await;
    assert_eq!(scene.provider_status().breaker, None);
}

/// A refused region is the provider's matter: no key suffers, and another tier answers.
#[tokio::test]
async fn a_refused_region_goes_to_the_next_tier() {
    let elsewhere = MockProvider::start().await;
    let tables = format!(
        "[[provider]]\nname = \"elsewhere\"\nbase_url = \"{}\"\nallow_private = true\n\
         [[key]]\nprovider = \"elsewhere\"\nname = \"z\"\nsecret = \"sk-mock-healthy-z\"\n\
         [[model]]\nname = \"tiered\"\ntargets = [{{ provider = \"mock\", model = \"m\" }}, {{ provider = \"elsewhere\", model = \"m\", tier = 2 }}]",
        elsewhere.base_url()
    );
    let scene = Scene::built("", &[("a", ""), ("b", "")], &tables).await;
    let message = "Country, region, or territory not supported";
    scene.all_play(&["a", "b"], &refusal(403, "unsupported_country_region_territory", message));
    let tiered = chat_body(false).replace(MODEL, "tiered");
    assert_eq!(scene.app.post("/v1/chat/completions", tiered).await.status, 200);
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "openai.unsupported_region"), ("z", "")], "the next tier");
    assert_eq!(record.attempts[0].verdict.as_ref().map(|verdict| verdict.blame), Some(Blame::Provider));
    let answer = scene.chat().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "provider_refuses_region"), "without another tier");
    assert_eq!(scene.last().await.outcome, Outcome::UpstreamError);
    scene.assert_unharmed(&["a", "b"], "a region");
    let status = scene.provider_status();
    assert!(status.region_refused_ms.is_some() && status.breaker.is_none(), "it is said on the provider's page");
}

/// Calls, probes and model lists leave through the provider's proxy.
#[tokio::test]
async fn whatever_asks_a_provider_uses_its_proxy() {
    let proxy = MockProvider::start().await;
    let bootstrap = format!(
        "[[provider]]\nname = \"far\"\nbase_url = \"http://far.invalid/v1\"\ndefault = true\nallow_private = true\nproxy = \"http://{}\"\n\
         [[key]]\nprovider = \"far\"\nname = \"a\"\nsecret = \"sk-mock-healthy-a\"\n[[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n",
        proxy.address()
    );
    let app = TestApp::start(&bootstrap).await;
    let lists = |proxy: &MockProvider| proxy.seen().iter().filter(|seen| seen.target.ends_with("/models")).count();
    app.app.keep_up();
    assert!(proxy.wait_until(Duration::from_secs(10), |proxy| lists(proxy) == 1).await, "the model list");
    let check = format!("/api/keys/{}/check", app.key("a").key.0);
    let report = app.admin("POST", &check, json!(null)).await;
    assert_eq!((report.status, report.json()["verdict"].as_str()), (200, Some("valid")), "{}", report.text());
    assert_eq!(app.chat().await.status, 200);
    let targets: Vec<String> = proxy.seen().iter().map(|request| request.target.clone()).collect();
    assert!(targets.len() >= 3 && targets.iter().all(|target| target.starts_with("http://far.invalid/v1/")), "{targets:?}");
    assert_eq!(targets.last().map(String::as_str), Some("http://far.invalid/v1/chat/completions"));
    app.stop().await;
}

/// Rights that a key lacks for one endpoint leave it usable for the rest.
#[tokio::test]
async fn a_missing_right_closes_one_endpoint_only() {
    let scene = Scene::new(&["a", "b"]).await;
    let told = "You have insufficient permissions for this operation. Missing scopes: model.request.";
    scene.plays("a", [refusal(401, "insufficient_permissions", told), good()]);
    scene.plays(
        "b",
        [Behaviour::answer(200)
            .json(&json!({ "object": "list", "data": [], "usage": { "prompt_tokens": 1, "total_tokens": 1 } }))],
    );
    let embeddings = format!(r#"{{"model":"{MODEL}","input":"hi"}}"#);
    for _ in 0..2 {
        assert_eq!(scene.app.post("/v1/embeddings", embeddings.clone()).await.status, 200);
    }
    assert_eq!(attempts(&scene.app.records().await[0]), [("a", "openai.missing_scope"), ("b", "")]);
    assert_eq!(attempts(&scene.app.records().await[1]), [("b", "")]);
    let status = scene.key("a");
    assert_eq!((status.state.as_str(), &*status.endpoints[0].endpoint), ("active", "/embeddings"));
    assert_eq!(scene.chat().await.status, 200);
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "")], "chat goes on");
}

/// A model that one key does not have is another key's.
#[tokio::test]
async fn a_missing_model_rests_for_that_model_only() {
    let scene = Scene::new(&["a", "b"]).await;
    scene.plays("a", [refusal(404, "model_not_found", "The model `gpt-4o-mini` does not exist"), good()]);
    scene.plays("b", [good()]);
    assert_eq!(scene.chat().await.status, 200);
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "openai.model_not_found"), ("b", "")], "one key lacks it");
    let status = scene.key("a");
    assert_eq!((status.state.as_str(), status.models.len()), ("active", 1));
    let other = chat_body(false).replace(MODEL, "gpt-4o");
    for _ in 0..2 {
        assert_eq!(scene.app.post("/v1/chat/completions", other.clone()).await.status, 200);
    }
    let served: Vec<_> = scene.app.records().await[1..].iter().map(|record| attempts(record)[0].0.to_owned()).collect();
    assert!(served.contains(&"a".to_owned()), "it serves other models: {served:?}");
}
