//! The provider behind every peer: a process of its own that answers from bytes that were built once, as cheaply as it can, so that
//! what is measured is the proxy before it. Its model names say how it answers.

use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers at once with one JSON body.
pub const PLAIN: &str = "bench-plain";
/// Streams its events as fast as the socket takes them, each with a write of its own.
pub const BURST: &str = "bench-burst";
/// Streams its events 2 ms apart.
pub const PACED: &str = "bench-paced";
/// Streams events without end, as fast as they are read.
pub const ENDLESS: &str = "bench-endless";

/// Events with content in one stream.
pub const EVENTS: usize = 50;
const PACE: Duration = Duration::from_millis(2);

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nx-request-id: req_bench\r\n\
                    transfer-encoding: chunked\r\n\r\n";
const END: &[u8] = b"0\r\n\r\n";

static PLAIN_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = "A plain answer of ordinary length. ".repeat(5);
    let body = format!(
        r#"{{"id":"chatcmpl-BenchBenchBenchBenchBench","object":"chat.completion","created":1764066000,"model":"{PLAIN}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":212,"completion_tokens":41,"total_tokens":253,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}},"system_fingerprint":"fp_bench"}}"#
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\nopenai-processing-ms: 1";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
});

static EVENTS_OF_A_STREAM: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let event = |delta: &str, rest: &str| {
        let data = format!(
            "data: {{\"id\":\"chatcmpl-BenchBenchBenchBenchBench\",\"object\":\"chat.completion.chunk\",\"created\":1764066000,\
             \"model\":\"{BURST}\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]{rest}}}\n\n"
        );
        chunk(&data)
    };
    let mut events = vec![event(r#"{"role":"assistant","content":""}"#, "")];
    events.extend((0..EVENTS).map(|at| event(&format!(r#"{{"content":" word {at}"}}"#), "")));
    let usage = r#","usage":{"prompt_tokens":212,"completion_tokens":50,"total_tokens":262}"#;
    events.push(event("{}", usage));
    events.push(chunk("data: [DONE]\n\n"));
    events
});

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// Serves on a free port of the loopback until the process is ended; prints the address as its only line.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    // Segments of a real network instead of the loopback's 64 KiB, which would give every stream megabytes of kernel buffers.
    socket2::SockRef::from(&listener).set_tcp_mss(1_460)?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A peer that goes away ends its connection only; the peers' own figures show what went wrong.
        tokio::spawn(async move { converse(stream).await.is_ok() });
    }
}

async fn converse(mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let mut filled = 0;
        while !is_whole(&buffer[..filled]) {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        }
        answer(&mut stream, &buffer[..filled]).await?;
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = memmem::find(request, b"\r\n\r\n") else { return false };
    let head = request[..end].to_ascii_lowercase();
    if memmem::find(&head, b"transfer-encoding: chunked").is_some() {
        return request.ends_with(END);
    }
    let length = memmem::find(&head, b"content-length:").map_or(0, |at| {
        let digits = head[at + 15..].iter().skip_while(|byte| **byte == b' ').take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
    });
    request.len() >= end + 4 + length
}

async fn answer(stream: &mut TcpStream, request: &[u8]) -> Result<()> {
    let asks = |model: &str| memmem::find(request, model.as_bytes()).is_some();
    if asks(PLAIN) {
        return Ok(stream.write_all(&PLAIN_ANSWER).await?);
    }
    stream.write_all(HEAD.as_bytes()).await?;
    let events = &*EVENTS_OF_A_STREAM;
    if asks(ENDLESS) {
        for event in events[..=EVENTS].iter().chain(events[1..=EVENTS].iter().cycle()) {
            stream.write_all(event).await?;
        }
    }
    let mut clock = asks(PACED).then(|| tokio::time::interval(PACE));
    for event in events {
        match &mut clock {
            Some(clock) => drop(clock.tick().await),
            None => tokio::task::yield_now().await,
        }
        stream.write_all(event).await?;
    }
    Ok(stream.write_all(END).await?)
}
