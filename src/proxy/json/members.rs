//! Members of an object and elements of an array, one by one.

use std::ops::Range;

use super::{Cursor, JsonError, Skip, Visit};

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Member<'a> {
    /// Its name, still escaped.
    pub name: &'a [u8],
    /// Where the name's opening quote stands.
    pub start: usize,
    /// Where its value stands.
    pub value: Range<usize>,
}

/// The members of one object, in text order.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Members<'a> {
    cursor: Cursor<'a>,
    first: bool,
}

impl<'a> Members<'a> {
    /// The members of the object at `at`; `None` when no object stands there.
    pub fn open(text: &'a [u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(text, at);
        if cursor.next_byte() != Ok(b'{') {
            return None;
        }
        cursor.at += 1;
        Some(Members { cursor, first: true })
    }

    /// The members of an object in which the reading has come to the name at `at`; `None` when no name stands there.
    pub fn resume(text: &'a [u8], at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(text, at);
        (cursor.next_byte() == Ok(b'"')).then_some(Members { cursor, first: true })
    }

    /// The next member, its name and its whole value told to `visit`; `None` behind the closing brace.
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
        let name_at = cursor.name()?;
        let name = &cursor.text[name_at.clone()];
        visit.key(name, cursor.at);
        let value = cursor.walk(1, visit)?;
        Ok(Some(Member { name, start: name_at.start - 1, value }))
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
pub(in crate::proxy) struct Elements<'a> {
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
