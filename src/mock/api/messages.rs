//! `/v1/messages`: the Anthropic shape.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::persona::{Persona, Refusal};
use super::super::simulation::Call;
use super::super::text::{count_tokens, pieces, quoted, seed_of};
use super::chat::REASONING_TOKENS;
use super::content::Content;
use super::sample::FunctionCall;

/// What a 200 holds that is an error nevertheless.
const ERROR_BODY: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

#[derive(Deserialize)]
struct MessagesRequest<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    #[serde(borrow)]
    system: Option<Content<'a>>,
    max_tokens: Option<u64>,
    stream: Option<bool>,
    thinking: Option<Value>,
    #[serde(default)]
    tools: Vec<Value>,
    tool_choice: Option<Value>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Content<'a>,
}

/// An answer before it is written.
struct Answer {
    thinking: Vec<&'static str>,
    text: Vec<&'static str>,
    tool: Option<FunctionCall>,
    stop: &'static str,
    input_tokens: u64,
}

pub(super) fn create(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: MessagesRequest<'_> = call.json()?;
    if request.max_tokens.is_none() {
        return Err(Refusal::request(400, "missing", "max_tokens: Field required"));
    }
    let answer = Answer::to(call, &request);
    Ok(match (call.persona, request.stream == Some(true)) {
        (Persona::Empty, true) => call.stream(),
        (Persona::Empty, false) => call.ok(),
        (Persona::ErrorEvent, true) => call.stream().piece(event("error", ERROR_BODY)),
        (Persona::ErrorEvent, false) => call.ok().header("content-type", "application/json").piece(ERROR_BODY),
        (_, true) => answer.streamed(call, &request.model),
        (_, false) => call.ok_json(&answer.whole(call, &request.model)),
    })
}

/// `POST /messages/count_tokens`: counts and answers nothing else.
pub(super) fn count(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: MessagesRequest<'_> = call.json()?;
    Ok(call.ok_json(&json!({ "input_tokens": request.tokens() })))
}

impl MessagesRequest<'_> {
    fn tokens(&self) -> u64 {
        let tools: u64 = self.tools.iter().map(|tool| count_tokens(&tool.to_string())).sum();
        let system = self.system.as_ref().map_or(0, Content::tokens);
        3 + tools + system + self.messages.iter().map(|message| 4 + message.content.tokens()).sum::<u64>()
    }
}

impl Answer {
    fn to(call: &Call<'_>, request: &MessagesRequest<'_>) -> Self {
        let last = request.messages.last().map(|message| message.content.text()).unwrap_or_default();
        let seed = seed_of(&[request.model.as_bytes(), last.as_bytes()]);
        let (tokens, cut) = call.answer_tokens(seed, request.max_tokens);
        let thinks = request.thinking.as_ref().is_some_and(|thinking| thinking["type"] != "disabled");
        let answered = memchr::memmem::find(&call.request.body, br#""tool_result""#).is_some();
        let forbidden = request.tool_choice.as_ref().is_some_and(|choice| choice["type"] == "none");
        let tool = request.tools.first().filter(|_| !answered && !forbidden);
        let tool = tool.and_then(|tool| FunctionCall::of_tool(tool, call.number));
        Answer {
            thinking: if thinks { pieces(seed ^ 1, REASONING_TOKENS).collect() } else { Vec::new() },
            text: if tool.is_some() { Vec::new() } else { pieces(seed, tokens).collect() },
            stop: if tool.is_some() {
                "tool_use"
            } else if cut {
                "max_tokens"
            } else {
                "end_turn"
            },
            tool,
            input_tokens: request.tokens(),
        }
    }

    /// Cached tokens stand beside the others, as Anthropic counts them.
    fn usage(&self, output_tokens: u64) -> Value {
        let cached = if self.input_tokens < 1024 { 0 } else { self.input_tokens / 2 };
        json!({
            "input_tokens": self.input_tokens - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": output_tokens,
            "service_tier": "standard",
        })
    }

    fn output_tokens(&self) -> u64 {
        let tool = self.tool.as_ref().map_or(0, |tool| count_tokens(&tool.arguments) + 8);
        (self.thinking.len() + self.text.len()) as u64 + tool
    }

    /// The blocks of the answer: what each is when it begins, its deltas, and what it is when it is complete.
    fn blocks(&self, number: u64) -> Vec<(Value, Vec<String>, Value)> {
        let mut blocks = Vec::new();
        let deltas = |kind: &str, member: &str, pieces: &[&str]| -> Vec<String> {
            pieces.iter().map(|piece| format!(r#"{{"type":"{kind}","{member}":{}}}"#, quoted(piece))).collect()
        };
        if !self.thinking.is_empty() {
            let mut parts = deltas("thinking_delta", "thinking", &self.thinking);
            parts.push(r#"{"type":"signature_delta","signature":"mock"}"#.to_owned());
            let whole = json!({ "type": "thinking", "thinking": self.thinking.concat(), "signature": "mock" });
            blocks.push((json!({ "type": "thinking", "thinking": "", "signature": "" }), parts, whole));
        }
        if let Some(tool) = &self.tool {
            let begun = json!({ "type": "tool_use", "id": format!("toolu_mock{number:020x}"), "name": tool.name, "input": {} });
            let mut whole = begun.clone();
            whole["input"] = serde_json::from_str(&tool.arguments).unwrap_or_default();
            blocks.push((begun, deltas("input_json_delta", "partial_json", &tool.argument_pieces()), whole));
        } else {
            let whole = json!({ "type": "text", "text": self.text.concat() });
            blocks.push((json!({ "type": "text", "text": "" }), deltas("text_delta", "text", &self.text), whole));
        }
        blocks
    }

    fn whole(&self, call: &Call<'_>, model: &str) -> Value {
        let content: Vec<Value> = self.blocks(call.number).into_iter().map(|(_, _, whole)| whole).collect();
        json!({
            "id": call.id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": self.stop,
            "stop_sequence": null,
            "usage": self.usage(self.output_tokens()),
        })
    }

    fn streamed(&self, call: &Call<'_>, model: &str) -> Behaviour {
        let mut behaviour = call.stream();
        let mut send = |kind: &str, data: &str, pause: Duration| {
            behaviour.push_pause(pause);
            behaviour.push_piece(event(kind, data));
        };
        let mut begun = self.whole(call, model);
        begun["content"] = json!([]);
        begun["stop_reason"] = Value::Null;
        begun["usage"] = self.usage(1);
        send("message_start", &json!({ "type": "message_start", "message": begun }).to_string(), Duration::ZERO);
        for (index, (begun, deltas, _)) in self.blocks(call.number).into_iter().enumerate() {
            let start = json!({ "type": "content_block_start", "index": index, "content_block": begun });
            send("content_block_start", &start.to_string(), Duration::ZERO);
            if index == 0 {
                send("ping", r#"{"type":"ping"}"#, Duration::ZERO);
            }
            for delta in deltas {
                let data = format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#);
                send("content_block_delta", &data, call.event_pause());
            }
            let stop = format!(r#"{{"type":"content_block_stop","index":{index}}}"#);
            send("content_block_stop", &stop, Duration::ZERO);
        }
        let delta = json!({ "stop_reason": self.stop, "stop_sequence": null });
        let last = json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": self.output_tokens() } });
        send("message_delta", &last.to_string(), Duration::ZERO);
        send("message_stop", r#"{"type":"message_stop"}"#, Duration::ZERO);
        behaviour
    }
}

fn event(kind: &str, data: &str) -> String {
    format!("event: {kind}\ndata: {data}\n\n")
}
