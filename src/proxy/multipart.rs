//! `multipart/form-data`: finds the model wherever it stands, and replaces exactly its bytes.
//!
//! Strict on purpose: what two parsers could read differently (repeated names, folded headers, text around the parts) is
//! refused, since a provider must never see another model than the allow-list and the price did.

mod head;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use head::{Field, boundary, read_head};

/// Longest head of one part, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// Longest value that is kept of a field, in bytes.
const LONGEST_FIELD: usize = 4 * 1024;

/// Most blanks behind a boundary, where RFC 2046 allows any number.
const MOST_PADDING: usize = 64;

/// Why a form cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The content type names no usable boundary.
    #[error("the content type names no multipart boundary of 1 to 70 characters")]
    Boundary,
    /// The form is not well-formed, at this byte.
    #[error("the multipart form is malformed at byte {at}: {problem}")]
    Malformed {
        /// Where, counted in the body.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A field that decides where the call goes stands there twice.
    #[error("the multipart form has more than one field `{0}`")]
    Repeated(&'static str),
    /// A field has a value that it cannot have.
    #[error("`{field}` must be {expected}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What it must be, in words.
        expected: &'static str,
    },
}

impl FormError {
    /// The error's code in an answer.
    pub fn code(&self) -> &'static str {
        match self {
            FormError::Boundary | FormError::Malformed { .. } => "invalid_multipart",
            FormError::Repeated(_) => "repeated_member",
            FormError::Value { .. } => "invalid_type",
        }
    }

    /// The field at fault.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            FormError::Repeated(field) | FormError::Value { field, .. } => Some(field),
            _ => None,
        }
    }
}

/// What a form says, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The model asked for.
    pub model: Option<Arc<str>>,
    /// Where the model's value stands in the body.
    pub model_at: Option<Range<u64>>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
    /// Answers or pictures asked for.
    pub n: Option<u64>,
    /// Files.
    pub files: u32,
    /// Bytes of all files.
    pub file_bytes: u64,
    /// Bytes of all other values.
    pub text_bytes: u64,
}

impl Form {
    /// The body with another model name, all else unchanged; the same body when the form names no model.
    ///
    /// # Errors
    /// A name with control characters, which could forge parts.
    pub fn with_model(&self, body: &Bytes, model: &str) -> Result<Bytes, FormError> {
        if model.chars().any(char::is_control) {
            return Err(FormError::Value { field: "model", expected: "without control characters" });
        }
        let Some(at) = self.model_at.as_ref() else { return Ok(body.clone()) };
        let (start, end) = (at.start as usize, at.end as usize);
        Ok([&body[..start], model.as_bytes(), &body[end..]].concat().into())
    }
}

/// Reads a whole form.
pub fn read_form(content_type: &str, body: &Bytes) -> Result<Form, FormError> {
    let mut reader = FormReader::new(content_type)?;
    reader.push(body)?;
    reader.finish()
}

/// Reads a form chunk by chunk, cut anywhere, keeping only what it must: for uploads that pass through unbuffered.
#[derive(Debug)]
pub struct FormReader {
    /// `\r\n--boundary`.
    delimiter: Vec<u8>,
    place: Place,
    /// Bytes that cannot be judged before more come.
    carried: Vec<u8>,
    /// Where in the body the carried bytes begin.
    position: u64,
    form: Form,
}

#[derive(Clone, Debug)]
enum Place {
    Start,
    BehindDelimiter,
    Head,
    Value { field: Field, start: u64, kept: Vec<u8> },
    End,
}

impl FormReader {
    /// A reader for a body with this `Content-Type`.
    pub fn new(content_type: &str) -> Result<Self, FormError> {
        let boundary = boundary(content_type).ok_or(FormError::Boundary)?;
        Ok(FormReader {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            place: Place::Start,
            carried: Vec::new(),
            position: 0,
            form: Form::default(),
        })
    }

    /// What was read so far. The model is there once its part has ended.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Takes the next chunk. An error stands: the rest of the body must not be sent on.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), FormError> {
        if self.carried.is_empty() {
            let used = self.read(chunk)?;
            self.carried.extend_from_slice(&chunk[used..]);
            return Ok(());
        }
        let mut carried = std::mem::take(&mut self.carried);
        carried.extend_from_slice(chunk);
        let used = self.read(&carried)?;
        carried.drain(..used);
        self.carried = carried;
        Ok(())
    }

    /// The form, when its last boundary has come.
    pub fn finish(self) -> Result<Form, FormError> {
        match self.place {
            Place::End => Ok(self.form),
            _ => Err(self.malformed("it ends before its last boundary")),
        }
    }

    /// Reads what can be judged; returns how many bytes that is.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, FormError> {
        let mut used = 0;
        while let Some(step) = self.step(&bytes[used..])? {
            used += step;
            self.position += step as u64;
        }
        Ok(used)
    }

    /// One step on; `None` when more bytes are needed.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<usize>, FormError> {
        match &self.place {
            Place::Start => self.start(bytes),
            Place::BehindDelimiter => self.behind_delimiter(bytes),
            Place::Head => self.head(bytes),
            Place::Value { .. } => self.value(bytes),
            Place::End => match bytes.iter().all(u8::is_ascii_whitespace) {
                true => Ok((!bytes.is_empty()).then_some(bytes.len())),
                false => Err(self.malformed("something follows the last boundary")),
            },
        }
    }

    fn start(&mut self, bytes: &[u8]) -> Result<Option<usize>, FormError> {
        for opening in [&self.delimiter[2..], &self.delimiter] {
            if bytes.starts_with(opening) {
                let length = opening.len();
                self.place = Place::BehindDelimiter;
                return Ok(Some(length));
            }
            if opening.starts_with(bytes) {
                return Ok(None);
            }
        }
        Err(self.malformed("it does not begin with its boundary"))
    }

    fn behind_delimiter(&mut self, bytes: &[u8]) -> Result<Option<usize>, FormError> {
        let padding = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match &bytes[padding..] {
            [b'-', b'-', ..] if padding == 0 => {
                self.place = Place::End;
                Ok(Some(2))
            }
            [b'\r', b'\n', ..] => {
                self.place = Place::Head;
                Ok(Some(padding + 2))
            }
            [] | [b'\r'] if padding <= MOST_PADDING => Ok(None),
            [b'-'] if padding == 0 => Ok(None),
            _ => Err(self.malformed("a boundary is not followed by a line end")),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, FormError> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            let is_short = bytes.len() <= LONGEST_HEAD;
            return if is_short { Ok(None) } else { Err(self.malformed("the head of a part is too long")) };
        };
        if end > LONGEST_HEAD {
            return Err(self.malformed("the head of a part is too long"));
        }
        let field = read_head(&bytes[..end]).map_err(|problem| self.malformed(problem))?;
        match field {
            Field::Model if self.form.model_at.is_some() => return Err(FormError::Repeated("model")),
            Field::Stream if self.form.stream.is_some() => return Err(FormError::Repeated("stream")),
            Field::File => self.form.files += 1,
            _ => {}
        }
        let length = end + 4;
        self.place = Place::Value { field, start: self.position + length as u64, kept: Vec::new() };
        Ok(Some(length))
    }

    fn value(&mut self, bytes: &[u8]) -> Result<Option<usize>, FormError> {
        let end = memchr::memmem::find(bytes, &self.delimiter);
        let length = end.unwrap_or((bytes.len() + 1).saturating_sub(self.delimiter.len()));
        let Place::Value { field, start, kept } = &mut self.place else { return Ok(None) };
        match field {
            Field::File => self.form.file_bytes += length as u64,
            _ => self.form.text_bytes += length as u64,
        }
        if matches!(field, Field::Model | Field::Stream | Field::N) {
            if kept.len() + length > LONGEST_FIELD {
                return Err(self.malformed("the value of a short field is too long"));
            }
            kept.extend_from_slice(&bytes[..length]);
        }
        if end.is_none() {
            return Ok((length > 0).then_some(length));
        }
        let (field, start, kept) = (*field, *start, std::mem::take(kept));
        self.take_field(field, start, &kept)?;
        self.place = Place::BehindDelimiter;
        Ok(Some(length + self.delimiter.len()))
    }

    fn take_field(&mut self, field: Field, start: u64, value: &[u8]) -> Result<(), FormError> {
        let text = std::str::from_utf8(value);
        match field {
            Field::Model => {
                let expected = "text in UTF-8 without control characters";
                let model = text.ok().filter(|text| !text.chars().any(char::is_control));
                self.form.model = Some(model.ok_or(FormError::Value { field: "model", expected })?.into());
                self.form.model_at = Some(start..start + value.len() as u64);
            }
            Field::Stream => {
                let stream = text.ok().and_then(as_flag);
                self.form.stream = Some(stream.ok_or(FormError::Value { field: "stream", expected: "true or false" })?);
            }
            Field::N => self.form.n = text.ok().and_then(|text| text.trim().parse().ok()),
            Field::File | Field::Other => {}
        }
        Ok(())
    }

    fn malformed(&self, problem: &'static str) -> FormError {
        FormError::Malformed { at: self.position, problem }
    }
}

/// The spellings that form parsers take for a flag.
fn as_flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" | "" => Some(false),
        _ => None,
    }
}
