//! The life of a call, from a client's socket to its record.

use keywheel::domain::{Outcome, UsageQuality};
use keywheel::mock::MockProvider;

use crate::app::{TestApp, secrets_seen};

#[tokio::test]
async fn a_plain_and_a_streamed_call_are_answered_and_recorded() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let plain = app.chat().await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let streamed = app.chat_stream().await;
    assert_eq!(streamed.status, 200);
    assert!(streamed.text().ends_with("data: [DONE]\n\n"), "{}", streamed.text());
    assert!(!streamed.text().contains("\"choices\":[]"), "the usage event that nobody asked for is hidden");

    let records = app.records().await;
    assert_eq!(records.len(), 2);
    for (record, answer) in records.iter().zip([&plain, &streamed]) {
        assert_eq!(record.outcome, Outcome::Success);
        assert_eq!(record.id.to_string(), answer.header("x-request-id"));
        assert_eq!(record.usage.quality, UsageQuality::Exact);
        assert!(record.usage.output > Some(0) && record.cost.known().is_some(), "{record:#?}");
        assert_eq!(record.bytes_out, answer.body.len() as u64);
        assert_eq!(record.attempts.len(), 1);
        assert_eq!(&*record.attempts[0].why.chosen_by, "round_robin");
    }
    assert_eq!(plain.json()["usage"]["completion_tokens"].as_u64(), records[0].usage.output);
}

#[tokio::test]
async fn a_refused_key_is_disabled_and_the_client_sees_another_keys_answer() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("bad", "sk-mock-invalid-1"), ("good", "sk-mock-healthy-1")]).await;
    for _ in 0..4 {
        assert_eq!(app.chat().await.status, 200);
    }
    let refused = secrets_seen(&provider).iter().filter(|secret| *secret == "sk-mock-invalid-1").count();
    assert_eq!(refused, 1, "a disabled key is not asked again");
    assert_eq!(app.key("bad").state.as_str(), "disabled_auto");
    assert_eq!(app.key("good").state.as_str(), "active");
}
