//! Scripts through the admin API: written, refused, compared, brought back.

use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use super::app::{Answer, TestApp, eventually};

const ROUTE: &str = "fn route(req) {\n    if req.stream { #{ tags: [\"fast\"] } }\n}\n";

pub async fn start() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-a"), ("b", "sk-b")]).await;
    (provider, app)
}

pub async fn put(app: &TestApp, name: &str, text: &str) -> Answer {
    app.admin("PUT", &format!("/api/scripts/files/{name}"), json!({ "text": text })).await
}

async fn ok(app: &TestApp, method: &str, path: &str) -> Value {
    let answer = app.admin(method, path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn on_disk(app: &TestApp, name: &str) -> Option<String> {
    std::fs::read_to_string(app.data.path().join("scripts").join(name)).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_script_is_on_the_disk_and_live_before_the_answer() {
    let (_provider, app) = start().await;
    let answer = put(&app, "20-route.rhai", ROUTE).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(app.scripts_text("20-route.rhai").as_deref() == Some(ROUTE), "it is live");
    assert_eq!(on_disk(&app, "20-route.rhai").as_deref(), Some(ROUTE));
    assert_eq!(answer.json()["files"], json!(["20-route.rhai"]));
    assert_eq!(answer.json()["reload"]["ok"], true);

    let nested = put(&app, "lib%2Futil.rhai", "fn twice(x) { x * 2 }").await;
    assert_eq!(nested.status, 200, "{}", nested.text());
    assert_eq!(on_disk(&app, "lib/util.rhai").as_deref(), Some("fn twice(x) { x * 2 }"));

    let read = app.admin("GET", "/api/scripts/files/20-route.rhai", Value::Null).await;
    assert_eq!(read.json(), json!({ "name": "20-route.rhai", "text": ROUTE }));
    assert_eq!(read.header("etag"), answer.header("etag"));
    let state = ok(&app, "GET", "/api/scripts").await;
    let file = &state["files"][0];
    assert_eq!((&file["name"], &file["live"], &file["hooks"]), (&json!("20-route.rhai"), &json!(true), &json!(["route"])));
    assert_eq!(format!("\"{}\"", file["tag"].as_str().unwrap()), read.header("etag"));
    assert_eq!((&state["read_only"], &state["last_reload"]["ok"]), (&Value::Null, &json!(true)));

    let again = put(&app, "20-route.rhai", ROUTE).await;
    assert_eq!((again.status, &again.json()["files"]), (200, &json!([])), "nothing was to be done");
    let names: Vec<String> = std::fs::read_dir(app.data.path().join("scripts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.len(), 2, "no half-written file is left: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_draft_is_refused_with_its_place_and_the_old_one_stays_live() {
    let (_provider, app) = start().await;
    put(&app, "20-route.rhai", ROUTE).await;
    let version = ok(&app, "GET", "/api/scripts").await["version"].clone();
    let broken = "fn route(req) {\n    if reqq.stream { #{ model: \"fast\" } }\n}\n";
    let refused = put(&app, "20-route.rhai", broken).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "scripts_refused"));
    let error = &refused.json()["error"];
    let problem = &error["problems"][0];
    assert_eq!((&problem["script"], &problem["line"], &problem["column"]), (&json!("20-route.rhai"), &json!(2), &json!(8)));
    assert!(error["message"].as_str().unwrap().contains("20-route.rhai:2:8"), "{error}");
    assert_eq!(problem["source"], "    if reqq.stream { #{ model: \"fast\" } }");
    assert_eq!(on_disk(&app, "20-route.rhai").as_deref(), Some(ROUTE));
    let state = ok(&app, "GET", "/api/scripts").await;
    assert_eq!((&state["version"], &state["last_reload"]["ok"]), (&version, &json!(true)));

    // A script that another one needs cannot go, and a failing test stops a set as well.
    put(&app, "lib%2Futil.rhai", "fn twice(x) { x * 2 }").await;
    put(&app, "30-use.rhai", "import \"lib/util\" as util;\nfn test_twice() { assert(util::twice(2) == 4, \"twice\"); }").await;
    let refused = app.admin("DELETE", "/api/scripts/files/lib%2Futil.rhai", Value::Null).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "scripts_refused"));
    let refused = put(&app, "lib%2Futil.rhai", "fn twice(x) { x * 3 }").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("test_twice"), "{}", refused.text());
    assert_eq!(on_disk(&app, "lib/util.rhai").as_deref(), Some("fn twice(x) { x * 2 }"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_who_saw_the_same_text_one_is_refused() {
    let (_provider, app) = start().await;
    let seen = put(&app, "a.rhai", ROUTE).await.header("etag").to_owned();
    let write = |text: &'static str| {
        let (app, seen) = (&app, &seen);
        async move {
            app.admin_with("PUT", "/api/scripts/files/a.rhai", &[("if-match", seen)], json!({ "text": text })).await.status
        }
    };
    let (one, other) = tokio::join!(write("fn route(req) { () } // one"), write("fn route(req) { () } // other"));
    let mut statuses = [one, other];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let stale = app.admin_with("DELETE", "/api/scripts/files/a.rhai", &[("if-match", &seen)], Value::Null).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "version_mismatch"));
    let new = |name: &'static str| app.admin_with("PUT", name, &[("if-none-match", "*")], json!({ "text": "" }));
    assert_eq!(new("/api/scripts/files/a.rhai").await.status, 412, "it exists");
    assert_eq!(new("/api/scripts/files/b.rhai").await.status, 200);
    // Many writers of different files: every one of them counts.
    let writes = (0..8).map(|n| {
        let app = &app;
        async move { put(app, &format!("many-{n}.rhai"), &format!("const N = {n};")).await.status }
    });
    assert_eq!(futures_util::future::join_all(writes).await, [200; 8]);
    assert_eq!(ok(&app, "GET", "/api/scripts").await["files"].as_array().unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_cannot_lead_out_of_the_folder() {
    let (_provider, app) = start().await;
    for bad in
        ["..%2Fa.rhai", "%2Fetc%2Fa.rhai", "a.txt", ".a.rhai", "a%5Cb.rhai", "a%00.rhai", "lib%2F..%2F..%2Fa.rhai", "a.d.rhai"]
    {
        let answer = put(&app, bad, "").await;
        assert!((400..405).contains(&answer.status), "{bad}: {}", answer.text());
    }
    let link = app.data.path().join("scripts").join("out");
    put(&app, "a.rhai", "").await;
    std::os::unix::fs::symlink(app.data.path(), &link).unwrap();
    let answer = put(&app, "out%2Fb.rhai", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{}", answer.text());
    assert!(!app.data.path().join("b.rhai").exists());
    let missing = app.admin("DELETE", "/api/scripts/files/none.rhai", Value::Null).await;
    assert_eq!(missing.status, 404);
    let long = put(&app, "long.rhai", &" ".repeat(1024 * 1024 + 1)).await;
    assert_eq!((long.status, long.json()["error"]["field"].clone()), (400, json!("text")));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_folder_is_left_alone_with_its_reason() {
    let provider = MockProvider::start().await;
    let bootstrap = super::app::bootstrap_of(&provider, "", &[("a", "sk-a")]);
    // Nobody can make a file there, not even root.
    let app = TestApp::start_with(&bootstrap, &[("KEYWHEEL_SCRIPTS", "/sys/module/kernel/parameters")]).await;
    let answer = put(&app, "a.rhai", ROUTE).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "read_only"), "{}", answer.text());
    assert!(answer.text().contains("/sys/module/kernel/parameters is read-only"), "{}", answer.text());
    assert!(app.scripts_text("a.rhai").is_none(), "what cannot be kept does not go live");
    assert_eq!(ok(&app, "GET", "/api/scripts/versions").await["versions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_have_an_author_can_be_compared_and_come_back() {
    let (_provider, app) = start().await;
    put(&app, "a.rhai", "// one\n").await;
    put(&app, "a.rhai", "// two\n").await;
    put(&app, "b.rhai", "// b\n").await;
    let versions = ok(&app, "GET", "/api/scripts/versions").await["versions"].clone();
    let actions: Vec<&str> = versions.as_array().unwrap().iter().map(|version| version["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["write b.rhai", "write a.rhai", "write a.rhai"]);
    assert!(versions[0]["author"].as_str().is_some_and(|author| !author.is_empty()) && versions[0]["at"].is_string());
    let (first, last) = (versions[2]["id"].as_i64().unwrap(), versions[0]["id"].as_i64().unwrap());

    let diff = ok(&app, "GET", &format!("/api/scripts/versions/{last}/diff?from={first}")).await;
    let changes: Vec<_> = diff["files"].as_array().unwrap().iter().map(|file| (&file["name"], &file["change"])).collect();
    assert_eq!(changes, [(&json!("a.rhai"), &json!("changed")), (&json!("b.rhai"), &json!("added"))]);
    assert!(diff["files"][0]["diff"].as_str().unwrap().contains("-// one\n+// two\n"), "{diff}");
    let to_former = ok(&app, "GET", &format!("/api/scripts/versions/{last}/diff")).await;
    assert_eq!((to_former["files"].as_array().unwrap().len(), &to_former["files"][0]["name"]), (1, &json!("b.rhai")));

    let restored = ok(&app, "POST", &format!("/api/scripts/versions/{first}/restore")).await;
    assert_eq!(restored["files"], json!(["a.rhai", "b.rhai"]));
    assert_eq!((on_disk(&app, "a.rhai").as_deref(), on_disk(&app, "b.rhai")), (Some("// one\n"), None));
    assert_eq!(app.scripts_text("a.rhai").as_deref(), Some("// one\n"));
    let newest = ok(&app, "GET", "/api/scripts/versions?limit=1").await;
    assert!(newest["versions"][0]["action"].as_str().unwrap().starts_with(&format!("restore version {first} ")), "{newest}");
    assert!(newest["next_cursor"].is_string());
    let detail = ok(&app, "GET", &format!("/api/scripts/versions/{last}")).await;
    assert_eq!(detail["files"][1], json!({ "name": "b.rhai", "text": "// b\n" }));
    assert_eq!(app.admin("POST", "/api/scripts/versions/99/restore", Value::Null).await.status, 404);

    let audit = ok(&app, "GET", "/api/audit?noun=script").await;
    assert_eq!(audit["entries"].as_array().unwrap().len(), 4);

    // Somebody edits the folder: that is a version too, and the one before it can be brought back.
    std::fs::write(app.data.path().join("scripts/a.rhai"), "// by hand\n").unwrap();
    eventually("the folder's change is live", async || app.scripts_text("a.rhai").as_deref() == Some("// by hand\n")).await;
    let newest = ok(&app, "GET", "/api/scripts/versions?limit=1").await["versions"][0].clone();
    assert_eq!((&newest["author"], &newest["action"]), (&json!("script folder"), &json!("changed in the folder")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_folder_is_shown_and_can_be_mended_from_here() {
    let (_provider, app) = start().await;
    put(&app, "a.rhai", ROUTE).await;
    std::fs::write(app.data.path().join("scripts/b.rhai"), "fn route(req) {\n  let x = ;\n}").unwrap();
    let state = ok(&app, "POST", "/api/scripts/reload").await;
    assert_eq!(state["last_reload"]["ok"], false);
    let problem = &state["last_reload"]["problems"][0];
    assert_eq!((&problem["script"], &problem["line"]), (&json!("b.rhai"), &json!(2)));
    assert_eq!((&state["files"][0]["live"], &state["files"][1]["live"]), (&json!(true), &json!(false)));
    // Another file cannot be written while the set has an error; the broken one can be mended or deleted.
    assert_eq!(put(&app, "a.rhai", "").await.code(), "scripts_refused");
    assert_eq!(put(&app, "b.rhai", "fn route(req) { () }").await.status, 200);
    let state = ok(&app, "GET", "/api/scripts").await;
    assert_eq!((&state["last_reload"]["ok"], &state["files"][1]["live"]), (&json!(true), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_changes_nothing() {
    let (_provider, app) = start().await;
    put(&app, "a.rhai", ROUTE).await;
    let draft = json!({ "files": { "b.rhai": "fn on_reqest(req) { }\nfn test_ok() { log_info(\"hi\"); }" } });
    let found = app.admin("POST", "/api/scripts/check", draft).await.json();
    assert_eq!((&found["ok"], &found["problems"][0]["severity"]), (&json!(true), &json!("warning")));
    assert!(found["problems"][0]["message"].as_str().unwrap().contains("on_request"), "{found}");
    assert_eq!((&found["tests"][0]["name"], &found["tests"][0]["log"][0]["text"]), (&json!("test_ok"), &json!("hi")));
    let found = app.admin("POST", "/api/scripts/check", json!({ "files": { "a.rhai": null, "c.rhai": "fn (" } })).await.json();
    assert_eq!((&found["ok"], &found["problems"][0]["line"]), (&json!(false), &json!(1)));
    let bad = app.admin("POST", "/api/scripts/check", json!({ "files": { "../c.rhai": "" } })).await;
    assert_eq!((bad.status, bad.json()["error"]["field"].clone()), (400, json!("files")));
    assert!(on_disk(&app, "b.rhai").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_and_the_examples_are_there_to_read() {
    let (_provider, app) = start().await;
    let reference = ok(&app, "GET", "/api/scripts/reference").await;
    let topics = reference["topics"].as_array().unwrap();
    let titles: Vec<&str> = topics.iter().filter_map(|topic| topic["title"].as_str()).collect();
    assert!(titles.starts_with(&["on_request(req)", "route(req)"]), "{titles:?}");
    let request = topics.iter().find(|topic| topic["title"] == "Request").unwrap();
    let model = request["entries"].as_array().unwrap().iter().find(|entry| entry["signature"] == "model: string").unwrap();
    assert_eq!((&request["part"], &model["assignable"]), (&json!("object"), &json!(true)));

    let examples = ok(&app, "GET", "/api/scripts/examples").await;
    let examples = examples["examples"].as_array().unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
    assert_eq!(examples.len(), std::fs::read_dir(&folder).unwrap().count());
    let page = std::fs::read_to_string(folder.parent().unwrap().join("README.md")).unwrap();
    for topic in topics {
        assert!(page.contains(topic["text"].as_str().unwrap()), "the page does not say: {}", topic["text"]);
    }
    for example in examples {
        let draft = json!({ "files": { "10-example.rhai": example["text"] }, "whole": true });
        let check = app.admin("POST", "/api/scripts/check", draft).await.json();
        assert_eq!((&check["ok"], &check["problems"]), (&json!(true), &json!([])), "{}", example["name"]);
        assert!(!check["tests"].as_array().unwrap().is_empty(), "{} has tests", example["name"]);
    }
}
