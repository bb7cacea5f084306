//! Chats: conversations whose answers come through the data plane and are written whoever reads along.

use futures_util::StreamExt;
use keywheel::domain::Outcome;
use keywheel::mock::{Behaviour, Ending, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, bootstrap_of, eventually, read};
use crate::people::{anonymous, with_body};

const MODEL: &str = "gpt-4o-mini";
const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

async fn start() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-a")]).await;
    (provider, app)
}

async fn ok(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    let answer = app.admin(method, path, body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

async fn begin(app: &TestApp) -> i64 {
    ok(app, "POST", "/api/chats", json!({})).await["id"].as_i64().unwrap()
}

async fn say(app: &TestApp, chat: i64, text: &str) -> Value {
    ok(app, "POST", &format!("/api/chats/{chat}/messages"), json!({ "text": text, "models": [MODEL] })).await
}

fn place(chat: i64, message: &Value) -> String {
    format!("/api/chats/{chat}/messages/{}", message["id"])
}

/// The events of an answer, as far as its end.
async fn events(app: &TestApp, chat: i64, message: &Value) -> Vec<Value> {
    let answer = app.admin("GET", &format!("{}/events", place(chat, message)), Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    text.lines().filter_map(|line| line.strip_prefix("data:")).map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The whole message, once it has ended.
async fn ended(app: &TestApp, chat: i64, message: &Value) -> Value {
    events(app, chat, message).await.pop().unwrap()["message"].clone()
}

fn chunk(delta: Value) -> String {
    json!({ "id": "c", "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
        .to_string()
}

fn last_chunk() -> String {
    json!({
        "id": "c", "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30 },
    })
    .to_string()
}

fn begun() -> Behaviour {
    Behaviour::stream().event(&chunk(json!({ "reasoning_content": "Well." }))).event(&chunk(json!({ "content": "Hel" })))
}

#[tokio::test]
async fn an_answer_is_an_ordinary_call_and_tells_what_it_took() {
    let (provider, app) = start().await;
    provider.queue(begun().event(&chunk(json!({ "content": "lo" }))).event(&last_chunk()).done());
    let settings = json!({ "system": "Be brief.", "temperature": 0.5, "max_tokens": 50 });
    let chat = ok(&app, "POST", "/api/chats", settings).await["id"].as_i64().unwrap();
    let body = json!({ "text": "Say hello\nplease", "images": [PICTURE], "models": [MODEL] });
    let turn = ok(&app, "POST", &format!("/api/chats/{chat}/messages"), body).await;
    assert_eq!(turn["chat"]["title"], "Say hello");
    let message = ended(&app, chat, &turn["answers"][0]).await;
    assert_eq!(
        (&message["state"], &message["text"], &message["reasoning"]),
        (&json!("done"), &json!("Hello"), &json!("Well."))
    );
    let answer = &message["answer"];
    assert_eq!((&answer["input_tokens"], &answer["output_tokens"]), (&json!(10), &json!(20)));
    assert_eq!((&answer["key"], &answer["provider"], &answer["finish"]), (&json!("a"), &json!("mock"), &json!("stop")));
    assert!(answer["cost_usd"].as_f64().unwrap() > 0.0 && answer["first_token_ms"].is_u64(), "{answer}");

    let record = app.only_record().await;
    assert_eq!(answer["call"], json!(record.id.to_string()));
    assert_eq!((record.outcome, &*record.client.unwrap().name), (Outcome::Success, "playground"));
    assert_eq!(record.tags, ["playground", "admin token"]);
    let sent: Value = provider.last_seen().unwrap().json().unwrap();
    assert_eq!((&sent["temperature"], &sent["max_tokens"], &sent["stream"]), (&json!(0.5), &json!(50), &json!(true)));
    assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "Be brief." }));
    assert_eq!(sent["messages"][1]["content"][1]["image_url"]["url"], json!(PICTURE));
    let picture = app.admin("GET", &format!("{}/images/0", place(chat, &turn["message"])), Value::Null).await;
    assert_eq!((picture.header("content-type"), picture.body.len()), ("image/png", 8));

    let whole = ok(&app, "GET", &format!("/api/chats/{chat}"), Value::Null).await;
    assert_eq!(whole["messages"][1], message);
    assert_eq!(whole["chat"]["leaf"], message["id"]);
    let clients = ok(&app, "GET", "/api/clients?search=playground", Value::Null).await;
    assert_eq!(clients["clients"].as_array().unwrap().len(), 1);
    say(&app, chat, "And now?").await;
    eventually("the branch is sent", async || {
        provider.last_seen().and_then(|seen| seen.json::<Value>()).is_some_and(|sent| sent["messages"][2]["content"] == "Hello")
    })
    .await;
}

#[tokio::test]
async fn an_answer_goes_on_without_a_reader_and_is_found_again() {
    let (provider, app) = start().await;
    provider.queue(begun().pause_ms(600).event(&chunk(json!({ "content": "lo" }))).event(&last_chunk()).done());
    let chat = begin(&app).await;
    let turn = say(&app, chat, "Hi").await;
    let answer = &turn["answers"][0];
    let path = format!("{}/events", place(chat, answer));
    {
        // A reader that leaves after the first piece of text.
        let response = app.request_as("admin-token-for-tests", "GET", &path).send().await.unwrap();
        let mut body = response.bytes_stream();
        let mut seen = String::new();
        while !seen.contains("Hel") {
            seen.push_str(&String::from_utf8_lossy(&body.next().await.unwrap().unwrap()));
        }
    }
    let events = events(&app, chat, answer).await;
    assert_eq!((&events[0]["text"], &events[0]["reasoning"]), (&json!("Hel"), &json!("Well.")), "the text so far comes first");
    let message = &events.last().unwrap()["message"];
    assert_eq!((&message["state"], &message["text"]), (&json!("done"), &json!("Hello")));
    assert_eq!(ended(&app, chat, answer).await, *message, "the same again when it has ended");
}

#[tokio::test]
async fn an_answer_is_stopped_and_its_text_kept() {
    let (provider, app) = start().await;
    provider.queue(begun().ending(Ending::Hang));
    let chat = begin(&app).await;
    let turn = say(&app, chat, "Hi").await;
    let answer = &turn["answers"][0];
    eventually("the first text", async || {
        let kept = ok(&app, "GET", &format!("/api/chats/{chat}"), Value::Null).await;
        kept["messages"][1]["text"] == "Hel"
    })
    .await;
    let stopped = ok(&app, "POST", &format!("{}/stop", place(chat, answer)), Value::Null).await;
    assert_eq!((&stopped["state"], &stopped["text"]), (&json!("stopped"), &json!("Hel")));
    assert_eq!((&stopped["answer"]["error"], &stopped["answer"]["key"]), (&Value::Null, &json!("a")));
    assert_eq!(ok(&app, "POST", &format!("{}/stop", place(chat, answer)), Value::Null).await, stopped, "once is enough");
    assert_eq!(app.only_record().await.outcome, Outcome::ClientGone);
    eventually("the provider is left", async || provider.in_flight() == 0).await;
}

#[tokio::test]
async fn a_broken_answer_keeps_its_text_and_the_chat_goes_on() {
    let (provider, app) = start().await;
    provider.queue(begun().pause_ms(20).ending(Ending::Reset));
    let chat = begin(&app).await;
    let turn = say(&app, chat, "Hi").await;
    let broken = ended(&app, chat, &turn["answers"][0]).await;
    assert_eq!((&broken["state"], &broken["text"]), (&json!("failed"), &json!("Hel")));
    assert!(!broken["answer"]["error"]["message"].as_str().unwrap().is_empty());
    assert_eq!(app.only_record().await.outcome, Outcome::Interrupted);

    let unknown = json!({ "models": ["gpt-5o-nano"] });
    let path = format!("{}/answers", place(chat, &turn["message"]));
    provider.queue(Behaviour::answer(400).json(&json!({ "error": { "message": "No.", "code": "bad_thing" } })));
    let again = ok(&app, "POST", &path, unknown).await;
    let refused = ended(&app, chat, &again["answers"][0]).await;
    assert_eq!((&refused["state"], &refused["answer"]["error"]["message"]), (&json!("failed"), &json!("No.")));
    assert_eq!(refused["answer"]["error"]["code"], "bad_thing");

    let again = ok(&app, "POST", &path, json!({ "models": [MODEL] })).await;
    assert_eq!(ended(&app, chat, &again["answers"][0]).await["state"], "done");
    let next = say(&app, chat, "And?").await;
    assert_eq!(next["message"]["parent"], again["answers"][0]["id"], "it follows the answer that is shown");
    assert_eq!(ended(&app, chat, &next["answers"][0]).await["state"], "done");
}

#[tokio::test]
async fn answers_survive_a_restart() {
    let (provider, app) = start().await;
    provider.queue(begun().ending(Ending::Hang));
    let chat = begin(&app).await;
    let turn = say(&app, chat, "Hi").await;
    eventually("the first text", async || {
        ok(&app, "GET", &format!("/api/chats/{chat}"), Value::Null).await["messages"][1]["text"] == "Hel"
    })
    .await;
    let app = TestApp::start_in(app.stop().await, &bootstrap_of(&provider, "", &[("a", "sk-mock-a")]), &[]).await;
    let message = ended(&app, chat, &turn["answers"][0]).await;
    assert_eq!((&message["state"], &message["text"]), (&json!("failed"), &json!("Hel")));
    assert!(message["answer"]["error"]["code"].is_string(), "{message}");
}

#[tokio::test]
async fn an_edit_is_a_branch_and_several_models_answer_side_by_side() {
    let (_provider, app) = start().await;
    let chat = begin(&app).await;
    let first = say(&app, chat, "First").await;
    ended(&app, chat, &first["answers"][0]).await;
    let path = format!("/api/chats/{chat}/messages");
    let body = json!({ "parent": null, "text": "Second", "models": [MODEL, "gpt-4o"] });
    let second = ok(&app, "POST", &path, body).await;
    assert_eq!(second["message"]["parent"], Value::Null);
    for answer in second["answers"].as_array().unwrap() {
        let answer = ended(&app, chat, answer).await;
        assert_eq!((&answer["state"], &answer["answer"]["compared"]), (&json!("done"), &json!(true)));
    }
    let whole = ok(&app, "GET", &format!("/api/chats/{chat}"), Value::Null).await;
    assert_eq!(whole["messages"].as_array().unwrap().len(), 5, "nothing is overwritten");
    let markdown = async || app.admin("GET", &format!("/api/chats/{chat}/export?format=markdown"), Value::Null).await;
    let shown = markdown().await;
    assert!(shown.header("content-disposition").contains("chat-1.md"));
    assert!(shown.text().contains("Second") && !shown.text().contains("## User\n\nFirst"), "{}", shown.text());
    ok(&app, "PATCH", &format!("/api/chats/{chat}"), json!({ "leaf": first["answers"][0]["id"] })).await;
    assert!(markdown().await.text().contains("## User\n\nFirst"));
    let exported = ok(&app, "GET", &format!("/api/chats/{chat}/export?format=json"), Value::Null).await;
    assert_eq!(exported["messages"], whole["messages"]);

    for (path, body, field) in [
        (path.clone(), json!({ "text": " ", "models": [MODEL] }), "text"),
        (path.clone(), json!({ "text": "x", "models": [] }), "models"),
        (path.clone(), json!({ "text": "x", "models": [MODEL], "images": ["https://h/x.png"] }), "images"),
        (path.clone(), json!({ "text": "x", "models": [MODEL], "parent": first["message"]["id"] }), "parent"),
        (format!("{}/answers", place(chat, &first["answers"][0])), json!({ "models": [MODEL] }), "parent"),
    ] {
        let refused = app.admin("POST", &path, body).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)), "{}", refused.text());
    }
}

fn ids(page: &Value) -> Vec<i64> {
    page["chats"].as_array().unwrap().iter().map(|chat| chat["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn chats_are_listed_found_pinned_renamed_and_deleted() {
    let (_provider, app) = start().await;
    for title in ["one", "two", "three", "four"] {
        ok(&app, "POST", "/api/chats", json!({ "title": title })).await;
    }
    let turn = say(&app, 2, "Über die Brücke, 你好").await;
    ended(&app, 2, &turn["answers"][0]).await;
    ok(&app, "PATCH", "/api/chats/1", json!({ "pinned": true, "title": "Eins" })).await;
    let list = async |query: &str| ok(&app, "GET", &format!("/api/chats?{query}"), Value::Null).await;
    let mut all = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let page = list(&query).await;
        all.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=1&cursor={cursor}");
    }
    assert_eq!((all[0], all[1], all.len()), (1, 2, 4), "the pinned one, then the one with the last message: {all:?}");
    assert_eq!(ids(&list("search=%C3%BCBER").await), [2], "in any case and any script");
    assert_eq!(ids(&list("search=eins").await), [1]);
    assert_eq!(ids(&list("search=nowhere").await), [] as [i64; 0]);

    ok(&app, "DELETE", "/api/chats/2", Value::Null).await;
    assert_eq!(app.admin("GET", "/api/chats/2", Value::Null).await.status, 404);
    assert_eq!(ids(&list("search=%C3%BCBER").await), [] as [i64; 0]);
    ok(&app, "POST", "/api/chats/2/restore", Value::Null).await;
    assert_eq!(ok(&app, "GET", "/api/chats/2", Value::Null).await["messages"].as_array().unwrap().len(), 2);
    for (body, field) in [
        (json!({ "title": "x".repeat(201) }), "title"),
        (json!({ "temperature": 3 }), "temperature"),
        (json!({ "leaf": 99 }), "leaf"),
    ] {
        let refused = app.admin("PATCH", "/api/chats/2", body).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)));
    }
}

#[tokio::test]
async fn an_edit_of_an_older_version_of_a_chat_is_refused() {
    let (_provider, app) = start().await;
    let chat = begin(&app).await;
    let path = format!("/api/chats/{chat}");
    let patch = async |version: &str, title: &str| {
        let answer = app.admin_with("PATCH", &path, &[("if-match", version)], json!({ "title": title })).await;
        (answer.status, answer.header("etag").to_owned(), answer.json())
    };
    let (status, etag, changed) = patch("\"1\"", "Holiday").await;
    assert_eq!((status, &*etag, &changed["version"]), (200, "\"2\"", &json!(2)));
    assert_eq!(patch("\"2\"", "Holiday").await.1, etag, "nothing changed");
    let (status, _, refused) = patch("\"1\"", "Work").await;
    assert_eq!((status, &refused["error"]["code"]), (412, &json!("version_mismatch")));
    let turn = say(&app, chat, "Say hello").await;
    assert_eq!(turn["chat"]["version"], 3, "a message changes the chat");
    ended(&app, chat, &turn["answers"][0]).await;
    let whole = app.admin("GET", &path, Value::Null).await;
    assert_eq!((whole.header("etag"), &whole.json()["chat"]["title"]), ("\"3\"", &json!("Holiday")));
    assert_eq!(patch("\"2\"", "Work").await.0, 412);
    assert_eq!(patch("\"3\"", "Work").await.0, 200);
    assert_eq!(patch("*", "Home").await.0, 200);
    assert_eq!(patch("soon", "Home").await.2["error"]["field"], "If-Match");
}

#[tokio::test]
async fn nobody_reaches_the_chats_of_another() {
    let (_provider, app) = start().await;
    let token = ok(&app, "POST", "/api/tokens", json!({ "name": "ci", "role": "owner" })).await;
    let token = token["token"].as_str().unwrap().to_owned();
    let chat = begin(&app).await;
    let body = json!({ "text": "Hi", "images": [PICTURE], "models": [MODEL] });
    let turn = ok(&app, "POST", &format!("/api/chats/{chat}/messages"), body).await;
    let answer = &turn["answers"][0];
    ended(&app, chat, answer).await;
    let as_other = async |method: &str, path: &str, body: Value| -> Answer {
        read(with_body(anonymous(&app, method, path).bearer_auth(&token), &body)).await
    };
    let (chat_path, answer_path, question) = (format!("/api/chats/{chat}"), place(chat, answer), place(chat, &turn["message"]));
    for (method, path, body) in [
        ("GET", chat_path.clone(), Value::Null),
        ("PATCH", chat_path.clone(), json!({ "title": "mine" })),
        ("DELETE", chat_path.clone(), Value::Null),
        ("POST", format!("{chat_path}/restore"), Value::Null),
        ("GET", format!("{chat_path}/export?format=json"), Value::Null),
        ("POST", format!("{chat_path}/messages"), json!({ "text": "x", "models": [MODEL] })),
        ("POST", format!("{chat_path}/messages"), json!({ "parent": null, "text": "x", "models": [MODEL] })),
        ("POST", format!("{question}/answers"), json!({ "models": [MODEL] })),
        ("GET", format!("{question}/images/0"), Value::Null),
        ("GET", format!("{answer_path}/events"), Value::Null),
        ("POST", format!("{answer_path}/stop"), Value::Null),
    ] {
        assert_eq!(as_other(method, &path, body).await.status, 404, "{method} {path}");
    }
    assert_eq!(as_other("GET", "/api/chats", Value::Null).await.json()["chats"], json!([]));
    let other = as_other("POST", "/api/chats", json!({})).await.json()["id"].as_i64().unwrap();
    let crossed = as_other("GET", &format!("{}/events", place(other, answer)), Value::Null).await;
    assert_eq!(crossed.status, 404, "a message of another chat");
    let whole = ok(&app, "GET", &chat_path, Value::Null).await;
    assert_eq!((&whole["chat"]["title"], whole["messages"].as_array().unwrap().len()), (&json!("Hi"), 2), "it is as it was");
}

#[tokio::test]
async fn the_playground_keeps_to_the_limits_of_its_client() {
    let (_provider, app) = start().await;
    let chat = begin(&app).await;
    let turn = say(&app, chat, "Hi").await;
    ended(&app, chat, &turn["answers"][0]).await;
    let clients = ok(&app, "GET", "/api/clients?search=playground", Value::Null).await;
    let client = format!("/api/clients/{}", clients["clients"][0]["id"]);
    ok(&app, "PATCH", &client, json!({ "models": ["gpt-4o"] })).await;
    let refused = say(&app, chat, "Hi").await;
    let refused = ended(&app, chat, &refused["answers"][0]).await;
    assert_eq!((&refused["state"], &refused["answer"]["error"]["code"]), (&json!("failed"), &json!("model_not_found")));
    ok(&app, "PATCH", &client, json!({ "models": null, "enabled": false })).await;
    let refused = say(&app, chat, "Hi").await;
    let refused = ended(&app, chat, &refused["answers"][0]).await;
    assert_eq!(refused["answer"]["error"]["code"], "client_disabled");
}
