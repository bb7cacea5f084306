//! The catalog through its door: edits, names, deletion, restarts.

mod any_edits;
mod learned;
mod start;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::domain::*;
use crate::store::MasterKeySource;

const NOW: i64 = 1_764_000_000_000;

struct Folder {
    folder: TempDir,
    store: Option<Store>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Some(Store::open(folder.path(), &MasterKeySource::default()).unwrap());
        Folder { folder, store }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(Store::open(self.folder.path(), &MasterKeySource::default()).unwrap());
    }

    fn edit<T: Send + 'static>(
        &self,
        edit: impl FnOnce(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.store().edit_blocking(actor(NOW), edit)
    }

    fn actions(&self) -> Vec<String> {
        let filter = AuditFilter { limit: 1000, ..AuditFilter::default() };
        let entries =
            self.store().database.readers().call_blocking(move |connection| audit::list(connection, &filter)).unwrap();
        entries.iter().rev().map(|entry| format!("{} {} {}", entry.action, entry.noun, entry.name)).collect()
    }
}

fn actor(now_ms: i64) -> Actor {
    Actor { name: "test".into(), address: None, now_ms }
}

fn provider(name: &str) -> Provider {
    let base_url = BaseUrl::parse("https://h/api?x=1", false).unwrap();
    Provider {
        headers: vec![("X-Project".into(), "header-value".into())],
        pass_headers: vec!["x-trace".into()],
        timeouts: Timeouts { idle_ms: 7, ..Timeouts::default() },
        proxy: Some("socks5://me:proxy-password@h:1080".into()),
        allow_private: true,
        attempts: Some(2),
        time_zone: Some("Asia/Shanghai".into()),
        probe: Probe { model: Some("m".into()), ..Probe::default() },
        ..Provider::new(name.into(), base_url, AuthScheme::Query("k".into()))
    }
}

fn key(provider: ProviderId, name: &str, secret: &str) -> Key {
    Key {
        tags: vec!["paid".into()],
        weight: 2,
        priority: -1,
        models: Some(vec![Pattern::new("gpt-*")]),
        limits: KeyLimits { rpm: Some(0), budget_month: Some(Nanodollars(5)), ..KeyLimits::default() },
        account: Some("org".into()),
        ..Key::new(provider, name, secret)
    }
}

fn model(name: &str, provider: ProviderId) -> Model {
    let target = |model: &str, tier| Target { provider, model: model.into(), tier, weight: 3 };
    Model {
        id: ModelId(0),
        name: name.into(),
        strategy: Some(Strategy::Sticky),
        targets: vec![target("b", 2), target("a", 1)],
        price: Some(Arc::new(Price { input: Some(Rate(1)), source: "operator".into(), ..Price::default() })),
        capabilities: Capabilities { vision: Some(true), ..Capabilities::default() },
        answer_ms: Some(90_000),
        enabled: true,
        visible: false,
    }
}

fn client(name: &str, token: &str) -> Client {
    Client {
        id: ClientId(0),
        name: name.into(),
        token_hash: hash_token(token),
        token_hint: token_hint(token).unwrap(),
        former_token: Some(FormerToken { hash: [3; 32], until_ms: 7 }),
        tags: vec!["team".into()],
        models: Some(Vec::new()),
        key_tags: None,
        limits: ClientLimits { tpm: Some(9), ..ClientLimits::default() },
        expires_at: Some(NOW),
        allow_ips: Some(vec![parse_ip_net("10.0.0.0/8").unwrap()]),
        allow_debug: true,
        enabled: false,
    }
}

/// Everything that the catalog holds, as text; secrets are printed as their length.
fn picture(catalog: &Catalog) -> String {
    let keys: Vec<_> = catalog.all::<Key>().map(|row| row.value.secret.expose_secret().len()).collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {keys:?}",
        catalog.providers, catalog.keys, catalog.models, catalog.clients, catalog.settings
    )
}

#[test]
fn every_field_survives_a_restart() {
    let mut folder = Folder::new();
    folder
        .edit(|edit| {
            let id = edit.create(provider("p"))?.value.id;
            edit.create(key(id, "a", "sk-secret-one"))?;
            edit.create(model("vendor/m", id))?;
            edit.create(client("app", "token-of-app"))?;
            edit.update_settings(None, |settings| {
                settings.attempts = 5;
                Ok(())
            })?;
            Ok(())
        })
        .unwrap();
    let before = picture(&folder.store().catalog());
    assert!(before.contains("proxy-password") && before.contains("attempts: 5"), "{before}");
    folder.reopen();
    assert_eq!(picture(&folder.store().catalog()), before);
    let parts = folder.store().catalog().parts(Arc::default());
    assert_eq!((parts.providers.len(), parts.keys.len(), parts.models.len(), parts.clients.len()), (1, 1, 1, 1));
}

#[test]
fn no_secret_lies_open_in_the_files() {
    let folder = Folder::new();
    folder
        .edit(|edit| {
            let id = edit.create(provider("p"))?.value.id;
            edit.create(key(id, "a", "sk-secret-one"))?;
            edit.create(client("app", "token-of-app"))?;
            edit.update::<Provider>(id, None, |provider| {
                provider.proxy = Some("http://me:other-password@h:1".into());
                Ok(())
            })
        })
        .unwrap();
    for entry in std::fs::read_dir(folder.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in ["sk-secret-one", "proxy-password", "other-password", "header-value", "token-of-app"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[test]
fn a_failed_edit_leaves_nothing() {
    let folder = Folder::new();
    let before = folder.store().catalog().revision();
    let error = folder.edit(|edit| {
        let id = edit.create(provider("p"))?.value.id;
        edit.create(key(id, "a", "sk-a"))?;
        edit.create(key(id, "b", "sk-a"))
    });
    assert!(matches!(error, Err(StoreError::Conflict { noun: "key", field: "secret" })), "{error:?}");
    assert!(folder.store().catalog().is_empty());
    assert_eq!(folder.store().catalog().revision(), before);
    assert_eq!(folder.actions(), Vec::<String>::new());
}

#[test]
fn a_deleted_name_is_free_twenty_times() {
    let folder = Folder::new();
    let home = folder.edit(|edit| edit.create(provider("home"))).unwrap().value.id;
    for _ in 0..20 {
        folder
            .edit(move |edit| {
                let p = edit.create(Provider { is_default: true, ..provider("p") })?.value.id;
                let k = edit.create(key(home, "a", "sk-a"))?.value.id;
                let m = edit.create(model("m", home))?.value.id;
                let c = edit.create(client("c", "token-of-c"))?.value.id;
                edit.delete::<Key>(k, None)?;
                edit.delete::<Model>(m, None)?;
                edit.delete::<Client>(c, None)?;
                edit.delete::<Provider>(p, None)
            })
            .unwrap();
    }
    let live = folder.edit(move |edit| edit.create(key(home, "a", "sk-b"))).unwrap();
    assert_eq!(live.value.id, KeyId(21), "ids are not used again");
    let taken = folder.edit(|edit| edit.restore::<Key>(KeyId(1)));
    assert!(matches!(taken, Err(StoreError::Conflict { noun: "key", field: "name" })), "{taken:?}");
    folder.edit(move |edit| edit.delete::<Key>(live.value.id, None)).unwrap();
    let back = folder.edit(|edit| edit.restore::<Key>(KeyId(1))).unwrap();
    assert_eq!(back.value.secret.expose_secret(), "sk-a");
}

#[test]
fn conflicts_name_their_field() {
    let folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    folder
        .edit(move |edit| {
            edit.create(key(p, "a", "sk-a"))?;
            edit.create(model("m", p))?;
            edit.create(client("c", "token-of-c"))
        })
        .unwrap();
    let field = |result: Result<(), StoreError>| match result.unwrap_err() {
        StoreError::Conflict { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(folder.edit(|edit| edit.create(provider("p")).map(drop))), "name");
    assert_eq!(field(folder.edit(move |edit| edit.create(key(p, "a", "sk-b")).map(drop))), "name");
    assert_eq!(field(folder.edit(move |edit| edit.create(key(p, "b", "sk-a")).map(drop))), "secret");
    assert_eq!(field(folder.edit(move |edit| edit.create(model("m", p)).map(drop))), "name");
    assert_eq!(field(folder.edit(|edit| edit.create(client("c", "token-of-d")).map(drop))), "name");
    assert_eq!(field(folder.edit(|edit| edit.create(client("d", "token-of-c")).map(drop))), "token");
}

#[test]
fn what_refers_to_nothing_is_refused() {
    let folder = Folder::new();
    let field = |result: Result<(), StoreError>| match result.unwrap_err() {
        StoreError::Invalid(invalid) => invalid.field,
        other => panic!("{other}"),
    };
    assert_eq!(field(folder.edit(|edit| edit.create(key(ProviderId(9), "a", "sk-a")).map(drop))), "provider");
    assert_eq!(field(folder.edit(|edit| edit.create(model("m", ProviderId(9))).map(drop))), "targets.provider");
    let nowhere = Provider { time_zone: Some("Mars/Olympus".into()), ..provider("p") };
    assert_eq!(field(folder.edit(|edit| edit.create(nowhere).map(drop))), "time_zone");
}

#[test]
fn a_change_of_nothing_is_no_edit() {
    let folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    let k = folder.edit(move |edit| edit.create(key(p, "a", "sk-secret-1234"))).unwrap().value.id;
    let same = folder.edit(move |edit| edit.update::<Key>(k, Some(1), |_| Ok(()))).unwrap();
    assert_eq!(same.version, 1);
    let change = |secret: &'static str, expected| {
        folder.edit(move |edit| {
            edit.update::<Key>(k, Some(expected), |key| {
                key.secret = secret.into();
                Ok(())
            })
        })
    };
    assert_eq!(change("sk-secret-1234", 1).unwrap().version, 1);
    assert_eq!(change("sk-Secret-1234", 1).unwrap().version, 2, "a secret with the same last letters is another secret");
    assert!(matches!(change("sk-c", 1), Err(StoreError::VersionMismatch { noun: "key", found: 2 })));
    assert_eq!(folder.actions(), ["create provider p", "create key a", "update key a"]);
    let gone = folder.edit(|edit| edit.delete::<Key>(KeyId(99), None));
    assert!(matches!(gone, Err(StoreError::NotFound { noun: "key", id: 99 })));
}

#[test]
fn one_provider_is_the_default() {
    let folder = Folder::new();
    let named = |name| Provider { is_default: true, ..provider(name) };
    folder.edit(move |edit| edit.create(named("a"))).unwrap();
    folder.edit(move |edit| edit.create(named("b"))).unwrap();
    let catalog = folder.store().catalog();
    let defaults: Vec<&str> = catalog.all::<Provider>().filter(|p| p.value.is_default).map(|p| &*p.value.name).collect();
    assert_eq!(defaults, ["b"]);
    assert_eq!(folder.actions(), ["create provider a", "create provider b", "update provider a"]);
}

#[test]
fn a_provider_goes_and_comes_back_with_its_keys() {
    let mut folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    let m = folder.edit(move |edit| edit.create(model("m", p))).unwrap().value.id;
    folder.edit(move |edit| edit.create(key(p, "a", "sk-a"))).unwrap();
    let error = folder.edit(move |edit| edit.delete::<Provider>(p, None)).unwrap_err();
    assert_eq!(error.to_string(), "the model route m leads to it: change or delete them first");
    folder.edit(move |edit| edit.delete::<Model>(m, None)).unwrap();
    folder.edit(move |edit| edit.delete::<Provider>(p, None)).unwrap();
    folder.reopen();
    assert!(folder.store().catalog().is_empty());
    folder.edit(move |edit| edit.restore::<Provider>(p)).unwrap();
    assert_eq!(folder.store().catalog().all::<Key>().len(), 1);
}

#[tokio::test]
async fn a_deleted_row_is_forgotten_after_a_day() {
    let folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    folder.edit(move |edit| edit.delete::<Provider>(p, None)).unwrap();
    folder.store().forget_deleted(NOW + 23 * 3_600_000).await.unwrap();
    folder.edit(move |edit| edit.restore::<Provider>(p)).unwrap();
    folder.edit(move |edit| edit.delete::<Provider>(p, None)).unwrap();
    folder.store().forget_deleted(NOW + 25 * 3_600_000).await.unwrap();
    assert!(matches!(folder.edit(move |edit| edit.restore::<Provider>(p)), Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn states_of_keys_survive() {
    let mut folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    folder.edit(move |edit| edit.create(key(p, "a", "sk-a"))).unwrap();
    let saved = |key, state: &str| SavedState { key: KeyId(key), state: state.into() };
    folder.store().save_key_states(vec![saved(1, "{}"), saved(7, "{}")], NOW).await.unwrap();
    folder.store().save_key_states(vec![saved(1, r#"{"a":1}"#)], NOW).await.unwrap();
    folder.reopen();
    assert_eq!(folder.store().load_key_states().unwrap(), [saved(1, r#"{"a":1}"#)]);
}

#[test]
fn nothing_changes_the_audit_log() {
    let folder = Folder::new();
    folder.edit(|edit| edit.create(provider("p"))).unwrap();
    for sql in ["DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"] {
        let attempt =
            folder.store().database.writer().call_blocking(move |connection| Ok::<_, StoreError>(connection.execute(sql, ())?));
        assert!(attempt.unwrap_err().to_string().contains("append-only"), "{sql}");
    }
    assert_eq!(folder.actions(), ["create provider p"]);
}
