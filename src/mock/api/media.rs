//! `/v1/images/*` and `/v1/audio/*`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::behaviour::Behaviour;
use super::super::persona::Refusal;
use super::super::simulation::Call;
use super::super::text::{count_tokens, pieces, seed_of};
use super::multipart;

/// One transparent pixel.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
/// Tokens of one picture, as `gpt-image-1` counts a small one.
const TOKENS_OF_A_PICTURE: u64 = 272;
/// Bytes of simulated sound for each character that is spoken.
const SOUND_BYTES_PER_CHARACTER: usize = 400;
/// Bytes of a second of sound, to tell an upload's length.
const SOUND_BYTES_PER_SECOND: usize = 16_000;

#[derive(Deserialize)]
struct ImageRequest<'a> {
    #[serde(borrow, default)]
    prompt: Cow<'a, str>,
    n: Option<u64>,
}

pub(super) fn generate(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: ImageRequest<'_> = call.json()?;
    Ok(call.ok_json(&pictures(call, &request.prompt, request.n.unwrap_or(1), 0)))
}

/// `POST /images/edits` and `/images/variations`: a form with pictures in it.
pub(super) fn edit(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let parts = multipart::parts(call.request)?;
    let field = |name: &str| parts.iter().find(|part| part.name == name).map(multipart::Part::text);
    let given = parts.iter().filter(|part| part.file_name.is_some()).count() as u64;
    let count = field("n").and_then(|count| count.parse().ok()).unwrap_or(1);
    Ok(call.ok_json(&pictures(call, &field("prompt").unwrap_or_default(), count, given)))
}

fn pictures(call: &Call<'_>, prompt: &str, count: u64, given: u64) -> Value {
    let count = count.clamp(1, 10);
    let text = count_tokens(prompt);
    let input = text + given * TOKENS_OF_A_PICTURE;
    let output = count * TOKENS_OF_A_PICTURE;
    json!({
        "created": call.now_s,
        "data": vec![json!({ "b64_json": PICTURE }); count as usize],
        "usage": {
            "input_tokens": input,
            "input_tokens_details": { "text_tokens": text, "image_tokens": input - text },
            "output_tokens": output,
            "total_tokens": input + output,
        },
    })
}

#[derive(Deserialize)]
struct SpeechRequest<'a> {
    #[serde(borrow)]
    input: Cow<'a, str>,
    response_format: Option<Cow<'a, str>>,
}

/// Bytes that are no text, in chunks, as long as the text is.
pub(super) fn speak(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let request: SpeechRequest<'_> = call.json()?;
    let content_type = match request.response_format.as_deref().unwrap_or("mp3") {
        "wav" => "audio/wav",
        "opus" => "audio/opus",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "pcm" => "audio/pcm",
        _ => "audio/mpeg",
    };
    let mut behaviour = call.chunked().header("content-type", content_type);
    let length = request.input.chars().count() * SOUND_BYTES_PER_CHARACTER;
    let sound: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
    for piece in sound.chunks(4_096) {
        behaviour.push_pause(call.event_pause());
        behaviour.push_piece(piece.to_vec());
    }
    Ok(behaviour)
}

/// `POST /audio/transcriptions` and `/audio/translations`.
pub(super) fn transcribe(call: &Call<'_>) -> Result<Behaviour, Refusal> {
    let parts = multipart::parts(call.request)?;
    let field = |name: &str| parts.iter().find(|part| part.name == name).map(multipart::Part::text);
    let file = parts.iter().find(|part| part.name == "file");
    let file =
        file.ok_or_else(|| Refusal::request(400, "missing_required_parameter", "Missing required parameter: 'file'."))?;
    let seconds = file.body.len().div_ceil(SOUND_BYTES_PER_SECOND) as u64;
    let words: Vec<&str> = pieces(seed_of(&[&file.body]), (seconds as usize * 3).clamp(8, 400)).collect();
    let text = words.concat();
    // Whisper counts seconds, its successors tokens.
    let usage = if field("model").is_some_and(|model| model.starts_with("whisper")) {
        json!({ "type": "duration", "seconds": seconds })
    } else {
        let (input, output) = (seconds * 10, words.len() as u64);
        json!({
            "type": "tokens", "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_token_details": { "text_tokens": 0, "audio_tokens": input },
        })
    };
    if field("stream").as_deref() == Some("true") {
        let mut behaviour = call.stream();
        for word in &words {
            behaviour.push_pause(call.event_pause());
            behaviour = behaviour.event(&json!({ "type": "transcript.text.delta", "delta": word }).to_string());
        }
        return Ok(behaviour.event(&json!({ "type": "transcript.text.done", "text": text, "usage": usage }).to_string()));
    }
    Ok(match field("response_format").as_deref() {
        Some("text") => call.ok().header("content-type", "text/plain; charset=utf-8").piece(text),
        Some("srt") => {
            let subtitle = format!("1\n00:00:00,000 --> 00:00:{:02},000\n{text}\n", seconds.min(59));
            call.ok().header("content-type", "text/plain; charset=utf-8").piece(subtitle)
        }
        Some("verbose_json") => {
            let object = json!({ "task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [], "usage": usage });
            call.ok_json(&object)
        }
        _ => call.ok_json(&json!({ "text": text, "usage": usage })),
    })
}
