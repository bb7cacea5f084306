//! One connection: reads requests, plays behaviours, notices when the client leaves.
//!
//! HTTP/1.1 is spoken by hand here, because a fault is made of bytes that no HTTP library would write.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::behaviour::{Behaviour, Ending};
use super::request::SeenRequest;
use super::server::Shared;
use super::wire::WireStep;

/// A head above this many bytes is refused.
const MAX_HEAD_BYTES: usize = 1 << 20;
const MAX_HEADERS: usize = 512;

/// Why a connection ends.
enum Gone {
    /// The client closed it, or it broke.
    Client,
    /// What came is no HTTP request.
    Malformed,
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    number: u64,
    requests: u64,
    shared: Arc<Shared>,
}

struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    bytes: Bytes,
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, number: u64, shared: Arc<Shared>) -> Self {
        Connection { stream, buffer: BytesMut::with_capacity(8 * 1024), number, requests: 0, shared }
    }

    pub(super) async fn run(mut self) {
        if let Some(behaviour) = self.shared.on_accept(self.number) {
            self.play(behaviour, false).await;
            return;
        }
        loop {
            match self.read_request().await {
                Ok(request) => {
                    if !self.answer(request).await {
                        return;
                    }
                }
                Err(Gone::Client) => return,
                Err(Gone::Malformed) => {
                    let refusal = Behaviour::answer(400).piece("malformed request").ending(Ending::Close);
                    self.play(refusal, false).await;
                    return;
                }
            }
        }
    }

    /// Answers one request; false when the connection is over.
    async fn answer(&mut self, request: SeenRequest) -> bool {
        let head_only = request.method == "HEAD";
        let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let shared = self.shared.clone();
        let _in_flight = shared.enter();
        let behaviour = shared.decide(request);
        self.play(behaviour, head_only).await && !last
    }

    /// Plays a behaviour; false when the connection is over.
    async fn play(&mut self, behaviour: Behaviour, head_only: bool) -> bool {
        let (steps, ending) = behaviour.compile(head_only);
        for step in steps {
            let stays = match step {
                WireStep::Write(bytes) => self.stream.write_all(&bytes).await.is_ok(),
                WireStep::Pause(pause) => self.client_stays(pause).await,
            };
            if !stays {
                self.shared.client_left();
                return false;
            }
        }
        match ending {
            Ending::KeepAlive => true,
            Ending::Close => {
                let _ = self.stream.shutdown().await;
                // Closing with unread bytes would turn into a reset.
                self.drain().await;
                false
            }
            Ending::Reset => {
                let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                false
            }
            Ending::Deaf => std::future::pending().await,
            Ending::Hang => {
                while self.client_stays(Duration::from_secs(3_600)).await {}
                self.shared.client_left();
                false
            }
        }
    }

    /// Waits; false as soon as the client closes or resets the connection.
    async fn client_stays(&mut self, pause: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return true,
                read = self.stream.read_buf(&mut self.buffer) => match read {
                    // Nobody sends so much ahead: it belongs to a request that is not read.
                    Ok(1..) if self.buffer.len() > MAX_HEAD_BYTES => self.buffer.clear(),
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return false,
                },
            }
        }
    }

    async fn drain(&mut self) {
        let draining = async {
            while matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                self.buffer.clear()
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), draining).await;
    }

    async fn read_request(&mut self) -> Result<SeenRequest, Gone> {
        let head = self.read_head().await?;
        if head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| Gone::Client)?;
        }
        let chunked = head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let body = if chunked {
            self.read_chunks().await?
        } else {
            let length = head.header("content-length").map_or(Ok(0), str::parse).map_err(|_| Gone::Malformed)?;
            self.take(length).await?
        };
        let nth_on_connection = self.requests;
        self.requests += 1;
        let Head { method, target, headers, bytes: head } = head;
        Ok(SeenRequest { method, target, headers, head, body, chunked, connection: self.number, nth_on_connection })
    }

    async fn read_head(&mut self) -> Result<Head, Gone> {
        loop {
            if !self.buffer.is_empty() {
                if let Some(head) = parse_head(&mut self.buffer)? {
                    return Ok(head);
                }
                if self.buffer.len() > MAX_HEAD_BYTES {
                    return Err(Gone::Malformed);
                }
            }
            self.fill().await?;
        }
    }

    async fn read_chunks(&mut self) -> Result<Bytes, Gone> {
        let mut body = BytesMut::new();
        loop {
            let line = self.read_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Gone::Malformed)?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            body.extend_from_slice(&self.take(size).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> Result<String, Gone> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(end + 1);
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, Gone> {
        while self.buffer.len() < length {
            self.buffer.reserve((length - self.buffer.len()).min(1 << 20));
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(Gone::Client),
        }
    }
}

/// Takes a whole head off the buffer; `None` when more bytes are needed.
fn parse_head(buffer: &mut BytesMut) -> Result<Option<Head>, Gone> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut slots);
    let length = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Gone::Malformed),
    };
    let method = parsed.method.unwrap_or_default().to_owned();
    let target = parsed.path.unwrap_or_default().to_owned();
    let to_text = |header: &httparse::Header<'_>| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned());
    let headers = parsed.headers.iter().map(to_text).collect();
    let bytes = buffer.copy_to_bytes(length);
    Ok(Some(Head { method, target, headers, bytes }))
}
