//! The dashboard: the files of `static/` inside the binary, and the page that loads them.
//!
//! The page lies at `/` and names everything else relative to itself, so it works below any base path. Files lie below
//! `/assets/VERSION/`, where the version is made from their contents: browsers keep them for good, and a new build is
//! seen at once. A debug build reads `static/` from the disk whenever the page is asked for.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Embedded;

/// The file that becomes the page at `/`.
const PAGE: &str = "index.html";
/// Where the page names the folder of its files.
const FOLDER_MARK: &str = "{{assets}}";
/// The least size in bytes that compressing is worth.
const WORTH_COMPRESSING: usize = 600;

/// Answers for `/` and everything below `/assets/`.
pub fn endpoint() -> impl Endpoint<Output = Response> + 'static {
    Dashboard { site: ArcSwap::from_pointee(Site::read(None)) }
}

struct Dashboard {
    site: ArcSwap<Site>,
}

/// The page and its files, as one version.
struct Site {
    page: File,
    policy: String,
    files: BTreeMap<String, File>,
}

#[derive(Clone)]
struct File {
    content_type: &'static str,
    body: Bytes,
    etag: String,
    compressed: OnceLock<Option<Bytes>>,
}

impl Endpoint for Dashboard {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, "GET, HEAD").finish());
        }
        let path = request.uri().path();
        let is_page = path == "/";
        if cfg!(debug_assertions) && is_page {
            let site = Site::read(Some(&self.site.load()));
            self.site.store(Arc::new(site));
        }
        let site = self.site.load();
        let file = if is_page { Some(&site.page) } else { site.file(path) };
        let Some(file) = file else {
            let text = "There is no such file. The dashboard is at /\n";
            return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(text));
        };
        let mut response = file.respond(&request);
        let headers = response.headers_mut();
        let caching = if is_page { "no-cache" } else { "public, max-age=31536000, immutable" };
        set(headers, header::CACHE_CONTROL, caching);
        set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(headers, header::REFERRER_POLICY, "no-referrer");
        if is_page {
            set(headers, header::CONTENT_SECURITY_POLICY, &site.policy);
            set(headers, header::X_FRAME_OPTIONS, "DENY");
        }
        Ok(response)
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

impl Site {
    /// Reads all files. Those that are as they were in the `former` site keep what was made of them.
    fn read(former: Option<&Site>) -> Self {
        let names = Embedded::iter().filter_map(|name| Some((content_type(&name)?, name)));
        let mut page = String::new();
        let mut files = BTreeMap::new();
        let mut version = Sha256::new();
        for (content_type, name) in names {
            let Some(file) = Embedded::get(&name) else { continue };
            version.update(name.as_bytes());
            version.update(file.metadata.sha256_hash());
            if name == PAGE {
                page = String::from_utf8_lossy(&file.data).into_owned();
            } else {
                let body = match file.data {
                    std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                    std::borrow::Cow::Owned(bytes) => bytes.into(),
                };
                let known = former.and_then(|site| site.files.get(&*name)).filter(|file| file.body == body);
                let file = known.cloned().unwrap_or_else(|| File::new(content_type, body));
                files.insert(name.into_owned(), file);
            }
        }
        let folder = format!("assets/{}", &hex(&version.finalize())[..16]);
        let page = page.replace(FOLDER_MARK, &folder);
        let policy = policy(&page);
        Site { page: File::new("text/html; charset=utf-8", page.into()), policy, files }
    }

    /// The file behind `/assets/VERSION/`; whoever still has the page of another version gets today's file.
    fn file(&self, path: &str) -> Option<&File> {
        let (_version, name) = path.strip_prefix("/assets/")?.split_once('/')?;
        self.files.get(name)
    }
}

/// Only files of this server, and no script or style inside the page but its import map, which is named by its hash.
fn policy(page: &str) -> String {
    let map = page.split_once("<script type=\"importmap\">").and_then(|(_, rest)| rest.split_once("</script>"));
    let hash = STANDARD.encode(Sha256::digest(map.map_or("", |(map, _)| map)));
    format!(
        "default-src 'self'; script-src 'self' 'sha256-{hash}'; img-src 'self' data: blob:; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types dompurify"
    )
}

impl File {
    fn new(content_type: &'static str, body: Bytes) -> Self {
        let etag = format!("\"{}\"", &hex(&Sha256::digest(&body))[..32]);
        File { content_type, body, etag, compressed: OnceLock::new() }
    }

    fn respond(&self, request: &Request) -> Response {
        let known = request.header(header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, &self.etag));
        let response = Response::builder().header(header::ETAG, &self.etag).header(header::VARY, "accept-encoding");
        if known {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        let response = response.content_type(self.content_type);
        let zipped = request.header(header::ACCEPT_ENCODING).is_some_and(takes_gzip).then(|| self.compressed()).flatten();
        match zipped {
            Some(body) => response.header(header::CONTENT_ENCODING, "gzip").body(body),
            None => response.body(self.body.clone()),
        }
    }

    /// The body in gzip, made when it is first asked for; `None`: it would gain nothing.
    fn compressed(&self) -> Option<Bytes> {
        let make = || {
            let is_text = self.content_type.contains("charset") || self.content_type.contains("svg");
            if !is_text || self.body.len() < WORTH_COMPRESSING {
                return None;
            }
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&self.body).and_then(|()| encoder.finish()).ok().map(Bytes::from)
        };
        self.compressed.get_or_init(make).clone()
    }
}

fn names_tag(tags: &str, etag: &str) -> bool {
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*")
}

fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, rest) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !rest.replace(' ', "").eq_ignore_ascii_case("q=0")
    })
}

/// The type by the name; `None`: not for browsers.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_exists_and_the_import_map_is_named_by_its_hash() {
        let site = Site::read(None);
        let page = std::str::from_utf8(&site.page.body).unwrap();
        let named: Vec<_> = page.split("./assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named.iter().filter(|name| !name.ends_with('/')) {
            assert!(site.file(&format!("/assets/{name}")).is_some(), "{name}");
        }
        assert!(!page.contains("{{") && !page.contains(" style=") && !page.contains("<style"), "nothing inline");
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"importmap\">").count() + 1);
        assert!(site.policy.contains("script-src 'self' 'sha256-") && !site.policy.contains("unsafe"));
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        assert!(takes_gzip("gzip, deflate, br") && takes_gzip("br;q=1, GZIP;q=0.5"));
        assert!(!takes_gzip("br, deflate") && !takes_gzip("gzip;q=0") && !takes_gzip("gzip; q=0"));
    }
}
