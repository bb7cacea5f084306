//! The file against a store: made, left alone, changed, refused.

use std::collections::HashMap;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::domain::*;
use crate::store::{Catalog, Edit, MasterKeySource, Stored};

const FILE: &str = r#"
[[provider]]
name = "openai"
base_url = "https://api.openai.com"
auth = "bearer"
default = true
attempts = 4
headers = { "OpenAI-Project" = "${PROJECT}" }
pass_headers = ["X-Trace"]
timeouts = { connect_ms = 1000 }
proxy = "socks5://h:1080"
time_zone = "Asia/Kolkata"
probe = { interval_s = 600 }

[[provider]]
name = "local"
base_url = "http://localhost:11434"
exact_base_url = true
auth = "query:k"
allow_private = true

[[key]]
provider = "openai"
name = "team-a"
secret = "${OPENAI_API_KEY}"
weight = 2
tags = ["paid"]
account = "org-a"
priority = -1
models = ["gpt-4o*"]
rpm = 60
tpm = 0
rpd = 1000
concurrency = 4
budget_usd_month = 12.5

[[client]]
name = "my app"
token = "pre-${MY_APP_TOKEN}"
models = []
key_tags = ["paid"]
rpm = 5
expires = 2027-01-31
allow_ips = ["10.1.2.3/8", "203.0.113.9"]

[[model]]
name = "vendor/fast"
strategy = "least_in_flight"
targets = [{ provider = "openai", model = "gpt-4o-mini" }, { provider = "local", model = "llama", tier = 2, weight = 3 }]
price = { input = 0.15, output = 0.6 }

[settings]
attempts = 5
"#;

struct Home {
    folder: TempDir,
    store: Store,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data"), &MasterKeySource::default()).unwrap();
        Home { folder, store }
    }

    fn apply(&self, text: &str) -> Result<Applied, BootstrapError> {
        let path = self.folder.path().join("bootstrap.toml");
        std::fs::write(&path, text).unwrap();
        let variables = HashMap::from([
            ("PROJECT", "proj-1"),
            ("OPENAI_API_KEY", "sk-one-two-three"),
            ("MY_APP_TOKEN", "token"),
            ("EMPTY", ""),
        ]);
        apply(&self.store, &path, &|name| variables.get(name).map(|value| (*value).to_owned()), 1)
    }

    fn edit<T: Send + 'static>(&self, edit: impl FnOnce(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
        self.store.edit_blocking(actor("anna", 2), edit).unwrap()
    }

    fn catalog(&self) -> std::sync::Arc<Catalog> {
        self.store.catalog()
    }

    fn key(&self, name: &str) -> Stored<Key> {
        self.catalog().all::<Key>().find(|row| row.value.name == name).unwrap().clone()
    }

    fn refused(&self, text: &str) -> String {
        let revision = self.catalog().revision();
        let message = self.apply(text).unwrap_err().to_string();
        assert_eq!(self.catalog().revision(), revision, "nothing is applied");
        message
    }
}

#[test]
fn every_member_reaches_its_row() {
    let home = Home::new();
    let applied = home.apply(FILE).unwrap();
    assert_eq!((applied.created, applied.updated, applied.tokens.len()), (5, 1, 0));
    let catalog = home.catalog();
    let providers: Vec<_> = catalog.all::<Provider>().map(|row| row.value.clone()).collect();
    assert_eq!(providers[0].base_url.join("/m", None), "https://api.openai.com/v1/m");
    assert_eq!(providers[0].headers, [("OpenAI-Project".to_owned(), "proj-1".to_owned())]);
    assert_eq!((providers[0].is_default, providers[0].attempts, providers[0].timeouts.connect_ms), (true, Some(4), 1000));
    assert_eq!(
        (providers[0].timeouts.idle_ms, providers[0].probe.interval_s, &*providers[0].pass_headers[0]),
        (30_000, 600, "x-trace")
    );
    assert_eq!(providers[1].base_url.join("/m", None), "http://localhost:11434/m");
    assert_eq!((&providers[1].auth, providers[1].allow_private), (&AuthScheme::Query("k".into()), true));
    let key = home.key("team-a").value;
    assert_eq!(key.secret.expose_secret(), "sk-one-two-three");
    let limits = KeyLimits {
        rpm: Some(60),
        tpm: Some(0),
        rpd: Some(1000),
        concurrency: Some(4),
        budget_month: Some(Nanodollars(12_500_000_000)),
    };
    assert_eq!((key.weight, key.priority, &key.limits, key.account.as_deref()), (2, -1, &limits, Some("org-a")));
    let client = &catalog.all::<Client>().next().unwrap().value;
    assert_eq!(client.token_hash, hash_token("pre-token"));
    assert_eq!(client.expires_at.map(to_rfc3339).as_deref(), Some("2027-01-31T00:00:00Z"));
    assert_eq!(
        (client.models.as_deref(), client.allow_ips.as_ref().unwrap()[0].to_string()),
        (Some(&[][..]), "10.0.0.0/8".into())
    );
    let model = &catalog.all::<Model>().next().unwrap().value;
    assert_eq!((&*model.name, model.targets[1].provider, model.targets[1].tier), ("vendor/fast", providers[1].id, 2));
    assert_eq!(model.price.as_ref().unwrap().input, Some(Rate(150_000_000)));
    assert_eq!(catalog.settings().value.attempts, 5);
}

#[test]
fn a_second_start_changes_nothing() {
    let home = Home::new();
    home.apply(FILE).unwrap();
    let applied = home.apply(FILE).unwrap();
    assert_eq!((applied.created, applied.updated), (0, 0));
    assert_eq!(home.key("team-a").version, 1);
}

#[test]
fn an_edit_stays_until_the_files_own_value_changes() {
    let home = Home::new();
    home.apply(FILE).unwrap();
    let id = home.key("team-a").value.id;
    home.edit(move |edit| {
        edit.update_settings(None, |settings| {
            settings.attempts = 7;
            Ok(())
        })?;
        edit.update::<Key>(id, None, |key| {
            key.weight = 5;
            key.name = "renamed".into();
            key.models = None;
            Ok(())
        })
    });
    home.apply(FILE).unwrap();
    let key = home.key("renamed");
    assert_eq!((key.value.weight, key.version), (5, 2));
    home.apply(&FILE.replace("rpm = 60", "rpm = 61")).unwrap();
    let key = home.key("renamed").value;
    assert_eq!((key.weight, key.limits.rpm, &key.models), (5, Some(61), &None));
    home.apply(&FILE.replace("weight = 2", "weight = 3").replace("attempts = 5", "retry_burst = 3")).unwrap();
    let key = home.key("renamed").value;
    assert_eq!((key.weight, key.limits.rpm), (3, Some(60)));
    let settings = home.catalog().settings().value.clone();
    assert_eq!((settings.attempts, settings.retry_burst), (7, 3));
}

#[test]
fn what_the_file_no_longer_names_stays() {
    let home = Home::new();
    home.apply(FILE).unwrap();
    home.apply("").unwrap();
    assert_eq!(home.catalog().all::<Key>().len(), 1);
    assert_eq!(home.catalog().all::<Provider>().len(), 2);
}

#[test]
fn an_entry_that_is_renamed_in_the_file_keeps_its_row() {
    let home = Home::new();
    home.apply(FILE).unwrap();
    let applied = home.apply(&FILE.replace("team-a", "team-b").replace("my app", "our app")).unwrap();
    assert_eq!((applied.created, applied.updated), (0, 2));
    assert_eq!(home.key("team-b").value.id, KeyId(1));
}

#[test]
fn a_client_without_a_token_gets_one_once() {
    let home = Home::new();
    let text = "[[client]]\nname = \"app\"";
    let tokens = home.apply(text).unwrap().tokens;
    assert_eq!(tokens[0].client, "app");
    assert!(!format!("{tokens:?}").contains(tokens[0].token.expose_secret()));
    assert!(home.apply(text).unwrap().tokens.is_empty());
    let client = home.catalog().all::<Client>().next().unwrap().value.clone();
    assert_eq!(client.token_hash, hash_token(tokens[0].token.expose_secret()));
}

#[test]
fn values_may_come_from_files() {
    let home = Home::new();
    let secret = home.folder.path().join("secret");
    std::fs::write(&secret, "sk-from-file\r\n").unwrap();
    let text = format!(
        "[[provider]]\nname = \"p\"\nbase_url = \"http://h\"\n[[key]]\nprovider = \"p\"\nname = \"k\"\nsecret = \"file:{}\"",
        secret.display()
    );
    home.apply(&text).unwrap();
    assert_eq!(home.key("k").value.secret.expose_secret(), "sk-from-file");
    std::fs::remove_file(&secret).unwrap();
    let message = home.refused(&text);
    assert!(message.contains("[[key]] \"p/k\": secret: cannot read") && message.contains("secret"), "{message}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let home = Home::new();
    for (from, to, expected) in [
        ("weight = 2", "wieght = 2", "line 26, column 1: unknown field `wieght`"),
        ("[[client]]", "[[clients]]", "line 37, column 3: unknown field `clients`"),
        ("connect_ms = 1000", "conect_ms = 1000", "line 10, column 14: unknown field `conect_ms`"),
        ("weight = 2", "weight = \"two\"", "line 26, column 10: invalid type"),
        ("weight = 2", "weight = 2000", "[[key]] \"openai/team-a\": weight must be 0 to 1000, not 2000"),
        ("name = \"team-a\"", "", "line 22, column 1: missing field `name`"),
        ("${OPENAI_API_KEY}", "${NOWHERE}", "[[key]] \"openai/team-a\": secret: the environment variable NOWHERE is not set"),
        (
            "${PROJECT}",
            "${EMPTY}",
            "[[provider]] \"openai\": headers: OpenAI-Project: the environment variable EMPTY is not set",
        ),
        ("provider = \"openai\"\n", "provider = \"open\"\n", "[[key]] \"open/team-a\": provider names no provider: \"open\""),
        ("secret = \"${OPENAI_API_KEY}\"", "", "[[key]] \"openai/team-a\": secret is missing"),
        ("auth = \"bearer\"", "auth = \"basic\"", "[[provider]] \"openai\": auth must be bearer"),
        ("\"https://api", "\"api", "[[provider]] \"openai\": base_url is not an absolute URL"),
        ("Asia/Kolkata", "Mars", "[[provider]] \"openai\": time_zone must be an IANA time zone"),
        ("name = \"local\"", "name = \"openai\"", "[[provider]] \"openai\": name stands in the file twice"),
        ("allow_private", "default = true\nallow_private", "[[provider]] \"local\": default is taken by \"openai\" already"),
        (
            "provider = \"local\"",
            "provider = \"lokal\"",
            "[[model]] \"vendor/fast\": targets.provider names no provider: \"lokal\"",
        ),
        ("least_in_flight", "best", "[[model]] \"vendor/fast\": strategy must be one of round_robin"),
        ("expires = 2027-01-31", "expires = \"soon\"", "[[client]] \"my app\": expires must be a time"),
        ("203.0.113.9", "everywhere", "[[client]] \"my app\": allow_ips must hold addresses"),
        ("pre-${MY_APP_TOKEN}", "short", "[[client]] \"my app\": token must be 8 to 256"),
        ("[settings]\nattempts", "[settings]\nattempt", "[settings]: unknown field `attempt`"),
        ("attempts = 5", "attempts = 50", "[settings]: attempts must be 1 to 10, not 50"),
    ] {
        assert!(FILE.contains(from), "{from}");
        let message = home.refused(&FILE.replacen(from, to, 1));
        assert!(message.starts_with(&format!("the bootstrap file, {expected}")), "{message}\nnot {expected}");
    }
}

#[test]
fn a_mistake_does_not_print_its_line() {
    let home = Home::new();
    let message = home.refused("[[key]]\nprovider = \"p\"\nname = \"k\"\nsercet = \"sk-live-secret\"");
    assert!(message.contains("line 4, column 1: unknown field `sercet`") && !message.contains("sk-live"), "{message}");
}

#[test]
fn a_secret_may_be_given_to_one_entry_only() {
    let home = Home::new();
    let again = "[[key]]\nprovider = \"openai\"\nname = \"again\"\nsecret = \"sk-one-two-three\"\n[[client]]";
    let message = home.refused(&FILE.replacen("[[client]]", again, 1));
    assert_eq!(message, "the bootstrap file, [[key]] \"openai/again\": secret is that of another entry");
}

#[test]
fn openai_keys_fill_an_empty_catalog_only() {
    let home = Home::new();
    let keys = [SecretString::from("sk-a-0123"), SecretString::from("sk-b-0123")];
    assert_eq!(apply_openai_keys(&home.store, &[], 1).unwrap().created, 0);
    let applied = apply_openai_keys(&home.store, &keys, 1).unwrap();
    assert_eq!((applied.created, &*applied.tokens[0].client), (4, "default"));
    let token = applied.tokens[0].token.expose_secret();
    let snapshot = Snapshot::new(home.catalog().parts(std::sync::Arc::default()));
    assert!(snapshot.client_by_token(&hash_token(token)).is_some());
    assert!(snapshot.route("gpt-4o").is_ok());
    assert_eq!(apply_openai_keys(&home.store, &keys, 1).unwrap().created, 0);
}
