//! Objects are reached through the account that made them: later, after a restart, and when only a body names them.

use std::collections::HashMap;
use std::sync::Mutex;

use keywheel::mock::{Behaviour, MockProvider, SeenRequest};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, bootstrap_of, read, secrets_seen};

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b"), ("c", "sk-mock-healthy-c")];
const OTHER_TOKEN: &str = "kw-test-token-of-other";

/// Objects that the simulation does not know: threads with their messages and runs, uploads with their parts. Each belongs
/// to the secret that made it, and nobody else finds it.
fn threads_and_uploads() -> impl Fn(&SeenRequest) -> Option<Behaviour> + Send + Sync {
    let owners: Mutex<HashMap<String, String>> = Mutex::default();
    move |request| {
        let segments: Vec<&str> = request.path().split('/').skip(2).collect();
        if !matches!(segments[0], "threads" | "uploads") {
            return None;
        }
        let secret = request.secret().unwrap_or_default().to_owned();
        let mut owners = owners.lock().unwrap();
        if let Some(id) = segments.get(1)
            && owners.get(*id) != Some(&secret)
        {
            return Some(Behaviour::answer(404).json(&json!({"error": {"message": "No such object", "code": "not_found"}})));
        }
        if request.method != "POST" {
            return Some(Behaviour::answer(200).json(&json!({"id": segments[segments.len() - 1]})));
        }
        let prefix = match segments[segments.len() - 1] {
            "threads" => "thread",
            "uploads" => "upload",
            "messages" => "msg",
            "runs" => "run",
            "parts" => "part",
            _ => "file",
        };
        let id = format!("{prefix}_{:08}", owners.len());
        owners.insert(id.clone(), secret);
        Some(Behaviour::answer(200).json(&json!({"id": id, "object": prefix})))
    }
}

fn bootstrap(provider: &MockProvider) -> String {
    format!("{}[[client]]\nname = \"other\"\ntoken = \"{OTHER_TOKEN}\"\n", bootstrap_of(provider, "", KEYS))
}

/// An object, and the secret of the account that it lies in.
#[derive(Clone, Debug)]
struct Made {
    id: String,
    secret: String,
}

struct Scene {
    provider: MockProvider,
    app: TestApp,
}

impl Scene {
    async fn start() -> Self {
        let provider = MockProvider::start().await;
        provider.behave(threads_and_uploads());
        let app = TestApp::start_with(&bootstrap(&provider), &[("KEYWHEEL_MAX_BODY", "64KiB")]).await;
        Scene { provider, app }
    }

    async fn restart(self) -> Self {
        let Scene { provider, app } = self;
        let data = app.stop().await;
        let app = TestApp::start_in(data, &bootstrap(&provider), &[("KEYWHEEL_MAX_BODY", "64KiB")]).await;
        Scene { provider, app }
    }

    fn last_secret(&self) -> String {
        secrets_seen(&self.provider).pop().expect("a call")
    }

    fn made(&self, answer: &Answer) -> Made {
        assert_eq!(answer.status, 200, "{}", answer.text());
        Made { id: answer.json()["id"].as_str().expect("an id").to_owned(), secret: self.last_secret() }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.app.post(path, body.to_string()).await
    }

    async fn make(&self, path: &str, body: &Value) -> Made {
        let answer = self.post(path, body).await;
        self.made(&answer)
    }

    async fn upload(&self, bytes: usize) -> Made {
        let answer = self.post_file("/v1/files", "file", bytes).await;
        self.made(&answer)
    }

    /// Posts a form with one file of this many bytes.
    async fn post_file(&self, path: &str, name: &str, bytes: usize) -> Answer {
        let form = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --edge\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"data.jsonl\"\r\n\r\n{}\r\n--edge--\r\n",
            "x".repeat(bytes)
        );
        let request = self.app.request("POST", path).header("content-type", "multipart/form-data; boundary=edge");
        read(request.body(form)).await
    }

    /// Each of these calls names the object and must find it.
    async fn assert_found(&self, of: &Made, calls: &[Naming]) {
        for (method, path, body) in calls {
            let answer = match *method {
                "GET" => self.app.get(path).await,
                _ => self.post(path, body).await,
            };
            assert_eq!(answer.status, 200, "{method} {path} {body}: {}", answer.text());
            assert_eq!(self.last_secret(), of.secret, "{method} {path} {body}");
        }
    }
}

/// A call that names an object: method, path and body.
type Naming = (&'static str, String, Value);

fn get(path: String) -> Naming {
    ("GET", path, Value::Null)
}

fn post(path: &str, body: Value) -> Naming {
    ("POST", path.to_owned(), body)
}

fn response(members: Value) -> Value {
    let mut body = json!({"model": "gpt-4o-mini", "input": "Say hello"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// Calls that name a file: in the path, and in bodies at any depth.
fn naming_file(id: &str) -> Vec<Naming> {
    vec![
        get(format!("/v1/files/{id}")),
        get(format!("/v1/files/{id}/content")),
        post("/v1/batches", json!({"input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h"})),
        post("/v1/vector_stores", json!({"name": "v", "file_ids": [id]})),
        post(
            "/v1/responses",
            response(json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": id}]}]})),
        ),
    ]
}

/// Calls that name a response.
fn naming_response(id: &str) -> Vec<Naming> {
    vec![
        get(format!("/v1/responses/{id}")),
        get(format!("/v1/responses/{id}/input_items")),
        post("/v1/responses", response(json!({"previous_response_id": id}))),
    ]
}

/// Calls that name a vector store.
fn naming_store(id: &str) -> Vec<Naming> {
    vec![
        get(format!("/v1/vector_stores/{id}")),
        get(format!("/v1/vector_stores/{id}/files")),
        post("/v1/responses", response(json!({"tools": [{"type": "file_search", "vector_store_ids": [id]}]}))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_reached_through_their_account_also_after_a_restart() {
    let mut scene = Scene::start().await;
    let mut named: Vec<(Made, Vec<Naming>)> = Vec::new();
    for _ in 0..4 {
        let file = scene.upload(100).await;
        named.push((file.clone(), naming_file(&file.id)));
        let large = scene.upload(300 * 1024).await;
        named.push((large.clone(), naming_file(&large.id)));
        let response_made = scene.make("/v1/responses", &response(json!({}))).await;
        named.push((response_made.clone(), naming_response(&response_made.id)));
        let background = scene.make("/v1/responses", &response(json!({"background": true}))).await;
        named.push((background.clone(), naming_response(&background.id)));
        let store = scene.make("/v1/vector_stores", &json!({"name": "v"})).await;
        named.push((store.clone(), naming_store(&store.id)));
        let batch = json!({"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
        let batch = scene.make("/v1/batches", &batch).await;
        assert_eq!(batch.secret, file.secret);
        named.push((batch.clone(), vec![get(format!("/v1/batches/{}", batch.id))]));
        let thread = scene.make("/v1/threads", &json!({})).await;
        let run = scene.make(&format!("/v1/threads/{}/runs", thread.id), &json!({"assistant_id": "asst_unknown1"})).await;
        assert_eq!(run.secret, thread.secret);
        named.push((
            thread.clone(),
            vec![
                get(format!("/v1/threads/{}", thread.id)),
                post(&format!("/v1/threads/{}/messages", thread.id), json!({"role": "user"})),
            ],
        ));
        let upload = scene.make("/v1/uploads", &json!({"filename": "x", "bytes": 3})).await;
        let answer = scene.post_file(&format!("/v1/uploads/{}/parts", upload.id), "data", 3).await;
        assert_eq!(scene.made(&answer).secret, upload.secret);
        let complete = format!("/v1/uploads/{}/complete", upload.id);
        named.push((upload.clone(), vec![post(&complete, json!({"part_ids": [answer.json()["id"]]}))]));
    }
    let accounts: std::collections::HashSet<_> = named.iter().map(|(made, _)| &made.secret).collect();
    assert_eq!(accounts.len(), KEYS.len(), "every key made something");
    for (made, calls) in &named {
        scene.assert_found(made, calls).await;
    }
    scene = scene.restart().await;
    for (made, calls) in &named {
        scene.assert_found(made, calls).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_two_accounts_in_one_call_are_a_clear_error() {
    let scene = Scene::start().await;
    let one = scene.upload(100).await;
    let mut other = scene.upload(100).await;
    while other.secret == one.secret {
        other = scene.upload(100).await;
    }
    let answer = scene.post("/v1/vector_stores", &json!({"file_ids": [one.id, other.id]})).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "objects_of_different_accounts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_owner_rests_nobody_else_is_asked() {
    for (retry_after, expected) in [("1", 200), ("40", 429)] {
        let scene = Scene::start().await;
        let file = scene.upload(100).await;
        let limited = Behaviour::answer(429)
            .header("retry-after", retry_after)
            .json(&json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}));
        scene.provider.queue(limited);
        let first = scene.app.get(&format!("/v1/files/{}", file.id)).await;
        assert!(matches!(first.status, 200 | 429), "{}", first.text());
        scene.provider.forget_seen();
        for (method, path, body) in naming_file(&file.id) {
            let answer = if method == "GET" { scene.app.get(&path).await } else { scene.post(&path, &body).await };
            assert!(matches!(answer.status, 200 | 429), "{method} {path}: {}", answer.text());
            if path == format!("/v1/files/{}", file.id) {
                assert_eq!(answer.status, expected, "retry-after {retry_after}: {}", answer.text());
            }
            if answer.status == 429 {
                assert_eq!(answer.code(), "owner_resting");
                assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=40).contains(&seconds)));
            }
        }
        let asked = secrets_seen(&scene.provider);
        assert!(asked.iter().all(|secret| *secret == file.secret), "another account was asked: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_objects_do_not_exist() {
    let mut scene = Scene::start().await;
    let background = scene.make("/v1/responses", &response(json!({"background": true}))).await;
    let file = scene.upload(100).await;
    let store = scene.make("/v1/vector_stores", &json!({"name": "v"})).await;
    let mut calls = [naming_response(&background.id), naming_file(&file.id), naming_store(&store.id)].concat();
    calls.push(post(&format!("/v1/responses/{}/cancel", background.id), json!({})));
    for _ in 0..2 {
        scene.provider.forget_seen();
        for (method, path, body) in &calls {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let request = reqwest::Client::new().request(method, scene.app.url(path)).bearer_auth(OTHER_TOKEN);
            let request = if body.is_null() {
                request
            } else {
                request.header("content-type", "application/json").body(body.to_string())
            };
            let answer = read(request).await;
            assert_eq!(answer.status, 404, "{path} {body}: {}", answer.text());
        }
        assert!(secrets_seen(&scene.provider).is_empty(), "no provider was asked");
        scene.assert_found(&background, &naming_response(&background.id)).await;
        scene = scene.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leaves_every_object_with_its_client_also_after_a_restart() {
    let mut scene = Scene::start().await;
    let file = scene.upload(100).await;
    scene = scene.restart().await;
    // A provider lists what its account holds, whichever client asks.
    let listed = json!({"object": "list", "data": [{"id": file.id, "object": "file"}]});
    for _ in 0..3 {
        scene.provider.queue(Behaviour::answer(200).json(&listed));
        assert_eq!(read(scene.app.request_as(OTHER_TOKEN, "GET", "/v1/files")).await.json()["data"][0]["id"], json!(file.id));
    }
    let stranger = read(scene.app.request_as(OTHER_TOKEN, "GET", &format!("/v1/files/{}", file.id))).await;
    assert_eq!(stranger.status, 404);
    scene.assert_found(&file, &naming_file(&file.id)).await;
    scene = scene.restart().await;
    scene.assert_found(&file, &naming_file(&file.id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_by_a_model_route_is_reached_without_a_default_provider_unless_its_own_is_switched_off() {
    let provider = MockProvider::start().await;
    let mut text = bootstrap_of(&provider, "", KEYS).replace("default = true", "default = false");
    for name in ["elsewhere", "idle"] {
        text.push_str(&format!(
            "[[provider]]\nname = \"{name}\"\nbase_url = \"{}\"\nallow_private = true\n\
             [[key]]\nprovider = \"{name}\"\nname = \"{name}\"\nsecret = \"sk-mock-healthy-{name}\"\n",
            provider.base_url()
        ));
    }
    text.push_str("[[model]]\nname = \"gpt-4o-mini\"\ntargets = [{ provider = \"mock\", model = \"gpt-4o-mini\" }]\n");
    let app = TestApp::start(&text).await;
    let scene = Scene { provider, app };
    let made = scene.make("/v1/responses", &response(json!({"background": true}))).await;
    scene.assert_found(&made, &naming_response(&made.id)).await;
    scene.assert_found(&made, &[post(&format!("/v1/responses/{}/cancel", made.id), json!({}))]).await;
    let unknown = scene.app.get("/v1/responses/resp_of_nobody").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (503, "no_default_provider"));
    let providers = scene.app.admin("GET", "/api/providers", Value::Null).await.json();
    let mock =
        providers["providers"].as_array().unwrap().iter().find(|provider| provider["name"] == "mock").unwrap()["id"].clone();
    let switched = scene.app.admin("PATCH", &format!("/api/providers/{mock}"), json!({"enabled": false})).await;
    assert_eq!(switched.status, 200, "{}", switched.text());
    scene.provider.forget_seen();
    let answer = scene.app.get(&format!("/v1/responses/{}", made.id)).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "owner_unavailable"));
    assert!(secrets_seen(&scene.provider).is_empty(), "the provider that is switched off was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_container_that_a_tool_worked_in_is_reached_through_the_account_that_answered() {
    let scene = Scene::start().await;
    let output = json!([{"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1234"}, {"type": "message", "content":
        [{"type": "output_text", "text": "done", "annotations": [{"container_id": "cntr_1234", "file_id": "cfile_9"}]}]}]);
    let whole = json!({"id": "resp_1", "object": "response", "status": "completed", "output": output});
    let stream = format!(
        "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_2\",\"output\":[]}}}}\n\n\
         event: response.completed\ndata: {}\n\n",
        json!({"type": "response.completed", "response": whole})
            .to_string()
            .replace("1234", "5678")
            .replace("resp_1", "resp_2")
    );
    let streamed = Behaviour::answer(200).header("content-type", "text/event-stream").piece(stream);
    for (answer, container) in [(Behaviour::answer(200).json(&whole), "cntr_1234"), (streamed, "cntr_5678")] {
        scene.provider.queue(answer);
        let made = scene.post("/v1/responses", &response(json!({"stream": container == "cntr_5678"}))).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let secret = scene.last_secret();
        for _ in 0..4 {
            scene.provider.queue(Behaviour::answer(200).json(&json!({"id": format!("cfile_{container}")})));
            let file = scene.app.get(&format!("/v1/containers/{container}/files/cfile_{container}")).await;
            assert_eq!((file.status, scene.last_secret()), (200, secret.clone()), "{container}");
        }
    }
}
