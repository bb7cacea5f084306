//! What leaves for a provider, seen by the simulated one over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use keywheel::domain::{AuthScheme, BaseUrl, Key, KeyId, Provider, ProviderId, Timeouts};
use keywheel::mock::{Behaviour, Ending, MockProvider};
use keywheel::outbound::{
    AddressClass, Options, Outbound, RequestBody, SendError, SendErrorKind, SendRequest, Upstream, Webhook, WebhookError,
    client_headers,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const LIMIT: Duration = Duration::from_secs(5);

pub fn provider(base_url: &str) -> Provider {
    Provider {
        id: ProviderId(1),
        timeouts: Timeouts { connect_ms: 2_000, ..Timeouts::default() },
        is_default: true,
        allow_private: true,
        ..Provider::new("mock".to_owned(), BaseUrl::parse(base_url, false).unwrap(), AuthScheme::Bearer)
    }
}

pub fn key(secret: &str) -> Key {
    Key { id: KeyId(1), ..Key::new(ProviderId(1), "key", secret) }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

struct Sent<'a> {
    client: HeaderMap,
    extra: &'a [(HeaderName, HeaderValue)],
    query: Option<&'a str>,
    path: &'a str,
    body: RequestBody,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        let body = RequestBody::Whole(Bytes::from_static(b"{}"));
        Sent { client: HeaderMap::new(), extra: &[], query: None, path: "/chat/completions", body }
    }
}

async fn send_as(outbound: &Outbound, provider: &Provider, key: &Key, sent: Sent<'_>) -> Result<Upstream, SendError> {
    let request = SendRequest {
        provider,
        key,
        method: Method::POST,
        path: sent.path,
        query: sent.query,
        client_headers: &sent.client,
        extra_headers: sent.extra,
        body: sent.body,
    };
    tokio::time::timeout(LIMIT, outbound.send(request)).await.expect("an outcome in time")
}

async fn send(outbound: &Outbound, provider: &Provider) -> Result<Upstream, SendError> {
    send_as(outbound, provider, &key("sk-mock-healthy-1"), Sent::default()).await
}

fn outbound() -> Outbound {
    Outbound::new(Options::default())
}

#[tokio::test]
async fn only_listed_headers_pass() {
    let mock = MockProvider::start().await;
    let mut provider = provider(&mock.base_url());
    provider.headers = vec![("OpenAI-Project".to_owned(), "proj-1".to_owned()), ("x-title".to_owned(), "ours".to_owned())];
    provider.pass_headers = vec!["x-private-ok".to_owned(), "cookie".to_owned(), "authorization".to_owned()];
    let client = headers(&[
        ("host", "keywheel"),
        ("authorization", "Bearer kw-client"),
        ("x-api-key", "kw-client"),
        ("cookie", "a=b"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("content-length", "999"),
        ("accept-encoding", "gzip"),
        ("openai-organization", "org-client"),
        ("x-private", "1"),
        ("x-private-ok", "yes"),
        ("x-stainless-lang", "python"),
        ("x-forwarded-for", "10.0.0.1"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("user-agent", "sdk/1"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b"),
        ("openai-beta", "c"),
        ("idempotency-key", "i"),
        ("http-referer", "r"),
        ("x-title", "theirs"),
        ("traceparent", "00-1-2-01"),
    ]);
    let extra = [(HeaderName::from_static("x-keywheel"), HeaderValue::from_static("1"))];
    let sent = Sent { client, extra: &extra, query: Some("a=1"), ..Sent::default() };
    let upstream = send_as(&outbound(), &provider, &key("sk-mock-healthy-1"), sent).await.unwrap();
    let dropped: Vec<&str> = upstream.dropped_headers.iter().map(HeaderName::as_str).collect();
    assert_eq!(dropped, ["cookie", "x-hop", "openai-organization", "x-private"]);
    let seen = mock.last_seen().unwrap();
    assert_eq!(seen.target, "/v1/chat/completions?a=1");
    let mut names: Vec<(&str, &str)> = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    names.sort_unstable();
    let host = mock.address().to_string();
    let expected = [
        ("accept", "text/event-stream"),
        ("accept-encoding", "identity"),
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b"),
        ("anthropic-version", "2023-06-01"),
        ("authorization", "Bearer sk-mock-healthy-1"),
        ("content-length", "2"),
        ("content-type", "application/json"),
        ("host", host.as_str()),
        ("http-referer", "r"),
        ("idempotency-key", "i"),
        ("openai-beta", "c"),
        ("openai-project", "proj-1"),
        ("traceparent", "00-1-2-01"),
        ("user-agent", "sdk/1"),
        ("x-keywheel", "1"),
        ("x-private-ok", "yes"),
        ("x-title", "ours"),
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_secret_goes_where_the_scheme_wants_it() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    for (scheme, header) in [
        ("bearer", Some(("authorization", "Bearer s+e/c ret"))),
        ("api-key", Some(("api-key", "s+e/c ret"))),
        ("x-api-key", Some(("x-api-key", "s+e/c ret"))),
        ("x-goog-api-key", Some(("x-goog-api-key", "s+e/c ret"))),
        ("query:key", None),
        ("none", None),
    ] {
        let provider = Provider { auth: AuthScheme::parse(scheme).unwrap(), ..provider(&mock.base_url()) };
        let sent = Sent { query: Some("a=1"), ..Sent::default() };
        send_as(&outbound, &provider, &key("s+e/c ret"), sent).await.unwrap();
        let seen = mock.last_seen().unwrap();
        let carriers = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];
        let carried: Vec<(&str, &str)> = carriers.into_iter().filter_map(|name| Some((name, seen.header(name)?))).collect();
        assert_eq!(carried, header.into_iter().collect::<Vec<_>>(), "{scheme}");
        let query = if scheme == "query:key" { "a=1&key=s%2Be%2Fc+ret" } else { "a=1" };
        assert_eq!(seen.query(), Some(query), "{scheme}");
    }
    let error = send_as(&outbound, &provider(&mock.base_url()), &key("a\nb"), Sent::default()).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (SendErrorKind::Unsendable, false));
}

#[tokio::test]
async fn addresses_are_guarded() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    let port = mock.address().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0", "[::1]"] {
        let mut provider = provider(&format!("http://{host}:{port}/v1"));
        provider.allow_private = false;
        let error = send(&outbound, &provider).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::RefusedAddress, "{host}: {error}");
        assert!(!error.may_have_been_sent && error.to_string().contains("allow_private"), "{error}");
    }
    for host in ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:a9fe:a9fe]", "2852039166", "100.100.100.200"] {
        let error = send(&outbound, &provider(&format!("http://{host}/latest"))).await.unwrap_err();
        assert_eq!(error.refused.unwrap().class, AddressClass::LinkLocalOrMetadata, "{host}");
    }
    let error =
        send(&outbound, &Provider { proxy: Some("socks5h://127.0.0.1:1".to_owned()), ..provider("http://169.254.169.254") })
            .await
            .unwrap_err();
    assert_eq!(error.kind, SendErrorKind::RefusedAddress);
    assert!(mock.seen().is_empty());
    assert!(send(&outbound, &provider(&format!("http://localhost:{port}"))).await.is_ok());
}

#[tokio::test]
async fn a_path_cannot_leave_the_base() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    for path in ["/../admin", "/%2e%2e/admin", "/a/..%2fb/../c"] {
        let sent = Sent { path, ..Sent::default() };
        let error = send_as(&outbound, &provider(&mock.base_url()), &key("s"), sent).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::Unsendable, "{path}");
    }
    let sent = Sent { path: "/models/vendor%2Fm-1", ..Sent::default() };
    send_as(&outbound, &provider(&mock.base_url()), &key("s"), sent).await.unwrap();
    assert_eq!(mock.last_seen().unwrap().target, "/v1/models/vendor%2Fm-1");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (mock, other) = (MockProvider::start().await, MockProvider::start().await);
    let to = format!("{}/models", other.base_url());
    mock.queue(Behaviour::answer(302).header("location", to));
    let upstream = send(&outbound(), &provider(&mock.base_url())).await.unwrap();
    assert_eq!(upstream.status, StatusCode::FOUND);
    assert!(!client_headers(&upstream.headers).contains_key("location"));
    assert_eq!((mock.seen().len(), other.seen().len()), (1, 0));
}

#[tokio::test]
async fn connections_are_reused_and_a_closed_one_is_replaced() {
    let mock = MockProvider::start().await;
    let (outbound, provider) = (outbound(), provider(&mock.base_url()));
    let mut first = send(&outbound, &provider).await.unwrap();
    assert!(first.connect_us.is_some());
    while first.body.chunk().await.is_some() {}
    mock.queue(Behaviour::answer(200).piece("x").ending(Ending::Close));
    let mut second = send(&outbound, &provider).await.unwrap();
    assert_eq!(second.connect_us, None);
    while second.body.chunk().await.is_some() {}
    assert!(mock.wait_until(LIMIT, |mock| mock.in_flight() == 0).await);
    let third = send(&outbound, &provider).await.unwrap();
    assert!(third.connect_us.is_some());
    let connections: Vec<u64> = mock.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn kinds_of_failure_are_told_apart() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    let nobody = MockProvider::nobody().await;
    let fail = async |base: &str| send(&outbound, &provider(base)).await.expect_err("no head");
    let refused = fail(&format!("http://{nobody}")).await;
    assert_eq!((refused.kind, refused.may_have_been_sent), (SendErrorKind::ConnectRefused, false), "{refused}");
    let unknown = fail("http://nowhere.invalid").await;
    assert_eq!((unknown.kind, unknown.may_have_been_sent), (SendErrorKind::Dns, false), "{unknown}");
    let no_tls = fail(&format!("https://{}", mock.address())).await;
    assert_eq!((no_tls.kind, no_tls.may_have_been_sent), (SendErrorKind::Tls, false), "{no_tls}");

    let many: String = (0..300).map(|at| format!("x-{at}: 1\r\n")).collect();
    for (behaviour, kind) in [
        (Behaviour::reset(), SendErrorKind::ResetBeforeHead),
        (Behaviour::close(), SendErrorKind::ResetBeforeHead),
        (Behaviour::answer(200).piece("x").cut_after(20).ending(Ending::Close), SendErrorKind::ResetBeforeHead),
        (Behaviour::raw("SSH-2.0-OpenSSH\r\n\r\n"), SendErrorKind::InvalidHead),
        (Behaviour::raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n")), SendErrorKind::InvalidHead),
        (Behaviour::answer(200).header("x-giant", vec![b'g'; 1 << 20]), SendErrorKind::InvalidHead),
        (Behaviour::answer(200).header("x-cr", "a\rset-cookie: b"), SendErrorKind::InvalidHead),
        (Behaviour::answer(200).header("x-nul", "a\0b"), SendErrorKind::InvalidHead),
    ] {
        mock.queue(behaviour);
        let error = fail(&mock.base_url()).await;
        assert_eq!((error.kind, error.may_have_been_sent, error.reused_connection), (kind, true, false), "{error}");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
    send(&outbound, &provider(&mock.base_url())).await.unwrap().body.collect(1 << 20).await.unwrap();
    mock.queue(Behaviour::reset());
    let error = fail(&mock.base_url()).await;
    assert_eq!((error.kind, error.reused_connection), (SendErrorKind::ResetBeforeHead, true), "{error}");
}

#[tokio::test]
async fn connecting_has_a_limit() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // One connection fills the queue of a listener that accepts nothing; the next ones get no answer.
    let _waiting = TcpStream::connect(address).await.unwrap();
    let mut provider = provider(&format!("http://{address}"));
    provider.timeouts.connect_ms = 200;
    let error = send(&outbound(), &provider).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (SendErrorKind::ConnectTimeout, false), "{error}");
}

#[tokio::test]
async fn bodies_arrive_as_they_were_sent() {
    let mock = MockProvider::start().await;
    let (outbound, provider) = (outbound(), provider(&mock.base_url()));
    let packed = [0x1f, 0x8b, 8, 0, 1, 2, 3, 0xff];
    mock.queue(Behaviour::answer(200).header("content-encoding", "br").informational(103, "").piece(packed.to_vec()));
    let upstream = send(&outbound, &provider).await.unwrap();
    assert_eq!((upstream.status, upstream.body.length()), (StatusCode::OK, Some(8)));
    assert_eq!(upstream.headers["content-encoding"], "br");
    assert_eq!(upstream.body.collect(100).await.unwrap(), &packed[..]);

    mock.queue(Behaviour::answer(200).piece("abc").piece("def").trailer("x-sum", "1"));
    let mut upstream = send(&outbound, &provider).await.unwrap();
    let mut whole = Vec::new();
    while let Some(piece) = upstream.body.chunk().await {
        whole.extend_from_slice(&piece.unwrap());
    }
    assert_eq!((whole.as_slice(), upstream.body.trailers().unwrap()["x-sum"].to_str().unwrap()), (&b"abcdef"[..], "1"));

    mock.queue(Behaviour::stream().piece("0123").piece("456789"));
    assert_eq!(send(&outbound, &provider).await.unwrap().body.collect(7).await.unwrap(), "0123456");

    for broken in [
        Behaviour::answer(200).piece("short").claim_length(99).ending(Ending::Close),
        Behaviour::stream().event("1").ending(Ending::Close),
        Behaviour::stream().event("1").ending(Ending::Reset),
    ] {
        mock.queue(broken);
        let mut upstream = send(&outbound, &provider).await.unwrap();
        let mut last = None;
        while let Some(piece) = upstream.body.chunk().await {
            last = Some(piece);
            if last.as_ref().is_some_and(Result::is_err) {
                break;
            }
        }
        assert!(last.unwrap().is_err(), "a broken body is no clean end");
    }
}

#[tokio::test]
async fn request_bodies_can_be_streams() {
    let mock = MockProvider::start().await;
    let (outbound, provider) = (outbound(), provider(&mock.base_url()));
    let pieces = |items: Vec<std::io::Result<Bytes>>| Box::pin(futures_util::stream::iter(items));
    let two = || vec![Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd"))];
    for (length, chunked) in [(Some(4), false), (None, true)] {
        let body = RequestBody::Stream { pieces: pieces(two()), length };
        send_as(&outbound, &provider, &key("s"), Sent { body, ..Sent::default() }).await.unwrap();
        let seen = mock.last_seen().unwrap();
        assert_eq!((seen.text().as_str(), seen.chunked), ("abcd", chunked));
    }
    let mut broken = two();
    broken.push(Err(std::io::Error::other("the client left")));
    let body = RequestBody::Stream { pieces: pieces(broken), length: None };
    let error = send_as(&outbound, &provider, &key("s"), Sent { body, ..Sent::default() }).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::RequestBody, "{error}");
}

#[tokio::test]
async fn dropping_cancels() {
    let mock = MockProvider::start().await;
    let (outbound, provider) = (outbound(), provider(&mock.base_url()));
    mock.queue(Behaviour::stream().event("1").pause_ms(60_000));
    let mut upstream = send(&outbound, &provider).await.unwrap();
    assert!(upstream.body.chunk().await.unwrap().is_ok());
    drop(upstream);
    assert!(mock.wait_until(Duration::from_secs(1), |mock| mock.clients_left() == 1).await);
    mock.queue(Behaviour::hang());
    let key = key("s");
    let client = HeaderMap::new();
    let request = SendRequest {
        provider: &provider,
        key: &key,
        method: Method::GET,
        path: "/models",
        query: None,
        client_headers: &client,
        extra_headers: &[],
        body: RequestBody::Empty,
    };
    assert!(tokio::time::timeout(Duration::from_millis(100), outbound.send(request)).await.is_err());
    assert!(mock.wait_until(Duration::from_secs(1), |mock| mock.clients_left() == 2).await);
}

#[tokio::test]
async fn changed_settings_take_effect_at_once() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    let mut provider = provider(&mock.base_url());
    send(&outbound, &provider).await.unwrap();
    provider.headers = vec![("x-new".to_owned(), "1".to_owned())];
    send(&outbound, &provider).await.unwrap();
    assert_eq!(mock.last_seen().unwrap().header("x-new"), Some("1"));
    provider.allow_private = false;
    assert_eq!(send(&outbound, &provider).await.unwrap_err().kind, SendErrorKind::RefusedAddress);
    provider.proxy = Some("not a url".to_owned());
    provider.allow_private = true;
    assert_eq!(send(&outbound, &provider).await.unwrap_err().kind, SendErrorKind::Unsendable);
    provider.proxy = None;
    outbound.retain(|_| false);
    assert_eq!(mock.seen().len(), 2);
    send(&outbound, &provider).await.unwrap();
}

/// Reads the variables in a process of its own: changing them here would disturb other tests.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    const INNER: &str = "OUTBOUND_TEST_INNER";
    if std::env::var_os(INNER).is_some() {
        let mock = MockProvider::start().await;
        send(&outbound(), &provider(&mock.base_url())).await.unwrap();
        assert_eq!(mock.seen().len(), 1);
        return;
    }
    let nobody = format!("http://{}", MockProvider::nobody().await);
    let test = "outbound::proxies_of_the_environment_are_ignored";
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", test, "--nocapture"]).env(INNER, "1");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        inner.env(name, &nobody);
    }
    let output = tokio::task::spawn_blocking(move || inner.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// A SOCKS5 proxy that connects every request to `target` and tells the names that it was asked for.
async fn socks_proxy(target: SocketAddr) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, names) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut greeting = [0; 2];
                client.read_exact(&mut greeting).await?;
                let mut methods = vec![0; greeting[1] as usize];
                client.read_exact(&mut methods).await?;
                client.write_all(&[5, 0]).await?;
                let mut request = [0; 5];
                client.read_exact(&mut request).await?;
                assert_eq!(request[..4], [5, 1, 0, 3], "a connection to a name");
                let mut name = vec![0; request[4] as usize + 2];
                client.read_exact(&mut name).await?;
                name.truncate(request[4] as usize);
                let _ = asked.send(String::from_utf8_lossy(&name).into_owned());
                client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
                let mut upstream = TcpStream::connect(target).await?;
                tokio::io::copy_bidirectional(&mut client, &mut upstream).await
            });
        }
    });
    (address, names)
}

#[tokio::test]
async fn a_socks_proxy_is_used_for_calls_and_lists() {
    let mock = MockProvider::start().await;
    let (proxy, mut names) = socks_proxy(mock.address()).await;
    let outbound = outbound();
    let mut provider = provider("http://provider.invalid/v1");
    provider.proxy = Some(format!("socks5h://{proxy}"));
    provider.allow_private = false;
    assert_eq!(send(&outbound, &provider).await.unwrap().status, 400);
    assert_eq!(names.recv().await.as_deref(), Some("provider.invalid"));
    assert!(outbound.list_models(&provider, &key("sk-mock-healthy-1")).await.unwrap().contains(&"gpt-4o".to_owned()));
    assert_eq!(mock.last_seen().unwrap().header("host"), Some("provider.invalid"));
    let nobody = MockProvider::nobody().await;
    provider.proxy = Some(format!("socks5h://{nobody}"));
    let error = send(&outbound, &provider).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (SendErrorKind::Proxy, false), "{error}");
}

#[tokio::test]
async fn an_http_proxy_is_used() {
    let mock = MockProvider::start().await;
    mock.behave(|_| Some(Behaviour::answer(200).json(&"through")));
    let mut provider = provider("http://provider.invalid/v1");
    provider.proxy = Some(format!("http://user:pass@{}", mock.address()));
    provider.allow_private = false;
    let upstream = send(&outbound(), &provider).await.unwrap();
    assert_eq!(upstream.body.collect(100).await.unwrap(), "\"through\"");
    let seen = mock.last_seen().unwrap();
    assert_eq!(seen.target, "http://provider.invalid/v1/chat/completions");
    assert!(seen.header("proxy-authorization").is_some());
}

#[tokio::test]
async fn a_peer_that_reads_nothing_can_be_given_up() {
    let mock = MockProvider::start().await;
    mock.behave_on_accept(|_| Some(Behaviour::hang().ending(Ending::Deaf)));
    let (outbound, provider, key, client) = (outbound(), provider(&mock.base_url()), key("s"), HeaderMap::new());
    let request = SendRequest {
        provider: &provider,
        key: &key,
        method: Method::POST,
        path: "/files",
        query: None,
        client_headers: &client,
        extra_headers: &[],
        body: RequestBody::Whole(vec![0; 32 << 20].into()),
    };
    assert!(tokio::time::timeout(Duration::from_millis(300), outbound.send(request)).await.is_err());
    assert!(mock.seen().is_empty());
}

#[tokio::test]
async fn webhooks_are_guarded_and_told_apart() {
    let mock = MockProvider::start().await;
    let outbound = outbound();
    let url = format!("http://{}/hook?a=1", mock.address());
    let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let post = async |url: &str, allow_private: bool| {
        let webhook = Webhook { url, headers: &headers, body: Bytes::from_static(b"{}"), allow_private };
        tokio::time::timeout(LIMIT, outbound.post_webhook(webhook)).await.expect("an outcome in time")
    };
    let kind = |outcome: Result<Bytes, WebhookError>| match outcome {
        Err(WebhookError::Send(error)) => error.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(post(&url, false).await), SendErrorKind::RefusedAddress);
    assert_eq!(kind(post("http://localhost:1/", false).await), SendErrorKind::RefusedAddress);
    assert_eq!(kind(post("ftp://example.org/", true).await), SendErrorKind::Unsendable);
    assert!(mock.seen().is_empty());
    mock.queue(Behaviour::answer(204));
    post(&url, true).await.unwrap();
    let seen = mock.last_seen().unwrap();
    assert_eq!((seen.target.as_str(), seen.text().as_str(), seen.secret()), ("/hook?a=1", "{}", None));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    mock.queue(Behaviour::answer(302).header("location", url.clone()));
    assert!(matches!(post(&url, true).await, Err(WebhookError::Status(status)) if status == 302));
    assert_eq!(mock.seen().len(), 2);
}
