//! Asking a provider about a key: model lists and probes.

use keywheel::domain::{AuthScheme, Pattern, Provider};
use keywheel::mock::{Behaviour, MockProvider, SeenRequest};
use keywheel::outbound::{ListError, Options, Outbound, ProbeReport, ProbeStep, ProbeVerdict};
use serde_json::{Value, json};

use super::outbound::{key, provider};

fn paths(mock: &MockProvider) -> Vec<String> {
    mock.seen().iter().map(|seen| seen.path().to_owned()).collect()
}

async fn probe(mock: &MockProvider, secret: &str) -> ProbeReport {
    Outbound::new(Options::default()).probe(&provider(&mock.base_url()), &key(secret)).await
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let mock = MockProvider::start().await;
    mock.behave(|request| {
        let page = match request.query() {
            None => json!({ "data": [{ "id": "a" }, { "id": "b" }], "has_more": true, "last_id": "b" }),
            Some("after_id=b") => json!({ "data": [{ "id": "b" }, { "id": "c" }], "has_more": false, "last_id": "c" }),
            Some(_) => return None,
        };
        Some(Behaviour::answer(200).json(&page))
    });
    let outbound = Outbound::new(Options::default());
    let listed = outbound.list_models(&provider(&mock.base_url()), &key("s")).await.unwrap();
    assert_eq!(listed, ["a", "b", "c"]);
    // A provider that repeats its page for ever ends the list.
    mock.behave(|_| Some(Behaviour::answer(200).json(&json!({ "data": [{ "id": "a" }], "has_more": true, "last_id": "a" }))));
    assert_eq!(outbound.list_models(&provider(&mock.base_url()), &key("s")).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn lists_that_cannot_be_read_say_why() {
    let mock = MockProvider::start().await;
    let outbound = Outbound::new(Options::default());
    let list = async |behaviour: Behaviour| {
        mock.queue(behaviour);
        outbound.list_models(&provider(&mock.base_url()), &key("s")).await.unwrap_err()
    };
    let status = list(Behaviour::answer(404).json(&json!({ "error": {} }))).await;
    assert!(matches!(status, ListError::Status(answer) if answer.status == 404 && answer.body == "{\"error\":{}}"));
    assert!(matches!(list(Behaviour::answer(200).piece("<html>")).await, ListError::NotAList(_)));
    assert!(matches!(
        list(Behaviour::answer(200).piece("{").claim_length(9).ending(keywheel::mock::Ending::Close)).await,
        ListError::Broken(_)
    ));
    assert!(matches!(list(Behaviour::reset()).await, ListError::Send(_)));
}

#[tokio::test]
async fn a_list_that_needs_a_key_proves_it() {
    let mock = MockProvider::start().await;
    let report = probe(&mock, "sk-mock-healthy-1").await;
    assert_eq!((report.verdict, report.step), (ProbeVerdict::Valid, Some(ProbeStep::Models)));
    assert_eq!(paths(&mock), ["/v1/models", "/v1/models"]);
    assert_eq!(mock.last_seen().unwrap().secret(), None, "the second question goes without the key");
}

#[tokio::test]
async fn verdicts_of_personas() {
    for (secret, verdict) in [
        ("sk-mock-invalid-1", ProbeVerdict::Invalid),
        ("sk-mock-exhausted-1", ProbeVerdict::NoQuota),
        ("sk-mock-429-1", ProbeVerdict::RateLimited),
        ("sk-mock-denied-1", ProbeVerdict::NoAccess),
        ("sk-mock-500-1", ProbeVerdict::ProviderTrouble),
        ("sk-mock-region-1", ProbeVerdict::ProviderTrouble),
        ("sk-mock-reset-1", ProbeVerdict::Network),
    ] {
        let mock = MockProvider::start().await;
        let report = probe(&mock, secret).await;
        assert_eq!(report.verdict, verdict, "{secret}");
        assert_eq!(report.answer.is_some(), verdict != ProbeVerdict::Network, "{secret}");
        assert!(!format!("{:?}", report.no_answer).contains("127.0.0.1"));
    }
}

/// Answers `/models` as a script says and simulates the rest.
async fn with_models(answer: impl Fn(&SeenRequest) -> Behaviour + Send + Sync + 'static) -> MockProvider {
    let mock = MockProvider::start().await;
    mock.behave(move |request| (request.path() == "/v1/models").then(|| answer(request)));
    mock
}

#[tokio::test]
async fn where_the_list_cannot_tell_a_call_does() {
    let public = |_: &SeenRequest| Behaviour::answer(200).json(&json!({ "data": [{ "id": "tts-1" }, { "id": "gpt-4o" }] }));
    let mock = with_models(public).await;
    let report = probe(&mock, "sk-mock-healthy-1").await;
    assert_eq!(report.step, Some(ProbeStep::Call { model: "gpt-4o".to_owned() }));
    assert_eq!(report.verdict, ProbeVerdict::Valid);
    let body: Value = mock.last_seen().unwrap().json().unwrap();
    assert_eq!((body["model"].as_str(), body["max_tokens"].as_u64()), (Some("gpt-4o"), Some(1)));
    assert_eq!(probe(&mock, "sk-mock-invalid-1").await.verdict, ProbeVerdict::Invalid);

    let mock = with_models(|_| Behaviour::answer(404)).await;
    assert_eq!(probe(&mock, "sk-mock-healthy-1").await.verdict, ProbeVerdict::CannotTell, "no model is known");
    let mut embeddings_only = key("sk-mock-healthy-1");
    embeddings_only.models = Some(vec![Pattern::new("text-embedding-3-small")]);
    let outbound = Outbound::new(Options::default());
    let report = outbound.probe(&provider(&mock.base_url()), &embeddings_only).await;
    assert_eq!((report.verdict, mock.last_seen().unwrap().path()), (ProbeVerdict::Valid, "/v1/embeddings"));

    let mut chosen = provider(&mock.base_url());
    chosen.probe.model = Some("mock-missing-retired".to_owned());
    let report = outbound.probe(&chosen, &key("sk-mock-healthy-1")).await;
    assert_eq!(report.verdict, ProbeVerdict::CannotTell, "a retired probe model is no fault of the key");
}

#[tokio::test]
async fn a_renamed_limit_is_understood() {
    let mock = MockProvider::start().await;
    mock.behave(|request| {
        if request.path() == "/v1/models" {
            return Some(Behaviour::answer(405));
        }
        let body: Value = request.json()?;
        let words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
        body.get("max_tokens").map(|_| Behaviour::answer(400).json(&json!({ "error": { "message": words } })))
    });
    let mut provider = provider(&mock.base_url());
    provider.synced_models = vec!["o4-mini".to_owned()];
    let report = Outbound::new(Options::default()).probe(&provider, &key("sk-mock-healthy-1")).await;
    assert_eq!((report.verdict, mock.seen().len()), (ProbeVerdict::Valid, 3));
}

#[tokio::test]
async fn without_auth_or_network_nothing_is_said_about_the_key() {
    let mock = MockProvider::start().await;
    let outbound = Outbound::new(Options::default());
    let open = Provider { auth: AuthScheme::None, ..provider(&mock.base_url()) };
    assert_eq!(outbound.probe(&open, &key("s")).await.verdict, ProbeVerdict::CannotTell);
    assert!(mock.seen().is_empty());
    let gone = provider(&format!("http://{}", MockProvider::nobody().await));
    assert_eq!(outbound.probe(&gone, &key("s")).await.verdict, ProbeVerdict::Network);
}

#[tokio::test]
async fn a_messages_provider_is_asked_in_its_shape() {
    let mock = with_models(|_| Behaviour::answer(404)).await;
    let provider = Provider {
        auth: AuthScheme::XApiKey,
        synced_models: vec!["claude-haiku-4-5".to_owned()],
        ..provider(&mock.base_url())
    };
    let report = Outbound::new(Options::default()).probe(&provider, &key("sk-mock-healthy-1")).await;
    let seen = mock.last_seen().unwrap();
    assert_eq!((report.verdict, seen.path()), (ProbeVerdict::Valid, "/v1/messages"));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
}
