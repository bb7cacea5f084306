//! Examples of answers that have none of their own, such as pages: put together from those of their members.

use serde_json::{Map, Value};

/// Gives the bodies of an operation's good answers their examples, where their types have none.
pub(super) fn add(operation: &mut Map<String, Value>, schemas: &Value) {
    let answers = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
    let good = answers.filter(|(status, _)| status.starts_with('2'));
    let bodies = good.filter_map(|(_, answer)| answer.get_mut("content")?.as_object_mut()).flat_map(Map::values_mut);
    for body in bodies {
        let Some(named) = named(&body["schema"], schemas).filter(|schema| schema.get("example").is_none()) else { continue };
        if let Some(example) = assembled(named, schemas) {
            body["example"] = example;
        }
    }
}

/// The schema that a reference leads to.
fn named<'s>(schema: &Value, schemas: &'s Value) -> Option<&'s Value> {
    // A member with a description of its own refers inside `allOf`.
    let reference = schema.get("$ref").or_else(|| schema["allOf"][0].get("$ref"))?;
    schemas.get(reference.as_str()?.rsplit('/').next()?)
}

/// An example of a schema; `None` where a figure or a text would have to be made up.
fn assembled(schema: &Value, schemas: &Value) -> Option<Value> {
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    let found = match (named(schema, schemas), schema["type"].as_str()) {
        (Some(named), _) => assembled(named, schemas),
        (None, Some("array")) => Some(assembled(&schema["items"], schemas).into_iter().collect()),
        (None, Some("object")) => {
            let members = schema["properties"].as_object()?.iter();
            members.map(|(name, member)| Some((name.clone(), assembled(member, schemas)?))).collect()
        }
        _ => None,
    };
    found.or_else(|| (schema["nullable"] == true).then_some(Value::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_made_of_what_its_members_are() {
        let schemas = json!({
            "Key": { "type": "object", "properties": { "id": { "type": "integer" } }, "example": { "id": 7 } },
            "Page": { "type": "object", "properties": {
                "keys": { "type": "array", "items": { "$ref": "#/components/schemas/Key" } },
                "first": { "description": "The first.", "allOf": [{ "$ref": "#/components/schemas/Key" }] },
                "next_cursor": { "type": "string", "nullable": true },
            } },
            "Bare": { "type": "object", "properties": { "id": { "type": "integer" } } },
        });
        let body = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
        let mut operation = json!({ "responses": {
            "200": { "content": { "application/json": body("Page") } },
            "201": { "content": { "application/json": body("Key") } },
            "202": { "content": { "application/json": body("Bare") } },
            "400": { "content": { "application/json": body("Page") } },
        } });
        add(operation.as_object_mut().unwrap(), &schemas);
        let example = |status: &str| operation["responses"][status]["content"]["application/json"].get("example").cloned();
        let page = json!({ "keys": [{ "id": 7 }], "first": { "id": 7 }, "next_cursor": null });
        assert_eq!((example("200"), example("201"), example("202"), example("400")), (Some(page), None, None, None));
    }
}
