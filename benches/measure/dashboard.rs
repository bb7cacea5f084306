//! What the dashboard's pages ask of a log of ten million calls, over HTTP.

use anyhow::Result;
use keywheel::clock::Clock;

use crate::keywheel::{self as server, Setup};
use crate::questions::{self, Question};
use crate::report::Section;
use crate::{Bench, log};

const CALLS: u64 = 10_000_000;
const DAYS: i64 = 30;

/// A page, what is asked there, and the question as the page puts it.
const QUESTIONS: [(&str, &str, &str); 20] = [
    ("Overview", "figures and those of the week before", "stats/totals?range=7d&former=true"),
    ("Overview", "figures and those of the month before", "stats/totals?range=30d&former=true"),
    ("Overview", "the lines beside them", "stats/series?range=30d"),
    ("Overview", "calls by outcome", "stats/series?range=30d&by=outcome&rank=calls&top=8"),
    ("Overview", "cost by model", "stats/series?range=30d&by=model&rank=cost&top=8"),
    ("Overview", "the first models", "stats/totals?range=30d&by=model&rank=calls&limit=6"),
    ("Overview", "the first keys", "stats/totals?range=30d&by=key&rank=calls&limit=6"),
    ("Overview", "the first clients", "stats/totals?range=30d&by=client&rank=cost&limit=6"),
    ("Overview", "hours of the week", "stats/heatmap?range=30d"),
    (
        "Overview",
        "the last faults",
        "calls?range=30d&outcome=no_key&outcome=upstream_error&outcome=interrupted&outcome=internal_error&limit=8",
    ),
    ("Calls", "the newest", "calls?range=30d&limit=100"),
    ("Calls", "of one client", "calls?range=30d&client=7&limit=100"),
    (
        "Calls",
        "of one key and model, slower than a second",
        "calls?range=30d&key=3&model=model-4&min_duration_ms=1000&limit=100",
    ),
    ("Calls", "of a model that nobody asked for", "calls?range=30d&model=nothing&limit=100"),
    ("Calls", "matches by time", "calls/histogram?range=30d"),
    ("Calls", "matches of one key by time", "calls/histogram?range=30d&key=3"),
    ("Keys", "figures of a day", "stats/totals?range=24h&by=key&limit=10000"),
    ("Keys", "a line for each", "stats/series?range=24h&by=key&top=50&step=1h"),
    ("Clients", "figures of a month", "stats/totals?range=30d&by=client&limit=10000"),
    ("Providers", "figures of a day", "stats/totals?range=24h&by=provider"),
];

/// Fills a log and asks.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("The dashboard's questions");
    let folder = bench.folder("dashboard")?;
    let (now, calls) = (Clock::start().now().unix_ms, bench.calls(CALLS));
    log::write(&folder.join("data"), &log::history(now - DAYS * log::DAY_MS, now, calls), now)?;
    let (_process, address) = server::start(&bench.binary, &folder, &Setup::nothing(), &[])?;
    for (page, what, asked) in QUESTIONS {
        let question = Question {
            name: asked,
            what: &format!("{page}, {what}"),
            beside: &format!("`{asked}`, {calls} calls of {DAYS} days"),
            path: &format!("/api/{asked}"),
            least_bytes: 0,
        };
        questions::put(bench, address, &mut section, &question).await?;
    }
    Ok(section)
}
