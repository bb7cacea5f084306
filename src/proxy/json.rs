//! A cursor over JSON text: it checks the grammar and walks members, elements and values without building anything.
//!
//! Everything that reads a body on the call path stands on it: the peek at a request, patches on the original text, the
//! meter beside an answer. It never recurses, so depth cannot overflow the stack, and it never decodes what it skips, so
//! lone surrogates and numbers of any length pass as they are. Callers hand in valid UTF-8 where that matters.

use std::borrow::Cow;
use std::ops::Range;

/// Deepest nesting that is accepted, counting the outermost value.
pub(super) const MAX_DEPTH: usize = 512;

/// Why text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that cannot stand where it stands.
    #[error("unexpected character at byte {0}")]
    Unexpected(usize),
    /// The text ends inside a value.
    #[error("the text ends inside a value")]
    Ended,
    /// Nesting beyond 512 levels.
    #[error("nested deeper than 512 levels")]
    TooDeep,
}

/// What a walk through a value tells: each hook is called in text order and does nothing by default.
pub(super) trait Visit {
    /// A member's name: its bytes between the quotes, still escaped, and where its value starts.
    fn key(&mut self, _name: &[u8], _value_at: usize) {}
    /// A string value: its bytes between the quotes, still escaped.
    fn string(&mut self, _text: &[u8]) {}
    /// A number.
    fn number(&mut self) {}
}

/// A walk that only checks the grammar.
pub(super) struct Skip;

impl Visit for Skip {}

/// Where in the text the reading stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Cursor { text, at }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, without passing it.
    pub fn next_byte(&mut self) -> Result<u8, JsonError> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(JsonError::Ended)
    }

    /// Checks that nothing but white space follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        match self.next_byte() {
            Ok(_) => Err(self.unexpected()),
            Err(_) => Ok(()),
        }
    }

    /// Passes one whole value and returns where it stood.
    pub fn value(&mut self) -> Result<Range<usize>, JsonError> {
        self.walk(0, &mut Skip)
    }

    /// Passes one whole value that stands `depth` levels deep, telling `visit` what is inside.
    pub fn walk(&mut self, depth: usize, visit: &mut impl Visit) -> Result<Range<usize>, JsonError> {
        self.next_byte()?;
        let start = self.at;
        let mut open = Nesting::new(depth);
        loop {
            match self.next_byte()? {
                b'"' => {
                    let text = self.string()?;
                    visit.string(&self.text[text]);
                }
                b'{' => {
                    open.push(true)?;
                    self.at += 1;
                    if self.next_byte()? != b'}' {
                        self.key(visit)?;
                        continue;
                    }
                }
                b'[' => {
                    open.push(false)?;
                    self.at += 1;
                    if self.next_byte()? != b']' {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                    visit.number();
                }
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(self.unexpected()),
            }
            if !self.close(&mut open, visit)? {
                return Ok(start..self.at);
            }
        }
    }

    /// Behind a value: passes closing brackets; true when another value follows inside the walk.
    fn close(&mut self, open: &mut Nesting, visit: &mut impl Visit) -> Result<bool, JsonError> {
        while let Some(in_object) = open.innermost() {
            match (self.next_byte()?, in_object) {
                (b',', true) => {
                    self.at += 1;
                    self.key(visit)?;
                    return Ok(true);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    open.pop();
                }
                _ => return Err(self.unexpected()),
            }
        }
        Ok(false)
    }

    fn key(&mut self, visit: &mut impl Visit) -> Result<(), JsonError> {
        let name = self.name()?;
        visit.key(&self.text[name], self.at);
        Ok(())
    }

    /// Passes a member's name and colon, up to its value; returns where the name stands between its quotes.
    fn name(&mut self) -> Result<Range<usize>, JsonError> {
        if self.next_byte()? != b'"' {
            return Err(self.unexpected());
        }
        let name = self.string()?;
        if self.next_byte()? != b':' {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.next_byte()?;
        Ok(name)
    }

    /// Passes a string, standing on its opening quote; returns where it stands between its quotes.
    pub fn string(&mut self) -> Result<Range<usize>, JsonError> {
        self.at += 1;
        let start = self.at;
        loop {
            self.at += plain_length(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(start..self.at - 1);
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.unexpected()),
                None => return Err(JsonError::Ended),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.text.get(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                for _ in 0..4 {
                    self.at += 1;
                    match self.text.get(self.at) {
                        Some(byte) if byte.is_ascii_hexdigit() => {}
                        Some(_) => return Err(self.unexpected()),
                        None => return Err(JsonError::Ended),
                    }
                }
                self.at += 1;
            }
            Some(_) => return Err(self.unexpected()),
            None => return Err(JsonError::Ended),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        match count {
            0 if self.at >= self.text.len() => Err(JsonError::Ended),
            0 => Err(self.unexpected()),
            _ => Ok(()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(())
    }

    fn unexpected(&self) -> JsonError {
        JsonError::Unexpected(self.at)
    }
}

/// Length of the run of bytes that need no look inside a string: no quote, no backslash, no control character.
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | 0..0x20);
    at + text[at..].iter().take_while(is_plain).count()
}

/// Which brackets are open: one bit each, set for an object.
struct Nesting {
    bits: [u64; MAX_DEPTH / 64],
    floor: usize,
    depth: usize,
}

impl Nesting {
    fn new(floor: usize) -> Self {
        Nesting { bits: [0; MAX_DEPTH / 64], floor, depth: floor }
    }

    fn push(&mut self, object: bool) -> Result<(), JsonError> {
        if self.depth >= MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if object {
            self.bits[word] |= bit;
        } else {
            self.bits[word] &= !bit;
        }
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    fn innermost(&self) -> Option<bool> {
        let top = self.depth.checked_sub(1).filter(|_| self.depth > self.floor)?;
        Some(self.bits[top / 64] & (1 << (top % 64)) != 0)
    }
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// Its name, still escaped.
    pub name: &'a [u8],
    /// Where the name's opening quote stands.
    pub start: usize,
    /// Where its value stands.
    pub value: Range<usize>,
}

/// The members of one object, in text order.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    cursor: Cursor<'a>,
    depth: usize,
    first: bool,
}

impl<'a> Members<'a> {
    /// The members of the object at `at`, which stands `depth` levels deep; `None` when no object stands there.
    pub fn open(text: &'a [u8], at: usize, depth: usize) -> Option<Self> {
        let mut cursor = Cursor::new(text, at);
        if cursor.next_byte() != Ok(b'{') {
            return None;
        }
        cursor.at += 1;
        Some(Members { cursor, depth: depth + 1, first: true })
    }

    /// The members of an object in which the reading has come to the name at `at`; `None` when no name stands there.
    pub fn resume(text: &'a [u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(text, at);
        (cursor.next_byte() == Ok(b'"')).then_some(Members { cursor, depth: 1, first: true })
    }

    /// The next member, its value passed whole and told to `visit`; `None` behind the closing brace.
    pub fn next_with(&mut self, visit: &mut impl Visit) -> Result<Option<Member<'a>>, JsonError> {
        let cursor = &mut self.cursor;
        match (cursor.next_byte()?, self.first) {
            (b'}', _) => {
                cursor.at += 1;
                return Ok(None);
            }
            (b',', false) => cursor.at += 1,
            (_, true) => {}
            _ => return Err(cursor.unexpected()),
        }
        self.first = false;
        let name = cursor.name()?;
        let value = cursor.walk(self.depth, visit)?;
        Ok(Some(Member { name: &cursor.text[name.clone()], start: name.start - 1, value }))
    }

    /// Where the reading stands: behind the closing brace after the last member.
    pub fn cursor(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(&mut Skip).transpose()
    }
}

/// The elements of one array, in text order.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    cursor: Cursor<'a>,
    first: bool,
}

impl<'a> Elements<'a> {
    /// The elements of the array at `at`; `None` when no array stands there.
    pub fn open(text: &'a [u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(text, at);
        if cursor.next_byte() != Ok(b'[') {
            return None;
        }
        cursor.at += 1;
        Some(Elements { cursor, first: true })
    }

    fn step(&mut self) -> Result<Option<Range<usize>>, JsonError> {
        let cursor = &mut self.cursor;
        match (cursor.next_byte()?, self.first) {
            (b']', _) => {
                cursor.at += 1;
                return Ok(None);
            }
            (b',', false) => cursor.at += 1,
            (_, true) => {}
            _ => return Err(cursor.unexpected()),
        }
        self.first = false;
        cursor.value().map(Some)
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<Range<usize>, JsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The value of the member `name` of the object at the start of `text`; the last one when it is repeated.
pub(super) fn member<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    for member in Members::open(text, 0, 0)? {
        let member = member.ok()?;
        if name_is(member.name, name) {
            found = Some(&text[member.value]);
        }
    }
    found
}

/// Whether a name between quotes, still escaped, spells `name`.
pub(super) fn name_is(raw: &[u8], name: &str) -> bool {
    raw == name.as_bytes() || (memchr::memchr(b'\\', raw).is_some() && unescape(raw).is_some_and(|decoded| decoded == name))
}

/// The text of a string between its quotes; `None` when it is not UTF-8 or holds a lone surrogate.
pub(super) fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if memchr::memchr(b'\\', raw).is_none() {
        return Some(Cow::Borrowed(text));
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Cow::Owned)
}

/// The text of a JSON value that is a string; `None` for other values, and as [`unescape`].
pub(super) fn as_text(value: &[u8]) -> Option<Cow<'_, str>> {
    unescape(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

/// A JSON value that is a number of zero or more; fractions are cut, negative and endless ones are `None`.
pub(super) fn as_u64(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (value.first()?.is_ascii_digit() && number.is_finite() && number < u64::MAX as f64).then_some(number as u64)
    })
}

/// A JSON value that is `true` or `false`.
pub(super) fn as_bool(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}
