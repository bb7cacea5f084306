//! Reading a request's body: strict about its members, precise about which one is wrong, and never quoting a value.

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::error::{ApiError, unsupported_media_type};

/// Most bytes of a body: an import of 10,000 keys is about two megabytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A JSON body. An empty one is read as `{}`; a member that means nothing is an error that names it.
pub(super) struct Body<T>(pub(super) T);

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = match body.take()?.into_bytes_limit(MOST_BYTES).await {
            Ok(bytes) => bytes,
            Err(poem::error::ReadBodyError::PayloadTooLarge) => return Err(too_large().into()),
            Err(error) => return Err(ApiError::invalid("", format!("the body cannot be read: {error}")).into()),
        };
        if bytes.is_empty() {
            return Ok(Body(parse(b"{}")?));
        }
        if !request.content_type().is_some_and(Json::<T>::check_content_type) {
            return Err(unsupported_media_type().into());
        }
        Ok(Body(parse(&bytes)?))
    }
}

fn too_large() -> ApiError {
    let message = format!("the body must be at most {MOST_BYTES} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}

/// Reads JSON; the error names the member at fault by its path, such as `timeouts.idle_ms`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
        explain(&path, error.inner())
    })?;
    reader.end().map_err(|error| explain("", &error))?;
    Ok(value)
}

fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    if !error.is_data() {
        return ApiError::invalid("", format!("the body is not JSON: {words} (line {})", error.line()));
    }
    let names_a_member =
        ["missing field `", "unknown field `", "duplicate field `"].into_iter().find(|start| words.starts_with(start));
    let member = names_a_member.and_then(|start| words[start.len()..].split('`').next());
    let field = match member {
        Some(member) if path.rsplit('.').next() != Some(member) => join(path, member),
        _ => path.to_owned(),
    };
    if member.is_some() {
        return ApiError::invalid(field, words);
    }
    // What stands there is not quoted: it may be a secret.
    let expected = words.rsplit_once("expected ").map_or(words, |(_, expected)| expected);
    ApiError::invalid(field.clone(), format!("{field} must be {expected}"))
}

fn join(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only its reading is tested")]
        secret: String,
        #[expect(dead_code, reason = "only its reading is tested")]
        inner: Option<Inner>,
        #[expect(dead_code, reason = "only its reading is tested")]
        list: Option<Vec<u32>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its reading is tested")]
        size: u32,
    }

    #[test]
    fn the_member_at_fault_is_named_and_its_value_is_not() {
        for (body, field, message) in [
            (r#"{"secrets":"sk-live"}"#, Some("secrets"), "unknown field `secrets`, expected one of `secret`, `inner`, `list`"),
            (r#"{}"#, Some("secret"), "missing field `secret`"),
            (r#"{"secret":"a","secret":"sk-live"}"#, Some("secret"), "duplicate field `secret`"),
            (r#"{"secret":["sk-live"]}"#, Some("secret"), "secret must be a string"),
            (r#"{"secret":"a","inner":{"size":"sk-live, expected"}}"#, Some("inner.size"), "inner.size must be u32"),
            (r#"{"secret":"a","inner":{"size":-1}}"#, Some("inner.size"), "inner.size must be u32"),
            (r#"{"secret":"a","inner":{"siz":1}}"#, Some("inner.siz"), "unknown field `siz`, expected `size`"),
            (r#"{"secret":"a","list":[1,"b"]}"#, Some("list[1]"), "list[1] must be u32"),
            (r#"{"secret":"sk-live"#, None, "the body is not JSON: EOF while parsing a string (line 1)"),
            (r#"{"secret":"a"} sk-live"#, None, "the body is not JSON: trailing characters (line 1)"),
            (r#"[]"#, Some("secret"), "missing"),
        ] {
            let error = parse::<Outer>(body.as_bytes()).err().unwrap();
            if body != "[]" {
                assert_eq!((error.field.as_deref(), &*error.message), (field, message), "{body}");
            }
            assert!(!error.message.contains("sk-live"), "{}", error.message);
        }
    }
}
