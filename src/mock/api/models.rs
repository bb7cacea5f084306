//! `/v1/models`.

use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::persona::Refusal;
use super::super::simulation::Call;

const OPENAI: [&str; 14] = [
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "o4-mini",
    "gpt-image-1",
    "gpt-4o-transcribe",
    "whisper-1",
    "tts-1",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "omni-moderation-latest",
    "gpt-3.5-turbo-instruct",
];
const ANTHROPIC: [&str; 3] = ["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"];

/// Models were created at a fixed time: 2025-01-01.
const CREATED: i64 = 1_735_689_600;

pub(super) fn list(call: &Call<'_>) -> Behaviour {
    if call.is_anthropic() {
        let data: Vec<Value> = ANTHROPIC.iter().map(|name| anthropic_object(name)).collect();
        return call.ok_json(&json!({ "data": data, "has_more": false, "first_id": ANTHROPIC[0], "last_id": ANTHROPIC[2] }));
    }
    let data: Vec<Value> = OPENAI.iter().map(|name| object(name)).collect();
    call.ok_json(&json!({ "object": "list", "data": data }))
}

pub(super) fn get(call: &Call<'_>, name: &str) -> Result<Behaviour, Refusal> {
    if call.is_anthropic() && ANTHROPIC.contains(&name) {
        Ok(call.ok_json(&anthropic_object(name)))
    } else if OPENAI.contains(&name) {
        Ok(call.ok_json(&object(name)))
    } else {
        Err(Refusal::request(404, "model_not_found", format!("The model '{name}' does not exist")))
    }
}

fn object(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": CREATED, "owned_by": "mock" })
}

fn anthropic_object(name: &str) -> Value {
    json!({ "type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z" })
}
