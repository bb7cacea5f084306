//! Answers that come packed, though identity was asked for.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// Packed bytes that are unpacked at once: no more than a thousand times as many come out.
const STEP_BYTES: usize = 1024;

/// Unpacks a gzipped body piece by piece, as it comes.
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: Bytes,
    has_begun: bool,
}

impl Gunzip {
    /// An unpacker where a head says that one is needed; the head then says no longer that, nor the length.
    pub(super) fn for_head(headers: &mut HeaderMap) -> Option<Box<Self>> {
        let coding = headers.get(CONTENT_ENCODING)?.as_bytes();
        if !coding.eq_ignore_ascii_case(b"gzip") && !coding.eq_ignore_ascii_case(b"x-gzip") {
            return None;
        }
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
        let decoder = MultiGzDecoder::new(Vec::new());
        Some(Box::new(Gunzip { decoder, packed: Bytes::new(), has_begun: false }))
    }

    /// Takes a packed piece, once [`Gunzip::unpacked`] has nothing more.
    pub(super) fn push(&mut self, packed: Bytes) {
        self.has_begun |= !packed.is_empty();
        self.packed = packed;
    }

    /// The next of what can be unpacked so far.
    pub(super) fn unpacked(&mut self) -> Option<io::Result<Bytes>> {
        while !self.packed.is_empty() {
            let step = self.packed.split_to(self.packed.len().min(STEP_BYTES));
            let unpacked = self.decoder.write_all(&step).and_then(|()| self.decoder.flush());
            match unpacked.map(|()| self.take()) {
                Ok(bytes) if bytes.is_empty() => {}
                some => return Some(some),
            }
        }
        None
    }

    /// The last of it, once no packed piece comes any more. A body that has not begun is none.
    pub(super) fn finish(mut self: Box<Self>) -> Option<io::Result<Bytes>> {
        if !self.has_begun {
            return None;
        }
        match self.decoder.try_finish().map(|()| self.take()) {
            Ok(rest) if rest.is_empty() => None,
            some => Some(some),
        }
    }

    fn take(&mut self) -> Bytes {
        std::mem::take(self.decoder.get_mut()).into()
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn unpacker(coding: &str) -> Option<Box<Gunzip>> {
        let mut headers = HeaderMap::from_iter([
            (CONTENT_ENCODING, coding.parse().unwrap()),
            (CONTENT_LENGTH, http::HeaderValue::from_static("9")),
        ]);
        let gunzip = Gunzip::for_head(&mut headers);
        assert_eq!(headers.is_empty(), gunzip.is_some());
        gunzip
    }

    #[test]
    fn what_was_flushed_comes_out_at_once_and_a_cut_is_noticed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let (mut gunzip, mut got) = (unpacker("GZIP").unwrap(), Vec::new());
        for event in ["data: one\n\n", "data: two\n\n"] {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            for byte in std::mem::take(encoder.get_mut()) {
                gunzip.push(vec![byte].into());
                while let Some(bytes) = gunzip.unpacked() {
                    got.extend_from_slice(&bytes.unwrap());
                }
            }
            assert!(got.ends_with(event.as_bytes()), "{}", String::from_utf8_lossy(&got));
        }
        assert!(gunzip.finish().unwrap().is_err(), "the end is missing");
        assert!(unpacker("gzip").unwrap().finish().is_none(), "no body at all");
        assert!(unpacker("br").is_none());
    }

    #[test]
    fn little_comes_out_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 50 << 20]).unwrap();
        let mut gunzip = unpacker("gzip").unwrap();
        gunzip.push(encoder.finish().unwrap().into());
        let mut length = 0;
        while let Some(bytes) = gunzip.unpacked() {
            let bytes = bytes.unwrap();
            assert!(bytes.len() < 2 << 20);
            length += bytes.len();
        }
        assert_eq!((length, gunzip.finish().is_none()), (50 << 20, true));
    }
}
