//! A 200 that is an error, and one that is not.

use super::*;

#[test]
fn errors_inside_a_200_are_found() {
    for body in [
        r#"{"error":{"message":"m","type":"server_error","code":null}}"#,
        r#" {"error":"Upstream is overloaded"} "#,
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        r#"{"id":"resp_1","object":"response","status":"failed","error":{"code":"server_error","message":"m"},"output":[]}"#,
        r#"{"code":1113,"msg":"no balance","success":false}"#,
        r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"r"}"#,
        r#"{"error_code":110,"error_msg":"Access token invalid"}"#,
        r#"{"id":"x","choices":null,"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#,
        r#"{"object":"error","message":"m","type":"NotFoundError","code":404}"#,
    ] {
        assert_eq!(body_error(body.as_bytes()), Some(body.trim().as_bytes()), "{body}");
        let mut meter = Meter::new(Api::Chat, facts());
        assert_eq!(meter.observe_body(body.as_bytes()), Some(body.trim().as_bytes()));
    }
    let array = r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#;
    assert_eq!(body_error(array.as_bytes()), Some(&array.as_bytes()[1..array.len() - 1]));
    let choice = br#"{"choices":[{"error":{"code":502},"message":{"content":""}}]}"#;
    assert_eq!(body_error(choice), Some(&choice[12..choice.len() - 2]));
}

#[test]
fn ordinary_answers_are_no_errors() {
    for body in [
        r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":[{"type":"message"}]}"#,
        r#"{"choices":[{"message":{"content":"{\"error\":{\"message\":\"m\"}}"}}]}"#,
        r#"{"choices":[{"message":{"content":"a"}}],"code":0,"message":"ok"}"#,
        r#"{"choices":[{"message":{"content":"a"}}],"code":1234,"message":"partly"}"#,
        r#"{"code":200,"msg":"success","data":{}}"#,
        r#"{"code":"SUCCESS","message":"fine"}"#,
        r#"{"error":{},"choices":[]}"#,
        r#"{"id":"ftjob-1","status":"queued","error":{"code":null,"message":null,"param":null}}"#,
        r#"{"base_resp":{"status_code":0,"status_msg":""},"choices":[{}]}"#,
        r#"{"object":"response","error":{"code":"c","message":"m"},"output":[{"type":"message"}]}"#,
        r#"{"text":"hello"}"#,
        r#"[{"id":1}]"#,
        r#"[]"#,
        r#"{"error":"#,
        "RIFF",
        "",
    ] {
        assert_eq!(body_error(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn what_is_only_looked_at_may_tell_of_its_own_error() {
    let job = br#"{"id":"ftjob-1","status":"failed","error":{"code":"invalid_file","message":"m"}}"#;
    let mut meter = Meter::new(Api::Other, RequestFacts::default());
    assert_eq!(meter.observe_body(job), None);
    let metered = meter.finish(End::Whole);
    assert_eq!((metered.id.as_deref(), metered.status.as_deref()), (Some("ftjob-1"), Some("failed")));
    assert_eq!(metered.usage, Usage::default());
}
