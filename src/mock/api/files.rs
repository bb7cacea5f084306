//! `/v1/files`, `/v1/batches` and `/v1/vector_stores`: objects that belong to an account.

use serde_json::{Value, json};

use super::super::account::Stored;
use super::super::behaviour::Behaviour;
use super::super::persona::Refusal;
use super::super::simulation::Call;
use super::multipart;

fn not_found(what: &str, id: &str) -> Refusal {
    Refusal::request(404, "not_found", format!("No such {what} object: {id}"))
}

fn listing(call: &Call<'_>, prefix: &str) -> Behaviour {
    let data = call.accounts.list(call.account, prefix);
    let edge = |object: Option<&Value>| object.map_or(Value::Null, |object| object["id"].clone());
    let (first, last) = (edge(data.first()), edge(data.last()));
    call.ok_json(&json!({ "object": "list", "data": data, "first_id": first, "last_id": last, "has_more": false }))
}

/// Keeps an object for the account and answers it.
fn keep(call: &Call<'_>, object: Value, content: bytes::Bytes) -> Behaviour {
    let id = object["id"].as_str().unwrap_or_default();
    call.accounts.keep(call.account, id, Stored { object: object.clone(), content, ..Stored::default() });
    call.ok_json(&object)
}

pub(super) fn list(call: &Call<'_>, prefix: &str) -> Behaviour {
    listing(call, prefix)
}

pub(super) fn get(call: &Call<'_>, what: &str, id: &str) -> Result<Behaviour, Refusal> {
    let stored = call.accounts.get(call.account, id).ok_or_else(|| not_found(what, id))?;
    Ok(call.ok_json(&stored.object))
}

pub(super) fn delete(call: &Call<'_>, what: &str, deleted: &str, id: &str) -> Result<Behaviour, Refusal> {
    if call.accounts.remove(call.account, id) {
        Ok(call.ok_json(&json!({ "id": id, "object": deleted, "deleted": true })))
    } else {
        Err(not_found(what, id))
    }
}

pub(super) fn upload(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let parts = multipart::parts(call.request)?;
    let file = parts.iter().find(|part| part.file_name.is_some());
    let file =
        file.ok_or_else(|| Refusal::request(400, "missing_required_parameter", "Missing required parameter: 'file'."))?;
    let purpose = parts.iter().find(|part| part.name == "purpose").map_or("user_data".to_owned(), multipart::Part::text);
    let object = json!({
        "id": call.id("file-"),
        "object": "file",
        "bytes": file.body.len(),
        "created_at": call.now_s,
        "filename": file.file_name,
        "purpose": purpose,
        "status": "processed",
    });
    Ok(keep(call, object, file.body.clone()))
}

pub(super) fn content(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    let stored = call.accounts.get(call.account, id).ok_or_else(|| not_found("File", id))?;
    Ok(call.ok().header("content-type", "application/octet-stream").piece(stored.content))
}

pub(super) fn create_batch(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: Value = call.json()?;
    let input = request["input_file_id"].as_str().unwrap_or_default();
    if !call.accounts.has(call.account, input) {
        return Err(not_found("File", input));
    }
    let object = json!({
        "id": call.id("batch_"),
        "object": "batch",
        "endpoint": request["endpoint"],
        "errors": null,
        "input_file_id": input,
        "completion_window": request["completion_window"],
        "status": "validating",
        "output_file_id": null,
        "error_file_id": null,
        "created_at": call.now_s,
        "expires_at": call.now_s + 86_400,
        "request_counts": { "total": 0, "completed": 0, "failed": 0 },
        "metadata": request["metadata"],
    });
    Ok(keep(call, object, bytes::Bytes::new()))
}

pub(super) fn cancel_batch(call: &Call<'_>, id: &str) -> Result<Behaviour, Refusal> {
    let cancelled = call.accounts.change(call.account, id, |stored| {
        stored.object["status"] = json!("cancelling");
        stored.object.clone()
    });
    cancelled.map(|object| call.ok_json(&object)).ok_or_else(|| not_found("Batch", id))
}

pub(super) fn create_vector_store(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: Value = if call.request.body.is_empty() { json!({}) } else { call.json()? };
    let files = request["file_ids"].as_array().map_or(0, Vec::len);
    let object = json!({
        "id": call.id("vs_"),
        "object": "vector_store",
        "created_at": call.now_s,
        "name": request["name"],
        "usage_bytes": 0,
        "file_counts": { "in_progress": 0, "completed": files, "failed": 0, "cancelled": 0, "total": files },
        "status": "completed",
        "expires_after": null,
        "expires_at": null,
        "last_active_at": call.now_s,
        "metadata": request.get("metadata").cloned().unwrap_or(json!({})),
    });
    Ok(keep(call, object, bytes::Bytes::new()))
}

pub(super) fn add_to_vector_store(call: &Call<'_>, store: &str) -> Result<Behaviour, Refusal> {
    let request: Value = call.json()?;
    let file = request["file_id"].as_str().unwrap_or_default();
    let bytes = call.accounts.get(call.account, file).ok_or_else(|| not_found("File", file))?.content.len();
    let object = json!({
        "id": file,
        "object": "vector_store.file",
        "created_at": call.now_s,
        "usage_bytes": bytes,
        "vector_store_id": store,
        "status": "completed",
        "last_error": null,
    });
    let added = call.accounts.change(call.account, store, |stored| {
        stored.items.push(object.clone());
        for count in ["completed", "total"] {
            stored.object["file_counts"][count] = json!(stored.items.len());
        }
    });
    added.map(|()| call.ok_json(&object)).ok_or_else(|| not_found("Vector store", store))
}

pub(super) fn list_vector_store_files(call: &Call<'_>, store: &str) -> Result<Behaviour, Refusal> {
    let stored = call.accounts.get(call.account, store).ok_or_else(|| not_found("Vector store", store))?;
    Ok(call.ok_json(&json!({ "object": "list", "data": stored.items, "has_more": false })))
}
