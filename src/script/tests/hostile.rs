//! Scripts that mean harm, or come from a bad day: each is stopped soon, and what comes after works.

use std::time::Duration;

use super::*;

#[path = "../../../tests/integration/hostile_scripts.rs"]
mod scripts;

/// How much of the processor's time a hostile script may take; a build without optimisation is slower at each step.
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 300 } else { 50 });

fn hostile_request() -> ScriptRequest {
    let messages = vec![r#"{"role":"user","content":"hi"}"#; 200].join(",");
    request(&format!(r#"{{"model":"fast","messages":[{messages}]}}"#))
}

fn set_under_limits(text: &str) -> ScriptSet {
    let report = loader(ScriptLimits::default()).load(Sources::default().with("a.rhai", text));
    report.set.unwrap_or_else(|| panic!("{text}: {:?}", report.problems))
}

#[test]
fn every_hostile_script_is_stopped_soon() {
    let clock = Clock::start();
    for (what, body) in scripts::BODIES {
        let set = set_under_limits(&format!("{}fn on_request(req) {{ {body} }}", scripts::HELPERS));
        // The machine may be busy with something else, so what counts is the processor's time, and the best of three.
        let took = (0..3).map(|_| {
            let (req, before) = (hostile_request(), clock.thread_micros());
            assert!(set.on_request(&req).is_err(), "{what} was not stopped");
            Duration::from_micros(clock.thread_micros() - before)
        });
        let best = took.min().unwrap_or_default();
        assert!(best < SOON, "{what} took {best:?}");
    }
}

/// A pool of 100,000 keys that finds one tag by an index, as the rotator does.
struct BigPool {
    keys: Arc<[Candidate]>,
    is_tagged: bool,
}

impl Candidates for BigPool {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.keys.get(position).cloned()
    }

    fn contains(&self, key: KeyId) -> bool {
        self.keys.iter().any(|candidate| candidate.key.id == key)
    }

    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates> {
        let of = BigPool { keys: self.keys.clone(), is_tagged: true };
        if self.is_tagged { tagged(Arc::new(of), tag) } else { Arc::new(of) }
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn fastest(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn next(&self) -> Option<Candidate> {
        self.get(0)
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        among.iter().min_by_key(|found| found.facts.in_flight).cloned()
    }
}

fn run(set: &ScriptSet, hook: Hook, keys: &Arc<[Candidate]>) {
    let req = hostile_request();
    let body = Bytes::from_static(br#"{"choices":[{"message":{"content":"hi"}}]}"#);
    match hook {
        Hook::OnRequest => drop(set.on_request(&req)),
        Hook::Route => drop(set.route(&req)),
        Hook::SelectKey => drop(set.select_key(&req, Arc::new(BigPool { keys: keys.clone(), is_tagged: false }), 1)),
        Hook::OnUpstreamRequest => {
            let up = Upstream::new(UpstreamParts {
                provider: "openai".into(),
                model: Some("fast".into()),
                path: "/chat/completions".into(),
                headers: Arc::default(),
                body: Bytes::from_static(br#"{"messages":[{"role":"user","content":"hi"}]}"#),
                body_values: 10_000,
            });
            drop(set.on_upstream_request(&req, &up, &keys[0], 1));
        }
        Hook::ClassifyError => drop(set.classify_error(&req, &AttemptError::new(Default::default()), &keys[0], 1)),
        Hook::OnResponse => {
            let parts = ResponseParts { status: 200, headers: Arc::default(), body: Some(body), body_values: 10_000 };
            drop(set.on_response(&req, &Response::new(parts)));
        }
        Hook::OnChunk => drop(set.on_chunk(&req, &ChunkEvent::new(None, 0, body, 10_000))),
        Hook::OnComplete => set.on_complete(&mut Default::default()),
        Hook::OnKeyEvent => {
            let (at_ms, provider, kind) = (1, ProviderId(1), crate::domain::KeyEventKind::Active);
            let event = crate::domain::KeyEvent { at_ms, provider, key: None, kind, reason: String::new() };
            set.on_key_event(&event, "openai", None);
        }
    }
}

#[test]
fn every_hostile_script_is_stopped_soon_in_any_hook() {
    let clock = Clock::start();
    let keys: Arc<[Candidate]> = (0..100_000).map(|id| candidate(id, &["paid"], KeyFacts::default())).collect();
    for (what, name, body) in scripts::IN_OTHER_HOOKS {
        let hook = Hook::by_name(name).unwrap();
        let set = set_under_limits(&format!("fn {name}({}) {{ {body} }}", hook.parameters().join(", ")));
        let took = (0..3).map(|_| {
            let before = clock.thread_micros();
            run(&set, hook, &keys);
            Duration::from_micros(clock.thread_micros() - before)
        });
        let best = took.min().unwrap_or_default();
        let report = set.reports().into_iter().find(|report| report.hook == name).unwrap();
        assert_eq!((report.calls, report.failures), (3, 3), "{what} in {name} was not stopped");
        assert!(best < SOON, "{what} in {name} took {best:?}");
    }
}

#[test]
fn deep_expressions_in_deep_calls_fit_the_stack() {
    let nested = format!("{}f(x + 1){}", "(1 + ".repeat(20), ")".repeat(20));
    let blocks = format!("{}return f(x + 1);{}", "if x > 0 { ".repeat(14), " }".repeat(14));
    let array = format!("{}f(x + 1){}", "[".repeat(20), "]".repeat(20));
    for body in [nested, blocks, array] {
        let set = set_under_limits(&format!("fn f(x) {{ {body} }} fn on_request(req) {{ f(1) }}"));
        assert_eq!(set.on_request(&request("{}")).unwrap_err().kind, FailureKind::Size);
    }
    let too_deep = format!("fn on_request(req) {{ {}1{} }}", "(1 + ".repeat(2_000), ")".repeat(2_000));
    assert!(problems(&[("a.rhai", &too_deep)])[0].contains("xpression"), "{:?}", problems(&[("a.rhai", &too_deep)]));
}
