//! Many streams, slow readers, idle sockets and readers who leave: what they cost, and that nobody else notices.

use std::time::{Duration, Instant};

use bytes::Bytes;
use keywheel::domain::{Outcome, UsageQuality};
use keywheel::mock::{Behaviour, Ending, MockProvider};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::app::{TOKEN, TestApp, bootstrap_of, chat_body, eventually};
use crate::process::{Process, number_from};
use crate::support::{PATIENCE, read_until};

/// Bytes of one piece that the provider writes: about thirty events.
const PIECE: usize = 4 * 1024;
/// Most for one stream of which the reader has taken little: a build without optimisation keeps larger futures.
const MOST_KIB: u64 = 96;
/// Most for one stream that the provider sends far faster than the reader takes it.
const MOST_LONG_KIB: u64 = 640;
/// What a machine's allocator and the kernel's rhythm may add to a measurement, besides what is counted.
const NOISE_KIB: u64 = 4 * 1024;

/// Lets this process have as many sockets as it may; how many that are.
fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Events of content, about `PIECE` bytes of them.
fn piece_of_events() -> Bytes {
    let event = format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": "wheels within wheels "}}]}));
    event.repeat(PIECE / event.len()).into()
}

/// A stream of this many bytes that is there at once, and then hangs.
fn stream_of(bytes: usize) -> Behaviour {
    let piece = piece_of_events();
    let mut behaviour = Behaviour::stream();
    for _ in 0..bytes.div_ceil(piece.len()) {
        behaviour.push_piece(piece.clone());
    }
    behaviour.ending(Ending::Hang)
}

/// Opens a stream on a socket with a small buffer, reads its beginning and nothing more.
async fn slow_reader(process: &Process) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(process.address().parse().unwrap()).await.expect("the server accepts");
    let body = chat_body(true);
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all([head, body].concat().as_bytes()).await.unwrap();
    let mut beginning = [0; 512];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut beginning)).await.expect("an answer in time").unwrap();
    assert!(beginning[..read].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&beginning[..read]));
    stream
}

async fn slow_readers(process: &Process, count: u64) -> Vec<TcpStream> {
    let mut readers = Vec::new();
    for _ in 0..count.div_ceil(50) {
        let some = (0..50.min(count - readers.len() as u64)).map(|_| slow_reader(process));
        readers.extend(futures_util::future::join_all(some).await);
    }
    readers
}

/// Memory once it has stopped growing.
async fn settled_kib(process: &Process) -> u64 {
    let mut before = process.resident_kib();
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = process.resident_kib();
        if now <= before + 256 || began.elapsed() > PATIENCE {
            return now;
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_with_a_slow_reader_costs_little() {
    raise_open_files();
    let count = number_from("KEYWHEEL_TEST_STREAMS", 500);
    let provider = MockProvider::start().await;
    provider.behave(|request| (request.path() != "/v1/models").then(|| stream_of(16 * 1024)));
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]), &[]).await;
    let warm = slow_readers(&process, 50).await;
    let before = settled_kib(&process).await;
    let readers = slow_readers(&process, count).await;
    let after = settled_kib(&process).await;
    let each = after.saturating_sub(before) as f64 / count as f64;
    println!(
        "{before} KiB with {} open streams, {after} KiB with {}: {each:.1} KiB each",
        warm.len(),
        readers.len() + warm.len()
    );
    assert!(after.saturating_sub(before) < MOST_KIB * count + NOISE_KIB, "{each:.1} KiB for each stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_long_answers_hold_back_the_provider() {
    const LENGTH: usize = 10 << 20;
    let readers = number_from("KEYWHEEL_TEST_LONG_STREAMS", 200);
    let provider = MockProvider::start().await;
    provider.behave(|request| (request.path() != "/v1/models").then(|| stream_of(LENGTH)));
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]), &[]).await;
    let before = settled_kib(&process).await;
    let mut open = slow_readers(&process, readers).await;
    let after = settled_kib(&process).await;
    let grown = after.saturating_sub(before);
    println!(
        "{readers} readers of {} MiB each: memory grew by {grown} KiB, {:.1} KiB each",
        LENGTH >> 20,
        grown as f64 / readers as f64
    );
    assert!(grown < MOST_LONG_KIB * readers + NOISE_KIB, "{grown} KiB for {readers} readers");
    // Whoever reads on gets everything.
    let mut one = open.pop().unwrap();
    let (mut got, mut buffer) = (0, vec![0; 64 * 1024]);
    while got < LENGTH {
        let read = tokio::time::timeout(PATIENCE, one.read(&mut buffer)).await.expect("the stream goes on").unwrap();
        assert!(read > 0, "it ended after {got} bytes");
        got += read;
    }
}

#[tokio::test]
async fn a_reader_who_leaves_cancels_the_provider_within_a_second_and_pays_for_what_came() {
    let provider = MockProvider::start().await;
    let mut behaviour = Behaviour::stream();
    for _ in 0..2_000 {
        behaviour
            .push_piece(format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": "one two three "}}]})));
        behaviour.push_pause(Duration::from_millis(10));
    }
    provider.behave(move |request| (request.path() != "/v1/models").then(|| behaviour.clone()));
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let mut response = app.request("POST", "/v1/chat/completions").body(chat_body(true)).send().await.unwrap();
    let mut events = 0;
    while events < 10 {
        let chunk = response.chunk().await.unwrap().expect("more of the stream");
        events += chunk.windows(2).filter(|pair| pair == b"\n\n").count();
    }
    drop(response);
    let left = Instant::now();
    let cancelled = provider.wait_until(Duration::from_secs(1), |provider| provider.clients_left() == 1).await;
    println!("cancelled {:?} after the client left", left.elapsed());
    assert!(cancelled, "the provider still sends");
    eventually("the call is recorded", async || app.records().await.len() == 1).await;
    let record = app.only_record().await;
    assert_eq!((record.outcome, record.usage.quality), (Outcome::ClientGone, UsageQuality::Estimated));
    let output = record.usage.output.expect("an estimate of what came");
    assert!((events as u64..events as u64 * 20).contains(&output), "{output} tokens for {events} events");
    assert!(record.usage.input > Some(0) && record.cost.known().is_some(), "{record:#?}");
    assert_eq!(app.key("a").facts.failures, 0, "a client who leaves is no fault of the key");
    assert_eq!(app.key("a").facts.in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sockets_do_not_keep_a_call_waiting() {
    // The server keeps a second socket for each of its clients in reserve.
    let possible = raise_open_files().saturating_sub(1_000) / 2;
    let idle = number_from("KEYWHEEL_TEST_IDLE_SOCKETS", 5_000).min(possible);
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]), &[]).await;
    let mut sockets = Vec::new();
    for _ in 0..idle {
        sockets.push(TcpStream::connect(process.address()).await.expect("the server accepts"));
    }
    let asked = Instant::now();
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    let body = chat_body(false);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all([head, body].concat().as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    println!("{idle} idle sockets: a new call was answered after {:?}", asked.elapsed());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    for socket in sockets.iter_mut().step_by(500) {
        let mut byte = [0];
        let closed = tokio::time::timeout(Duration::ZERO, socket.read(&mut byte)).await;
        assert!(closed.is_err(), "an idle socket was closed to make room: {closed:?}");
    }
}
