//! `hash`, `json`, `parse_json`, `estimate_tokens`.

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use crate::domain::estimate_text_tokens;
use crate::script::error::{fault, fault_at};
use crate::script::json::{from_json, to_json};
use crate::script::objects::Json;
use crate::script::register::Registrar;
use crate::script::runtime::charge;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// FNV-1a with a final mix (SplitMix64's), so that near texts fall into far buckets; never negative.
fn hash(text: &str) -> Fallible<i64> {
    charge(text.len() * 4)?;
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mut mixed = text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Ok(((mixed ^ (mixed >> 31)) >> 1) as i64)
}

fn json(value: Dynamic) -> Fallible<ImmutableString> {
    let text = to_json(&value).map_err(|error| fault_at(error.to_string(), &value))?;
    charge(text.len())?;
    Ok(text.into())
}

fn parse_json(text: &str) -> Fallible<Dynamic> {
    charge(text.len() * 8)?;
    from_json(text.as_bytes()).map_err(|error| fault(error.to_string()))
}

/// Tokens of a text, or of all the text in a value.
fn estimate_tokens(value: Dynamic) -> Fallible<i64> {
    let text = match value.read_lock::<ImmutableString>() {
        Some(text) => text.clone(),
        None => match value.read_lock::<Json>() {
            Some(node) => node.text().into(),
            None => json(value.clone())?,
        },
    };
    charge(text.len())?;
    Ok(estimate_text_tokens(text.as_bytes()) as i64)
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .group("Texts and values", "")
        .function(
            "hash(text: string) -> int",
            "A number from 0 that depends on the text alone and stays the same over restarts and versions: \
             `hash(req.client.name) % 100 < 5` is the same twentieth of clients at all times.",
            hash,
        )
        .function("json(value: any) -> string", "The value as JSON text; members of a map come sorted by name.", json)
        .function("parse_json(text: string) -> any", "The value of a JSON text.", parse_json)
        .function("estimate_tokens(value: any) -> int", "About how many tokens a text has.", estimate_tokens);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_stable_and_spreads() {
        assert_eq!(hash("my-app").unwrap(), 4_681_180_974_337_792_184);
        let mut buckets = [0; 10];
        (0..10_000).for_each(|n| buckets[(hash(&format!("client-{n}")).unwrap() % 10) as usize] += 1);
        assert!(buckets.iter().all(|count| (850..1_150).contains(count)), "{buckets:?}");
    }
}
