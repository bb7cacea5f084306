//! Just enough HTTP/1.1 to drive a server: sends bytes that were built once, reads an answer without building anything.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body without its framing; empty when only its length was asked for.
    pub body: Vec<u8>,
    /// Length of the body without its framing, in bytes.
    pub length: u64,
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// How the end of a body is found.
enum Framing {
    Length(u64),
    Chunked,
}

impl Connection {
    /// Connects without delay for small writes.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection::from_stream(stream))
    }

    /// Takes over a socket.
    pub fn from_stream(stream: TcpStream) -> Self {
        Connection { stream, buffer: vec![0; 16 * 1024], filled: 0 }
    }

    /// Sends one request and reads the whole answer; its body is kept only when `keep` says so.
    pub async fn call(&mut self, request: &[u8], keep: bool) -> Result<Answer> {
        self.send(request).await?;
        let (status, framing) = self.read_head().await?;
        let mut body = Vec::new();
        let kept = keep.then_some(&mut body);
        let length = match framing {
            Framing::Length(length) => {
                self.take(length, kept).await?;
                length
            }
            Framing::Chunked => self.take_chunks(kept).await?,
        };
        Ok(Answer { status, body, length })
    }

    /// Sends one request and does not wait.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Reads a head and returns its status; whatever follows stays in the socket or the buffer.
    pub async fn status(&mut self) -> Result<u16> {
        Ok(self.read_head().await?.0)
    }

    /// Reads at most `limit` bytes of whatever comes, framing included; 0 is the end.
    pub async fn read_some(&mut self, limit: usize) -> Result<usize> {
        if self.filled > 0 {
            return Ok(std::mem::take(&mut self.filled));
        }
        let limit = limit.min(self.buffer.len());
        Ok(self.stream.read(&mut self.buffer[..limit]).await?)
    }

    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            bail!("an answer's line is longer than {} bytes", self.buffer.len());
        }
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => bail!("the connection was closed in the middle of an answer"),
            read => self.filled += read,
        }
        Ok(())
    }

    async fn read_head(&mut self) -> Result<(u16, Framing)> {
        let end = self.find(b"\r\n\r\n").await?;
        let head = self.buffer[..end].to_ascii_lowercase();
        self.consume(end);
        let text = std::str::from_utf8(&head).context("an answer's head is not text")?;
        let status = text.get(9..12).and_then(|digits| digits.parse().ok()).context("an answer without a status")?;
        let mut framing = Framing::Length(0);
        for line in text.lines().skip(1) {
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("content-length", value)) => framing = Framing::Length(value.parse().context("a content-length")?),
                Some(("transfer-encoding", "chunked")) => framing = Framing::Chunked,
                _ => {}
            }
        }
        Ok((status, framing))
    }

    async fn take_chunks(&mut self, mut keep: Option<&mut Vec<u8>>) -> Result<u64> {
        let mut total = 0;
        loop {
            let end = self.find(b"\r\n").await?;
            let line = std::str::from_utf8(&self.buffer[..end - 2]).context("a chunk's size is not text")?;
            let size = u64::from_str_radix(line.split(';').next().unwrap_or(line).trim(), 16).context("a chunk's size")?;
            self.consume(end);
            self.take(size, keep.as_deref_mut()).await?;
            self.take(2, None).await?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }

    async fn take(&mut self, mut length: u64, mut keep: Option<&mut Vec<u8>>) -> Result<()> {
        while length > 0 {
            if self.filled == 0 {
                self.fill().await?;
            }
            let taken = self.filled.min(usize::try_from(length).unwrap_or(usize::MAX));
            if let Some(keep) = keep.as_deref_mut() {
                keep.extend_from_slice(&self.buffer[..taken]);
            }
            self.consume(taken);
            length -= taken as u64;
        }
        Ok(())
    }

    /// The place just behind `mark`, reading until it is there.
    async fn find(&mut self, mark: &[u8]) -> Result<usize> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer[..self.filled], mark) {
                return Ok(at + mark.len());
            }
            self.fill().await?;
        }
    }

    fn consume(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}
