//! Compressed bodies: whole, damaged, unknown, and bombs.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use crate::proxy::{DecodeError, decode};

const LIMIT: usize = 1024 * 1024;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

type Pack = fn(&[u8]) -> Vec<u8>;

/// Each coding's header value and its encoder.
const CODINGS: [(&str, Pack); 4] = [("gzip", gzip), ("deflate", zlib), ("deflate", raw_deflate), ("zstd", zstd)];

#[test]
fn chains_are_unpacked_from_the_outside() {
    let packed = zstd(&gzip(b"{\"model\":\"m\"}"));
    assert_eq!(decode(" GZIP , identity, Zstd", packed.into(), LIMIT).unwrap(), "{\"model\":\"m\"}");
    assert_eq!(decode("identity", Bytes::from_static(b"{}"), LIMIT).unwrap(), "{}");
    assert_eq!(decode("", Bytes::from_static(b"{}"), LIMIT).unwrap(), "{}");
    let two_members = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
    assert_eq!(decode("gzip", two_members.into(), LIMIT).unwrap(), "{\"a\":1}");
}

#[test]
fn what_is_damaged_is_a_bad_request() {
    let text = "some text that is long enough to be compressed ".repeat(40);
    for (coding, pack) in CODINGS {
        let packed = pack(text.as_bytes());
        for end in 0..packed.len() {
            let error = decode(coding, Bytes::copy_from_slice(&packed[..end]), LIMIT).unwrap_err();
            assert_eq!(error.status(), 400, "{coding} cut at {end} of {}", packed.len());
        }
        let trailing = [&packed[..], b"garbage"].concat();
        assert_eq!(decode(coding, trailing.into(), LIMIT).unwrap_err().status(), 400, "{coding}");
        assert_eq!(decode(coding, Bytes::from_static(b"{\"model\":1}"), LIMIT).unwrap_err().status(), 400, "{coding}");
    }
}

#[test]
fn unknown_codings_are_named() {
    for coding in ["br", "compress", "gzip, br", "gzip;q=1"] {
        assert_eq!(decode(coding, Bytes::new(), LIMIT).unwrap_err().status(), 415, "{coding}");
    }
    let error = decode("x\u{1b}[31m", Bytes::new(), LIMIT).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
    assert_eq!(decode("gzip,gzip,gzip,gzip,gzip", Bytes::new(), LIMIT).unwrap_err().status(), 415);
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0u8; 64 * LIMIT];
    for (coding, pack) in CODINGS {
        let error = decode(coding, pack(&zeros).into(), LIMIT).unwrap_err();
        assert_eq!((error.clone(), error.status(), error.code()), (DecodeError::TooLarge(LIMIT), 413, "request_too_large"));
    }
    let nested = gzip(&gzip(&zeros));
    assert_eq!(decode("gzip, gzip", nested.into(), LIMIT).unwrap_err(), DecodeError::TooLarge(LIMIT));
    assert_eq!(decode("identity", vec![0; LIMIT + 1].into(), LIMIT).unwrap_err(), DecodeError::TooLarge(LIMIT));
    let exact = vec![7u8; LIMIT];
    for (coding, pack) in CODINGS {
        assert_eq!(decode(coding, pack(&exact).into(), LIMIT).unwrap().len(), LIMIT, "{coding}");
    }
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(text in prop::collection::vec(any::<u8>(), 0..5000)) {
        for (coding, pack) in CODINGS {
            prop_assert_eq!(&decode(coding, pack(&text).into(), LIMIT).unwrap()[..], &text[..], "{}", coding);
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        for (coding, _) in CODINGS {
            let _ = decode(coding, Bytes::from(noise.clone()), LIMIT);
        }
    }
}
