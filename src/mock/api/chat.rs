//! `/v1/chat/completions`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::behaviour::Behaviour;
use super::super::persona::{Persona, Refusal};
use super::super::simulation::Call;
use super::super::text::{count_tokens, pieces, quoted, seed_of};
use super::content::{Content, is_reasoning_model};
use super::sample::{FunctionCall, sample};

/// Pieces of reasoning before an answer.
pub(super) const REASONING_TOKENS: usize = 12;

#[derive(Deserialize)]
pub(super) struct ChatRequest<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u32>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    reasoning_effort: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    response_format: Option<Value>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// An answer before it is written.
struct Answer {
    reasoning: Vec<&'static str>,
    content: Vec<Cow<'static, str>>,
    tool: Option<FunctionCall>,
    finish: &'static str,
    prompt_tokens: u64,
    choices: u32,
}

pub(super) fn create(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: ChatRequest<'_> = call.json()?;
    if request.messages.is_empty() {
        return Err(Refusal::request(400, "empty_array", "Invalid 'messages': empty array. Expected at least 1 item."));
    }
    let answer = Answer::to(call, &request);
    if request.stream != Some(true) {
        return Ok(match call.persona {
            Persona::Empty => call.ok(),
            Persona::ErrorEvent => call.ok().piece(ERROR_BODY).header("content-type", "application/json"),
            _ => call.ok().header("content-type", "application/json").piece(answer.whole(call, &request.model)),
        });
    }
    Ok(match call.persona {
        Persona::Empty => call.stream(),
        Persona::ErrorEvent => call.stream().event(ERROR_BODY),
        _ => answer.streamed(call, &request),
    })
}

/// What a 200 holds that is an error nevertheless.
pub(super) const ERROR_BODY: &str =
    r#"{"error":{"message":"The server is overloaded.","type":"server_error","param":null,"code":"server_error"}}"#;

impl Answer {
    fn to(call: &Call<'_>, request: &ChatRequest<'_>) -> Self {
        let content_tokens = |message: &Message<'_>| 4 + message.content.as_ref().map_or(0, Content::tokens);
        let tools = request.tools.as_deref().unwrap_or_default();
        let tool_tokens: u64 = tools.iter().map(|tool| count_tokens(&tool.to_string())).sum();
        let prompt_tokens = 3 + tool_tokens + request.messages.iter().map(content_tokens).sum::<u64>();
        let seed = seed_of(&[request.model.as_bytes(), last_text(request).as_bytes()]);
        let limit = request.max_completion_tokens.or(request.max_tokens);
        let (tokens, cut) = call.answer_tokens(seed, limit);
        let reasons =
            is_reasoning_model(&request.model) || request.reasoning_effort.as_deref().is_some_and(|effort| effort != "none");
        let reasoning = if reasons { pieces(seed ^ 1, REASONING_TOKENS).collect() } else { Vec::new() };
        let tool = wanted_tool(request).and_then(|tool| FunctionCall::of_tool(tool, call.number));
        let content = match &tool {
            Some(_) => Vec::new(),
            None => content_pieces(request.response_format.as_ref(), seed, tokens),
        };
        let finish = if tool.is_some() {
            "tool_calls"
        } else if cut {
            "length"
        } else {
            "stop"
        };
        Answer { reasoning, content, tool, finish, prompt_tokens, choices: request.n.unwrap_or(1).clamp(1, 128) }
    }

    fn usage(&self) -> String {
        let prompt = self.prompt_tokens;
        let cached = if prompt < 1024 { 0 } else { prompt / 2 / 128 * 128 };
        let tool = self.tool.as_ref().map_or(0, |tool| count_tokens(&tool.arguments) + 8);
        let reasoning = self.reasoning.len() as u64;
        let completion = (self.content.len() as u64 + tool + reasoning) * u64::from(self.choices);
        format!(
            r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
            prompt + completion,
            reasoning * u64::from(self.choices),
        )
    }

    fn whole(&self, call: &Call<'_>, model: &str) -> String {
        let mut choices = String::new();
        let content = if self.tool.is_some() { "null".to_owned() } else { quoted(&self.content.concat()) };
        let mut extra = String::new();
        if !self.reasoning.is_empty() {
            let _ = write!(extra, r#","reasoning_content":{}"#, quoted(&self.reasoning.concat()));
        }
        if let Some(tool) = &self.tool {
            let _ = write!(extra, r#","tool_calls":[{}]"#, tool.chat_object());
        }
        for index in 0..self.choices {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                choices,
                r#"{comma}{{"index":{index},"message":{{"role":"assistant","content":{content}{extra},"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{}"}}"#,
                self.finish
            );
        }
        format!(
            r#"{{"id":"{}","object":"chat.completion","created":{},"model":{},"choices":[{choices}],"usage":{},"service_tier":"default","system_fingerprint":"fp_mock"}}"#,
            call.id("chatcmpl-"),
            call.now_s,
            quoted(model),
            self.usage(),
        )
    }

    fn streamed(&self, call: &Call<'_>, request: &ChatRequest<'_>) -> Behaviour {
        let with_usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true));
        let start = format!(
            r#"{{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"fp_mock","choices":["#,
            call.id("chatcmpl-"),
            call.now_s,
            quoted(&request.model),
        );
        let no_usage = if with_usage { r#","usage":null"# } else { "" };
        let chunk = |index: u32, delta: &str, finish: Option<&str>| {
            let finish = finish.map_or("null".to_owned(), |finish| format!(r#""{finish}""#));
            format!(
                "data: {start}{{\"index\":{index},\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{finish}}}]{no_usage}}}\n\n"
            )
        };
        let mut behaviour = call.stream();
        let pause = call.event_pause();
        let mut send = |delta: &str, finish: Option<&str>, pause: Duration| {
            for index in 0..self.choices {
                behaviour.push_pause(pause);
                behaviour.push_piece(chunk(index, delta, finish));
            }
        };
        send(r#""role":"assistant","content":"","refusal":null"#, None, Duration::ZERO);
        for piece in &self.reasoning {
            send(&format!(r#""reasoning_content":{}"#, quoted(piece)), None, pause);
        }
        for piece in &self.content {
            send(&format!(r#""content":{}"#, quoted(piece)), None, pause);
        }
        for delta in self.tool.iter().flat_map(FunctionCall::chat_deltas) {
            send(&delta, None, pause);
        }
        send("", Some(self.finish), Duration::ZERO);
        if with_usage {
            behaviour.push_piece(format!("data: {start}],\"usage\":{}}}\n\n", self.usage()));
        }
        behaviour.done()
    }
}

fn last_text<'a>(request: &'a ChatRequest<'_>) -> Cow<'a, str> {
    let content = request.messages.last().and_then(|message| message.content.as_ref());
    content.map_or(Cow::Borrowed(""), Content::text)
}

/// The tool that the answer calls: one is offered, it is not forbidden, and its result is not there yet.
fn wanted_tool<'a>(request: &'a ChatRequest<'_>) -> Option<&'a Value> {
    let answered = request.messages.last().is_some_and(|message| message.role == "tool");
    let forbidden = request.tool_choice.as_ref().is_some_and(|choice| choice == "none");
    let tools = request.tools.as_deref().unwrap_or_default();
    let named = request.tool_choice.as_ref().and_then(|choice| choice.pointer("/function/name"));
    let wanted = tools.iter().find(|tool| named.is_some() && tool.pointer("/function/name") == named).or(tools.first());
    wanted.filter(|_| !answered && !forbidden)
}

/// The answer's text in pieces; JSON where the request asks for it.
fn content_pieces(format: Option<&Value>, seed: u64, tokens: usize) -> Vec<Cow<'static, str>> {
    let kind = format.and_then(|format| format["type"].as_str()).unwrap_or("text");
    let json = match kind {
        "json_schema" => format.map(|format| sample(&format["json_schema"]["schema"])),
        "json_object" => Some(serde_json::json!({ "answer": pieces(seed, 6).collect::<String>().trim() })),
        _ => None,
    };
    match json {
        None => pieces(seed, tokens).map(Cow::Borrowed).collect(),
        Some(json) => {
            let text = json.to_string();
            text.split_inclusive([',', ':']).map(|piece| Cow::Owned(piece.to_owned())).collect()
        }
    }
}
