//! Multipart bodies, cut into their parts.

use bytes::Bytes;
use memchr::memmem;

use super::super::persona::Refusal;
use super::super::request::SeenRequest;

/// One part of a multipart body.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) body: Bytes,
}

impl Part {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The parts of a request's body.
pub(super) fn parts(request: &SeenRequest) -> Result<Vec<Part>, Refusal> {
    let refusal = || Refusal::request(400, "invalid_multipart", "Could not parse multipart form");
    let content_type = request.header("content-type").unwrap_or_default();
    let boundary =
        parameter(content_type, "boundary").filter(|_| content_type.starts_with("multipart/")).ok_or_else(refusal)?;
    let line = format!("--{boundary}");
    let cuts: Vec<usize> = memmem::find_iter(&request.body, line.as_bytes()).collect();
    if cuts.len() < 2 {
        return Err(refusal());
    }
    let between = |pair: &[usize]| part(&request.body.slice(pair[0] + line.len()..pair[1])).ok_or_else(refusal);
    cuts.windows(2).map(between).collect()
}

/// Reads what stands between two boundaries: a line end, headers, a blank line, the body, a line end.
fn part(bytes: &Bytes) -> Option<Part> {
    let head_end = memmem::find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    Some(Part {
        name: parameter(disposition, "name")?,
        file_name: parameter(disposition, "filename"),
        body: bytes.slice(head_end + 4..bytes.len().checked_sub(2)?.max(head_end + 4)),
    })
}

/// The value of `; name=value` or `; name="value"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim().eq_ignore_ascii_case(name)).then(|| value.trim().trim_matches('"').to_owned())
    })
}
