//! The models to chat with, as the API shows them.

use poem_openapi::Object;

use crate::admin::wire::example;
use crate::playground::ChatModel;

/// The models to chat with.
#[derive(Object)]
pub(super) struct ChatModels {
    /// By name.
    models: Vec<ChatModelBody>,
}

/// A model to chat with.
#[derive(Object)]
#[oai(rename = "ChatModel", example)]
struct ChatModelBody {
    /// The public name.
    name: String,
    /// Accepts pictures; null: not known.
    #[oai(nullable)]
    vision: Option<bool>,
    /// Tokens that fit into one call; null: not known.
    #[oai(nullable)]
    context_length: Option<u64>,
}

impl From<Vec<ChatModel>> for ChatModels {
    fn from(models: Vec<ChatModel>) -> Self {
        let to_body = |model: ChatModel| ChatModelBody {
            name: model.name,
            vision: model.capabilities.vision,
            context_length: model.capabilities.context_length,
        };
        ChatModels { models: models.into_iter().map(to_body).collect() }
    }
}

example!(ChatModelBody, { "name": "gpt-4o-mini", "vision": true, "context_length": 128_000 });
