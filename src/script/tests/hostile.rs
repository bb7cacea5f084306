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
