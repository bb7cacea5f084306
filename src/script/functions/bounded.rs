//! Functions of Rhai's own library whose single step could take too long or too much memory, bounded.
//!
//! A step cannot be interrupted, and Rhai looks at the size of a value only after it was made: replacing every letter of a
//! long text by the text itself would take terabytes first. These versions compute the size before they begin.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position};

use crate::script::error::{NO_SLEEP, fault};
use crate::script::limits::ScriptLimits;
use crate::script::runtime::charge;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

#[derive(Clone, Copy)]
struct Bounds {
    string_bytes: usize,
    array_len: usize,
}

impl Bounds {
    fn replace(self, text: &mut ImmutableString, find: &str, with: &str) -> Fallible<()> {
        charge(text.len())?;
        let count = text.matches(find).count();
        if count == 0 {
            return Ok(());
        }
        let grown = (text.len() - count * find.len()).saturating_add(count.saturating_mul(with.len()));
        if grown > self.string_bytes {
            return Err(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE).into());
        }
        charge(grown + count)?;
        *text = text.replace(find, with).into();
        Ok(())
    }

    /// The pieces as an array, unless there are too many; `pieces` is walked once to count and once to collect.
    fn collect<'t, I: Iterator<Item = &'t str>>(self, text: &str, pieces: impl Fn() -> I) -> Fallible<Array> {
        charge(text.len())?;
        let count = pieces().take(self.array_len + 1).count();
        if count > self.array_len {
            return Err(EvalAltResult::ErrorDataTooLarge("Size of array".to_owned(), Position::NONE).into());
        }
        charge(count * 64)?;
        Ok(pieces().map(|piece| ImmutableString::from(piece).into()).collect())
    }

    fn split(self, text: &str, by: &str, most: i64, from_end: bool) -> Fallible<Array> {
        let most = usize::try_from(most).unwrap_or(0).max(1);
        match from_end {
            false => self.collect(text, || text.splitn(most, by)),
            true => self.collect(text, || text.rsplitn(most, by)),
        }
    }

    fn chars(self, text: &str) -> Fallible<Array> {
        if text.chars().take(self.array_len + 1).count() > self.array_len {
            return Err(EvalAltResult::ErrorDataTooLarge("Size of array".to_owned(), Position::NONE).into());
        }
        charge(text.len() * 16)?;
        Ok(text.chars().map(Dynamic::from).collect())
    }
}

/// Puts the bounded functions before Rhai's own.
pub fn register(engine: &mut Engine, limits: &ScriptLimits) {
    let bounds = Bounds { string_bytes: limits.string_bytes, array_len: limits.array_len };
    let one = |c: char| c.to_string();
    engine
        .register_fn("replace", move |text: &mut ImmutableString, find: &str, with: &str| bounds.replace(text, find, with))
        .register_fn("replace", move |text: &mut ImmutableString, find: &str, with: char| {
            bounds.replace(text, find, &one(with))
        })
        .register_fn("replace", move |text: &mut ImmutableString, find: char, with: &str| {
            bounds.replace(text, &one(find), with)
        })
        .register_fn("replace", move |text: &mut ImmutableString, find: char, with: char| {
            bounds.replace(text, &one(find), &one(with))
        })
        .register_fn("split", move |text: &str| bounds.collect(text, || text.split_whitespace()))
        .register_fn("to_chars", move |text: &str| bounds.chars(text));
    for (name, from_end) in [("split", false), ("split_rev", true)] {
        engine
            .register_fn(name, move |text: &str, by: &str| bounds.split(text, by, i64::MAX, from_end))
            .register_fn(name, move |text: &str, by: &str, most: i64| bounds.split(text, by, most, from_end))
            .register_fn(name, move |text: &str, by: char| bounds.split(text, &one(by), i64::MAX, from_end))
            .register_fn(name, move |text: &str, by: char, most: i64| bounds.split(text, &one(by), most, from_end));
    }
    engine
        .register_fn("sleep", |_: i64| Err::<(), _>(fault(NO_SLEEP)))
        .register_fn("sleep", |_: f64| Err::<(), _>(fault(NO_SLEEP)));
}
