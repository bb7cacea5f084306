//! `now_ms`, `local_time`, `rand`: time and chance come from the run, so that a replay decides as the call did.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rhai::{EvalAltResult, Map};

use crate::script::error::fault;
use crate::script::register::Registrar;
use crate::script::runtime::{charge, current};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

fn now_ms() -> Fallible<i64> {
    current(|run| run.around.now_ms())
}

fn local_time(zone: &str) -> Fallible<Map> {
    charge(1024)?;
    let zone = TimeZone::get(zone).map_err(|_| fault(format!("`{zone}` is not a time zone, such as `Europe/Berlin`")))?;
    let now = Timestamp::from_millisecond(now_ms()?).map_err(|error| fault(error.to_string()))?.to_zoned(zone);
    Ok([
        ("year", i64::from(now.year())),
        ("month", i64::from(now.month())),
        ("day", i64::from(now.day())),
        ("hour", i64::from(now.hour())),
        ("minute", i64::from(now.minute())),
        ("weekday", i64::from(now.weekday().to_monday_one_offset())),
    ]
    .map(|(name, number)| (name.into(), number.into()))
    .into())
}

fn rand() -> Fallible<f64> {
    const STEPS: f64 = (1_u64 << 53) as f64;
    current(|run| (run.random.next_u64() >> 11) as f64 / STEPS)
}

fn rand_below(below: i64) -> Fallible<i64> {
    if below < 1 {
        return Err(fault(format!("`rand` needs a number of 1 or more, not {below}")));
    }
    current(|run| ((u128::from(run.random.next_u64()) * below as u128) >> 64) as i64)
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .group("Time and chance", "In a replay both come from the record of the call, so that it decides as it did.")
        .function("now_ms() -> int", "Milliseconds since 1970, UTC.", now_ms)
        .function(
            "local_time(zone: string) -> map",
            "The time now in an IANA zone: `#{year, month, day, hour, minute, weekday}`, weekdays from 1 for Monday.",
            local_time,
        )
        .function("rand() -> float", "A random number from 0 to below 1.", rand)
        .function("rand(below: int) -> int", "A random whole number from 0 to below `below`.", rand_below);
}
