//! `kv_get`, `kv_set`, `kv_incr`, `kv_remove`: what outlives a call.

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use crate::script::error::{fault, fault_at};
use crate::script::json::{from_json, to_json};
use crate::script::objects::Json;
use crate::script::register::Registrar;
use crate::script::runtime::{KvValue, Run, charge, current};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What one access costs, in bytes of other work.
const ACCESS_WORK: usize = 256;

fn with_store<T>(ask: impl FnOnce(&Run, i64) -> T) -> Fallible<T> {
    charge(ACCESS_WORK)?;
    current(|run| ask(run, run.around.now_ms()))
}

fn get(key: &str) -> Fallible<Dynamic> {
    let value = with_store(|run, now| run.around.kv.get(key, now))?;
    Ok(match value {
        None => Dynamic::UNIT,
        Some(KvValue::Int(number)) => number.into(),
        Some(KvValue::Float(number)) => number.into(),
        Some(KvValue::Bool(flag)) => flag.into(),
        Some(KvValue::Text(text)) => ImmutableString::from(&*text).into(),
        Some(KvValue::Json(text)) => {
            charge(text.len())?;
            from_json(text.as_bytes()).map_err(|error| fault(error.to_string()))?
        }
    })
}

fn get_or(key: &str, default: Dynamic) -> Fallible<Dynamic> {
    get(key).map(|value| if value.is_unit() { default } else { value })
}

fn set(key: &str, value: Dynamic, ttl_s: i64) -> Fallible<()> {
    let kept = if let Ok(number) = value.as_int() {
        KvValue::Int(number)
    } else if let Ok(number) = value.as_float() {
        KvValue::Float(number)
    } else if let Ok(flag) = value.as_bool() {
        KvValue::Bool(flag)
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        KvValue::Text(text.as_str().into())
    } else if value.is::<Array>() || value.is::<Map>() || value.is::<Json>() {
        let text = to_json(&value).map_err(|error| fault_at(error.to_string(), &value))?;
        charge(text.len())?;
        KvValue::Json(text.into())
    } else {
        return Err(fault_at("`kv_set` keeps strings, numbers, booleans, arrays and maps", &value));
    };
    with_store(|run, now| run.around.kv.set(key, kept, ttl_s, now))?.map_err(|error| fault(error.to_string()))
}

fn increment(key: &str, by: i64, ttl_s: i64) -> Fallible<i64> {
    with_store(|run, now| run.around.kv.increment(key, by, ttl_s, now))?.map_err(|error| fault(error.to_string()))
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .group(
            "Shared store",
            "Values that all calls and scripts share, in memory: they outlive a call and a reload, not a restart. The store is \
             bounded: when it is full of values that have not expired, setting fails.",
        )
        .function("kv_get(key: string) -> any", "The value of a key; `()` when there is none or it has expired.", get)
        .function("kv_get(key: string, default: any) -> any", "The same, with `default` in place of `()`.", get_or)
        .function(
            "kv_set(key: string, value: any, ttl_s: int)",
            "Keeps a string, number, boolean, array or map of at most 64 KiB for `ttl_s` seconds (1 to 31 days).",
            set,
        )
        .function(
            "kv_incr(key: string, by: int, ttl_s: int) -> int",
            "Adds to a count and returns the sum. The count begins at 0 and lives `ttl_s` seconds from its first addition.",
            increment,
        )
        .function("kv_incr(key: string, ttl_s: int) -> int", "The same, by 1.", |key: &str, ttl_s: i64| {
            increment(key, 1, ttl_s)
        })
        .function("kv_remove(key: string)", "Forgets a key.", |key: &str| with_store(|run, _| run.around.kv.remove(key)));
}
