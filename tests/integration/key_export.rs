//! Keys leave with their secrets only for an owner who has given their password, and that they did is written down.

use serde_json::{Value, json};

use crate::app::{TestApp, read};
use crate::people::{ADMIN, Browser, PASSWORD, anonymous, set_up, sign_in, with_body};

const SECRETS: [&str; 3] = ["sk-export-one-0123456789", "sk-export-two-0123456789", "=sk-export-formula-0123456789"];

async fn started() -> (TestApp, Browser) {
    let app = TestApp::start("[[provider]]\nname = \"p\"\nbase_url = \"https://p.example\"\n").await;
    let owner = set_up(&app).await;
    for (at, secret) in SECRETS.iter().enumerate() {
        let tags = if at == 0 { json!(["first"]) } else { json!([]) };
        let key = json!({ "provider": 1, "name": format!("k{at}"), "secret": secret, "tags": tags });
        assert_eq!(owner.send(&app, "POST", "/api/keys", key).await.status, 201);
    }
    (app, owner)
}

async fn exports(app: &TestApp, owner: &Browser) -> Vec<Value> {
    let log = owner.send(app, "GET", "/api/audit?noun=key&limit=1000", Value::Null).await.json();
    let entries = log["entries"].as_array().unwrap().iter();
    entries.filter(|entry| entry["action"] == "export_secrets").cloned().collect()
}

#[tokio::test]
async fn secrets_leave_only_for_an_owner_with_their_password_and_it_is_audited() {
    let (app, owner) = started().await;
    let export = async |body: Value| owner.send(&app, "POST", "/api/keys/export", body).await;
    for body in [json!({}), json!({ "password": null }), json!({ "password": "wrong wrong" }), json!({ "password": "" })] {
        let refused = export(body.clone()).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!("password")), "{body}");
        assert!(SECRETS.iter().all(|secret| !refused.text().contains(secret)));
    }
    assert!(exports(&app, &owner).await.is_empty(), "what was refused was no export");

    let answer = export(json!({ "password": PASSWORD })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("text/csv; charset=utf-8", "no-store"));
    assert!(answer.header("content-disposition").contains("keys-with-secrets.csv"));
    let mut table = csv::Reader::from_reader(&answer.body[..]);
    let column = table.headers().unwrap().iter().position(|title| title == "secret").unwrap();
    let left: Vec<String> = table.records().map(|row| row.unwrap()[column].to_owned()).collect();
    assert_eq!(left, SECRETS);
    let some = export(json!({ "password": PASSWORD, "filter": { "tag": "first" } })).await.text();
    assert!(some.contains(SECRETS[0]) && !some.contains(SECRETS[1]), "{some}");
    let written = exports(&app, &owner).await;
    let shown: Vec<_> = written.iter().map(|entry| (entry["actor"].as_str().unwrap(), &entry["changes"])).collect();
    assert_eq!(
        shown,
        [
            ("user:anna", &json!({ "filter": { "tag": "first" }, "keys": 1 })),
            ("user:anna", &json!({ "filter": {}, "keys": 3 })),
        ]
    );

    // What left comes in again, elsewhere.
    let text = answer.text();
    let other = owner.send(&app, "POST", "/api/providers", json!({ "name": "q", "base_url": "https://q.example" })).await;
    let paste = json!({ "provider": other.json()["id"], "text": text });
    let preview = owner.send(&app, "POST", "/api/keys/preview", paste).await.json();
    assert_eq!((&preview["valid"], &preview["lines"][1]["name"]), (&json!(3), &json!("k0")), "{preview}");
}

#[tokio::test]
async fn nobody_else_gets_them_and_who_guesses_has_to_wait() {
    let (app, owner) = started().await;
    let body = json!({ "password": PASSWORD });
    for role in ["viewer", "operator"] {
        let user = json!({ "name": role, "role": role, "password": PASSWORD });
        assert_eq!(owner.send(&app, "POST", "/api/users", user).await.status, 201);
        let browser = Browser::of(&sign_in(&app, role, PASSWORD).await);
        assert_eq!(browser.send(&app, "POST", "/api/keys/export", body.clone()).await.code(), "forbidden", "{role}");
        let plain = browser.send(&app, "GET", "/api/keys/export", Value::Null).await;
        assert!(plain.status == 200 && !plain.text().contains("sk-export"), "{}", plain.text());
    }
    assert_eq!(read(with_body(anonymous(&app, "POST", "/api/keys/export"), &body)).await.status, 401);
    let token = anonymous(&app, "POST", "/api/keys/export").bearer_auth(ADMIN);
    assert_eq!(read(with_body(token, &body)).await.code(), "no_session", "a token has no password");
    let no_csrf = anonymous(&app, "POST", "/api/keys/export").header("cookie", &owner.cookie);
    assert_eq!(read(with_body(no_csrf, &body)).await.code(), "csrf");
    let mut guesses = 0;
    loop {
        let guess = owner.send(&app, "POST", "/api/keys/export", json!({ "password": format!("guess {guesses}") })).await;
        guesses += 1;
        if guess.status == 429 {
            break;
        }
        assert!(guess.status == 400 && guesses < 10, "{guesses}: {}", guess.text());
    }
    assert_eq!(owner.send(&app, "POST", "/api/keys/export", body).await.code(), "too_many_attempts");
}
