//! Sockets of every kind, HTTP in every version, and who is seen behind a proxy.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keywheel::client_address::TrustedProxies;
use keywheel::config::{ListenAddress, ServerConfig, Tls};
use keywheel::server::{Listeners, Shutdown, connect_pinned, run};
use poem::endpoint::make;
use poem::{Endpoint, Request, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

use crate::support::{PATIENCE, raise_open_files, read_to_end, read_until, serve};

/// Answers with what it sees: scheme, client and path, then the body.
fn mirror() -> impl Endpoint<Output = Response> {
    make(|mut request: Request| async move {
        let client = request.remote_addr().as_socket_addr().map_or("unix".to_owned(), |address| address.ip().to_string());
        let line = format!("{} {client} {}", request.scheme(), request.uri());
        match request.uri().path() {
            "/panic" => panic!("on purpose"),
            "/ignore" => Ok(Response::builder().status(poem::http::StatusCode::PAYLOAD_TOO_LARGE).body("too large")),
            _ => {
                let body = request.take_body().into_vec().await.map_err(poem::Error::from)?;
                Ok::<_, poem::Error>(Response::from(format!("{line} {}", String::from_utf8_lossy(&body))))
            }
        }
    })
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn every_spelling_of_a_path_arrives_as_one() {
    let server = serve(mirror(), |config| config.base_path = "/kw".to_owned()).await;
    for path in
        ["/v1/models?a=%2F", "//v1/models?a=%2F", "/x/%2e%2e/v1/models?a=%2F", "/kw/v1/models?a=%2F", "/V1/Models?a=%2F"]
    {
        let answer = server.exchange(get(path, "")).await;
        assert!(answer.ends_with("http 127.0.0.1 /v1/models?a=%2F "), "{path}: {answer}");
    }
    let answer = server.exchange(get("/v1/..%2fapi", "")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let answer = server.exchange(get("/kw", "")).await;
    assert!(answer.starts_with("HTTP/1.1 308 ") && answer.contains("location: kw/\r\n"), "{answer}");
}

#[tokio::test]
async fn the_client_behind_a_trusted_proxy_is_seen() {
    let header = "x-forwarded-for: 192.0.2.1, 203.0.113.9\r\nx-forwarded-proto: https\r\n";
    let stranger = serve(mirror(), |_| {}).await;
    assert!(stranger.exchange(get("/a", header)).await.ends_with("http 127.0.0.1 /a "));
    let trusted = TrustedProxies { networks: vec!["127.0.0.0/8".parse().unwrap()], unix: false };
    let trusting = serve(mirror(), |config| config.trusted_proxies = trusted).await;
    assert!(trusting.exchange(get("/a", header)).await.ends_with("https 203.0.113.9 /a "));
}

#[tokio::test]
async fn http_1_0_and_expect_continue_work() {
    let server = serve(mirror(), |_| {}).await;
    let answer = server.exchange("GET /old HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("/old "), "{answer}");
    let mut stream = server.connect().await;
    let head = "POST /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(b"hello").await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("/big hello"));
}

#[tokio::test]
async fn http_2_works_without_an_upgrade() {
    let server = serve(mirror(), |_| {}).await;
    let stream = server.connect().await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    for path in ["/one", "//two"] {
        let request = poem::http::Request::post(format!("http://x{path}")).body(Full::new(Bytes::from("hello"))).unwrap();
        let answer = sender.send_request(request).await.expect("an answer");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).ends_with(&format!("{} hello", path.replace("//", "/"))), "{body:?}");
    }
    let long = poem::http::Request::post(format!("http://x/{}", "a".repeat(17 * 1024))).body(Full::default()).unwrap();
    assert_eq!(sender.send_request(long).await.expect("an answer").status(), 414);
}

#[tokio::test]
async fn a_panic_is_an_error_of_one_call() {
    let server = serve(mirror(), |_| {}).await;
    let answer = server.exchange(get("/panic", "")).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("internal_error"), "{answer}");
    assert!(!answer.contains("on purpose"), "{answer}");
    assert!(server.exchange(get("/a", "")).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_that_comes_early_can_be_read_by_a_client_that_still_sends() {
    let server = serve(mirror(), |_| {}).await;
    let mut stream = server.connect().await;
    let size = 8 * 1024 * 1024;
    stream.write_all(format!("POST /ignore HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").as_bytes()).await.unwrap();
    // A client that writes all before it reads, as most do.
    stream.write_all(&vec![b'x'; size]).await.expect("the rest is taken");
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("too large"), "{answer}");
}

#[tokio::test]
async fn idle_sockets_keep_nobody_from_being_answered() {
    raise_open_files();
    let server = serve(mirror(), |_| {}).await;
    let mut idle = Vec::new();
    for number in 0..5_000 {
        let mut stream = server.connect().await;
        if number % 2 == 0 {
            stream.write_all(b"GET /half HTTP/1.1\r\nho").await.unwrap();
        }
        idle.push(stream);
    }
    let started = Instant::now();
    assert!(server.exchange(get("/now", "")).await.ends_with("/now "));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_their_turn() {
    let server = serve(mirror(), |config| config.connections = 2).await;
    let (mut one, _two) = (server.connect().await, server.connect().await);
    one.write_all(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut one, "/one ").await;
    let mut three = server.connect().await;
    three.write_all(get("/three", "").as_bytes()).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(200), read_until(&mut three, "HTTP")).await;
    assert!(waits.is_err(), "the third connection is not served yet");
    drop(one);
    assert!(read_to_end(&mut three).await.ends_with("/three "));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let server = serve(mirror(), |config| config.keep_alive = Duration::from_millis(200)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut stream, "/a ").await;
    let started = Instant::now();
    assert_eq!(read_to_end(&mut stream).await, "");
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let (ended, mut end) = tokio::sync::mpsc::channel::<()>(1);
    let endpoint = make(move |_| {
        let ended = ended.clone();
        let pieces = futures_util::stream::repeat_with(move || {
            let _held_until_the_answer_is_dropped = &ended;
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]))
        });
        async move { Ok::<_, poem::Error>(Response::from(poem::Body::from_bytes_stream(pieces))) }
    });
    let server = serve(endpoint, |config| config.write_timeout = Duration::from_millis(300)).await;
    let mut stream = server.connect().await;
    stream.write_all(get("/", "").as_bytes()).await.unwrap();
    read_until(&mut stream, "xxxx").await;
    server.task.abort();
    let dropped = tokio::time::timeout(PATIENCE, end.recv()).await;
    assert_eq!(dropped.expect("the answer is dropped"), None);
}

#[tokio::test]
async fn a_unix_socket_replaces_a_stale_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keywheel.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = [ListenAddress::Unix(path.clone())];
    let listeners = Listeners::bind(&address, None).await.expect("a stale socket file is replaced");
    assert_eq!(listeners.urls(), [format!("unix:{}", path.display())]);
    let metadata = std::fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    let shutdown = Shutdown::default();
    let task = tokio::spawn(run(ServerConfig::default(), listeners, mirror(), shutdown.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(get("/a", "").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("http unix /a "));
    let taken = Listeners::bind(&address, None).await.expect_err("somebody listens there").to_string();
    assert!(taken.contains("another process listens on it"), "{taken}");
    shutdown.draining.cancel();
    task.await.unwrap();
    assert!(!path.exists(), "the socket file goes with its server");
    std::fs::write(&path, "precious").unwrap();
    Listeners::bind(&address, None).await.expect_err("a plain file is not replaced");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn tls_works_from_certificate_files_and_says_which_file_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&tls.certificate, certified.cert.pem()).unwrap();
    std::fs::write(&tls.key, certified.signing_key.serialize_pem()).unwrap();
    let configured = tls.clone();
    let server = serve(mirror(), |config| config.tls = Some(configured)).await;
    let mut stream = connect_pinned(&tls, server.connect().await).await.expect("the certificate is the configured one");
    stream.write_all(get("/a", "").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with("https 127.0.0.1 /a "));

    let mut silent = server.connect().await;
    silent.write_all(get("/a", "").as_bytes()).await.unwrap();
    assert!(!read_to_end(&mut silent).await.contains("HTTP/1.1 200"), "plain text is not served where TLS is expected");

    std::fs::write(&tls.key, "nothing").unwrap();
    let error = Listeners::bind(&[], Some(&tls)).await.expect_err("the key is no key").to_string();
    assert!(error.contains("key.pem"), "{error}");
    std::fs::write(&tls.certificate, "").unwrap();
    let error = Listeners::bind(&[], Some(&tls)).await.expect_err("the certificate is empty").to_string();
    assert!(error.contains("cert.pem"), "{error}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let renew = || {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&tls.certificate, certified.cert.pem()).unwrap();
        std::fs::write(&tls.key, certified.signing_key.serialize_pem()).unwrap();
    };
    renew();
    let configured = tls.clone();
    let server = serve(mirror(), |config| config.tls = Some(configured)).await;
    let mut open = connect_pinned(&tls, server.connect().await).await.expect("the first certificate");
    renew();
    let shown = async {
        while connect_pinned(&tls, server.connect().await).await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.expect("the renewed certificate is shown");
    open.write_all(get("/a", "").as_bytes()).await.unwrap();
    assert!(read_to_end(&mut open).await.ends_with("https 127.0.0.1 /a "), "who was connected before goes on");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = serve(mirror(), |_| {}).await;
    let address = [ListenAddress::Tcp(server.address.to_string())];
    let error = Listeners::bind(&address, None).await.expect_err("the port is taken").to_string();
    assert!(error.contains(&server.address.to_string()), "{error}");
}

#[tokio::test]
async fn small_pieces_of_a_stream_arrive_at_once() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(8);
    let receiver = Arc::new(parking_lot::Mutex::new(Some(receiver)));
    let endpoint = make(move |_| {
        let mut receiver = receiver.lock().take().expect("asked once");
        let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        async move { Ok::<_, poem::Error>(Response::from(poem::Body::from_bytes_stream(pieces))) }
    });
    let server = serve(endpoint, |_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(get("/", "").as_bytes()).await.unwrap();
    let started = Instant::now();
    for number in 0..50 {
        sender.send(Ok(Bytes::from(format!("piece-{number};")))).await.unwrap();
        read_until(&mut stream, &format!("piece-{number};")).await;
    }
    // With delayed acknowledgements and no TCP_NODELAY each piece would take 40 ms.
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    drop(sender);
    tokio::time::timeout(PATIENCE, read_to_end(&mut stream)).await.unwrap();
}
