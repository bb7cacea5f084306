//! An answer's head.

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};

use super::framing::Framing;

/// Longest head, in bytes.
pub(super) const MOST_HEAD: usize = 256 * 1024;
/// Most header lines.
const MOST_LINES: usize = 256;
/// Header lines that are read without a large table: few answers have more.
const USUAL_LINES: usize = 48;

/// What stands before an answer's body.
#[derive(Debug)]
pub(in crate::outbound) struct Head {
    pub(in crate::outbound) status: StatusCode,
    pub(in crate::outbound) version: Version,
    pub(in crate::outbound) headers: HeaderMap,
}

/// A head that was read, and what it says about what follows.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) head: Head,
    pub(super) framing: Framing,
    /// Whether another exchange may follow on this connection.
    pub(super) keeps_alive: bool,
}

/// Where a head ends, looked for once in every byte.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    searched: usize,
}

impl HeadReader {
    /// Takes a whole head, and those of informational answers before it, out of what was read; `None`: more must come.
    pub(super) fn take(&mut self, method: &Method, buffer: &mut BytesMut) -> Result<Option<Parsed>, &'static str> {
        loop {
            let Some(length) = self.end_of_head(buffer) else {
                let is_too_long = buffer.len() >= MOST_HEAD;
                return if is_too_long { Err("the head is too long") } else { Ok(None) };
            };
            self.searched = 0;
            let text = buffer.split_to(length).freeze();
            let head = parse(&text)?;
            match head.status {
                StatusCode::SWITCHING_PROTOCOLS => return Err("the provider wants to change the protocol"),
                status if status.is_informational() => {}
                _ => return parsed(method, head).map(Some),
            }
        }
    }

    /// Bytes up to the empty line that ends a head, that line included. A line feed alone ends a line, as everywhere.
    fn end_of_head(&mut self, buffer: &[u8]) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let end = memchr::memchr_iter(b'\n', &buffer[from..]).find_map(|at| match &buffer[from + at + 1..] {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        });
        self.searched = buffer.len();
        end
    }
}

fn parse(text: &Bytes) -> Result<Head, &'static str> {
    let mut usual = [httparse::EMPTY_HEADER; USUAL_LINES];
    match parse_into(text, &mut usual) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut most = vec![httparse::EMPTY_HEADER; MOST_LINES];
            parse_into(text, &mut most).map_err(words).and_then(|head| head)
        }
        other => other.map_err(words).and_then(|head| head),
    }
}

fn words(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::TooManyHeaders => "the head has more than 256 lines",
        httparse::Error::Version => "the provider speaks another protocol than HTTP/1",
        _ => "the head is malformed",
    }
}

fn parse_into<'text>(
    text: &'text Bytes,
    lines: &mut [httparse::Header<'text>],
) -> Result<Result<Head, &'static str>, httparse::Error> {
    let mut response = httparse::Response::new(lines);
    if response.parse(text)?.is_partial() {
        return Ok(Err("the head is malformed"));
    }
    Ok(build(text, &response).ok_or("the head is malformed"))
}

fn build(text: &Bytes, response: &httparse::Response<'_, '_>) -> Option<Head> {
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for line in response.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        // The value lies in the head, which it shares.
        let value = HeaderValue::from_maybe_shared(text.slice_ref(line.value)).ok()?;
        headers.append(name, value);
    }
    let version = if response.version? == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    Some(Head { status: StatusCode::from_u16(response.code?).ok()?, version, headers })
}

fn parsed(method: &Method, mut head: Head) -> Result<Parsed, &'static str> {
    let says = |token: &str| {
        let lists = head.headers.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
        lists.flat_map(|list| list.split(',')).any(|said| said.trim().eq_ignore_ascii_case(token))
    };
    let keeps_alive = !says("close") && (head.version == Version::HTTP_11 || says("keep-alive"));
    let framing = Framing::of(method, head.status, &mut head.headers)?;
    Ok(Parsed { head, framing, keeps_alive })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], cuts: &[usize]) -> Result<Option<(Parsed, BytesMut)>, &'static str> {
        let (mut reader, mut buffer, mut from) = (HeadReader::default(), BytesMut::new(), 0);
        for cut in cuts.iter().copied().chain([text.len()]) {
            buffer.extend_from_slice(&text[from..cut]);
            from = cut;
            if let Some(parsed) = reader.take(&Method::POST, &mut buffer)? {
                buffer.extend_from_slice(&text[from..]);
                return Ok(Some((parsed, buffer)));
            }
        }
        Ok(None)
    }

    const ANSWER: &[u8] = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\nx-a: c\r\n\r\nhello";

    proptest! {
        #[test]
        fn a_head_is_the_same_wherever_it_is_cut(mut cuts in proptest::collection::vec(0..=ANSWER.len(), 0..20)) {
            cuts.sort_unstable();
            let (parsed, rest) = read(ANSWER, &cuts).unwrap().unwrap();
            prop_assert_eq!((parsed.head.status, parsed.keeps_alive), (StatusCode::OK, true));
            prop_assert_eq!(parsed.head.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["b", "c"]);
            prop_assert_eq!(&rest[..], b"hello");
        }

        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&noise, &[]));
            drop(read(&[b"HTTP/1.1 200 OK\r\n", noise.as_slice(), b"\r\n\r\n"].concat(), &[]));
        }
    }

    #[test]
    fn whether_a_connection_goes_on() {
        let keeps = |head: &str| read(head.as_bytes(), &[]).unwrap().unwrap().0.keeps_alive;
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n") && keeps("HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 200 OK\r\n\r\n") && !keeps("HTTP/1.1 200 OK\r\nconnection: x, Close\r\n\r\n"));
    }

    #[test]
    fn heads_that_are_none() {
        let many: String = (0..257).map(|at| format!("x-{at}: 1\r\n")).collect();
        for head in [
            "SSH-2.0-OpenSSH\r\n\r\n".to_owned(),
            "HTTP/2 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 099 X\r\n\r\n".to_owned(),
            "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nx : a\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
            format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(MOST_HEAD)),
        ] {
            assert!(read(head.as_bytes(), &[]).is_err(), "{}", &head[..head.len().min(80)]);
        }
        assert!(read(b"HTTP/1.1 200 OK\r\nx: a\r\n", &[]).unwrap().is_none());
        let (parsed, _) = read(b"HTTP/1.1 200\r\nx: a\n\nrest", &[]).unwrap().unwrap();
        assert_eq!(parsed.head.headers["x"], "a");
    }
}
