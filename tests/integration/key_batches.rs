//! Many keys at once: pasted, previewed, imported, changed in bulk, exported.

use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// A whole paste, with everything that people leave in one.
const PASTE: &str = "\u{feff}sk-a|b+c\n  sk-d \r\n\"sk-e\",\n[\"sk-f\",\"sk-g\"]\nsk-h,sk-i\nsk-a|b+c\nsk-\u{200b}k\nmy name,sk-l\n\n# note\nsk-known-000000\n";

/// The last event of an import's progress, and how many there were.
fn last_event(answer: &Answer) -> (Value, usize) {
    let text = answer.text();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    (serde_json::from_str(events.last().expect("an event").trim()).expect("JSON"), events.len())
}

async fn start() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("known", "sk-known-000000")]).await;
    (provider, app)
}

#[tokio::test]
async fn a_preview_says_how_every_line_is_read_and_stores_nothing() {
    let (_provider, app) = start().await;
    let preview = app.admin("POST", "/api/keys/preview", json!({ "provider": 1, "text": PASTE })).await;
    assert_eq!(preview.status, 200, "{}", preview.text());
    let preview = preview.json();
    let shown = |line: &Value| {
        let text = |member: &str| line[member].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", line["line"], text("state"), text("name"), text("message"))
    };
    let lines: Vec<String> = preview["lines"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        lines,
        [
            "1 valid key-1 -",
            "2 valid key-2 -",
            "3 valid key-3 -",
            "4 valid key-4 -",
            "4 valid key-5 -",
            "5 malformed - commas could part several keys: say whether they do",
            "6 duplicate - the same key as on line 1",
            "7 malformed - character 4 is U+200B (a zero-width space), which no key contains",
            "8 valid my name -",
            "9 skipped - -",
            "10 skipped - -",
            "11 exists - this key is there already, as known",
        ]
    );
    let counts = ["valid", "duplicate", "exists", "malformed", "skipped"].map(|count| preview[count].as_u64().unwrap());
    assert_eq!(counts, [6, 1, 1, 2, 2]);
    assert_eq!(app.app.publisher().current().load().keys().count(), 1, "nothing is stored");
}

#[tokio::test]
async fn a_preview_needs_no_provider_and_an_import_does() {
    let (_provider, app) = start().await;
    let preview = app.admin("POST", "/api/keys/preview", json!({ "text": "sk-known-000000\nsk-other-000000" })).await;
    assert_eq!((preview.status, preview.json()["valid"].as_u64()), (200, Some(2)), "nothing is known without a provider");
    let refused = app.admin("POST", "/api/keys/import", json!({ "text": "sk-other-000000" })).await;
    assert_eq!((refused.status, refused.json()["error"]["field"].as_str()), (400, Some("provider")), "{}", refused.text());
}

#[tokio::test]
async fn an_import_needs_readable_lines_and_one_undo_takes_it_back() {
    let (provider, app) = start().await;
    let refused = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": PASTE })).await;
    assert_eq!((refused.status, refused.json()["error"]["field"].as_str()), (400, Some("text")), "{}", refused.text());
    assert!(refused.text().contains("line 5: commas could part several keys"), "{}", refused.text());

    let body =
        json!({ "provider": 1, "text": PASTE, "commas": "part", "skip_malformed": true, "tags": ["batch"], "weight": 3 });
    let imported = app.admin("POST", "/api/keys/import", body).await;
    let (event, _) = last_event(&imported);
    let result = &event["result"];
    assert_eq!((event["done"].as_u64(), event["total"].as_u64()), (Some(8), Some(8)), "{event}");
    assert_eq!((&result["duplicate"], &result["exists"], &result["malformed"]), (&json!(1), &json!(1), &json!(1)));
    let listed = app.admin("GET", "/api/keys?tag=batch", Value::Null).await.json();
    assert!(listed["keys"].as_array().unwrap().iter().all(|key| key["weight"] == 3), "{listed}");

    app.chat().await;
    app.chat().await;
    assert!(provider.seen().iter().any(|request| request.secret().is_some_and(|secret| secret != "sk-known-000000")));

    let undo = app.admin("POST", "/api/keys/bulk", json!({ "action": "delete", "ids": result["ids"] })).await.json();
    assert_eq!(undo["ids"], result["ids"]);
    assert_eq!(app.app.publisher().current().load().keys().count(), 1);
    let again = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": "sk-d" })).await;
    assert_eq!(last_event(&again).0["result"]["ids"].as_array().map(Vec::len), Some(1), "a deleted secret counts as new");
    let redo = app.admin("POST", "/api/keys/bulk", json!({ "action": "restore", "ids": result["ids"] })).await.json();
    assert_eq!(redo["refused"].as_array().map(Vec::len), Some(2), "its name and its secret are taken again: {redo}");
    assert_eq!(redo["ids"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn ten_thousand_keys_are_one_import_with_progress() {
    let (_provider, app) = start().await;
    let text: String = (0..10_000).map(|at| format!("sk-import-{at:06},name {at},bulk|x,2\n")).collect();
    let imported = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": text })).await;
    let (event, events) = last_event(&imported);
    assert_eq!(event["result"]["ids"].as_array().map(Vec::len), Some(10_000), "{}", event["error"]);
    assert!(events > 1, "the progress is told");
    let found = app.admin("GET", "/api/keys?search=NAME%209999", Value::Null).await.json();
    assert_eq!(found["keys"][0]["secret_hint"], "…9999");
    let repeated = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": text })).await;
    assert_eq!(last_event(&repeated).0["result"]["exists"], 10_000);
}

#[tokio::test]
async fn keys_are_disabled_tagged_weighed_and_enabled_in_bulk() {
    let (provider, app) = start().await;
    let imported = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": "sk-m-1\nsk-m-2\nsk-m-3" })).await;
    let ids = last_event(&imported).0["result"]["ids"].clone();
    let bulk = async |body: Value| app.admin("POST", "/api/keys/bulk", body).await;
    let disabled = bulk(json!({ "ids": ids, "action": "disable", "reason": "night", "until": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(disabled.json()["ids"], ids, "{}", disabled.text());
    for _ in 0..4 {
        assert_eq!(app.chat().await.status, 200);
    }
    assert!(
        provider
            .seen()
            .iter()
            .filter(|request| request.path() != "/v1/models")
            .all(|request| request.secret() == Some("sk-known-000000"))
    );
    let enabled = bulk(json!({ "filter": { "state": "disabled_manual" }, "action": "enable" })).await.json();
    assert_eq!(enabled["ids"], ids);
    let changed = bulk(json!({ "filter": {}, "action": "change", "add_tags": ["all"], "weight": 7 })).await.json();
    assert_eq!(changed["ids"].as_array().map(Vec::len), Some(4));
    let listed = app.admin("GET", "/api/keys?tag=all", Value::Null).await.json();
    assert!(listed["keys"].as_array().unwrap().iter().all(|key| key["weight"] == 7));

    let wrong = bulk(json!({ "filter": {}, "action": "change", "weight": 1001 })).await;
    assert_eq!((wrong.status, wrong.json()["error"]["field"].as_str()), (400, Some("weight")), "{}", wrong.text());
    let unknown = bulk(json!({ "ids": [ids[0], 9_999], "action": "reset" })).await.json();
    assert_eq!((&unknown["ids"], &unknown["refused"][0]["id"]), (&json!([ids[0]]), &json!(9_999)));
    for body in [
        json!({ "action": "delete" }),
        json!({ "action": "restore", "filter": {} }),
        json!({ "ids": [], "filter": {}, "action": "delete" }),
    ] {
        assert_eq!(bulk(body).await.json()["error"]["field"], "ids");
    }
}

#[tokio::test]
async fn an_export_has_every_key_and_no_secret() {
    let (_provider, app) = start().await;
    let text = "sk-secret-0001-abcd,\"=1+1\",x|y,2";
    app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": text })).await;
    let export = app.admin("GET", "/api/keys/export", Value::Null).await;
    assert_eq!(export.header("content-disposition"), "attachment; filename=\"keys.csv\"");
    let text = export.text();
    assert!(!text.contains("sk-secret") && !text.contains("sk-known"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], "2,mock,'=1+1,…abcd,x|y,2,0,,,,,,,,active", "a spreadsheet takes no name for a formula");
}

#[tokio::test]
async fn many_keys_are_checked_with_progress_and_only_invalid_ones_change() {
    let (_provider, app) = start().await;
    let text = "sk-mock-healthy-1,good\nsk-mock-invalid-1,bad\nsk-mock-exhausted-1,empty\nsk-mock-unknown,odd";
    app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": text, "tags": ["checked"] })).await;
    let answer = app.admin("POST", "/api/keys/check", json!({ "filter": { "tag": "checked" } })).await;
    let text = answer.text();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data.trim()).unwrap())
        .collect();
    assert_eq!((&events[0]["done"], &events[0]["total"]), (&json!(0), &json!(4)), "{text}");
    assert_eq!((&events.last().unwrap()["done"], &events.last().unwrap()["error"]), (&json!(4), &Value::Null));
    let mut verdicts: Vec<(i64, String)> = events
        .iter()
        .flat_map(|event| event["checks"].as_array().unwrap().clone())
        .map(|check| (check["key"].as_i64().unwrap(), check["verdict"].as_str().unwrap().to_owned()))
        .collect();
    verdicts.sort();
    assert_eq!(verdicts.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!((&*verdicts[0].1, &*verdicts[1].1), ("valid", "invalid"), "{verdicts:?}");
    assert_eq!(app.key("bad").state.as_str(), "disabled_auto");
    assert_eq!(app.key("good").state.as_str(), "active");
    assert!(!text.contains("sk-mock"), "no secret is told: {text}");

    let history = app.admin("GET", "/api/keys/3/checks", Value::Null).await.json();
    assert_eq!((&history["checks"][0]["verdict"], &history["checks"][0]["by"]), (&json!("invalid"), &json!("admin token")));
    app.admin("POST", "/api/keys/3/check", Value::Null).await;
    let history = app.admin("GET", "/api/keys/3/checks", Value::Null).await.json();
    assert_eq!(history["checks"].as_array().map(Vec::len), Some(2));
    assert_eq!(app.admin("GET", "/api/keys/999/checks", Value::Null).await.status, 404);
    assert_eq!(app.admin("POST", "/api/keys/check", json!({})).await.json()["error"]["field"], "ids");
}

#[tokio::test]
async fn a_provider_in_trouble_disables_no_key_that_is_checked() {
    let (provider, app) = start().await;
    let keys: String = (0..20).map(|at| format!("sk-mock-healthy-{at}\n")).collect();
    app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": keys })).await;
    drop(provider);
    let answer = app.admin("POST", "/api/keys/check", json!({ "filter": {} })).await;
    let (last, _) = last_event(&answer);
    assert_eq!((&last["done"], &last["checks"][0]["verdict"]), (&json!(21), &json!("network")), "{last}");
    let listed = app.admin("GET", "/api/keys?state=disabled_auto", Value::Null).await.json();
    assert_eq!(listed["keys"], json!([]));
}

/// The names of all keys, page by page.
async fn pages(app: &TestApp, query: &str, limit: usize) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.admin("GET", &format!("/api/keys?limit={limit}&{query}{cursor}"), Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        let keys = page["keys"].as_array().unwrap();
        assert!(keys.len() == limit || page["next_cursor"].is_null(), "only the last page is shorter");
        names.extend(keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return names };
        let escaped: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
        cursor = format!("&cursor={escaped}");
    }
}

#[tokio::test]
async fn keys_are_sorted_page_by_page_in_every_order() {
    let (_provider, app) = start().await;
    let text = "sk-s-1,b,x,3\nsk-s-2,A:1,y,1\nsk-s-3,a:0,x,3\nsk-s-4,模型,x,2\nsk-s-5,B,y,2\n";
    let imported = app.admin("POST", "/api/keys/import", json!({ "provider": 1, "text": text })).await;
    assert_eq!(last_event(&imported).0["result"]["ids"].as_array().map(Vec::len), Some(5));
    app.admin("PATCH", "/api/keys/3", json!({ "priority": -1 })).await;
    for (query, expected) in [
        ("sort=id", "known b A:1 a:0 模型 B"),
        ("descending=true", "B 模型 a:0 A:1 b known"),
        ("sort=name", "a:0 A:1 b B known 模型"),
        ("sort=name&descending=true", "模型 known B b A:1 a:0"),
        ("sort=weight", "known A:1 模型 B b a:0"),
        ("sort=weight&descending=true", "a:0 b B 模型 A:1 known"),
        ("sort=priority", "A:1 known b a:0 模型 B"),
        ("sort=updated_at&descending=true&tag=y", "A:1 B"),
        ("sort=name&search=a", "a:0 A:1"),
        ("sort=name&state=disabled_manual", ""),
    ] {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        for limit in [1, 2, 3, 100] {
            assert_eq!(pages(&app, query, limit).await, expected, "{query} by {limit}");
        }
    }
    for (query, field) in [
        ("sort=secret", "sort"),
        ("sort=name&cursor=7", "cursor"),
        ("sort=name&cursor=x:1:a", "cursor"),
        ("cursor=0:1:a", "cursor"),
    ] {
        let refused = app.admin("GET", &format!("/api/keys?{query}"), Value::Null).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["field"].clone()),
            (400, json!(field)),
            "{query}: {}",
            refused.text()
        );
    }
}
