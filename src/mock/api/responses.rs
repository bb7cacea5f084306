//! `/v1/responses`: answers that are kept, streamed in the official order of events, or worked on in the background.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::account::Stored;
use super::super::behaviour::Behaviour;
use super::super::persona::{Persona, Refusal};
use super::super::simulation::Call;
use super::super::text::{count_tokens, pieces, seed_of};
use super::chat::{ERROR_BODY, REASONING_TOKENS};
use super::content::is_reasoning_model;
use super::response_events;
use super::sample::{FunctionCall, sample};

#[derive(Deserialize)]
pub(super) struct ResponseRequest {
    model: String,
    #[serde(default)]
    input: Value,
    instructions: Option<String>,
    stream: Option<bool>,
    background: Option<bool>,
    store: Option<bool>,
    previous_response_id: Option<String>,
    max_output_tokens: Option<u64>,
    reasoning: Option<Value>,
    text: Option<Value>,
    #[serde(default)]
    tools: Vec<Value>,
    tool_choice: Option<Value>,
    metadata: Option<Value>,
}

/// An answer before it is written.
pub(super) struct Answer {
    pub(super) reasoning: Vec<&'static str>,
    pub(super) text: Vec<String>,
    pub(super) tool: Option<FunctionCall>,
    pub(super) cut: bool,
    pub(super) number: u64,
}

pub(super) fn create(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: ResponseRequest = call.json()?;
    if let Some(previous) = &request.previous_response_id
        && !call.accounts.has(call.account, previous)
    {
        let message = format!("Previous response with id '{previous}' not found.");
        return Err(Refusal::request(400, "previous_response_not_found", message));
    }
    let answer = Answer::to(call, &request);
    let begun = begin(call, &request);
    let done = complete(call, &request, &answer, &begun);
    if request.store != Some(false) {
        let background = request.background == Some(true);
        let stored = Stored {
            object: if background { begun.clone() } else { done.clone() },
            items: input_items(&request.input),
            complete: background.then(|| done.clone()),
            ..Stored::default()
        };
        call.accounts.keep(call.account, begun["id"].as_str().unwrap_or_default(), stored);
    }
    let streamed = request.stream == Some(true);
    Ok(match (call.persona, streamed) {
        (Persona::Empty, true) => call.stream(),
        (Persona::Empty, false) => call.ok(),
        (Persona::ErrorEvent, true) => response_events::failed(call, &begun),
        (Persona::ErrorEvent, false) => call.ok().header("content-type", "application/json").piece(ERROR_BODY),
        (_, true) => response_events::streamed(call, &answer, &begun, &done),
        (_, false) if request.background == Some(true) => call.ok_json(&begun),
        (_, false) => call.ok_json(&done),
    })
}

/// A stored response; one in the background is complete after it was looked at often enough.
pub(super) fn get(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    let polls = call.options.background_polls;
    let object = call.accounts.change(call.account, id, |stored| {
        if stored.complete.is_some() && stored.polls < polls {
            stored.polls += 1;
            stored.object["status"] = json!("in_progress");
        } else if let Some(complete) = stored.complete.take() {
            stored.object = complete;
        }
        stored.object.clone()
    });
    object.map(|object| call.ok_json(&object)).ok_or_else(|| not_found(id))
}

pub(super) fn delete(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    if call.accounts.remove(call.account, id) {
        Ok(call.ok_json(&json!({ "id": id, "object": "response", "deleted": true })))
    } else {
        Err(not_found(id))
    }
}

pub(super) fn cancel(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    let object = call.accounts.change(call.account, id, |stored| {
        if stored.complete.take().is_some() {
            stored.object["status"] = json!("cancelled");
        }
        stored.object.clone()
    });
    let object = object.ok_or_else(|| not_found(id))?;
    if object["background"] == true {
        Ok(call.ok_json(&object))
    } else {
        Err(Refusal::request(400, "not_cancellable", "Only responses created with background=true can be cancelled."))
    }
}

pub(super) fn list_input_items(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    let items = call.accounts.get(call.account, id).ok_or_else(|| not_found(id))?.items;
    let edge = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    let (first, last) = (edge(items.first()), edge(items.last()));
    Ok(call.ok_json(&json!({ "object": "list", "data": items, "first_id": first, "last_id": last, "has_more": false })))
}

/// `POST /responses/input_tokens`: counts and answers nothing else.
pub(super) fn count_input(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: ResponseRequest = call.json()?;
    Ok(call.ok_json(&json!({ "object": "response.input_tokens", "input_tokens": input_tokens(call, &request) })))
}

fn not_found(id: &str) -> Refusal {
    Refusal::request(404, "not_found", format!("Response with id '{id}' not found."))
}

impl Answer {
    fn to(call: &Call<'_>, request: &ResponseRequest) -> Self {
        let seed = seed_of(&[request.model.as_bytes(), request.input.to_string().as_bytes()]);
        let (tokens, cut) = call.answer_tokens(seed, request.max_output_tokens);
        let effort = request.reasoning.as_ref().and_then(|reasoning| reasoning["effort"].as_str());
        let reasons = is_reasoning_model(&request.model) || effort.is_some_and(|effort| effort != "none");
        let answered =
            request.input.as_array().and_then(|items| items.last()).is_some_and(|item| item["type"] == "function_call_output");
        let forbidden = request.tool_choice.as_ref().is_some_and(|choice| choice == "none");
        let tool = request.tools.iter().find(|tool| tool["type"] == "function").filter(|_| !answered && !forbidden);
        let format = request.text.as_ref().map(|text| &text["format"]);
        let text = match format.and_then(|format| format["type"].as_str()) {
            Some("json_schema") => vec![format.map(|format| sample(&format["schema"])).unwrap_or_default().to_string()],
            Some("json_object") => vec![json!({ "answer": pieces(seed, 6).collect::<String>().trim() }).to_string()],
            _ => pieces(seed, tokens).map(str::to_owned).collect(),
        };
        Answer {
            reasoning: if reasons { pieces(seed ^ 1, REASONING_TOKENS).collect() } else { Vec::new() },
            text,
            tool: tool.and_then(|tool| FunctionCall::of_tool(tool, call.number)),
            cut,
            number: call.number,
        }
    }

    /// The items of `output` when they are complete.
    pub(super) fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        if !self.reasoning.is_empty() {
            let summary = json!([{ "type": "summary_text", "text": self.reasoning.concat() }]);
            items.push(json!({ "id": format!("rs_mock{:020x}", self.number), "type": "reasoning", "summary": summary }));
        }
        items.push(match &self.tool {
            Some(tool) => json!({
                "id": format!("fc_mock{:020x}", self.number), "type": "function_call", "status": "completed",
                "call_id": tool.id, "name": tool.name, "arguments": tool.arguments,
            }),
            None => json!({
                "id": format!("msg_mock{:020x}", self.number), "type": "message",
                "status": if self.cut { "incomplete" } else { "completed" }, "role": "assistant",
                "content": [{ "type": "output_text", "annotations": [], "logprobs": [], "text": self.text.concat() }],
            }),
        });
        items
    }
}

/// The response as it begins.
fn begin(call: &Call<'_>, request: &ResponseRequest) -> Value {
    let background = request.background == Some(true);
    json!({
        "id": call.id("resp_"),
        "object": "response",
        "created_at": call.now_s,
        "status": if background { "queued" } else { "in_progress" },
        "background": background,
        "error": null,
        "incomplete_details": null,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": true,
        "previous_response_id": request.previous_response_id,
        "reasoning": request.reasoning.clone().unwrap_or(json!({ "effort": null, "summary": null })),
        "store": request.store.unwrap_or(true),
        "temperature": 1.0,
        "text": request.text.clone().unwrap_or(json!({ "format": { "type": "text" } })),
        "tool_choice": request.tool_choice.clone().unwrap_or(json!("auto")),
        "tools": request.tools,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": request.metadata.clone().unwrap_or(json!({})),
    })
}

/// The response as it ends.
fn complete(call: &Call<'_>, request: &ResponseRequest, answer: &Answer, begun: &Value) -> Value {
    let input = input_tokens(call, request);
    let cached = if input < 1024 { 0 } else { input / 2 / 128 * 128 };
    let reasoning = answer.reasoning.len() as u64;
    let output = reasoning + answer.tool.as_ref().map_or(answer.text.len() as u64, |tool| count_tokens(&tool.arguments) + 8);
    let mut done = begun.clone();
    done["output"] = answer.items().into();
    done["status"] = json!(if answer.cut { "incomplete" } else { "completed" });
    if answer.cut {
        done["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    }
    done["usage"] = json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": cached, "cache_write_tokens": 0 },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": reasoning },
        "total_tokens": input + output,
    });
    done
}

/// What came before counts again.
fn input_tokens(call: &Call<'_>, request: &ResponseRequest) -> u64 {
    let before = request.previous_response_id.as_ref().and_then(|id| call.accounts.get(call.account, id));
    let before = before.and_then(|stored| stored.object.pointer("/usage/total_tokens").and_then(Value::as_u64));
    let tools: u64 = request.tools.iter().map(|tool| count_tokens(&tool.to_string())).sum();
    let instructions = request.instructions.as_deref().map_or(0, count_tokens);
    7 + before.unwrap_or(0) + tools + instructions + texts(&request.input)
}

/// Tokens of every text in an input: member `text`, and strings where text stands bare.
fn texts(input: &Value) -> u64 {
    match input {
        Value::String(text) => count_tokens(text),
        Value::Array(items) => items.iter().map(texts).sum(),
        Value::Object(item) => {
            ["content", "text", "output", "arguments"].iter().filter_map(|name| item.get(*name)).map(texts).sum()
        }
        _ => 0,
    }
}

fn input_items(input: &Value) -> Vec<Value> {
    let message =
        |text: &str| json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] });
    let mut items = match input {
        Value::String(text) => vec![message(text)],
        Value::Array(items) => items.clone(),
        _ => Vec::new(),
    };
    for (at, item) in items.iter_mut().enumerate() {
        if let Some(item) = item.as_object_mut() {
            item.entry("id").or_insert(json!(format!("msg_mock_in{at}")));
        }
    }
    items
}
