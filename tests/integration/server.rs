//! The way in, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use poem::{Endpoint, Request, Response, endpoint::make};
use tokio::io::AsyncWriteExt;

use crate::support::{PATIENCE, Running, read_to_end, read_until, serve};

/// Answers with what arrived: `METHOD PATH?QUERY BODY`.
fn echo(served: Arc<AtomicUsize>) -> impl Endpoint<Output = Response> {
    make(move |mut request: Request| {
        served.fetch_add(1, Ordering::SeqCst);
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            match request.take_body().into_bytes().await {
                Ok(body) => Ok::<_, poem::Error>(Response::from(format!("{line} {}", String::from_utf8_lossy(&body)))),
                Err(error) => Err(error.into()),
            }
        }
    })
}

async fn echoing() -> (Running, Arc<AtomicUsize>) {
    let served = Arc::new(AtomicUsize::new(0));
    (serve(echo(served.clone()), |_| {}).await, served)
}

#[tokio::test]
async fn a_request_is_answered_and_the_connection_kept() {
    let (server, _) = echoing().await;
    let mut stream = server.connect().await;
    for path in ["/a?b=c", "/d"] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, &format!("GET {path} ")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn bodies_arrive_whole_however_they_are_framed_and_cut() {
    let (server, _) = echoing().await;
    let plain = "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 11\r\n\r\nhello world";
    let chunked = "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n";
    for message in [plain, chunked] {
        for cut in (1..message.len()).step_by(7) {
            let mut stream = server.connect().await;
            stream.set_nodelay(true).unwrap();
            stream.write_all(&message.as_bytes()[..cut]).await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(&message.as_bytes()[cut..]).await.unwrap();
            let answer = read_to_end(&mut stream).await;
            assert!(answer.ends_with("POST /a hello world"), "cut at {cut}: {answer}");
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (server, served) = echoing().await;
    let one = "POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc\r\n";
    let two = "POST /2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n";
    let bad = "GET /3 HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx";
    let never = "GET /4 HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = server.exchange([one, two, bad, never].concat()).await;
    let places: Vec<_> = ["POST /1 abc", "POST /2 def", "HTTP/1.1 400"].iter().map(|part| answer.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {answer}");
    assert!(!answer.contains("/4"), "{answer}");
    assert_eq!(served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn ambiguous_or_malformed_heads_get_400_and_reach_nobody() {
    let (server, served) = echoing().await;
    let lines = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: +5\r\n",
        "content-length: -5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5, 5\r\n",
        "transfer-encoding: gzip\r\n",
        "a: b\n",
        "a: b\r\n c\r\n",
        "a: b\0c\r\n",
        "a: b\rc\r\n",
        "a : b\r\n",
        "a\u{1}: b\r\n",
        "nothing\r\n",
    ];
    for line in lines {
        let answer = server.exchange(format!("POST /v1/x HTTP/1.1\r\nhost: x\r\n{line}\r\n5\r\nhello\r\n0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line:?}: {answer:?}");
    }
    for head in ["GET / HTTP/1.1\nhost: x\n\n", "GET /a b HTTP/1.1\r\n\r\n", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = server.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer:?}");
        assert!(answer.contains(r#""type":"invalid_request_error""#), "{answer}");
    }
    assert_eq!(served.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_malformed_chunk_fails_the_body_and_lets_nothing_in_behind_it() {
    let (server, served) = echoing().await;
    let head = "POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in ["5\nhello\r\n", "5\r\nhelloX", "zz\r\n", "-1\r\n"] {
        let answer = server.exchange(format!("{head}{chunks}GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    assert_eq!(served.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn too_many_or_too_large_headers_get_431_and_long_urls_414() {
    let (server, served) = echoing().await;
    let with = |headers: String| format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    let answer = server.exchange(with("a: b\r\n".repeat(98))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let many = with("a: b\r\n".repeat(99));
    let large = with(format!("a: {}\r\n", "b".repeat(64 * 1024)));
    let huge = with(format!("a: {}\r\n", "b".repeat(2 * 1024 * 1024)));
    for head in [many, large, huge] {
        let answer = server.exchange(head).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{}", &answer[..answer.len().min(200)]);
    }
    let get = |length: usize| format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(length - 1));
    assert!(server.exchange(get(16 * 1024)).await.starts_with("HTTP/1.1 200 "));
    for length in [16 * 1024 + 1, 100 * 1024, 1024 * 1024] {
        assert!(server.exchange(get(length)).await.starts_with("HTTP/1.1 414 "), "{length}");
    }
    assert_eq!(served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let served = Arc::new(AtomicUsize::new(0));
    let server = serve(echo(served), |config| config.header_timeout = Duration::from_millis(300)).await;
    let mut silent = server.connect().await;
    let mut trickling = server.connect().await;
    let started = Instant::now();
    let trickle = async {
        loop {
            if trickling.write_all(b"G").await.is_err() || started.elapsed() > Duration::from_millis(900) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        read_to_end(&mut trickling).await
    };
    let (silence, answer) = tokio::join!(read_to_end(&mut silent), trickle);
    assert_eq!(silence, "");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(started.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_body_that_trickles_fails_its_reader() {
    let server = serve(echo(Arc::default()), |config| config.body_timeout = Duration::from_millis(300)).await;
    let mut stream = server.connect().await;
    let started = Instant::now();
    stream.write_all(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n").await.unwrap();
    for _ in 0..20 {
        if stream.write_all(b"x").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains("took too long"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn calls_in_flight_finish_while_the_server_drains() {
    let server = serve(slow_or_ready(Duration::from_millis(400)), |config| config.drain_timeout = PATIENCE).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut idle, "/readyz").await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.shutdown.draining.cancel();
    assert_eq!(read_to_end(&mut idle).await, "", "an idle connection is closed at once");
    let health = server.exchange("GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(health.ends_with("/readyz"), "{health}");
    let late = server.exchange("GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(late.starts_with("HTTP/1.1 503 ") && late.contains("shutting_down"), "{late}");
    assert!(read_to_end(&mut busy).await.ends_with("/v1/slow"));
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn a_connection_made_just_before_the_drain_is_still_answered() {
    let server = serve(slow_or_ready(Duration::ZERO), |config| config.drain_timeout = PATIENCE).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(server.connect().await);
    }
    server.shutdown.draining.cancel();
    for mut stream in streams {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    server.task.await.unwrap();
}

#[tokio::test]
async fn calls_that_outlive_the_drain_are_told_and_then_cut() {
    let server =
        serve(slow_or_ready(Duration::from_secs(600)), |config| config.drain_timeout = Duration::from_millis(200)).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    server.shutdown.draining.cancel();
    tokio::time::timeout(PATIENCE, server.shutdown.deadline.cancelled()).await.expect("calls are told to end");
    assert!(started.elapsed() >= Duration::from_millis(200));
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server ends").unwrap();
}

/// Answers with the path, below `/v1` after a while.
fn slow_or_ready(delay: Duration) -> impl Endpoint<Output = Response> {
    make(move |request: Request| async move {
        if request.uri().path().starts_with("/v1") {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, poem::Error>(Response::from(request.uri().path().to_owned()))
    })
}
