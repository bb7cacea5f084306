//! The shapes that answers have: the members of their top level that a meter looks at, as they stand in the text.

use crate::proxy::json::{self, Cursor, Elements, JsonError};

/// Members of the top level of an answer or of an event's data. Each is the value's text; null counts as missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Top<'a> {
    pub kind: Option<&'a [u8]>,
    pub object: Option<&'a [u8]>,
    pub id: Option<&'a [u8]>,
    pub model: Option<&'a [u8]>,
    pub status: Option<&'a [u8]>,
    pub background: Option<&'a [u8]>,
    pub choices: Option<Choices<'a>>,
    pub usage: Option<&'a [u8]>,
    pub error: Option<&'a [u8]>,
    pub response: Option<&'a [u8]>,
    pub message: Option<&'a [u8]>,
    pub delta: Option<&'a [u8]>,
    pub content_block: Option<&'a [u8]>,
    pub content: Option<&'a [u8]>,
    pub output: Option<&'a [u8]>,
    pub data: Option<&'a [u8]>,
    pub text: Option<&'a [u8]>,
    pub stop_reason: Option<&'a [u8]>,
    pub incomplete_details: Option<&'a [u8]>,
    pub duration: Option<&'a [u8]>,
    pub x_groq: Option<&'a [u8]>,
    pub code: Option<&'a [u8]>,
    pub error_code: Option<&'a [u8]>,
    pub success: Option<&'a [u8]>,
    pub base_resp: Option<&'a [u8]>,
    pub msg: Option<&'a [u8]>,
}

impl<'a> Top<'a> {
    /// Reads the members of the object at the start of `text`, all of it being passed.
    pub fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut top = Top::default();
        top.fill(text)?;
        Ok(top)
    }

    /// As [`Top::read`], of a text that may be cut or no object: the members that stand there whole.
    pub fn read_cut(text: &'a [u8]) -> Self {
        let mut top = Top::default();
        let _ends_early = top.fill(text);
        top
    }

    fn fill(&mut self, text: &'a [u8]) -> Result<(), JsonError> {
        Cursor::new(text, 0).each_member(|cursor, name| {
            if name == b"choices" && cursor.next_byte()? == b'[' {
                self.choices = Some(Choices::read(cursor)?);
            } else {
                self.take(name, cursor.text()?);
            }
            Ok(())
        })
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let place = match name {
            b"type" => &mut self.kind,
            b"object" => &mut self.object,
            b"id" => &mut self.id,
            b"model" => &mut self.model,
            b"status" => &mut self.status,
            b"background" => &mut self.background,
            b"usage" | b"usageMetadata" => &mut self.usage,
            b"error" => &mut self.error,
            b"response" => &mut self.response,
            b"message" => &mut self.message,
            b"delta" => &mut self.delta,
            b"content_block" => &mut self.content_block,
            b"content" => &mut self.content,
            b"output" => &mut self.output,
            b"data" => &mut self.data,
            b"text" => &mut self.text,
            b"stop_reason" => &mut self.stop_reason,
            b"incomplete_details" => &mut self.incomplete_details,
            b"duration" => &mut self.duration,
            b"x_groq" => &mut self.x_groq,
            b"code" => &mut self.code,
            b"error_code" => &mut self.error_code,
            b"success" => &mut self.success,
            b"base_resp" => &mut self.base_resp,
            b"msg" => &mut self.msg,
            _ => return,
        };
        *place = Some(value).filter(|value| *value != b"null");
    }

    /// The event's type: in the data, else the name of the event's line. Without quotes.
    pub fn kind_name<'b>(&self, event_name: &'b [u8]) -> &'b [u8]
    where
        'a: 'b,
    {
        self.kind.and_then(unquoted).unwrap_or(event_name)
    }
}

/// All that `choices` say together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choices<'a> {
    /// How many there are.
    pub count: usize,
    /// Why an answer ended.
    pub finish_reason: Option<&'a [u8]>,
    /// Usage, where a vendor puts it here.
    pub usage: Option<&'a [u8]>,
    /// The whole choice that has an `error`.
    pub failed: Option<&'a [u8]>,
    /// There is more than a role.
    pub has_content: bool,
    /// There is something that a reader sees as the answer: all but reasoning.
    pub is_readable: bool,
}

impl<'a> Choices<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, JsonError> {
        let mut choices = Choices::default();
        cursor.each_element(|cursor| {
            choices.count += 1;
            if cursor.next_byte()? != b'{' {
                return cursor.value().map(drop);
            }
            let mut beginning = *cursor;
            let mut failed = false;
            cursor.each_member(|cursor, name| choices.take(cursor, name, &mut failed))?;
            if failed {
                choices.failed = Some(beginning.text()?);
            }
            Ok(())
        })?;
        Ok(choices)
    }

    fn take(&mut self, cursor: &mut Cursor<'a>, name: &[u8], failed: &mut bool) -> Result<(), JsonError> {
        if matches!(name, b"delta" | b"message") && cursor.next_byte()? == b'{' {
            return cursor.each_member(|cursor, name| self.take_message(name, cursor.text()?));
        }
        let value = cursor.text()?;
        if !has_substance(value) {
            return Ok(());
        }
        match name {
            b"finish_reason" => self.finish_reason = Some(value),
            b"usage" => self.usage = Some(value),
            b"error" => *failed = true,
            b"text" => {
                self.has_content = true;
                self.is_readable = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_message(&mut self, name: &[u8], value: &[u8]) -> Result<(), JsonError> {
        let says = !matches!(name, b"role" | b"name" | b"type") && has_substance(value);
        self.has_content |= says;
        self.is_readable |= says && !name.starts_with(b"reasoning") && !name.starts_with(b"thinking");
        Ok(())
    }
}

/// The elements of an array; none of another value.
pub(super) fn elements(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    Elements::open(text, 0).into_iter().flatten().map_while(Result::ok).map(move |at| &text[at])
}

/// Whether a value says something: it is not null, `""`, `[]` or `{}`.
pub(super) fn has_substance(value: &[u8]) -> bool {
    match value {
        b"null" | b"\"\"" | b"[]" | b"{}" | b"" => false,
        [b'[' | b'{', inside @ .., b']' | b'}'] => !inside.trim_ascii().is_empty(),
        _ => true,
    }
}

/// A string's text as it stands between its quotes.
pub(super) fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// A string, decoded.
pub(super) fn text(value: Option<&[u8]>) -> Option<std::sync::Arc<str>> {
    value.and_then(json::as_text).filter(|text| !text.is_empty()).map(std::sync::Arc::from)
}
