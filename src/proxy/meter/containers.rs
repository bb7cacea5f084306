//! Containers that an answer's output names.

use std::sync::Arc;

use serde_json::Value;

/// Most containers that one answer may name.
const MOST: usize = 32;

/// The ids under `container_id`, each once, in an output of the Responses API.
pub(super) fn in_output(output: &[u8]) -> Vec<Arc<str>> {
    let mut found = Vec::new();
    if memchr::memmem::find(output, b"\"container_id\"").is_some()
        && let Ok(output) = serde_json::from_slice(output)
    {
        collect(&output, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut Vec<Arc<str>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(id) if name == "container_id" => {
                        if found.len() < MOST && !found.iter().any(|known| **known == **id) {
                            found.push(id.as_str().into());
                        }
                    }
                    _ => collect(member, found),
                }
            }
        }
        _ => {}
    }
}
