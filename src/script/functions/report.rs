//! `log_debug`, `log_info`, `log_warn`, `print`, and `assert`.

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

use crate::script::error::{FailureKind, Fault, show, throw};
use crate::script::register::Registrar;
use crate::script::runtime::{LogLevel, charge, current};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What a log line costs, in bytes of other work.
const LINE_WORK: usize = 1024;

fn log(level: LogLevel, value: &Dynamic) -> Fallible<()> {
    charge(LINE_WORK)?;
    let text = match value.read_lock::<ImmutableString>() {
        Some(text) => text.to_string(),
        None => show(value),
    };
    current(|run| run.around.log.write(level, &run.script, &text, run.around.now_ms()))
}

fn failed(message: String, value: Option<String>) -> Box<EvalAltResult> {
    throw(Fault { kind: FailureKind::Thrown, message, value, place: None })
}

fn assert(holds: bool) -> Fallible<()> {
    if holds { Ok(()) } else { Err(failed("assertion failed".to_owned(), None)) }
}

fn assert_that(holds: bool, what: Dynamic) -> Fallible<()> {
    if holds { Ok(()) } else { Err(failed(format!("assertion failed: {}", show(&what).trim_matches('"')), None)) }
}

fn assert_eq(one: Dynamic, other: Dynamic) -> Fallible<()> {
    let (one, other) = (show(&one), show(&other));
    if one == other { Ok(()) } else { Err(failed(format!("assertion failed: expected {other}"), Some(one))) }
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .group("Log", "Lines go to Keywheel's log, at most 50 a second; the rest is counted.")
        .function("log_debug(value: any)", "Logs for whoever works on the script.", |value: Dynamic| {
            log(LogLevel::Debug, &value)
        })
        .function("log_info(value: any)", "Logs for the record; `print` does the same.", |value: Dynamic| {
            log(LogLevel::Info, &value)
        })
        .function("log_warn(value: any)", "Logs that something is wrong.", |value: Dynamic| log(LogLevel::Warn, &value))
        .quietly(|engine: &mut Engine| {
            let write = |level, text: &str| _ = log(level, &text.into());
            engine.on_print(move |text| write(LogLevel::Info, text));
            engine.on_debug(move |text, _, _| write(LogLevel::Debug, text));
        });
    registrar
        .group("Assertions", "For `test_*` functions, and for anything that must hold.")
        .function("assert(condition: bool)", "Throws unless the condition holds.", assert)
        .function("assert(condition: bool, message: string)", "Throws this message unless the condition holds.", assert_that)
        .function(
            "assert_eq(value: any, expected: any)",
            "Throws, and shows both, unless the two have the same JSON form.",
            assert_eq,
        );
}
