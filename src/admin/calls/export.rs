//! Every call that matches, as a file that is written while it is read.

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Enum};
use serde_json::Value;

use super::body::{CallLine, CallPageBody};
use crate::admin::table::inert;
use crate::store::{CallLog, CallQuery};

/// Calls that are read at once.
const CALLS_AT_ONCE: usize = 1000;
/// The columns of a table: members of a call.
const COLUMNS: [&str; 27] = [
    "id",
    "started_at",
    "duration_ms",
    "first_token_ms",
    "method",
    "path",
    "api",
    "stream",
    "status",
    "outcome",
    "error_code",
    "client",
    "model",
    "served_model",
    "provider",
    "key",
    "attempt_count",
    "probe",
    "blank",
    "cost_usd",
    "input",
    "output",
    "cached_read",
    "reasoning",
    "usage_quality",
    "bytes_out",
    "tags",
];

/// In which form calls are listed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Enum)]
#[oai(rename = "CallFormat", rename_all = "snake_case")]
pub(super) enum Format {
    /// A page of them.
    #[default]
    Json,
    /// Every one that matches, as comma-separated values.
    Csv,
    /// Every one that matches, a JSON object a line.
    Jsonl,
}

/// A page of calls, or a file of all that match.
pub(super) enum CallList {
    Page(CallPageBody),
    File(Format, CallLog, Box<CallQuery>),
}

impl IntoResponse for CallList {
    fn into_response(self) -> Response {
        let (format, log, query) = match self {
            CallList::Page(page) => return Json(page).into_response(),
            CallList::File(format, log, query) => (format, log, query),
        };
        let (content_type, name) = match format {
            Format::Csv => (CSV, "calls.csv"),
            Format::Json | Format::Jsonl => (JSONL, "calls.jsonl"),
        };
        Body::from_bytes_stream(pages(format, log, CallQuery { limit: CALLS_AT_ONCE, ..*query }))
            .with_content_type(content_type)
            .with_header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
            .into_response()
    }
}

/// The file, a page of calls at a time. A log that cannot be read breaks it off, so that nobody takes a part for the whole.
fn pages(format: Format, log: CallLog, query: CallQuery) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let head = if format == Format::Csv { csv_line(COLUMNS.map(str::to_owned)) } else { Vec::new() };
    unfold(Some((log, query, head)), move |state| async move {
        let (log, query, mut bytes) = state?;
        let page = match log.list(query.clone()).await {
            Ok(page) => page,
            Err(error) => return Some((Err(std::io::Error::other(error)), None)),
        };
        for line in page.calls.iter().map(CallLine::from) {
            let Some(Value::Object(call)) = line.to_json() else { continue };
            match format {
                Format::Csv => bytes.extend(csv_line(COLUMNS.map(|column| cell(call.get(column))))),
                Format::Json | Format::Jsonl => bytes.extend(format!("{}\n", Value::Object(call)).into_bytes()),
            }
        }
        let next = page.next.map(|cursor| (log, CallQuery { cursor: Some(cursor), ..query }, Vec::new()));
        Some((Ok(Bytes::from(bytes)), next))
    })
}

/// A member as a cell: things by their name.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => inert(text.clone()),
        Some(Value::Object(named)) => cell(named.get("name")),
        Some(Value::Array(texts)) => inert(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|")),
        Some(other) => other.to_string(),
    }
}

fn csv_line<const N: usize>(cells: [String; N]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    drop(writer.write_record(cells));
    writer.into_inner().unwrap_or_default()
}

const CSV: &str = "text/csv; charset=utf-8";
const JSONL: &str = "application/jsonl";

impl ApiResponse for CallList {
    fn meta() -> MetaResponses {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let json = Json::<CallPageBody>::CONTENT_TYPE;
        let content = vec![
            MetaMediaType { content_type: json, schema: CallPageBody::schema_ref() },
            MetaMediaType { content_type: CSV, schema: text() },
            MetaMediaType { content_type: JSONL, schema: text() },
        ];
        let response = MetaResponse { description: "Calls.", status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        CallPageBody::register(registry);
    }
}
