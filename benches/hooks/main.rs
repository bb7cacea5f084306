//! What a hook costs by itself, by Criterion: `cargo bench --bench hooks`. Keys are those of a real rotator, through the view that
//! `select_key` gets in a call.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use http::HeaderMap;
use keywheel::clock::Clock;
use keywheel::domain::{
    AuthScheme, BaseUrl, CallId, Client, ClientId, Key, KeyId, Provider, ProviderId, Snapshot, SnapshotParts, Strategy, Target,
};
use keywheel::proxy;
use keywheel::rotator::{PickRequest, Rotator};
use keywheel::script::{LoadConfig, RequestParts, ScriptLimits, ScriptRequest, Scripts, ScriptsOptions};

const PROVIDER: ProviderId = ProviderId(1);

const EMPTY: &str = "fn on_request(req) { }";

const THREE_IFS: &str = r#"
fn on_request(req) {
    if req.model == "blocked" { return reject(403, "blocked", "no"); }
    if req.stream { return reject(403, "stream", "no"); }
    if req.estimated_tokens > 100000 { return reject(413, "long", "no"); }
}"#;

const FILTER: &str = r#"
const BLOCKED = ["evil", "mallory"];
fn on_request(req) {
    if req.client.name in BLOCKED { return reject(403, "blocked", "no"); }
    if req.client.tags.contains("trial") && req.estimated_tokens > 2000 { return reject(413, "long", "no"); }
    if req.body.max_tokens > 4096 { req.body.max_tokens = 4096; }
}"#;

const SELECT: &str = r#"fn select_key(req, keys, attempt) { keys.with_tag("paid").least_in_flight() }"#;

const SELECT_LOOP: &str = r#"
fn select_key(req, keys, attempt) {
    let best = ();
    for key in keys {
        if "paid" in key.tags && key.failures == 0 && (best == () || key.in_flight < best.in_flight) { best = key; }
    }
    best
}"#;

const BODY: &str = r#"{"model":"fast","max_tokens":100,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"What is the capital of France, and why was it chosen? Answer in two sentences."}],"temperature":0.2,"stream":false}"#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("a request object alone", |bencher| bencher.iter(|| black_box(ScriptRequest::new(parts(BODY)))));
    let long = BODY.replace("What is", &"lorem ipsum ".repeat(3_000));
    for (name, script, body) in [
        ("on_request, empty", EMPTY, BODY),
        ("on_request, three conditions", THREE_IFS, BODY),
        ("on_request, a filter that reads the body", FILTER, BODY),
        ("on_request, a filter that reads a body of 36 KB", FILTER, &long),
    ] {
        let set = load(script).current();
        let parts = parts(body);
        let request = || ScriptRequest::new(parts.clone());
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched_ref(request, |request| black_box(set.on_request(request)), BatchSize::SmallInput);
        });
    }
    for (name, script, size) in [
        ("select_key, with_tag().least_in_flight() over 10 keys", SELECT, 10),
        ("select_key, with_tag().least_in_flight() over 100,000 keys", SELECT, 100_000),
        ("select_key, a loop over 10 keys", SELECT_LOOP, 10),
    ] {
        let (set, pool) = (load(script).current(), Pool::of(size));
        let request = ScriptRequest::new(parts(BODY));
        criterion.bench_function(name, |bencher| bencher.iter(|| assert!(set.select_key(&request, pool.view(), 1).is_some())));
    }
    criterion.final_summary();
}

fn load(script: &str) -> Arc<Scripts> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.rhai"), script).expect("a script");
    let options = ScriptsOptions {
        folder: Some(folder.path().to_owned()),
        limits: ScriptLimits::default(),
        clock: Clock::start(),
        config: Box::new(LoadConfig::default),
        estimate: keywheel::proxy::estimate_request,
    };
    Scripts::load(options).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn parts(body: &str) -> RequestParts {
    let client = Client { id: ClientId(7), tags: vec!["beta".into(), "eu".into()], ..Client::new("my-app", [0; 32], "") };
    RequestParts {
        id: CallId::new(1_764_064_800_123, [7; 10]),
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        model: Some("fast".into()),
        stream: false,
        client: Some(Arc::new(client)),
        client_ip: None,
        headers: Arc::new(HeaderMap::new()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        estimated_tokens: 1_234,
        body_values: 10_000,
    }
}

/// A rotator of one provider, every other key of which bears the tag `paid`.
struct Pool {
    rotator: Arc<Rotator>,
    clock: Clock,
}

impl Pool {
    fn of(size: i64) -> Self {
        let base_url = BaseUrl::parse("https://provider.example/v1", false).expect("an address");
        let provider =
            Provider { id: PROVIDER, is_default: true, ..Provider::new("openai".to_owned(), base_url, AuthScheme::Bearer) };
        let tags = |id: i64| if id % 2 == 0 { vec!["paid".to_owned()] } else { Vec::new() };
        let keys = (1..=size).map(|id| {
            let key = Key::new(PROVIDER, format!("key-{id}"), format!("sk-bench-{id:032}"));
            Arc::new(Key { id: KeyId(id), tags: tags(id), ..key })
        });
        let parts = SnapshotParts { providers: vec![Arc::new(provider)], keys: keys.collect(), ..SnapshotParts::default() };
        let (rotator, clock) = (Rotator::new(7), Clock::start());
        rotator.apply(&Snapshot::new(parts), clock.now());
        Pool { rotator, clock }
    }

    /// What a call hands to the hook.
    fn view(&self) -> Arc<dyn keywheel::script::Candidates> {
        let targets = [Target { provider: PROVIDER, model: "gpt-4o-mini".into(), tier: 1, weight: 1 }];
        let request = PickRequest::new(&targets, Strategy::RoundRobin);
        proxy::candidates(self.rotator.candidates(&request, self.clock.now()))
    }
}
