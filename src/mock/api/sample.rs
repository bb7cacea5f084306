//! Values that fit a JSON schema, and the calls of functions made of them.

use serde_json::{Map, Value, json};

use super::super::text::quoted;

/// Levels of a schema that are filled in; a recursive one stops here.
const MAX_DEPTH: usize = 8;

/// A value that fits a schema, always the same one.
pub(super) fn sample(schema: &Value) -> Value {
    sample_at(schema, 0)
}

fn sample_at(schema: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(first) = schema["anyOf"].get(0).or(schema["oneOf"].get(0)) {
        return sample_at(first, depth + 1);
    }
    let kind = schema["type"].as_str().or(schema["type"].get(0).and_then(Value::as_str));
    match kind {
        Some("string") => json!("sample"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([sample_at(&schema["items"], depth + 1)]),
        Some("null") => Value::Null,
        _ => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let filled: Map<String, Value> =
                properties.map(|(name, schema)| (name.clone(), sample_at(schema, depth + 1))).collect();
            Value::Object(filled)
        }
    }
}

/// A call of a function that the request offered.
pub(super) struct FunctionCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
}

impl FunctionCall {
    /// A call of a tool in any of the three shapes: nested under `function`, flat with `parameters`, or `input_schema`.
    pub(super) fn of_tool(tool: &Value, number: u64) -> Option<Self> {
        let function = tool.get("function").unwrap_or(tool);
        let schema = function.get("parameters").or(function.get("input_schema")).unwrap_or(&Value::Null);
        Some(FunctionCall {
            id: format!("call_mock{number:020x}"),
            name: function["name"].as_str()?.to_owned(),
            arguments: sample(schema).to_string(),
        })
    }

    /// The arguments in pieces of a few bytes, cut between characters.
    pub(super) fn argument_pieces(&self) -> Vec<&str> {
        self.arguments.split_inclusive([':', ',']).collect()
    }

    pub(super) fn chat_object(&self) -> String {
        let (name, arguments) = (quoted(&self.name), quoted(&self.arguments));
        format!(r#"{{"id":"{}","type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#, self.id)
    }

    /// The deltas of a chat stream, without braces.
    pub(super) fn chat_deltas(&self) -> Vec<String> {
        let first = format!(
            r#""tool_calls":[{{"index":0,"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}]"#,
            self.id,
            quoted(&self.name)
        );
        let rest = self.argument_pieces().into_iter();
        let rest = rest.map(|piece| format!(r#""tool_calls":[{{"index":0,"function":{{"arguments":{}}}}}]"#, quoted(piece)));
        std::iter::once(first).chain(rest).collect()
    }
}
