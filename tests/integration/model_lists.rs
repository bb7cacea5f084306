//! Model lists: read while Keywheel runs, shown as a difference, and taken over as far as an operator accepts them.

use std::sync::Arc;
use std::sync::Mutex;

use keywheel::domain::ProviderId;
use keywheel::mock::{Behaviour, MockProvider};
use keywheel::store::{Actor, StoreError, SyncedModel};
use serde_json::{Value, json};

use crate::app::{TestApp, bootstrap_of, eventually};

type List = Arc<Mutex<Behaviour>>;

fn list_of(models: &[&str]) -> Behaviour {
    let data: Vec<_> = models.iter().map(|model| json!({ "id": model, "object": "model" })).collect();
    Behaviour::answer(200).json(&json!({ "object": "list", "data": data }))
}

async fn start(first: Behaviour) -> (MockProvider, List, TestApp) {
    let provider = MockProvider::start().await;
    let list: List = Arc::new(Mutex::new(first));
    let script = list.clone();
    provider.behave(move |request| (request.path() == "/v1/models").then(|| script.lock().unwrap().clone()));
    let keys = [("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b")];
    let app = TestApp::start(&bootstrap_of(&provider, "", &keys)).await;
    (provider, list, app)
}

fn asked(provider: &MockProvider) -> usize {
    provider.seen().iter().filter(|request| request.path() == "/v1/models").count()
}

fn id(app: &TestApp) -> ProviderId {
    app.app.publisher().current().load().provider_by_name("mock").expect("the provider").id
}

fn known(app: &TestApp) -> Vec<String> {
    app.app.publisher().current().load().provider_by_name("mock").expect("the provider").synced_models.clone()
}

async fn synced(app: &TestApp, name: &str) -> SyncedModel {
    let all = app.app.publisher().store().synced_models(id(app)).await.expect("the lists");
    all.into_iter().find(|model| model.model == name).expect("a model that was listed")
}

async fn edit(app: &TestApp, edit: impl FnOnce(&mut keywheel::store::Edit<'_>) -> Result<(), StoreError> + Send + 'static) {
    let actor = Actor { name: "test".to_owned(), address: None, now_ms: 1 };
    app.app.publisher().edit(actor, edit).await.expect("the edit");
}

#[tokio::test]
async fn a_list_that_could_not_be_read_at_start_is_tried_again() {
    let (provider, list, app) = start(Behaviour::answer(500)).await;
    app.app.keep_up();
    eventually("both keys asked in vain", async || asked(&provider) >= 2).await;
    assert!(known(&app).is_empty());
    *list.lock().unwrap() = list_of(&["m-1", "m-2"]);
    eventually("the list is known", async || known(&app) == ["m-1", "m-2"]).await;
    let names: Vec<_> = ["a", "b"].iter().map(|name| app.key(name).state.as_str()).collect();
    assert_eq!(names, ["active", "active"], "a list that fails changes no key");
    assert_eq!(app.records().await.len(), 0, "and is no call");
}

#[tokio::test]
async fn lists_are_read_again_and_a_bad_one_changes_nothing() {
    let (provider, list, app) = start(list_of(&["m-1", "m-2"])).await;
    edit(&app, |edit| {
        edit.update_settings(None, |settings| {
            settings.model_sync_s = 1;
            Ok(())
        })
        .map(drop)
    })
    .await;
    app.app.keep_up();
    eventually("the list is known", async || known(&app) == ["m-1", "m-2"]).await;
    let provider_id = id(&app);
    edit(&app, move |edit| edit.remove_synced_model(provider_id, "m-1", true)).await;
    *list.lock().unwrap() = list_of(&["m-1", "m-3"]);
    eventually("what is new comes, what has gone goes", async || known(&app) == ["m-3"]).await;
    assert!(synced(&app, "m-1").await.removed_ms.is_some(), "what the operator took out does not come back");
    assert!(synced(&app, "m-2").await.vanished_ms.is_some(), "what has gone is marked, and kept");
    assert_eq!(synced(&app, "m-3").await.keys.len(), 2, "it is known which key lists what");
    for bad in
        [list_of(&[]), Behaviour::answer(401), Behaviour::answer(200).json(&json!({ "error": "no" })), Behaviour::reset()]
    {
        *list.lock().unwrap() = bad;
        provider.forget_seen();
        eventually("they were asked", async || asked(&provider) >= 2).await;
        assert_eq!(known(&app), ["m-3"], "an error or an empty list keeps what was known");
        *list.lock().unwrap() = list_of(&["m-1", "m-3"]);
        provider.forget_seen();
        eventually("and are asked again", async || asked(&provider) >= 2).await;
    }
    app.stop().await;
}

/// A provider that lists something else for each key: what stands under its secret.
async fn start_by_key(lists: &[(&str, Behaviour)]) -> (MockProvider, Arc<Mutex<Vec<(String, Behaviour)>>>, TestApp) {
    let provider = MockProvider::start().await;
    let lists: Arc<Mutex<Vec<_>>> =
        Arc::new(Mutex::new(lists.iter().map(|(key, list)| ((*key).to_owned(), list.clone())).collect()));
    let script = lists.clone();
    provider.behave(move |request| {
        let secret = request.secret().unwrap_or_default();
        let lists = script.lock().unwrap();
        let list = lists.iter().find(|(key, _)| secret.ends_with(key)).map(|(_, list)| list.clone());
        (request.path() == "/v1/models").then(|| list.unwrap_or_else(|| Behaviour::answer(500)))
    });
    let keys = [("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b"), ("c", "sk-mock-healthy-c")];
    let app = TestApp::start(&bootstrap_of(&provider, "", &keys)).await;
    (provider, lists, app)
}

async fn ok(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    let answer = app.admin(method, path, body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
    answer.json()
}

/// The names of one part of a difference.
fn names(diff: &Value, part: &str) -> Vec<String> {
    let entries = diff[part].as_array().unwrap_or_else(|| panic!("{part} in {diff}"));
    entries.iter().map(|entry| entry["model"].as_str().unwrap_or_default().to_owned()).collect()
}

const DIFF: &str = "/api/providers/1/models/diff";
const ACCEPT: &str = "/api/providers/1/models/accept";

#[tokio::test]
async fn a_difference_is_shown_first_and_taken_over_as_far_as_it_is_accepted() {
    let (provider, lists, app) =
        start_by_key(&[("-a", list_of(&["m-1", "m-2"])), ("-b", list_of(&["m-2", "m-3"])), ("-c", list_of(&["never"]))]).await;
    app.admin("POST", "/api/keys/3/disable", json!({})).await;
    let nothing = ok(&app, "GET", DIFF, Value::Null).await;
    assert_eq!((&nothing["reading"], names(&nothing, "added").len()), (&Value::Null, 0), "nothing was read yet");

    let first = ok(&app, "POST", DIFF, Value::Null).await;
    assert_eq!((names(&first, "added").join(" "), &first["asked"]), ("m-1 m-2 m-3".to_owned(), &json!(2)));
    assert_eq!(first["added"][1]["keys"], json!([1, 2]), "it is shown which key has which");
    assert!(known(&app).is_empty(), "reading changes nothing");
    let taken = json!({ "reading": first["reading"], "added": ["m-1", "m-2"], "refused": ["m-3"] });
    let accepted = ok(&app, "POST", ACCEPT, taken).await;
    assert_eq!((&accepted["added"], &accepted["refused"]), (&json!(["m-1", "m-2"]), &json!(["m-3"])));
    assert_eq!(known(&app), ["m-1", "m-2"]);
    let left = ok(&app, "GET", DIFF, Value::Null).await;
    assert_eq!((names(&left, "added").len(), &left["taken_out"]), (0, &json!(["m-3"])));

    let price = json!({ "model": "m-1", "price": { "input": 2.5, "output": 5.0 } });
    ok(&app, "PATCH", "/api/providers/1/models", price).await;
    let route = json!({ "name": "long", "targets": [{ "provider": 1, "model": "m-1" }] });
    assert_eq!(app.admin("POST", "/api/models", route).await.status, 201);
    *lists.lock().unwrap() = vec![
        ("-a".to_owned(), list_of(&["m-3", "m-4", "m-5"])),
        ("-b".to_owned(), list_of(&["m-2"])),
        ("-c".to_owned(), list_of(&["never"])),
    ];
    let diff = ok(&app, "POST", DIFF, Value::Null).await;
    assert_eq!(names(&diff, "added").join(" "), "m-4 m-5", "what was refused does not come back");
    assert_eq!(diff["vanished"], json!([{ "model": "m-1", "keys": [1], "routes": ["long"] }]));
    assert_eq!(diff["changed"], json!([{ "model": "m-2", "gained": [], "lost": [1] }]));
    assert_eq!(known(&app), ["m-1", "m-2"]);
    let all = ok(&app, "GET", "/api/models/diffs", Value::Null).await;
    assert_eq!((all["diffs"].as_array().unwrap().len(), &all["diffs"][0]["provider_name"]), (1, &json!("mock")));

    let stale = app.admin("POST", ACCEPT, json!({ "reading": first["reading"] })).await;
    assert_eq!((stale.status, &stale.json()["error"]["field"]), (409, &json!("reading")), "only what was looked at");
    let wrong = app.admin("POST", ACCEPT, json!({ "reading": diff["reading"], "added": ["m-1"] })).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["field"]), (400, &json!("added")), "{}", wrong.text());
    let part = json!({ "reading": diff["reading"], "added": ["m-4"], "vanished": [], "changed": [] });
    ok(&app, "POST", ACCEPT, part).await;
    assert_eq!(known(&app), ["m-1", "m-2", "m-4"], "what is not accepted stays as it is kept");
    let rest = ok(&app, "POST", ACCEPT, json!({ "reading": diff["reading"] })).await;
    assert_eq!((&rest["added"], &rest["vanished"], &rest["changed"]), (&json!(["m-5"]), &json!(["m-1"]), &json!(["m-2"])));
    assert_eq!(known(&app), ["m-2", "m-4", "m-5"]);

    let models = ok(&app, "GET", "/api/providers/1/models", Value::Null).await["models"].clone();
    let gone = models.as_array().unwrap().iter().find(|model| model["model"] == "m-1").unwrap().clone();
    assert!(gone["vanished_at"].is_string() && gone["price"]["input"] == json!(2.5), "marked, its price kept: {gone}");
    assert_eq!(gone["routes"], json!(["long"]));
    let route = ok(&app, "GET", "/api/models/1", Value::Null).await;
    assert!(route["targets"][0]["vanished_at"].is_string(), "its route is kept, and says so: {route}");
    let listed: Vec<_> = app.get("/v1/models").await.json()["data"].as_array().unwrap().clone();
    assert!(listed.iter().any(|model| model["id"] == "long"));
    assert!(provider.seen().iter().all(|request| !request.secret().unwrap_or_default().ends_with("-c")), "enabled keys only");
}

#[tokio::test]
async fn an_error_keeps_a_list_and_an_empty_one_asks_to_be_believed() {
    let (_provider, lists, app) =
        start_by_key(&[("-a", list_of(&["m-1"])), ("-b", list_of(&["m-2"])), ("-c", list_of(&["m-2"]))]).await;
    ok(&app, "POST", "/api/providers/1/models/sync", Value::Null).await;
    assert_eq!(known(&app), ["m-1", "m-2"]);
    let leak = json!({ "error": { "message": "no such key: sk-mock-healthy-b" } });
    *lists.lock().unwrap() = vec![
        ("-a".to_owned(), list_of(&[])),
        ("-b".to_owned(), Behaviour::answer(401).json(&leak)),
        ("-c".to_owned(), list_of(&["m-2"])),
    ];
    let diff = ok(&app, "POST", DIFF, Value::Null).await;
    assert_eq!((&diff["empty"], &diff["failed"][0]["key"]), (&json!([1]), &json!(2)), "{diff}");
    assert!(!diff.to_string().contains("sk-mock"), "no secret is shown: {diff}");
    for part in ["added", "vanished", "changed"] {
        assert!(names(&diff, part).is_empty(), "neither an error nor an empty list changes anything: {diff}");
    }
    ok(&app, "POST", ACCEPT, json!({ "reading": diff["reading"] })).await;
    assert_eq!(known(&app), ["m-1", "m-2"]);
    let believed = ok(&app, "GET", &format!("{DIFF}?believe_empty=true"), Value::Null).await;
    assert_eq!(names(&believed, "vanished"), ["m-1"]);
    let accepted = json!({ "reading": diff["reading"], "believe_empty": true });
    assert_eq!(ok(&app, "POST", ACCEPT, accepted).await["vanished"], json!(["m-1"]));
    assert_eq!(known(&app), ["m-2"]);
    assert_eq!(app.admin("POST", "/api/providers/9/models/diff", Value::Null).await.status, 404);
}

#[tokio::test]
async fn changes_wait_for_an_operator_where_the_settings_say_so_but_a_first_list_does_not() {
    let (_provider, list, app) = start(list_of(&["m-1", "m-2"])).await;
    ok(&app, "PATCH", "/api/settings", json!({ "model_sync_s": 1, "model_sync_review": true })).await;
    app.app.keep_up();
    eventually("the first list is taken over", async || known(&app) == ["m-1", "m-2"]).await;
    *list.lock().unwrap() = list_of(&["m-1", "m-3"]);
    eventually("the change is offered", async || {
        let diff = ok(&app, "GET", DIFF, Value::Null).await;
        names(&diff, "added") == ["m-3"] && names(&diff, "vanished") == ["m-2"]
    })
    .await;
    assert_eq!(known(&app), ["m-1", "m-2"], "and waits");
    let provider = ok(&app, "GET", "/api/providers/1", Value::Null).await;
    assert!(provider["models_synced_at"].is_string(), "{provider}");
    // The schedule may read again between the two requests.
    eventually("it is accepted", async || {
        let diff = ok(&app, "GET", DIFF, Value::Null).await;
        app.admin("POST", ACCEPT, json!({ "reading": diff["reading"] })).await.status == 200
    })
    .await;
    assert_eq!(known(&app), ["m-1", "m-3"]);
    app.stop().await;
}
