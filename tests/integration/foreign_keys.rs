//! Keys of GPT-Load, One API and New API: out of databases made as those programs make them, and out of exports.

use std::fs;
use std::path::Path;
use std::process::Output;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::cli::{ON_A_FREE_PORT, Running, keywheel, text};

/// As One API makes it (gorm on SQLite).
const ONE_API: &str = r#"
CREATE TABLE `channels` (`id` integer,`type` integer DEFAULT 0,`key` text,`status` integer DEFAULT 1,`name` text,`weight` integer DEFAULT 0,
 `created_time` bigint,`test_time` bigint,`response_time` integer,`base_url` text DEFAULT "",`other` text,`balance` real,
 `balance_updated_time` bigint,`models` text,`group` varchar(32) DEFAULT "default",`used_quota` bigint DEFAULT 0,
 `model_mapping` varchar(1024) DEFAULT "",`priority` bigint DEFAULT 0,`config` text,`system_prompt` text,PRIMARY KEY (`id`));
CREATE INDEX `idx_channels_name` ON `channels`(`name`);
CREATE TABLE `users` (`id` integer,`username` text,`password` text,PRIMARY KEY (`id`));
"#;

/// As New API makes it.
const NEW_API: &str = r#"
CREATE TABLE `channels` (`id` integer PRIMARY KEY AUTOINCREMENT,`type` integer DEFAULT 0,`key` text NOT NULL,`open_ai_organization` text,
 `test_model` text,`status` integer DEFAULT 1,`name` text,`weight` integer DEFAULT 0,`created_time` bigint,`test_time` bigint,
 `response_time` integer,`base_url` text DEFAULT "",`other` text,`balance` real,`balance_updated_time` bigint,`models` text,
 `group` varchar(64) DEFAULT "default",`used_quota` bigint DEFAULT 0,`model_mapping` text,`status_code_mapping` varchar(1024) DEFAULT "",
 `priority` bigint DEFAULT 0,`auto_ban` integer DEFAULT 1,`other_info` text,`tag` text,`setting` text,`param_override` text,
 `header_override` text,`remark` varchar(255),`channel_info` json,`settings` text);
"#;

/// As GPT-Load makes it.
const GPT_LOAD: &str = r#"
CREATE TABLE `groups` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` varchar(255) NOT NULL UNIQUE,`display_name` varchar(255),
 `proxy_keys` text,`description` varchar(512),`group_type` varchar(50) DEFAULT "standard",`upstreams` JSON NOT NULL,
 `validation_endpoint` varchar(255),`channel_type` varchar(50) NOT NULL,`sort` integer DEFAULT 0,`test_model` varchar(255) NOT NULL,
 `param_overrides` JSON,`config` JSON,`header_rules` JSON,`model_redirect_rules` JSON,`model_redirect_strict` numeric DEFAULT false,
 `last_validated_at` datetime,`created_at` datetime,`updated_at` datetime);
CREATE TABLE `api_keys` (`id` integer PRIMARY KEY AUTOINCREMENT,`key_value` text NOT NULL,`key_hash` varchar(128),`group_id` integer NOT NULL,
 `status` varchar(50) NOT NULL DEFAULT "active",`notes` varchar(255) DEFAULT "",`request_count` integer NOT NULL DEFAULT 0,
 `failure_count` integer NOT NULL DEFAULT 0,`last_used_at` datetime,`created_at` datetime,`updated_at` datetime);
"#;

fn database(folder: &Path, name: &str, schema: &str) -> Connection {
    let connection = Connection::open(folder.join(name)).unwrap();
    // As the programs have it; their logs lie beside the file while they run.
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

fn import(folder: &Path, arguments: &[&str]) -> Output {
    keywheel(folder, &[&["keys", "import"], arguments].concat()).output().unwrap()
}

/// What a server on the folder says of its providers and keys: `provider: names`.
fn stored(folder: &Path) -> Vec<String> {
    let server = Running::start(folder, ON_A_FREE_PORT, &[]);
    let admin = fs::read_to_string(folder.join("data/admin-token")).unwrap();
    let list = |noun: &str| {
        let answer = server.ask_as(admin.trim(), &format!("GET /api/{noun}?limit=1000"));
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let start = body.find('{').unwrap();
        let mut stream = serde_json::Deserializer::from_str(&body[start..]).into_iter::<Value>();
        stream.next().unwrap().unwrap()[noun].as_array().unwrap().clone()
    };
    let keys = list("keys");
    let of = |id: &Value| {
        keys.iter().filter(|key| key["provider"] == *id).map(|key| key["name"].as_str().unwrap()).collect::<Vec<_>>()
    };
    let shown = |provider: &Value| {
        format!("{} {} {}: {}", provider["name"], provider["base_url"], provider["auth"], of(&provider["id"]).join(" "))
            .replace('"', "")
    };
    list("providers").iter().map(shown).collect()
}

#[test]
fn a_database_of_one_api_is_read_while_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let theirs = database(path, "one-api.db", ONE_API);
    theirs
        .execute_batch(
            r#"INSERT INTO channels (type, key, name, models, `group`, priority) VALUES (1, 'sk-one-0123456789', 'first', 'gpt-4o', 'default', 5);
               INSERT INTO channels (type, key, name, models, base_url) VALUES (1, 'sk-two-0123456789', 'first', 'gpt-4o', 'https://mirror.example');
               INSERT INTO channels (type, key, name, models) VALUES (1, 'sk-one-0123456789', 'again', 'gpt-4o');
               INSERT INTO channels (type, key, name, models) VALUES (14, 'sk-ant-0123456789', 'claude', 'claude-x');
               INSERT INTO channels (type, key, name, models, status) VALUES (1, 'sk-off-0123456789', 'off', 'gpt-4o', 2);
               INSERT INTO channels (type, key, name, models) VALUES (15, 'ak|sk', 'baidu', 'ernie');"#,
        )
        .unwrap();
    let dry = import(path, &["--from", "one-api", "--dry-run", "one-api.db"]);
    let said = text(&dry.stderr);
    assert!(dry.status.success(), "{said}");
    for part in [
        "channel 1 for openai: valid, …6789, first",
        "channel 3 for openai: duplicate, …6789, again, the same key as first",
        "channel 5: skipped, …6789, disabled by hand",
        "channel 6: skipped, a channel of type 15 does not speak the OpenAI API",
        "provider openai (to be made) at https://api.openai.com/v1, auth bearer: 1 keys",
        "provider anthropic (to be made) at https://api.anthropic.com/v1, auth x-api-key: 1 keys",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("0123456789"), "{said}");
    assert!(stored(path).is_empty(), "nothing is stored");
    for expected in [
        "keys imported from one-api: 3; providers made: 3; there already: 0; left out: 2",
        "keys imported from one-api: 0; providers made: 0; there already: 4; left out: 2",
    ] {
        let imported = import(path, &["--from", "one-api", "--tag", "moved", "one-api.db"]);
        assert!(text(&imported.stdout).contains(expected), "{} {}", text(&imported.stdout), text(&imported.stderr));
    }
    assert_eq!(
        stored(path),
        [
            "openai https://api.openai.com/v1 bearer: first",
            "openai-2 https://mirror.example/v1 bearer: first",
            "anthropic https://api.anthropic.com/v1 x-api-key: claude",
        ]
    );
    drop(theirs);
}

#[test]
fn databases_of_new_api_and_gpt_load_are_read_and_encrypted_keys_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let theirs = database(path, "new-api.db", NEW_API);
    theirs
        .execute(
            "INSERT INTO channels (type, key, name, models, tag, channel_info) VALUES (43, ?1, 'deep', 'deepseek-chat', 'cheap', ?2)",
            ("sk-a-0123456789\nsk-b-0123456789\nsk-c-0123456789", br#"{"is_multi_key":true,"multi_key_status_list":{"2":3}}"#),
        )
        .unwrap();
    drop(theirs);
    let imported = import(path, &["--from", "new-api", "new-api.db"]);
    assert!(text(&imported.stdout).contains("keys imported from new-api: 2; providers made: 1"), "{}", text(&imported.stderr));
    let all = import(path, &["--from", "new-api", "--with-disabled", "new-api.db"]);
    assert!(
        text(&all.stdout).contains("keys imported from new-api: 1; providers made: 0; there already: 2"),
        "{}",
        text(&all.stderr)
    );

    let theirs = database(path, "gpt-load.db", GPT_LOAD);
    let upstreams = r#"[{"url":"https://pool.example","weight":1}]"#;
    theirs
        .execute(
            "INSERT INTO groups (name, upstreams, channel_type, test_model) VALUES ('pool', ?1, 'openai', 'm')",
            [upstreams.as_bytes()],
        )
        .unwrap();
    theirs.execute("INSERT INTO api_keys (key_value, group_id, notes) VALUES ('sk-pool-0123456789', 1, 'mine')", ()).unwrap();
    let imported = import(path, &["--from", "gpt-load", "gpt-load.db"]);
    assert!(text(&imported.stdout).contains("keys imported from gpt-load: 1; providers made: 1"), "{}", text(&imported.stderr));
    assert_eq!(
        stored(path),
        ["deepseek https://api.deepseek.com/v1 bearer: deep-1 deep-2 deep-3", "pool https://pool.example/v1 bearer: mine"]
    );

    let sealed = "ab".repeat(50);
    theirs
        .execute("INSERT INTO api_keys (key_value, key_hash, group_id) VALUES (?1, ?2, 1)", (&sealed, "cd".repeat(32)))
        .unwrap();
    let refused = import(path, &["--from", "gpt-load", "gpt-load.db"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("key 2: malformed, this key is encrypted") && said.contains("nothing was imported"), "{said}");
    assert!(!said.contains(&sealed[..16]), "{said}");
    let rest = import(path, &["--from", "gpt-load", "--skip-malformed", "gpt-load.db"]);
    assert!(text(&rest.stdout).contains("there already: 1; left out: 1"), "{} {}", text(&rest.stdout), text(&rest.stderr));

    let wrong = import(path, &["--from", "gpt-load", "new-api.db"]);
    assert!(text(&wrong.stderr).contains("no table groups or api_keys"), "{}", text(&wrong.stderr));
    for arguments in [&["--from", "nothing", "x"][..], &["new-api.db"], &["--from", "one-api", "--weight", "2", "x"]] {
        assert_eq!(import(path, arguments).status.code(), Some(2), "{arguments:?}");
    }
}

async fn ask(app: &TestApp, action: &str, body: Value) -> Answer {
    app.admin("POST", &format!("/api/keys/foreign/{action}"), body).await
}

/// The last event of an import.
fn result(answer: &Answer) -> Value {
    let text = answer.text();
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data:")).unwrap_or_else(|| panic!("no event: {text}"));
    serde_json::from_str(last.trim()).unwrap()
}

#[tokio::test]
async fn the_api_previews_and_imports_exports_whole_or_not_at_all() {
    let app = TestApp::start("[[provider]]\nname = \"openai\"\nbase_url = \"https://api.openai.com\"\n").await;
    let csv = "id,type,key,status,name,base_url,models,group\n1,1,sk-one-0123456789,1,a/b,,gpt-4o,vip\n\
               2,36,sk-two-0123456789,1,deep,,deepseek-chat,default\n3,1,,1,none,,m,default\n";
    let body = json!({ "from": "one-api", "text": csv });
    let preview = ask(&app, "preview", body.clone()).await.json();
    let counts = ["valid", "duplicate", "exists", "malformed", "skipped"].map(|count| preview[count].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 0, 1, 0], "{preview}");
    assert_eq!(
        preview["providers"],
        json!([
            { "id": 1, "name": "openai", "base_url": "https://api.openai.com/v1", "auth": "bearer", "keys": 1 },
            { "id": null, "name": "deepseek", "base_url": "https://api.deepseek.com/v1", "auth": "bearer", "keys": 1 },
        ])
    );
    let refused = ask(&app, "import", body.clone()).await;
    assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!("text")));
    assert!(refused.text().contains("channel 3: there is no key in this row"), "{}", refused.text());
    let mut rest = body;
    rest["skip_malformed"] = json!(true);
    let event = result(&ask(&app, "import", rest).await);
    assert_eq!((&event["result"]["ids"], &event["result"]["providers"]), (&json!([1, 2]), &json!([2])), "{event}");
    let key = app.admin("GET", "/api/keys/1", Value::Null).await.json();
    assert_eq!(
        (&key["provider"], &key["name"], &key["tags"], &key["models"]),
        (&json!(1), &json!("a/b"), &json!(["vip"]), &json!(["gpt-4o"]))
    );

    let keys = r#"[{"id":1,"key_value":"sk-three-0123456789","group_id":1,"status":"active"}]"#;
    let nowhere = ask(&app, "preview", json!({ "from": "gpt-load", "text": keys })).await.json();
    assert_eq!(nowhere["entries"][0]["state"], "malformed", "{nowhere}");
    let event = result(&ask(&app, "import", json!({ "from": "gpt-load", "text": keys, "provider": 2 })).await);
    assert_eq!(event["result"]["ids"], json!([3]), "{event}");
    for (body, field) in [
        (json!({ "from": "elsewhere", "text": "[]" }), "from"),
        (json!({ "from": "one-api", "text": "[{]" }), "text"),
        (json!({ "from": "one-api", "text": "hello" }), "text"),
        (json!({ "from": "one-api", "text": "[]", "provider": 99 }), "provider"),
        (json!({ "from": "one-api", "text": "[]", "more": 1 }), "more"),
    ] {
        let refused = ask(&app, "preview", body).await;
        assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!(field)), "{}", refused.text());
    }
}
