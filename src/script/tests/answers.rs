//! What each hook may answer and change.

use super::*;

fn decide(text: &str) -> Result<RequestDecision, ScriptFailure> {
    set(text).on_request(&request(r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#))
}

fn failure(text: &str) -> String {
    decide(text).unwrap_err().to_string()
}

#[test]
fn on_request_continues_rejects_or_responds() {
    assert_eq!(decide("fn on_request(req) { }"), Ok(RequestDecision::Continue));
    let rejected = decide(r#"fn on_request(req) { if req.client.name == "my-app" { reject(403, "blocked", "Not today.") } }"#);
    let rejection = Rejection { status: 403, code: "blocked".into(), message: "Not today.".into() };
    assert_eq!(rejected, Ok(RequestDecision::Reject(rejection)));
    let answered = decide(r##"fn on_request(req) { respond(200, #{"x-a": "b"}, #{ok: true}) }"##);
    let Ok(RequestDecision::Respond(reply)) = answered else { panic!("{answered:?}") };
    assert_eq!((reply.status, reply.body.as_ref()), (200, &br#"{"ok":true}"#[..]));
}

#[test]
fn the_first_answer_wins_and_changes_add_up() {
    let set = set_of(&[
        ("10-a.rhai", r#"fn on_request(req) { req.tags.push("a"); req.headers["x-a"] = "1"; }"#),
        (
            "20-b.rhai",
            r#"fn on_request(req) { req.tags.push("b"); req.model = "smart"; reject(400, "b", req.tags.len().to_string()) }"#,
        ),
        ("30-c.rhai", r#"fn on_request(req) { req.tags.push("c"); }"#),
    ]);
    let req = request("{}");
    let decided = set.on_request(&req);
    assert!(matches!(decided, Ok(RequestDecision::Reject(Rejection { ref message, .. })) if message == "2"), "{decided:?}");
    assert_eq!(req.tags(), ["a", "b"]);
    assert_eq!(req.changed_model().as_deref(), Some("smart"));
    assert_eq!(req.header_edits().len(), 1);
}

#[test]
fn a_request_shows_what_it_is() {
    let checks = r#"
        fn on_request(req) {
            assert(req.id.len() == 36);
            assert_eq([req.method, req.path, req.model, req.stream], ["POST", "/v1/chat/completions", "fast", false]);
            assert_eq([req.client.id, req.client.name, req.client.ip, req.client.tags], [7, "my-app", "203.0.113.9", ["beta", "eu"]]);
            assert("eu" in req.client.tags && !("us" in req.client.tags) && req.client.tags.contains("beta"));
            assert_eq([req.client.tags.len, req.client.tags[0], req.client.tags[-1], req.client.tags[5]], [2, "beta", "eu", ()]);
            assert_eq([req.headers["X-Team"], req.headers.authorization, header(req.headers, "x-b", "none")], ["a", (), "none"]);
            assert("x-team" in req.headers);
            assert_eq(req.estimated_tokens, 1234);
            req.attributes.team = "a";
            assert_eq(req.attributes.team, "a");
            let seen = "";
            for tag in req.client.tags { seen += tag; }
            assert_eq(seen, "betaeu");
        }"#;
    assert_eq!(decide(checks), Ok(RequestDecision::Continue));
}

#[test]
fn a_failed_filter_closes_and_says_where() {
    assert_eq!(
        failure("fn on_request(req) {\n  let x = 1;\n  x.nonsense(2)\n}"),
        "on_request in a.rhai:3:5: there is no function `nonsense` for (i64, i64)"
    );
    assert_eq!(failure("fn on_request(req) { throw \"no\" }"), "on_request in a.rhai:1:22: no");
    assert_eq!(
        failure("fn on_request(req) {\n  throw #{message: \"bad tenant\", tenant: req.client.name}\n}"),
        r#"on_request in a.rhai:2:3: bad tenant (value: {"message":"bad tenant","tenant":"my-app"})"#
    );
    assert_eq!(
        failure("fn on_request(req) { 42 }"),
        "on_request in a.rhai:1:4: `on_request` answers `()`, `reject(…)` or `respond(…)`; what its last statement gives is its \
         answer, so end with `()` where that gives something else (value: 42)"
    );
    assert_eq!(
        failure("fn help(x) {\n  req_is_not_here(x)\n}\nfn on_request(req) { help(1) }"),
        "on_request in a.rhai:2:3: there is no function `req_is_not_here` for (i64)"
    );
    assert_eq!(failure("fn on_request(req) { assert(1 == 2, \"sums\") }"), "on_request in a.rhai:1:22: assertion failed: sums");
    assert!(failure("fn on_request(req) { req.model = 5; }").ends_with("must be the name of a model (value: 5)"));
    assert!(failure("fn on_request(req) { req.headers[\"authorization\"] = \"x\"; }").contains("set by Keywheel alone"));
    assert!(failure("fn on_request(req) { reject(200, \"a\", \"\") }").contains("400 to 599"));
}

#[test]
fn route_answers_with_a_map() {
    let set = set(r#"fn route(req) { #{model: "gpt-x", provider: "azure", tags: ["paid"], fallbacks: ["b", "c"]} }"#);
    let route = set.route(&request("{}")).unwrap();
    assert_eq!((route.model.as_deref(), route.provider.as_deref()), (Some("gpt-x"), Some("azure")));
    assert_eq!(
        (route.tags, route.fallbacks, &*route.script),
        (Some(vec!["paid".into()]), vec!["b".into(), "c".into()], "a.rhai:1")
    );
    let set = super::set(r#"fn route(req) { #{modell: "x"} }"#);
    let req = request("{}");
    assert_eq!(set.route(&req), None);
    assert_eq!(req.failures()[0].message, "the answer of `route` has no member `modell`");
    assert_eq!(req.failures()[0].kind, FailureKind::Answer);
}

fn select(text: &str) -> Option<Vec<i64>> {
    let req = request("{}");
    let selected = set(text).select_key(&req, pool(), 2);
    assert_eq!(req.failures(), [], "{text}");
    selected.map(|answer| answer.keys.into_iter().map(|key| key.0).collect())
}

#[test]
fn select_key_looks_at_a_view() {
    let cases = [
        ("()", None),
        ("keys.get(1)", Some(vec![2])),
        ("keys[-1]", Some(vec![3])),
        ("keys.get(9)", None),
        ("keys.least_in_flight()", Some(vec![2])),
        ("keys.fastest()", Some(vec![2])),
        ("keys.next()", Some(vec![1])),
        (r#"keys.with_tag("paid").least_in_flight()"#, Some(vec![3])),
        (r#"keys.with_tag("none").least_in_flight()"#, None),
        ("keys.filter(|k| k.in_flight > 1).fastest()", Some(vec![3])),
        ("keys.filter(|k| k.in_flight > 1).next()", Some(vec![3])),
        ("keys.filter(|k| k.in_flight > 1)", Some(vec![3])),
        ("keys.filter(|k| k.name == req.model)", None),
        ("keys.min_by(|k| 0 - k.in_flight)", Some(vec![1])),
        ("keys.min_by(|k| k.ewma_ms)", Some(vec![2])),
        ("[keys[2], keys[0], ()]", Some(vec![3, 1])),
        (r#"let out = []; for k in keys { if "paid" in k.tags { out.push(k); } } out"#, Some(vec![1, 3])),
        ("if attempt == 2 && keys.len == 3 && keys.len() == 3 && !keys.is_empty { keys[0] }", Some(vec![1])),
        (r#"if keys[0] == keys[0] && keys[0] != keys[1] && `${keys[0]}` == "key key-1 of openai" { keys[0] }"#, Some(vec![1])),
        ("if keys[2].failures == 1 && keys[0].remaining_tokens == () && keys[0].weight == 1 { keys[2] }", Some(vec![3])),
    ];
    for (body, expected) in cases {
        assert_eq!(select(&format!("fn select_key(req, keys, attempt) {{ {body} }}")), expected, "{body}");
    }
}

#[test]
fn keys_that_cannot_serve_are_ignored() {
    let set = set("fn select_key(req, keys, attempt) { req.attributes.k }\nfn on_request(req) {}");
    let req = request("{}");
    assert_eq!(set.select_key(&req, pool(), 1), None);
    let foreign = super::set(
        r#"const OTHERS = 1; fn select_key(req, keys, attempt) { [foreign(keys), keys[1]] } fn foreign(keys) { keys[0] }"#,
    );
    let narrowed: Arc<dyn Candidates> = pool().with_tag("free");
    let answer = foreign.select_key(&req, narrowed, 1).unwrap();
    assert_eq!(answer.keys, [KeyId(2)]);
}

#[test]
fn a_secret_is_not_to_be_had() {
    for read in ["secret", "key", "token", "account"] {
        let req = request("{}");
        let set = set(&format!("fn select_key(req, keys, attempt) {{ log_info(keys[0].{read}); keys[0] }}"));
        assert_eq!(set.select_key(&req, pool(), 1), None);
        assert!(!req.failures()[0].to_string().contains("sk-very-secret"), "{:?}", req.failures());
    }
    let set = set(
        "fn select_key(req, keys, attempt) { log_info(keys[0]); log_info(`${keys[0]}`); print(keys[0]); debug(keys); keys[0] }",
    );
    assert!(set.select_key(&request("{}"), pool(), 1).is_some());
    assert!(set.around.log.take().iter().all(|line| !line.text.contains("sk-very")));
}

fn upstream() -> Upstream {
    Upstream::new(UpstreamParts {
        provider: "openai".into(),
        model: Some("gpt-x".into()),
        path: "/chat/completions".into(),
        headers: Arc::default(),
        body: Bytes::from_static(br#"{"model":"gpt-x","seed":18446744073709551615,"top_p":1.0}"#),
        body_values: 100,
    })
}

#[test]
fn on_upstream_request_changes_what_is_sent() {
    let set = set(r#"
        fn on_upstream_request(up, key, attempt) {
            if up.provider == "openai" && key.name == "key-1" && attempt == 1 && up.model == "gpt-x" {
                up.path = "/v2" + up.path;
                up.headers["x-attempt"] = attempt;
                up.body.user = key.name;
                up.body.top_p = 0.5;
                up.body.remove("seed");
            }
        }"#);
    let up = upstream();
    set.on_upstream_request(&request("{}"), &up, &pool().get(0).unwrap(), 1).unwrap();
    let edits = up.edits();
    assert_eq!(edits.path.as_deref(), Some("/v2/chat/completions"));
    assert_eq!(edits.headers[0].value.as_ref().unwrap(), "1");
    let set = |pointer: &str, value: &str| BodyEdit { pointer: pointer.into(), action: BodyEditAction::Set(value.into()) };
    let remove = BodyEdit { pointer: "/seed".into(), action: BodyEditAction::Remove };
    assert_eq!(edits.body, [set("/user", r#""key-1""#), set("/top_p", "0.5"), remove]);
}

#[test]
fn on_upstream_request_cannot_send_elsewhere() {
    for change in [
        r#"up.host = "evil.example""#,
        r#"up.url = "http://evil.example""#,
        r#"up.path = "//evil.example/x""#,
        r#"up.path = "/../admin""#,
        r#"up.path = "http://evil.example/""#,
        r#"up.path = ["/a"]"#,
        r#"up.headers.host = "evil.example""#,
        r#"up.headers["X-Api-Key"] = "sk""#,
        r#"up.headers["x-a"] = "b\r\nhost: c""#,
        r#"up.provider = "other""#,
    ] {
        let set = set(&format!("fn on_upstream_request(up, key, attempt) {{ {change}; }}"));
        let (req, up) = (request("{}"), upstream());
        let failed = set.on_upstream_request(&req, &up, &pool().get(0).unwrap(), 1);
        assert!(failed.is_err(), "{change}");
        assert_eq!(up.edits(), UpstreamEdits::default(), "{change}");
        assert_eq!(req.failures().len(), 1);
    }
}

#[test]
fn on_response_changes_status_headers_and_body() {
    let set = set(r#"
        fn on_response(req, resp) {
            resp.headers["x-served"] = "yes";
            if resp.is_stream { return; }
            if resp.status == 200 && resp.body.usage.total_tokens > 3 { resp.status = 203; resp.body.note = "long"; }
        }"#);
    let response = |body| Response::new(ResponseParts { status: 200, headers: Arc::default(), body, body_values: 100 });
    let whole = response(Some(Bytes::from_static(br#"{"usage":{"total_tokens":4}}"#)));
    set.on_response(&request("{}"), &whole).unwrap();
    assert_eq!((whole.edits().status, whole.edits().headers.len(), whole.edits().body.len()), (Some(203), 1, 1));
    let stream = response(None);
    set.on_response(&request("{}"), &stream).unwrap();
    assert_eq!((stream.edits().status, stream.edits().headers.len()), (None, 1));
    let broken = super::set("fn on_response(req, resp) { resp.body = \"x\"; }");
    assert!(broken.on_response(&request("{}"), &response(None)).is_err());
    assert!(broken.on_response(&request("{}"), &response(Some(Bytes::new()))).is_ok());
}

#[test]
fn on_chunk_keeps_drops_edits_or_replaces() {
    let event = |text: &'static str| ChunkEvent::new(Some("delta"), 3, Bytes::from_static(text.as_bytes()), 100);
    let answer = |body: &str, text| {
        let (set, req) = (set(&format!("fn on_chunk(req, event) {{ {body} }}")), request("{}"));
        let answer = set.on_chunk(&req, &event(text));
        assert_eq!(req.failures(), []);
        answer
    };
    assert_eq!(answer("", "{}"), ChunkAnswer::Keep);
    assert_eq!(
        answer("if event.data == () && event.name == \"delta\" && event.index == 3 { false }", "[DONE]"),
        ChunkAnswer::Drop
    );
    assert_eq!(answer("event.text.to_upper()", "{\"a\":\"b\"}"), ChunkAnswer::Replace("{\"A\":\"B\"}".into()));
    assert_eq!(answer("#{a: event.data.a + 1}", "{\"a\":1}"), ChunkAnswer::Replace("{\"a\":2}".into()));
    let edits = vec![BodyEdit { pointer: "/a/0/b".into(), action: BodyEditAction::Set("2".into()) }];
    assert_eq!(answer("event.data.a[0].b = 2;", "{\"a\":[{\"b\":1.0}]}"), ChunkAnswer::Edit(edits));
    let (set, req) = (super::set("fn on_chunk(req, event) { true }"), request("{}"));
    assert_eq!((set.on_chunk(&req, &event("{}")), req.failures().len()), (ChunkAnswer::Keep, 1));
}

#[test]
fn on_complete_labels_and_redacts() {
    use crate::domain::{BodyCapture, CallRecord, Outcome, StoredBody};
    let stored = |text: &str| Some(StoredBody { bytes: Bytes::copy_from_slice(text.as_bytes()), truncated: false });
    let record = || CallRecord {
        total_us: 2_500,
        status: 200,
        outcome: Outcome::Success,
        error_message: Some("for a@b.example".into()),
        attributes: Some(r#"{"team":"a"}"#.into()),
        bodies: BodyCapture { request: stored("mail a@b.example now"), response: stored("none") },
        ..CallRecord::default()
    };
    let mut done = record();
    set(r#"fn on_complete(done) {
        if done.outcome == "success" && done.duration_ms == 2.5 && done.attributes.team == "a" && done.provider == () {
            #{tags: ["slow"], redact: [`\w+@[\w.]+`]}
        }
    }"#)
    .on_complete(&mut done);
    assert_eq!((done.tags.clone(), done.error_message.clone()), (vec!["slow".to_owned()], Some("for [redacted]".to_owned())));
    assert_eq!(done.bodies.request.unwrap().bytes, "mail [redacted] now");
    let mut dropped = record();
    set("fn on_complete(done) { #{drop_body: true} }").on_complete(&mut dropped);
    assert_eq!(dropped.bodies, BodyCapture::default());
    let mut unsure = record();
    set("fn on_complete(done) { #{redact: [\"(\"]} }").on_complete(&mut unsure);
    assert_eq!(unsure.bodies, BodyCapture::default());
    assert_eq!(&*unsure.script_notes[0].hook, "on_complete");
}

#[test]
fn on_key_event_hears_of_keys() {
    use crate::domain::{KeyEvent, KeyEventKind};
    let set = set("fn on_key_event(event) { kv_set(\"last\", event, 60); }\nfn on_request(req) { throw kv_get(\"last\"); }");
    let kind = KeyEventKind::Cooling { until_ms: 99, model: Some("m".into()) };
    let event = KeyEvent { at_ms: 5, provider: ProviderId(1), key: Some(KeyId(2)), kind, reason: "rate_limit".into() };
    set.on_key_event(&event, "openai", Some("key-2"));
    let seen = set.on_request(&request("{}")).unwrap_err().value.unwrap();
    let expected =
        r#"{"at_ms":5,"key":"key-2","kind":"cooling","model":"m","provider":"openai","reason":"rate_limit","until_ms":99}"#;
    assert_eq!(seen, expected);
}
