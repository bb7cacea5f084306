//! The events of a streamed response, in the official order.

use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::simulation::Call;
use super::responses::Answer;

/// Numbers the events and writes them.
struct Events {
    behaviour: Behaviour,
    pause: std::time::Duration,
    number: u64,
}

impl Events {
    fn new(call: &Call<'_>) -> Self {
        Events { behaviour: call.stream(), pause: call.event_pause(), number: 0 }
    }

    fn send(&mut self, kind: &str, mut data: Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.number);
        self.number += 1;
        self.behaviour.push_piece(format!("event: {kind}\ndata: {data}\n\n"));
    }

    /// An event that comes after a pause, as tokens do.
    fn send_slowly(&mut self, kind: &str, data: Value) {
        self.behaviour.push_pause(self.pause);
        self.send(kind, data);
    }
}

/// A response that begins and then fails.
pub(super) fn failed(call: &Call<'_>, begun: &Value) -> Behaviour {
    let mut events = Events::new(call);
    events.send("response.created", json!({ "response": begun }));
    let mut failed = begun.clone();
    failed["status"] = json!("failed");
    failed["error"] = json!({ "code": "server_error", "message": "The server is overloaded." });
    events.send("response.failed", json!({ "response": failed }));
    events.behaviour
}

/// A whole streamed response.
pub(super) fn streamed(call: &Call<'_>, answer: &Answer, begun: &Value, done: &Value) -> Behaviour {
    let mut events = Events::new(call);
    events.send("response.created", json!({ "response": begun }));
    events.send("response.in_progress", json!({ "response": begun }));
    for (index, item) in answer.items().into_iter().enumerate() {
        match item["type"].as_str() {
            Some("reasoning") => reasoning(&mut events, answer, index, &item),
            Some("function_call") => function_call(&mut events, answer, index, &item),
            _ => message(&mut events, answer, index, &item),
        }
    }
    let last = if answer.cut { "response.incomplete" } else { "response.completed" };
    events.send(last, json!({ "response": done }));
    events.behaviour
}

fn reasoning(events: &mut Events, answer: &Answer, index: usize, item: &Value) {
    let id = &item["id"];
    let text = answer.reasoning.concat();
    let place = |mut extra: Value| {
        extra["item_id"] = id.clone();
        extra["output_index"] = json!(index);
        extra["summary_index"] = json!(0);
        extra
    };
    let begun = json!({ "id": id, "type": "reasoning", "summary": [] });
    events.send("response.output_item.added", json!({ "output_index": index, "item": begun }));
    let part = |text: &str| json!({ "part": { "type": "summary_text", "text": text } });
    events.send("response.reasoning_summary_part.added", place(part("")));
    for piece in &answer.reasoning {
        events.send_slowly("response.reasoning_summary_text.delta", place(json!({ "delta": piece })));
    }
    events.send("response.reasoning_summary_text.done", place(json!({ "text": text })));
    events.send("response.reasoning_summary_part.done", place(part(&text)));
    events.send("response.output_item.done", json!({ "output_index": index, "item": item }));
}

fn function_call(events: &mut Events, answer: &Answer, index: usize, item: &Value) {
    let Some(tool) = &answer.tool else { return };
    let mut begun = item.clone();
    begun["status"] = json!("in_progress");
    begun["arguments"] = json!("");
    let place = |mut extra: Value| {
        extra["item_id"] = item["id"].clone();
        extra["output_index"] = json!(index);
        extra
    };
    events.send("response.output_item.added", json!({ "output_index": index, "item": begun }));
    for piece in tool.argument_pieces() {
        events.send_slowly("response.function_call_arguments.delta", place(json!({ "delta": piece })));
    }
    let done = json!({ "name": tool.name, "arguments": tool.arguments });
    events.send("response.function_call_arguments.done", place(done));
    events.send("response.output_item.done", json!({ "output_index": index, "item": item }));
}

fn message(events: &mut Events, answer: &Answer, index: usize, item: &Value) {
    let mut begun = item.clone();
    begun["status"] = json!("in_progress");
    begun["content"] = json!([]);
    let place = |mut extra: Value| {
        extra["item_id"] = item["id"].clone();
        extra["output_index"] = json!(index);
        extra["content_index"] = json!(0);
        extra
    };
    let text = answer.text.concat();
    let part = |text: &str| json!({ "part": { "type": "output_text", "annotations": [], "logprobs": [], "text": text } });
    events.send("response.output_item.added", json!({ "output_index": index, "item": begun }));
    events.send("response.content_part.added", place(part("")));
    for piece in &answer.text {
        events.send_slowly("response.output_text.delta", place(json!({ "delta": piece, "logprobs": [] })));
    }
    events.send("response.output_text.done", place(json!({ "text": text, "logprobs": [] })));
    events.send("response.content_part.done", place(part(&text)));
    events.send("response.output_item.done", json!({ "output_index": index, "item": item }));
}
