//! How far an answer's body reaches.

use std::io;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{Method, StatusCode};

use super::chunks::Chunks;

/// The way in which a body is delimited, and how far it was read.
#[derive(Debug)]
pub(super) enum Framing {
    /// By its length: so many bytes are left.
    Length(u64),
    /// By chunks.
    Chunked(Box<Chunks>),
    /// By the end of the connection.
    Close,
}

impl Framing {
    /// The framing that a head announces (RFC 9112, section 6.3). A length beside chunks is taken away, since it means nothing.
    pub(super) fn of(method: &Method, status: StatusCode, headers: &mut HeaderMap) -> Result<Self, &'static str> {
        if method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Framing::Length(0));
        }
        if let Some(codings) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            let last = codings.to_str().unwrap_or_default().rsplit(',').next().unwrap_or_default();
            let is_chunked = last.trim().eq_ignore_ascii_case("chunked");
            headers.remove(CONTENT_LENGTH);
            return Ok(if is_chunked { Framing::Chunked(Box::default()) } else { Framing::Close });
        }
        let mut length = None;
        for text in headers.get_all(CONTENT_LENGTH) {
            for one in text.to_str().unwrap_or("?").split(',').map(str::trim) {
                let digits = one.bytes().all(|byte| byte.is_ascii_digit());
                let stated = one.parse().ok().filter(|_| digits).ok_or("the Content-Length is no number")?;
                if length.is_some_and(|length: u64| length != stated) {
                    return Err("the answer has two lengths");
                }
                length = Some(stated);
            }
        }
        Ok(length.map_or(Framing::Close, Framing::Length))
    }

    /// Whether the whole body was read.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Framing::Length(left) => *left == 0,
            Framing::Chunked(chunks) => chunks.is_done(),
            Framing::Close => false,
        }
    }

    /// Takes the data out of what was read; empty when there is none yet.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> io::Result<Bytes> {
        match self {
            Framing::Close => Ok(buffer.split().freeze()),
            Framing::Length(left) => {
                let length = (*left).min(buffer.len() as u64);
                *left -= length;
                Ok(buffer.split_to(length as usize).freeze())
            }
            Framing::Chunked(chunks) => {
                let (data, used) = chunks.decode(buffer)?;
                let end = buffer.len();
                buffer.copy_within(used..end, data);
                buffer.truncate(end - (used - data));
                Ok(buffer.split_to(data).freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(status: u16, head: &[(&'static str, &'static str)]) -> Result<(String, bool), &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        let framing = Framing::of(&Method::POST, StatusCode::from_u16(status).unwrap(), &mut headers)?;
        let word = format!("{framing:?}").split(' ').next().unwrap_or_default().to_owned();
        Ok((word, headers.contains_key(CONTENT_LENGTH)))
    }

    #[test]
    fn heads_and_what_they_announce() {
        let announced = |word: &str, length| Ok((word.to_owned(), length));
        assert_eq!(framing(200, &[("content-length", "7")]), announced("Length(7)", true));
        assert_eq!(framing(200, &[("content-length", "7, 7"), ("content-length", "7")]), announced("Length(7)", true));
        assert_eq!(framing(200, &[("content-length", "7"), ("content-length", "8")]), Err("the answer has two lengths"));
        for wrong in ["", "+7", "-7", "0x7", "7 7", "99999999999999999999"] {
            assert_eq!(framing(200, &[("content-length", wrong)]), Err("the Content-Length is no number"), "{wrong}");
        }
        assert_eq!(framing(204, &[("content-length", "7")]), announced("Length(0)", true));
        assert_eq!(framing(304, &[("transfer-encoding", "chunked")]), announced("Length(0)", false));
        assert_eq!(framing(200, &[]), announced("Close", false));
        assert_eq!(framing(200, &[("transfer-encoding", "gzip")]), announced("Close", false));
        assert_eq!(
            framing(200, &[("transfer-encoding", "gzip, Chunked"), ("content-length", "7")]),
            announced("Chunked(Chunks", false)
        );
    }

    #[test]
    fn chunks_become_one_piece_and_what_is_unfinished_stays() {
        let mut framing = Framing::Chunked(Box::default());
        let mut buffer = BytesMut::from(&b"2\r\nab\r\n3\r\ncde\r\n4\r\nf"[..]);
        assert_eq!(framing.take(&mut buffer).unwrap(), "abcdef");
        assert!(buffer.is_empty() && !framing.is_done());
        buffer.extend_from_slice(b"ghi\r\n0\r\n\r\nHTTP");
        assert_eq!(framing.take(&mut buffer).unwrap(), "ghi");
        assert_eq!((&buffer[..], framing.is_done()), (&b"HTTP"[..], true));
    }
}
