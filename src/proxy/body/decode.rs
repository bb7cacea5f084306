//! `Content-Encoding` of request bodies: unpacked within a limit, so that a bomb costs no more memory than a full body.

use std::borrow::Cow;
use std::io::{self, Read};

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

/// Most codings that one body may be wrapped in.
const MOST_CODINGS: usize = 4;

/// Largest zstd window that is accepted, as a power of two: 8 MiB, what RFC 8878 asks every decoder to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Why a body cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The coding is not one that Keywheel knows.
    #[error("content-encoding `{0}` is not supported; gzip, deflate, zstd and identity are")]
    Unsupported(String),
    /// The body is truncated or damaged.
    #[error("the request body is not valid {0}")]
    Corrupt(&'static str),
    /// The body unpacks to more than the limit, in bytes.
    #[error("the request body unpacks to more than {0} bytes")]
    TooLarge(usize),
}

impl DecodeError {
    /// The HTTP status of the answer: 400, 413 or 415.
    pub fn status(&self) -> u16 {
        match self {
            DecodeError::Unsupported(_) => 415,
            DecodeError::Corrupt(_) => 400,
            DecodeError::TooLarge(_) => 413,
        }
    }

    /// The error's code in an answer.
    pub fn code(&self) -> &'static str {
        match self {
            DecodeError::Unsupported(_) => "unsupported_content_encoding",
            DecodeError::Corrupt(_) => "invalid_content_encoding",
            DecodeError::TooLarge(_) => "request_too_large",
        }
    }
}

/// Unpacks a body by the value of its `Content-Encoding` header, which lists codings in the order of their application.
/// Neither the result nor anything on the way to it may be longer than `limit` bytes.
pub fn decode(encoding: &str, body: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    let codings: Vec<Coding> = encoding.split(',').map(Coding::parse).collect::<Result<_, _>>()?;
    if codings.len() > MOST_CODINGS {
        return Err(DecodeError::Unsupported(encoding.to_owned()));
    }
    let unpacked = codings.into_iter().rev().try_fold(body, |body, coding| coding.unpack(body, limit))?;
    if unpacked.len() > limit { Err(DecodeError::TooLarge(limit)) } else { Ok(unpacked) }
}

#[derive(Clone, Copy)]
enum Coding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
}

impl Coding {
    fn parse(name: &str) -> Result<Self, DecodeError> {
        let name = name.trim();
        let lower: Cow<'_, str> =
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() };
        match &*lower {
            "" | "identity" => Ok(Coding::Identity),
            "gzip" | "x-gzip" => Ok(Coding::Gzip),
            "deflate" => Ok(Coding::Deflate),
            "zstd" => Ok(Coding::Zstd),
            _ => Err(DecodeError::Unsupported(name.escape_default().take(64).collect())),
        }
    }

    fn unpack(self, body: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
        match self {
            Coding::Identity => Ok(body),
            Coding::Gzip => read_all("gzip", flate2::bufread::MultiGzDecoder::new(&body[..]), limit),
            Coding::Deflate => inflate(&body, limit),
            Coding::Zstd => read_all("zstd", zstd_reader(&body).map_err(|_| DecodeError::Corrupt("zstd"))?, limit),
        }
    }
}

fn zstd_reader(body: &[u8]) -> io::Result<impl Read> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(body)?;
    reader.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(reader)
}

fn read_all(coding: &'static str, reader: impl Read, limit: usize) -> Result<Bytes, DecodeError> {
    let mut unpacked = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut unpacked).map_err(|_| DecodeError::Corrupt(coding))?;
    if unpacked.len() > limit { Err(DecodeError::TooLarge(limit)) } else { Ok(unpacked.into()) }
}

/// Named `deflate`, sent as zlib by most and as raw deflate by some. Read by hand, since the reader types take a truncated
/// stream for its end.
fn inflate(body: &[u8], limit: usize) -> Result<Bytes, DecodeError> {
    let has_zlib_header = matches!(body, [first, second, ..]
        if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31));
    let mut inflater = Decompress::new(has_zlib_header);
    let mut unpacked = Vec::with_capacity(1024);
    loop {
        let before = (inflater.total_in(), inflater.total_out());
        let rest = &body[before.0 as usize..];
        let status =
            inflater.decompress_vec(rest, &mut unpacked, FlushDecompress::None).map_err(|_| DecodeError::Corrupt("deflate"))?;
        if unpacked.len() > limit {
            return Err(DecodeError::TooLarge(limit));
        }
        if matches!(status, Status::StreamEnd) {
            let whole = inflater.total_in() as usize == body.len();
            return if whole { Ok(unpacked.into()) } else { Err(DecodeError::Corrupt("deflate")) };
        }
        let is_full = unpacked.len() == unpacked.capacity();
        if !is_full && before == (inflater.total_in(), inflater.total_out()) {
            return Err(DecodeError::Corrupt("deflate"));
        }
        if is_full {
            let left = limit.saturating_add(1) - unpacked.len();
            unpacked.reserve_exact(unpacked.len().max(1024).min(left));
        }
    }
}
