//! What a hook costs by itself: `cargo bench --bench hooks`.
//!
//! Prints nanoseconds for one run of each hook, the median of many batches. The pool of 100,000 keys answers as the rotator does:
//! by tag and load from an index, without a scan.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use keywheel::clock::Clock;
use keywheel::domain::{CallId, Client, ClientId, Key, KeyFacts, KeyId, ProviderId};
use keywheel::script::{
    Candidate, Candidates, LoadConfig, RequestParts, ScriptLimits, ScriptRequest, ScriptSet, Scripts, ScriptsOptions,
};

/// Runs of a hook in one batch.
const BATCH: u32 = 2_000;
/// Batches.
const BATCHES: usize = 60;

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
    let wanted = std::env::args().nth(1).filter(|argument| !argument.starts_with("--"));
    let on_request = |set: &ScriptSet| {
        let parts = parts(BODY);
        time(|| drop(set.on_request(&ScriptRequest::new(parts.clone()))))
    };
    let select = |set: &ScriptSet, pool: Arc<dyn Candidates>| {
        let req = ScriptRequest::new(parts(BODY));
        time(|| assert!(set.select_key(&req, pool.clone(), 1).is_some()))
    };
    let long = BODY.replace("What is", &"lorem ipsum ".repeat(3_000));
    type Measure<'m> = Box<dyn Fn(&ScriptSet) -> u128 + 'm>;
    let cases: [(&str, &str, Measure<'_>); 8] = [
        ("a request object alone", EMPTY, Box::new(|_| time(|| drop(ScriptRequest::new(parts(BODY)))))),
        ("on_request, empty", EMPTY, Box::new(on_request)),
        ("on_request, three ifs", THREE_IFS, Box::new(on_request)),
        ("on_request, filter that reads the body", FILTER, Box::new(on_request)),
        (
            "the same, 36 KB body",
            FILTER,
            Box::new(|set| {
                let parts = parts(&long);
                time(|| drop(set.on_request(&ScriptRequest::new(parts.clone()))))
            }),
        ),
        ("select_key, with_tag().least_in_flight(), 10 keys", SELECT, Box::new(|set| select(set, Indexed::pool(10)))),
        ("select_key, with_tag().least_in_flight(), 100,000 keys", SELECT, Box::new(|set| select(set, Indexed::pool(100_000)))),
        ("select_key, a loop over 10 keys", SELECT_LOOP, Box::new(|set| select(set, Indexed::pool(10)))),
    ];
    for (name, script, measure) in cases {
        if wanted.as_deref().is_none_or(|wanted| name.contains(wanted)) {
            println!("{:>8} ns  {name}", measure(&load(script).current()));
        }
    }
}

fn time(mut run: impl FnMut()) -> u128 {
    let mut batches: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            (0..BATCH).for_each(|_| run());
            began.elapsed().as_nanos() / u128::from(BATCH)
        })
        .collect();
    batches.sort_unstable();
    batches[BATCHES / 2]
}

fn load(script: &str) -> Arc<Scripts> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("a.rhai"), script).expect("a script");
    let options = ScriptsOptions {
        folder: Some(folder.path().to_owned()),
        limits: ScriptLimits::default(),
        clock: Clock::start(),
        config: Box::new(LoadConfig::default),
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

/// Keys with what an index over them would answer.
struct Indexed {
    keys: Vec<Candidate>,
    paid: Option<Arc<Indexed>>,
    least: usize,
}

impl Indexed {
    fn pool(len: usize) -> Arc<dyn Candidates> {
        let tags = |at: usize| if at.is_multiple_of(2) { vec!["paid".to_owned()] } else { Vec::new() };
        let key = |at: usize| Key { id: KeyId(at as i64), tags: tags(at), ..Key::new(ProviderId(1), format!("key-{at}"), "") };
        let facts = |at: usize| KeyFacts { in_flight: (at % 7) as u64, ..KeyFacts::default() };
        let all: Vec<_> =
            (0..len).map(|at| Candidate { key: Arc::new(key(at)), provider: "openai".into(), facts: facts(at) }).collect();
        let paid = all.iter().step_by(2).cloned().collect();
        let paid = Arc::new(Indexed { keys: paid, paid: None, least: len / 4 });
        Arc::new(Indexed { keys: all, paid: Some(paid), least: 0 })
    }
}

impl Candidates for Indexed {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.keys.get(position).cloned()
    }

    fn contains(&self, key: KeyId) -> bool {
        (key.0 as usize) < self.keys.len() * 2
    }

    fn with_tag(&self, _tag: &str) -> Arc<dyn Candidates> {
        self.paid.clone().unwrap_or_else(|| Arc::new(Indexed { keys: Vec::new(), paid: None, least: 0 }))
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        self.get(self.least)
    }

    fn fastest(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn next(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        among.first().cloned()
    }
}
