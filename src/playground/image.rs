//! Pictures as `data:` URLs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::domain::InvalidField;
use crate::store::NewImage;

/// Kinds of pictures that models take and every browser shows.
const MEDIA_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Most bytes of a picture.
const MOST_BYTES: usize = 5 * 1024 * 1024;

/// Reads a picture from a `data:` URL; an error says what is wrong with it, and never what it holds.
pub fn read_image(url: &str) -> Result<NewImage, InvalidField> {
    let invalid = |message: &str| InvalidField { field: "images", message: message.to_owned() };
    let parts = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let (media_type, data) = parts.ok_or_else(|| invalid("must be data: URLs in base64"))?;
    if !MEDIA_TYPES.contains(&media_type) {
        return Err(invalid("must be PNG, JPEG, GIF or WebP"));
    }
    if data.len() / 4 * 3 > MOST_BYTES + 2 {
        return Err(invalid("must be at most 5 MiB each"));
    }
    let bytes = BASE64_STANDARD.decode(data).map_err(|_| invalid("must be data: URLs in base64"))?;
    Ok(NewImage { media_type: media_type.to_owned(), bytes: bytes.into() })
}

/// A picture as a `data:` URL.
pub fn data_url(image: &NewImage) -> String {
    format!("data:{};base64,{}", image.media_type, BASE64_STANDARD.encode(&image.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_and_written() {
        let url = "data:image/png;base64,iVBORw0KGgo=";
        let image = read_image(url).unwrap();
        assert_eq!((image.media_type.as_str(), image.bytes.len()), ("image/png", 8));
        assert_eq!(data_url(&image), url);
        let large = format!("data:image/png;base64,{}", "A".repeat(8 * 1024 * 1024));
        let wrong =
            ["https://h/a.png", "data:image/svg+xml;base64,PHN2Zz4=", "data:image/png;base64,???", "data:image/png,x", &large];
        for url in wrong {
            assert_eq!(read_image(url).unwrap_err().field, "images");
        }
    }
}
