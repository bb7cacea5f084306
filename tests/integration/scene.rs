//! One provider whose keys behave as a test says, Keywheel before it, and what a call leaves behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use keywheel::domain::{CallRecord, Cost, Nanodollars, Outcome, Settings, UsageQuality};
use keywheel::mock::{Behaviour, Ending, MockProvider};
use keywheel::rotator::{KeyStatus, ProviderStatus};
use keywheel::store::{Actor, StoreError};
use serde_json::json;

use crate::app::{Answer, TOKEN, TestApp, chat_body};

/// The model that calls ask for.
pub const MODEL: &str = "gpt-4o-mini";
/// Its price, in dollars.
const PRICE: &str = "{ input = 10.0, cached_read = 1.0, cache_write = 12.5, output = 20.0 }";

type Plays = Arc<Mutex<HashMap<String, Vec<Behaviour>>>>;

/// One provider `mock`, whose keys are used in the order in which they are named, and the client `app`.
pub struct Scene {
    pub provider: MockProvider,
    pub app: TestApp,
    plays: Plays,
}

impl Scene {
    /// Keys by name, with the default settings.
    pub async fn new(keys: &[&str]) -> Self {
        Scene::with("", keys).await
    }

    /// As [`Scene::new`], with further lines for the provider.
    pub async fn with(provider_lines: &str, keys: &[&str]) -> Self {
        let keys: Vec<(&str, &str)> = keys.iter().map(|key| (*key, "")).collect();
        Scene::built(provider_lines, &keys, "").await
    }

    /// As [`Scene::with`], with further lines for each key, and further tables.
    pub async fn built(provider_lines: &str, keys: &[(&str, &str)], tables: &str) -> Self {
        let provider = MockProvider::start().await;
        let mut text = format!(
            "[[provider]]\nname = \"mock\"\nbase_url = \"{}\"\ndefault = true\nallow_private = true\n{provider_lines}\n\
             [[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n\
             [[model]]\nname = \"{MODEL}\"\nstrategy = \"priority\"\ntargets = [{{ provider = \"mock\", model = \"{MODEL}\" }}]\n\
             price = {PRICE}\n{tables}\n",
            provider.base_url()
        );
        for (order, (name, lines)) in keys.iter().enumerate() {
            text.push_str(&format!(
                "[[key]]\nprovider = \"mock\"\nname = \"{name}\"\nsecret = \"{}\"\npriority = {order}\n{lines}\n",
                secret(name)
            ));
        }
        let plays = Plays::default();
        let script = plays.clone();
        provider.behave(move |request| {
            let mut plays = script.lock().unwrap();
            let queue = plays.get_mut(request.secret()?).filter(|_| request.path() != "/v1/models")?;
            if queue.len() > 1 { Some(queue.remove(0)) } else { queue.first().cloned() }
        });
        let scene = Scene { app: TestApp::start(&text).await, provider, plays };
        scene.set(|settings| settings.retry_burst = 1_000).await;
        scene
    }

    /// What a key's calls are answered with, in order; the last one again and again.
    pub fn plays(&self, key: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.plays.lock().unwrap().insert(secret(key), behaviours.into_iter().collect());
    }

    /// What every key's calls are answered with.
    pub fn all_play(&self, keys: &[&str], behaviour: &Behaviour) {
        keys.iter().for_each(|key| self.plays(key, [behaviour.clone()]));
    }

    /// A plain chat call.
    pub async fn chat(&self) -> Answer {
        self.app.chat().await
    }

    /// A streamed chat call that may break off: what of it came, and whether it ended as it should.
    pub async fn stream(&self) -> (u16, Vec<u8>, bool) {
        self.read_open("/v1/chat/completions", chat_body(true)).await
    }

    /// A call whose answer may break off.
    pub async fn read_open(&self, path: &str, body: String) -> (u16, Vec<u8>, bool) {
        let request = self.app.request("POST", path).header("content-type", "application/json").body(body);
        let mut response = request.send().await.expect("a head");
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return (response.status().as_u16(), bytes, true),
                Err(_) => return (response.status().as_u16(), bytes, false),
            }
        }
    }

    /// The record of the last call.
    pub async fn last(&self) -> CallRecord {
        self.app.records().await.pop().expect("a record")
    }

    /// The record of the call with this answer.
    pub async fn record_of(&self, answer: &Answer) -> CallRecord {
        let id = answer.header("x-request-id").parse().expect("a call's id");
        self.app.app.flush().await;
        self.app.app.call_log().get(id).await.expect("the log").expect("its record")
    }

    /// Requests that the provider saw, but for model lists.
    pub fn requests(&self) -> usize {
        self.provider.seen().iter().filter(|request| request.path() != "/v1/models").count()
    }

    /// The state of a key.
    pub fn key(&self, name: &str) -> KeyStatus {
        self.app.key(name)
    }

    /// Asserts that keys are as new: they neither rest nor are disabled, for no model and no endpoint.
    pub fn assert_unharmed(&self, keys: &[&str], what: &str) {
        for name in keys {
            let status = self.key(name);
            let harm = (status.models.len(), status.endpoints.len(), status.facts.failures);
            assert_eq!((status.state.as_str(), harm), ("active", (0, 0, 0)), "{what}: {name} {status:#?}");
        }
    }

    /// The state of the provider.
    pub fn provider_status(&self) -> ProviderStatus {
        let snapshot = self.app.app.publisher().current().load_full();
        let id = snapshot.provider_by_name("mock").expect("the provider").id;
        self.app.app.rotator().provider_status(id, keywheel::clock::Clock::start().now()).expect("its state")
    }

    /// Changes the settings.
    pub async fn set(&self, change: impl Fn(&mut Settings) + Send + 'static) {
        let actor = Actor { name: "test".to_owned(), address: None, now_ms: 1 };
        let edit = self.app.app.publisher().edit(actor, move |edit| {
            edit.update_settings(None, |settings| {
                change(settings);
                Ok(())
            })
        });
        let changed: Result<_, StoreError> = edit.await;
        changed.expect("the settings");
    }
}

/// The secret of a key.
pub fn secret(name: &str) -> String {
    format!("sk-mock-healthy-{name}")
}

/// Keys and the rules of their verdicts, in the order of the attempts; "" is a success.
pub fn attempts(record: &CallRecord) -> Vec<(&str, &str)> {
    let rule = |attempt| {
        let attempt: &keywheel::domain::AttemptRecord = attempt;
        attempt.verdict.as_ref().map_or("", |verdict| &verdict.rule)
    };
    record.attempts.iter().map(|attempt| (&*attempt.key.name, rule(attempt))).collect()
}

/// Asserts how a call ended: outcome, and attempts by key and rule.
pub fn assert_ended(record: &CallRecord, outcome: Outcome, wanted: &[(&str, &str)], what: &str) {
    assert_eq!((record.outcome, attempts(record)), (outcome, wanted.to_vec()), "{what}: {record:#?}");
}

/// Asserts what a call used and what it cost, in nano-dollars.
pub fn assert_billed(record: &CallRecord, tokens: (u64, u64), nanodollars: i64, what: &str) {
    assert_eq!((record.usage.input, record.usage.output), (Some(tokens.0), Some(tokens.1)), "{what}: {record:#?}");
    assert_eq!(record.usage.quality, UsageQuality::Exact, "{what}");
    assert_eq!(record.cost, Cost::Known(Nanodollars(nanodollars)), "{what}");
}

/// Asserts that a failed call cost nothing.
pub fn assert_free(record: &CallRecord, what: &str) {
    assert_eq!((record.usage.total_tokens(), record.cost.known().map_or(0, |cost| cost.0)), (None, 0), "{what}: {record:#?}");
}

/// An error in the OpenAI shape.
pub fn refusal(status: u16, code: &str, message: &str) -> Behaviour {
    Behaviour::answer(status).json(&json!({ "error": { "message": message, "type": code, "param": null, "code": code } }))
}

/// A good plain answer that used 10 and 20 tokens.
pub fn good() -> Behaviour {
    answer_with(json!({ "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30 }))
}

/// What [`good`] costs, in nano-dollars.
pub const GOOD_COST: i64 = 10 * 10_000 + 20 * 20_000;

/// A plain chat answer with this usage.
pub fn answer_with(usage: serde_json::Value) -> Behaviour {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": "Hello" }, "finish_reason": "stop" });
    Behaviour::answer(200)
        .json(&json!({ "id": "x-1", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage }))
}

/// A chunk of chat with this text.
pub fn chunk(text: &str) -> String {
    json!({ "id": "x-1", "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }).to_string()
}

/// The chunk that ends a chat.
pub fn finish() -> &'static str {
    r#"{"id":"x-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#
}

/// The chunk that states usage.
pub fn usage_event(input: u64, output: u64) -> String {
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    json!({ "id": "x-1", "choices": [], "usage": usage }).to_string()
}

/// A good stream that used 10 and 20 tokens.
pub fn good_stream() -> Behaviour {
    Behaviour::stream().event(&chunk("Hel")).event(&chunk("lo")).event(finish()).event(&usage_event(10, 20)).done()
}

/// A stream that begins with content and is then cut.
pub fn cut_stream() -> Behaviour {
    Behaviour::stream().event(&chunk("Hel")).pause_ms(20).ending(Ending::Reset)
}
