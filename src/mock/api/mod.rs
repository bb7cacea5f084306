//! The simulated APIs, one file for each.

mod chat;
mod completions;
mod content;
mod embeddings;
mod files;
mod media;
mod messages;
mod models;
mod multipart;
mod response_events;
mod responses;
mod sample;

use super::behaviour::Behaviour;
use super::persona::Refusal;
use super::simulation::Call;

/// Answers a call whose persona does answer.
pub(super) fn answer(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    match (call.request.method.as_str(), segments.as_slice()) {
        ("POST", ["chat", "completions"]) => chat::create(call),
        ("POST", ["completions"]) => completions::create(call),
        ("POST", ["messages"]) => messages::create(call),
        ("POST", ["messages", "count_tokens"]) => messages::count(call),
        ("POST", ["embeddings"]) => embeddings::create(call),
        ("POST", ["moderations"]) => embeddings::moderate(call),
        ("POST", ["images", "generations"]) => media::generate(call),
        ("POST", ["images", "edits" | "variations"]) => media::edit(call),
        ("POST", ["audio", "speech"]) => media::speak(call),
        ("POST", ["audio", "transcriptions" | "translations"]) => media::transcribe(call),
        ("POST", ["responses"]) => responses::create(call),
        ("POST", ["responses", "input_tokens"]) => responses::count_input(call),
        ("GET", ["responses", id]) => responses::get(call, id),
        ("DELETE", ["responses", id]) => responses::delete(call, id),
        ("POST", ["responses", id, "cancel"]) => responses::cancel(call, id),
        ("GET", ["responses", id, "input_items"]) => responses::list_input_items(call, id),
        ("GET" | "HEAD", ["models"]) => Ok(models::list(call)),
        ("GET" | "HEAD", ["models", name @ ..]) => models::get(call, &name.join("/")),
        ("POST", ["files"]) => files::upload(call),
        ("GET", ["files"]) => Ok(files::list(call, "file-")),
        ("GET", ["files", id]) => files::get(call, "File", id),
        ("DELETE", ["files", id]) => files::delete(call, "File", "file", id),
        ("GET", ["files", id, "content"]) => files::content(call, id),
        ("POST", ["batches"]) => files::create_batch(call),
        ("GET", ["batches"]) => Ok(files::list(call, "batch_")),
        ("GET", ["batches", id]) => files::get(call, "Batch", id),
        ("POST", ["batches", id, "cancel"]) => files::cancel_batch(call, id),
        ("POST", ["vector_stores"]) => files::create_vector_store(call),
        ("GET", ["vector_stores"]) => Ok(files::list(call, "vs_")),
        ("GET", ["vector_stores", id]) => files::get(call, "Vector store", id),
        ("DELETE", ["vector_stores", id]) => files::delete(call, "Vector store", "vector_store.deleted", id),
        ("POST", ["vector_stores", id, "files"]) => files::add_to_vector_store(call, id),
        ("GET", ["vector_stores", id, "files"]) => files::list_vector_store_files(call, id),
        (method, _) => {
            let message = format!("Unknown request URL: {method} {}. Please check the URL for typos.", call.request.path());
            Err(Refusal::request(404, "unknown_url", message))
        }
    }
}
