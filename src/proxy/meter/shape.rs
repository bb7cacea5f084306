//! The shapes that answers have: the members of their top level that a meter looks at, as they stand in the text.

use crate::proxy::json::{self, Elements, JsonError, Members};

/// Members of the top level of an answer or of an event's data. Each is the value's text; null counts as missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Top<'a> {
    pub kind: Option<&'a [u8]>,
    pub object: Option<&'a [u8]>,
    pub id: Option<&'a [u8]>,
    pub model: Option<&'a [u8]>,
    pub status: Option<&'a [u8]>,
    pub background: Option<&'a [u8]>,
    pub choices: Option<&'a [u8]>,
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
        for member in Members::open(text, 0).ok_or(JsonError::Unexpected(0))? {
            let member = member?;
            top.take(member.name, &text[member.value]);
        }
        Ok(top)
    }

    /// As [`Top::read`], of a text that may be cut: the members that stand there whole.
    pub fn read_cut(text: &'a [u8]) -> Self {
        let mut top = Top::default();
        for member in Members::open(text, 0).into_iter().flatten().map_while(Result::ok) {
            top.take(member.name, &text[member.value]);
        }
        top
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let place = match name {
            b"type" => &mut self.kind,
            b"object" => &mut self.object,
            b"id" => &mut self.id,
            b"model" => &mut self.model,
            b"status" => &mut self.status,
            b"background" => &mut self.background,
            b"choices" => &mut self.choices,
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

    /// The elements of `choices`.
    pub fn choices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        elements(self.choices.unwrap_or_default())
    }
}

/// One element of `choices`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choice<'a> {
    pub finish_reason: Option<&'a [u8]>,
    pub error: Option<&'a [u8]>,
    pub usage: Option<&'a [u8]>,
    /// `delta`, or `message` of a whole answer.
    pub message: Option<&'a [u8]>,
    pub text: Option<&'a [u8]>,
}

impl<'a> Choice<'a> {
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let mut choice = Choice::default();
        for member in Members::open(text, 0)? {
            let member = member.ok()?;
            let place = match member.name {
                b"finish_reason" => &mut choice.finish_reason,
                b"error" => &mut choice.error,
                b"usage" => &mut choice.usage,
                b"delta" | b"message" => &mut choice.message,
                b"text" => &mut choice.text,
                _ => continue,
            };
            *place = Some(&text[member.value]).filter(|value| has_substance(value));
        }
        Some(choice)
    }

    /// Whether there is more than a role.
    pub fn has_content(&self) -> bool {
        self.text.is_some() || self.message_members().any(|(_, value)| has_substance(value))
    }

    /// Whether there is something that a reader sees as the answer: all but reasoning.
    pub fn is_readable(&self) -> bool {
        let is_answer = |name: &[u8]| !name.starts_with(b"reasoning") && !name.starts_with(b"thinking");
        self.text.is_some() || self.message_members().any(|(name, value)| is_answer(name) && has_substance(value))
    }

    fn message_members(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let text = self.message.unwrap_or_default();
        let members = Members::open(text, 0).into_iter().flatten().map_while(Result::ok);
        let named = members.map(move |member| (member.name, &text[member.value]));
        named.filter(|(name, _)| !matches!(*name, b"role" | b"name" | b"type"))
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
