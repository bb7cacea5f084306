//! Model lists that are read while Keywheel runs: after a failure again, then from time to time.

use std::sync::Arc;
use std::sync::Mutex;

use keywheel::domain::ProviderId;
use keywheel::mock::{Behaviour, MockProvider};
use keywheel::store::{Actor, StoreError, SyncedModel};
use serde_json::json;

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
