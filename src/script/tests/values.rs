//! Bodies: what is read, and how edits come out.

use super::*;

fn edits(body: &str, text: &str) -> Vec<(String, String)> {
    let (set, req) = (set(&format!("fn on_request(req) {{ let body = req.body; {text} }}")), request(body));
    if let Err(failure) = set.on_request(&req) {
        panic!("{failure}");
    }
    let shown = |edit: BodyEdit| match edit.action {
        BodyEditAction::Set(json) => (edit.pointer, json),
        BodyEditAction::Insert(json) => (edit.pointer, format!("insert {json}")),
        BodyEditAction::Remove => (edit.pointer, "remove".to_owned()),
    };
    req.body_edits().into_iter().map(shown).collect()
}

#[test]
fn what_is_read_leaves_no_edit() {
    let body = r#"{"model":"fast","n":18446744073709551615,"t":1.0,"stop":null,"messages":[{"role":"user","content":[{"type":"text","text":"é"}]}]}"#;
    let checks = r#"
        assert_eq([body.model, body.t, body.stop, body.nothing], ["fast", 1.0, (), ()]);
        assert_eq(body.n, 18446744073709551615.0);
        assert_eq(body.messages[0].content[0].text, "é");
        assert_eq([body.messages.len(), body.messages[0].keys(), body.messages[7]], [1, ["role", "content"], ()]);
        assert(body.is_object() && body.messages.is_array() && "stop" in body && !("top_p" in body));
        assert_eq(body.messages[0].copy(), #{role: "user", content: [#{type: "text", text: "é"}]});
        let roles = "";
        for message in body.messages { roles += message.role; }
        for name in body { roles += name.len().to_string(); }
        assert_eq(roles, "user51148");
        assert_eq(req.body.tools?.len(), ());
        assert(body.messages[0] == body.messages[-1] && body.messages[0].role != "system");
        assert_eq(type_of(body.messages), "Json");
        log_info(`${body.messages}`);
    "#;
    assert_eq!(edits(body, checks), []);
}

#[test]
fn edits_come_out_as_data() {
    let body = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}],"a":{"b":{}}}"#;
    let set = |pointer: &str, json: &str| (pointer.to_owned(), json.to_owned());
    let cases: [(&str, Vec<(String, String)>); 12] = [
        ("body.max_tokens = 100;", vec![set("/max_tokens", "100")]),
        ("req.body.max_tokens = 100;", vec![set("/max_tokens", "100")]),
        ("req.body.messages[0].content = \"x\\\"y\";", vec![set("/messages/0/content", r#""x\"y""#)]),
        ("body.a.b.c = #{d: [1, 2.5, true, ()]};", vec![set("/a/b/c", r#"{"d":[1,2.5,true,null]}"#)]),
        ("body.messages.push(#{role: \"user\"});", vec![set("/messages/-", r#"{"role":"user"}"#)]),
        ("body.messages.insert(0, #{role: \"system\"});", vec![set("/messages/0", r#"insert {"role":"system"}"#)]),
        ("body.messages.remove(0); body.remove(\"model\");", vec![set("/messages/0", "remove"), set("/model", "remove")]),
        ("body.copy_of = body.messages[0];", vec![set("/copy_of", r#"{"role":"user","content":"hi"}"#)]),
        ("body.a = body.messages;", vec![set("/a", r#"[{"role":"user","content":"hi"}]"#)]),
        ("for n in 0..5 { body.n = n; } body.n += 1;", vec![set("/n", "5")]),
        ("for m in body.messages { m.name = \"z\"; }", vec![set("/messages/0/name", r#""z""#)]),
        ("req.body = #{a: 1};", vec![set("", r#"{"a":1}"#)]),
    ];
    for (text, expected) in cases {
        assert_eq!(edits(body, text), expected, "{text}");
    }
}

#[test]
fn a_body_that_is_not_json_has_no_members() {
    for body in ["", "plain", "--x\r\nContent-Disposition: form-data", "\u{0}\u{1}", "{\"a\":1"] {
        assert_eq!(edits(body, "assert_eq([body.model, body.len(), body.a], [(), 0, ()]); for x in body { throw x; }"), []);
        let (set, req) = (set("fn on_request(req) { req.body.model = \"x\"; }"), request(body));
        assert!(set.on_request(&req).is_err(), "{body}");
    }
}

#[test]
fn functions_do_what_the_reference_says() {
    let text = r#"
        const LIMIT = 3;
        fn on_request(req) {
            assert_eq(parse_json(json(#{b: [1, "x"], a: ()})), #{a: (), b: [1, "x"]});
            assert(hash("a") == hash("a") && hash("a") != hash("b") && hash("") >= 0);
            assert(rand() >= 0.0 && rand() < 1.0 && rand(10) in 0..10 && now_ms() > 1700000000000);
            assert_eq([kv_get("k"), kv_get("k", 5)], [(), 5]);
            kv_set("k", #{a: [1]}, 60);
            assert_eq(kv_get("k").a[0], 1);
            assert_eq([kv_incr("n", 60), kv_incr("n", 5, 60), kv_get("n")], [1, 6, 6]);
            kv_remove("n");
            assert_eq(kv_get("n"), ());
            assert(regex_is_match("a1", `\d`) && !regex_is_match("a", `\d`));
            assert_eq(regex_replace("k=v", `(\w)=(\w)`, "$2=$1"), "v=k");
            assert_eq([regex_find("ab12", `\d+`), regex_find("ab", `\d+`), regex_find_all("1a2", `\d`)], ["12", (), ["1", "2"]]);
            assert("abc".regex_is_match("b"));
            assert(estimate_tokens("hello world, how are you?") in 4..12);
            assert_eq(["a,b".split(","), "a b".split(), "a-b-c".split("-", 2), "a-b".split_rev("-")],
                [["a", "b"], ["a", "b"], ["a", "b-c"], ["b", "a"]]);
            let s = "aXbX"; s.replace("X", "--"); assert_eq(s, "a--b--");
            assert_eq("ab".to_chars(), ['a', 'b']);
            let berlin = local_time("Europe/Berlin");
            assert(berlin.hour in 0..24 && berlin.weekday in 1..8);
            assert_eq(LIMIT + helper(), 6);
            log_info("done"); print("printed"); log_debug(#{a: 1}); log_warn("careful");
        }
        fn helper() { LIMIT }
    "#;
    let set = set(text);
    set.on_request(&request("{}")).unwrap();
    let lines: Vec<_> = set.around.log.take().into_iter().map(|line| (line.level, line.text)).collect();
    let expected =
        [(LogLevel::Info, "done"), (LogLevel::Info, "printed"), (LogLevel::Debug, "{\"a\":1}"), (LogLevel::Warn, "careful")];
    assert_eq!(lines, expected.map(|(level, text)| (level, text.to_owned())));
}

#[test]
fn chance_is_the_calls_own() {
    let set = set("fn on_request(req) { throw [rand(), rand(1000000)]; }");
    let drawn = |id: [u8; 10]| {
        let req = ScriptRequest::new(RequestParts { id: CallId::new(1, id), ..RequestParts::default() });
        set.on_request(&req).unwrap_err().value.unwrap()
    };
    assert_eq!(drawn([1; 10]), drawn([1; 10]));
    assert_ne!(drawn([1; 10]), drawn([2; 10]));
}
