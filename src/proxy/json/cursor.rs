//! The cursor itself: one value after the other, by the grammar of RFC 8259, without recursion.

use std::ops::Range;

use super::{JsonError, MAX_DEPTH};

/// What a walk through a value tells: each hook is called in text order and does nothing by default.
pub(in crate::proxy) trait Visit {
    /// A member's name: its bytes between the quotes, still escaped, and where its value starts.
    fn key(&mut self, _name: &[u8], _value_at: usize) {}
    /// A string value: its bytes between the quotes, still escaped; plain when it is ASCII without escapes.
    fn string(&mut self, _text: &[u8], _is_plain: bool) {}
    /// A number.
    fn number(&mut self) {}
}

/// A walk that only checks the grammar.
pub(in crate::proxy) struct Skip;

impl Visit for Skip {}

/// Where in the text the reading stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Cursor<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
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
                    let (text, is_plain) = self.scan_string()?;
                    visit.string(&self.text[text], is_plain);
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

    /// Reads the object at hand: `take` is told each member's name and must pass its value.
    ///
    /// One pass reads what is nested, where asking for spans first would pass it once for each level.
    pub fn each_member(&mut self, mut take: impl FnMut(&mut Self, &'a [u8]) -> Result<(), JsonError>) -> Result<(), JsonError> {
        self.enter(b'{')?;
        if self.next_byte()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.name()?;
            take(self, &self.text[name])?;
            if self.leave_or_go_on(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads the array at hand: `take` must pass each element.
    pub fn each_element(&mut self, mut take: impl FnMut(&mut Self) -> Result<(), JsonError>) -> Result<(), JsonError> {
        self.enter(b'[')?;
        if self.next_byte()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            take(self)?;
            if self.leave_or_go_on(b']')? {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, bracket: u8) -> Result<(), JsonError> {
        if self.next_byte()? != bracket {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// Behind a member or element: true when the bracket closes, false when a comma follows.
    fn leave_or_go_on(&mut self, bracket: u8) -> Result<bool, JsonError> {
        let byte = self.next_byte()?;
        if byte != bracket && byte != b',' {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(byte == bracket)
    }

    /// Passes one whole value and returns its text.
    pub fn text(&mut self) -> Result<&'a [u8], JsonError> {
        self.value().map(|at| &self.text[at])
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
    pub(super) fn name(&mut self) -> Result<Range<usize>, JsonError> {
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
        self.scan_string().map(|(text, _)| text)
    }

    /// As [`Cursor::string`], and whether it is ASCII without escapes.
    fn scan_string(&mut self) -> Result<(Range<usize>, bool), JsonError> {
        self.at += 1;
        let start = self.at;
        let mut is_plain = true;
        loop {
            let (length, is_ascii) = unmarked_run(&self.text[self.at..]);
            self.at += length;
            is_plain &= is_ascii;
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((start..self.at - 1, is_plain));
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.unexpected()),
                None => return Err(JsonError::Ended),
            }
            is_plain = false;
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

    pub(super) fn unexpected(&self) -> JsonError {
        JsonError::Unexpected(self.at)
    }
}

/// The run of bytes that need no look inside a string (no quote, no backslash, no control character): its length, and
/// whether it is ASCII.
fn unmarked_run(text: &[u8]) -> (usize, bool) {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    let mut at = 0;
    let mut seen = 0;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            let length = found.trailing_zeros() as usize / 8;
            let before = word & !(u64::MAX << (8 * length));
            return (at + length, (seen | before) & HIGHS == 0);
        }
        seen |= word;
        at += 8;
    }
    let is_unmarked = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | 0..0x20);
    let rest = text[at..].iter().take_while(is_unmarked);
    let (length, is_ascii) = rest.fold((0, true), |(length, is_ascii), byte| (length + 1, is_ascii && byte.is_ascii()));
    (at + length, is_ascii && seen & HIGHS == 0)
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
