//! An answer that is a table to be kept as a file.

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// Comma-separated values, with the name that a browser keeps them under.
pub(super) struct Table {
    file_name: &'static str,
    bytes: Vec<u8>,
}

impl Table {
    pub(super) fn new(file_name: &'static str, bytes: Vec<u8>) -> Self {
        Table { file_name, bytes }
    }
}

impl IntoResponse for Table {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let table = self.bytes.with_content_type(CONTENT_TYPE).with_header(header::CONTENT_DISPOSITION, disposition);
        table.with_header(header::CACHE_CONTROL, "no-store").into_response()
    }
}

impl ApiResponse for Table {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: CONTENT_TYPE, schema }];
        let response =
            MetaResponse { description: "A table.", status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}

/// A cell that no spreadsheet takes for a formula.
pub(super) fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}
