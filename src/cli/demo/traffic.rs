//! The demo's live calls: about one a second, each told in a line.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::local_http::{dial, exchange};
use crate::clock::Entropy;
use crate::config::ListenAddress;

/// Calls that may be under way at once.
const AT_ONCE: usize = 32;
const QUESTIONS: [&str; 5] = [
    "Summarise the minutes of the meeting.",
    "Translate this to Portuguese: good morning.",
    "为这封邮件写一个简短的回复。",
    "Write a haiku about a spinning wheel. 🎡",
    "Which of these tickets are about billing?",
];

/// A kind of call, with how often it is made.
struct Kind {
    share: u64,
    path: &'static str,
    model: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind { share: 40, path: "/v1/chat/completions", model: "fast" },
    Kind { share: 25, path: "/v1/chat/completions", model: "resilient" },
    Kind { share: 15, path: "/v1/messages", model: "smart" },
    Kind { share: 10, path: "/v1/responses", model: "gpt-4o-mini" },
    Kind { share: 10, path: "/v1/embeddings", model: "text-embedding-3-small" },
];

/// Makes `rate` calls a second to a server until it drains.
pub(super) fn start(server: ListenAddress, token: SecretString, rate: f64, draining: CancellationToken) {
    if rate <= 0.0 {
        return;
    }
    tokio::spawn(draining.run_until_cancelled_owned(async move {
        let entropy = Entropy::from_system();
        let (address, token) = (Arc::new(server), Arc::new(token));
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        loop {
            tick.tick().await;
            let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
            let (address, token, dice) = (address.clone(), token.clone(), entropy.next_u64());
            tokio::spawn(async move {
                let line = call(&address, &token, dice).await;
                // Whoever read along may have left: the demo goes on.
                drop(writeln!(std::io::stdout(), "{line}"));
                drop(slot);
            });
        }
    }));
}

/// Makes one call; what became of it, in a line.
async fn call(address: &ListenAddress, token: &SecretString, dice: u64) -> String {
    let kind = kind_of(dice % 100);
    let question = QUESTIONS[(dice / 100 % QUESTIONS.len() as u64) as usize];
    let stream = kind.path != "/v1/embeddings" && (dice / 1_000).is_multiple_of(2);
    let begun = Instant::now();
    let answered = ask(address, token, kind, question, stream).await;
    let took = begun.elapsed().as_millis();
    let how = if stream { "stream" } else { "" };
    match answered {
        Ok(answer) => {
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
            let (provider, key, attempts) =
                (header("x-keywheel-provider"), header("x-keywheel-key"), header("x-keywheel-attempts"));
            let tries = if attempts == "1" { "1 attempt" } else { &format!("{attempts} attempts") };
            let status = answer.status();
            let served = if status.is_success() { format!("by {provider}/{key}") } else { code_of(answer.body()) };
            format!("  {:<22} {how:<6} {} {served:<30} {tries:<10} {took:>6} ms", kind.model, status.as_u16())
        }
        Err(error) => format!("  {:<22} {how:<6} {error}", kind.model),
    }
}

/// The code of an error.
fn code_of(body: &[u8]) -> String {
    let said = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    said["error"]["code"].as_str().unwrap_or("error").to_owned()
}

fn kind_of(mut share: u64) -> &'static Kind {
    for kind in &KINDS {
        if share < kind.share {
            return kind;
        }
        share -= kind.share;
    }
    &KINDS[0]
}

async fn ask(
    address: &ListenAddress,
    token: &SecretString,
    kind: &Kind,
    question: &str,
    stream: bool,
) -> anyhow::Result<Response<Bytes>> {
    let messages = json!([{ "role": "user", "content": question }]);
    let body = match kind.path {
        "/v1/embeddings" => json!({ "model": kind.model, "input": question }),
        "/v1/responses" => json!({ "model": kind.model, "input": question, "stream": stream }),
        "/v1/messages" => json!({ "model": kind.model, "max_tokens": 200, "messages": messages, "stream": stream }),
        _ => json!({ "model": kind.model, "messages": messages, "stream": stream }),
    };
    let request = Request::post(kind.path)
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
        .header(header::CONTENT_TYPE, "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("x-keywheel-debug", "1")
        .body(Full::from(body.to_string()))?;
    exchange(dial(address, None).await?, request).await
}
