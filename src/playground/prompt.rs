//! From a branch of a conversation to the body of a chat completion.

use serde_json::{Map, Value, json};

use super::image::data_url;
use crate::domain::{ChatMessage, ChatSettings};
use crate::store::NewImage;

/// A message of the branch with its pictures.
pub(super) struct Said {
    pub message: ChatMessage,
    pub images: Vec<NewImage>,
}

/// The body of the call. An answer of which nothing came is left out.
pub(super) fn body(model: &str, settings: &ChatSettings, branch: &[Said]) -> Value {
    let system = Some(&settings.system).filter(|system| !system.trim().is_empty());
    let system = system.map(|text| json!({ "role": "system", "content": text }));
    let said = branch.iter().filter(|said| said.message.answer.is_none() || !said.message.text.is_empty());
    let messages: Vec<Value> = system.into_iter().chain(said.map(message)).collect();
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), messages.into());
    body.insert("stream".into(), true.into());
    let mut set = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.into(), value));
    set("temperature", settings.temperature.map(Value::from));
    set("top_p", settings.top_p.map(Value::from));
    set("reasoning_effort", settings.reasoning_effort.clone().map(Value::from));
    // Models that reason know the newer name alone, and many providers of other models only the older one.
    let most = if settings.reasoning_effort.is_some() { "max_completion_tokens" } else { "max_tokens" };
    set(most, settings.max_tokens.map(Value::from));
    body.into()
}

fn message(said: &Said) -> Value {
    let text = &said.message.text;
    if said.message.answer.is_some() {
        return json!({ "role": "assistant", "content": text });
    }
    if said.images.is_empty() {
        return json!({ "role": "user", "content": text });
    }
    let text = Some(text).filter(|text| !text.is_empty()).map(|text| json!({ "type": "text", "text": text }));
    let images = said.images.iter().map(|image| json!({ "type": "image_url", "image_url": { "url": data_url(image) } }));
    json!({ "role": "user", "content": text.into_iter().chain(images).collect::<Vec<_>>() })
}
