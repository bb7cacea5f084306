//! `/v1/completions`, the old shape of text.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::persona::{Persona, Refusal};
use super::super::simulation::Call;
use super::super::text::{count_tokens, pieces, seed_of};
use super::chat::ERROR_BODY;
use super::embeddings::inputs;

#[derive(Deserialize)]
struct CompletionRequest {
    model: String,
    #[serde(default)]
    prompt: Value,
    max_tokens: Option<u64>,
    n: Option<u32>,
    stream: Option<bool>,
    stream_options: Option<Value>,
}

pub(super) fn create(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: CompletionRequest = call.json()?;
    let seed = seed_of(&[request.model.as_bytes(), request.prompt.to_string().as_bytes()]);
    // Without a limit this API ends after 16 tokens.
    let (tokens, cut) = call.answer_tokens(seed, Some(request.max_tokens.unwrap_or(16)));
    let text: Vec<&str> = pieces(seed, tokens).collect();
    let finish = if cut { "length" } else { "stop" };
    let prompts = inputs(&request.prompt);
    let choices = request.n.unwrap_or(1).clamp(1, 128) * prompts.len().max(1) as u32;
    let input: u64 = prompts.iter().map(|prompt| prompt.tokens()).sum();
    let output = text.len() as u64 * u64::from(choices);
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let object = |choices: Value, usage: Option<&Value>| {
        let mut object = json!({
            "id": call.id("cmpl-"),
            "object": "text_completion",
            "created": call.now_s,
            "model": request.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            object["usage"] = usage.clone();
        }
        object
    };
    let choice = |index: u32, text: &str, finish: Option<&str>| json!({ "text": text, "index": index, "logprobs": null, "finish_reason": finish });
    if request.stream != Some(true) {
        let all: Vec<Value> = (0..choices).map(|index| choice(index, &text.concat(), Some(finish))).collect();
        return Ok(match call.persona {
            Persona::Empty => call.ok(),
            Persona::ErrorEvent => call.ok().header("content-type", "application/json").piece(ERROR_BODY),
            _ => call.ok_json(&object(all.into(), Some(&usage))),
        });
    }
    let mut behaviour = call.stream();
    match call.persona {
        Persona::Empty => return Ok(behaviour),
        Persona::ErrorEvent => return Ok(behaviour.event(ERROR_BODY)),
        _ => {}
    }
    for (at, piece) in text.iter().enumerate() {
        let finish = (at + 1 == text.len()).then_some(finish);
        for index in 0..choices {
            behaviour =
                behaviour.pause(call.event_pause()).event(&object(json!([choice(index, piece, finish)]), None).to_string());
        }
    }
    if request.stream_options.is_some_and(|options| options["include_usage"] == true) {
        behaviour = behaviour.event(&object(json!([]), Some(&usage)).to_string());
    }
    Ok(behaviour.done())
}

/// Tokens of a text or of a list of token numbers.
pub(super) enum Input<'a> {
    Text(&'a str),
    Tokens(usize),
}

impl Input<'_> {
    pub(super) fn tokens(&self) -> u64 {
        match self {
            Input::Text(text) => count_tokens(text),
            Input::Tokens(count) => *count as u64,
        }
    }
}
