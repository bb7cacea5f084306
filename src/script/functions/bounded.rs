//! Functions of Rhai's own library whose single step could take too long or too much memory, bounded.
//!
//! A step cannot be interrupted, and Rhai looks at the size of a value only after it was made: replacing every letter of a
//! long text by the text itself would take terabytes first. These versions compute the size before they begin.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString};

use crate::script::error::{FailureKind, Fault, NO_SLEEP, fault, throw};
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
        let growth = with.len().saturating_sub(find.len());
        let most = self.string_bytes.saturating_sub(text.len()).checked_div(growth).unwrap_or(usize::MAX);
        let count = text.matches(find).take(most.saturating_add(1)).count();
        if count > most {
            return Err(self.too_long());
        }
        if count == 0 {
            return Ok(());
        }
        charge(text.len() + count * (growth + 1))?;
        *text = text.replace(find, with).into();
        Ok(())
    }

    fn pad(self, text: &mut ImmutableString, characters: i64, with: &str) -> Fallible<()> {
        charge(text.len())?;
        let missing = usize::try_from(characters).unwrap_or(0).saturating_sub(text.chars().count());
        let per_round = with.chars().count();
        if missing == 0 || per_round == 0 {
            return Ok(());
        }
        let added = missing.saturating_mul(with.len()).div_ceil(per_round);
        if text.len().saturating_add(added) > self.string_bytes {
            return Err(self.too_long());
        }
        charge(added)?;
        let mut padded = text.to_string();
        padded.push_str(&with.repeat(missing / per_round));
        padded.extend(with.chars().take(missing % per_round));
        *text = padded.into();
        Ok(())
    }

    fn too_long(self) -> Box<EvalAltResult> {
        size_fault(format!("too large: a string may have {} bytes", self.string_bytes))
    }

    fn too_many(self) -> Box<EvalAltResult> {
        size_fault(format!("too large: an array may have {} elements", self.array_len))
    }

    /// The pieces as an array, unless there are too many; `pieces` is walked once to count and once to collect.
    fn collect<'t, I: Iterator<Item = &'t str>>(self, text: &str, pieces: impl Fn() -> I) -> Fallible<Array> {
        charge(text.len())?;
        let count = pieces().take(self.array_len + 1).count();
        if count > self.array_len {
            return Err(self.too_many());
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
            return Err(self.too_many());
        }
        charge(text.len() * 16)?;
        Ok(text.chars().map(Dynamic::from).collect())
    }
}

fn size_fault(message: String) -> Box<EvalAltResult> {
    throw(Fault { kind: FailureKind::Size, message, value: None, place: None })
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
        .register_fn("pad", move |text: &mut ImmutableString, characters: i64, with: &str| bounds.pad(text, characters, with))
        .register_fn("pad", move |text: &mut ImmutableString, characters: i64, with: char| {
            bounds.pad(text, characters, &one(with))
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
