//! The chunked coding of a body, taken off in place.

use std::io;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Most bytes of extensions behind the sizes of a body's chunks, and most of its trailers.
const MOST_ASIDE: usize = 16 * 1024;
/// Most trailers.
const MOST_TRAILERS: usize = 64;

/// How far a chunked body was read.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    /// Bytes left of the chunk, or its size as far as it was read.
    size: u64,
    /// Bytes that are neither data nor framing.
    aside: usize,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Begin,
    Size,
    /// Between a size and the end of its line.
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// At the start of a trailer's line, or of the empty line that ends the body.
    TrailerLine,
    Trailer,
    Done,
}

impl Chunks {
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the coding off what was read: data is moved to the front. Returns how many bytes of data there are and how many
    /// bytes were used up; what is behind those belongs to nobody yet.
    pub(super) fn decode(&mut self, bytes: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut data, mut at) = (0, 0);
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let length = self.size.min((bytes.len() - at) as u64) as usize;
                bytes.copy_within(at..at + length, data);
                (data, at) = (data + length, at + length);
                self.size -= length as u64;
                if self.size == 0 {
                    self.state = State::DataReturn;
                }
            } else {
                self.step(bytes[at])?;
                at += 1;
            }
        }
        Ok((data, at))
    }

    /// Takes one byte that is no data.
    fn step(&mut self, byte: u8) -> io::Result<()> {
        self.state = match (self.state, byte) {
            (State::Begin | State::Size, byte) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                let size = self.size.checked_mul(16).ok_or_else(|| damaged("a chunk's size is too large"))?;
                self.size = size + u64::from(digit);
                State::Size
            }
            (State::Size | State::Extension, b'\r') => State::SizeLineFeed,
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, byte) if byte != b'\n' => {
                self.count_aside("the extensions of chunks are too long")?;
                State::Extension
            }
            (State::SizeLineFeed, b'\n') if self.size == 0 => State::TrailerLine,
            (State::SizeLineFeed, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::Begin,
            (State::TrailerLine | State::Trailer, byte) => return self.step_in_trailers(byte),
            _ => return Err(damaged("a chunk's framing is wrong")),
        };
        Ok(())
    }

    fn step_in_trailers(&mut self, byte: u8) -> io::Result<()> {
        self.count_aside("the trailers are too long")?;
        self.trailers.push(byte);
        if byte == b'\n' {
            let is_last = self.state == State::TrailerLine;
            self.state = if is_last { State::Done } else { State::TrailerLine };
        } else if byte != b'\r' || self.state == State::Trailer {
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn count_aside(&mut self, words: &'static str) -> io::Result<()> {
        self.aside += 1;
        if self.aside > MOST_ASIDE { Err(damaged(words)) } else { Ok(()) }
    }

    /// The trailers, once the body is done; `None`: there are none that can be read.
    pub(super) fn take_trailers(&mut self) -> Option<HeaderMap> {
        let text = std::mem::take(&mut self.trailers);
        let mut lines = [httparse::EMPTY_HEADER; MOST_TRAILERS];
        let Ok(httparse::Status::Complete((_, lines))) = httparse::parse_headers(&text, &mut lines) else { return None };
        let pairs = lines.iter().filter_map(|line| {
            Some((HeaderName::from_bytes(line.name.as_bytes()).ok()?, HeaderValue::from_bytes(line.value).ok()?))
        });
        let trailers: HeaderMap = pairs.fold(HeaderMap::new(), |mut trailers, (name, value)| {
            trailers.append(name, value);
            trailers
        });
        (!trailers.is_empty()).then_some(trailers)
    }
}

fn damaged(words: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes of a body that arrives in these pieces, and how many bytes were left over.
    fn decoded(body: &[u8], cuts: &[usize]) -> io::Result<(Vec<u8>, Chunks, usize)> {
        let (mut chunks, mut data, mut from, mut rest) = (Chunks::default(), Vec::new(), 0, 0);
        for cut in cuts.iter().copied().chain([body.len()]) {
            let mut piece = body[from..cut].to_vec();
            let (length, used) = chunks.decode(&mut piece)?;
            data.extend_from_slice(&piece[..length]);
            rest += piece.len() - used;
            from = cut;
        }
        Ok((data, chunks, rest))
    }

    const BODY: &[u8] = b"5\r\nhello\r\n0A;name=\"value\"\r\n0123456789\r\n1 \r\n!\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\nGET";

    proptest! {
        #[test]
        fn a_body_is_the_same_wherever_it_is_cut(mut cuts in proptest::collection::vec(0..=BODY.len(), 0..30)) {
            cuts.sort_unstable();
            let (data, mut chunks, rest) = decoded(BODY, &cuts).unwrap();
            prop_assert_eq!(data, b"hello0123456789!");
            prop_assert_eq!((chunks.is_done(), rest), (true, 3));
            let trailers = chunks.take_trailers().unwrap();
            prop_assert_eq!(trailers.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);
        }

        #[test]
        fn what_was_packed_is_unpacked(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..70), 0..20)) {
            let mut body = Vec::new();
            for piece in &pieces {
                body.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
                body.extend_from_slice(piece);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let (data, mut chunks, rest) = decoded(&body, &[]).unwrap();
            prop_assert_eq!((data, chunks.is_done(), rest), (pieces.concat(), true, 0));
            prop_assert!(chunks.take_trailers().is_none());
        }

        #[test]
        fn noise_is_refused_or_read_but_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(decoded(&noise, &[]));
        }
    }

    #[test]
    fn wrong_framing_is_refused() {
        for body in [
            "x\r\n",
            "\r\n",
            "-1\r\n",
            "0x5\r\n",
            "5\nhello",
            "5\r\nhello!\r\n",
            "5\r\nhello\n0",
            "10000000000000000\r\n",
            "1;a\n",
        ] {
            assert!(decoded(body.as_bytes(), &[]).is_err(), "{body:?}");
        }
        for long in [format!("1;{}\r\n", "a".repeat(20_000)), format!("0\r\nx: {}\r\n\r\n", "a".repeat(20_000))] {
            assert!(decoded(long.as_bytes(), &[]).is_err());
        }
        let (_, chunks, _) = decoded(b"5\r\nhel", &[]).unwrap();
        assert!(!chunks.is_done(), "a body that stops is not done");
    }
}
