//! Conversations and pictures as files.

use bytes::Bytes;
use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Enum};

use super::body::WholeChat;
use crate::admin::AdminContext;
use crate::admin::error::ApiError;
use crate::domain::{ChatId, ChatMessage, ChatOwner};
use crate::playground::{data_url, markdown};
use crate::store::NewImage;

const MARKDOWN: &str = "text/markdown; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ChatFormat", rename_all = "lowercase")]
pub(super) enum Format {
    /// To be read.
    Markdown,
    /// To be read by a program.
    Json,
}

/// A conversation as a file.
pub(super) struct Exported {
    content_type: &'static str,
    file_name: String,
    text: String,
}

/// Makes the file.
pub(super) async fn export(context: &AdminContext, owner: ChatOwner, id: ChatId, format: Format) -> Result<Exported, ApiError> {
    let (chat, messages) = context.store().chat(owner, id).await?;
    match format {
        Format::Markdown => {
            let branch = chat.branch(&messages);
            let text = markdown(&chat, &branch);
            Ok(Exported { content_type: MARKDOWN, file_name: format!("chat-{id}.md"), text })
        }
        Format::Json => {
            let pictures = pictures(context, owner, id, &messages).await?;
            let whole = WholeChat::new(chat, messages).with_pictures(pictures);
            let text = format!("{:#}\n", whole.to_json().unwrap_or_default());
            Ok(Exported { content_type: JSON, file_name: format!("chat-{id}.json"), text })
        }
    }
}

async fn pictures(
    context: &AdminContext,
    owner: ChatOwner,
    id: ChatId,
    messages: &[ChatMessage],
) -> Result<Vec<Vec<String>>, ApiError> {
    let mut pictures = Vec::with_capacity(messages.len());
    for message in messages {
        let images = context.playground.images(owner, id, message).await?;
        pictures.push(images.iter().map(data_url).collect());
    }
    Ok(pictures)
}

impl IntoResponse for Exported {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        self.text.with_content_type(self.content_type).with_header(header::CONTENT_DISPOSITION, disposition).into_response()
    }
}

/// A picture.
pub(super) struct Picture(NewImage);

impl Picture {
    pub(super) fn new(image: NewImage) -> Self {
        Picture(image)
    }
}

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let NewImage { media_type, bytes } = self.0;
        // A message never changes, and neither do its pictures.
        let response = Bytes::into_response(bytes).with_content_type(media_type);
        response
            .with_header(header::CACHE_CONTROL, "private, max-age=86400, immutable")
            .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .into_response()
    }
}

fn text() -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
}

fn file_response<const N: usize>(description: &'static str, types: [(&'static str, MetaSchemaRef); N]) -> MetaResponses {
    let content = types.map(|(content_type, schema)| MetaMediaType { content_type, schema }).into();
    MetaResponses {
        responses: vec![MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] }],
    }
}

impl ApiResponse for Exported {
    fn meta() -> MetaResponses {
        file_response("The file.", [(MARKDOWN, text()), (JSON, WholeChat::schema_ref())])
    }

    fn register(registry: &mut Registry) {
        WholeChat::register(registry);
    }
}

impl ApiResponse for Picture {
    fn meta() -> MetaResponses {
        let types = ["image/png", "image/jpeg", "image/gif", "image/webp"];
        file_response("The picture.", types.map(|media_type| (media_type, text())))
    }

    fn register(_registry: &mut Registry) {}
}
