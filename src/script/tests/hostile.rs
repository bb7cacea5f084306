//! Scripts that mean harm, or come from a bad day: each is stopped soon, and what comes after works.

use std::time::{Duration, Instant};

use super::*;

/// How long a hostile script may hold its thread.
const SOON: Duration = Duration::from_millis(50);

/// Bodies of `on_request`, each of which must fail.
const HOSTILE: [(&str, &str); 48] = [
    ("an empty loop", "loop { }"),
    ("a loop that counts", "let n = 0; while true { n += 1; }"),
    ("a loop over a range", "for n in 0..9000000000000000000 { let x = n; }"),
    ("a loop over a stepped range", "for n in range(0, 9000000000000000000, 1) { let x = n * n; }"),
    ("loops in loops", "for a in 0..10000 { for b in 0..10000 { for c in 0..10000 { let x = a + b + c; } } }"),
    ("a do loop", "do { } while true;"),
    ("a loop that catches", "loop { try { throw 1; } catch { } }"),
    ("a loop that catches its end", "loop { try { loop { } } catch(e) { } }"),
    ("recursion", "fn f(x) { f(x + 1) + 1 } f(1)"),
    ("mutual recursion", "a(1)"),
    ("recursion through closures", "let f = |f, x| f.call(f, x + 1); f.call(f, 1)"),
    ("recursion by name", "Fn(\"a\").call(1)"),
    ("doubling strings", "let s = \"x\"; loop { s += s; }"),
    ("doubling strings, caught", "let s = \"x\"; loop { try { s += s; } catch { } }"),
    ("long padding", "let s = \"x\"; s.pad(9000000000, \"y\"); s.len()"),
    ("replacing by more", "let s = \"a\"; s.pad(1000000, \"a\"); s.replace(\"a\", s);"),
    ("replacing in between", "let s = \"a\"; s.pad(1000000, \"a\"); s.replace(\"\", s);"),
    ("splitting into letters", "let s = \"a\"; s.pad(2000000, \"a\"); loop { s.split(\"\"); }"),
    ("letters of a long text", "let s = \"a\"; s.pad(2000000, \"a\"); loop { s.to_chars(); }"),
    ("growing by interpolation", "let s = \"x\"; loop { s = `${s}${s}`; }"),
    ("scanning a long text", "let s = \"a\"; s.pad(2000000, \"a\"); loop { s.contains(\"b\"); }"),
    ("copying a long text", "let s = \"a\"; s.pad(2000000, \"a\"); loop { let t = s + \"b\"; }"),
    ("upper and lower", "let s = \"a\"; s.pad(2000000, \"a\"); loop { s.to_upper(); }"),
    ("doubling arrays", "let a = [1]; loop { a += a; }"),
    ("an array of arrays", "let a = [1]; loop { a = [a, a]; }"),
    ("an array in an array", "let a = []; loop { a = [a]; }"),
    ("a map in a map", "let m = #{}; loop { m = #{m: m}; }"),
    ("padding an array", "let a = []; a.pad(10000000, 1); a.len()"),
    ("many members", "let m = #{}; for n in 0..10000000 { m[`k${n}`] = n; }"),
    ("sorting a million texts", "let a = []; for n in 0..1000000 { a.push(`${1000000 - n}`); } a.sort(); a.len()"),
    ("sorting with a loop inside", "let a = []; a.pad(5000, 1); a.sort(|a, b| { loop { } });"),
    ("sorting, badly", "let a = []; for n in 0..5000 { a.push(n); } loop { a.sort(|a, b| 1); }"),
    ("loops inside functions of arrays", "let a = [1, 2]; a.map(|x| { loop { } });"),
    ("a reduction that grows", "let a = []; a.pad(1000, \"xxxxxxxx\"); loop { a.reduce(|sum, x| sum + x, \"\"); }"),
    ("values that hold themselves", "let a = [1]; let f = || a; a.push(f); loop { a.push(a); }"),
    ("a slow pattern", "let s = \"\"; s.pad(200000, \"01\"); loop { regex_is_match(s, `[01]*1[01]{200}x`); }"),
    ("a nested pattern", "let s = \"\"; s.pad(200000, \"a\"); loop { regex_is_match(s, `(a+)+$b`); }"),
    ("ever new patterns", "for n in 0..1000000 { regex_is_match(\"a\", `\\w{${n % 200}}x${n}`); }"),
    ("replacing every letter", "let s = \"\"; s.pad(1000000, \"a\"); loop { regex_replace(s, `a`, s); }"),
    ("filling the store", "let v = \"\"; v.pad(60000, \"x\"); for n in 0..1000000 { kv_set(`${n}`, v, 60); }"),
    ("logging a lot", "let v = \"\"; v.pad(60000, \"x\"); loop { log_info(v); print(v); debug(v); }"),
    ("deep JSON", "let s = \"\"; s.pad(200000, \"[\"); loop { parse_json(s); }"),
    ("changing what is walked over", "let a = [1, 2]; loop { a.for_each(|x| a.push(x)); }"),
    ("changing what is walked over, caught", "let a = [1, 2]; loop { try { a.for_each(|x| a.push(x)); } catch { } }"),
    ("sharing with itself", "let a = #{}; let f = |x| a; a.f = f; loop { f.call(1); a.g = a.f; }"),
    ("calling by names", "let f = Fn(\"sle\" + \"ep\"); f.call(10)"),
    ("growing the body", "loop { req.body.messages.push(req.body); }"),
    ("walking the body for ever", "loop { for m in req.body.messages { for p in m { m[p]; } } }"),
];

const HELPERS: &str = "fn a(x) { b(x) } fn b(x) { a(x) }";

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
    for (what, body) in HOSTILE {
        let text = match body.strip_prefix("fn f(x)") {
            Some(_) => "fn f(x) { f(x + 1) + 1 } fn on_request(req) { f(1) }".to_owned(),
            None => format!("{HELPERS} fn on_request(req) {{ {body} }}"),
        };
        let set = set_under_limits(&text);
        // The machine may be busy with something else: the best of three counts.
        let took = (0..3).map(|_| {
            let (req, began) = (hostile_request(), Instant::now());
            assert!(set.on_request(&req).is_err(), "{what} was not stopped");
            began.elapsed()
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
