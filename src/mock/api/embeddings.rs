//! `/v1/embeddings` and `/v1/moderations`.

use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::persona::Refusal;
use super::super::simulation::Call;
use super::super::text::seed_of;
use super::completions::Input;

/// Length of a vector when the request names none: short, so that answers stay readable.
const DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: usize = 4_096;

#[derive(Deserialize)]
struct EmbeddingRequest {
    model: String,
    input: Value,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

pub(super) fn create(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: EmbeddingRequest = call.json()?;
    let inputs = inputs(&request.input);
    if inputs.is_empty() {
        return Err(Refusal::request(400, "invalid_input", "'$.input' is invalid."));
    }
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS).clamp(1, MAX_DIMENSIONS);
    let as_base64 = request.encoding_format.as_deref() == Some("base64");
    let embed = |(index, input): (usize, &Input<'_>)| {
        let vector = vector(input, dimensions);
        let embedding = if as_base64 { encoded(&vector) } else { json!(vector) };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    };
    let data: Vec<Value> = inputs.iter().enumerate().map(embed).collect();
    let tokens: u64 = inputs.iter().map(Input::tokens).sum();
    Ok(call.ok_json(&json!({
        "object": "list",
        "data": data,
        "model": request.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

/// A unit vector, the same for the same text.
fn vector(input: &Input<'_>, dimensions: usize) -> Vec<f32> {
    let mut state = match input {
        Input::Text(text) => seed_of(&[text.as_bytes()]),
        Input::Tokens(count) => *count as u64,
    } | 1;
    let mut vector: Vec<f32> = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        vector.push((state >> 40) as f32 / (1u32 << 23) as f32 - 1.0);
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

/// The inputs in a string, an array of strings, an array of tokens, or an array of such arrays.
pub(super) fn inputs(input: &Value) -> Vec<Input<'_>> {
    match input {
        Value::String(text) => vec![Input::Text(text)],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![Input::Tokens(items.len())],
        Value::Array(items) => items.iter().flat_map(inputs).collect(),
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct ModerationRequest {
    model: Option<String>,
    input: Value,
}

pub(super) fn moderate(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    const CATEGORIES: [&str; 13] = [
        "harassment",
        "harassment/threatening",
        "hate",
        "hate/threatening",
        "illicit",
        "illicit/violent",
        "self-harm",
        "self-harm/instructions",
        "self-harm/intent",
        "sexual",
        "sexual/minors",
        "violence",
        "violence/graphic",
    ];
    let request: ModerationRequest = call.json()?;
    let each = |value: Value| -> Value {
        CATEGORIES.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let result = json!({
        "flagged": false,
        "categories": each(json!(false)),
        "category_scores": each(json!(0.0001)),
        "category_applied_input_types": each(json!(["text"])),
    });
    let results = vec![result; inputs(&request.input).len().max(1)];
    let model = request.model.unwrap_or("omni-moderation-latest".to_owned());
    Ok(call.ok_json(&json!({ "id": call.id("modr-"), "model": model, "results": results })))
}
