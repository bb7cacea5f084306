//! Compiling, `on_load`, tests, imports and constants.

use super::*;

fn problem(text: &str) -> String {
    let found = problems(&[("a.rhai", text)]);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.into_iter().next().unwrap()
}

fn assert_problem(text: &str, part: &str) {
    let found = problem(text);
    assert!(found.contains(part), "{found}");
}

#[test]
fn a_mistake_is_named_with_its_place() {
    assert_eq!(problem("fn on_request(req) {\n  let x = ;\n}"), "a.rhai:2:11: Unexpected ';'");
    assert_problem("fn on_request(req) {\n  sleep(10);\n}", "a.rhai:2:3: `sleep` is not available");
    assert_problem("fn on_request(req) { 10.sleep() }", "`sleep` is not available");
    assert_problem("fn on_request(req) {\n  eval(\"1\") }", "a.rhai:2:3: `eval` is not available");
    assert_eq!(problem("\n  fn on_request(a, b) {}"), "a.rhai:2:6: `on_request` takes (req), 1 parameter, not 2");
    assert_eq!(problem("fn select_key(keys) {}"), "a.rhai:1:4: `select_key` takes (req, keys, attempt), 3 parameters, not 1");
    assert_eq!(
        problem("fn on_requests(req) {}"),
        "a.rhai:1:4: there is no hook `on_requests`, so nothing calls it: did you mean `on_request`?"
    );
    assert_problem("let x = 1;\nfn on_request(req) { x }", "a.rhai:2:22: `x` is not defined here");
    assert_problem("throw 5;", "a.rhai:1:1: the script threw (value: 5)");
    assert_problem("let a = 1 / 0;", "a.rhai:1:11: Division by zero");
    assert_problem("const A = 1; fn on_request(A) {}", "has the name of a top-level constant");
    assert_problem("const A = 1; fn on_request(req) { global::A }", "write the constant's plain name");
    assert_problem("fn on_load() {}", "`on_load` takes (config)");
    assert_problem("fn test_a(x) {}", "does not run as a test");
}

#[test]
fn every_file_is_looked_at() {
    let found = problems(&[
        ("a.rhai", "fn x( {"),
        ("b.rhai", "let = 2;"),
        ("lib/c.rhai", "fn y( }"),
        ("d.rhai", "fn on_request(req) {}"),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    let shown = report(&[("a.rhai", "fn on_request(req) {\n\tlet x = ;\n}")]).problems.remove(0);
    assert_eq!(shown.source.as_deref(), Some(" let x = ;"));
}

#[test]
fn constants_are_seen_in_functions() {
    let set = set(r#"
        const LIMIT = 10; const NAMES = ["my-app", "x"]; const RULES = #{"fast": #{to: "smart"}};
        const SUM = LIMIT * 2 + NAMES.len();
        fn inner() { LIMIT + SUM }
        fn on_request(req) {
            let LOCAL = 1;
            if req.client.name in NAMES && NAMES.contains("x") && RULES[req.model].to == "smart" && RULES.fast.to == "smart" {
                reject(400, "sum", `${inner() + LOCAL}`)
            }
        }"#);
    let decided = set.on_request(&request("{}"));
    assert!(matches!(decided, Ok(RequestDecision::Reject(Rejection { ref message, .. })) if message == "33"), "{decided:?}");
}

#[test]
fn the_top_level_runs_once() {
    let set = set("const N = kv_incr(\"top\", 60);\nfn on_request(req) { throw [kv_get(\"top\"), N]; }");
    for _ in 0..3 {
        assert_eq!(set.on_request(&request("{}")).unwrap_err().value.as_deref(), Some("[1,1]"));
    }
}

#[test]
fn imports_stay_inside_the_folder() {
    let lib = "import \"lib/base\" as base;\nconst TAX = 2; fn twice(x) { x * TAX } fn deep(x) { base::add(twice(x)) }";
    let set = set_of(&[
        (
            "a.rhai",
            "import \"lib/util\" as util;\nfn on_request(req) { helper() }\nfn helper() { throw [util::twice(4), util::deep(4)]; }",
        ),
        ("lib/util.rhai", lib),
        ("lib/base.rhai", "fn add(x) { x + 1 }"),
    ]);
    assert_eq!(set.on_request(&request("{}")).unwrap_err().value.as_deref(), Some("[8,9]"));
    let inside = set_of(&[
        ("a.rhai", "fn on_request(req) { import \"lib/base\" as base; throw base::add(1); }"),
        ("lib/base.rhai", "fn add(x) { x + 1 }"),
    ]);
    assert_eq!(inside.on_request(&request("{}")).unwrap_err().value.as_deref(), Some("2"));
    for bad in ["/etc/passwd", "../secret", "lib/../../x", "http://x", "file:///etc/passwd"] {
        let found = problem(&format!("\nimport \"{bad}\" as x;"));
        assert!(found.starts_with("a.rhai:2:8: `import` takes the name of a script inside the folder"), "{found}");
        let found = problem(&format!("fn on_request(req) {{ import \"{bad}\" as x; }}"));
        assert!(found.contains("inside the folder"), "{found}");
    }
    assert_problem("import \"missing\" as x;", "there is no script `missing.rhai` in the folder");
    assert_problem("fn on_request(req) { import req.model as x; }", "`import` needs a fixed name");
    let circle = problems(&[
        ("a.rhai", "import \"lib/b\" as b;"),
        ("lib/b.rhai", "import \"lib/c\" as c;"),
        ("lib/c.rhai", "import \"lib/b\" as b;"),
    ]);
    assert!(
        circle.iter().any(|problem| problem.contains("imports itself: lib/b.rhai -> lib/c.rhai -> lib/b.rhai")),
        "{circle:?}"
    );
}

#[test]
fn a_failure_in_a_module_is_placed_there() {
    let files = [
        ("a.rhai", "import \"lib/u\" as u;\nfn on_request(req) {\n u::f(req) }"),
        ("lib/u.rhai", "fn f(req) {\n  req.nothing.more\n}"),
    ];
    let failure = set_of(&files).on_request(&request("{}")).unwrap_err();
    assert_eq!((failure.place.script.as_str(), failure.place.line), ("lib/u.rhai", 2), "{failure}");
    let found = problems(&[("a.rhai", "import \"lib/u\" as u;"), ("lib/u.rhai", "fn f() {\n  sleep(1) }")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("lib/u.rhai:2:3: `sleep`"), "{found:?}");
}

#[test]
fn on_load_can_refuse() {
    let text = "fn on_load(config) { if !config.models.contains(\"smart\") { throw \"there is no model `smart`\"; } }";
    assert_eq!(problem(text), "a.rhai:1:60: there is no model `smart`");
    let mut loader = loader(ScriptLimits::default());
    loader.config.models = vec!["smart".into()];
    assert!(loader.load(Sources::default().with("a.rhai", text)).set.is_some());
}

#[test]
fn tests_decide_over_the_set() {
    let text = r#"
        fn on_request(req) { if req.body.secret != () { reject(403, "secret", "no") } else { req.tags.push("seen"); } }
        fn select_key(req, keys, attempt) { keys.with_tag("paid").least_in_flight() }
        fn on_upstream_request(up, key, attempt) { up.body.user = key.name; }
        fn classify_error(err, key, attempt) { if err.status == 418 { #{retry: "next"} } }
        fn on_response(req, resp) { resp.status = 201; }
        fn on_chunk(req, event) { if event.data == () { false } }

        fn test_secret() {
            let answer = on_request(mock_request(#{body: #{secret: 1}}));
            assert_eq([answer.status, answer.code, answer.message], [403, "secret", "no"]);
            let req = mock_request(#{model: "m", client: #{name: "n", tags: ["t"], ip: "10.0.0.1"}, headers: #{"x-a": "b"}});
            assert_eq(on_request(req), ());
            assert_eq([req.tags, req.client.ip, req.headers["x-a"], req.model], [["seen"], "10.0.0.1", "b", "m"]);
        }
        fn test_keys() {
            let keys = mock_keys([#{name: "a", tags: ["paid"], in_flight: 2}, #{name: "b", tags: ["paid"]}, #{name: "c"}]);
            assert_eq(select_key(mock_request(#{}), keys, 1).name, "b");
        }
        fn test_others() {
            let up = mock_upstream(#{body: #{model: "x"}});
            on_upstream_request(up, mock_keys([#{name: "k"}])[0], 1);
            assert_eq(up.body, #{model: "x", user: "k"});
            assert_eq(classify_error(mock_error(#{status: 418}), mock_keys([#{}])[0], 1).retry, "next");
            let resp = mock_response(#{status: 200, body: "{}"});
            on_response(mock_request(#{}), resp);
            assert_eq(resp.status, 201);
            assert_eq(on_chunk(mock_request(#{}), mock_event(#{body: "[DONE]"})), false);
            mock_now(1764064800000);
            assert_eq([now_ms(), local_time("UTC").hour, local_time("Asia/Kathmandu").minute], [1764064800000, 10, 45]);
        }
    "#;
    let passed = report(&[("a.rhai", text)]);
    assert_eq!(passed.problems, []);
    assert_eq!(passed.tests.iter().map(|test| (test.name.as_str(), test.passed)).collect::<Vec<_>>().len(), 3);

    let failing = format!("{text}\nfn test_wrong() {{\n  log_info(\"about to fail\");\n  assert_eq(1 + 1, 3);\n}}");
    let failed = report(&[("a.rhai", &failing)]);
    assert!(failed.set.is_none());
    let shown = failed.problems[0].to_string();
    assert!(shown.contains("test_wrong: assertion failed: expected 3 (value: 2)"), "{shown}");
    let wrong = failed.tests.iter().find(|test| !test.passed).unwrap();
    assert_eq!((wrong.name.as_str(), wrong.log[0].text.as_str()), ("test_wrong", "about to fail"));
}

#[test]
fn mocks_are_for_tests_and_know_their_members() {
    let set = set("fn on_request(req) { mock_request(#{}) }");
    assert!(set.on_request(&request("{}")).unwrap_err().message.contains("for `test_*` functions only"));
    assert_problem("fn test_a() { mock_request(#{modl: 1}); }", "knows no member `modl`");
    assert_problem("fn test_a() { mock_keys([#{weight: \"x\"}]); }", "`weight` of `mock_keys` must be a whole number");
    assert_problem("fn test_a() { mock_keys([5]); }", "takes an array of maps (value: 5)");
}

#[test]
fn a_test_touches_nothing_live() {
    let text = "fn on_request(req) { throw kv_get(\"t\"); }\nfn test_a() { kv_set(\"t\", 1, 60); assert_eq(kv_get(\"t\"), 1); }\nfn test_b() { assert_eq(kv_get(\"t\"), ()); }";
    assert_eq!(set(text).on_request(&request("{}")).unwrap_err().message, "the script threw");
}
