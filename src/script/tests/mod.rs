//! Tests of the room through the door that the data plane uses.

mod answers;
mod hostile;
mod loading;
mod reload;
mod values;
mod verdicts;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::load::Loader;
use super::runtime::{KvStore, LogSink, Surroundings, Time};
use super::stats::HookStats;
use super::*;
use crate::clock::{Clock, Entropy};
use crate::domain::{CallId, Client, ClientId, Key, KeyFacts, KeyId, ProviderId};

fn loader(limits: ScriptLimits) -> Loader {
    let around = Surroundings {
        clock: Clock::start(),
        time: Time::Real,
        entropy: Entropy::from_seed(1),
        kv: Arc::new(KvStore::new(limits.kv_entries, limits.kv_bytes)),
        log: LogSink::capture(),
        estimate: |path, body| (path.len() + body.len()) as u64,
    };
    Loader { limits, config: LoadConfig::default(), around: Arc::new(around), stats: Arc::new(HookStats::default()) }
}

fn report(files: &[(&str, &str)]) -> LoadReport {
    let sources = files.iter().fold(Sources::default(), |sources, (name, text)| sources.with(name, text));
    loader(ScriptLimits { wall_ms: 2_000, ..ScriptLimits::default() }).load(sources)
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    report(files).problems.iter().map(ToString::to_string).collect()
}

fn set_of(files: &[(&str, &str)]) -> ScriptSet {
    let report = report(files);
    assert!(report.errors().next().is_none(), "{:?}", report.problems);
    report.set.unwrap()
}

/// A set of one script.
fn set(text: &str) -> ScriptSet {
    set_of(&[("a.rhai", text)])
}

fn client() -> Client {
    Client { id: ClientId(7), tags: vec!["beta".into(), "eu".into()], ..Client::new("my-app", [0; 32], "") }
}

fn request(body: &str) -> ScriptRequest {
    let headers: HeaderMap = [("x-team", "a"), ("authorization", "Bearer kw-secret")]
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .into_iter()
        .collect();
    ScriptRequest::new(RequestParts {
        id: CallId::new(1_764_064_800_123, [7; 10]),
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        model: Some("fast".into()),
        stream: false,
        client: Some(Arc::new(client())),
        client_ip: Some("::ffff:203.0.113.9".parse().unwrap()),
        headers: Arc::new(headers),
        body: Bytes::copy_from_slice(body.as_bytes()),
        estimated_tokens: 1_234,
        body_values: 10_000,
    })
}

fn candidate(id: i64, tags: &[&str], facts: KeyFacts) -> Candidate {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let key = Key { id: KeyId(id), tags, ..Key::new(ProviderId(1), format!("key-{id}"), "sk-very-secret") };
    Candidate { key: Arc::new(key), provider: "openai".into(), facts }
}

/// A pool in memory.
struct Pool(Vec<Candidate>);

impl Candidates for Pool {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.0.get(position).cloned()
    }

    fn contains(&self, key: KeyId) -> bool {
        self.0.iter().any(|candidate| candidate.key.id == key)
    }

    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates> {
        Arc::new(Pool(self.0.iter().filter(|one| one.key.tags.iter().any(|own| own == tag)).cloned().collect()))
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        self.0.iter().min_by_key(|one| one.facts.in_flight).cloned()
    }

    fn fastest(&self) -> Option<Candidate> {
        self.0.iter().min_by(|one, other| one.facts.ewma_ms.unwrap().total_cmp(&other.facts.ewma_ms.unwrap())).cloned()
    }

    fn next(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        among.last().cloned()
    }
}

fn pool() -> Arc<dyn Candidates> {
    let key = |id: i64, tags: &[&str], in_flight, ewma_ms| {
        candidate(id, tags, KeyFacts { in_flight, ewma_ms: Some(ewma_ms), failures: (id == 3) as u64, ..KeyFacts::default() })
    };
    Arc::new(Pool(vec![key(1, &["paid"], 5, 300.0), key(2, &["free"], 1, 100.0), key(3, &["paid", "eu"], 2, 200.0)]))
}
