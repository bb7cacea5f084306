//! Which verdict counts, and for whom: newer over older, accounts as groups, regions, rights on one endpoint.

use std::time::Duration;

use keywheel::domain::{Blame, Outcome};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::json;

use crate::app::{chat_body, eventually};
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
