//! The heads of a form and of its parts: boundary, names, and what makes them ambiguous.

/// Longest boundary, by RFC 2046.
const LONGEST_BOUNDARY: usize = 70;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Stream,
    N,
    File,
    Other,
}

/// The boundary that a `multipart/form-data` content type names.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut boundaries = Parameters(parameters).filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let (_, boundary) = boundaries.next().filter(|_| boundaries.next().is_none())?;
    let is_usable = (1..=LONGEST_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && !boundary.ends_with(' ');
    is_usable.then_some(boundary)
}

/// What a part is, by its head without the blank line; the error says what is wrong with it.
pub(super) fn read_head(head: &[u8]) -> Result<Field, &'static str> {
    let head = std::str::from_utf8(head).map_err(|_| "the head of a part is not UTF-8")?;
    let mut disposition = None;
    let mut is_encoded = false;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or("a header of a part has no colon")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) || line.contains(['\r', '\n', '\0']) {
            return Err("a header of a part is malformed or folded");
        }
        if name.eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
            return Err("a part has two Content-Disposition headers");
        }
        if name.eq_ignore_ascii_case("content-transfer-encoding") {
            let value = value.trim();
            is_encoded = !["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain));
        }
    }
    let field = read_disposition(disposition.ok_or("a part has no Content-Disposition header")?)?;
    let decides = matches!(field, Field::Model | Field::Stream);
    if decides && is_encoded { Err("a field that decides is transfer-encoded") } else { Ok(field) }
}

fn read_disposition(value: &str) -> Result<Field, &'static str> {
    let (kind, parameters) = value.split_once(';').ok_or("a part has no name")?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err("a part is not form-data");
    }
    let (mut name, mut is_file) = (None, false);
    for (parameter, value) in Parameters(parameters) {
        match parameter.to_ascii_lowercase().as_str() {
            "name" if name.replace(value).is_some() => return Err("a part has two names"),
            "name*" => return Err("a part's name is in an extended notation"),
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
    }
    let name = name.ok_or("a part has no name")?.to_ascii_lowercase();
    match name.as_str() {
        "model" | "stream" if is_file => Err("a field that decides is sent as a file"),
        "model" => Ok(Field::Model),
        "stream" => Ok(Field::Stream),
        _ if is_file => Ok(Field::File),
        "n" => Ok(Field::N),
        _ => Ok(Field::Other),
    }
}

/// `name=value` pairs between semicolons, values bare or quoted with backslash escapes.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start_matches([' ', '\t', ';']);
        let (name, rest) = text.split_once('=')?;
        let rest = rest.trim_start();
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(';').unwrap_or(rest.len());
            self.0 = &rest[end..];
            return Some((name.trim(), rest[..end].trim().to_owned()));
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        self.0 = "";
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    break;
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => value.push(character),
            }
        }
        Some((name.trim(), value))
    }
}
