//! What a request head must look like before the HTTP library sees it, and how far its body reaches.
//!
//! The library is lenient where a stricter or laxer neighbour would see another request: it prefers one of two lengths,
//! folds equal repeats and takes a bare line feed. Here such a head is refused. Pure: bytes in, a verdict out.

use memchr::{memchr, memchr2};

use super::refusal::Refusal;

/// Longest request target in bytes.
pub(super) const MAX_TARGET: usize = 16 * 1024;
/// Most header lines.
pub(super) const MAX_HEADERS: usize = 100;
/// Most bytes of header lines.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Longest method and version around a target, generously.
const REQUEST_LINE_SLACK: usize = 64;

/// Bytes of empty lines that are passed over in front of a request line.
const MAX_LEADING_LINE_ENDS: usize = 4;

/// How the body behind a head is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length in bytes; 0 where there is none.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// A head that may arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Start of the line that is not complete yet.
    line_start: usize,
    /// Bytes that were searched for a line feed already.
    searched: usize,
    /// Bytes of the request line, once it is complete.
    request_line: Option<usize>,
    http_10: bool,
    headers: usize,
    hosts: usize,
    content_length: Option<u64>,
    chunked: bool,
}

impl HeadScan {
    /// Looks at the head so far, from its first byte. `Some` is the length of the complete head and its body's framing.
    pub(super) fn advance(&mut self, head: &[u8]) -> Result<Option<(usize, Framing)>, Refusal> {
        while let Some(offset) = memchr(b'\n', &head[self.searched..]) {
            let end = self.searched + offset;
            let line = head[self.line_start..end].strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
            if memchr2(0, b'\r', line).is_some() {
                return Err(Refusal::ControlCharacter);
            }
            self.line_start = end + 1;
            self.searched = end + 1;
            if let Some(request_line) = self.request_line {
                if line.is_empty() {
                    return self.framing().map(|framing| Some((end + 1, framing)));
                }
                self.header(line)?;
                if end + 1 - request_line > MAX_HEADER_BYTES {
                    return Err(Refusal::HeadTooLarge);
                }
            } else if !line.is_empty() || end >= MAX_LEADING_LINE_ENDS {
                self.request_line(line)?;
                self.request_line = Some(end + 1);
            }
        }
        self.searched = head.len();
        match self.request_line {
            None if head.len() > MAX_TARGET + REQUEST_LINE_SLACK => Err(Refusal::TargetTooLong),
            Some(request_line) if head.len() - request_line > MAX_HEADER_BYTES => Err(Refusal::HeadTooLarge),
            _ => Ok(None),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(Refusal::RequestLine);
        };
        if target.len() > MAX_TARGET {
            return Err(Refusal::TargetTooLong);
        }
        self.http_10 = version == b"HTTP/1.0";
        if method.is_empty() || target.is_empty() || !(self.http_10 || version == b"HTTP/1.1") {
            return Err(Refusal::RequestLine);
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if matches!(line[0], b' ' | b'\t') {
            return Err(Refusal::FoldedHeader);
        }
        self.headers += 1;
        if self.headers > MAX_HEADERS {
            return Err(Refusal::HeadTooLarge);
        }
        let colon = memchr(b':', line).ok_or(Refusal::HeaderLine)?;
        let name = &line[..colon];
        if name.is_empty() || memchr2(b' ', b'\t', name).is_some() {
            return Err(Refusal::HeaderLine);
        }
        // Three lengths pick the three names that matter; all others pass without a comparison.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts += 1;
                if self.hosts > 1 { Err(Refusal::TwoHosts) } else { Ok(()) }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = parse_length(line[colon + 1..].trim_ascii()).ok_or(Refusal::ContentLength)?;
                if self.content_length.replace(length).is_some() { Err(Refusal::ContentLength) } else { Ok(()) }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let chunked = line[colon + 1..].trim_ascii().eq_ignore_ascii_case(b"chunked");
                if !chunked || self.chunked || self.http_10 {
                    return Err(Refusal::TransferEncoding);
                }
                self.chunked = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        match (self.content_length, self.chunked) {
            (Some(_), true) => Err(Refusal::TwoLengths),
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Plain decimal digits only: no sign, no list, no hexadecimal, no separator.
fn parse_length(text: &[u8]) -> Option<u64> {
    let plain = (1..=19).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    plain.then(|| text.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}

/// Where a chunked body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkScan {
    /// In the digits of a size line.
    Size { size: u64, digits: u32 },
    /// Behind the digits, in an extension.
    Extension { size: u64, length: u32 },
    /// The line feed of the size line is due.
    SizeLineFeed { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// The line ending behind the data is due.
    DataReturn,
    /// Its line feed is due.
    DataLineFeed,
    /// At the start of a trailer line.
    TrailerStart { length: u32 },
    /// Inside a trailer line.
    Trailer { length: u32 },
    /// The line feed of a trailer line is due.
    TrailerLineFeed { length: u32 },
    /// The line feed of the last, empty line is due.
    LastLineFeed,
    /// The body has ended.
    Done,
}

/// Most bytes of one chunk extension, and of all trailer lines together.
const MAX_CHUNK_TEXT: u32 = 8 * 1024;

impl ChunkScan {
    pub(super) const START: ChunkScan = ChunkScan::Size { size: 0, digits: 0 };

    /// Walks over `bytes` to the end of the body or of the bytes; how many were walked. An error is a malformed body.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() && *self != ChunkScan::Done {
            if let ChunkScan::Data { left } = *self {
                let step = left.min((bytes.len() - at) as u64);
                at += step as usize;
                *self = if left == step { ChunkScan::DataReturn } else { ChunkScan::Data { left: left - step } };
            } else {
                *self = self.step(bytes[at]).ok_or(Refusal::ChunkedBody)?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn step(self, byte: u8) -> Option<ChunkScan> {
        use ChunkScan::*;
        Some(match (self, byte) {
            (Size { size, digits: 1.. }, b'\r') => SizeLineFeed { size },
            (Size { size, digits: 1.. }, b';' | b' ' | b'\t') => Extension { size, length: 0 },
            (Size { size, digits: 0..=14 }, _) => {
                let digit = char::from(byte).to_digit(16)?;
                let Size { digits, .. } = self else { return None };
                Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Extension { size, .. }, b'\r') => SizeLineFeed { size },
            (Extension { size, length }, _) if byte != b'\n' && byte != 0 && length < MAX_CHUNK_TEXT => {
                Extension { size, length: length + 1 }
            }
            (SizeLineFeed { size: 0 }, b'\n') => TrailerStart { length: 0 },
            (SizeLineFeed { size }, b'\n') => Data { left: size },
            (DataReturn, b'\r') => DataLineFeed,
            (DataLineFeed, b'\n') => ChunkScan::START,
            (TrailerStart { .. }, b'\r') => LastLineFeed,
            (Trailer { length }, b'\r') => TrailerLineFeed { length },
            (TrailerStart { length } | Trailer { length }, _) if byte != b'\n' && byte != 0 && length < MAX_CHUNK_TEXT => {
                Trailer { length: length + 1 }
            }
            (TrailerLineFeed { length }, b'\n') => TrailerStart { length },
            (LastLineFeed, b'\n') => Done,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(head: &str) -> Result<Option<(usize, Framing)>, Refusal> {
        HeadScan::default().advance(head.as_bytes())
    }

    #[test]
    fn a_head_is_measured_and_framed() {
        let get = "GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(scan(get), Ok(Some((get.len(), Framing::Length(0)))));
        let post = "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(scan(&format!("{post}hello")), Ok(Some((post.len(), Framing::Length(12)))));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding:  Chunked \r\n\r\n";
        assert_eq!(scan(chunked), Ok(Some((chunked.len(), Framing::Chunked))));
    }

    #[test]
    fn a_head_may_arrive_byte_by_byte() {
        let head = b"POST /v1 HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\nx: y\r\n\r\n";
        let mut scan = HeadScan::default();
        for length in 0..head.len() {
            assert_eq!(scan.advance(&head[..length]), Ok(None), "{length}");
        }
        assert_eq!(scan.advance(head), Ok(Some((head.len(), Framing::Length(7)))));
    }

    #[test]
    fn ambiguous_heads_are_refused() {
        let cases = [
            ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Refusal::TwoLengths),
            ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", Refusal::TwoLengths),
            ("content-length: 5\r\ncontent-length: 5\r\n", Refusal::ContentLength),
            ("content-length: 5\r\ncontent-length: 6\r\n", Refusal::ContentLength),
            ("content-length: 5, 5\r\n", Refusal::ContentLength),
            ("content-length: +5\r\n", Refusal::ContentLength),
            ("content-length: -5\r\n", Refusal::ContentLength),
            ("content-length: 0x5\r\n", Refusal::ContentLength),
            ("content-length: \r\n", Refusal::ContentLength),
            ("content-length: 99999999999999999999\r\n", Refusal::ContentLength),
            ("content-length : 5\r\n", Refusal::HeaderLine),
            ("transfer-encoding: gzip, chunked\r\n", Refusal::TransferEncoding),
            ("transfer-encoding: identity\r\n", Refusal::TransferEncoding),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Refusal::TransferEncoding),
            ("x: y\n", Refusal::BareLineFeed),
            ("x: y\r\n z\r\n", Refusal::FoldedHeader),
            ("x: y\r\n\tz\r\n", Refusal::FoldedHeader),
            ("x: a\0b\r\n", Refusal::ControlCharacter),
            ("x: a\rb\r\n", Refusal::ControlCharacter),
            ("no colon\r\n", Refusal::HeaderLine),
            (": y\r\n", Refusal::HeaderLine),
            ("host: b\r\n", Refusal::TwoHosts),
        ];
        for (lines, refusal) in cases {
            assert_eq!(scan(&format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")), Err(refusal), "{lines:?}");
        }
        assert_eq!(scan("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"), Err(Refusal::TransferEncoding));
        for line in ["GET /", "GET  / HTTP/1.1", "GET / HTTP/3", "GET /a b HTTP/1.1", "\r\n\r\n"] {
            assert_eq!(scan(&format!("{line}\r\n\r\n")), Err(Refusal::RequestLine), "{line:?}");
        }
    }

    #[test]
    fn size_limits_hold_before_the_head_is_complete() {
        assert_eq!(scan(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX_TARGET - 1))).map(|head| head.is_some()), Ok(true));
        assert_eq!(scan(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_TARGET))), Err(Refusal::TargetTooLong));
        assert_eq!(scan(&format!("GET /{}", "a".repeat(MAX_TARGET + 100))), Err(Refusal::TargetTooLong));
        let headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(scan(&headers(MAX_HEADERS)).unwrap().is_some());
        assert_eq!(scan(&headers(MAX_HEADERS + 1)), Err(Refusal::HeadTooLarge));
        assert_eq!(scan(&format!("GET / HTTP/1.1\r\na: {}", "b".repeat(MAX_HEADER_BYTES))), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn a_chunked_body_is_walked_to_its_end_wherever_it_is_cut() {
        let body = b"5;ext=\"1\"\r\nhello\r\n0a\r\n0123456789\r\n0\r\ntrailer: x\r\n\r\n";
        let next = b"GET / HTTP/1.1\r\n";
        let all = [&body[..], &next[..]].concat();
        for cut in 0..body.len() {
            let mut chunks = ChunkScan::START;
            assert_eq!(chunks.advance(&all[..cut]), Ok(cut));
            assert_eq!(chunks.advance(&all[cut..]), Ok(body.len() - cut), "{cut}");
            assert_eq!(chunks, ChunkScan::Done);
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for body in
            ["\r\n", "x\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\n", "-1\r\n", "+5\r\n", "1234567890abcdef0\r\n", "5;a\nb"]
        {
            let mut chunks = ChunkScan::START;
            assert_eq!(chunks.advance(body.as_bytes()), Err(Refusal::ChunkedBody), "{body:?}");
        }
    }
}
